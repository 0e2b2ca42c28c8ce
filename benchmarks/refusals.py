"""
What it costs to count causes: ``python benchmarks/refusals.py`` records an archive of 1,000 pieces, none or all of them refused.

Processor time of ``Ledger.record`` alone, with and without what was met, in turn, the middle of the rounds; and of the look at the book of
quarantines, which the worker takes before each lease.
"""

import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from flux.cause import Met
from flux.model import Decided, Decision, Envelope, Flow, FlowVerdict, Verdict, VerdictKind
from flux.piece import Piece
from flux.rows import Outcome
from flux.stores.sql import SqlLedger

NOW = datetime(2026, 11, 26, 6, tzinfo=UTC)
PIECES, ROUNDS = 1000, 15
TOLD = b'{"findings": []}' + b" " * 2000


def recorded(ledger, n, met):
    ledger.receive([Flow(f"f{n}", "p", b"a.zip", f"s{n}", 1, NOW)], [])
    (flow,) = ledger.take("me", 1, NOW)
    kind, verdict = (VerdictKind.REJECTED, FlowVerdict.REJECTED) if met else (VerdictKind.ACCEPTED, FlowVerdict.INTEGRATED)
    pieces = tuple(Decided(Piece(ordinal=k, number=f"N{k}"), Verdict(kind), "a.xml", k, "s") for k in range(1, PIECES + 1))
    whole = Outcome(flow, Decision(verdict, Envelope(), pieces, pack="rules"), (TOLD,) * PIECES, b"[]", {}, (), (), met=met)
    began = time.process_time()
    assert ledger.record([whole], NOW) == {}
    return (time.process_time() - began) * 1000


def main():
    places = [tuple(Met(n, f"FLX-M{n % few:02d}", "amounts.ht", True) for n in range(1, PIECES + 1)) for few in (1, 20)]
    cases = {"no piece refused": (), "1,000 refused by one code": places[0], "1,000 refused by 20 codes": places[1]}
    took = {name: [] for name in cases}
    with TemporaryDirectory() as folder:
        ledger = SqlLedger(f"sqlite:///{Path(folder) / 'ledger.db'}")
        for n in range(ROUNDS):
            for k, (name, met) in enumerate(cases.items()):
                took[name].append(recorded(ledger, f"{n}-{k}", met))
        looks = 1000
        began = time.process_time()
        for _ in range(looks):
            ledger.quarantines()
        look = (time.process_time() - began) / looks * 1000
        ledger.close()
    print("| an archive of 1,000 pieces | `record`, processor |\n|---|---|")
    for name, some in took.items():
        print(f"| {name} | {statistics.median(some):.1f} ms |")
    print(f"\nA look at the book of quarantines: {look:.2f} ms of the processor. {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
