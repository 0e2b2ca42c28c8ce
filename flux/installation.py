"""
The wiring: an installation at work, built from its configuration; the one module, with doors, that knows every other.

It chooses the adapters, hands clock, ids and luck to whoever needs them, and turns the loops.
"""

import os
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING

from flux import config as settings
from flux import directory, folders, kit, log, markets, ops, pause, planning
from flux.config import Config
from flux.dispatch import Dispatch
from flux.doors import fresh_id, proven_ledger, utc_now
from flux.faults import Fault
from flux.intake import Intake
from flux.mailing import Mailer
from flux.monitor import Meter
from flux.night import Night
from flux.ops import Office
from flux.ports import Deliveries, Inbox, Unsettled, Why
from flux.runs.book import nothing
from flux.sandbox.pool import Sandbox
from flux.schedule import Scheduler
from flux.sharing import Share, stalled, stranded
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger
from flux.transports import mail
from flux.transports.folder import FolderInbox, FolderOutbox
from flux.transports.sftp.ashore import Ashore
from flux.when import day_of
from flux.worker import Settings, Worker

if TYPE_CHECKING:
    from flux.transports.sftp.fleet import Fleet

DUE_S = 3_600.0   # between two looks at delays that have passed
MAIL_S = 5.0      # for the mail that is on its way when flux ends
BEAT_S = 1.0      # between two signs of life
RECEIVE_S = 0.05  # between two scans while the worker works
COUNTED = 20      # decisions of before causes were kept that are counted in a turn


