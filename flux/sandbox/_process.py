"""One child as the daemon sees it: the process, the task it is at, and how much of its time that took."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import BinaryIO

from msgspec import Struct

from flux.sandbox.wire import READY, Answer, Judge, Prove, Task, Wall, frame, read_answers

GRACE_S = 1.0   # beside the published limit: for the answers that a child has not flushed
START_S = 30.0  # for a child to start: imports and schemas
STALLS = 10     # a child that used none of its time in ten times as long is stopped, or its machine has no time for it
RECEIVE_BYTES = 1 << 18
_libc = ctypes.CDLL(None)


class Job(Struct, frozen=True):
    """A message and, by descriptor, the opener of the file that it stands for."""

    body: Prove | Judge
    files: tuple[Callable[[], BinaryIO], ...]


class Child:
    """
    A child and its job.

    Limits are of the time that it uses, not of the time that passes: a machine that is busy, or a child that somebody stopped, makes no
    invoice slow. What passes is bounded too, far above, and is our trouble.
    """

    def __init__(self, *, unpack_bytes: int, flags: Sequence[str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
                [sys.executable, "-I", "-m", "flux.sandbox.child", str(theirs.fileno()), str(unpack_bytes), *flags],
                pass_fds=[theirs.fileno()],
                env={"LANG": "C.UTF-8", "HOME": "/"},  # nothing of ours: no secret, no preload; a home, or Python asks who we are
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # killed as a group
            )
        self._clock = _clock_of(self.process.pid)
        self.line = ours
        self.job: Job | None = None
        self.owed: dict[int, float] = {}  # key -> seconds it may take
        self.judged = 0
        self.ready = False
        self.walls: tuple[Wall, ...] = ()
        self.look_at = 0.0  # when to look whether it is late, by the monotonic clock
        self._number = 0
        self._told = (0, 0)  # a key, and how many of its pieces it has told
        self._heard_at = self._heard_used = 0.0
        self._buffer = bytearray()

    def give(self, number: int, job: Job, files: Sequence[BinaryIO], allowed: dict[int, float]) -> None:
        """Hand over a task; the descriptors are duplicates, the caller closes his."""
        self._number, self.job, self.owed = number, job, allowed
        body = frame(Task(number, job.body))
        sent = socket.send_fds(self.line, [body], [file.fileno() for file in files])
        self.line.sendall(body[sent:])
        self.heard()

    def takes(self, answer: Answer) -> bool:
        """
        Whether this answers what it owes: pieces come one after the other, from piece 1, until one of them is the last.

        The time of a document runs until then.
        """
        key, said = self._told if self._told[1] else (answer.key, 0)
        follows = answer.judged.index == said + 1 if answer.judged is not None else not answer.more
        if answer.key not in self.owed or answer.key != key or not follows:
            return False
        self._told = (key, said + 1 if answer.more else 0)
        if not answer.more:
            del self.owed[key]
            self.judged += 1
            self.heard()
        return True

    def heard(self) -> None:
        """It said something: what is still owed may take its own time from now on."""
        self._heard_at, self._heard_used = time.monotonic(), self._used()
        self.look_at = self._heard_at + self.allowed

    @property
    def allowed(self) -> float:
        """Seconds of its own time until it must have said something."""
        return max(self.owed.values(), default=0.0) + GRACE_S if self.ready else START_S

    def late(self) -> str:
        """Why it is lost: "time" when it used all that its task allows, "stalled" when ten times that passed; "" while it may go on."""
        used, passed = self._used() - self._heard_used, time.monotonic() - self._heard_at
        if self.ready and used >= self.allowed:
            return "time"
        if passed >= self.allowed * STALLS or used >= self.allowed:
            return "stalled"
        self.look_at = time.monotonic() + max(0.05, self.allowed - used)
        return ""

    def answers(self) -> list[Answer] | None:
        """What it said for the task it has; None when it is gone or talks rubbish."""
        try:
            data = self.line.recv(RECEIVE_BYTES)
            self._buffer += data
            said = read_answers(self._buffer)
        except (OSError, ValueError):
            return None
        if not self.ready and said:
            self.ready = (said[0].number, said[0].key) == (0, READY)
            self.walls = said[0].walls
            said = said[1:]
            self.heard()  # what it had until now was the time of a start
        if not data or (said and not self.ready) or any(answer.number != self._number for answer in said):
            return None
        return said

    def greet(self) -> None:
        """Wait until it says that it is ready, or is lost."""
        self.line.settimeout(START_S)
        while not self.ready and self.answers() is not None:
            pass
        self.line.settimeout(None)

    def kill(self) -> int:
        """End it and whatever it started, and say how it ended."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.line.close()
        return self.process.wait()

    def _used(self) -> float:
        """Seconds of processor time that it has used, itself and the system for it: asked at each piece, and a clock costs a tenth of what /proc does."""
        try:
            return time.clock_gettime(self._clock)
        except OSError:  # it is gone: its line says so
            return self._heard_used


def _clock_of(pid: int) -> int:
    """The clock of the processor time of a process."""
    clock = ctypes.c_int()
    _libc.clock_getcpuclockid(pid, ctypes.byref(clock))
    return clock.value
