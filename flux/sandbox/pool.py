"""The daemon's side of the sandbox: children, their deadlines, and what becomes of the pieces of a child that is lost."""

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO, Self

from msgspec import DecodeError, Struct

from flux.sandbox.wire import Answer, Item, Judge, Lost, Prove, Result, Task, answer_decoder, frame, split

GRACE_S = 1.0            # beside the published limit: for the answers that a child has not flushed, and a slow machine
PROVE_S = 30             # for a container, and one second more for each MB of it
START_S = 30             # for a child to start: imports and schemas
RECYCLE_AFTER = 20_000   # pieces a child judges before it is replaced: whatever leaks, leaks so far
RECEIVE_BYTES = 1 << 18


class Job(Struct, frozen=True):
    """A message and the opener of the files that its descriptors stand for."""

    body: Prove | Judge
    files: Callable[[], Sequence[BinaryIO]]


class _Child:
    """One process and the task it is at."""

    def __init__(self, *, warm: bool) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
                [sys.executable, "-I", "-m", "flux.sandbox.child", str(theirs.fileno()), *(["--warm"] if warm else [])],
                pass_fds=[theirs.fileno()],
                env={"LANG": "C.UTF-8"},  # nothing of ours: no secret, no preload
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # killed as a group
            )
        self.line = ours
        self.job: Job | None = None
        self.number = 0
        self.owed: dict[int, float] = {}  # key -> seconds it may take
        self.deadline = 0.0
        self.judged = 0
        self.fresh = True
        self._buffer = bytearray()

    def give(self, number: int, job: Job, allowed: dict[int, float]) -> None:
        """Hand over a task; the descriptors are duplicates, ours are closed at once."""
        self.number, self.job, self.owed = number, job, allowed
        files = job.files()
        try:
            body = frame(Task(number, job.body))
            sent = socket.send_fds(self.line, [body], [file.fileno() for file in files])
            self.line.sendall(body[sent:])
        finally:
            for file in files:
                file.close()
        self.extend(time.monotonic())

    def extend(self, now: float) -> None:
        """Heard from it: what is still owed may take its own time from now on."""
        self.deadline = now + max(self.owed.values(), default=0.0) + GRACE_S + (START_S if self.fresh else 0)

    def answers(self) -> list[Answer] | None:
        """What it said for the task it has; None when it is gone or talks rubbish."""
        try:
            data = self.line.recv(RECEIVE_BYTES)
            self._buffer += data
            said = [answer_decoder.decode(body) for body in split(self._buffer)]
        except (OSError, ValueError, DecodeError):
            return None
        if not data or any(answer.number != self.number for answer in said):
            return None
        self.fresh = False
        return said

    def kill(self) -> int:
        """End it and whatever it started, and say how it ended."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.line.close()
        return self.process.wait()


class Sandbox:
    """A pool of children. One thread uses it; run() is a loop over whatever jobs it is given."""

    def __init__(self, children: int, *, warm: bool = False) -> None:
        self._wanted, self._warm = children, warm
        self._children: list[_Child] = []
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start every child now, so that the first piece does not wait for it."""
        while len(self._children) < self._wanted:
            self._children.append(_Child(warm=self._warm))

    def close(self) -> None:
        """End every child."""
        for child in self._children:
            child.kill()
        self._children.clear()

    def run(self, jobs: deque[Job]) -> Iterator[Result]:
        """
        Do *jobs*, taken off the left as children fall idle, and give a Result a key as it comes, in any order.

        The caller may add to *jobs* while it reads: a container that is proven is followed by the judgement of its members.
        """
        try:
            with selectors.DefaultSelector() as selector:
                yield from self._loop(jobs, selector)
        finally:
            self._drop_busy()

    def _loop(self, jobs: deque[Job], selector: selectors.BaseSelector) -> Iterator[Result]:
        while True:
            self._feed(jobs, selector)
            busy = [child for child in self._children if child.job]
            if not busy:
                return
            soonest = min(child.deadline for child in busy)
            for key, _ in selector.select(max(0.0, soonest - time.monotonic())):
                yield from self._hear(key.data, jobs, selector)
            for child in [c for c in self._children if c.job and c.deadline < time.monotonic()]:
                yield from self._lose(child, "time", jobs, selector)

    def _drop_busy(self) -> None:
        """A round that ended in trouble leaves no child behind at a task that nobody waits for."""
        for child in [c for c in self._children if c.job]:
            self._children.remove(child)
            child.kill()

    def _feed(self, jobs: deque[Job], selector: selectors.BaseSelector) -> None:
        """Give every idle child a job, as long as there are any. Children are started only when there is work for them."""
        while jobs:
            child = next((c for c in self._children if not c.job), None)
            if child is None and len(self._children) >= self._wanted:
                return
            job = jobs.popleft()
            if child is None:
                child = _Child(warm=self._warm)
                self._children.append(child)
            self._number += 1
            try:
                child.give(self._number, job, _allowed(job.body))
            except (BrokenPipeError, ConnectionError):  # it died while it was idle: nothing was asked of it yet
                self._children.remove(child)
                child.kill()
                jobs.appendleft(job)
                continue
            selector.register(child.line, selectors.EVENT_READ, child)

    def _hear(self, child: _Child, jobs: deque[Job], selector: selectors.BaseSelector) -> Iterator[Result]:
        said = child.answers()
        if said is None:
            yield from self._lose(child, "crash", jobs, selector)
            return
        child.extend(time.monotonic())
        for answer in said:
            if answer.key == -1:
                self._rest(child, selector)
            elif child.owed.pop(answer.key, None) is not None:
                child.judged += 1
                yield from _result(answer, child, jobs)

    def _rest(self, child: _Child, selector: selectors.BaseSelector) -> None:
        child.job = None
        selector.unregister(child.line)
        if child.judged > RECYCLE_AFTER:
            self._children.remove(child)
            child.kill()

    def _lose(self, child: _Child, why: str, jobs: deque[Job], selector: selectors.BaseSelector) -> Iterator[Result]:
        """A child is lost: what it owed is asked again one by one, or, when it was alone already, told as lost."""
        selector.unregister(child.line)
        self._children.remove(child)
        ended = child.kill()
        job, owed = child.job, child.owed
        assert job is not None, "only a child at work is ever lost"  # noqa: S101 - an invariant of this class
        if isinstance(job.body, Judge) and len(job.body.items) > 1:
            jobs.extend(_alone(job, item) for item in job.body.items if item.key in owed)
            return
        yield from (Result(key, Lost(why, str(ended))) for key in owed)


