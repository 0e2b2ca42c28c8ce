"""A round is open: flows join it while it runs, and it stops at once. Asked of a real ledger, a real store and real children."""

import errno
from contextlib import closing
from datetime import UTC, datetime
from io import BytesIO

import pytest
from rig import EXAMPLES, GOOD

from flux import kit, worker
from flux.model import Event, Flow, Plumbing
from flux.policy import Policy
from flux.sandbox import _process
from flux.sandbox.pool import Sandbox
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger
from flux.worker import Settings

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SMALL = next(EXAMPLES.glob(GOOD)).read_bytes()
LARGE = next(EXAMPLES.glob("15-five-thousand-lines/*.gz")).read_bytes()


class House:
    """A worker, its ledger, and the order in which flows are decided."""

    def __init__(self, folder):
        for name in ("tmp", "store"):
            (folder / name).mkdir()
        self.ledger = SqlLedger(f"sqlite:///{folder / 'ledger.db'}")
        self.content, self.sandbox = FileStore(folder), Sandbox(2)
        settings = Settings("me", "FLUX01", {"batipro": Policy(naming="free")}, {}, 3, [1])
        self.worker = worker.Worker(self.ledger, self.content, self.sandbox, kit.build(), settings, now=lambda: NOON)

    def receive(self, id_, content):
        sha, size = self.content.add(BytesIO(content))
        self.ledger.receive([Flow(id_, "batipro", f"{id_}.xml".encode(), sha, size, NOON)], [Event(id_, "received", NOON, "test")])

    def state(self, id_):
        return self.ledger.flow(id_).state

    def close(self):
        self.sandbox.close()
        self.ledger.close()


@pytest.fixture
def house(tmp_path):
    with closing(House(tmp_path)) as house:
        yield house


def test_a_flow_that_comes_while_a_slow_one_is_judged_is_answered_before_it(house):
    house.receive("slow", LARGE)
    seen = []

    def meanwhile():
        if not house.ledger.flow("quick"):
            house.receive("quick", SMALL)

    def recorded():
        seen.append((house.state("slow"), house.state("quick")))

    assert house.worker.step(recorded, meanwhile) == 2
    assert seen[0] == (Plumbing.PROCESSING, Plumbing.DECIDED)
    assert seen[-1] == (Plumbing.DECIDED, Plumbing.DECIDED)


def test_a_round_that_is_stopped_gives_back_what_it_had_in_hand_and_counts_no_attempt(house):
    house.receive("slow", LARGE)
    house.worker.step(stopped=lambda: True)
    assert (house.state("slow"), house.ledger.flow("slow").flow.attempt) == (Plumbing.RECEIVED, 0)
    assert not [child for child in house.sandbox._children if child.job]
    house.worker.step()
    assert (house.state("slow"), house.ledger.flow("slow").flow.attempt) == (Plumbing.DECIDED, 1)


def test_what_was_given_back_by_one_whose_lease_is_lost_is_left_to_its_present_owner(house):
    house.receive("slow", LARGE)
    (mine,) = house.ledger.take("me", 1, NOON)
    house.ledger.release_leases("")
    (theirs,) = house.ledger.take("somebody", 1, NOON)
    house.ledger.give_back([mine])
    assert (house.state("slow"), house.ledger.flow("slow").flow.attempt) == (Plumbing.PROCESSING, theirs.attempt)


def test_a_content_with_a_bad_sector_is_the_trouble_of_its_own_flow(house, monkeypatch):
    house.receive("good", SMALL)
    house.receive("sick", SMALL + b" ")
    sick = house.ledger.flow("sick").flow.sha256
    whole = house.content.open

    def opened(sha256):
        if sha256 == sick:
            raise OSError(errno.EIO, "Input/output error")
        return whole(sha256)

    monkeypatch.setattr(house.content, "open", opened)
    house.worker.step()
    assert house.state("good") is Plumbing.DECIDED
    assert (house.state("sick"), house.ledger.flow("sick").reason.code) == (Plumbing.RECEIVED, "FLX-I66")


def test_children_that_cannot_start_are_trouble_that_passes(house, monkeypatch):
    house.receive("good", SMALL)
    popen = _process.subprocess.Popen
    monkeypatch.setattr(_process.subprocess, "Popen", lambda _command, **rest: popen(["/bin/false"], **rest))
    house.worker.step()
    row = house.ledger.flow("good")
    assert (row.state, row.reason.code) == (Plumbing.RECEIVED, "FLX-I72")
    assert house.ledger.events("good")[-1].detail.startswith("1/2 ")  # as often as retry_s says, and not as ``attempts`` does