class Installation:
    """An installation at work, under its lock: folders, ledger, loops."""

    def __init__(
        self, config: Config, *, warm: bool, whole: bool = False, meter: Meter | None = None, beat: Callable[[], object] = lambda: None,
    ) -> None:
        with ExitStack() as undone:  # what is open already is closed where the rest cannot be made
            self._make(config, undone, warm=warm, whole=whole, meter=meter, beat=beat)
            undone.pop_all()

    def _make(
        self, config: Config, undone: ExitStack, *, warm: bool, whole: bool, meter: Meter | None, beat: Callable[[], object],
    ) -> None:
        folders.make(config)
        proven_ledger(config)
        self.config = config
        self.shaken = False  # the last turn ended in trouble
        self.turn: tuple[datetime, str] | None = None  # since when they do, and in which
        self.beat_at, self._told_at, self._beat = time.monotonic(), 0.0, beat
        self._meter = meter or Meter()
        self._receive_at = 0.0
        self.ledger = SqlLedger(config.ledger_url)
        undone.callback(self.ledger.close)
        policies, strict = settings.policies(config), config.sandbox == "strict"
        most = max((policy.limits.expanded_mb for policy in policies.values()), default=0)
        self.sandbox = Sandbox(config.children, warm=warm, strict=strict, unpack_mb=most, told=log.walls)
        undone.callback(self.sandbox.close)
        content = FileStore(config.spool)
        outbox = FolderOutbox(config.spool / "staged", lambda target: folders.folder_of(config, target))
        owner = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}"
        asked = Settings(
            owner=owner, installation=config.installation, policies=policies, routes=config.routes, markets=markets.living(config),
            attempts=config.attempts, retry_s=config.retry_s,
        )  # fmt: skip
        parts = kit.build()
        self._office = Office(self.ledger, content, parts, policies, config.routes, config.installation, asked.markets, directory.lookup(config))
        self._due_at = 0.0  # by the monotonic clock
        self._uncounted = self.ledger.uncounted()
        self._night = Night(config, self.ledger, content, utc_now())
        self.worker = Worker(self.ledger, content, self.sandbox, parts, asked, now=utc_now, directory=directory.lookup(config), counted=self._meter.attempted)
        mine: Deliveries = Share(self.ledger, config.endpoints, None) if config.endpoints else self.ledger
        self.dispatch = Dispatch(outbox, content, mine, now=utc_now)
        self._open_inboxes(content, whole=whole)
        if strict:
            self.sandbox.start()  # raises Fault before anything is taken
        self._tidy(content, outbox, owner, daemon=warm)

    def _open_inboxes(self, content: FileStore, *, whole: bool) -> None:
        """The folders, the endpoints, and the intake over both."""
        config = self.config
        self.inboxes = [FolderInbox(p.name, config.inbox_of(p), folders.claims_of(config, p.name), settle_s=config.settle_s) for p in config.partners]
        self.fleet = _fleet(config, content)
        left = [FolderInbox(name, claims, claims, settle_s=0.0) for name, claims in folders.departed(config).items()]
        in_runs = frozenset() if whole else planning.in_runs(config)
        boxes: list[Inbox] = [*self.inboxes, *self.fleet.inboxes]
        self.intake = Intake(boxes, content, self.ledger, now=utc_now, new_id=fresh_id, lacking=self._lacking, departed=left, in_runs=in_runs)

    def _tidy(self, content: FileStore, outbox: FolderOutbox, owner: str, *, daemon: bool) -> None:
        """What a crash left, brought to its end or thrown away; what no flux left is told."""
        config = self.config
        content.clean()
        outbox.clean()
        self.ledger.release_leases(owner)
        self.schedule = Scheduler(
            planning.site(config), self.ledger, self.intake, now=utc_now, monotonic=time.monotonic, daemon=daemon,
            stalled=stalled(config.endpoints, lambda: self.fleet.troubled) if config.endpoints else nothing,
        )  # fmt: skip
        self.mailer = Mailer(self.ledger, planning.mailed(config, mail.send), config.retry_s, now=utc_now, monotonic=time.monotonic)
        self.intake.recover()
        self._warn()

    def _warn(self) -> None:
        """What the start found and nothing here can mend."""
        for gone in stranded(self.ledger.staged_at(), self.config.endpoints):
            log.get().error("endpoint", ended="gone", trouble=str(gone))
        for path in folders.strays(self.config):
            log.get().warning("intake", ended="stray", trouble=str(Fault("FLX-I89", path=str(path))))
        if trouble := directory.stale(self.config, day_of(utc_now())):
            log.get().warning("directory", ended="stale", trouble=str(trouble))

    def step(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """
        One turn of the loops: how much was done. Once *stopped*, a turn is over in a tenth of a second; what it had in hand is given back.

        Trouble that no loop could keep to one flow (the ledger cannot be written, a folder is gone) ends the turn: nothing is lost, what was
        leased is due again at the next.
        """
        self.alive()
        try:
            if self.shaken:
                self.ledger.release_leases("")
                self.shaken = False
            done = self._received() + self.worker.step(self.deliver, self._receive, lambda: stopped() or self.paused)
            if self.paused:
                return done
            done += self._fall_due() + self._delivered()
            if done:
                self.fleet.ring()
            done += self.fleet.news() + self.schedule.step(busy=done > 0) + self.mailer.step() + self._count_causes() + self._night.step(utc_now())
            if not done:
                self.ledger.rest()
        except (Fault, OSError) as trouble:
            self._shake(trouble)
            return 0
        if not self.shaken:
            self.turn = None
        return done

    @property
    def paused(self) -> bool:
        """Whether somebody wants it to stand still: asked many times a second while it works, so that a pause waits for no turn to end."""
        return pause.of(self.config) is not None

    def alive(self) -> float:
        """It turns: noted, and told once a second. Gives the hour by the monotonic clock."""
        self.beat_at = now = time.monotonic()
        if now - self._told_at > BEAT_S:
            self._told_at = now
            self._beat()
        return now

    def _received(self) -> int:
        taken = self.intake.step()
        self._meter.turned(taken, 0)
        return taken

    def _delivered(self) -> int:
        delivered = self.dispatch.step()
        self._meter.turned(0, delivered)
        return delivered

    def _fall_due(self) -> int:
        """What the passing of a delay does by itself: delays end with a day, so that an hour is soon enough."""
        if time.monotonic() < self._due_at:
            return 0
        self._due_at = time.monotonic() + DUE_S
        return ops.fall_due(self._office, utc_now())

    def _count_causes(self) -> int:
        """Count the causes of some decisions of an earlier version's ledger; whether there are more."""
        if self._uncounted:
            self._uncounted = self.ledger.count_causes(COUNTED)
        return int(self._uncounted > 0)

    def _lacking(self) -> Fault | None:
        return folders.room(self.config.spool).lacking(self.config)

    def deliver(self) -> None:
        """What is owed goes out while the worker works; trouble there costs no flow in hand an attempt."""
        if self.paused:
            return
        try:
            self._delivered()
            self.fleet.ring()
        except (Fault, OSError) as trouble:
            self._shake(trouble)

    def _receive(self) -> None:
        """Files are taken into custody while the worker works, for a tenth of its time at most."""
        began = self.alive()
        if began < self._receive_at or self.paused:
            return
        try:
            self._received()
            self.schedule.step(busy=True)
        except (Fault, OSError) as trouble:
            self._shake(trouble)
        ended = time.monotonic()
        self._receive_at = ended + max(RECEIVE_S, 9 * (ended - began))

    def _shake(self, trouble: Exception) -> None:
        self.shaken = True
        self.turn = (self.turn[0] if self.turn else utc_now(), str(trouble))
        log.get().error("step", ended="fault", trouble=str(trouble))

    @property
    def troubled(self) -> bool:
        """Whether the last turn met trouble that no flow carries."""
        return self.shaken or self.schedule.troubled or bool(self.intake.troubled)

    def left(self) -> list[Unsettled]:
        """What the last scan saw in the inboxes and did not take."""
        inboxes: list[Inbox] = [*self.inboxes, *self.fleet.inboxes]
        return [waits for inbox in inboxes if not self.intake.shut(inbox.partner) for waits in inbox.unsettled()]

    def resting(self) -> bool:
        """Whether a file only needs to be left alone a little longer."""
        return any(waits.why is Why.RESTING for waits in self.left())

    def due_in_s(self) -> float | None:
        """Seconds until the next postponed flow is due; None when none waits, or when the ledger cannot say."""
        try:
            due = self.ledger.next_due()
        except Fault as trouble:
            self._shake(trouble)
            return None
        return None if due is None else max(0.0, (due - utc_now()).total_seconds())

    def close(self) -> None:
        """End the endpoints' threads, the mail on its way and the children, and let go of the ledger."""
        self.fleet.stop()
        self.mailer.end(MAIL_S)
        self._night.close()
        self.sandbox.close()
        self.ledger.close()


def _fleet(config: Config, content: FileStore) -> "Fleet | Ashore":
    """The endpoints' threads. Late: most installations have none, and what they need to speak costs every command a tenth of a second."""
    if not config.endpoints:
        return Ashore()
    from flux.transports.sftp import fleet

    return fleet.of(config, content, lambda: SqlLedger(config.ledger_url), now=utc_now, new_id=fresh_id)
