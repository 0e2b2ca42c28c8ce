"""Notices of the file system (watchdog): they make the next scan earlier, and mean nothing else."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Flag

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from flux import log
from flux.faults import Fault

EVENTS = ("created", "moved", "closed")


class _Doorbell(FileSystemEventHandler):
    """A notice only wakes the loop; what there is to do is what the scan finds. Losing one costs a scan interval, never a flow."""

    def __init__(self, wake: Flag) -> None:
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in EVENTS:
            self._wake.set()


@contextmanager
def watched(folders: Iterable[Path], wake: Flag, scan_s: float) -> Iterator[None]:
    """While this lasts, *wake* is set when something is dropped into one of these. Without notices the scans, *scan_s* apart, are all there is."""
    try:
        observer = Observer()
        for folder in folders:
            observer.schedule(_Doorbell(wake), str(folder))
        observer.start()
    except OSError as error:  # no watch is left to give
        log.get().warning("unwatched", scan_s=scan_s, trouble=str(Fault("FLX-I92", detail=error.strerror or str(error))))
        yield
        return
    try:
        yield
    finally:
        observer.stop()
        observer.join()
