"""What every ledger must do. Asked of the real thing on a real file."""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from flux.faults import Fault, Reason
from flux.model import Decided, Decision, Emission, EmissionState, Envelope, Event, Flow, FlowVerdict, Plumbing, Verdict, VerdictKind
from flux.piece import Party, Piece, identity
from flux.rows import Outcome
from flux.stores._chain import event_hash
from flux.stores.sql import SqlLedger, unborn

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WHY = Reason("FLX-I66", "Le disque est plein.", "The disk is full.")


@pytest.fixture
def ledger(tmp_path):
    ledger = SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield ledger
    ledger.close()


def a_flow(id_="f1", **changes):
    return replace(Flow(id_, "batipro", b"a.xml", "sha-" + id_, 10, NOON), **changes)


def an_event(flow, what="received"):
    return Event(flow.id, what, NOON, "test")


def received(ledger, *flows):
    return ledger.receive(list(flows), [an_event(f) for f in flows])


def an_outcome(flow, *numbers, owed=1):
    pieces = tuple(
        Decided(
            Piece(ordinal=n, number=number, supplier=Party(type="1", id="81034732800017")),
            Verdict(VerdictKind.ACCEPTED, ("DEPOSEE", "MISE_A_DISPOSITION")), "a.xml", 1, f"sha-{number}",
        )
        for n, number in enumerate(numbers, 1)
    )  # fmt: skip
    return Outcome(
        flow=flow,
        decision=Decision(FlowVerdict.INTEGRATED, Envelope(), pieces, accepted=sum(d.verdict.kind is VerdictKind.ACCEPTED for d in pieces)),
        told=tuple(b"{}" for _ in pieces),
        told_flow=b"[]",
        identities={identity(d.piece): d.piece.ordinal for d in pieces},
        emissions=tuple(Emission(f"{flow.id}.e{n}", flow.id, 0, "k", "returns/batipro", f"n{n}", "s", "b", 0, 1) for n in range(owed)),
        events=(an_event(flow, "decided"),),
    )


def test_a_flow_received_twice_under_one_id_is_one_flow(ledger):
    received(ledger, a_flow())
    assert received(ledger, a_flow()) == []
    assert len(ledger.flows()) == 1
    assert [e.what for e in ledger.events("f1")] == ["received"]


def test_bytes_of_which_something_went_in_are_a_duplicate_for_the_same_partner_alone(ledger):
    received(ledger, a_flow("f1", sha256="s"))
    (taken,) = ledger.take("me", 10, NOON)
    ledger.record([an_outcome(taken, "A")], NOON)
    again, other = received(ledger, a_flow("f2", sha256="s"), a_flow("f3", sha256="s", partner="other"))
    assert (again.duplicate_of, other.duplicate_of) == ("f1", "")


def test_bytes_that_were_refused_or_not_decided_yet_may_be_sent_again(ledger):
    """For a bad name, say: the sender renames the file, as he was told, and drops it again."""
    received(ledger, a_flow("f1", sha256="s"))
    assert received(ledger, a_flow("f2", sha256="s"))[0].duplicate_of == ""
    flows = ledger.take("me", 10, NOON)
    rejected = an_outcome(flows[0])
    ledger.record([replace(rejected, decision=replace(rejected.decision, verdict=FlowVerdict.REJECTED))], NOON)
    assert received(ledger, a_flow("f3", sha256="s"))[0].duplicate_of == ""


def test_a_flow_whose_attempts_never_came_to_an_end_is_leased_alone_and_one_that_was_postponed_is_not(ledger):
    received(ledger, a_flow("f1"), a_flow("f2"), a_flow("f3"))
    for _ in range(2):
        assert len(ledger.take("dead", 10, NOON)) == 3
        ledger.release_leases("me")
    assert ledger.take("me", 10, NOON, alone=False) == []
    (suspect,) = ledger.take("me", 10, NOON)
    assert (suspect.id, suspect.attempt) == ("f1", 3)
    ledger.postpone(suspect, NOON, WHY, an_event(suspect, "postponed"))
    received(ledger, a_flow("f4"))
    assert [flow.id for flow in ledger.take("me", 10, NOON, alone=False)] == ["f1"]


def test_an_attempt_is_counted_before_the_work_and_a_flow_is_leased_once(ledger):
    received(ledger, a_flow())
    assert [(f.attempt, f.fence) for f in ledger.take("me", 10, NOON)] == [(1, 1)]
    assert ledger.take("me", 10, NOON) == []
    assert ledger.flow("f1").flow.attempt == 1


