"""Causes: what is counted of a decision and of a hold, exactly which pieces a code alone refused, and a ledger of version 2 brought over."""

import sqlite3
from contextlib import closing
from datetime import date, timedelta

import pytest
from msgspec.structs import replace
from older import as_version
from rig import EXAMPLES
from workroom import NOON, Workroom

from flux.cause import ELSEWHERE, Met, Sought, met, place_of
from flux.faults import Reason
from flux.model import Decided, Decision, Envelope, Event, Finding, Flow, FlowVerdict, Plumbing, Severity, Verdict, VerdictKind
from flux.piece import Piece
from flux.policy import Policy
from flux.rows import Outcome
from flux.stores._causes import PLACES
from flux.stores.sql import SqlLedger

TODAY = date(2026, 11, 23)
ROLES = ("supplier", "recipient", "moe", "moa", "valideur", "status")
FEW = ("04-a5-in-edi", "10-damaged-archive", "11-duplicates", "16-several-pieces-in-one-file", "20-wrong-amounts", "21-bad-name", "22-generic-rules")


@pytest.fixture
def ledger(tmp_path):
    ledger = SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield ledger
    ledger.close()


def decided(ledger, flow, *mets, at=NOON, partner="batipro"):
    """A flow that is recorded with these reasons."""
    ledger.receive([Flow(flow, partner, b"a.xml", "sha-" + flow, 10, NOON)], [Event(flow, "received", NOON, "test")])
    (taken,) = ledger.take("me", 1, NOON + timedelta(days=99))
    outcome = Outcome(taken, Decision(FlowVerdict.REJECTED, Envelope(), pack="rules-1"), (), b"[]", {}, (), (), met=mets)
    assert ledger.record([outcome], at) == {}


def told(ledger, **sought):
    causes, total = ledger.causes(Sought(**sought), TODAY)
    return [(c.code, c.place, c.partner, c.count) for c in causes], total


def weigh(finding):
    return Severity.WARNING if finding.code.startswith("FLX-L") else Severity.ERROR


def refused(*findings, flow=()):
    verdict = Verdict(VerdictKind.REJECTED, findings=findings)
    return Decision(FlowVerdict.REJECTED, Envelope(), (Decided(Piece(ordinal=1), verdict, "a.xml", 1, "s"),), flow)


@pytest.mark.parametrize(
    ("field", "xpath", "place"),
    [
        ("vat[2].rate", "/a/b[3]", "vat.rate"),
        ("", "/rsm:Invoice/ram:Line[14]/ram:Note[2]", "/rsm:Invoice/ram:Line/ram:Note"),
        ("", "/" + "x" * 500, "/" + "x" * 159),
    ],
    ids=["the field goes first", "else the path without positions", "which a document cannot make as long as it likes"],
)
def test_a_place_is_where_without_the_numbers(field, xpath, place):
    assert place_of(field, xpath) == place


def test_a_code_is_alone_when_no_other_refuses_the_piece_or_its_flow():
    sole, twice = Finding("FLX-P03", "supplier.id"), Finding("FLX-P03", "recipient.id")
    assert tuple(met(refused(sole, twice, Finding("FLX-L10")), weigh)) == (Met(1, "FLX-P03", "supplier.id", True), Met(1, "FLX-P03", "recipient.id", True))
    assert {m.alone for m in met(refused(sole, Finding("FLX-M01")), weigh)} == {False}
    assert {(m.ordinal, m.alone) for m in met(refused(sole, flow=(Finding("FLX-T01"),)), weigh)} == {(0, True), (1, False)}


def test_a_code_is_not_called_alone_when_more_was_found_than_is_told():
    """FLX-L18 among nothing but errors: what is not told may be an error of another code. Errors go first, so a warning beside it says that none is left."""
    sole, more = Finding("FLX-P03", "supplier.id"), Finding("FLX-L18")
    assert [m.alone for m in met(refused(sole, more), weigh)] == [False]
    assert [m.alone for m in met(refused(sole, Finding("FLX-L10"), more), weigh)] == [True]


def test_a_cause_is_a_code_at_a_place_with_a_partner_counted_once_a_piece(ledger):
    decided(ledger, "f1", Met(1, "FLX-P03", "supplier.id", True), Met(2, "FLX-P03", "supplier.id", False), Met(2, "FLX-M01", "amounts.ht", False))
    decided(ledger, "f2", Met(1, "FLX-P03", "supplier.id", True), partner="other")
    assert told(ledger) == ([("FLX-P03", "supplier.id", "batipro", 2), ("FLX-M01", "amounts.ht", "batipro", 1), ("FLX-P03", "supplier.id", "other", 1)], 4)
    assert told(ledger, partner="other") == ([("FLX-P03", "supplier.id", "other", 1)], 1)
    assert told(ledger, code="FLX-P03", limit=1) == ([("FLX-P03", "supplier.id", "batipro", 2)], 3)


def test_a_cause_says_since_when_and_how_often_each_day(ledger):
    for days in (20, 8, 1, 0):
        decided(ledger, f"f{days}", Met(1, "FLX-P03", "supplier.id", True), at=NOON - timedelta(days=days))
    ((cause,), _) = ledger.causes(Sought(), TODAY)
    assert (cause.first, cause.last, cause.pack) == (NOON - timedelta(days=20), NOON, "rules-1")
    assert [(e.flow, e.ordinal) for e in cause.examples] == [("f0", 1), ("f1", 1), ("f8", 1)]
    assert cause.days == (0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1)
    assert told(ledger, since=TODAY - timedelta(days=1)) == ([("FLX-P03", "supplier.id", "batipro", 2)], 2)


