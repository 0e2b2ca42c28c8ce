"""The daemon's side of the sandbox: a pool of children, and what becomes of the pieces of a child that is lost."""

import selectors
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Self

from msgspec.structs import replace

from flux.faults import Fault
from flux.policy import Limits
from flux.sandbox._process import Child, Job
from flux.sandbox.wire import DONE, Answer, Judge, Lost, Prove, Result, Wall, allowed, missing

__all__ = ["Job", "Sandbox"]

RECYCLE_AFTER = 20_000  # pieces a child judges before it is replaced: whatever leaks, leaks so far
BEAT_S = 0.1            # how long run() keeps silent at most


Told = Callable[[tuple[Wall, ...]], object]


class Sandbox:
    """
    A pool of children. One thread uses it; run() is a loop over whatever jobs it is given.

    unpack_mb: the most that any archive may unpack to. strict: judge only behind the walls that wire.missing() names. told: is called once,
    with the walls of the first child that is ready.
    """

    def __init__(
        self, children: int, *, warm: bool = False, strict: bool = False, unpack_mb: int = Limits().expanded_mb, told: Told = lambda _walls: None
    ) -> None:
        self._wanted, self._strict, self._unpack_bytes, self._told = children, strict, unpack_mb << 20, told
        self._flags = [*(["--warm"] if warm else []), *(["--strict"] if strict else [])]
        self.walls: tuple[Wall, ...] = ()
        self._children: list[Child] = []
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start every child now, so that the first piece does not wait for it. Raises Fault where strict walls do not stand."""
        while len(self._children) < self._wanted:
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
            self.close()
            raise Fault("FLX-I93", names=", ".join(names))

    def close(self) -> None:
        """End every child."""
        for child in self._children:
            child.kill()
        self._children.clear()

    def run(self, jobs: deque[Job]) -> Generator[Result | None, None, None]:
        """
        Do *jobs*, taken off the left as children fall idle, and give a Result a key as it comes, in any order; None where nothing came.

        The caller may add to *jobs* while it reads: a container that is proven is followed by the judgement of its members. What it does
        not read to the end leaves no child behind at a task that nobody waits for.
        """
        try:
            with selectors.DefaultSelector() as selector:
                yield from self._loop(jobs, selector)
        finally:
            for child in [c for c in self._children if c.job]:
                self._replace(child)

    def _loop(self, jobs: deque[Job], selector: selectors.BaseSelector) -> Iterator[Result | None]:
        while True:
            yield from self._feed(jobs, selector)
            busy = [child for child in self._children if child.job]
            if not busy:
                return
            soonest = min(child.look_at for child in busy) - time.monotonic()
            heard = selector.select(max(0.0, min(BEAT_S, soonest)))
            for key, _ in heard:
                yield from self._hear(key.data, jobs, selector)
            for child in [c for c in self._children if c.job and c.look_at < time.monotonic()]:
                if why := child.late():
                    yield from self._lose(child, why, jobs, selector)
            if not heard:
                yield None

    def _feed(self, jobs: deque[Job], selector: selectors.BaseSelector) -> Iterator[Result]:
        """Give every idle child a job, as long as there are any. Children are started only when there is work for them."""
        while jobs:
            child = next((c for c in self._children if not c.job), None)
            if child is None and len(self._children) >= self._wanted:
                return
            job = jobs.popleft()
            if child is None:
                child = self._another()
                self._children.append(child)
            self._number += 1
            try:
                child.give(self._number, job, allowed(job.body))
            except ConnectionError:  # it died while it was idle
                ended = self._replace(child)
                if child.ready:  # nothing was asked of it yet
                    jobs.appendleft(job)
                else:
                    yield from (Result(key, Lost("crash", str(ended))) for key in child.owed)
                continue
            selector.register(child.line, selectors.EVENT_READ, child)

    def _hear(self, child: Child, jobs: deque[Job], selector: selectors.BaseSelector) -> Iterator[Result]:
        said = child.answers()
        if said is None:
            yield from self._lose(child, "crash", jobs, selector)
            return
        child.heard()
        self._look_at_walls(child)
        for answer in said:
            if child.owed.pop(answer.key, None) is not None:
                child.judged += 1
                yield from _result(answer, child, jobs)
            elif answer.key == DONE and not child.owed:
                self._rest(child, selector)
            else:  # an answer to nothing, or an end too early: it is not to be believed any more
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

        One that never was ready says nothing about its task, and another would end alike.
        """
        selector.unregister(child.line)
        ended = self._replace(child)
        job = child.job
        assert job is not None, "only a child at work is ever lost"  # noqa: S101 - an invariant of this class
        if child.ready and isinstance(job.body, Judge) and len(job.body.items) > 1:
            jobs.extend(_alone(job, key) for key in child.owed)
            return
        for key, seconds in child.owed.items():
            yield Result(key, Lost(why, f"{seconds:.0f}" if why in ("time", "stalled") else str(ended)))


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
        yield Result(answer.key, answer.judged)
    else:
        found = answer.proof or answer.finding
        yield Result(answer.key, found if found is not None else Lost("bug", repr(answer)))


def _alone(job: Job, key: int) -> Job:
    """The same question for one key alone, with the larger memory."""
    body = job.body
    if isinstance(body, Prove):
        return Job(replace(body, large=True), job.files)
    return Job(Judge(tuple(item for item in body.items if item.key == key), body.briefs, large=True), job.files)
