"""The wiring: the only module that knows every other. Builds an installation from its configuration and runs its loops."""

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Flag

from msgspec import Struct
from msgspec.structs import replace
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from flux import config as settings
from flux import durable, kit, log
from flux.config import Config
from flux.dispatch import Dispatch
from flux.ids import new_id
from flux.intake import Intake
from flux.model import Fault, Plumbing
from flux.owing import who_matches
from flux.policy import Policy
from flux.ports import Ledger
from flux.precheck import precheck
from flux.sandbox.pool import Sandbox
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger
from flux.transports.folder import FolderInbox, FolderOutbox
from flux.worker import Settings, Worker

ONCE_PATIENCE_S = 5.0  # how long ``once`` waits, beyond the rest that is set, for a file that keeps changing
EVENTS = ("created", "moved", "closed")


def utc_now() -> datetime:
    """The clock of the house: aware, UTC."""
    return datetime.now(UTC)


class Pass(Struct, frozen=True):
    """What one pass did: flows brought to a decision and their refusals, and what stands held or undelivered at its end."""

    handled: int
    refused: int
    held: int
    undelivered: int


class Installation:
    """An installation at work, under its lock: folders, ledger, loops."""

    def __init__(self, config: Config, *, warm: bool) -> None:
        make_folders(config)
        self.config = config
        self.ledger = SqlLedger(config.ledger_url)
        self.sandbox = Sandbox(config.children, warm=warm)
        content = FileStore(config.spool)
        outbox = FolderOutbox(config.spool / "staged", lambda target: folder_of(config, target))
        self.inboxes = [
            FolderInbox(p.name, config.inbox_of(p), config.spool / "claim" / p.name, settle_s=config.settle_s) for p in config.partners
        ]
        owner = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}"
        told = Settings(
            owner=owner,
            installation=config.installation,
            policies={p.name: settings.policy(config, p.name) for p in config.partners},
            markets=settings.markets(config),
            attempts=config.attempts,
            retry_s=config.retry_s,
        )
        self.worker = Worker(self.ledger, content, self.sandbox, kit.build(), told, now=utc_now)
        self.dispatch = Dispatch(outbox, content, self.ledger, now=utc_now)
        ids = lambda: new_id(utc_now(), secrets.randbits)  # noqa: E731 - clock and luck, joined where they are known
        self.intake = Intake(self.inboxes, content, self.ledger, now=utc_now, new_id=ids)
        content.clean()
        outbox.clean()
        self.ledger.release_leases(owner)
        self.intake.recover()

    def step(self) -> int:
        """One turn of the loops: how much was done."""
        return self.intake.step() + self.worker.step(self.dispatch.step) + self.dispatch.step()

    def resting(self) -> bool:
        """Whether a file only needs to be left alone a little longer."""
        return any(waits.resting for inbox in self.inboxes for waits in inbox.unsettled())

    def due_in_s(self) -> float | None:
        """Seconds until the next postponed flow is due; None when none waits."""
        due = self.ledger.next_due()
        return None if due is None else max(0.0, (due - utc_now()).total_seconds())

    def close(self) -> None:
        """End the children and let go of the ledger."""
        self.sandbox.close()
        self.ledger.close()


@contextmanager
def opened(config: Config, *, warm: bool = False) -> Iterator[Installation]:
    """The installation, under its lock. Raises Fault when another flux has it."""
    (config.spool).mkdir(parents=True, exist_ok=True)
    fd = durable.lock(config.spool / "lock")
    if fd is None:
        raise Fault(
            f"another flux is at work on {config.root}",
            means="two at once could answer a flow twice, so this one does nothing",
            do="Stop the other one first; ``flux flows`` and ``flux show`` can be used meanwhile",
        )
    try:
        installation = Installation(config, warm=warm)
        try:
            yield installation
        finally:
            installation.close()
    finally:
        os.close(fd)


@contextmanager
def open_reader(config: Config) -> Iterator[Ledger]:
    """The ledger for reading, beside a daemon or without one. Raises Fault when nothing was ever received here."""
    path = config.ledger_file
    if path is not None and not path.exists():
        raise Fault(
            f"there is no ledger at {path}",
            means="this installation has not received anything yet",
            do="Drop a flow into an inbox, then: flux once",
        )
    ledger = SqlLedger(config.ledger_url, read_only=True)
    try:
        yield ledger
    finally:
        ledger.close()


def once(config: Config, progress: Callable[[str, int], None] | None = None) -> Pass:
    """One pass over all that waits, until nothing is left that could move."""
    log.configure(config.log_format, config.log_level)
    started = utc_now()
    with opened(config) as house:
        give_up = time.monotonic() + config.settle_s + ONCE_PATIENCE_S
        while True:
            if done := house.step():
                give_up = time.monotonic() + config.settle_s + ONCE_PATIENCE_S
                if progress:
                    progress("handled", done)
                continue
            due = house.due_in_s()
            if due is not None:
                time.sleep(min(due + 0.01, 1.0))
            elif house.resting() and time.monotonic() < give_up:
                time.sleep(min(config.settle_s, 0.2))
            else:
                return _pass(house.ledger, started)


