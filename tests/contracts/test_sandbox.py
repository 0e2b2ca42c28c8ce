"""A child that is lost, late, stopped or mad: its neighbours pass, and no sender is told what is ours. Real processes, really killed."""

import os
import signal
import textwrap
import time
from collections import deque
from datetime import date
from tempfile import TemporaryFile

import pytest
from msgspec.structs import replace
from rig import EXAMPLES, GOOD
from workroom import gathered, run_instead, zip_of

from flux.faults import Fault
from flux.policy import Brief, Limits, Policy
from flux.sandbox import _process
from flux.sandbox.pool import Job, Sandbox
from flux.sandbox.wire import Item, Judge, Lost, Prove

SOUND = next(EXAMPLES.glob(GOOD)).read_bytes()
BRIEF = Brief("", Policy(naming="free"), date(2026, 11, 25))


def job(*documents, brief=BRIEF):
    """A task for these documents, with the keys 1, 2, ..."""

    def opened():
        file = TemporaryFile(buffering=0)  # noqa: SIM115 - the sandbox closes it
        file.write(b"".join(documents))
        return file

    items, at = [], 0
    for key, document in enumerate(documents, 1):
        items.append(Item(key, 0, at, len(document), 1, f"{key}.xml", 0))
        at += len(document)
    return Job(Judge(tuple(items), (brief,)), (opened,))


@pytest.fixture
def poisoned(tmp_path, monkeypatch):
    """Children in which a document that names a poison does to its child what the poison is; the others are judged as ever."""
    script = tmp_path / "child.py"
    script.write_text(textwrap.dedent("""
        import os, signal, sys, time
        from flux.sandbox import child
        judge = child.judge
        def poisoned(index, name, content, brief, kit):
            if b"<killed/>" in content:
                os.kill(os.getpid(), signal.SIGKILL)
            if b"<stopped/>" in content:
                os.kill(os.getpid(), signal.SIGSTOP)
            if b"<forever/>" in content:
                while True: pass
            if b"<idle/>" in content:
                time.sleep(1.5)
            if b"<greedy/>" in content:
                raise MemoryError
            return judge(index, name, content, brief, kit)
        child.judge = poisoned
        child.main()
    """))
    run_instead(script, monkeypatch)
    monkeypatch.setattr(_process, "GRACE_S", 0.0)


def poison(name):
    return f"<x><{name}/></x>".encode()


def done(*jobs, children=1):
    """By key: the pieces of a document, or what came in their place."""
    with Sandbox(children) as sandbox:
        return gathered(sandbox.run(deque(jobs)))


def brief(judge_s):
    return replace(BRIEF, policy=replace(BRIEF.policy, limits=Limits(judge_s=judge_s)))


def judged(value):
    return isinstance(value, tuple) and value[0].piece is not None


@pytest.mark.parametrize(("what", "why"), [("killed", "crash"), ("greedy", "memory"), ("forever", "time")])
def test_the_neighbours_of_a_poison_document_are_judged_and_it_alone_is_lost(poisoned, what, why):
    values = done(job(SOUND, SOUND, poison(what), SOUND, SOUND, brief=brief(1)))
    assert values.keys() == {1, 2, 3, 4, 5}
    assert (values[3].why, [judged(values[key]) for key in (1, 2, 4, 5)]) == (why, [True] * 4)


def test_a_limit_holds_for_the_first_document_of_a_child_that_was_only_being_started_when_it_was_asked(poisoned):
    began = time.monotonic()
    assert done(job(poison("forever"), brief=brief(1)))[1].why == "time"
    assert time.monotonic() - began < _process.START_S / 2


def test_a_child_that_somebody_stopped_is_our_trouble_and_its_document_not_too_slow(poisoned, monkeypatch):
    monkeypatch.setattr(_process, "STALLS", 2)
    values = done(job(SOUND, poison("stopped"), SOUND, brief=brief(1)))
    assert values[2] == Lost("stalled", "1")
    assert judged(values[1])
    assert judged(values[3])


def test_time_that_passes_without_being_used_is_no_time_that_a_document_took(poisoned):
    """The child does nothing for half as long again as its limit: as on a machine that has no time for it."""
    (value,) = done(job(poison("idle"), brief=brief(1))).values()
    assert not isinstance(value, Lost)


def test_a_child_killed_from_outside_costs_nothing_but_time():
    with Sandbox(1) as sandbox:
        sandbox.start()
        os.killpg(sandbox._children[0].process.pid, signal.SIGKILL)
        time.sleep(0.1)
        first = gathered(sandbox.run(deque([job(SOUND)])))
        again = gathered(sandbox.run(deque([job(SOUND)])))
    assert first[1].why == "start"  # it never said that it was ready: it may be the program that is broken
    assert judged(again[1])


