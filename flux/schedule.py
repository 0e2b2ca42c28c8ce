"""
The schedule loop: instants that passed become rows of the ledger, one run a schedule is under way at a time, and a run ends with its account.

The tick is only a doorbell (docs/decisions/0016): what is owed is what the ledger does not have yet. Every line is repeatable: an instant that has
its row is never planned again, an OWED run that was not started is started, one under way goes on, under whatever process.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from flux.faults import Fault, netted
from flux.log import get
from flux.model import Event
from flux.runs import account as accounts
from flux.runs import plan
from flux.runs.account import Around, Cut, Label, Sender
from flux.runs.book import OPEN, Anchor, Mailing, NewRun, Run, RunBook, RunState, Span, Stalled, nothing
from flux.runs.plan import Freeze, Planned, Schedule
from flux.tables.clocks import Calendar

WHO = "flux"
BATCH = 5_000  # instants that become rows at a look: a clock that jumps by years must not hold everything up
REST_S = 60.0  # without a look after trouble
LOOK_S = 1.0  # between two looks while there is other work
BEAT_S = 60.0  # between two signs of life: see stores/_runs


class Doors(Protocol):
    """The inboxes as a run opens and closes them: implemented by the intake."""

    def open_for(self, partners: AbstractSet[str]) -> None:
        """Of the partners that are taken in runs, only these are taken until further notice."""

    def emptied(self, partners: AbstractSet[str]) -> bool:
        """Whether a scan since their doors opened found nothing more of these partners that could be taken."""

    def troubled_of(self, partners: AbstractSet[str]) -> AbstractSet[str]:
        """Those of them whose inbox the last scan could not read."""


class Site(Struct, frozen=True):
    """What the loop knows of the installation: values, handed in. label: of a code. mail: whether reports are sent by mail."""

    installation: str
    schedules: tuple[Schedule, ...]
    freezes: tuple[Freeze, ...]
    senders: tuple[Sender, ...]
    calendar: Calendar
    label: Label
    mail: bool = False

    def schedule(self, name: str) -> Schedule | None:
        """By its name."""
        return next((one for one in self.schedules if one.name == name), None)

    def sent_by(self, partners: Sequence[str]) -> tuple[Sender, ...]:
        """These partners, or all of them."""
        return tuple(one for one in self.senders if not partners or one.name in partners)


class Scheduler:
    """The runs of an installation. Clocks are handed in: *now* is the house's, *monotonic* counts seconds."""

    def __init__(
        self, site: Site, book: RunBook, doors: Doors, *, now: Callable[[], datetime], monotonic: Callable[[], float], daemon: bool,
        started: datetime | None = None, stalled: Stalled = nothing,
    ) -> None:
        self._stalled = stalled
        self._site, self._book, self._doors, self._now, self._monotonic = site, book, doors, now, monotonic
        self.started = started or now()
        self._watch = book.watch(self.started) if daemon and site.schedules else 0
        self._look_at = self._beat_at = monotonic()
        self._troubled: dict[int, set[str]] = {}  # by run, senders whose inbox could not be read
        self._idle = not site.schedules and not book.unfinished()
        self.troubled = False  # the last look met trouble
        for one in site.schedules:  # before anything is taken, so that a first run tells of what is taken from now on
            if book.anchor(one.name) is None:
                book.plan(Anchor(one.name, one.cron, self.started, book.last_flow(), self.started), (), ())
        self._open_doors(book.unfinished())

    def step(self, *, busy: bool = False) -> int:
        """
        Plan, start, advance. Gives how much was done; while there is other work (*busy*) it looks once a second.

        Trouble here, a bug of ours included, is kept from the flows: it is logged, and there is no look for a minute.
        """
        if self._idle or ((busy or self.troubled) and self._monotonic() < self._look_at):
            return 0
        self._look_at = self._monotonic() + LOOK_S
        try:
            with netted():
                done = self._look()
        except (Fault, OSError) as trouble:
            self.troubled, self._look_at = True, self._monotonic() + REST_S
            told = Fault("FLX-I192", detail=trouble.facts["detail"]) if isinstance(trouble, Fault) and trouble.code == "FLX-I64" else trouble
            get().error("run", ended="fault", trouble=str(told))
            return 0
        self.troubled = False
        return done

    def _look(self) -> int:
        now = self._now()
        if self._watch and self._monotonic() >= self._beat_at:
            self._beat_at = self._monotonic() + BEAT_S
            self._book.still(self._watch, now)
        done = sum(self._plan(schedule, now) for schedule in self._site.schedules)
        unfinished = list(self._book.unfinished())
        done += self._start(unfinished, now)
        done += sum(self._advance(run, now) for run in unfinished if run.state in OPEN)
        if done:
            self._open_doors(self._book.unfinished())
        return done

    # -- instants become rows ---------------------------------------------------------------------------------------------------------

    def _plan(self, schedule: Schedule, now: datetime) -> int:
        """
        Every instant since the schedule was last planned gets its row: owed, or skipped and why.

        Under the expression of that time: when it was changed meanwhile, the new one plans from now on. A clock that went back finds the runs
        that ran where it comes again, and plans none of them twice; what was only skipped, since it seemed to be past, is planned anew.
        """
        anchor = self._book.anchor(schedule.name) or Anchor(schedule.name, schedule.cron, now, self._book.last_flow(), now)
        coming = (plan.kept(schedule, self._site.freezes, self._site.calendar, at) for at in plan.instants(anchor.cron, anchor.until, now))
        passed = list(islice(coming, BATCH))
        if not passed and anchor.cron == schedule.cron and anchor.until <= now:
            return 0
        full = len(passed) == BATCH
        planned = plan.owed(schedule, passed, self.started, last=not (full and any(not one.why for one in coming)))
        rows = [NewRun(schedule.name, one.at, one.how, WHO, RunState.SKIPPED if one.why else RunState.OWED, one.why) for one in planned]
        events = [Event(_flow(schedule.name), "run_skipped" if one.why else "run_owed", now, WHO, detail=_detail(one)) for one in planned]
        upto = replace(anchor, until=passed[-1].at) if full else replace(anchor, cron=schedule.cron, until=now)
        new = self._book.plan(upto, rows, events)
        if new:
            _log(schedule, planned)
        return new

    # -- owed runs start --------------------------------------------------------------------------------------------------------------

    def _start(self, unfinished: list[Run], now: datetime) -> int:
        """Of each schedule that has none under way, the run that is to start; those that it replaces are skipped."""
        done = 0
        for name in dict.fromkeys(run.schedule for run in unfinished):
            mine = [run for run in unfinished if run.schedule == name]
            if any(run.state in OPEN for run in mine):
                continue
            schedule = self._site.schedule(name)
            late = mine if schedule is None else _replaced(schedule, mine)
            done += sum(self._skip(run, "removed" if schedule is None else "replaced", now) for run in late)
            if schedule and (chosen := next((run for run in mine if run not in late), None)):
                begun = self._begin(schedule, chosen, now)
                unfinished[unfinished.index(chosen)] = begun
                done += 1
        return done

    def _skip(self, run: Run, why: str, now: datetime) -> bool:
        detail = f"{run.planned.isoformat()} {why}"
        return self._book.change(replace(run, state=RunState.SKIPPED, why=why), RunState.OWED, Event(_flow(run.schedule), "run_skipped", now, WHO, detail=detail))

    def _begin(self, schedule: Schedule, run: Run, now: datetime) -> Run:
        """Where it begins is where the run before ended; of one by hand, whichever run that was: the nights are compared with nights."""
        before = self._book.before(schedule.name, by_hand=run.how == "hand")
        anchor = self._book.anchor(schedule.name)
        first, since = (before.last, before.taken_at) if before else (anchor.first, anchor.since) if anchor else (0, now)
        begun = replace(
            run, state=RunState.TAKING, started_at=now, deadline=now + timedelta(minutes=schedule.deadline_min), partners=schedule.partners, first=first, since=since,
        )  # fmt: skip
        self._book.change(begun, RunState.OWED, Event(_flow(run.schedule), "run_started", now, run.who, detail=f"{run.planned.isoformat()} n° {run.seq}"))
        get().info("run", schedule=run.schedule, run=run.seq, planned=run.planned.isoformat(), ended="started", how=run.how)
        return begun

    def _open_doors(self, unfinished: Sequence[Run]) -> None:
        taking = [sender.name for run in unfinished if run.state is RunState.TAKING for sender in self._site.sent_by(run.partners) if sender.in_runs]
        self._doors.open_for(frozenset(taking))

    # -- runs under way come to their end ---------------------------------------------------------------------------------------------

    def _advance(self, run: Run, now: datetime) -> int:
        over = run.deadline is not None and now >= run.deadline
        if run.state is RunState.TAKING:
            mine = {sender.name for sender in self._site.sent_by(run.partners) if sender.in_runs}
            self._troubled.setdefault(run.seq, set()).update(self._doors.troubled_of({one.name for one in self._site.sent_by(run.partners)}))
            if not over and not self._doors.emptied(mine):
                return 0
            return self._book.change(replace(run, state=RunState.WORKING, taken_at=now, last=self._book.last_flow()), RunState.TAKING)
        waiting = self._book.waiting(_span(run), self._stalled)
        if waiting and not over:
            return 0
        return self._end(replace(run, state=RunState.DONE, ended_at=now), complete=not waiting)

    def _end(self, run: Run, *, complete: bool) -> bool:
        schedule = self._site.schedule(run.schedule) or Schedule(run.schedule, "", run.partners)
        told = accounts.account(run, self._book.seen(_span(run)), self._around(run, schedule, complete=complete))
        mail = Mailing("owed", due_at=run.ended_at) if self._site.mail and schedule.mail else Mailing()
        totals = told["totals"]
        said = f"n° {run.seq}: {totals['flows']} flows, {totals['pieces']} pieces, {totals['refused']} refused, {totals['held']} held"
        event = Event(_flow(run.schedule), "run_done", run.ended_at or run.planned, WHO, detail=said)
        done = self._book.change(replace(run, told=told, summary=accounts.summary(told), mail=mail), RunState.WORKING, event)
        get().info("run", schedule=run.schedule, run=run.seq, ended="done", complete=complete, alerts=[one["what"] for one in told["alerts"]], **totals)
        self._troubled.pop(run.seq, None)
        return done

    def _around(self, run: Run, schedule: Schedule, *, complete: bool) -> Around:
        senders, since, until = self._site.sent_by(run.partners), run.since or run.planned, run.ended_at or run.planned
        history = [one for one in self._book.done_before(run.schedule, accounts.LOOK + 1) if one.planned < run.planned]
        anchor = self._book.anchor(run.schedule)
        previous = self._previous(run) or (anchor.since if anchor else since)
        outages = tuple(self._book.outages(since, until))
        cuts = {sender.name: cut for sender in senders if sender.cut_off and (cut := self._cut(run, sender, previous))}
        troubled = frozenset(self._troubled.get(run.seq, ()))
        return Around(senders, previous, tuple(history), cuts, outages, troubled, self._site.label, schedule.less_than, self._site.installation, complete)

    def _previous(self, run: Run) -> datetime | None:
        """When the run before it was planned."""
        before = [one.planned for one in self._book.runs(schedule=run.schedule, limit=accounts.LOOK) if one.how != "hand" and one.taken_at and one.planned < run.planned]
        return max(before, default=None)

    def _cut(self, run: Run, sender: Sender, previous: datetime) -> Cut | None:
        """A sender's cut-off, when it lies between the run before and this one."""
        at = accounts.cut_off_of(sender, run.planned)
        if not previous < at or run.how == "hand":
            return None
        flows, pieces = self._book.received_between(sender.name, self._told_until(run, sender), at)
        return Cut(at, flows, pieces, watched=not any(a < at < b for a, b in self._book.outages(at - timedelta(days=1), run.planned)))

    def _told_until(self, run: Run, sender: Sender) -> datetime:
        """Up to when this sender's deposits were told under a cut-off before: the last run in which one of his was due; else since it is planned."""
        for one in self._book.runs(schedule=run.schedule, limit=accounts.LOOK, whole=True):
            rows = one.told["partners"] if one.told and one.planned < run.planned and one.how != "hand" else ()
            if one.taken_at and any(row["partner"] == sender.name and row["cut_off_at"] for row in rows):
                return one.taken_at
        anchor = self._book.anchor(run.schedule)
        return anchor.since if anchor else run.since or run.planned


