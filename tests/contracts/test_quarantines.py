"""A rule in quarantine: it weighs less for a time, says so wherever it is told, ends by itself, and is written down for good."""

import tarfile
from datetime import date, timedelta

import orjson
import pytest
from msgspec.structs import replace
from rig import EXAMPLES
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from workroom import NOON, Workroom

from flux import kit as flux_kit
from flux.cause import Sought
from flux.model import Event, Severity, Stage
from flux.policy import Policy
from flux.quarantine import Quarantine, fixed, in_force, under
from flux.rules import _accepted

TODAY = date(2026, 11, 23)
POLICY = Policy(naming="free")
with tarfile.open(next((EXAMPLES / "20-wrong-amounts").glob("*.tar.gz"))) as archive:
    PAGE = archive.extractfile("ACP-2026-2001.xml").read()  # FLX-M01, and nothing else


def page(number):
    return PAGE.replace(b"ACP-2026-2001", b"ACP-2026-%04d" % number)


@pytest.fixture(scope="module")
def tables():
    return flux_kit.build().tables


@pytest.fixture
def room(tmp_path):
    room = Workroom(tmp_path)
    yield room
    room.close()


def a_line(code="FLX-M01", **changes):
    return replace(Quarantine(code, "", Severity.WARNING, TODAY + timedelta(days=3), "the table lacks a rate", "claire", NOON), **changes)


def quarantined(ledger, line):
    ledger.quarantine(line, Event("", "quarantined", NOON, line.who, detail=line.code))


def verdicts(room, flow):
    return {p.ordinal: (p.verdict, [(f["code"], f["severity"]) for f in orjson.loads(p.told)["findings"]]) for p in room.ledger.pieces(flow=flow)}


def test_a_rule_in_quarantine_refuses_nothing_from_the_next_round_on_and_refuses_again_after_its_last_day(room):
    worker = room.worker(POLICY)
    for n, line in enumerate((None, a_line(), None)):
        if line:
            quarantined(room.ledger, line)
        if n == 2:
            room.now = NOON + timedelta(days=4)
        room.receive(f"f{n}", f"{n}.xml", page(n))
        worker.step()
    refused = ("rejected", [("FLX-M01", "error")])
    assert [verdicts(room, f"f{n}")[1] for n in range(3)] == [refused, ("accepted", [("FLX-M01", "warning")]), refused]


def test_a_finding_that_is_lowered_says_so_and_why_and_the_verdict_names_the_line_of_the_book(room):
    quarantined(room.ledger, a_line())
    room.receive("f", "a.xml", PAGE)
    room.worker(POLICY).step()
    piece = orjson.loads(room.ledger.pieces(flow="f")[0].told)
    (finding,) = [f for f in piece["findings"] if f["code"] == "FLX-M01"]
    assert finding["quarantine"] == {"was": "error", "until": "2026-11-26", "reason": "the table lacks a rate", "who": "claire"}
    assert finding["text"]["en"].endswith("This rule is in quarantine until 2026-11-26: the table lacks a rate.")
    assert finding["text"]["fr"].endswith("Cette règle est en quarantaine jusqu'au 2026-11-26 : the table lacks a rate.")
    decided = [e.detail for e in room.ledger.events("f") if e.what == "decided"]
    assert decided[0].endswith("~FLX-M01:warning:1")


def test_a_rule_that_is_off_is_not_told_and_the_verdict_still_names_it(room):
    quarantined(room.ledger, a_line(to=Severity.OFF))
    room.receive("f", "a.xml", PAGE)
    room.worker(POLICY).step()
    assert verdicts(room, "f")[1] == ("accepted", [])
    assert next(e.detail for e in room.ledger.events("f") if e.what == "decided").endswith("~FLX-M01:off:1")


def test_a_piece_that_the_rule_alone_refused_is_told_with_the_one_of_its_number_that_went_in_since(room):
    room.receive("f1", "a.xml", PAGE)
    room.worker(POLICY).step()
    (refused,) = room.ledger.blamed(Sought(code="FLX-M01"), alone=True)
    assert _accepted(room.ledger, [refused]) == {}
    quarantined(room.ledger, a_line())
    room.receive("f2", "b.xml", PAGE + b"\n")
    room.worker(POLICY).step()
    assert _accepted(room.ledger, [refused]) == {(refused.number, refused.supplier): "f2/1"}


def test_another_partner_is_judged_as_ever(tables):
    holding = in_force([a_line(partner="other", seq=1)], TODAY)
    assert under(POLICY, "other", holding, tables).severities == {"FLX-M01": Severity.WARNING}
    assert under(POLICY, "batipro", holding, tables) == POLICY


def test_of_two_lines_the_last_counts_a_release_too_and_a_partners_own_goes_before_that_of_all(tables):
    book = [a_line(seq=1), a_line(seq=2, to=Severity.OFF), a_line(seq=3, partner="batipro")]
    holding = in_force(book, TODAY)
    assert {partner: under(POLICY, partner, holding, tables).severities["FLX-M01"] for partner in ("batipro", "other")} == {
        "batipro": Severity.WARNING, "other": Severity.OFF,
    }  # fmt: skip
    released = in_force([*book, a_line(seq=4, to=None)], TODAY)
    assert under(POLICY, "other", released, tables) == POLICY
    assert under(POLICY, "batipro", released, tables).severities == {"FLX-M01": Severity.WARNING}


def test_it_holds_on_its_last_day_and_not_on_the_next():
    assert in_force([a_line(until=TODAY)], TODAY)
    assert not in_force([a_line(until=TODAY)], TODAY + timedelta(days=1))


def test_nothing_is_made_heavier_than_it_is_set(tables):
    off = replace(POLICY, severities={"FLX-M01": Severity.OFF})
    assert under(off, "batipro", in_force([a_line(seq=1)], TODAY), tables) == off


def test_what_no_setting_may_change_is_fixed_and_the_rest_is_not(tables):
    kept = {code for code in tables.catalogue if fixed(code, tables) is None}
    assert not {"FLX-C01", "FLX-T10", "FLX-D01", "FLX-X02", "FLX-W08"} & kept
    assert {"FLX-M01", "FLX-P03", "G1.05", "FLX-C07"} <= kept
    assert {tables.catalogue[code].stage for code in kept} == {Stage.GENERIC, Stage.SPECIFIC, Stage.NORM, Stage.CADRE, Stage.DIRECTORY, Stage.MARKET, Stage.ROUTING}


def test_the_book_is_append_only_and_each_line_has_its_line_in_the_journal(room):
    quarantined(room.ledger, a_line())
    assert [(one.seq, one.code, one.who) for one in room.ledger.quarantines()] == [(1, "FLX-M01", "claire")]
    assert (room.ledger.journal().lines, room.ledger.journal().broken) == (1, None)
    for forgery in ("UPDATE quarantine SET until = '2099-01-01'", "DELETE FROM quarantine"):
        with pytest.raises(DBAPIError, match="append-only"), room.ledger._engine.begin() as connection:
            connection.execute(text(forgery))
