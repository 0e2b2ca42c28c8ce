"""The daemon's own purge, at the hour that ``[retention]`` sets: some at a time, between the turns of the loops."""

from collections.abc import Generator
from datetime import datetime, timedelta

from flux import folders, retention, tables
from flux.config import Config
from flux.faults import Fault
from flux.keeping import Keeper, Shelf
from flux.log import get
from flux.owing import WHO

AGAIN = timedelta(hours=1)  # after trouble, or while a backup is under way


class Night:
    """Once a day, when the hour has come while flux runs; an hour that was missed waits for the next."""

    def __init__(self, config: Config, ledger: Keeper, store: Shelf, now: datetime) -> None:
        self._config, self._ledger, self._store = config, ledger, store
        self._due = retention.next_night(config.retention, now)
        self._under_way: Generator[retention.Gone] | None = None

    def step(self, now: datetime) -> int:
        """One step of the purge, where it is time for it: how much was done."""
        if self._under_way is None:
            if self._due is None or now < self._due:
                return 0
            self._under_way = self._purging(now)
        try:
            if next(self._under_way, None) is not None:
                return 1
            self._due = retention.next_night(self._config.retention, now)
        except (Fault, OSError) as trouble:
            get().warning("purge", ended="fault", trouble=str(trouble))
            self._due = now + AGAIN
        self._under_way = None
        return 0

    def close(self) -> None:
        """Leave off: the lock of who works alone goes with the step under way."""
        if self._under_way is not None:
            self._under_way.close()
            self._under_way = None

    def _purging(self, now: datetime) -> Generator[retention.Gone]:
        with folders.alone(self._config):
            gone = retention.Gone({})
            for gone in retention.purging(self._ledger, self._store, self._config.retention, now, tables.load(), WHO):
                yield gone
            self._ledger.shrink()
            get().info("purge", ended="done", flows=gone.flows, contents=gone.contents, bytes=gone.size)
