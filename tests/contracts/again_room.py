"""A workroom in which people take things up again: the library call over a real ledger, a real store and real children, shared by the tests of a module."""

from contextlib import closing, contextmanager, nullcontext
from datetime import timedelta
from io import BytesIO
from itertools import count

import pytest
from rig import EXAMPLES
from workroom import Workroom

from flux import kit, marketfile, reinjection, tables
from flux.again import Named, Wanted
from flux.faults import Fault
from flux.market import Market
from flux.model import Event, Flow
from flux.ops import Office
from flux.policy import Policy
from flux.rehearsal import Stage
from flux.reinjection import Asked, Desk
from flux.stores.aside import aside
from flux.worker import Settings, Worker

BATCH = (EXAMPLES / "13-unknown-recipient" / "FSO4100A_ABC001_ABC0014100000000000001301.tar.gz").read_bytes()  # pieces 1 to 4 are refused, 5 is accepted
NAME = "FSO4100A_ABC001_ABC0014100000000000001301.tar.gz"
KIT = kit.build()
ABSENT = "2026-MT-0999"  # the market that piece 4 names and nobody knows


def marketfile_of_the_examples(replaced="", by=""):
    """The markets that the examples know, by number."""
    text = (EXAMPLES / "markets.toml").read_text("utf-8").replace(replaced or ABSENT, by or ABSENT)
    return {market.number: market for market in marketfile.read(text.encode(), "markets.toml", tables.load()).markets}


def market_known():
    """The market without which piece 4 has no MOE."""
    return marketfile_of_the_examples("2025-EP-0308", ABSENT)


class AgainRoom(Workroom):
    """One installation's inner half, with its desk. markets: what is known now; above: the threshold of the second person."""

    def __init__(self, folder, sandbox):
        super().__init__(folder)
        self.sandbox, self._ids, self.above, self.folder = sandbox, count(1), 100, folder
        self.markets: dict[str, Market] = {}
        self.policies = {"batipro": Policy(), "toitures": Policy(naming="free")}
        self.waited: list[float] = []

    def receive(self, id_, name=NAME, content=BATCH, partner="batipro"):
        sha, size = self.content.add(BytesIO(content))
        self.ledger.receive([Flow(id_, partner, name.encode(), sha, size, self.now)], [Event(id_, "received", self.now, "test")])

    def work(self, times=1):
        asked = Settings("me", "FLUX01", self.policies, (), lambda: self.markets, 1, (1,))
        one = Worker(self.ledger, self.content, self.sandbox, KIT, asked, now=lambda: self.now)
        for _ in range(times):
            one.step()
            self.now += timedelta(minutes=1)

    def three_more(self):
        """Three flows of one refused piece each, beside the batch; what finds them."""
        for n in range(3):
            self.receive(f"g{n}", f"x{n}.xml", b"<nothing/>" * (n + 1), partner="toitures")
        self.work()
        return {"partner": "toitures"}

    @property
    def office(self):
        return Office(self.ledger, self.content, KIT, self.policies, (), "FLUX01", lambda: self.markets)

    def desk(self, wait=None):
        def waited(seconds):
            self.waited.append(seconds)
            return wait(self) if wait else True

        stage = Stage(self.office, lambda: aside(self.content, self.folder, self.now.timestamp()), lambda: nullcontext(self.sandbox), lambda: self.now)
        return Desk(stage, lambda: self.now, lambda: f"c{next(self._ids)}", self.above, lambda: None, waited)

    def preview(self, *flows, key="", file=None, **filter_):
        named = tuple(one if isinstance(one, Named) else Named(one) for one in flows)
        return reinjection.preview(self.desk(), Asked(Wanted(named, **filter_), "anne", "the market file came late", key, file))

    def begin(self, seen, by="anne", **rest):
        return reinjection.begin(self.desk(), seen.id, seen.count, by, **rest)

    def again(self, *flows, **filter_):
        """Previewed, begun, made and judged; gives the preview and the results."""
        seen = self.preview(*flows, **filter_)
        if seen.id:
            self.begin(seen)
            reinjection.run(self.desk(), seen.id)
            self.work()
        return seen, self.ledger.results(seen.id) if seen.id else None

    def close(self):
        self.ledger.close()

    def pieces(self, id_):
        return {row.ordinal: row.verdict for row in self.ledger.pieces(flow=id_)}

    def said(self, id_, kind):
        """The bytes of a return flow of this flow."""
        one = next(e for e in self.ledger.emissions(id_) if e.kind == kind)
        with self.content.open(one.blob) as blob:
            blob.seek(one.offset)
            return one.name, blob.read(one.size).decode()


@contextmanager
def refused_batch(folder, children):
    """A room with a batch whose first four pieces are refused: three for their recipient, the fourth for a market that nobody knows."""
    with closing(AgainRoom(folder, children)) as room:
        room.receive("f1")
        room.work()
        assert room.pieces("f1") == {1: "rejected", 2: "rejected", 3: "rejected", 4: "rejected", 5: "accepted"}
        yield room


def refused(call, *given, **more):
    with pytest.raises(Fault) as trouble:
        call(*given, **more)
    return trouble.value.code


def by_ordinal(seen):
    return {one.ordinal: (one.what, one.codes) for one in seen.becomes}
