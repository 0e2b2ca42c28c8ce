"""A round is open: flows join it while it runs, and it stops at once. Asked of a real ledger, a real store and real children."""

import errno
import textwrap
from contextlib import closing

import pytest
from rig import EXAMPLES, GOOD
from workroom import NOON, Workroom, run_instead, zip_of

from flux.model import Plumbing
from flux.policy import Policy
from flux.sandbox import _process

SMALL = next(EXAMPLES.glob(GOOD)).read_bytes()
SEVERAL = next(EXAMPLES.glob("16-several-pieces-in-one-file/*.xml")).read_bytes()
LARGE = next(EXAMPLES.glob("15-five-thousand-lines/*.gz")).read_bytes()


@pytest.fixture
def house(tmp_path):
    with closing(Workroom(tmp_path, children=2)) as house:
        yield house


@pytest.fixture
def step(house):
    """The worker's step; one worker a test."""
    return house.worker(Policy(naming="free"), retry_s=[1]).step


def test_a_flow_that_comes_while_a_slow_one_is_judged_is_answered_before_it(house, step):
    for n in range(2):  # both children are up: it is not their start that is asked about
        house.receive(f"first{n}", f"first{n}.xml", SMALL + b" " * (n + 1))
    step()
    house.receive("slow", "slow.xml", LARGE)
    seen = []

    def meanwhile():
        if not house.ledger.flow("quick"):
            house.receive("quick", "quick.xml", SMALL)

    def recorded():
        seen.append((house.state("slow"), house.state("quick")))

    assert step(recorded, meanwhile) == 2
    assert seen[0] == (Plumbing.PROCESSING, Plumbing.DECIDED)
    assert seen[-1] == (Plumbing.DECIDED, Plumbing.DECIDED)


def test_the_files_of_one_small_archive_are_shared_by_all_children(house, step):
    house.receive("four", "four.zip", zip_of({f"{n}.xml": SMALL + b" " * n for n in range(4)}))
    step()
    assert [child.judged for child in house.sandbox._children] == [3, 2]  # one proved it, and each judged two


def test_a_round_that_is_stopped_gives_back_what_it_had_in_hand_and_counts_no_attempt(house, step):
    house.receive("slow", "slow.xml", LARGE)
    step(stopped=lambda: True)
    assert (house.state("slow"), house.ledger.flow("slow").flow.attempt) == (Plumbing.RECEIVED, 0)
    assert not [child for child in house.sandbox._children if child.job]
    step()
    assert (house.state("slow"), house.ledger.flow("slow").flow.attempt) == (Plumbing.DECIDED, 1)


def test_what_was_given_back_by_one_whose_lease_is_lost_is_left_to_its_present_owner(house):
    house.receive("slow", "slow.xml", LARGE)
    (mine,) = house.ledger.take("me", 1, NOON)
    house.ledger.release_leases("")
    (theirs,) = house.ledger.take("somebody", 1, NOON)
    house.ledger.give_back([mine])
    assert (house.state("slow"), house.ledger.flow("slow").flow.attempt) == (Plumbing.PROCESSING, theirs.attempt)


def test_a_content_with_a_bad_sector_is_the_trouble_of_its_own_flow(house, step, monkeypatch):
    house.receive("good", "good.xml", SMALL)
    house.receive("sick", "sick.xml", SMALL + b" ")
    sick = house.ledger.flow("sick").flow.sha256
    whole = house.content.open

    def opened(sha256):
        if sha256 == sick:
            raise OSError(errno.EIO, "Input/output error")
        return whole(sha256)

    monkeypatch.setattr(house.content, "open", opened)
    step()
    assert house.state("good") is Plumbing.DECIDED
    assert (house.state("sick"), house.ledger.flow("sick").reason.code) == (Plumbing.RECEIVED, "FLX-I66")


def test_children_that_cannot_start_are_trouble_that_passes(house, step, monkeypatch):
    house.receive("good", "good.xml", SMALL)
    popen = _process.subprocess.Popen
    monkeypatch.setattr(_process.subprocess, "Popen", lambda _command, **rest: popen(["/bin/false"], **rest))
    step()
    row = house.ledger.flow("good")
    assert (row.state, row.reason.code) == (Plumbing.RECEIVED, "FLX-I72")
    assert house.ledger.events("good")[-1].detail.startswith("1/2 ")  # as often as retry_s says, and not as ``attempts`` does


def test_a_document_of_several_whose_child_dies_between_two_pieces_is_told_whole_and_once(house, step, tmp_path, monkeypatch):
    """At its first try the child is killed when piece 1 is told; it had other documents too, so that each is asked again alone."""
    script = tmp_path / "child.py"
    script.write_text(textwrap.dedent(f"""
        import os, signal
        from flux.sandbox import child
        frame, child.FLUSH_BYTES = child.frame, 0
        def mortal(answer):
            if answer.judged is not None and answer.judged.index == 2 and not os.path.exists({str(tmp_path / "tried")!r}):
                os.close(os.open({str(tmp_path / "tried")!r}, os.O_CREAT))
                os.kill(os.getpid(), signal.SIGKILL)
            return frame(answer)
        child.frame = mortal
        child._confine.close = lambda _folders: ()
        child.main()
    """))
    run_instead(script, monkeypatch)
    house.receive("both", "both.zip", zip_of({"a.xml": SEVERAL, "b.xml": SMALL, "c.xml": SMALL}))
    step()
    assert (tmp_path / "tried").exists()
    assert [row.number for row in house.ledger.pieces(flow="both")] == ["ACP-2026-1601", "EAC-2026-1602", "PDF-2026-1603", "PDF-2026-0301", "PDF-2026-0301"]
    assert not list((tmp_path / "tmp").iterdir())
