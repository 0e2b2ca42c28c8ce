"""``flux market``: import, check, show and list market files, and write the form to fill."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flux import markets, tables
from flux.commands.desk import AsJson, Exit, Where, err, find, out, say, unknown, user, write

NONE = "—"

app = typer.Typer(help=say("help.market"), no_args_is_help=True, rich_markup_mode=None)


@app.command("import", help=say("help.market_import"))
def take(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=say("help.market_file"))],
    who: Annotated[str, typer.Option(metavar="NAME", help=say("help.market_who"))] = "",
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Take a file, whole or not at all."""
    _outcome(markets.take(find(context, where), file, who or user(), datetime.now(UTC)), as_json=as_json)


@app.command(help=say("help.market_check"))
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help=say("help.market_file"))], *, as_json: AsJson = False) -> None:
    """Say what is wrong with a file, and take nothing."""
    _outcome(markets.check(file), as_json=as_json)


@app.command(help=say("help.market_show"))
def show(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help=say("help.market_number"))],
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """One market, whole."""
    told = markets.show(find(context, where), number)
    if as_json:
        write(told)
    else:
        _whole(told)


@app.command("list", help=say("help.market_list"))
def list_(context: typer.Context, where: Where = "", *, as_json: AsJson = False) -> None:
    """Every market that is known, and where from."""
    rows = markets.listed(find(context, where))
    if as_json:
        write({"markets": rows})
    elif rows:
        table = Table(*(say(f"column.{name}") for name in ("number", "version", "imported", "who", "file", "label")), box=None, padding=(0, 1))
        for row in rows:
            cells = (row["number"], str(row["version"] or NONE), (row["at"] or NONE)[:16].replace("T", " "), row["who"] or NONE, row["source"])
            table.add_row(*(Text(cell) for cell in cells), Text(row["label"] or NONE, overflow="fold"))
        out.print(table)
    else:
        out.print(say("say.nothing"))


@app.command(help=say("help.market_template"))
def template(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.xlsx", help=say("help.market_template_file"))],
    number: Annotated[str, typer.Option("--of", metavar="NUMBER", help=say("help.market_of"))] = "",
    where: Where = "",
) -> None:
    """Write the form to fill; a file that exists is never touched."""
    content = markets.template(find(context, where) if number else None, number)
    try:
        with file.open("xb") as made:
            made.write(content)
    except FileExistsError as error:
        raise unknown(say("say.market_exists", path=file)) from error
    out.print(escape(say("say.market_template", path=file)), highlight=False, soft_wrap=True)


def _outcome(told: dict[str, Any], *, as_json: bool) -> None:
    """What became of a file; 1 when it is refused."""
    if as_json:
        write(told)
    else:
        for row in told["markets"]:
            version = say("say.market_version", version=row["version"]) if "version" in row else ""
            out.print(Text(" ".join(filter(None, (row["number"], say(f"market.{row['state']}"), version)))), soft_wrap=True)
        for fault in told["faults"]:
            out.print(Text(f"{fault['code']} ", style="red").append(fault["what"][say.language], style="default"), soft_wrap=True)
            out.print(Text(f"  → {fault['do'][say.language]}"), soft_wrap=True)
        if told["faults"]:
            err.print(escape(say("say.market_refused", file=told["file"], count=len(told["faults"]))), highlight=False, soft_wrap=True)
    if told["faults"]:
        raise typer.Exit(Exit.REFUSED)


def _whole(told: dict[str, Any]) -> None:
    out.print(Text(told["number"], style="bold").append(f"  {told['label'] or ''}", style="default"), soft_wrap=True)
    days = [say("say.market_notified", day=told["notified"])] if told["notified"] else []
    days += [say("say.market_received", day=told["received"])] if told["received"] else []
    came = [say("say.market_version", version=told["version"]), told["at"], told["who"]] if told["version"] else []
    roles = tables.load().market.roles
    line = " · ".join(filter(None, (f"CCAG {told['ccag']}" if told["ccag"] else "", *days, *came, told["source"])))
    out.print(Text(f"  {line}", style="dim"), soft_wrap=True)
    if told["engagements"]:
        out.print(Text(f"  {say('say.market_engagements')} {', '.join(told['engagements'])}"), soft_wrap=True)
    table = Table(*(say(f"column.{name}") for name in ("role", "id", "name", "cadres", "services")), box=None, padding=(0, 1, 0, 2))
    for actor in told["actors"]:
        listed = (", ".join(actor["cadres"]) or say("say.market_by_role"), ", ".join(actor["services"]) or NONE)
        cells = (getattr(roles[actor["role"]], say.language), actor["id"], actor["name"] or NONE, *listed)
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    out.print(table)
