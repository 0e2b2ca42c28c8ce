"""The wiring: the only module that knows every other. Builds an installation from its configuration and runs its loops."""

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from flux import config as settings
from flux import deposits, directory, doctor, durable, folders, kit, log, markets, ops, planning, starter
from flux.config import Config
from flux.deposits import Asked, Hands, Receipt
from flux.dispatch import Dispatch
from flux.doctor import Line
from flux.faults import Fault
from flux.ids import new_id
from flux.intake import Intake
from flux.mailing import Mailer
from flux.model import Plumbing
from flux.notices import Bell, watched
from flux.ops import Office
from flux.ports import ContentStore, Unsettled, Why
from flux.sandbox.pool import Sandbox
from flux.schedule import Scheduler
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger, unborn
from flux.tick import ticking
from flux.transports import mail
from flux.transports.folder import FolderInbox, FolderOutbox
from flux.when import day_of
from flux.worker import Settings, Worker

ONCE_PATIENCE_S = 5.0  # how long ``once`` waits, beyond the rest that is set, for a file that keeps changing or a flow that is due again
DUE_S = 3_600.0      # between two looks at delays that have passed
RECEIVE_S = 0.05       # between two scans while the worker works
LOOKED_AT = 1_000      # files of an inbox that the doctor tries to open


def utc_now() -> datetime:
    """The clock of the house: aware, UTC."""
    return datetime.now(UTC)


class Pass(Struct, frozen=True):
    """
    What one pass did: flows brought to a decision and their refusals; what stands held, due again, undelivered or untaken at its end.

    troubled: the last turn met trouble of ours, which is in the log. left: files that stand in an inbox. lack: why nothing new was taken.
    """

    handled: int
    refused: int
    held: int
    due: int
    undelivered: int
    troubled: bool
    left: tuple[Unsettled, ...]
    lack: Fault | None = None

    @property
    def clean(self) -> bool:
        """Whether everything that could be handled was; a file that is still being sent is nobody's fault."""
        return not (self.held or self.due or self.undelivered or self.troubled or self.lack or any(one.stuck for one in self.left))


class Installation:
    """An installation at work, under its lock: folders, ledger, loops."""

    def __init__(self, config: Config, *, warm: bool, whole: bool = False) -> None:
        folders.make(config)
        _proven_ledger(config)
        self.config = config
        self.shaken = False  # the last turn ended in trouble
        self._receive_at = 0.0
        self.ledger = SqlLedger(config.ledger_url)
        policies, strict = settings.policies(config), config.sandbox == "strict"
        most = max((policy.limits.expanded_mb for policy in policies.values()), default=0)
        self.sandbox = Sandbox(config.children, warm=warm, strict=strict, unpack_mb=most, told=log.walls)
        content = FileStore(config.spool)
        outbox = FolderOutbox(config.spool / "staged", lambda target: folders.folder_of(config, target))
        self.inboxes = [
            FolderInbox(p.name, config.inbox_of(p), folders.claims_of(config, p.name), settle_s=config.settle_s) for p in config.partners
        ]
        owner = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}"
        asked = Settings(
            owner=owner, installation=config.installation, policies=policies, routes=config.routes, markets=markets.living(config),
            attempts=config.attempts, retry_s=config.retry_s,
        )  # fmt: skip
        parts = kit.build()
        self._office = Office(self.ledger, content, parts, policies, config.routes, config.installation)
        self._due_at = 0.0  # by the monotonic clock
        self.worker = Worker(self.ledger, content, self.sandbox, parts, asked, now=utc_now, directory=directory.lookup(config))
        self.dispatch = Dispatch(outbox, content, self.ledger, now=utc_now)
        ids = lambda: new_id(utc_now(), secrets.randbits)  # noqa: E731 - clock and luck, joined where they are known
        left = [FolderInbox(name, claims, claims, settle_s=0.0) for name, claims in folders.departed(config).items()]
        self.intake = Intake(self.inboxes, content, self.ledger, now=utc_now, new_id=ids, lacking=self._lacking, departed=left, in_runs=frozenset() if whole else planning.in_runs(config))
        if strict:
            self.sandbox.start()  # raises Fault before anything is taken
        content.clean()
        outbox.clean()
        self.ledger.release_leases(owner)
        self.schedule = Scheduler(planning.site(config), self.ledger, self.intake, now=utc_now, monotonic=time.monotonic, daemon=warm)
        self.mailer = Mailer(self.ledger, planning.mailed(config, mail.send), config.retry_s, now=utc_now, monotonic=time.monotonic)
        self.intake.recover()
        self._warn()

    def _warn(self) -> None:
        """What an operator should know at the start."""
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
        try:
            if self.shaken:
                self.ledger.release_leases("")
                self.shaken = False
            done = self.intake.step() + self.worker.step(self.deliver, self._receive, stopped) + self._fall_due() + self.dispatch.step()
            return done + self.schedule.step(busy=done > 0) + self.mailer.step()
        except (Fault, OSError) as trouble:
            self._shake(trouble)
            return 0

    def _fall_due(self) -> int:
        """What the passing of a delay does by itself: delays end with a day, so that an hour is soon enough."""
        if time.monotonic() < self._due_at:
            return 0
        self._due_at = time.monotonic() + DUE_S
        return ops.fall_due(self._office, utc_now())

    def _lacking(self) -> Fault | None:
        return folders.room(self.config.spool).lacking(self.config)

    def deliver(self) -> None:
        """What is owed goes out while the worker works; trouble there costs no flow in hand an attempt."""
        try:
            self.dispatch.step()
        except (Fault, OSError) as trouble:
            self._shake(trouble)

    def _receive(self) -> None:
        """Files are taken into custody while the worker works, for a tenth of its time at most."""
        began = time.monotonic()
        if began < self._receive_at:
            return
        try:
            self.intake.step()
            self.schedule.step(busy=True)
        except (Fault, OSError) as trouble:
            self._shake(trouble)
        ended = time.monotonic()
        self._receive_at = ended + max(RECEIVE_S, 9 * (ended - began))

    def _shake(self, trouble: Exception) -> None:
        self.shaken = True
        log.get().error("step", ended="fault", trouble=str(trouble))

    @property
    def troubled(self) -> bool:
        """Whether the last turn met trouble that no flow carries."""
        return self.shaken or self.schedule.troubled or bool(self.intake.troubled)

    def left(self) -> list[Unsettled]:
        """What the last scan saw in the inboxes and did not take."""
        return [waits for inbox in self.inboxes if not self.intake.shut(inbox.partner) for waits in inbox.unsettled()]

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
        """End the children and let go of the ledger."""
        self.sandbox.close()
        self.ledger.close()


