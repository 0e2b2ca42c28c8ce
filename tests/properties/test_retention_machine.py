"""
Who needs which content, against a small model: whatever is received, owed, handed on, acknowledged and purged, in any order, no row that still needs
a content ever misses it, what nobody needs is gone after a purge, and a row that misses one says that it was purged.
"""

import hashlib
import os
import shutil
import tempfile
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from house import MEMORY
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from lives import NOON, a_standing
from msgspec.structs import replace

from flux import retention, tables
from flux.dossier import Ref
from flux.model import Decision, Emission, Envelope, Event, Flow, FlowVerdict
from flux.policy import Retention
from flux.rows import Moved, Outcome
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger

TABLES = tables.load()
FINAL = next(status for status, row in TABLES.life.statuses.items() if row.final)
LATER = datetime.now(UTC) + timedelta(days=400)
contents = st.sampled_from([b"<a/>", b"<b/>", b"<c/>", b"<d/>"])
verdicts = st.sampled_from([FlowVerdict.INTEGRATED, FlowVerdict.REJECTED, FlowVerdict.PARTIAL])
days = st.sampled_from([0, 1])


class Custody(RuleBasedStateMachine):
    """flows: by id, [what was received, verdict, emissions (kind, blob, delivered), acknowledged, dossier open, purged]."""

    @initialize()
    def begin(self):
        self.spool = Path(tempfile.mkdtemp(prefix="flux-custody-", dir=MEMORY))
        for name in ("store", "tmp"):
            (self.spool / name).mkdir()
        self.store = FileStore(self.spool)
        self.ledger = SqlLedger(f"sqlite:///{self.spool}/ledger.db")
        self.flows, self.orphans = {}, set()

    def teardown(self):
        if hasattr(self, "ledger"):
            self.ledger.close()
            shutil.rmtree(self.spool)

    def emission(self, flow, kind, blob):
        n = len(self.flows[flow]["owed"])
        self.flows[flow]["owed"].append([kind, blob, False])
        return Emission(f"{flow}.{n}", flow, 1, kind, "returns/p", f"{flow}-{n}", blob, blob, 0, 1)

    @rule(content=contents, verdict=verdicts, member=contents, pack=contents, dossier=st.booleans(), delivers=st.booleans())
    def a_flow_is_decided(self, content, verdict, member, pack, dossier, delivers):
        """member: what its pieces were taken from; pack: its return flows, which may be the very bytes of something else."""
        id_ = f"f{len(self.flows):03}"
        shas = [self.store.add(BytesIO(one))[0] for one in (content, member, pack)]
        self.flows[id_] = {"sha": shas[0], "verdict": verdict, "owed": [], "seen": False, "open": dossier, "gone": set()}
        flow = Flow(id_, "p", b"a.xml", shas[0], len(content), NOON)
        self.ledger.receive([flow], [Event(id_, "received", NOON, "p")])
        (taken,) = self.ledger.take("me", 1, NOON)
        owed = (self.emission(id_, "piece", shas[1]), self.emission(id_, "report-json", shas[2]))
        standings = (replace(a_standing(flow=id_), first=Ref(id_, 1)),) if dossier else ()
        events = (Event(id_, "decided", NOON, "flux"),)
        self.ledger.record([Outcome(taken, Decision(verdict, Envelope()), (), b"[]", {}, owed, events, standings)], NOON)
        if delivers:
            self.deliver(id_)

    def deliver(self, id_):
        keys = [f"{id_}.{n}" for n in range(len(self.flows[id_]["owed"]))]
        self.ledger.staged(keys)
        self.ledger.emitted(keys, [Event(id_, "closed", NOON, "flux")])
        for one in self.flows[id_]["owed"]:
            one[2] = True

    @precondition(lambda self: self.flows)
    @rule(data=st.data())
    def all_is_delivered(self, data):
        self.deliver(data.draw(st.sampled_from(sorted(self.flows))))

    @precondition(lambda self: any(one["open"] for one in self.flows.values()))
    @rule(data=st.data(), content=contents, ends=st.booleans())
    def a_piece_moves(self, data, content, ends):
        id_ = data.draw(st.sampled_from([id_ for id_, one in self.flows.items() if one["open"]]))
        standing = self.ledger.standing(Ref(id_, 1))
        step = replace(standing.last, seq=standing.last.seq + 1, status=FINAL if ends else standing.status, waits=None if ends else standing.waits)
        sha, _ = self.store.add(BytesIO(content))
        owed = (self.emission(id_, "lifecycle", sha),)
        assert self.ledger.move([Moved(replace(standing, moves=(*standing.moves, step)), standing.last.seq)], owed, [Event(id_, "moved", NOON, "x", 1)]) == ""
        self.flows[id_]["open"] = not ends

    @precondition(lambda self: self.flows)
    @rule(data=st.data())
    def somebody_acknowledges(self, data):
        id_ = data.draw(st.sampled_from(sorted(self.flows)))
        self.ledger.acknowledge([id_], "claire", "vu", NOON)
        self.flows[id_]["seen"] = True

    @rule(content=st.sampled_from([b"<x/>", b"<a/>"]))
    def a_crash_leaves_something(self, content):
        self.orphans.add(self.store.add(BytesIO(content))[0])

    @rule(integrated=days, refused=days, returns=days, told=days)
    def it_is_purged(self, integrated, refused, returns, told):
        kept = Retention(integrated, refused, returns, told, 1)
        foreseen = retention.foreseen(self.ledger, self.store, kept, LATER, TABLES)
        *_, gone = retention.purging(self.ledger, self.store, kept, LATER, TABLES, "claire")
        assert (foreseen.flows, foreseen.contents, foreseen.size) == (gone.flows, gone.contents, gone.size)
        for one in self.flows.values():
            refusal = one["verdict"] is not FlowVerdict.INTEGRATED
            if one["open"] or not all(delivered for *_, delivered in one["owed"]) or (refusal and not one["seen"]):
                continue
            one["gone"] |= {what for what, on in (("content", refused if refusal else integrated), ("returns", returns), ("told", told)) if on}
        assert self.there() == self.needed()

    def needed(self):
        found = {one["sha"] for one in self.flows.values() if "content" not in one["gone"]}
        for one in self.flows.values():
            found |= {blob for kind, blob, done in one["owed"] if not done or ("content" if kind == "piece" else "returns") not in one["gone"]}
        return found

    def there(self):
        return {path.name for path in (self.spool / "store").glob("*/*")}

    @invariant()
    def nothing_that_is_needed_is_missing(self):
        if not hasattr(self, "ledger"):
            return
        assert self.needed() <= self.there()
        assert set(self.ledger.wanted()) == self.needed()
        for id_, one in self.flows.items():
            assert {purge.what for purge in self.ledger.purged(id_)} == one["gone"]


