"""
What custody costs: sealing, audit, proof, backup, purge and giving space back, on a ledger of many flows. ``python benchmarks/keeping.py 20000``.

Each flow has one piece with 4 kB of told JSON, five emissions of which four stand in one pack of 20 kB, and a received content of 8 kB.
"""

import shutil
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flux import app, audit, config, doors, folders, proof, retention, tables
from flux.backup import check, make
from flux.model import Decided, Decision, Emission, Envelope, Event, Flow, FlowVerdict, Verdict, VerdictKind
from flux.piece import Party, Piece, identity
from flux.policy import Retention
from flux.rows import Outcome
from flux.stores import _seal
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger

OLD = datetime(2026, 1, 1, tzinfo=UTC)
GROUP = 100
KINDS = ("integration", "lifecycle", "report-json", "report-html")


class Clock:
    def __init__(self, what):
        self.what = what

    def __enter__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def __exit__(self, *_):
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        print(f"{self.what:55} {wall:8.2f} s, {cpu:8.2f} s of the processor", flush=True)


def outcome(flow, pack):
    n = flow.id
    piece = Piece(ordinal=1, number=n, supplier=Party(type="1", id="81034732800017"))
    decided = Decided(piece, Verdict(VerdictKind.ACCEPTED), "a.xml", 1, flow.sha256)
    owed = tuple(Emission(f"{n}.{kind}", n, 0, kind, "returns/p", f"{n}.{kind}", pack, pack, 0, 20000) for kind in KINDS)
    routed = Emission(f"{n}.piece.1", n, 1, "piece", "pieces/moe-1", f"{n}-1.xml", flow.sha256, flow.sha256, 0, flow.size)
    told = b'{"ordinal":1,"number":"N","cadre":"A4","verdict":"accepted","findings":[],"x":"%s"}' % (b"x" * 4000)
    events = (Event(n, "decided", OLD, "flux", detail="IN_INTEGRE 1/1"),)
    return Outcome(flow, Decision(FlowVerdict.INTEGRATED, Envelope(), (decided,), accepted=1), (told,), b"[]", {identity(piece): 1}, (*owed, routed), events)


def added(store, contents):
    with store.scratches(len(contents)) as files:
        for file, content in zip(files, contents, strict=True):
            file.write(content)
        return store.keep_all(files)


def fill(ledger, store, count, start=0):
    for first in range(start, start + count, GROUP):
        ids = [f"{n:08}" for n in range(first, first + GROUP)]
        bytes_ = added(store, [(f"{id_} " * 1000).encode()[:8000] for id_ in ids]) if store else [("b" * 64, 8000)] * GROUP
        packs = added(store, [(f"{id_}-" * 3000).encode()[:20000] for id_ in ids]) if store else [("c" * 64, 20000)] * GROUP
        ledger.receive([Flow(id_, "p", b"a.xml", sha, size, OLD) for id_, (sha, size) in zip(ids, bytes_, strict=True)], [Event(id_, "received", OLD, "p") for id_ in ids])
        taken = ledger.take("me", GROUP, OLD)
        assert ledger.record([outcome(flow, pack) for flow, (pack, _) in zip(taken, packs, strict=True)], OLD) == {}
        keys = [f"{id_}.{kind}" for id_ in ids for kind in (*KINDS, "piece.1")]
        ledger.staged(keys)
        ledger.emitted(keys, [Event(id_, "closed", OLD, "flux") for id_ in ids])


def main(count):
    home = Path(tempfile.mkdtemp(prefix="flux-keeping-"))
    known = app.init(home / "site")
    folders.make(known)
    spool = known.spool
    for seals in (True, False):
        keep = _seal.note
        _seal.note = keep if seals else (lambda *_: None)
        with closing(SqlLedger(f"sqlite:///{home}/sealed-{seals}.db")) as ledger, Clock(f"{2000} flows into a ledger, {'sealed' if seals else 'without seals'}"):
            fill(ledger, None, 2000)
        _seal.note = keep
    with closing(SqlLedger(known.ledger_url)) as ledger:
        fill(ledger, FileStore(spool), count)
    print(f"{count} flows: ledger {known.ledger_file.stat().st_size >> 20} MB, store {sum(p.stat().st_size for p in (spool / 'store').glob('*/*')) >> 20} MB")
    with doors.custody(known, read_only=True) as (ledger, store):
        with Clock("the chain alone"):
            assert ledger.journal().broken is None
        with Clock("audit verify"):
            assert audit.verify(ledger, store, "", content=False).sound
        with Clock("audit verify --content"):
            assert audit.verify(ledger, store, "", content=True).sound
        with Clock("the proof of the first flow, all lines behind it"), (home / "p.zip").open("wb") as file:
            proof.build(ledger, store, ledger.flow("00000000"), "", file, "FLUX01")
        print(f"  {(home / 'p.zip').stat().st_size >> 10} kB")
    now = datetime.now(UTC)
    with Clock("backup, the first"):
        make.make(known, home / "kept", now, doors.ledger_at)
    with Clock("backup, the next, nothing new"):
        make.make(known, home / "kept", now + timedelta(seconds=1), doors.ledger_at)
    with Clock("backup verify"):
        assert check.check(home / "kept", doors.ledger_at).wrong == ()
    with doors.custody(known) as (ledger, store):
        kept = Retention(integrated_days=30, returns_days=30, told_days=30)
        with Clock("what a purge would do (--dry-run)"):
            print(" ", retention.foreseen(ledger, store, kept, now + timedelta(days=2), tables.load()))
        with Clock("purge of all of it"):
            *_, gone = retention.purging(ledger, store, kept, now + timedelta(days=2), tables.load(), "night")
        make._ledger(known.ledger_file, home / "whole.db")
        with closing(SqlLedger(f"sqlite:///{home}/whole.db")) as whole, Clock("instead: VACUUM of all of it"):
            whole.vacuum()
        before = known.ledger_file.stat().st_size
        with Clock("free pages given back, step by step"):
            freed = ledger.shrink()
        print(f"  {gone.contents} contents, {gone.size >> 20} MB; ledger {before >> 20} MB, {freed >> 20} MB given back")
    shutil.rmtree(home)


if __name__ == "__main__":
    assert config
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
