"""What commands ask of an installation as a whole: open it under its lock, one pass, a deposit, a first configuration, a look at its health."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from flux import config as settings
from flux import deposits, doctor, durable, folders, heap, log, pause, planning, starter
from flux.config import Config
from flux.deposits import Asked, Hands, Receipt
from flux.doctor import Line
from flux.doors import fresh, fresh_id, open_reader, shelves, utc_now
from flux.faults import Fault
from flux.installation import Installation
from flux.model import STUCK, Plumbing
from flux.monitor import Meter
from flux.ports import Unsettled
from flux.transports.folder import FolderInbox

ONCE_PATIENCE_S = 5.0  # how long ``once`` waits, beyond the rest that is set, for a file that keeps changing or a flow that is due again
ONCE_LOOKS_S = 0.02    # between two looks of ``once`` at endpoints that are at work
LOOKED_AT = 1_000      # files of an inbox that the doctor tries to open


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


@contextmanager
def opened(
    config: Config, *, warm: bool = False, whole: bool = False, meter: Meter | None = None, beat: Callable[[], object] = lambda: None, paused_too: bool = False,
) -> Iterator[Installation]:
    """
    The installation, under its lock; *whole*: inboxes that are taken in runs are taken too.

    Raises Fault when another flux has it, or when it is paused, unless *paused_too*: then whoever asks looks for the pause.
    """
    folders.made(config.spool, 0o700)
    if not paused_too:
        pause.proven(config)
    fd = durable.lock(config.spool / "lock")
    if fd is None:
        raise Fault("FLX-I20", root=str(config.root))
    try:
        installation = Installation(config, warm=warm, whole=whole, meter=meter, beat=beat)
        heap.settle(clean=warm)
        try:
            yield installation
        finally:
            installation.close()
    finally:
        os.close(fd)


def handle(config: Config, recorded: Callable[[], object] = lambda: None) -> bool:
    """
    Bring what is due in the ledger to its decision, and deliver it. False: another flux is at work here, or will be once a pause ends, and will.

    *recorded* is called after each group that was decided and delivered.
    """
    def deliver() -> None:
        house.deliver()
        recorded()

    try:
        with opened(config) as house:
            while house.worker.step(deliver, stopped=lambda: house.paused):
                pause.proven(config)
            house.deliver()
    except Fault as trouble:
        if trouble.code not in ("FLX-I20", "FLX-I240"):
            raise
        return False
    return True


def deposit(config: Config, asked: Asked) -> Receipt:
    """A PDF with its data, in the mode service or portail, brought to its decision: the one call behind every way of depositing so."""
    return deposits.deposit(config, asked, Hands(shelves, handle, utc_now, fresh_id))


def once(config: Config) -> Pass:
    """One pass over all that waits, until nothing is left that could move."""
    log.configure(config.log_format, config.log_level)
    started = utc_now()
    with opened(config, whole=True) as house:
        house.fleet.start(lambda: None)
        give_up = time.monotonic() + config.settle_s + ONCE_PATIENCE_S
        while True:
            pause.proven(config)
            if house.step():
                give_up = time.monotonic() + config.settle_s + ONCE_PATIENCE_S
                continue
            due, now = house.due_in_s(), time.monotonic()
            if not house.fleet.quiet:
                time.sleep(ONCE_LOOKS_S)
                continue
            if due is not None and now + due < give_up:
                time.sleep(due + 0.01)
            elif (house.resting() or house.troubled) and now < give_up:
                time.sleep(min(max(config.settle_s, 0.01), 0.2))
            else:
                house.mailer.finish(config.post.timeout_s if config.post else 0.0)
                return _pass(house, started)


def _pass(house: Installation, started: datetime) -> Pass:
    decided, piled = house.ledger.decided_since(started), house.ledger.piled()
    held = sum(piled.by_state.get(state, 0) for state in STUCK)
    due = sum(piled.by_state.get(state, 0) for state in (Plumbing.RECEIVED, Plumbing.PROCESSING))
    return Pass(decided.flows, decided.refused, held, due, piled.emissions_owed, house.troubled or bool(house.fleet.troubled), tuple(house.left()), house.intake.lack)


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
    from flux.transports.sftp import fleet  # late, as below

    return [*doctor.examine(path, open_reader, stuck, fleet.looked), *_scheduled(path)]


def _scheduled(path: Path) -> Iterator[Line]:
    """What the doctor says of schedules; a configuration or a ledger that cannot be read is told by another line."""
    with suppress(Fault):
        config = settings.load(path)
        if fresh(config):
            yield from planning.examined(config, None, utc_now())
        else:
            with open_reader(config) as ledger:
                yield from planning.examined(config, ledger, utc_now())


def stuck(config: Config) -> Iterator[Unsettled]:
    """What waits in the inboxes and will not be taken until a person acts; an inbox that cannot be read is another line's concern."""
    for partner in config.partners:
        inbox = FolderInbox(partner.name, config.inbox_of(partner), folders.claims_of(config, partner.name), settle_s=0.0)
        with suppress(Fault):
            inbox.waiting(LOOKED_AT)
        yield from (one for one in inbox.unsettled() if one.stuck)
