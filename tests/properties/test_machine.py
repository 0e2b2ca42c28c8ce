"""
The protocol against a small model, in any order and with the plug pulled between any two acts: after each step both agree, and the laws hold.

The model knows what each flow may be next; when the plug was pulled, each flow is either as before or as after, and nothing else.
"""

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

from house import WENT_IN, House, PulledError, Row, a_draft, owed_by, sha_of
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flux.faults import Reason
from flux.model import Event, Plumbing
from flux.piece import identity
from flux.when import moment

WHY = Reason("FLX-I66", "Le disque est plein.", "The disk is full.")
cuts = st.one_of(st.none(), st.none(), st.integers(0, 8))  # after how many calls the plug is pulled
names = st.sampled_from([b"a.xml", b"b.tar.gz", b"\xff\n.xml", b"c.zip"])
contents = st.sampled_from([b"<a/>", b"<b/>", b"<c>1</c>"])
pieces = st.lists(st.tuples(st.sampled_from(["N1", "N2", "N3", "N4"]), st.booleans()), max_size=3, unique_by=lambda piece: piece[0])


class Machine(RuleBasedStateMachine):
    """rows: what the ledger must say of each flow. held: identity -> flow. taken: what the consumer carried away."""

    @initialize()
    def begin(self):
        self.fds = open_descriptors()
        self.house = House()
        self.rows, self.dropped, self.held = {}, Counter(), set()
        self.leased, self.taken, self.planted = [], [], {}
        self.seen, self.lines = {}, []

    # -- a step, whole or cut ---------------------------------------------------------------------------------------------------------------

    def act(self, do, cut, after):
        """Do it; *after*: the rows it leads to. Cut: a new start, which may be cut too, and each flow is as before or as after."""
        self.house.plug.left = cut
        try:
            done = do()
        except PulledError:
            self.house.plug.left = None
            self.restart(None, after)
            return None
        self.house.plug.left = None
        self.agree(self.rows | after)
        return done

    def restart(self, cut, after):
        """The objects are dropped, nothing is closed; new ones begin on the same folders."""
        while True:
            self.house.assemble()
            self.house.plug.left = cut
            try:
                self.house.recover()
                break
            except PulledError:
                cut = None
        self.house.plug.left = None
        self.agree(released(self.rows), released(self.rows | after))

    def agree(self, *allowed):
        """The ledger says what one of these says, flow by flow; a new flow is one that was just received."""
        said = self.house.rows()
        for id_, row in said.items():
            fresh = Row("RECEIVED", 0, 0, moment(self.house.now), "", row.twin)
            assert row in [rows.get(id_, fresh) for rows in allowed], (id_, row, allowed)
            if id_ not in self.rows:
                self.prove_twin(id_, row.twin)
        assert self.rows.keys() <= said.keys(), "a receipt is gone"
        self.rows = said

    def prove_twin(self, id_, twin):
        """A flow that brings bytes of which something went in is told of one that brought them, and no other flow is."""
        shas = dict(self.house.ask("select id, sha256 from flow"))
        twins = {other for other, row in self.rows.items() if shas[other] == shas[id_] and row.verdict in WENT_IN}
        assert twin in (twins or {""})

    # -- the world --------------------------------------------------------------------------------------------------------------------------

    @rule(name=names, content=contents)
    def drop(self, name, content):
        path = Path(os.fsdecode(os.fsencode(self.house.root / "inbox") + b"/" + name))
        if not path.exists():
            path.write_bytes(content)
            self.dropped[name, sha_of(content)] += 1

    @rule(seconds=st.integers(1, 100))
    def wait(self, seconds):
        self.house.now += timedelta(seconds=seconds)

    @rule(cut=cuts)
    def crash(self, cut):
        self.restart(cut, {})

    @rule()
    def consume(self):
        """A consumer takes all that stands there, at once."""
        for path, content in self.house.delivered().items():
            if path not in self.planted:
                (self.house.root / "outbox" / path).unlink()
                self.taken.append((path, content))

    @precondition(lambda self: any(state != "EMITTED" for _, state, _, _ in self.house.emissions().values()))
    @rule(data=st.data())
    def plant(self, data):
        """Somebody puts a file where an answer is to stand: it can not be published, and the file is not touched."""
        path = data.draw(st.sampled_from(sorted(path for _, state, path, _ in self.house.emissions().values() if state != "EMITTED")))
        place = self.house.root / "outbox" / path
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"planted")
            self.planted[path] = b"planted"

    @rule()
    def weed(self):
        for path in self.planted:
            (self.house.root / "outbox" / path).unlink()
        self.planted = {}

    # -- the acts ---------------------------------------------------------------------------------------------------------------------------

    @rule(cut=cuts)
    def scan(self, cut):
        if self.act(self.house.intake.step, cut, {}) is not None:
            assert self.house.waiting() == Counter()
            assert list((self.house.root / "claim").iterdir()) == []

    @rule(cut=cuts, limit=st.integers(1, 3))
    def take(self, cut, limit):
        now = moment(self.house.now)
        due = [id_ for id_, row in self.rows.items() if row.state == "RECEIVED" and row.due <= now][:limit]
        after = {id_: r._replace(state="PROCESSING", attempt=r.attempt + 1, fence=r.fence + 1) for id_ in due for r in [self.rows[id_]]}
        got = self.act(lambda: self.house.ledger.take(self.house.owner, limit, self.house.now), cut, after)
        if got is not None:
            assert [flow.id for flow in got] == due
            self.leased += got

    @precondition(lambda self: self.leased)
    @rule(cut=cuts, data=st.data(), pieces=pieces)
    def record(self, cut, data, pieces):
        """By the owner of the lease, or by one that woke up late."""
        self.recorded(data.draw(st.sampled_from(self.leased)), pieces, cut)

    def recorded(self, flow, pieces, cut):
        draft = a_draft(flow, pieces)
        mine = {identity(d.piece) for d in draft.decision.pieces if d.verdict.next_actor}
        why = "identity" if mine & self.held else "" if self.owns(flow) else "fence"
        after = {} if why else {flow.id: self.rows[flow.id]._replace(state="DECIDED", verdict=draft.decision.verdict.value)}
        refused = self.act(lambda: self.house.ledger.record([owed_by(self.house, draft)], self.house.now), cut, after)
        if refused is not None:
            assert refused.get(flow.id, "").partition(" ")[0] == why
        if not why and self.rows[flow.id].state == "DECIDED":
            self.held |= mine

    @precondition(lambda self: self.leased)
    @rule(cut=cuts, data=st.data(), seconds=st.integers(0, 60), way=st.sampled_from(["postpone", "hold", "give_back"]))
    def let_go(self, cut, data, seconds, way):
        flow = data.draw(st.sampled_from(self.leased))
        until, ledger = self.house.now + timedelta(seconds=seconds), self.house.ledger
        event = Event(flow.id, {"postpone": "postponed", "hold": "held"}.get(way, ""), self.house.now, "test")
        do, change = {
            "postpone": (lambda: ledger.postpone(flow, until, WHY, event), {"state": "RECEIVED", "due": moment(until)}),
            "hold": (lambda: ledger.hold(flow, Plumbing.HELD, WHY, event), {"state": "HELD"}),
            "give_back": (lambda: ledger.give_back([flow]), {"state": "RECEIVED", "attempt": flow.attempt - 1}),
        }[way]
        self.act(do, cut, {flow.id: self.rows[flow.id]._replace(**change)} if self.owns(flow) else {})

    @rule(name=names, content=contents, pieces=pieces)
    def bring(self, name, content, pieces):
        """A file goes the whole way to its decision, so that what comes behind is met more often."""
        self.drop(name, content)
        self.scan(None)
        self.take(None, 1)
        for flow in [flow for flow in self.leased if self.owns(flow)][:1]:
            self.recorded(flow, pieces, None)

    @rule(cut=cuts)
    def stage(self, cut):
        def staged():
            return self.house.dispatch._stage(owed) if (owed := self.house.ledger.owed(2)) else 0

        self.act(staged, cut, {})

    @rule(cut=cuts)
    def publish(self, cut):
        self.act_on_emissions(self.house.dispatch._publish, cut)

    @rule(cut=cuts)
    def deliver(self, cut):
        if self.act_on_emissions(self.house.dispatch.step, cut) is not None:
            gone = Counter(path for path, _ in self.taken)
            stuck = {path for _, state, path, _ in self.house.emissions().values() if state != "EMITTED"}
            assert stuck <= {path for path in self.planted if not gone[path]}

    def act_on_emissions(self, do, cut):
        """Flows may be closed by it: which, is what the invariants know."""
        self.house.plug.left = cut
        may = {id_: row._replace(state="CLOSED") for id_, row in self.rows.items() if row.state == "DECIDED"}
        try:
            done = do()
        except PulledError:
            self.house.plug.left = None
            self.restart(None, may)
            return None
        self.house.plug.left = None
        self.agree(self.rows, self.rows | may)
        return done

    def owns(self, flow):
        row = self.rows[flow.id]
        return row.state == "PROCESSING" and row.fence == flow.fence

    # -- the laws ---------------------------------------------------------------------------------------------------------------------------

    @invariant()
    def each_file_that_left_the_inbox_has_one_receipt(self):
        assert self.house.receipts() + self.house.waiting() == self.dropped

    @invariant()
    def each_flow_and_each_piece_has_one_verdict(self):
        decided = Counter(flow for flow, what in self.house.journal() if what == "decided")
        assert decided == {id_: 1 for id_, row in self.rows.items() if row.verdict}
        counted = self.house.ask("select f.id from flow f where f.pieces != (select count(*) from piece p where p.flow = f.id)")
        assert counted == []
        twice = self.house.ask("select number from piece where verdict = 'accepted' group by number having count(*) > 1")
        assert twice == []

    @invariant()
    def each_emission_is_delivered_once_and_is_what_was_recorded(self):
        there = {path: content for path, content in self.house.delivered().items() if path not in self.planted}
        found = Counter(path for path, _ in [*self.taken, *there.items()])
        ready = {path.name for path in (self.house.root / "staged").iterdir() if not path.name.startswith(".")}
        emissions = self.house.emissions()
        for key, (_, state, path, _) in emissions.items():
            assert found[path] == {"PENDING": 0, "STAGED": key not in ready, "EMITTED": 1}[state], (key, state, found[path])
        shas = {path: sha for _, _, path, sha in emissions.values()}
        assert all(shas.get(path) == sha_of(content) for path, content in [*self.taken, *there.items()]), "not what was recorded, or not owed"
        assert all((self.house.root / "outbox" / path).read_bytes() == content for path, content in self.planted.items())

    @invariant()
    def what_was_recorded_stays_and_only_moves_on(self):
        order = ("PENDING", "STAGED", "EMITTED")
        emissions = self.house.emissions()
        for key, (flow, state, path, sha) in self.seen.items():
            assert emissions[key][0] == flow
            assert emissions[key][2:] == [path, sha]
            assert order.index(emissions[key][1]) >= order.index(state)
        lines = self.house.journal()
        assert lines[: len(self.lines)] == self.lines
        self.seen, self.lines = emissions, lines

    @invariant()
    def a_flow_is_closed_when_it_owes_nothing_more(self):
        owing = {flow for flow, state, _, _ in self.house.emissions().values() if state != "EMITTED"}
        for id_, row in self.rows.items():
            assert row.state not in ("DECIDED", "CLOSED") or (row.state == "DECIDED") == (id_ in owing)

    def teardown(self):
        """At rest nothing is left over: a new start, a scan, a delivery."""
        if not hasattr(self, "house"):
            return
        try:
            self.weed()
            self.crash(None)
            self.scan(None)
            self.deliver(None)
            self.each_emission_is_delivered_once_and_is_what_was_recorded()
            assert [path for name in ("tmp", "claim", "staged") for path in (self.house.root / name).iterdir()] == []
            assert self.house.ask("pragma integrity_check") == [("ok",)]
        finally:
            self.house.close()
        assert open_descriptors() <= self.fds, "a descriptor is left open"


def open_descriptors():
    return len([*Path("/proc/self/fd").iterdir()])


def released(rows):
    """What a new start makes of leases: their owner is dead."""
    return {id_: row._replace(state="RECEIVED") if row.state == "PROCESSING" else row for id_, row in rows.items()}


Machine.TestCase.settings = settings(max_examples=max(25, settings().max_examples // 10), stateful_step_count=40)
test_ledger_and_protocol_agree_with_the_model = Machine.TestCase
