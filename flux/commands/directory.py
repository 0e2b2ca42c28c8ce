"""``flux directory``: import, show, status. Reads what was typed, calls ``flux.directory``, shows what came back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flux import directory, screen
from flux.commands.desk import DAY, AsJson, Where, err, find, out, say, unknown, write
from flux.when import day_of
from flux.words import Words

_TELLS = ("active", "engagement", "service", "either", "moa", "moa_only")  # the flags that rules read, in the order in which a person asks

app = typer.Typer(help=say("help.directory"), no_args_is_help=True, rich_markup_mode=None)


@app.command("import", help=say("help.directory_import"))
def take(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=say("help.directory_file"))],
    as_of: Annotated[datetime | None, typer.Option("--as-of", formats=DAY, metavar="DAY", help=say("help.directory_as_of"))] = None,
    where: Where = "",
    *,
    force: Annotated[bool, typer.Option("--force", help=say("help.directory_force"))] = False,
    as_json: AsJson = False,
) -> None:
    """Import an extract, whole or not at all."""
    told = directory.take(find(context, where), file, as_of.date() if as_of else None, datetime.now(UTC), force=force)
    if as_json:
        write(told)
    else:
        _imported(out, told, say)


@app.command(help=say("help.directory_show"))
def show(
    context: typer.Context,
    siret: Annotated[str, typer.Argument(metavar="SIRET", help=say("help.directory_siret"))],
    on: Annotated[datetime | None, typer.Option("--on", formats=DAY, metavar="DAY", help=say("help.directory_on"))] = None,
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """What is known of a structure and its services."""
    told = directory.show(find(context, where), siret, on.date() if on else day_of(datetime.now(UTC)))
    if told is None:
        raise unknown(say("say.no_structure", siret=siret))
    if as_json:
        write(told)
    else:
        _structure(out, told, say)


@app.command(help=say("help.directory_status"))
def status(context: typer.Context, where: Where = "", *, as_json: AsJson = False) -> None:
    """The snapshots, and how old the one in force is."""
    config, today = find(context, where), day_of(datetime.now(UTC))
    told = directory.status(config, today)
    if as_json:
        write(told)
        return
    _status(out, told, say)
    if fault := directory.stale(config, today):
        screen.fault(err, fault, say, "yellow")


def _imported(out: Console, told: dict[str, Any], say: Words) -> None:
    facts = {"kind": say(f"directory.{told['kind']}"), "rows": told["rows"], "as_of": told["as_of"], "structures": told["structures"]}
    sentence = say("say.imported", **facts) if told["imported"] else say("say.imported_before", **facts)
    out.print(escape(sentence), highlight=False, soft_wrap=True)


def _structure(out: Console, told: dict[str, Any], say: Words) -> None:
    """Name and address, then what it wants to be told, then its services."""
    address = " ".join(filter(None, (told[part] for part in ("address", "address_2", "address_3", "postcode", "city", "country"))))
    out.print(f"[bold]{escape(told['id'])}[/] {escape(told['name'])}", highlight=False, soft_wrap=True)
    out.print(f"  {escape(address)}", style="dim", highlight=False, soft_wrap=True)
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    table.add_row(say("directory.as_of"), told["as_of"])
    for name in (*_TELLS, *("edi_sender", "edi_receiver", "payment_status")):
        table.add_row(say(f"directory.{name}"), _yes(say, held=told[name]))
    out.print(table)
    if told["services"] is None:
        out.print(f"  {say('directory.no_services')}", style="dim")
        return
    services = Table(*(say(f"directory.{name}") for name in ("code", "label", "active", "engagement")), box=None, padding=(0, 1, 0, 2))
    for one in told["services"]:
        services.add_row(Text(one["code"], overflow="fold"), Text(one["label"]), _yes(say, held=one["active"]), _yes(say, held=one["engagement"]))
    out.print(f"  {say('directory.services_of', as_of=told['services_as_of'])}")
    out.print(services)


def _status(out: Console, told: dict[str, Any], say: Words) -> None:
    if not told["snapshots"]:
        out.print(say("say.no_directory"))
        return
    table = Table(*(say(f"directory.{name}") for name in ("holds", "kind", "as_of", "age", "count", "structures", "source")), box=None, padding=(0, 1))
    for row in told["snapshots"]:
        kind, age = say(f"directory.{row['kind']}"), say("directory.days", count=row["age_days"])
        table.add_row("✓" if row["in_force"] else "", kind, row["as_of"], age, str(row["count"]), str(row["structures"]), Text(row["source"], overflow="fold"))
    out.print(table)


def _yes(say: Words, *, held: bool) -> str:
    return say("directory.yes") if held else say("directory.no")
