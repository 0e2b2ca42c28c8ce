"""What wakes the daemon early: notices of the file system (watchdog), which mean nothing else, and a signal that asks it to end."""

import select
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from flux import log
from flux.faults import Fault
from flux.waking import Waker

EVENTS = ("created", "moved", "closed")


class Bell(Waker):
    """What the daemon waits for between two turns."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = False  # somebody asked the daemon to end
        self.reload = False   # somebody asked it to read its configuration anew

    def stop(self) -> None:
        """Ask the daemon to end."""
        self.stopped = True
        self.ring()

    def turn_over(self) -> None:
        """Ask the daemon to read its configuration anew."""
        self.reload = True
        self.ring()

    @property
    def asked(self) -> bool:
        """Whether the turn in hand should be over soon."""
        return self.stopped or self.reload

    def wait(self, seconds: float) -> None:
        """Until it rings, or as long."""
        select.select([self], [], [], seconds)
        self.heard()


class _Doorbell(FileSystemEventHandler):
    """A notice only wakes the loop; what there is to do is what the scan finds. Losing one costs a scan interval, never a flow."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in EVENTS:
            self._bell.ring()


@contextmanager
def watched(folders: Iterable[Path], bell: Bell, scan_s: float) -> Iterator[None]:
    """While this lasts, *bell* rings when something is dropped into one of these. Without notices the scans, *scan_s* apart, are all there is."""
    try:
        observer = Observer()
        for folder in folders:
            observer.schedule(_Doorbell(bell), str(folder))
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