def _result(answer: Answer, child: _Child, jobs: deque[Job]) -> Iterator[Result]:
    job = child.job
    if answer.failed == "memory" and job and isinstance(job.body, Judge) and not job.body.large:
        jobs.append(_alone(job, next(item for item in job.body.items if item.key == answer.key)))
    elif answer.failed:
        why, _, detail = answer.failed.partition(": ")
        known = why in ("memory", "bug")
        yield Result(answer.key, Lost(why, detail) if known else Lost("fault", answer.failed, answer.facts))
    elif answer.judged is not None:
        yield Result(answer.key, answer.judged)
    else:
        found = answer.proof or answer.finding
        yield Result(answer.key, found if found is not None else Lost("bug", repr(answer)))


def _alone(job: Job, item: Item) -> Job:
    """The same question for one file alone, with the larger memory."""
    assert isinstance(job.body, Judge), "only files are asked again"  # noqa: S101 - an invariant of this module
    return Job(Judge((item,), job.body.briefs, large=True), job.files)


def _allowed(body: Prove | Judge) -> dict[int, float]:
    """How long each key may take, in seconds."""
    if isinstance(body, Prove):
        return {body.key: PROVE_S + body.size / 1e6}
    limits = [brief.policy.limits for brief in body.briefs]
    return {i.key: limits[i.brief].judge_s + limits[i.brief].judge_s_per_mb * i.size / 1e6 for i in body.items}
