"""The sandbox beside its caller: children get their next task while that is busy, and nothing goes on once it has left."""

import time
from datetime import date
from tempfile import TemporaryFile

import pytest
from rig import EXAMPLES, GOOD

from flux.faults import Fault
from flux.model import Judged
from flux.policy import Brief, Policy
from flux.sandbox.beside import Jobs
from flux.sandbox.pool import Job, Sandbox
from flux.sandbox.wire import Item, Judge, Lost

SOUND = next(EXAMPLES.glob(GOOD)).read_bytes()
BRIEF = Brief("", Policy(naming="free"), date(2026, 11, 25))
BUSY_S = 1.0


def job(key):
    def opened():
        file = TemporaryFile(buffering=0)  # noqa: SIM115 - the sandbox closes it
        file.write(SOUND)
        return file

    return Job(Judge((Item(key, 0, 0, len(SOUND), 1, f"{key}.xml", 0),), (BRIEF,)), (opened,))


@pytest.fixture
def jobs():
    made = Jobs()
    yield made
    made.release()


@pytest.fixture
def sandbox():
    with Sandbox(1, warm=True) as pool:
        pool.start()
        yield pool


def following(said):
    while (result := said.next()) is None:
        assert not said.over
    return result


def test_children_get_their_next_task_while_the_caller_is_busy(sandbox, jobs):
    for key in range(1, 31):
        jobs.add(job(key))
    with sandbox.beside(jobs) as said:
        assert following(said).key == 1
        time.sleep(BUSY_S)
        began = time.monotonic()
        assert [following(said).key for _ in range(29)] == list(range(2, 31))
        assert time.monotonic() - began < BUSY_S / 10


def test_a_task_that_comes_when_all_is_done_wakes_those_who_wait_for_one(sandbox, jobs):
    with sandbox.beside(jobs) as said:
        jobs.add(job(1))
        following(said)
        time.sleep(0.3)
        began = time.monotonic()
        jobs.add(job(2))
        assert isinstance(following(said).value, Judged)
        assert time.monotonic() - began < 0.09  # it does not wait for a beat


def test_a_caller_that_leaves_leaves_no_child_at_work_and_the_next_finds_children(sandbox, jobs):
    for key in range(1, 2_000):
        jobs.add(job(key))
    with sandbox.beside(jobs) as said:
        following(said)
    assert not [child for child in sandbox._children if child.job]
    again = Jobs()
    again.add(job(1))
    with sandbox.beside(again) as said:
        assert isinstance(following(said).value, Judged)
    again.release()


def test_what_ends_the_run_reaches_the_caller_whole(sandbox, jobs, monkeypatch):
    def broken(*_):
        raise Fault("FLX-I93", names="landlock")

    monkeypatch.setattr(sandbox, "_give", broken)
    jobs.add(job(1))
    with sandbox.beside(jobs) as said, pytest.raises(Fault, match="landlock"):
        following(said)


def test_a_child_that_dies_keeps_no_other_document_from_its_answer(sandbox, jobs):
    jobs.add(job(1))
    with sandbox.beside(jobs) as said:
        following(said)
        sandbox._children[0].process.kill()
        jobs.add(job(2))
        jobs.add(job(3))
        told = [following(said).value for _ in range(2)]
    assert [type(value) for value in told] in ([Judged, Judged], [Lost, Judged])
