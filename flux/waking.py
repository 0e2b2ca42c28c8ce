"""A pipe by which one thread wakes another."""

import os
from contextlib import suppress

PIPE_BYTES = 1 << 16  # what a pipe holds


class Waker:
    """
    What somebody waits for, by its descriptor. Anybody may ring it: another thread, or a signal's handler.

    A pipe and not a ``threading.Event``: that one takes a lock, and a handler that comes while the same thread holds it waits for itself.
    """

    def __init__(self) -> None:
        self._heard, self._rung = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """Readable once it was rung."""
        return self._heard

    def ring(self) -> None:
        """End the wait, or the next one."""
        with suppress(BlockingIOError):  # it is full: it rings
            os.write(self._rung, b"!")

    def heard(self) -> None:
        """Whatever rang is looked at now."""
        with suppress(BlockingIOError):
            os.read(self._heard, PIPE_BYTES)

    def release(self) -> None:
        """Let go of it, once nobody waits."""
        os.close(self._heard)
        os.close(self._rung)
