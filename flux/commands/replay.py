"""``flux replay``: what if. Reads what was typed, calls ``flux.whatif``, shows what came back, with a bar while it works."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from flux import whatif
from flux.change import ACTOR, ALSO, NO_LONGER, VERDICT
from flux.commands.desk import DAY, AsJson, Where, err, find, out, say, write
from flux.replay import Progress as Told
from flux.when import day_of

NONE = "—"


def add(main: typer.Typer) -> None:
    """The command, for the command line."""
    main.command(help=say("help.replay"))(replay)


def replay(
    context: typer.Context,
    first: Annotated[datetime, typer.Option("--from", formats=DAY, metavar="DAY", help=say("help.replay_from"))],
    last: Annotated[datetime | None, typer.Option("--to", formats=DAY, metavar="DAY", help=say("help.replay_to"))] = None,
    partner: Annotated[str, typer.Option(metavar="CODE", help=say("help.flows_partner"))] = "",
    pack: Annotated[Path | None, typer.Option("--pack", metavar="FOLDER", help=say("help.replay_pack"))] = None,
    directory: Annotated[str, typer.Option("--directory", metavar="DAY|FILE", help=say("help.replay_directory"))] = "",
    markets: Annotated[Path | None, typer.Option("--markets", metavar="FILE", help=say("help.replay_markets"))] = None,
    severity: Annotated[list[str] | None, typer.Option("--severity", metavar="CODE=SEVERITY", help=say("help.replay_severity"))] = None,
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Judge past flows again and say what would change."""
    config, now = find(context, where), datetime.now(UTC)
    until = last.date() if last else day_of(now)
    asked = whatif.Asked(first.date(), until, partner, pack, directory, markets, whatif.severities(severity or []))
    with _bar() as progress:
        told = whatif.replay(config, asked, now, progress)
    if as_json:
        write(told)
    else:
        _show(told)


@contextmanager
def _bar() -> Iterator[Told]:
    """A bar on the standard error, where a person sees it."""
    columns = (TextColumn(say("say.replaying")), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _show(told: dict[str, Any]) -> None:
    changed = say("say.replayed", flows=told["flows"], pieces=told["pieces"], first=told["from"], last=told["to"], rules=told["rules"])
    out.print(escape(changed), highlight=False, soft_wrap=True)
    out.print(Text(say("say.replay_verdict", count=told[VERDICT]), style="bold"), soft_wrap=True)
    for what in (NO_LONGER, ALSO, ACTOR):
        if told[what]:
            out.print(say(f"replay.count_{what}", count=told[what]), soft_wrap=True)
    if told["by_rule"]:
        _by_rule(told["by_rule"])
        _by_partner(told["by_partner"])
    for one in told["not_evaluated"]:
        line = say("say.replay_not_evaluated", count=one["count"], code=one["code"], text=one["text"][say.language])
        out.print(Text(line, style="magenta"), soft_wrap=True)


def _by_rule(rows: list[dict[str, Any]]) -> None:
    table = Table(*(say(head) for head in ("cause.code", "replay.change", "cause.count", "cause.what", "replay.examples")), box=None, padding=(0, 1))
    for row in rows:
        text = row["text"][say.language] if row["text"] else NONE
        examples = "\n".join(_example(one) for one in row["examples"])
        table.add_row(*(Text(cell, overflow="fold") for cell in (row["code"] or NONE, _change(row), str(row["count"]), text, examples)))
    out.print(table)


def _by_partner(rows: list[dict[str, Any]]) -> None:
    heads = ("cause.partner", "replay.flows", "replay.pieces", *(f"replay.{what}" for what in (VERDICT, NO_LONGER, ALSO, ACTOR)))
    table = Table(*(say(head) for head in heads), box=None, padding=(0, 1))
    for row in rows:
        table.add_row(row["partner"], *(str(row[name]) for name in ("flows", "pieces", VERDICT, NO_LONGER, ALSO, ACTOR)))
    out.print(table)


def _change(row: dict[str, Any]) -> str:
    """From what to what, in words; of a piece refused either way, whether the code goes or comes."""
    if row["change"] in (NO_LONGER, ALSO):
        return say(f"replay.{row['change']}")
    if row["change"] == ACTOR:
        return f"{row['before'] or NONE} → {row['after'] or NONE}"
    return " → ".join(say(f"state.{row[side]}") for side in ("before", "after"))


def _example(one: dict[str, Any]) -> str:
    piece = f"{one['flow']}/{one['ordinal']}" if one["ordinal"] else one["flow"]
    return f"{piece} {one['number'] or ''}".rstrip()
