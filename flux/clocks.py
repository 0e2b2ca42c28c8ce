"""
The delays of a piece and of its dossier, told from what happened to them: pure, the hour is handed in (domain 5.4).

How days are counted: calendar days of Paris, the day of the event not among them, until midnight of the last day. So no hour is ever added to an
instant, and the nights on which clocks change are days like others. Which delays there are, and what a suspension does to each: clocks.toml.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import reduce

from msgspec import Struct
from msgspec.structs import replace

from flux.days import working
from flux.dossier import Act, Move, Ref, Standing
from flux.lifecycle import SYSTEM, WHO, party_of, routed
from flux.piece import Actor, Piece
from flux.tables import Tables
from flux.tables.clocks import DOSSIER, Delay, Payer
from flux.when import day_of, span_of

RUNNING, SUSPENDED, KEPT, PASSED, STOPPED = "running", "suspended", "kept", "passed", "stopped"
_START, _END, _STOP, _SUSPEND, _RESUME = "start", "end", "stop", "suspend", "resume"


class Clock(Struct, frozen=True):
    """
    A delay that began, as it stands: of several runs the last.

    name: of clocks.toml. due: the last day, in Paris; while suspended, the one before the suspension. ended: what was owed was done, or stopped.
    suspended: spans, the open one without its end. left: days until due, of the suspension or of the end when there is one; below zero: late.
    state: kept and passed say whether the day was met; stopped, that a refusal ended it. Instants are aware and UTC.
    """

    name: str
    binds: Actor
    began: datetime
    due: date
    ended: datetime | None
    suspended: tuple[tuple[datetime, datetime | None], ...]
    state: str
    left: int
    article: str


class _Event(Struct, frozen=True):
    """What happened to a delay. day: the one that is not counted."""

    at: datetime
    what: str
    ref: Ref
    day: date


class _Run(Struct, frozen=True):
    """One time that a delay runs. by: the piece that suspends it; balance: the days it had left then."""

    began: datetime
    due: date
    ended: datetime | None = None
    stopped: bool = False
    spans: tuple[tuple[datetime, datetime | None], ...] = ()
    by: Ref | None = None
    balance: int = 0


def clocks(standing: Standing, dossier: tuple[Standing, ...], payer: str, now: datetime, tables: Tables) -> tuple[Clock, ...]:
    """
    Every delay of this piece and of its dossier that began, in the order of the table, as of *now*: what happened later is not seen.

    dossier: all its pieces, the first among them (KeyError without it). payer: a kind of clocks.toml, "" when it is not known (see Clocks.payer).
    """
    pieces = {one.ref: one for one in (*dossier, standing)}
    told: dict[str, Clock] = {}
    for name, row in tables.clocks.delays.items():
        within = tuple(pieces.values()) if row.of == DOSSIER else (standing,)
        head = pieces[standing.first] if row.of == DOSSIER else standing
        if clock := _clock(name, row, head, within, told.get(row.after), tables.clocks.payer(payer), now, tables):
            told[name] = clock
    return tuple(told.values())


def due_acts(standing: Standing, now: datetime, tables: Tables) -> Act | None:
    """What flux itself must do to this piece because a delay has passed, None when nothing, or when it is done."""
    for name, row in tables.clocks.delays.items():
        if not row.act:
            continue
        clock = _clock(name, row, standing, (standing,), None, tables.clocks.payer(""), now, tables)
        done = clock is not None and any(move.act == row.act and move.at >= clock.began for move in standing.moves)
        if clock and clock.state == PASSED and clock.ended is None and not done:
            return Act(row.act, SYSTEM, WHO, comment=f"{row.label.fr} : {row.days} jours dépassés ({row.article})")
    return None


def _clock(name: str, row: Delay, head: Standing, within: tuple[Standing, ...], before: Clock | None, payer: Payer, now: datetime, tables: Tables) -> Clock | None:
    """The delay of *row*, None when it does not concern *head* or never began. before: the delay whose passing starts it too."""
    if not row.concerns(head.piece.cadre):
        return None
    events = [event for one in within for event in _events(row, one, head, now, tables)]
    if before and before.state == PASSED:
        events.append(_Event(span_of(before.due)[1].astimezone(UTC), _START, head.ref, before.due))
    events.sort(key=lambda event: event.at)
    days = row.days or payer.days
    run: _Run | None = None
    for event in events:
        run = _next(run, event, row, days, tables)
    if run is None:
        return None
    article = row.article if row.days else f"{row.article}, {payer.article}"
    state, left = _state(run, now)
    return Clock(name, _bound(row, head, now), run.began, run.due, run.ended, run.spans, state, left, article)


def _events(row: Delay, one: Standing, head: Standing, now: datetime, tables: Tables) -> Iterator[_Event]:
    """
    What the moves of one piece do to the delay. A status counts when it is entered: an acknowledgement enters none.

    Moves stand in their order: an hour that goes back, since the machine's clock was set, is the one before it.
    """
    own = one.piece.cadre in row.on if row.on else one.ref == head.ref
    status, at = "", datetime.min.replace(tzinfo=UTC)
    for move in _seen(one, now):
        at = max(at, move.at.astimezone(UTC))
        entered, status = move.status if move.status != status else "", move.status
        for what in _meant(row, move.act, entered, own, tables):
            yield _Event(at, what, one.ref, day_of(at))


def _meant(row: Delay, act: str, entered: str, own: bool, tables: Tables) -> Iterator[str]:
    if act in row.acts or entered in row.ends:
        yield _END
    if own and entered in row.stops:
        yield _STOP
    if own and entered in row.starts:
        yield _START
    if row.suspends == DOSSIER or (own and row.suspends):
        if entered == tables.clocks.suspension.begins:
            yield _SUSPEND
        elif entered == tables.clocks.suspension.ends:
            yield _RESUME


def _next(run: _Run | None, event: _Event, row: Delay, days: int, tables: Tables) -> _Run | None:
    """The run after this event."""
    if run is None or run.ended:
        return _Run(event.at, _last(event.day, days, row, tables)) if event.what == _START else run
    if event.what in (_END, _STOP):
        return replace(run, ended=event.at, stopped=event.what == _STOP)
    if event.what == _SUSPEND and not run.spans and event.day <= run.due:
        return replace(run, spans=((event.at, None),), by=event.ref, balance=(run.due - event.day).days)
    if event.what == _RESUME and event.ref == run.by:
        due = _last(event.day, max(row.restart, run.balance), row, tables)  # never before run.due: the balance is the least
        return replace(run, spans=((run.spans[0][0], event.at),), by=None, due=due)
    return run


def _last(day: date, days: int, row: Delay, tables: Tables) -> date:
    last = day + timedelta(days=days)
    return working(last, tables.clocks.calendar) if row.rolls else last


def _state(run: _Run, now: datetime) -> tuple[str, int]:
    """How it stands, and the days that are left of it."""
    if run.by and not run.ended:
        return SUSPENDED, run.balance
    left = (run.due - day_of(run.ended or now)).days
    if run.ended:
        return STOPPED if run.stopped else KEPT if left >= 0 else PASSED, left
    return RUNNING if left >= 0 else PASSED, left


def _bound(row: Delay, head: Standing, now: datetime) -> Actor:
    """Whom it binds, by the routing that is in force."""
    if row.binds == "deposant":
        return head.depositor
    party = party_of(reduce(_rerouted, _seen(head, now), head.piece), row.binds)
    return Actor(row.binds, party.id if party else "")


def _rerouted(piece: Piece, move: Move) -> Piece:
    return routed(piece, move.routing) if move.routing else piece


def _seen(one: Standing, now: datetime) -> Iterable[Move]:
    return (move for move in one.moves if move.at <= now)