def _replaced(schedule: Schedule, mine: Sequence[Run]) -> list[Run]:
    """Planned runs that the newest owed one makes needless: all but it, unless the policy wants every one."""
    planned = [run for run in mine if run.how != "hand"]
    return [] if schedule.missed == "all" else planned[:-1]


def _span(run: Run) -> Span:
    return Span(run.first, run.last, run.partners)


def _flow(schedule: str) -> str:
    """Under what the journal keeps what happens to a schedule."""
    return f"schedule/{schedule}"


def _log(schedule: Schedule, planned: Sequence[Planned]) -> None:
    """A line for what is owed, one for all that is skipped for the same reason."""
    for (why, how), some in groupby(planned, key=lambda one: (one.why, one.how)):
        these = list(some)
        line = {"schedule": schedule.name, "planned": these[0].at.isoformat(), "how": how, "count": len(these)}
        get().info("run", **line, ended="skipped" if why else "owed", why=why)


def _detail(one: Planned) -> str:
    return " ".join(filter(None, (one.at.isoformat(), one.why or one.how, one.label)))


def next_of(schedules: Sequence[Schedule], freezes: Sequence[Freeze], calendar: Calendar, now: datetime, most: int) -> Mapping[str, list[Planned]]:
    """By schedule, its next instants, with what the calendar says of each."""
    out: dict[str, list[Planned]] = {}
    for one in schedules:
        at: datetime | None = now
        coming: list[Planned] = out.setdefault(one.name, [])
        while len(coming) < most and at and (at := plan.following(one.cron, at)):
            coming.append(plan.kept(one, freezes, calendar, at))
    return out
