"""``flux reinject``, ``reinjections``, ``abandon``, ``redeliver``, ``export-rejected``: the morning after."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from msgspec import Struct
from msgspec.structs import asdict, replace
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from flux import app, doors, folders, log, redelivery, reinjection, screen
from flux import pause as pausing
from flux.again import Candidate, Reinjection, Results, State, Turn, Wanted
from flux.commands.desk import DAY, AsJson, Exit, Where, err, find, out, say, user, write
from flux.config import Config
from flux.deposits import read_file
from flux.faults import Fault
from flux.giving_up import give_up
from flux.model import EmissionState
from flux.reinjection import Asked, Desk, Preview
from flux.rejects import rejects
from flux.when import in_paris

LOOK_S = 0.2        # between two looks at what another flux decides
PATIENCE_S = 600.0  # for it to go on
SHOWN = 20          # rows of a list
Reason = Annotated[str, typer.Option(metavar="TEXT", help=say("help.reinject_reason"))]
By = Annotated[str, typer.Option(metavar="NAME", help=say("help.reinject_by"))]
Second = Annotated[str, typer.Option(metavar="NAME", help=say("help.reinject_second"))]
Rate = Annotated[int, typer.Option(min=0, metavar="N", help=say("help.reinject_rate"))]
Day = Annotated[datetime | None, typer.Option(formats=DAY, metavar="DAY", help=say("help.reinject_since"))]
Until = Annotated[datetime | None, typer.Option(formats=DAY, metavar="DAY", help=say("help.reinject_until"))]
Kinds = Annotated[list[str] | None, typer.Option("--kind", metavar="KIND", help=say("help.redeliver_kind"))]


class How(Struct, frozen=True):
    """How a person wants it done."""

    by: str
    second: str
    rate: int
    yes: bool
    preview: bool
    wait: bool
    as_json: bool


def add(main: typer.Typer) -> None:
    """These commands, beside the others."""
    main.command("reinject", help=say("help.reinject"))(reinject)
    main.command("reinjections", help=say("help.reinjections"))(reinjections)
    main.command("abandon", help=say("help.abandon"))(abandon)
    main.command("redeliver", help=say("help.redeliver"))(redeliver)
    main.command("export-rejected", help=say("help.export_rejected"))(export_rejected)


def reinject(
    context: typer.Context,
    what: Annotated[list[str] | None, typer.Argument(metavar="[FLOW[/3,5-7]…]", help=say("help.reinject_what"))] = None,
    cause: Annotated[str, typer.Option(metavar="CODE", help=say("help.reinject_cause"))] = "",
    partner: Annotated[str, typer.Option(metavar="CODE", help=say("help.reinject_partner"))] = "",
    number: Annotated[str, typer.Option(metavar="NUMBER", help=say("help.reinject_number"))] = "",
    since: Day = None,
    until: Until = None,
    corrected: Annotated[Path | None, typer.Option(metavar="FILE", help=say("help.reinject_corrected"))] = None,
    reason: Reason = "",
    by: By = "",
    second: Second = "",
    rate: Rate = 0,
    key: Annotated[str, typer.Option(metavar="TEXT", help=say("help.reinject_key"))] = "",
    resume: Annotated[str, typer.Option(metavar="ID", help=say("help.reinject_resume"))] = "",
    pause: Annotated[str, typer.Option(metavar="ID", help=say("help.reinject_pause"))] = "",
    abort: Annotated[str, typer.Option(metavar="ID", help=say("help.reinject_abort"))] = "",
    where: Where = "",
    *,
    alone: Annotated[bool, typer.Option("--alone", help=say("help.reinject_alone"))] = False,
    again: Annotated[bool, typer.Option("--again", help=say("help.reinject_again"))] = False,
    yes: Annotated[bool, typer.Option("--yes", help=say("help.reinject_yes"))] = False,
    preview: Annotated[bool, typer.Option("--preview", help=say("help.reinject_preview"))] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help=say("help.reinject_no_wait"))] = False,
    as_json: AsJson = False,
) -> None:
    """Take up again what was refused or is held; or steer a re-injection that was begun."""
    house, how = find(context, where), How(by or user(), second, rate, yes, preview, not no_wait, as_json)
    log.configure(house.log_format, "warning")
    wanted = Wanted(cause=cause, partner=partner, number=number, since=_day(since), until=_day(until), alone=alone, again=again)
    with doors.open_desk(house, _wait) as desk:
        if pause or abort:
            done = (reinjection.pause if pause else reinjection.abort)(desk, pause or abort, how.by)
            raise typer.Exit(_stands(desk, done.id, as_json=as_json))
        if resume:
            raise typer.Exit(_went(desk, house, reinjection.found(desk, resume), how))
        named = tuple(reinjection.named(desk.ledger, one) for one in what or ())
        raise typer.Exit(_asked(desk, house, Asked(replace(wanted, named=named), how.by, reason, key, _file(corrected)), how))


def reinjections(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="[ID]", help=say("help.reinjections_id"))] = "",
    limit: Annotated[int, typer.Option(min=1, help=say("help.flows_limit"))] = SHOWN,
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """What was taken up again, and what became of it."""
    with doors.open_reader(find(context, where)) as ledger:
        if id_ and ledger.reinjection(id_) is None:
            raise Fault("FLX-I207", id=id_)
        rows = [row for row in ([ledger.reinjection(id_)] if id_ else ledger.reinjections(limit)) if row]
        told = [(row, ledger.results(row.id)) for row in rows]
        refused = ledger.refused(rows[0].id) if id_ else []
    if as_json:
        more = {"refused": [_refused_told(one) for one in refused]} if id_ else {}
        write({"reinjections": [{**reinjection.tell(row, results), **more} for row, results in told]})
        return
    if not told:
        out.print(say("say.nothing"))
    for row, results in told:
        _told(row, results)
    _list(((one.flow, one.ordinal, one.number, say("again.will_same" if one.why else "again.will_refused"), one.codes) for one in refused), len(refused))


def abandon(
    context: typer.Context,
    flow: Annotated[str, typer.Argument(metavar="FLOW", help=say("help.show_flow"))],
    reason: Reason = "",
    by: By = "",
    where: Where = "",
    *,
    untold: Annotated[bool, typer.Option("--untold", help=say("help.abandon_untold"))] = False,
    as_json: AsJson = False,
) -> None:
    """Give up a held flow for good."""
    house = find(context, where)
    log.configure(house.log_format, "warning")
    with doors.open_office(house) as office:
        row = give_up(office, flow, reason, by or user(), doors.utc_now(), untold=untold)
    if not app.handle(house):
        folders.knock(house)
    if as_json:
        write({"abandoned": row.flow.id, "told": not untold})
    else:
        out.print(say("again.abandoned", flow=row.flow.id, told=say("again.untold" if untold else "again.told")), highlight=False, soft_wrap=True)


def redeliver(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="FLOW[/3,5-7]", help=say("help.reinject_what"))],
    kinds: Kinds = None,
    reason: Reason = "",
    by: By = "",
    second: Second = "",
    where: Where = "",
    *,
    sent: Annotated[bool, typer.Option("--sent", help=say("help.redeliver_sent"))] = False,
    as_json: AsJson = False,
) -> None:
    """Only the delivery, again."""
    house = find(context, where)
    log.configure(house.log_format, "warning")
    with doors.open_office(house) as office:
        named = reinjection.named(office.ledger, what)
        done = redelivery.redeliver(office, named, kinds or [], reason, by or user(), doors.utc_now(), sent=sent, second=second)
        if not app.handle(house):
            folders.knock(house)
        keys = {*done.tried, *done.copies}
        open_ = [e for e in office.ledger.emissions(done.flow) if e.name in keys and e.state is not EmissionState.EMITTED]
    if as_json:
        write({**asdict(done), "open": [e.name for e in open_]})
    else:
        for word, names in (("tried", done.tried), ("copy", done.copies), ("waiting", done.waiting)):
            for name in names:
                out.print(say(f"again.{word}", file=name), highlight=False, soft_wrap=True, markup=False)
        for e in open_:
            err.print(f"{e.target}/{e.name}: {e.problem or e.state.value}", highlight=False, soft_wrap=True, markup=False)
    raise typer.Exit(Exit.REFUSED if any(e.problem for e in open_) else Exit.DONE)


def export_rejected(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="FLOW[/3,5-7]", help=say("help.reinject_what"))],
    to: Annotated[Path | None, typer.Option("-o", "--to", metavar="FILE", help=say("help.export_rejected_to"))] = None,
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """A flow of only the rejected pieces."""
    house = find(context, where)
    log.configure(house.log_format, "warning")
    folder = to.parent if to else Path()
    with doors.open_desk(house, _wait) as desk:
        made = rejects(desk.stage, reinjection.named(desk.ledger, what), lambda name: _new(folder / name), to.name if to else "")
    path = folder / made.name
    listed = path.with_name(f"{path.name.removesuffix('.gz').rpartition('.')[0] or path.name}.csv")
    with _new(listed) as file:
        file.write(made.listed(say))
    if as_json:
        write({"file": str(path), "list": str(listed), "documents": made.documents, "pieces": list(made.pieces)})
    else:
        out.print(say("again.exported", pieces=len(made.pieces), path=path, listed=listed), highlight=False, soft_wrap=True, markup=False)


# -- one re-injection ------------------------------------------------------------------------------------------------------------------------


def _asked(desk: Desk, house: Config, asked: Asked, how: How) -> int:
    """Preview, show, and go on as far as is wanted. Gives the exit code."""
    with _bar("rehearsing", quiet=how.as_json) as move:
        foreseen = reinjection.preview(desk, asked, move)
    if how.as_json and (how.preview or not foreseen.id):
        write(_preview_told(foreseen))
    elif not how.as_json:
        _show(foreseen, desk.above)
    if how.preview or not foreseen.id:
        return Exit.DONE if foreseen.id else Exit.REFUSED
    return _went(desk, house, reinjection.found(desk, foreseen.id), how)


def _went(desk: Desk, house: Config, begun: Reinjection, how: How) -> int:
    """Begin it or go on with it, to its end; one that is over tells how it stands. Gives the exit code."""
    if begun.state in (State.PREVIEWED, State.PAUSED, State.RUNNING):
        if lack := folders.room(house.spool).lacking(house):
            raise lack
        if begun.state is State.PREVIEWED and desk.above < begun.count and not how.second:
            raise Fault("FLX-I205", count=str(begun.count), above=str(desk.above))
        count = begun.count if how.yes or begun.state is not State.PREVIEWED else _typed(begun)
        reinjection.begin(desk, begun.id, count, how.by, how.second, how.rate)
        _make(desk, begun, how)
    if how.wait:
        _settle(desk, house, begun, how)
    return _stands(desk, begun.id, as_json=how.as_json)


def _typed(begun: Reinjection) -> int:
    """The count, typed back by a person."""
    if not sys.stdin.isatty():
        err.print(say("again.typed", count=begun.count, id=begun.id), highlight=False, soft_wrap=True, markup=False)
        raise typer.Exit(Exit.UNUSABLE)
    return int(typer.prompt(say("again.count"), type=int, err=True))


def _make(desk: Desk, begun: Reinjection, how: How) -> None:
    """Make what is to be made."""
    with _bar("making", quiet=how.as_json) as move:
        done = 0

        def told(turn: Turn) -> None:
            nonlocal done
            done += turn.done
            move(done, done + turn.left)

        reinjection.run(desk, begun.id, told)


def _settle(desk: Desk, house: Config, begun: Reinjection, how: How) -> None:
    """Until what was made is decided and delivered: by us, or by another flux that has the installation. Also of one whose making is over."""
    with _bar("judging", quiet=how.as_json) as move:

        looked = 0.0

        def look() -> None:
            nonlocal looked
            if time.monotonic() >= looked:  # it reads every piece that was refused: every two seconds is enough for anybody's eyes
                found = desk.ledger.results(begun.id)
                move(found.accepted + found.refused, found.accepted + found.refused + found.open)
                looked = time.monotonic() + 2.0

        look()
        over, before = time.monotonic() + PATIENCE_S, -1
        while not app.handle(house, look):  # another flux has the installation, and may end at any moment
            asked = time.monotonic()
            left = desk.ledger.results(begun.id).open
            look()
            over, before = asked + PATIENCE_S if left != before else over, left
            if (paused := pausing.of(house)) is not None:
                screen.fault(err, pausing.fault(paused), say, "yellow")
            if not left or asked > over or paused is not None:
                return
            time.sleep(max(LOOK_S, 4 * (time.monotonic() - asked)))  # what it costs to look is not taken from who judges


def _stands(desk: Desk, id_: str, *, as_json: bool) -> int:
    """How it stands. Gives the exit code."""
    asked, results = reinjection.found(desk, id_), desk.ledger.results(id_)
    if as_json:
        write(reinjection.tell(asked, results))
    else:
        _told(asked, results)
    return Exit.REFUSED if results.refused or results.held or results.open else Exit.DONE


def _told(asked: Reinjection, results: Results) -> None:
    state = say(f"again.{asked.state.value}")
    line = say("again.stands", id=asked.id, state=state, made=results.made, left=results.left, skipped=results.skipped)
    out.print(line, highlight=False, soft_wrap=True, markup=False)
    became = say("again.became", **{name: getattr(results, name) for name in ("accepted", "refused", "same", "open", "held")})
    out.print(f"  {became}", highlight=False, soft_wrap=True, markup=False)
    who = f"{asked.by} + {asked.second}" if asked.second else asked.by
    out.print(Text(f"  {in_paris(asked.at):%Y-%m-%d %H:%M} · {who} · {asked.reason}", style="dim"), soft_wrap=True)


def _list(rows: Iterable[tuple[str, int, str, str, Sequence[str]]], many: int) -> None:
    """Pieces, a line each, as many as anybody reads."""
    if not many:
        return
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    for flow, ordinal, number, what, codes in islice(rows, SHOWN):
        table.add_row(f"{flow}/{ordinal}" if ordinal else flow, Text(number or "—"), what, " ".join(codes))
    out.print(table)
    if many > SHOWN:
        out.print(say("say.and_more"), style="dim")


def _refused_told(one: Candidate) -> dict[str, Any]:
    return {"flow": one.flow, "ordinal": one.ordinal or None, "number": one.number or None, "codes": list(one.codes), "same": bool(one.why)}


def _preview_told(foreseen: Preview) -> dict[str, Any]:
    skipped = [{"flow": one.flow, "ordinal": one.ordinal or None, "number": one.number or None, "why": one.why} for one in foreseen.skipped]
    return {
        "id": foreseen.id or None, "count": foreseen.count, "flows": foreseen.flows, "second": foreseen.second, "partners": dict(foreseen.partners()),
        "outcomes": dict(foreseen.outcomes()), "causes": dict(foreseen.causes()), "pieces": [asdict(one) for one in foreseen.becomes], "skipped": skipped,
    }  # fmt: skip


def _show(foreseen: Preview, above: int) -> None:
    """How many, whose, what each would become."""
    head = say("again.preview", id=foreseen.id, count=foreseen.count, flows=foreseen.flows) if foreseen.id else say("again.none")
    out.print(head, highlight=False, soft_wrap=True, markup=False)
    whose = ", ".join(f"{name} {count}" for name, count in foreseen.partners().most_common())
    would = ", ".join(say(f"again.becomes_{what}", count=count) for what, count in foreseen.outcomes().most_common())
    causes = ", ".join(f"{code} {count}" for code, count in foreseen.causes().most_common())
    left = ", ".join(f"{say(f'again.{why}')} {count}" for why, count in Counter(one.why for one in foreseen.skipped).most_common())
    for name, line in (("whose", whose), ("would", would), ("causes", causes), ("left_out", left)):
        if line:
            out.print(f"  {say(f'again.{name}')} {line}", highlight=False, soft_wrap=True, markup=False)
    _list(((one.flow, one.ordinal, one.number, say(f"again.will_{one.what}"), one.codes) for one in foreseen.becomes), len(foreseen.becomes))
    if foreseen.second:
        out.print(say("again.second", above=above), style="bold")


@contextmanager
def _new(path: Path) -> Iterator[BinaryIO]:
    """A file that was not there, and is not when something goes wrong. Raises Fault."""
    try:
        file = path.open("xb")
    except FileExistsError as error:
        raise Fault("FLX-I218", path=str(path)) from error
    whole = False
    try:
        with file:
            yield file
        whole = True
    finally:
        if not whole:
            path.unlink(missing_ok=True)


@contextmanager
def _bar(name: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on the standard error, where somebody sees it."""
    if quiet or not err.is_terminal:
        yield lambda _done, _of: None
        return
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=err, transient=True) as progress:
        task = progress.add_task(say(f"again.{name}"), total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)


def _wait(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None


def _file(path: Path | None) -> tuple[str, bytes] | None:
    if path is None:
        return None
    file = read_file(path)
    return file.name, file.content