TestCustody = Custody.TestCase
TestCustody.settings = settings(settings.get_profile(settings._current_profile), max_examples=25, stateful_step_count=30)


def test_what_is_written_again_while_it_is_being_purged_is_never_lost(tmp_path):
    """A writer that gives a content its name again, and needs it, beside a purge that found it old and needed by nobody."""
    for name in ("store", "tmp"):
        (tmp_path / name).mkdir()
    content = b"<again/>"
    sha = hashlib.sha256(content).hexdigest()
    path, over = tmp_path / "store" / sha[:2] / sha, threading.Event()
    gone, now = [0], datetime.now(UTC)
    FileStore(tmp_path).add(BytesIO(content))

    def purge():
        with closing(SqlLedger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
            while not over.is_set():
                *_, done = retention.purging(ledger, FileStore(tmp_path), Retention(orphan_days=1), now, TABLES, "claire")
                gone[0] += done.contents

    with closing(SqlLedger(f"sqlite:///{tmp_path}/ledger.db")):
        thread = threading.Thread(target=purge)
        thread.start()
        for _ in range(300):
            if path.exists():
                try:
                    os.utime(path, (0, 0))  # old again, and of nobody
                except FileNotFoundError:
                    continue
            FileStore(tmp_path).add(BytesIO(content))
            assert path.exists()
        over.set()
        thread.join()
    assert gone[0] > 0