def _proven_ledger(config: Config) -> None:
    """Raises Fault when the ledger is gone: a new one beside a store that is not empty knows no duplicate, and owes nobody anything."""
    file, store = config.ledger_file, config.spool / "store"
    if file is not None and not (file.exists() and file.stat().st_size) and any(store.iterdir()):
        raise Fault("FLX-I90", path=str(file), store=str(store))


@contextmanager
def opened(config: Config, *, warm: bool = False, whole: bool = False) -> Iterator[Installation]:
    """The installation, under its lock; *whole*: inboxes that are taken in runs are taken too. Raises Fault when another flux has it."""
    folders.made(config.spool, 0o700)
    fd = durable.lock(config.spool / "lock")
    if fd is None:
        raise Fault("FLX-I20", root=str(config.root))
    try:
        installation = Installation(config, warm=warm, whole=whole)
        try:
            yield installation
        finally:
            installation.close()
    finally:
        os.close(fd)


def fresh(config: Config) -> bool:
    """Whether nothing was ever received here: there is no ledger yet."""
    return config.ledger_file is not None and unborn(config.ledger_file)


@contextmanager
def open_reader(config: Config) -> Iterator[SqlLedger]:
    """The ledger for reading, beside a daemon or without one. Raises Fault when nothing was ever received here."""
    if fresh(config):
        raise Fault("FLX-I21", path=str(config.ledger_file))
    with closing(SqlLedger(config.ledger_url, read_only=True)) as ledger:
        yield ledger


@contextmanager
def open_office(config: Config) -> Iterator[Office]:
    """What a person's acts need, beside a daemon or without one: each is one transaction. Raises Fault when nothing was ever received here."""
    if fresh(config):
        raise Fault("FLX-I21", path=str(config.ledger_file))
    with closing(SqlLedger(config.ledger_url)) as ledger:
        yield Office(ledger, FileStore(config.spool), kit.build(), settings.policies(config), config.routes, config.installation)


@contextmanager
def shelves(config: Config, *, read_only: bool = False) -> Iterator[tuple[SqlLedger, ContentStore]]:
    """Ledger and content store, beside a daemon or without one: to take something in, or for reading."""
    if not read_only:
        folders.make(config)
        _proven_ledger(config)
    with open_reader(config) if read_only else closing(SqlLedger(config.ledger_url)) as ledger:
        yield ledger, FileStore(config.spool)


