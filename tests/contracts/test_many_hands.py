"""Several people take up what overlaps, at once and in pieces, each with a ledger of his own: every piece is taken up by exactly one of them."""

import json
import random
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from itertools import count

import pytest

from flux.again import Reinjection, State, Unit
from flux.model import Event, Flow
from flux.stores.sql import SqlLedger

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FLOWS, PIECES, HANDS = 6, 5, 4


@pytest.fixture
def url(tmp_path):
    """Six flows of five refused pieces each."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with closing(SqlLedger(url)) as ledger:
        flows = [Flow(f"f{n}", "batipro", b"a.tar.gz", f"s{n}", 1, NOON) for n in range(FLOWS)]
        ledger.receive(flows, [Event(flow.id, "received", NOON, "batipro") for flow in flows])
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as raw, raw:
        raw.execute("UPDATE flow SET state = 'CLOSED', verdict = 'IN_REJETE', pieces = ?", (PIECES,))
        told = json.dumps({"findings": [{"severity": "error", "code": "FLX-P20", "field": "moe", "line": 1, "xpath": "/"}]}).encode()
        rows = [(f"f{n}", ordinal, "N", "A4", "S", "rejected", told) for n in range(FLOWS) for ordinal in range(1, PIECES + 1)]
        raw.executemany("INSERT INTO piece (flow, ordinal, number, cadre, supplier, verdict, told) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    return url


def hand(url, name, seed):
    """One person: some pieces of some flows, made a few at a time; now and then begun anew, as after a kill. Gives what he asked for."""
    luck, ids = random.Random(seed), count(1)  # noqa: S311 - the same seed, the same asking
    asked = {f"f{n}": tuple(sorted(luck.sample(range(1, PIECES + 1), luck.randint(1, PIECES)))) for n in luck.sample(range(FLOWS), luck.randint(2, FLOWS))}
    units = [Unit(flow, "batipro", ordinals) for flow, ordinals in asked.items()]
    with closing(SqlLedger(url)) as ledger:
        ledger.preview(Reinjection(name, name, "why", "{}", 1, NOON, State.RUNNING), units, Event(name, "reinjection", NOON, name))
    while True:
        with closing(SqlLedger(url)) as ledger:
            for _ in range(luck.randint(1, 3)):
                if ledger.make(name, luck.randint(1, 4), NOON, lambda: f"{name}-{next(ids)}").state is State.DONE:
                    return asked


@pytest.mark.parametrize("seed", range(3))
def test_each_piece_is_taken_up_once_whoever_asks_for_it_at_the_same_moment(url, seed):
    with ThreadPoolExecutor(HANDS) as hands:
        asked = list(hands.map(lambda n: hand(url, f"R{n}", seed * HANDS + n), range(HANDS)))
    wanted = {(flow, ordinal) for one in asked for flow, ordinals in one.items() for ordinal in ordinals}
    with closing(SqlLedger(url)) as ledger:
        children = [row.flow for row in ledger.flows(limit=1000) if row.flow.again]
        made = Counter((c.again.parent, n) for c in children for n in c.again.pieces or range(1, PIECES + 1))
        assert made == Counter(wanted)
        assert ledger.journal().broken is None
