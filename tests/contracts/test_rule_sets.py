"""The sets of rules by the day on which a piece was received: what is judged, what the verdict tells, and what becomes of it when it is judged again."""

import sys
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from workroom import Workroom

from flux import kit
from flux.again import Again
from flux.model import Event, Flow, Severity
from flux.policy import Policy
from flux.replay import Replay, World
from flux.structures import nobody

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from invoices import ubl

LAST = datetime(2026, 8, 31, 21, 59, tzinfo=UTC)   # 23:59 in Paris, before the rules for the public sector judge
FIRST = datetime(2026, 8, 31, 22, 0, tzinfo=UTC)   # midnight in Paris, of the first day on which they do
POLICY = Policy(naming="free", norm={"": Severity.ERROR})
LONG_NAME = ubl(1).replace(b"2026-11-", b"2026-08-").replace(b"BATIPRO SAS", b"B" * 100)


@pytest.fixture
def room(tmp_path):
    room = Workroom(tmp_path)
    yield room
    room.close()


def judge(room, id_, at, **more):
    """The state of a flow that was received then and is judged two days later, and the rules that it tells."""
    sha, size = room.content.add(BytesIO(LONG_NAME))
    room.ledger.receive([Flow(id_, "batipro", b"a.xml", sha, size, at, **more)], [Event(id_, "received", at, "test")])
    room.now = at + timedelta(days=2)
    room.worker(POLICY).step()
    (decided,) = (event for event in room.ledger.events(id_) if event.what == "decided")
    return room.ledger.flow(id_).verdict, decided.detail.split()[-1].removeprefix(kit.build().pack)


def test_a_piece_is_judged_by_the_sets_of_the_day_on_which_it_was_received_and_says_which_they_were(room):
    assert judge(room, "f1", LAST) == ("IN_INTEGRE", "/EN16931-1.3.16/FACTUR-X-1.09.2")
    assert judge(room, "f2", FIRST) == ("IN_REJETE", "/EN16931-1.3.16/BR-FR-CPRO-1.3/FACTUR-X-1.09.2")


def test_what_is_replayed_is_judged_by_the_sets_of_that_day_and_what_is_taken_up_again_by_those_of_its_own(room):
    assert judge(room, "f1", LAST)[0] == "IN_INTEGRE"
    world = World(kit.build(), {"batipro": POLICY}, lambda _at: {}, lambda _at: nobody)
    tally = Replay(room.ledger, room.content, world, room.sandbox).run(LAST - timedelta(days=1), FIRST, "", lambda _done, _all: None)
    assert (tally.pieces, tally.listed) == (1, [])
    assert judge(room, "f2", FIRST, again=Again("f1", "f1", "r1")) == ("IN_REJETE", "/EN16931-1.3.16/BR-FR-CPRO-1.3/FACTUR-X-1.09.2")