def handle(config: Config) -> bool:
    """Bring what is due in the ledger to its decision, and deliver it. False: another flux is at work here, and will."""
    try:
        with opened(config) as house:
            while house.worker.step(house.deliver):
                pass
            house.deliver()
    except Fault as trouble:
        if trouble.code != "FLX-I20":
            raise
        return False
    return True


def deposit(config: Config, asked: Asked) -> Receipt:
    """A PDF with its data, in the mode service or portail, brought to its decision: the one call behind every way of depositing so."""
    return deposits.deposit(config, asked, Hands(shelves, handle, utc_now, lambda: new_id(utc_now(), secrets.randbits)))


def once(config: Config) -> Pass:
    """One pass over all that waits, until nothing is left that could move."""
    log.configure(config.log_format, config.log_level)
    started = utc_now()
    with opened(config, whole=True) as house:
        give_up = time.monotonic() + config.settle_s + ONCE_PATIENCE_S
        while True:
            if house.step():
                give_up = time.monotonic() + config.settle_s + ONCE_PATIENCE_S
                continue
            due, now = house.due_in_s(), time.monotonic()
            if due is not None and now + due < give_up:
                time.sleep(due + 0.01)
            elif (house.resting() or house.troubled) and now < give_up:
                time.sleep(min(max(config.settle_s, 0.01), 0.2))
            else:
                house.mailer.finish(config.post.timeout_s if config.post else 0.0)
                return _pass(house, started)


def _pass(house: Installation, started: datetime) -> Pass:
    decided, piled = house.ledger.decided_since(started), house.ledger.piled()
    held = sum(piled.by_state.get(state, 0) for state in (Plumbing.HELD, Plumbing.QUARANTINED))
    due = sum(piled.by_state.get(state, 0) for state in (Plumbing.RECEIVED, Plumbing.PROCESSING))
    return Pass(decided.flows, decided.refused, held, due, piled.emissions_owed, house.troubled, tuple(house.left()), house.intake.lack)


def run(config: Config) -> None:
    """The daemon: until SIGTERM or SIGINT; a second one ends it at once, which is safe at any instant."""
    log.configure(config.log_format, config.log_level)
    bell = Bell()

    def asked(_signal: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        bell.stop()

    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)
    with opened(config, warm=True) as house:
        house.sandbox.start()
        with watched([*(config.inbox_of(p) for p in config.partners), config.spool], bell, config.scan_s), ticking(config.schedules, bell):
            log.get().info("started", partners=[p.name for p in config.partners], root=str(config.root))
            while not bell.stopped:
                if not house.step(lambda: bell.stopped):
                    bell.wait(_pause_s(house))
            log.get().info("stopped")


def _pause_s(house: Installation) -> float:
    """How long there is nothing to do, unless something is dropped: the scan interval, or less when a file rests or a flow is due."""
    if house.shaken:
        return house.config.scan_s  # whatever it is, it is not mended in ten milliseconds
    pauses = [house.config.scan_s]
    if house.resting():
        pauses.append(max(0.02, house.config.settle_s / 4))
    if (due := house.due_in_s()) is not None:
        pauses.append(due + 0.01)
    return min(pauses)


def init(folder: Path) -> Config:
    """A first installation in *folder*: flux.toml, markets.toml and the folders. Raises Fault rather than touch a file that exists."""
    path = folder / settings.FILE
    if path.exists():
        raise Fault("FLX-I01", path=str(path))
    folders.made(folder)
    for name, text in ((settings.FILE, starter.text()), (settings.MARKETS, starter.markets())):
        if not (folder / name).exists():
            (folder / name).write_text(text, "utf-8")
    config = settings.load(path)
    folders.make(config)
    return config


def examine(path: Path) -> list[Line]:
    """The doctor's lines for the configuration at *path*."""
    return [*doctor.examine(path, open_reader, _stuck), *_scheduled(path)]


def _scheduled(path: Path) -> Iterator[Line]:
    """What the doctor says of schedules; a configuration or a ledger that cannot be read is told by another line."""
    with suppress(Fault):
        config = settings.load(path)
        if fresh(config):
            yield from planning.examined(config, None, utc_now())
        else:
            with open_reader(config) as ledger:
                yield from planning.examined(config, ledger, utc_now())


def _stuck(config: Config) -> Iterator[Unsettled]:
    """What waits in the inboxes and will not be taken until a person acts; an inbox that cannot be read is another line's concern."""
    for partner in config.partners:
        inbox = FolderInbox(partner.name, config.inbox_of(partner), folders.claims_of(config, partner.name), settle_s=0.0)
        with suppress(Fault):
            inbox.waiting(LOOKED_AT)
        yield from (one for one in inbox.unsettled() if one.stuck)
