"""A ledger of an earlier version is brought to this one at its first start, and keeps what it holds."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

from older import as_version

from flux.again import Reinjection, State, Unit, Wanted
from flux.model import Event, Flow
from flux.stores.sql import SqlLedger

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_ledger_of_version_2_takes_flows_up_again(tmp_path):
    path = tmp_path / "ledger.db"
    with closing(SqlLedger(f"sqlite:///{path}")) as fresh:
        fresh.receive([Flow("f1", "batipro", b"a.xml", "s", 1, NOON)], [Event("f1", "received", NOON, "batipro")])
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript("UPDATE flow SET state = 'CLOSED', verdict = 'IN_REJETE';")
    as_version(path, 2)
    with closing(SqlLedger(f"sqlite:///{path}")) as upgraded:
        assert upgraded.flow("f1").flow.again is None
        assert [one.flow for one in upgraded.candidates(Wanted(partner="batipro"))] == ["f1"]
        upgraded.preview(Reinjection("R-1", "anne", "why", "{}", 1, NOON, State.RUNNING), [Unit("f1", "batipro")], Event("R-1", "reinjection", NOON, "anne"))
        assert upgraded.make("R-1", 1, NOON, lambda: "c1").state is State.DONE
        assert upgraded.flow("c1").flow.again.parent == "f1"
        assert upgraded.journal().broken is None
