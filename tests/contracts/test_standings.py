"""Where pieces stand, in a real ledger: kept whole, changed under their number of steps, found again; and a ledger of the version before."""

import sqlite3
from contextlib import closing
from datetime import date, timedelta

import pytest
from lives import MOA, MOE, NOON, RECIPIENT, SUPPLIER, TABLES, a_standing, an_act
from msgspec.structs import replace

from flux.dossier import Ref
from flux.lifecycle import after, moved
from flux.model import Decision, Envelope, Event, Flow, FlowVerdict, Plumbing
from flux.ports import Asked, Moved, Outcome
from flux.stores.sql import SqlLedger

LATER = NOON + timedelta(days=1)


@pytest.fixture
def ledger(tmp_path):
    with closing(SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}")) as opened:
        yield opened


def recorded(ledger, *standings, before=()):
    """These pieces, each in a flow of its own."""
    for one in standings:
        ledger.receive([Flow(one.ref.flow, "batipro", b"a.xml", "sha-" + one.ref.flow, 10, NOON)], [])
        (mine,) = ledger.take("me", 1, NOON)
        outcome = Outcome(mine, Decision(FlowVerdict.INTEGRATED, Envelope()), (), b"[]", {}, (), (), standings=(one,), moved=tuple(before))
        refused = ledger.record([outcome], NOON)
    return refused


def done(standing, act):
    return Moved(after(standing, moved(standing, act, LATER, TABLES)), standing.last.seq)


def test_a_standing_comes_back_as_it_was_kept(ledger):
    one = a_standing()
    recorded(ledger, one)
    assert ledger.standing(one.ref) == one
    assert ledger.standing(Ref("f1", 2)) is None
    assert ledger.standings(["SIT-1", "SIT-2"]) == {"SIT-1": (one,)}


def test_an_act_is_kept_with_its_line_of_the_journal_and_the_second_of_two_at_one_time_thinks_again(ledger):
    one = a_standing()
    recorded(ledger, one)
    take, suspend = done(one, an_act("prendre_en_compte", "moe")), done(one, an_act("suspendre", "moe", comment="?"))
    assert ledger.move([take], [], [Event("f1", "moved", LATER, "claire", 1)]) == ""
    assert ledger.move([suspend], [], [Event("f1", "moved", LATER, "jean", 1)]) == "f1/1"
    assert ledger.standing(one.ref) == take.standing
    assert [event.who for event in ledger.events("f1")] == ["claire"]


def test_a_piece_that_was_moved_meanwhile_lets_no_other_be_deposited_on_it(ledger):
    one = a_standing()
    recorded(ledger, one)
    late = done(one, an_act("suspendre", "moe", comment="?"))
    ledger.move([done(one, an_act("prendre_en_compte", "moe"))], [], [])
    following = replace(a_standing("A15", flow="f2", number="050"), first=one.ref, dossier=one.dossier, previous=one.ref)
    assert recorded(ledger, following, before=[late]) == {"f2": "identity f1/1"}
    assert ledger.standing(following.ref) is None
    assert ledger.flow("f2").state is Plumbing.PROCESSING


def test_a_dossier_is_found_by_any_of_its_pieces_in_the_order_of_their_deposit(ledger):
    one = a_standing()
    following = replace(a_standing("A15", flow="f2", number="050"), first=one.ref, dossier=one.dossier, previous=one.ref)
    recorded(ledger, one, following, a_standing(flow="f3", number="SIT-9"))
    assert [s.piece.number for s in ledger.dossier(ledger.standing(following.ref).first)] == ["SIT-1", "050"]


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        (Asked(), ["A6-1", "SIT-2", "SIT-1"]),
        (Asked(number="SIT-1"), ["SIT-1"]),
        (Asked(market="2026-MT-0117"), ["SIT-2"]),
        (Asked(cadre="A6"), ["A6-1"]),
        (Asked(status="MISE_A_DISPOSITION"), ["A6-1"]),
        (Asked(recipient=RECIPIENT.id, service="VOIRIE"), ["SIT-2"]),
        (Asked(actor=MOE.id, waits="moe"), ["SIT-2", "SIT-1"]),
        (Asked(actor=SUPPLIER.id, role="fournisseur"), ["A6-1", "SIT-2", "SIT-1"]),
        (Asked(actor=MOA.id, role="valideur"), []),
        (Asked(waits="service_financier"), ["A6-1"]),
        (Asked(since=date(2026, 11, 23), until=date(2026, 11, 23)), ["A6-1", "SIT-2", "SIT-1"]),
        (Asked(until=date(2026, 11, 22)), []),
        (Asked(limit=1), ["A6-1"]),
    ],
)
def test_pieces_are_found_by_what_is_asked_of_them(ledger, asked, numbers):
    second = a_standing(flow="f2", number="SIT-2", market="2026-MT-0117", recipient=replace(RECIPIENT, service="VOIRIE"))
    third = a_standing("A6", flow="f3", number="A6-1")
    times = [replace(one, moves=tuple(replace(m, at=m.at + timedelta(seconds=n)) for m in one.moves)) for n, one in enumerate((a_standing(), second, third))]
    recorded(ledger, *times)
    assert [one.piece.number for one in ledger.search(asked)] == numbers


def test_a_ledger_of_the_version_before_is_brought_to_this_one_and_keeps_what_it_holds(tmp_path):
    path = tmp_path / "ledger.db"
    with closing(SqlLedger(f"sqlite:///{path}")) as fresh:
        fresh.receive([Flow("f1", "batipro", b"a.xml", "s", 1, NOON)], [Event("f1", "received", NOON, "batipro")])
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript("DROP TABLE standing; ALTER TABLE flow DROP COLUMN mode; ALTER TABLE flow DROP COLUMN depositor; ALTER TABLE emission DROP COLUMN via; UPDATE meta SET value = '1' WHERE key = 'version';")
    with closing(SqlLedger(f"sqlite:///{path}")) as upgraded:
        assert (upgraded.flow("f1").flow.mode, upgraded.flow("f1").flow.depositor) == ("edi", None)
        recorded(upgraded, a_standing(flow="f2"))
        assert upgraded.standing(Ref("f2", 1)) is not None
    with closing(SqlLedger(f"sqlite:///{path}")) as again:
        assert [event.what for event in again.events("f1")] == ["received"]
