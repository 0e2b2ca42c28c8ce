"""``flux causes``: why pieces are refused and flows held. Reads what was typed, calls ``flux.causes``, shows what came back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flux import causes as room
from flux.cause import Sought
from flux.commands.desk import DAY, AsJson, Where, find, out, say, unknown, write
from flux.when import day_of

NONE = "—"
SHOWN = 2  # examples in a list: as many lines as what it says has
BARS = "▁▂▃▄▅▆▇█"


def add(main: typer.Typer) -> None:
    """The command, for the command line."""
    main.command(help=say("help.causes"))(causes)


def causes(
    context: typer.Context,
    code: Annotated[str, typer.Argument(metavar="[CODE]", help=say("help.causes_one"))] = "",
    partner: Annotated[str, typer.Option(metavar="CODE", help=say("help.flows_partner"))] = "",
    since: Annotated[datetime | None, typer.Option(formats=DAY, metavar="DAY", help=say("help.causes_since"))] = None,
    only: Annotated[str, typer.Option("--code", metavar="CODE", help=say("help.causes_code"))] = "",
    side: Annotated[bool | None, typer.Option("--mine/--theirs", help=say("help.causes_side"))] = None,
    limit: Annotated[int, typer.Option(min=1, help=say("help.flows_limit"))] = 50,
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help=say("help.causes_to"))] = None,
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """The list of causes, or one code with the pieces behind it."""
    config, today = find(context, where), day_of(datetime.now(UTC))
    asked = (code or only).upper()
    if asked and not room.known_code(asked):
        raise unknown(say("say.no_code", code=asked))
    sought = Sought(partner, asked, since.date() if since else None, side, limit)
    if to:
        count = room.save(config, sought, today, to, say.language)
        out.print(escape(say("say.causes_saved", count=count, file=to)), highlight=False, soft_wrap=True)
        return
    told = room.one(config, sought, today) if code else room.listed(config, sought, today)
    if as_json:
        write(told)
        return
    if code:
        _about(told)
    _list(told)
    if code and told["pieces"]:
        piece_list(told["pieces"])


def _about(told: dict[str, Any]) -> None:
    source = f" · {told['source']}" if told["source"] else ""
    out.print(Text(told["code"], style="bold").append(source, style="dim"), soft_wrap=True)
    out.print(Text(f"  {told['what'][say.language]}"), soft_wrap=True)
    out.print(Text(f"  → {told['fix'][say.language]}"), soft_wrap=True)


def _list(told: dict[str, Any]) -> None:
    if not told["causes"]:
        out.print(say("say.no_causes"))
    else:
        names = ("code", "what", "place", "partner", "count", "share", "first", "last", "trend", "examples")
        table = Table(*(say(f"cause.{name}") for name in names), box=None, padding=(0, 1))
        for row in told["causes"]:
            what = f"{row['what'][say.language]}{say('cause.is_ours') if row['side'] == 'ours' else ''}"
            texts = (row["code"], what, room.place(row, say.language), row["partner"], str(row["count"]), f"{100 * row['share']:.1f} %")
            examples = "\n".join(room.example(one) for one in row["examples"][:SHOWN])
            table.add_row(*(Text(cell, overflow="fold") for cell in (*texts, row["first"][:10], row["last"][:10], _trend(row["trend"]), examples)))
        out.print(table)
        out.print(say("say.causes_total", total=told["total"]), style="dim")
    if told["more"]:
        out.print(say("say.more", shown=len(told["causes"])), style="dim")
    if told["uncounted"]:
        out.print(say("say.causes_uncounted", count=told["uncounted"]), style="dim")


def piece_list(pieces: list[dict[str, Any]]) -> None:
    """The pieces behind a cause, a line each."""
    table = Table(*(say(f"cause.{name}") for name in ("last", "piece", "number", "partner", "place", "alone")), box=None, padding=(0, 1))
    for row in pieces:
        piece = f"{row['flow']}/{row['ordinal']}" if row["ordinal"] else row["flow"]
        alone = say("cause.yes") if row["alone"] else say("cause.no")
        cells = (row["at"][:19].replace("T", " "), piece, row["number"] or NONE, row["partner"], row["place"] or NONE, alone)
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    out.print(table)


def _trend(trend: dict[str, Any]) -> str:
    """Which way, how many in the last days against those before, and each day as a bar: read without colour."""
    sign = "↗" if trend["last"] > trend["before"] else "↘" if trend["last"] < trend["before"] else "→"
    return f"{sign} {trend['last']}/{trend['before']} {_bars(trend['days'])}"


def _bars(days: list[int]) -> str:
    most = max(days) or 1
    return "".join(BARS[(len(BARS) - 1) * count // most] if count else "·" for count in days)
