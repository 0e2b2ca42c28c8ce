"""
What is wrong with a running flux, told from what it shows: pure. Each alarm is a row of tables/alarms.toml and a fault with its texts.

Whoever watches asks ``flux health``, /health/ready or /metrics: all three say the same, since all three ask here.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from flux.faults import Fault
from flux.model import STUCK, Plumbing, shown
from flux.ports import Unsettled
from flux.rows import Pressure
from flux.tables.alarms import Row
from flux.when import PARIS

NAMED = 3  # of several, those that an alarm names


class Unwell(Struct, frozen=True):
    """An endpoint that is not well: held until a person acts, or in trouble since then. code: of the trouble, "" when it is not known."""

    name: str
    held: bool
    since: datetime | None
    code: str


class Vitals(Struct, frozen=True):
    """
    What a flux shows of itself. beat_s: seconds since its loop last turned, None for whoever asks from outside.

    pressure: None when the ledger does not answer, and then ledger says why. turn: what its turns have ended in, since when. inboxes: partners
    whose folder cannot be read. untaken: files that no scan will take. lack, directory, paused: as the intake, the directory and the pause say it.
    endpoints: those that are held, or in trouble. runs_stuck: the schedules are.
    """

    beat_s: float | None = None
    lack: Fault | None = None
    pressure: Pressure | None = None
    ledger: Fault | None = None
    turn: tuple[datetime, str] | None = None
    inboxes: tuple[str, ...] = ()
    untaken: tuple[Unsettled, ...] = ()
    directory: Fault | None = None
    endpoints: tuple[Unwell, ...] = ()
    runs_stuck: bool = False
    paused: Fault | None = None


class Alarm(Struct, frozen=True):
    """An alarm that is raised. red: flux does not do its work."""

    name: str
    red: bool
    fault: Fault

    def told(self) -> dict[str, object]:
        """As JSON: name, red, code, and what happened, what it means, what to do, in both languages."""
        words = ("what", "means", "do")
        texts = {language: dict(zip(words, self.fault.told(language), strict=True)) for language in ("fr", "en")}
        return {"alarm": self.name, "red": self.red, "code": self.fault.code, **texts}


def raised(vitals: Vitals, now: datetime, stuck_s: float, rows: Mapping[str, Row]) -> tuple[Alarm, ...]:
    """
    Every alarm that these vitals raise, in the order of the table.

    *stuck_s*: for how long a loop may stand still, and a flow that is due may wait for its decision.
    """
    found = dict(_found(vitals, now, stuck_s))
    return tuple(Alarm(name, row.red, found[name]) for name, row in rows.items() if name in found)


def _found(vitals: Vitals, now: datetime, stuck_s: float) -> Iterator[tuple[str, Fault]]:
    if vitals.beat_s is not None and vitals.beat_s > stuck_s:
        yield "stalled", Fault("FLX-I260", age=f"{vitals.beat_s:.0f}", most=f"{stuck_s:.0f}")
    if vitals.turn is not None:
        since, detail = vitals.turn
        yield "turn", Fault("FLX-I261", since=_told(since), detail=detail)
    for name, fault in (("paused", vitals.paused), ("disk_full", vitals.lack), ("ledger", vitals.ledger), ("directory", vitals.directory)):
        if fault is not None:
            yield name, fault
    if vitals.inboxes:
        yield "inbox", Fault("FLX-I263", partners=", ".join(vitals.inboxes))
    stuck = [one for one in vitals.endpoints if one.held or (one.since is not None and now - one.since > timedelta(seconds=stuck_s))]
    if stuck:
        which = "; ".join(f"{one.name} {one.code}".rstrip() for one in stuck[:NAMED])
        yield "endpoint", Fault("FLX-I271", count=str(len(stuck)), which=which)
    if vitals.runs_stuck:
        yield "schedule", Fault("FLX-I272")
    if vitals.untaken:
        which = ", ".join(f"{one.partner}/{shown(one.name)}" for one in vitals.untaken[:NAMED])
        yield "untaken", Fault("FLX-I266", count=str(len(vitals.untaken)), which=which)
    if vitals.pressure is not None:
        yield from _pressed(vitals.pressure, now, stuck_s)


def _pressed(pressure: Pressure, now: datetime, stuck_s: float) -> Iterator[tuple[str, Fault]]:
    """What the ledger shows."""
    waiting = sum(pressure.by_state.get(state, 0) for state in (Plumbing.RECEIVED, Plumbing.PROCESSING))
    if pressure.due_since is not None and now - pressure.due_since > timedelta(seconds=stuck_s):
        yield "lane", Fault("FLX-I262", count=str(waiting), since=_told(pressure.due_since), most=f"{stuck_s:.0f}")
    if held := sum(pressure.by_state.get(state, 0) for state in STUCK):
        yield "held", Fault("FLX-I265", count=str(held))
    if pressure.mails:
        yield "mail", Fault("FLX-I273", count=str(pressure.mails))
    if pressure.undeliverable:
        which = "; ".join(f"{one.flow} {one.problem.partition(' ')[2]}" for one in pressure.some)
        yield "undelivered", Fault("FLX-I264", count=str(pressure.undeliverable), which=which)


def _told(at: datetime) -> str:
    """An instant as people at the desk read it, in Paris."""
    return f"{at.astimezone(PARIS):%Y-%m-%d %H:%M:%S}"
