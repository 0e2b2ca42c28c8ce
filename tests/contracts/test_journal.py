"""What the journal's chain shows, and what it cannot. Asked of a real ledger that somebody changed with a database shell."""

import sqlite3
from datetime import UTC, datetime

import pytest

from flux.faults import Reason
from flux.model import Event, Flow, Plumbing
from flux.stores import _chain
from flux.stores.sql import SqlLedger

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(params=[2, 5000], ids=["in batches of two", "in one batch"])
def path(tmp_path, monkeypatch, request):
    """A ledger of five flows, one of them held: six lines."""
    monkeypatch.setattr(_chain, "BATCH", request.param)
    path = tmp_path / "ledger.db"
    ledger = SqlLedger(f"sqlite:///{path}")
    for n in range(1, 6):
        ledger.receive([Flow(f"f{n}", "p", b"a.xml", f"sha{n}", 1, NOON)], [Event(f"f{n}", "received", NOON, "p")])
    (flow,) = ledger.take("me", 1, NOON)
    ledger.hold(flow, Plumbing.HELD, Reason("FLX-I66", "—", "—"), Event("f1", "held", NOON, "flux"))
    ledger.close()
    return path


def walked(path, forgery=""):
    """The journal as the walk finds it, after somebody with the pen did this."""
    with sqlite3.connect(path) as raw:
        for trigger in ("event_is_never_changed", "event_is_never_deleted"):
            raw.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        raw.executescript(forgery)
    raw.close()
    ledger = SqlLedger(f"sqlite:///{path}", read_only=True)
    try:
        return ledger.journal()
    finally:
        ledger.close()


def test_a_journal_that_nobody_touched_is_whole_and_told_with_its_last_hash(path):
    found = walked(path)
    assert (found.lines, found.broken, found.missing) == (6, None, ())
    with sqlite3.connect(path) as raw:
        assert found.head == raw.execute("SELECT hash FROM event WHERE seq = 6").fetchone()[0]
    raw.close()


@pytest.mark.parametrize(
    ("forgery", "lines", "broken"),
    [
        ("UPDATE event SET detail = 'nothing' WHERE seq = 3", 2, 3),
        ("UPDATE event SET hash = before WHERE seq = 1", 0, 1),
        ("DELETE FROM event WHERE seq = 4", 3, 5),
        ("DELETE FROM event WHERE seq = 1", 0, 2),
        ("INSERT INTO event SELECT 7, flow, piece, what, at, who, detail, rows, before, hash FROM event WHERE seq = 6", 6, 7),
    ],
)
def test_the_first_line_that_was_changed_or_follows_a_gap_is_named(path, forgery, lines, broken):
    found = walked(path, forgery)
    assert (found.lines, found.broken) == (lines, broken)


@pytest.mark.parametrize(("forgery", "missing"), [("DELETE FROM event WHERE seq = 6", ("f1",)), ("DELETE FROM event WHERE seq > 3", ("f4", "f5"))])
def test_an_end_that_was_cut_off_is_shown_by_flows_that_say_more_than_the_journal(path, forgery, missing):
    found = walked(path, forgery)
    assert (found.broken, found.missing) == (None, missing)


def test_an_end_that_was_cut_off_with_its_flows_is_shown_only_by_a_hash_that_was_kept_elsewhere(path):
    kept = walked(path).head
    found = walked(path, "DELETE FROM event WHERE seq > 3; DELETE FROM flow WHERE seq > 3; UPDATE flow SET state = 'RECEIVED'")
    assert (found.lines, found.broken, found.missing) == (3, None, ())
    assert found.head != kept


def test_an_empty_journal_is_whole(tmp_path):
    ledger = SqlLedger(f"sqlite:///{tmp_path / 'new.db'}")
    assert (ledger.journal().lines, ledger.journal().broken, ledger.journal().missing) == (0, None, ())
    ledger.close()