def test_a_lease_of_the_dead_is_taken_again_with_a_higher_fence(ledger):
    received(ledger, a_flow())
    ledger.take("dead", 10, NOON)
    assert ledger.release_leases("me") == 1
    assert [(f.attempt, f.fence) for f in ledger.take("me", 10, NOON)] == [(2, 2)]


def test_a_worker_that_wakes_late_records_nothing(ledger):
    received(ledger, a_flow())
    (late,) = ledger.take("late", 1, NOON)
    ledger.release_leases("me")
    (mine,) = ledger.take("me", 1, NOON)
    assert ledger.record([an_outcome(late, "L1")], NOON) == {"f1": "fence"}
    assert ledger.pieces(flow="f1") == []
    assert ledger.record([an_outcome(mine, "M1")], NOON) == {}
    assert [p.number for p in ledger.pieces(flow="f1")] == ["M1"]


def test_a_decision_and_all_that_it_owes_are_one_fact(ledger):
    received(ledger, a_flow())
    ledger.record([an_outcome(ledger.take("me", 1, NOON)[0], "N1", "N2", owed=3)], NOON)
    row = ledger.flow("f1")
    assert (row.state, row.verdict, row.pieces, row.accepted) == (Plumbing.DECIDED, "IN_INTEGRE", 2, 2)
    assert [e.state for e in ledger.emissions("f1")] == [EmissionState.PENDING] * 3
    assert [e.what for e in ledger.events("f1")] == ["received", "decided"]


def test_a_second_piece_with_an_identity_that_is_held_is_refused_whole_and_its_neighbour_in_the_group_is_not(ledger):
    received(ledger, a_flow("f1"), a_flow("f2"), a_flow("f3"))
    one, two, three = ledger.take("me", 3, NOON)
    refused = ledger.record([an_outcome(one, "N1"), an_outcome(two, "N0", "N1"), an_outcome(three, "N3")], NOON)
    assert list(refused) == ["f2"]
    assert refused["f2"].startswith("identity")
    assert ledger.flow("f2").state is Plumbing.PROCESSING
    assert [p.number for p in ledger.pieces(number="N1")] == ["N1"]
    held = ledger.deposited([identity(Piece(number="N1", supplier=Party(type="1", id="81034732800017")))])
    assert [(d.flow, d.ordinal, d.sha256) for d in held.values()] == [("f1", 1, "sha-N1")]


def test_a_flow_is_closed_when_everything_it_owes_is_emitted_and_not_before(ledger):
    received(ledger, a_flow())
    ledger.record([an_outcome(ledger.take("me", 1, NOON)[0], "N1", owed=2)], NOON)
    keys = [e.key for e in ledger.owed(10)]
    ledger.staged(keys)
    assert [e.key for e in ledger.unpublished(10)] == keys
    ledger.emitted(keys[:1], [an_event(a_flow(), "closed")])
    assert ledger.flow("f1").state is Plumbing.DECIDED
    ledger.emitted(keys[1:], [an_event(a_flow(), "closed")])
    assert ledger.flow("f1").state is Plumbing.CLOSED
    assert [e.what for e in ledger.events("f1")] == ["received", "decided", "closed"]


def test_an_emission_that_was_never_staged_cannot_be_told_emitted(ledger):
    received(ledger, a_flow())
    ledger.record([an_outcome(ledger.take("me", 1, NOON)[0], "N1")], NOON)
    ledger.emitted(["f1.e0"], [an_event(a_flow(), "closed")])
    assert [e.state for e in ledger.emissions("f1")] == [EmissionState.PENDING]


def test_the_undeliverable_stays_owed_and_goes_behind_the_others(ledger):
    received(ledger, a_flow())
    ledger.record([an_outcome(ledger.take("me", 1, NOON)[0], "N1", owed=2)], NOON)
    ledger.staged(["f1.e0", "f1.e1"])
    ledger.undeliverable({"f1.e0": "File exists"}, NOON, [an_event(a_flow(), "undeliverable")])
    assert [e.key for e in ledger.unpublished(10)] == ["f1.e1", "f1.e0"]
    assert ledger.events("f1")[-1].what == "undeliverable"
    assert ledger.piled().emissions_owed == 2


def test_what_cannot_be_staged_or_published_is_counted_and_shown_among_what_is_owed(ledger):
    received(ledger, a_flow())
    ledger.record([an_outcome(ledger.take("me", 1, NOON)[0], "N1", owed=3)], NOON)
    ledger.staged(["f1.e1"])
    assert (ledger.piled().undeliverable, ledger.piled().some) == (0, ())
    ledger.undeliverable({"f1.e0": "No such content", "f1.e1": "File exists"}, NOON, [])
    piled = ledger.piled()
    assert (piled.emissions_owed, piled.undeliverable, [e.key for e in piled.some]) == (3, 2, ["f1.e0", "f1.e1"])


