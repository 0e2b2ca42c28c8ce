"""The sandbox beside its caller: children get their next task while that is busy, and nothing goes on once it has left."""

import textwrap
import time
from contextlib import closing
from datetime import date
from tempfile import TemporaryFile

import pytest
from rig import EXAMPLES, GOOD
from workroom import Workroom, run_instead

from flux.faults import Fault
from flux.model import Judged, Plumbing
from flux.policy import Brief, Policy
from flux.sandbox import beside, pool
from flux.sandbox.beside import Jobs
from flux.sandbox.pool import Job, Sandbox
from flux.sandbox.wire import Item, Judge, Lost

SOUND = next(EXAMPLES.glob(GOOD)).read_bytes()
BRIEF = Brief("", Policy(naming="free"), date(2026, 11, 25))
PATIENCE_S = 20.0


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
    made.bell.release()


@pytest.fixture
def sandbox():
    with Sandbox(1, warm=True) as made:
        made.start()
        yield made


def following(said):
    while (result := said.next()) is None:
        assert not said.over
    return result


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_children_get_their_next_task_while_the_caller_is_busy(sandbox, jobs):
    for key in range(1, 31):
        jobs.add(job(key))
    with sandbox.beside(jobs) as said:
        assert following(said).key == 1
        until(lambda: said._waiting.qsize() == 29)  # and nothing was read meanwhile
        assert [following(said).key for _ in range(29)] == list(range(2, 31))


def test_a_task_that_comes_when_all_is_done_wakes_those_who_wait_for_one(sandbox, jobs, monkeypatch):
    monkeypatch.setattr(pool, "BEAT_S", 10 * PATIENCE_S)
    with sandbox.beside(jobs) as said:
        jobs.add(job(1))
        following(said)
        time.sleep(0.3)  # it waits for the next one by now
        began = time.monotonic()
        jobs.add(job(2))
        assert isinstance(following(said).value, Judged)
        assert time.monotonic() - began < PATIENCE_S


def test_the_end_of_a_round_costs_no_child(tmp_path, monkeypatch):
    """Its last answer comes before it has said that the task is done: here a twentieth of a second before."""
    script = tmp_path / "child.py"
    script.write_text(textwrap.dedent("""
        import time
        from flux.sandbox import child
        serve = child.serve
        class Line:
            def __init__(self, line): self.line = line
            def sendall(self, data):
                time.sleep(0.05 if len(data) < 200 else 0)  # DONE is short
                self.line.sendall(data)
        child.serve = lambda task, fds, kit, line: serve(task, fds, kit, Line(line))
        child.main()
    """))
    run_instead(script, monkeypatch)
    with closing(Workroom(tmp_path)) as room:
        worker = room.worker(Policy(naming="free"))
        children = set()
        for n in range(3):
            room.receive(f"f-{n}", f"{n}.xml", SOUND + f"<!-- {n} -->".encode())
            worker.step()
            children |= {child.process.pid for child in room.sandbox._children}
            assert room.state(f"f-{n}") is Plumbing.DECIDED
    assert len(children) == 1


def test_no_more_waits_to_be_read_than_its_bytes_allow(sandbox, jobs, monkeypatch):
    monkeypatch.setattr(beside, "MOST_UNREAD", 3 * beside.A_RESULT)
    for key in range(1, 31):
        jobs.add(job(key))
    with sandbox.beside(jobs) as said:
        until(lambda: said._waiting.qsize() > 3)
        time.sleep(0.3)
        assert said._waiting.qsize() == 4
        assert [following(said).key for _ in range(30)] == list(range(1, 31))


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
    again.bell.release()


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
