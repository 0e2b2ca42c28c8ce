"""The rig of the tests of schedules: a real ledger and a real intake without inboxes, a clock to move, and restarts between any two lines."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace
from sqlalchemy import event as sa_event

from flux import tables
from flux.intake import Intake
from flux.model import Again, Emission, Event, Flow, Plumbing
from flux.runs.account import Sender
from flux.runs.book import RunState, nothing
from flux.runs.plan import Schedule
from flux.schedule import Scheduler, Site
from flux.stores._emissions import owe
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger
from flux.when import PARIS, in_paris

BATIPRO = Sender("batipro")
NIGHT = Schedule("night", "30 2 * * *")


class Killed(BaseException):  # what a kill raises in a test: no net holds it
    """The process is gone."""


def paris(text):
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


def unsynced(ledger):
    """Without waiting for the disk: what is killed here is a process, and weeks of nights are many commits."""
    sa_event.listen(ledger._engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))
    ledger._engine.dispose()


class Dying:
    """A ledger that dies before, or after, its n-th write."""

    WRITES = ("plan", "change", "ask")

    def __init__(self, ledger, before=0, after=0):
        self._ledger, self._before, self._after, self._writes = ledger, before, after, 0

    def __getattr__(self, name):
        there = getattr(self._ledger, name)
        return self._counted(there) if name in self.WRITES else there

    def _counted(self, write):
        def written(*given, **named):
            self._writes += 1
            if self._writes == self._before:
                raise Killed
            done = write(*given, **named)
            if self._writes == self._after:
                raise Killed
            return done

        return written


class Nights:
    """An installation whose flows are only received, held or closed by hand, and whose clock is the test's."""

    def __init__(self, folder, *schedules, now, freezes=(), senders=(BATIPRO,), daemon=True):
        for name in ("tmp", "store"):
            (folder / name).mkdir()
        self.ledger, self.content = SqlLedger(f"sqlite:///{folder / 'ledger.db'}"), FileStore(folder)
        unsynced(self.ledger)
        self.now, self.serial, self.daemon, self.stalled = paris(now), 0, daemon, nothing
        self.site = Site("FLUX01", schedules or (NIGHT,), freezes, senders, tables.load().clocks.calendar, {}.get)
        self.start()

    def start(self, ledger=None):
        """A new process."""
        self.intake = Intake([], self.content, self.ledger, now=lambda: self.now, new_id=str)
        clocks = {"now": lambda: self.now, "monotonic": self._seconds}
        self.loop = Scheduler(self.site, ledger or self.ledger, self.intake, **clocks, daemon=self.daemon, stalled=self.stalled)

    def _seconds(self):
        return self.now.timestamp()

    def change(self, **settings):
        """Another flux.toml, read at the next start."""
        self.site = replace(self.site, schedules=tuple(replace(one, **settings) for one in self.site.schedules))

    def at(self, text):
        self.now = paris(text)
        return self

    def turn(self):
        """Turns of the loop until there is nothing more to do now."""
        while self.loop.step():
            pass
        return self

    def until(self, text, minutes=10):
        """The daemon lives through the time until then, with a look every few minutes: no outage."""
        end = paris(text)
        while self.now < end:
            self.now = min(end, self.now + timedelta(minutes=minutes))
            self.turn()
        return self

    def receive(self, partner="batipro", pieces=0, state=Plumbing.CLOSED, *, again=False):
        """A flow that was received now, and what became of it at once."""
        self.serial += 1
        flow = Flow(f"f{self.serial}", partner, b"a.xml", f"sha{self.serial}", 10, self.now, again=Again("f1", "f1", "R-1") if again else None)
        self.ledger.receive([flow], [Event(flow.id, "received", self.now, partner)])
        self.put(flow.id, state, pieces)
        return flow.id

    def owe(self, flow, target):
        """Something of this flow is to be delivered there."""
        with self.ledger._write() as connection:
            owe(connection, [Emission(f"{flow}-{target}", flow, 0, "integration", target, "x.xml", "", "", 0, 0)])

    def put(self, flow, state, pieces=0):
        with self.ledger._write() as connection:
            connection.exec_driver_sql("UPDATE flow SET state=?, pieces=?, accepted=? WHERE id=?", (state.value, pieces, pieces, flow))

    def told(self, schedule="night"):
        """Every row of a schedule: planned (Paris), how, state and why."""
        rows = sorted(self.ledger.runs(schedule=schedule, limit=10_000), key=lambda run: (run.planned, run.seq))
        return [(f"{in_paris(run.planned):%d %H:%M}", run.how, f"{run.state}{' ' + run.why if run.why else ''}") for run in rows]

    def done(self, schedule="night"):
        """The planned instants that ran, in the order in which they began."""
        rows = [run for run in self.ledger.runs(schedule=schedule, limit=10_000) if run.state is RunState.DONE]
        return [run.planned for run in sorted(rows, key=lambda run: (run.started_at, run.seq))]

    def last(self, schedule="night"):
        return next(run for run in self.ledger.runs(schedule=schedule, whole=True) if run.state is RunState.DONE)

    def close(self):
        self.ledger.close()
