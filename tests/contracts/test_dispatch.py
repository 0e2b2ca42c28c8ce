"""What cannot be delivered for now waits behind the others, is told once, and goes out when it can. Real folders, store and ledger."""

from contextlib import closing
from datetime import UTC, datetime
from io import BytesIO

import pytest
from msgspec.structs import replace

from flux.dispatch import GROUP, Dispatch
from flux.model import Decision, Emission, Envelope, Event, Flow, FlowVerdict
from flux.rows import Outcome
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger
from flux.transports.folder import FolderOutbox

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class House:
    """An outbox with a ledger that owes."""

    def __init__(self, folder):
        for name in ("tmp", "store", "staged", "out"):
            (folder / name).mkdir()
        self.out, self.content = folder / "out", FileStore(folder)
        self.ledger = SqlLedger(f"sqlite:///{folder / 'ledger.db'}")
        outbox = FolderOutbox(folder / "staged", lambda target: self.out / target)
        self.dispatch = Dispatch(outbox, self.content, self.ledger, now=lambda: NOON)

    def owe(self, id_, count, content):
        """A flow decided with *count* deliveries of the same bytes."""
        sha, size = self.content.add(BytesIO(content))
        self.ledger.receive([Flow(id_, "batipro", id_.encode(), sha, size, NOON)], [Event(id_, "received", NOON, "test")])
        (flow,) = self.ledger.take("me", 1, NOON)
        owed = tuple(Emission(f"{id_}.{n:04d}", id_, 0, "piece", "pieces", f"{id_}-{n:04d}.xml", sha, sha, 0, size) for n in range(count))
        decision = Decision(FlowVerdict.INTEGRATED, Envelope())
        assert not self.ledger.record([Outcome(flow, decision, (), b"[]", {}, owed, (Event(id_, "decided", NOON, "test"),))], NOON)
        return sha

    def delivered(self, id_):
        return len(list(self.out.glob(f"pieces/{id_}-*")))

    def whats(self, id_):
        return [event.what for event in self.ledger.events(id_)]

    def close(self):
        self.ledger.close()


@pytest.fixture
def house(tmp_path):
    with closing(House(tmp_path)) as house:
        yield house


def test_a_content_that_is_gone_holds_back_nobody_elses_deliveries(house):
    gone = house.content._path(house.owe("first", GROUP + 1, b"one"))
    kept = gone.rename(gone.parent / "kept")
    house.owe("second", 3, b"two")
    house.dispatch.step()
    assert (house.delivered("first"), house.delivered("second")) == (0, 3)
    assert house.whats("second") == ["received", "decided", "closed"]
    kept.rename(gone)
    house.dispatch.step()
    assert house.delivered("first") == GROUP + 1
    assert house.whats("first")[-1] == "closed"


def test_what_cannot_be_delivered_is_told_once_with_the_hour_since_when(house):
    house.owe("first", 1, b"one")
    (house.out / "pieces").write_text("in the way")
    for _ in range(3):
        house.dispatch.step()
    (emission,) = house.ledger.emissions("first")
    assert emission.problem.startswith("2026-11-23T12:00:00.000000Z ")
    assert house.whats("first") == ["received", "decided", "undeliverable"]
    (house.out / "pieces").unlink()
    house.dispatch.step()
    assert (house.delivered("first"), house.whats("first")[-1]) == (1, "closed")
    assert replace(house.ledger.emissions("first")[0], problem="") == house.ledger.emissions("first")[0]
