"""``flux backup``, ``restore``, ``restored``, ``pause``, ``resume``: an installation kept elsewhere, brought back, and brought back to work."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from flux import doors
from flux import pause as pausing
from flux.backup import check, make
from flux.backup import restore as restoring
from flux.commands.desk import AsJson, Exit, Making, Where, find, out, say, unknown, user, write
from flux.config import Config
from flux.faults import Fault
from flux.keeping import Doubt
from flux.model import Event

SHOWN = 50  # doubts on a screen; all of them with --json
sub = typer.Typer(cls=Making, help=say("help.backup"), no_args_is_help=True, rich_markup_mode=None)
By = Annotated[str, typer.Option("--by", metavar="NAME", help=say("help.by"))]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help=say("help.reason"))]
AsLink = Annotated[bool, typer.Option("--link", help=say("help.backup_link"))]


def add(main: typer.Typer) -> None:
    """These commands, beside the others."""
    main.add_typer(sub, name="backup")
    main.command("restore", help=say("help.restore"))(restore)
    main.command("restored", help=say("help.restored"))(restored)
    main.command("pause", help=say("help.pause"))(pause)
    main.command("resume", help=say("help.resume"))(resume)


def who_and_why(by: str, reason: str) -> tuple[str, str]:
    """Both are wanted, and go into the journal as one line each. Raises Fault."""
    known = " ".join(by.split()), " ".join(reason.split())
    if not all(known):
        raise Fault("FLX-I259")
    return known


@sub.command("make", help=say("help.backup_make"))
def make_(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(metavar="DEST", help=say("help.backup_dest"))],
    keep: Annotated[int, typer.Option(min=0, metavar="N", help=say("help.backup_keep"))] = 0,
    where: Where = "",
    *,
    link: AsLink = False,
    as_json: AsJson = False,
) -> None:
    """Back up a living installation."""
    done = make.make(find(context, where), target, datetime.now(UTC), doors.ledger_at, link=link, keep=keep)
    told = make.told(done)
    if as_json:
        write(told)
    else:
        out.print(say("backup.made", **{**told, "head": told["head"] or "—"}), highlight=False, soft_wrap=True, markup=False)
        if done.backup.manifest.masked:
            out.print(say("backup.masked", names=", ".join(done.backup.manifest.masked)), highlight=False, soft_wrap=True, markup=False)


@sub.command("verify", help=say("help.backup_verify"))
def verify(source: Annotated[Path, typer.Argument(metavar="DEST", help=say("help.backup_source"))], *, as_json: AsJson = False) -> None:
    """Whether a backup would give back what was backed up."""
    found = check.check(source, doors.ledger_at)
    if as_json:
        write({"sound": not found.wrong, "backup": str(found.backup.path), "made_at": found.backup.manifest.made_at, "contents": found.contents, "wrong": list(found.wrong)})
    else:
        for what in found.wrong:
            out.print(f"[bold red]✗[/] {say('backup.wrong', what=what)}", highlight=False, soft_wrap=True)
        if not found.wrong:
            m = found.backup.manifest
            said = say("backup.sound", backup=found.backup.path, made_at=m.made_at, contents=found.contents, lines=m.lines, head=m.head or "—")
            out.print(f"[green]✓[/] {said}", highlight=False, soft_wrap=True)
    raise typer.Exit(Exit.REFUSED if found.wrong else Exit.DONE)


def restore(
    source: Annotated[Path, typer.Argument(metavar="SRC", help=say("help.backup_source"))],
    target: Annotated[Path, typer.Argument(metavar="DEST", help=say("help.restore_dest"))],
    instead: Annotated[Path | None, typer.Option("--with", metavar="flux.toml", help=say("help.restore_with"))] = None,
    by: By = "",
    *,
    link: AsLink = False,
    as_json: AsJson = False,
) -> None:
    """A backup as an installation again, paused."""
    done = restoring.restore(source, target, datetime.now(UTC), doors.ledger_of, by or user(), instead=instead, link=link)
    if as_json:
        write(restoring.told(done))
        return
    facts = {"root": done.root, "made_at": done.backup.manifest.made_at, "contents": done.contents, "published": done.published, "count": len(done.doubts)}
    out.print(say("backup.restored", **facts), highlight=False, soft_wrap=True, markup=False)
    out.print(say("backup.next", root=done.root), highlight=False, soft_wrap=True, markup=False)


def restored(
    context: typer.Context,
    items: Annotated[list[str] | None, typer.Argument(metavar="[ITEM…]", help=say("help.restored_items"))] = None,
    by: By = "",
    reason: Why = "",
    where: Where = "",
    *,
    send: Annotated[bool, typer.Option("--send", help=say("help.restored_send"))] = False,
    sent: Annotated[bool, typer.Option("--already-sent", help=say("help.restored_sent"))] = False,
    every: Annotated[bool, typer.Option("--all", help=say("help.restored_all"))] = False,
    as_json: AsJson = False,
) -> None:
    """What a restored installation might do a second time, and what is decided of it."""
    config = find(context, where)
    if send == sent and (send or items or every):
        raise unknown(say("backup.choose"))
    with doors.custody(config) as (ledger, _):
        doubts = ledger.doubts()
        if send or sent:
            who, why = who_and_why(by, reason)
            chosen = [one.item for one in doubts] if every else list(items or ())
            if strange := [item for item in chosen if item not in {one.item for one in doubts}]:
                raise Fault("FLX-I254", item=strange[0])
            restoring.settle(ledger, chosen, datetime.now(UTC), who, why, sent=sent)
            doubts = ledger.doubts()
            if not doubts and (paused := pausing.of(config)) and paused.backup:
                ledger.note([Event("", "resumed", datetime.now(UTC), who, detail=why)])
                pausing.lift(config)
    _doubts(config, doubts, as_json=as_json)


def _doubts(config: Config, doubts: list[Doubt], *, as_json: bool) -> None:
    paused = pausing.of(config)
    if as_json:
        known = {"backup": paused.backup or None, "made_at": paused.made_at or None, "waiting": list(paused.waiting)} if paused else None
        write({"paused": known, "doubts": [restoring.doubt(one) for one in doubts]})
        return
    if paused and paused.backup:
        out.print(say("backup.cut", backup=paused.backup, made_at=paused.made_at), highlight=False, soft_wrap=True, markup=False)
        for name in paused.waiting:
            out.print(say("backup.waiting", file=ascii(name)[1:-1]), highlight=False, soft_wrap=True, markup=False)
    table = Table(box=None, show_header=False, padding=(0, 1))
    for one in doubts[:SHOWN]:
        table.add_row(say(f"backup.{one.kind}"), Text(one.item, overflow="fold"), Text(one.told, overflow="fold"))
    if doubts:
        out.print(table)
        out.print(say("backup.decide", count=len(doubts)), highlight=False, soft_wrap=True, markup=False)
    else:
        out.print(say("backup.paused" if paused else "backup.settled"), highlight=False, soft_wrap=True)


def pause(context: typer.Context, by: By = "", reason: Why = "", where: Where = "") -> None:
    """Let the installation stand still, with or without a daemon at work."""
    config = find(context, where)
    who, why = who_and_why(by, reason)
    if pausing.of(config) is None:
        with doors.custody(config) as (ledger, _):
            ledger.note([Event("", "paused", datetime.now(UTC), who, detail=why)])
        pausing.mark(config.spool, pausing.begun(who, why, datetime.now(UTC)))
    out.print(say("backup.paused"), highlight=False)


def resume(context: typer.Context, by: By = "", reason: Why = "", where: Where = "") -> None:
    """Go on; not while a restored installation waits for decisions."""
    config = find(context, where)
    who, why = who_and_why(by, reason)
    if pausing.of(config) is not None:
        with doors.custody(config) as (ledger, _):
            if doubts := ledger.doubts():
                raise Fault("FLX-I253", count=str(len(doubts)))
            ledger.note([Event("", "resumed", datetime.now(UTC), who, detail=why)])
        pausing.lift(config)
    out.print(say("backup.settled"), highlight=False)