def test_a_postponed_flow_waits_for_its_hour_and_a_held_one_for_a_person(ledger):
    received(ledger, a_flow())
    (flow,) = ledger.take("me", 1, NOON)
    ledger.postpone(flow, NOON + timedelta(seconds=5), WHY, an_event(flow, "postponed"))
    assert (ledger.flow("f1").state, ledger.flow("f1").reason) == (Plumbing.RECEIVED, WHY)
    assert ledger.take("me", 1, NOON) == []
    assert ledger.next_due() == NOON + timedelta(seconds=5)
    (flow,) = ledger.take("me", 1, NOON + timedelta(seconds=5))
    ledger.hold(flow, Plumbing.HELD, WHY, an_event(flow, "held"))
    assert ledger.take("me", 1, NOON + timedelta(days=9)) == []
    assert (ledger.flow("f1").state, ledger.flow("f1").reason) == (Plumbing.HELD, WHY)


def test_the_journal_is_append_only_and_each_line_is_chained_to_the_one_before(ledger):
    received(ledger, a_flow("f1"), a_flow("f2"))
    first, second = ledger.events("f1") + ledger.events("f2")
    assert (first.before, second.before) == ("", first.hash)
    row = {"before": first.before, "flow": "f1", "piece": 0, "what": "received", "at": "2026-11-23T12:00:00.000000Z", "who": "test", "detail": "", "rows": first.rows}
    assert event_hash(row) == first.hash
    for forgery in ("UPDATE event SET who = 'nobody'", "DELETE FROM event"):
        with pytest.raises(DBAPIError, match="append-only"), ledger._engine.begin() as connection:
            connection.execute(text(forgery))


def test_a_flow_is_found_by_any_part_of_its_id_that_only_it_has(ledger):
    received(ledger, a_flow("20261123-aaa"), a_flow("20261123-bbb"))
    assert ledger.flow("bbb").flow.id == "20261123-bbb"
    assert ledger.flow("20261123") is None
    assert [row.flow.id for row in ledger.alike("20261123", 2)] == ["20261123-bbb", "20261123-aaa"]
    assert ledger.alike("%", 2) == []


def test_flows_are_filtered_by_partner_state_and_paris_day(ledger):
    evening = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # already the 23rd in Paris
    received(ledger, a_flow("f1", received_at=evening), a_flow("f2", received_at=evening - timedelta(hours=1), partner="other"))
    assert [r.flow.id for r in ledger.flows(on=NOON.date())] == ["f1"]
    assert [r.flow.id for r in ledger.flows(partner="other")] == ["f2"]
    assert [r.flow.id for r in ledger.flows(state="CLOSED")] == []
    assert [r.flow.id for r in ledger.flows(state="RECEIVED")] == ["f2", "f1"]


def test_the_ledger_is_kept_in_wal_with_synchronous_full(ledger):
    with ledger._engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2


def test_a_reader_cannot_write(ledger, tmp_path):
    reader = SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}", read_only=True)
    with pytest.raises(Fault, match="readonly"):
        reader.receive([a_flow()], [])
    assert reader.flows() == []
    reader.close()


def test_a_ledger_is_none_until_the_flux_that_makes_it_has_made_it(tmp_path):
    path = tmp_path / "a #1%" / "ledger.db"
    path.parent.mkdir()
    assert unborn(path)
    with closing(sqlite3.connect(path)) as maker:
        maker.execute("PRAGMA journal_mode = WAL")  # as far as a flux may be when somebody asks it for its flows
        assert unborn(path)
    SqlLedger(f"sqlite:///{path}").close()
    assert not unborn(path)


def test_what_is_no_database_is_not_called_unborn(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"something else" * 100)
    assert not unborn(tmp_path / "ledger.db")


def test_a_reader_does_not_wait_for_the_writer(ledger, tmp_path):
    received(ledger, a_flow())
    writer = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    assert ledger.next_due() == NOON
    assert len(ledger.flows()) == 1
    assert time.monotonic() - began < 5
    writer.close()


def test_a_ledger_that_cannot_be_read_is_a_fault(ledger, tmp_path):
    received(ledger, a_flow())
    ledger._engine.dispose()
    with sqlite3.connect(tmp_path / "ledger.db") as raw:
        raw.execute("DROP TABLE flow")
    with pytest.raises(Fault) as met:
        ledger.flows()
    assert met.value.code == "FLX-I27"
