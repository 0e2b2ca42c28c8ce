"""The daemon: one installation after another, as its configuration is read anew; and what it shows to whoever watches it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from flux import __version__, directory, endpoints, folders, kit, log, monitor, pause, tables
from flux import config as settings
from flux.alarms import Alarm, Unwell, Vitals, raised
from flux.app import opened, stuck
from flux.config import Config
from flux.doors import fresh, open_reader, utc_now
from flux.faults import Fault, fault_of
from flux.installation import Installation
from flux.market import Market
from flux.monitor import Meter
from flux.notices import Bell, watched
from flux.supervisor import Supervisor
from flux.when import day_of


def outside(config: Config) -> Vitals:
    """What anybody sees of an installation, beside a daemon or without one."""
    lack = folders.room(config.spool).lacking(config) if config.spool.is_dir() else None
    known = (endpoints.known(config.spool, end.name) for end in config.endpoints)
    unwell = tuple(Unwell(one.name, one.state == "held", one.since, one.trouble.code if one.trouble else "") for one in known if one.state in ("held", "trouble"))
    paused = pause.fault(mark) if (mark := pause.of(config)) else None
    seen = Vitals(lack=lack, directory=directory.stale(config, day_of(utc_now())), endpoints=unwell, paused=paused)
    if fresh(config):
        return seen
    try:
        with open_reader(config) as ledger:
            return replace(seen, pressure=ledger.pressure())
    except Fault as trouble:
        return replace(seen, ledger=trouble)


def vitals(house: Installation) -> Vitals:
    """What the daemon shows of itself, to another thread as well."""
    untaken = tuple(waits for waits in house.left() if waits.stuck)
    return replace(
        outside(house.config), beat_s=since_beat_s(house), turn=house.turn, inboxes=tuple(sorted(house.intake.troubled)), untaken=untaken,
        runs_stuck=house.schedule.troubled,
    )  # fmt: skip


class Shown:
    """What a monitor is told of the daemon (monitor.Look): by another thread, which takes nothing from the loops."""

    def __init__(self, house: Installation) -> None:
        self._house = house

    def alive(self) -> tuple[Alarm, ...]:
        """Whether it turns."""
        return health(self._house.config, Vitals(beat_s=since_beat_s(self._house)))

    def whole(self) -> tuple[Vitals, tuple[Alarm, ...]]:
        """Everything, and every alarm that stands."""
        shown = vitals(self._house)
        return shown, health(self._house.config, shown)


def since_beat_s(house: Installation) -> float:
    """Seconds since its loop last turned."""
    return time.monotonic() - house.beat_at


def health(config: Config, shown: Vitals | None = None) -> tuple[Alarm, ...]:
    """The alarms that stand, by what the daemon shows of itself, or as seen from outside."""
    if shown is None:
        unread = tuple(p.name for p in config.partners if not os.access(config.inbox_of(p), os.R_OK | os.W_OK | os.X_OK))
        shown = replace(outside(config), inboxes=unread, untaken=tuple(stuck(config)))
    return raised(shown, utc_now(), config.stuck_s, tables.load().alarms)


def run(config: Config, again: Callable[[], Config], supervisor: Supervisor) -> None:
    """
    The daemon: until SIGTERM or SIGINT; a second one ends it at once, which is safe at any instant. SIGHUP: the configuration is read anew.

    *again* reads it; one that cannot be used is told in the log, and the daemon goes on under the one it has.
    """
    bell, meter = Bell(), Meter()

    def asked(_signal: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        bell.stop()

    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)
    signal.signal(signal.SIGHUP, lambda _signal, _frame: bell.turn_over())
    going: Config | None = config
    started = False
    while going is not None:
        log.configure(going.log_format, going.log_level)
        try:
            with _opened(going, bell, meter, supervisor, paused_too=started) as house:
                config, started = going, True
                going = _serve(house, bell, again, supervisor)
        except (Fault, OSError) as trouble:
            if going is config:
                raise fault_of(trouble) from trouble
            _refused(trouble)
            going = config  # which has run, a moment ago


def _reread(config: Config, markets: dict[str, Market], again: Callable[[], Config]) -> Config | None:
    """The configuration anew, where it is another one, or markets.toml is, and may take its place."""
    try:
        found = again()
        _proven_same(found, config)
        same = (found, settings.markets(found)) == (config, markets)
    except (Fault, OSError) as trouble:
        _refused(trouble)
        return None
    log.get().info("reload", ended="same" if same else "begun")
    return None if same else found


def _refused(trouble: Fault | OSError) -> None:
    log.get().error("reload", ended="refused", trouble=str(Fault("FLX-I269", detail=str(fault_of(trouble)))))


def _proven_same(found: Config, config: Config) -> None:
    """Raises Fault where it is another installation."""
    for name in ("spool", "ledger_url", "installation"):
        if getattr(found, name) != getattr(config, name):
            raise Fault("FLX-I270", name=name.removesuffix("_url"))


@contextmanager
def _opened(config: Config, bell: Bell, meter: Meter, supervisor: Supervisor, *, paused_too: bool) -> Iterator[Installation]:
    """The installation at work under one configuration, with all that watches it. A pause keeps a daemon from starting, and none from reading anew."""
    from flux.tick import ticking  # late: it is the daemon's alone

    with opened(config, warm=True, meter=meter, beat=lambda: supervisor.tell("WATCHDOG=1"), paused_too=paused_too) as house:
        house.sandbox.start()
        house.fleet.start(bell.ring)

        about = {"version": __version__, "rules": kit.build().pack}
        inboxes = [config.inbox_of(partner) for partner in config.partners]
        with monitor.watched(config.monitor, meter, Shown(house), tables.load().alarms, about), watched([*inboxes, config.spool], bell, config.scan_s), ticking(config.schedules, bell):
            log.get().info("started", partners=[p.name for p in config.partners], root=str(config.root))
            supervisor.tell("READY=1")
            yield house


def _serve(house: Installation, bell: Bell, again: Callable[[], Config], supervisor: Supervisor) -> Config | None:
    """Turn after turn, until the bell asks for an end, None, or for another configuration: that."""
    config, markets = house.config, settings.markets(house.config)
    while not bell.stopped:
        if bell.reload:
            bell.reload = False  # before it is read: what asks for it meanwhile is asked for again
            if (found := _reread(config, markets, again)) is not None:
                supervisor.tell("RELOADING=1")
                return found
        if house.paused:
            house.alive()
            bell.wait(config.scan_s)
        elif not house.step(lambda: bell.asked):
            bell.wait(_pause_s(house))
    supervisor.tell("STOPPING=1")
    log.get().info("stopped")
    return None


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