@pytest.mark.parametrize(
    "says",
    [
        "frame(Answer(number, DONE))",                       # done, and nothing answered
        "b'\\xff' * 8",                                      # a frame of four gigabytes
        "frame(Answer(number, 1))[:-1] + b'?'",              # a checksum that is wrong
        "frame(Answer(number + 1, 1, failed='memory'))",     # an answer to another task
        "frame(Answer(number - 1, 1, failed='memory'))",     # an answer to the task before
        "frame(Answer(number, 7, failed='memory'))",         # an answer that nobody asked for
        "frame(Answer(number, 1, judged=Judged(1, 2, '', '')))",              # piece 2, and no piece 1
        "frame(Answer(number, 1, judged=Judged(1, 1, '', ''), more=True)) * 2",  # piece 1, and piece 1 again
        "frame(Answer(number, 1, failed='memory', more=True))",  # nothing, and more of it
    ],
)
def test_what_a_child_says_counts_only_when_it_answers_what_it_was_asked(tmp_path, monkeypatch, says):
    assert mad(says, tmp_path, monkeypatch)[1].why == "crash"


def test_what_a_child_says_twice_counts_once(tmp_path, monkeypatch):
    assert mad("frame(Answer(number, 1, failed='bug: x')) * 2", tmp_path, monkeypatch) == {1: Lost("bug", "x")}


def mad(says, tmp_path, monkeypatch):
    """What comes of a child that says this to whatever it is asked."""
    script = tmp_path / "mad.py"
    script.write_text(textwrap.dedent(f"""
        import socket, sys, time
        from flux.model import Judged
        from flux.sandbox.wire import DONE, READY, Answer, frame, read_tasks
        line = socket.socket(fileno=int(sys.argv[1]))
        line.sendall(frame(Answer(0, READY)))
        buffer = bytearray()
        while True:
            buffer += line.recv(1 << 16)
            for task in read_tasks(buffer):
                number = task.number
                time.sleep(0.5)  # so that what it said before is heard on its own
                line.sendall({says})
        """))
    run_instead(script, monkeypatch)
    return done(job(SOUND))


def test_the_numbers_of_tasks_are_never_used_twice_from_one_run_to_the_next():
    with Sandbox(2) as sandbox:
        numbers = []
        for _ in range(3):
            for result in sandbox.run(deque([job(SOUND), job(SOUND)])):
                numbers += [child._number for child in sandbox._children if child.job] if result else []
    assert max(numbers) == 6


def test_a_child_that_ends_its_task_twice_ends_nothing_else(tmp_path, monkeypatch):
    assert mad("frame(Answer(number, 1, failed='bug: x')) + frame(Answer(number, DONE)) * 2", tmp_path, monkeypatch) == {1: Lost("bug", "x")}


def test_a_caller_that_stops_listening_leaves_no_child_at_work(poisoned):
    with Sandbox(2) as sandbox:
        results = sandbox.run(deque([job(poison("forever")), job(SOUND)]))
        next(filter(None, results))
        results.close()
        assert not [child for child in sandbox._children if child.job]


def test_a_child_that_has_answered_is_not_late_because_its_caller_was(monkeypatch):
    monkeypatch.setattr(_process, "STALLS", 1)
    with Sandbox(2) as sandbox:
        sandbox.start()
        jobs = deque([job(SOUND, brief=brief(1)), replace(job(SOUND), body=replace(job(SOUND).body, items=(Item(2, 0, 0, len(SOUND), 1, "b.xml", 0),), briefs=(brief(1),)))])
        values = gathered(time.sleep(3 if result else 0) or result for result in sandbox.run(jobs))
    assert judged(values[1])
    assert judged(values[2])


def test_an_archive_that_is_asked_again_is_unpacked_anew(tmp_path, monkeypatch):
    """At its first try the child runs out of memory behind the first file: nothing of that may stand before the second try."""
    script = tmp_path / "child.py"
    script.write_text(textwrap.dedent(f"""
        import os
        from flux import containers
        from flux.sandbox import child
        prove = containers.prove
        def forgetful(source, size, sink, limits):
            try:
                mark = os.open({str(tmp_path / "tried")!r}, os.O_CREAT | os.O_EXCL)
            except OSError:
                return prove(source, size, sink, limits)
            sink.write(b"half of it")
            raise MemoryError
        containers.prove = forgetful
        child._confine.close = lambda _folders: ()
        child.main()
    """))
    run_instead(script, monkeypatch)
    archive = zip_of({"a.xml": SOUND, "b.xml": SOUND})
    with TemporaryFile(buffering=0) as source, TemporaryFile(buffering=0) as sink:
        source.write(archive)
        again = [lambda file=file: os.fdopen(os.dup(file.fileno()), "r+b", buffering=0) for file in (source, sink)]
        source.seek(0)
        (proof,) = done(Job(Prove(1, len(archive), Limits()), tuple(again))).values()
        assert (tmp_path / "tried").exists()
        assert os.pread(sink.fileno(), 1 << 20, 0) == SOUND * 2
        assert proof.size == 2 * len(SOUND)


def test_a_file_that_cannot_be_opened_is_the_trouble_of_those_that_need_it():
    def gone():
        raise Fault("FLX-I50", sha256="0", folder="/")

    whole = job(SOUND)
    items = (Item(1, 0, 0, len(SOUND), 1, "a.xml", 0), Item(2, 1, 0, len(SOUND), 1, "b.xml", 0))
    values = done(Job(Judge(items, (BRIEF,)), (*whole.files, gone)))
    assert judged(values[1])
    assert (values[2].why, values[2].detail) == ("fault", "FLX-I50")