def test_exactly_the_pieces_that_a_code_alone_refused_are_selected(ledger):
    decided(ledger, "f1", Met(1, "FLX-P03", "supplier.id", True), Met(1, "FLX-P03", "recipient.id", True), Met(2, "FLX-P03", "supplier.id", False))
    decided(ledger, "f2", Met(1, "FLX-P03", "supplier.id", True), Met(2, "FLX-M01", "", True), at=NOON + timedelta(days=2), partner="other")
    decided(ledger, "f3", Met(0, "FLX-L03", "", True))
    assert ledger.alone("FLX-P03") == [("f1", 1), ("f2", 1)]
    assert ledger.alone("FLX-P03", since=TODAY + timedelta(days=1)) == [("f2", 1)]
    assert ledger.alone("FLX-P03", partner="batipro") == [("f1", 1)]
    assert ledger.alone("FLX-L03") == [("f3", 0)]


def test_what_holds_a_flow_is_a_cause_of_ours_and_what_is_only_postponed_is_none(ledger):
    ledger.receive([Flow("f1", "batipro", b"a.xml", "sha", 10, NOON)], [])
    why = Reason("FLX-I66", "Le disque est plein.", "The disk is full.")
    (flow,) = ledger.take("me", 1, NOON)
    ledger.postpone(flow, NOON, why, Event("f1", "postponed", NOON, "flux"))
    assert told(ledger) == ([], 0)
    (flow,) = ledger.take("me", 1, NOON)
    ledger.hold(flow, Plumbing.HELD, why, Event("f1", "held", NOON, "flux", detail="3/3 FLX-I66"))
    decided(ledger, "f2", Met(1, "FLX-P03", "supplier.id", True))
    assert told(ledger, ours=True) == ([("FLX-I66", "", "batipro", 1)], 1)
    assert told(ledger, ours=False) == ([("FLX-P03", "supplier.id", "batipro", 1)], 1)


def test_a_document_cannot_make_causes_without_end(ledger):
    decided(ledger, "f1", *(Met(n, "FLX-S09", f"/a{n}", True) for n in range(PLACES + 50)))
    decided(ledger, "f2", *(Met(n, "FLX-S09", f"/b{n}", True) for n in range(10)), Met(11, "FLX-S09", "/a0", True))
    causes, total = told(ledger, limit=1000)
    assert (len(causes), total) == (PLACES + 1, PLACES + 61)
    assert causes[:2] == [("FLX-S09", ELSEWHERE, "batipro", 60), ("FLX-S09", "/a0", "batipro", 2)]
    assert len(ledger.alone("FLX-S09")) == PLACES + 61
    decided(ledger, "f3", *(Met(1, "FLX-S09", f"/c{n}", True) for n in range(40)))
    assert told(ledger, limit=1)[1] == PLACES + 62  # forty places of one piece that are not kept apart are one


def test_a_decision_that_is_refused_by_its_fence_counts_nothing(ledger):
    ledger.receive([Flow("f1", "batipro", b"a.xml", "sha", 10, NOON)], [])
    (taken,) = ledger.take("me", 1, NOON)
    late = Outcome(replace(taken, fence=7), Decision(FlowVerdict.REJECTED, Envelope()), (), b"[]", {}, (), (), met=(Met(1, "FLX-P03", "", True),))
    assert ledger.record([late], NOON) == {"f1": "fence"}
    assert told(ledger) == ([], 0)


def indexes(path):
    """What a ledger is looked up by, and what guards it."""
    with closing(sqlite3.connect(path)) as db:
        return {" ".join(sql.replace("IF NOT EXISTS ", "").split()) for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL")}


def everything(ledger):
    causes, total = ledger.causes(Sought(limit=1000), TODAY)
    return {replace(c, id=0) for c in causes}, total, {code: ledger.alone(code) for code in {c.code for c in causes}}


def test_the_causes_of_a_ledger_of_version_2_are_counted_behind_and_are_what_they_would_have_been(tmp_path):
    room = Workroom(tmp_path)
    files = [path for name in FEW for path in sorted((EXAMPLES / name).iterdir()) if path.suffix in (".xml", ".gz", ".zip")]
    for n, path in enumerate(files):
        room.receive(f"f{n}", path.name, path.read_bytes())
    room.receive("held", "FSO1100A_ABC001_ABC0011100000000000000001.xml", b"<x/>")
    room.content._path(room.ledger.flow("held").flow.sha256).unlink()
    worker = room.worker(Policy(), retry_s=())
    for _ in range(5):
        room.now += timedelta(hours=1)
        worker.step()
    counted, made = everything(room.ledger), tmp_path / "made.db"
    SqlLedger(f"sqlite:///{made}").close()
    assert {c.ours for c in counted[0]} == {True, False}
    assert len(counted[0]) > 3
    room.close()
    as_version(tmp_path / "ledger.db", 2)

    brought = SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}")
    assert indexes(tmp_path / "ledger.db") == indexes(made)
    assert everything(brought) == (set(), 0, {})
    assert brought.uncounted() > 0
    decided(brought, "new", Met(1, "FLX-P03", "new", True))
    steps = 0
    while brought.count_causes(2):
        steps += 1
    found, total, alone = everything(brought)
    brought.close()
    assert steps > 1, "in bounded steps"
    assert {c for c in found if c.place != "new"} == counted[0]
    assert total == counted[1] + 1
    assert {code: [one for one in pieces if one[0] != "new"] for code, pieces in alone.items()} == counted[2]


def test_a_new_ledger_has_nothing_of_before_to_count(ledger):
    assert (ledger.uncounted(), ledger.count_causes(10)) == (0, 0)
