"""The daemon's side of the sandbox: a pool of children, and what becomes of the pieces of a child that is lost."""

import math
import selectors
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from flux.faults import Fault, fault_of
from flux.policy import Limits
from flux.sandbox._process import Child, Job
from flux.sandbox.beside import BEAT_S, Jobs, Said, beside
from flux.sandbox.wire import DONE, Answer, Judge, Lost, Prove, Result, Wall, allowed, missing

__all__ = ["Job", "Sandbox"]

RECYCLE_AFTER = 20_000  # pieces a child judges before it is replaced: whatever leaks, leaks so far


Told = Callable[[tuple[Wall, ...]], object]


class Sandbox:
    """
    A pool of children. One thread at a time uses it; run() is a loop over whatever jobs it is given, beside() the same in a thread of its own.

    unpack_mb: the most that any archive may unpack to. strict: judge only behind the walls that wire.missing() names. told: is called once,
    with the walls of the first child that is ready. pack: the folder of other tables than the package's.
    """

    def __init__(
        self, children: int, *, warm: bool = False, strict: bool = False, unpack_mb: int = Limits().expanded_mb, told: Told = lambda _walls: None,
        pack: Path | None = None,
    ) -> None:
        self.children, self._strict, self._unpack_bytes, self._told = children, strict, unpack_mb << 20, told
        self._flags = [*(["--warm"] if warm else []), *(["--strict"] if strict else []), *(["--pack", str(pack.resolve())] if pack else [])]
        self.walls: tuple[Wall, ...] = ()
        self._children: list[Child] = []
        self._number = 0
        self._thread = ThreadPoolExecutor(1, "sandbox")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start every child now, so that the first piece does not wait for it. Raises Fault where strict walls do not stand."""
        while len(self._children) < self.children:
            self._children.append(self._another())
        if self._strict:
            self._children[0].greet()
            self._look_at_walls(self._children[0])

    def _another(self) -> Child:
        return Child(unpack_bytes=self._unpack_bytes, flags=self._flags)

    def _look_at_walls(self, child: Child) -> None:
        """Tell them once. Raises Fault where they do not suffice."""
        if child.ready and not self.walls:
            self.walls = child.walls
            self._told(child.walls)
        if child.ready and self._strict and (names := missing(child.walls)):
            self._end()
            raise Fault("FLX-I93", names=", ".join(names))

    def close(self) -> None:
        """End every child, and the thread."""
        self._end()
        self._thread.shutdown(wait=False)

    def _end(self) -> None:
        for child in self._children:
            child.kill()
        self._children.clear()

    def beside(self, jobs: Jobs) -> AbstractContextManager[Said]:
        """Do *jobs* while the caller does other things, until they are closed; what comes is read as it pleases the caller."""
        return beside(self._thread, self.run, jobs)

    def run(self, jobs: deque[Job]) -> Generator[Result | None, None, None]:
        """
        Do *jobs*, taken off the left as children fall idle, and give a Result a key, or several, as they come, in any order; None where nothing came.

        The caller may add to *jobs* while it reads: a container that is proven is followed by the judgement of its members. What it does
        not read to the end leaves no child behind at a task that nobody waits for.
        """
        try:
            with selectors.DefaultSelector() as selector:
                handed = jobs if isinstance(jobs, Jobs) else None  # by another thread
                if handed is not None:
                    selector.register(handed.bell, selectors.EVENT_READ)
                yield from self._loop(jobs, handed, selector)
        finally:
            for child in [c for c in self._children if c.job]:
                self._replace(child)

    def _loop(self, jobs: deque[Job], handed: Jobs | None, selector: selectors.BaseSelector) -> Iterator[Result | None]:
        while True:
            yield from self._feed(jobs, selector)
            busy = [child for child in self._children if child.job]
            if not busy and (handed is None or not handed.open):
                return
            soonest = min((child.look_at for child in busy), default=math.inf) - time.monotonic()
            heard = selector.select(max(0.0, min(BEAT_S, soonest)))
            for key, _ in heard:
                if key.data:
                    yield from self._hear(key.data, jobs, selector)
                elif handed is not None:
                    handed.bell.heard()
            said = {key.data for key, _ in selector.select(0)}  # what the caller did meanwhile took its time, and not theirs
            for child in [c for c in self._children if c.job and c not in said and c.look_at < time.monotonic()]:
                if why := child.late():
                    yield from self._lose(child, why, jobs, selector)
            if not any(key.data for key, _ in heard):
                yield None

    def _feed(self, jobs: deque[Job], selector: selectors.BaseSelector) -> Iterator[Result]:
        """Give every idle child a job, as long as there are any. Children are started only when there is work for them."""
        while jobs:
            child = next((c for c in self._children if not c.job), None)
            if child is None and len(self._children) >= self.children:
                return
            job = jobs.popleft()
            if child is None:
                child = self._another()
                self._children.append(child)
            yield from self._give(child, job, jobs, selector)

    def _give(self, child: Child, job: Job, jobs: deque[Job], selector: selectors.BaseSelector) -> Iterator[Result]:
        """Hand a job over. A file that cannot be opened is the trouble of those that need it."""
        self._number += 1
        seconds = allowed(job.body)
        with ExitStack() as stack:
            try:
                files = [stack.enter_context(opener()) for opener in job.files]
            except (Fault, OSError) as trouble:
                yield from _unopened(trouble, job, jobs)
                return
            try:
                child.give(self._number, job, files, seconds)
            except ConnectionError:  # it died while it was idle
                ended = self._replace(child)
                if child.ready:  # nothing was asked of it yet
                    jobs.appendleft(job)
                else:
                    yield from (Result(key, Lost("start", str(ended))) for key in seconds)
                return
            except OSError:
                self._replace(child)
                raise
        selector.register(child.line, selectors.EVENT_READ, child)

    def _hear(self, child: Child, jobs: deque[Job], selector: selectors.BaseSelector) -> Iterator[Result]:
        said = child.answers()
        if said is None:
            yield from self._lose(child, "crash", jobs, selector)
            return
        self._look_at_walls(child)
        for place, answer in enumerate(said, 1):
            if child.takes(answer):
                yield from _result(answer, child, jobs)
            elif answer.key == DONE and not child.owed and place == len(said):
                self._rest(child, selector)
            else:  # an answer to nothing, an end too early or more than once: it is not to be believed any more
                yield from self._lose(child, "crash", jobs, selector)
                return

    def _rest(self, child: Child, selector: selectors.BaseSelector) -> None:
        child.job = None
        selector.unregister(child.line)
        if child.judged > RECYCLE_AFTER:
            self._replace(child)

    def _replace(self, child: Child) -> int:
        """Another one is started when there is work for it. Says how this one ended."""
        self._children.remove(child)
        return child.kill()

    def _lose(self, child: Child, why: str, jobs: deque[Job], selector: selectors.BaseSelector) -> Iterator[Result]:
        """
        A child is lost: what it owed is asked again one by one, or, when it was alone already, told as lost.

        One that never was ready says nothing about its task, and another would end alike: that is told, and passes.
        """
        selector.unregister(child.line)
        ended = self._replace(child)
        job = child.job
        assert job is not None, "only a child at work is ever lost"  # noqa: S101 - an invariant of this class
        if child.ready and isinstance(job.body, Judge) and len(job.body.items) > 1:
            jobs.extend(_alone(job, key) for key in child.owed)
            return
        why = why if child.ready else "start"
        for key, seconds in child.owed.items():
            yield Result(key, Lost(why, f"{seconds:.0f}" if why in ("time", "stalled") else str(ended)))


def _unopened(trouble: Fault | OSError, job: Job, jobs: deque[Job]) -> Iterator[Result]:
    """What one of a job's files did: each key is asked alone, with the file that it needs; one that was alone already has that trouble."""
    keys = list(allowed(job.body))
    if len(keys) > 1:
        jobs.extend(_alone(job, key) for key in keys)
        return
    fault = fault_of(trouble)
    yield from (Result(key, Lost("fault", fault.code, fault.facts)) for key in keys)


def _result(answer: Answer, child: Child, jobs: deque[Job]) -> Iterator[Result]:
    job = child.job
    assert job is not None, "a child without a job owes nothing"  # noqa: S101 - an invariant of this module
    if answer.failed == "memory" and not job.body.large:
        jobs.append(_alone(job, answer.key))
    elif answer.failed:
        why, _, detail = answer.failed.partition(": ")
        known = why in ("memory", "bug")
        yield Result(answer.key, Lost(why, detail) if known else Lost("fault", answer.failed, answer.facts))
    elif answer.judged is not None:
        yield Result(answer.key, answer.judged, answer.more)
    else:
        found = answer.proof or answer.finding
        yield Result(answer.key, found if found is not None else Lost("bug", repr(answer)))


def _alone(job: Job, key: int) -> Job:
    """The same question for one key alone, with the larger memory."""
    body = job.body
    if isinstance(body, Prove):
        return Job(replace(body, large=True), job.files)
    item = next(item for item in body.items if item.key == key)
    files = (job.files[item.fd],) if item.sink < 0 else (job.files[item.fd], job.files[item.sink])
    return Job(Judge((replace(item, fd=0, sink=len(files) - 1 or -1),), body.briefs, large=True), files)
