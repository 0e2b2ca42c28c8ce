"""
The sandbox at work beside its caller: while that decides, records and delivers, children get their next task and what they say is read.

One thread for as long as there is the sandbox, since children die with the thread that started them.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from queue import Empty, SimpleQueue
from threading import Event

from flux.model import Judged
from flux.sandbox._process import Job
from flux.sandbox.wire import Result
from flux.waking import Waker

BEAT_S = 0.1           # how long next() keeps silent at most
MOST_UNREAD = 8 << 20  # bytes of results that wait for the caller, and of what it is at: beyond, children wait for it too
A_RESULT = 1 << 12     # bytes, about, beside the document that was taken out of another
LOOK_S = 0.005         # between two looks whether it has read some

Run = Callable[["Jobs"], Generator[Result | None, None, None]]


class Jobs(deque[Job]):
    """What is to be done: filled by one thread, done by another, which a ring wakes. Open until close(): more may come."""

    def __init__(self) -> None:
        super().__init__()
        self.open = True
        self.bell = Waker()

    def add(self, job: Job) -> None:
        """One more."""
        self.append(job)
        self.bell.ring()

    def close(self) -> None:
        """No more will come."""
        self.open = False
        self.bell.ring()


class Said:
    """What came, as the caller reads it."""

    def __init__(self, thread: ThreadPoolExecutor, run: Run, jobs: Jobs) -> None:
        self._waiting: SimpleQueue[Result | None] = SimpleQueue()
        self._left = Event()
        self._put = self._read = 0  # bytes; each is written by one of the two threads alone
        self._at = 0                # of what the caller is at
        self.over = False
        self._jobs = jobs
        self._run = thread.submit(self._fill, run, jobs)

    def next(self) -> Result | None:
        """The next result; None where nothing came, or nothing will (over). Raises what ended the run."""
        self._read, self._at = self._read + self._at, 0
        try:
            said = self._waiting.get(timeout=BEAT_S)
        except Empty:
            return None
        if said is None:
            self.over = True
            self._run.result()
            return None
        self._at = _weight(said)
        return said

    def finish(self) -> None:
        """All has come that was asked for: wait until each child has said so too, else it would count as one at work."""
        self._jobs.close()
        while not self.over:
            self.next()

    def leave(self) -> None:
        """The caller reads no more: wait until no child is at work."""
        self._left.set()
        self._jobs.close()
        self._run.exception()  # whoever reads to the end has it raised

    def _fill(self, run: Run, jobs: Jobs) -> None:
        """In the other thread: until there is nothing more to do, or nobody who reads."""
        try:
            with closing(run(jobs)) as results:
                for result in results:
                    if result is not None:
                        self._put += _weight(result)
                        self._waiting.put(result)
                    del result  # it may hold a large piece
                    while self._put - self._read > MOST_UNREAD and not self._left.wait(LOOK_S):
                        pass
                    if self._left.is_set():
                        return
        finally:
            self._waiting.put(None)


def _weight(result: Result) -> int:
    return A_RESULT + (len(result.value.extracted or b"") if isinstance(result.value, Judged) else 0)


@contextmanager
def beside(thread: ThreadPoolExecutor, run: Run, jobs: Jobs) -> Iterator[Said]:
    """*jobs* done in *thread*. What is not read to the end leaves no child at a task, and none that goes on after this."""
    said = Said(thread, run, jobs)
    try:
        yield said
    finally:
        said.leave()
