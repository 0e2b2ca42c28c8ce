"""``flux acknowledge`` and ``flux purge``: what was refused is looked at, and what is over is let go."""

from collections import deque
from datetime import UTC, date, datetime
from typing import Annotated

import typer
from msgspec import Struct

from flux import doors, durable, folders, retention, tables
from flux.commands.backup import By, Why, who_and_why
from flux.commands.desk import DAY, AsJson, Where, find, out, say, unknown, user, write
from flux.config import Config
from flux.faults import Fault
from flux.keeping import Keeper
from flux.rows import FlowRow

MOST = 100_000  # flows acknowledged at once


class Chosen(Struct, frozen=True):
    """Which flows are meant: by id, or all that wait, perhaps of a partner or a day of reception."""

    ids: tuple[str, ...]
    partner: str
    on: date | None
    every: bool


def add(main: typer.Typer) -> None:
    """Both commands, beside the others."""
    main.command("acknowledge", help=say("help.acknowledge"))(acknowledge)
    main.command("purge", help=say("help.purge"))(purge)


def acknowledge(
    context: typer.Context,
    flows: Annotated[list[str] | None, typer.Argument(metavar="[FLOW…]", help=say("help.show_flow"))] = None,
    partner: Annotated[str, typer.Option(metavar="CODE", help=say("help.flows_partner"))] = "",
    on: Annotated[datetime | None, typer.Option("--on", formats=DAY, metavar="DAY", help=say("help.flows_on"))] = None,
    by: By = "",
    reason: Why = "",
    where: Where = "",
    *,
    every: Annotated[bool, typer.Option("--all", help=say("help.acknowledge_all"))] = False,
    as_json: AsJson = False,
) -> None:
    """Note that somebody looked at what was refused."""
    who, why = who_and_why(by, reason)
    chosen = Chosen(tuple(flows or ()), partner, on.date() if on else None, every)
    with doors.custody(find(context, where)) as (ledger, _):
        new = retention.acknowledge(ledger, _chosen(ledger, chosen), who, why, datetime.now(UTC))
    if as_json:
        write({"acknowledged": new})
    else:
        out.print(say("retention.acknowledged", count=len(new)))


def _chosen(ledger: Keeper, chosen: Chosen) -> list[FlowRow]:
    if chosen.ids:
        found = [(id_, ledger.flow(id_)) for id_ in chosen.ids]
        if missing := [id_ for id_, row in found if row is None]:
            raise unknown(say("say.no_flow", id=missing[0]))
        return [row for _, row in found if row is not None]
    if not (chosen.partner or chosen.on or chosen.every):
        raise unknown(say("retention.choose"))
    rows = [row for state in retention.REFUSED for row in ledger.flows(partner=chosen.partner, state=state, on=chosen.on, limit=MOST)]
    return [row for row in rows if row.state == "CLOSED"]


def purge(
    context: typer.Context,
    by: By = "",
    where: Where = "",
    *,
    dry: Annotated[bool, typer.Option("--dry-run", help=say("help.purge_dry"))] = False,
    vacuum: Annotated[bool, typer.Option("--vacuum", help=say("help.purge_vacuum"))] = False,
    as_json: AsJson = False,
) -> None:
    """Let go of what is over, as [retention] says."""
    config, now, ledger_bytes = find(context, where), datetime.now(UTC), None
    if config.ledger_file is None:
        raise Fault("FLX-I241")
    with folders.alone(config), doors.custody(config) as (ledger, store):
        if dry:
            gone = retention.foreseen(ledger, store, config.retention, now, tables.load())
        else:
            steps = retention.purging(ledger, store, config.retention, now, tables.load(), by or user())
            (gone,) = deque(steps, maxlen=1)
            ledger_bytes = _vacuumed(config, ledger) if vacuum else ledger.shrink()
    if as_json:
        write({"dry_run": dry, "flows": gone.flows, "contents": gone.contents, "bytes": gone.size, "orphans": gone.orphans, "ledger_bytes": ledger_bytes})
        return
    for what, count in sorted(gone.flows.items()):
        out.print(say(f"retention.{what}", count=count))
    facts = {"contents": gone.contents, "mb": gone.size / (1 << 20), "orphans": gone.orphans}
    out.print(say("retention.would" if dry else "retention.freed", **facts), soft_wrap=True)
    if not dry:
        out.print(say("retention.vacuum") if ledger_bytes is None else say("retention.ledger", mb=ledger_bytes / (1 << 20)), soft_wrap=True)


def _vacuumed(config: Config, ledger: Keeper) -> int:
    """Under the installation's lock: every other transaction would wait for as long as it takes. Raises Fault when another flux is at work."""
    fd = durable.lock(config.spool / "lock")
    if fd is None:
        raise Fault("FLX-I20", root=str(config.root))
    with open(fd, closefd=True):  # noqa: PTH123 - a descriptor
        return ledger.vacuum()
