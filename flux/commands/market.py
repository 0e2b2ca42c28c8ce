"""``flux market``: import, check, show and list market files, and write the form to fill. cli hands in its words and its streams."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from msgspec import Struct
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flux import config, markets, tables
from flux.config import Config
from flux.words import Words

REFUSED, UNUSABLE = 1, 2  # as in cli.Exit
NONE = "—"


class Streams(Struct, frozen=True):
    """What cli lends: the words in the reader's language, and the consoles of both streams."""

    say: Words
    out: Console
    err: Console


def commands(say: Words, out: Console, err: Console) -> typer.Typer:
    """The sub-command, for cli to add."""
    lent = Streams(say, out, err)
    sub = typer.Typer(help=say("help.market"), no_args_is_help=True, rich_markup_mode=None)
    sub.command("import", help=say("help.market_import"))(_import(lent))
    sub.command("check", help=say("help.market_check"))(_check(lent))
    sub.command("show", help=say("help.market_show"))(_show(lent))
    sub.command("list", help=say("help.market_list"))(_list(lent))
    sub.command("template", help=say("help.market_template"))(_template(lent))
    return sub


def _import(lent: Streams) -> Callable[..., None]:
    say = lent.say

    def run(
        context: typer.Context,
        file: Annotated[Path, typer.Argument(metavar="FILE", help=say("help.market_file"))],
        who: Annotated[str, typer.Option(metavar="NAME", help=say("help.market_who"))] = "",
        where: Annotated[str, typer.Option("--config", metavar="PATH", help=say("help.config"))] = "",
        *,
        as_json: Annotated[bool, typer.Option("--json", help=say("help.json"))] = False,
    ) -> None:
        _outcome(lent, markets.take(_config(context, where), file, who, datetime.now(UTC)), as_json=as_json)

    return run


def _check(lent: Streams) -> Callable[..., None]:
    say = lent.say

    def run(
        file: Annotated[Path, typer.Argument(metavar="FILE", help=say("help.market_file"))],
        *,
        as_json: Annotated[bool, typer.Option("--json", help=say("help.json"))] = False,
    ) -> None:
        _outcome(lent, markets.check(file), as_json=as_json)

    return run


def _show(lent: Streams) -> Callable[..., None]:
    say = lent.say

    def run(
        context: typer.Context,
        number: Annotated[str, typer.Argument(metavar="NUMBER", help=say("help.market_number"))],
        where: Annotated[str, typer.Option("--config", metavar="PATH", help=say("help.config"))] = "",
        *,
        as_json: Annotated[bool, typer.Option("--json", help=say("help.json"))] = False,
    ) -> None:
        told = markets.show(_config(context, where), number)
        if as_json:
            _write(told)
        else:
            _whole(lent, told)

    return run


def _list(lent: Streams) -> Callable[..., None]:
    say = lent.say

    def run(
        context: typer.Context,
        where: Annotated[str, typer.Option("--config", metavar="PATH", help=say("help.config"))] = "",
        *,
        as_json: Annotated[bool, typer.Option("--json", help=say("help.json"))] = False,
    ) -> None:
        rows = markets.listed(_config(context, where))
        if as_json:
            _write({"markets": rows})
        elif rows:
            table = Table(*(say(f"column.{name}") for name in ("number", "version", "imported", "who", "file", "label")), box=None, padding=(0, 1))
            for row in rows:
                cells = (row["number"], str(row["version"] or NONE), (row["at"] or NONE)[:16].replace("T", " "), row["who"] or NONE, row["source"])
                table.add_row(*(Text(cell) for cell in cells), Text(row["label"] or NONE, overflow="fold"))
            lent.out.print(table)
        else:
            lent.out.print(say("say.nothing"))

    return run


def _template(lent: Streams) -> Callable[..., None]:
    say = lent.say

    def run(
        context: typer.Context,
        file: Annotated[Path, typer.Argument(metavar="FILE.xlsx", help=say("help.market_template_file"))],
        number: Annotated[str, typer.Option("--of", metavar="NUMBER", help=say("help.market_of"))] = "",
        where: Annotated[str, typer.Option("--config", metavar="PATH", help=say("help.config"))] = "",
    ) -> None:
        content = markets.template(_config(context, where) if number else None, number)
        try:
            with file.open("xb") as made:
                made.write(content)
        except FileExistsError as error:
            lent.err.print(escape(say("say.market_exists", path=file)), highlight=False, soft_wrap=True)
            raise typer.Exit(UNUSABLE) from error
        lent.out.print(escape(say("say.market_template", path=file)), highlight=False, soft_wrap=True)

    return run


def _config(context: typer.Context, where: str) -> Config:
    """The configuration as cli finds it: the option here, else the one before the command, else the environment, else this folder."""
    return config.load(config.find(where or context.obj or ""))


def _outcome(lent: Streams, told: dict[str, Any], *, as_json: bool) -> None:
    """What became of a file; 1 when it is refused."""
    say = lent.say
    if as_json:
        _write(told)
    else:
        for row in told["markets"]:
            version = say("say.market_version", version=row["version"]) if "version" in row else ""
            lent.out.print(Text(" ".join(filter(None, (row["number"], say(f"market.{row['state']}"), version)))), soft_wrap=True)
        for fault in told["faults"]:
            lent.out.print(Text(f"{fault['code']} ", style="red").append(fault["what"][say.language], style="default"), soft_wrap=True)
            lent.out.print(Text(f"  → {fault['do'][say.language]}"), soft_wrap=True)
        if told["faults"]:
            lent.err.print(escape(say("say.market_refused", file=told["file"], count=len(told["faults"]))), highlight=False, soft_wrap=True)
    if told["faults"]:
        raise typer.Exit(REFUSED)


def _whole(lent: Streams, told: dict[str, Any]) -> None:
    say, out = lent.say, lent.out
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


def _write(told: Any) -> None:  # noqa: ANN401 - a JSON value
    """A JSON value to the standard output."""
    sys.stdout.buffer.write(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.buffer.flush()