def _pass(ledger: Ledger, started: datetime) -> Pass:
    decided = ledger.decided_since(started)
    piled = ledger.piled()
    held = sum(piled.by_state.get(state, 0) for state in (Plumbing.HELD, Plumbing.QUARANTINED))
    return Pass(handled=decided.flows, refused=decided.refused, held=held, undelivered=piled.emissions_owed)


def run(config: Config) -> None:
    """The daemon: until SIGTERM or SIGINT; a second one ends it at once, which is safe at any instant."""
    log.configure(config.log_format, config.log_level)
    stop, wake = Flag(), Flag()

    def asked(_signal: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        stop.set()
        wake.set()

    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)
    with opened(config, warm=True) as house:
        house.sandbox.start()
        with _watched(house, wake):
            log.get().info("started", partners=[p.name for p in config.partners], root=str(config.root))
            while not stop.is_set():
                wake.clear()
                if not house.step():
                    wake.wait(_pause_s(house))
            log.get().info("stopped")


def _pause_s(house: Installation) -> float:
    """How long there is nothing to do, unless something is dropped: the scan interval, or less when a file rests or a flow is due."""
    pauses = [house.config.scan_s]
    if house.resting():
        pauses.append(max(0.02, house.config.settle_s / 4))
    if (due := house.due_in_s()) is not None:
        pauses.append(due + 0.01)
    return min(pauses)


class _Doorbell(FileSystemEventHandler):
    """A notice only wakes the loop; what there is to do is what the scan finds. Losing one costs a scan interval, never a flow."""

    def __init__(self, wake: Flag) -> None:
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in EVENTS:
            self._wake.set()


@contextmanager
def _watched(house: Installation, wake: Flag) -> Iterator[None]:
    observer = Observer()
    for partner in house.config.partners:
        observer.schedule(_Doorbell(wake), str(house.config.inbox_of(partner)))
    observer.start()
    try:
        yield
    finally:
        observer.stop()
        observer.join()


def folder_of(config: Config, target: str) -> Path:
    """Where a target lies: a partner's returns, a route of the configuration, or the folder of the one who acts next."""
    kind, _, name = target.partition("/")
    if kind == "returns":
        return config.returns_of(next(p for p in config.partners if p.name == name))
    routed = next((route.folder for route in config.routes if who_matches(name, route.actor)), None)
    return config.root / routed if routed else config.outbox / "pieces" / name


def make_folders(config: Config) -> None:
    """The folders of an installation. Claims, scratch, store and staged files share one file system with the inboxes and the outbox."""
    spool = config.spool
    for own in ("tmp", "claim", "staged", "store"):
        (spool / own).mkdir(parents=True, exist_ok=True)
    for partner in config.partners:
        for folder in (config.inbox_of(partner), config.returns_of(partner), spool / "claim" / partner.name):
            folder.mkdir(parents=True, exist_ok=True)
    (config.outbox / "pieces").mkdir(parents=True, exist_ok=True)
    _same_device(config)


def _same_device(config: Config) -> None:
    home = config.spool.stat().st_dev
    others = [config.outbox, *(folder for p in config.partners for folder in (config.inbox_of(p), config.returns_of(p)))]
    for folder in others:
        if folder.stat().st_dev != home:
            raise Fault(
                f"{folder} is not on the file system of {config.spool}",
                means="claiming and publishing are renames, which do not cross file systems; flux does not start",
                do="Put both on one file system, or set spool to a folder beside it",
            )


def check(files: Sequence[Path], config: Config | None, interface: str, partner: str) -> list[dict[str, object]]:
    """The pre-check of *files*: flow objects of the contract. Without a configuration: free naming and the defaults."""
    if config is None:
        return precheck(files, Policy(naming="free", interface=interface), {}, None, utc_now(), partner or "check")
    if partner and partner not in {p.name for p in config.partners}:
        raise Fault(f"there is no partner {partner} in the configuration", means="his settings are unknown", do="Name one of its partners")
    chosen = settings.policy(config, partner) if partner else Policy(naming="free")
    if interface:
        chosen = replace(chosen, naming="free", interface=interface)
    markets = settings.markets(config)
    if config.ledger_file is not None and not config.ledger_file.exists():
        return precheck(files, chosen, markets, None, utc_now(), partner or "check")
    with open_reader(config) as ledger:
        return precheck(files, chosen, markets, ledger, utc_now(), partner or "check")


def probe(_config: Config | None) -> dict[str, object]:
    """What the doctor cannot see from outside: every part built once, and what the registry found."""
    whole = kit.build()
    return {
        "pack": whole.pack,
        "schemas": whole.schemas.rows(),
        "parsers": sorted(whole.parsers),
        "emitters": [emitter.kind for emitter in whole.emitters],
        "checks": len(whole.checks),
        "codes": len(whole.tables.catalogue),
    }
