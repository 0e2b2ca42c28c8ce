"""What a person asks of the schedules: to read their runs, and to start one now, beside a daemon or without one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from flux import app, doors, log, pause, planning
from flux.config import Config
from flux.faults import Fault
from flux.runs.book import Run, RunBook, RunState

_ENDED = (RunState.DONE, RunState.SKIPPED)


@contextmanager
def open_book(config: Config) -> Iterator[RunBook | None]:
    """The runs for reading; None where nothing was ever received or planned."""
    if doors.fresh(config):
        yield None
        return
    with doors.open_reader(config) as ledger:
        yield ledger


def run(config: Config, name: str, who: str) -> Run:
    """A run of this schedule, by *who*: brought to its end here, unless another flux is at work, which takes it at its next turn. Raises Fault."""
    log.configure(config.log_format, config.log_level)
    pause.proven(config)
    with doors.shelves(config) as (ledger, _):
        seq = planning.ask(config, ledger, name, who, doors.utc_now())
        try:
            _work(config, ledger, seq)
        except Fault as trouble:
            if trouble.code != "FLX-I20":
                raise
        found = ledger.run(seq)
    if found is None:
        raise Fault("FLX-I27", detail=f"run {seq}")
    return found


def _work(config: Config, ledger: RunBook, seq: int) -> None:
    """Turns of the loops until this run is over; its deadline is the longest that can take."""
    with app.opened(config) as house:
        house.fleet.start(lambda: None)
        while (one := ledger.run(seq)) and one.state not in _ENDED:
            pause.proven(config)
            if not house.step():
                time.sleep(min(max(config.settle_s / 4, 0.01), 0.2))
        house.mailer.finish(config.post.timeout_s if config.post else 0.0)
