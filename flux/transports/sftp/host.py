"""What the endpoints of one server share: how many connections it is asked to bear, and the breaker that leaves it alone when it fails."""

import threading
import time
from collections.abc import Callable

BASE_S = 1.0     # before the first try again; doubled with each failure
MOST_S = 900.0
SPREAD = 0.5     # of each wait, so much is luck: many that failed together do not come back together


class Breaker:
    """
    Open while a server fails: nobody connects until its time has come, then one try decides. Waits by our monotonic clock.

    luck() gives a number in [0, 1).
    """

    def __init__(self, luck: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._luck, self._lock = luck, threading.Lock()
        self._until = 0.0
        self.failures = 0

    @property
    def left_s(self) -> float:
        """Seconds until somebody may try; 0.0 when he may now."""
        return max(0.0, self._until - self.clock())

    def failed(self) -> float:
        """One more failure. Gives the wait. Those that were under way together when it failed count once."""
        with self._lock:
            if self.left_s == 0.0:
                self.failures += 1
                wait = min(MOST_S, BASE_S * 2.0 ** min(self.failures - 1, 20))
                self._until = self.clock() + wait * (1 - SPREAD * self._luck())
            return self.left_s

    def resume(self, failures: int, left_s: float) -> None:
        """Go on where a process before this one was."""
        with self._lock:
            self.failures = max(self.failures, failures)
            self._until = max(self._until, self.clock() + min(left_s, MOST_S))

    def worked(self) -> None:
        """It answers."""
        with self._lock:
            self.failures, self._until = 0, 0.0


class Host:
    """One server, host and port."""

    def __init__(self, breaker: Breaker, connections: int, endpoints: int) -> None:
        self.breaker = breaker
        self._slots = threading.BoundedSemaphore(connections)
        self.keeps = endpoints <= connections  # whether each of its endpoints may stay connected between two turns

    def enter(self, seconds: float) -> bool:
        """Take a connection's place, waiting at most so long for one."""
        return self._slots.acquire(timeout=seconds)

    def leave(self) -> None:
        """Give it back."""
        self._slots.release()


class Pace:
    """A limit on bytes a second: every transfer tells what it moved, and takes the time that this asks for. *nap* sleeps, and ends early at a stop."""

    def __init__(self, kb_s: int, nap: Callable[[float], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._nap, self._clock = kb_s * 1000, nap, clock
        self._due = 0.0

    def __call__(self, count: int) -> None:
        """So many bytes go over the line."""
        if not self._rate:
            return
        now = self._clock()
        self._due = max(self._due, now - 0.1) + count / self._rate  # a tenth of a second may be made up for, no more
        if self._due > now:
            self._nap(self._due - now)
