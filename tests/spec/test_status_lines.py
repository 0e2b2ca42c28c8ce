"""Status lines, rule by rule: a line that moves its piece, the one change that matters, and the exact code that the change must raise."""

from datetime import UTC, date, datetime, timedelta

import pytest
from cases import MOE, RECIPIENT, SUPPLIER, TODAY, a_piece
from lxml import etree
from msgspec.structs import replace
from status_flow import a_flow, a_line, of_a_flow

from flux import tables as flux_tables
from flux.dossier import Ref, StatusLine
from flux.lifecycle import opened
from flux.model import Flow
from flux.parsers import Source, cpp_statut
from flux.piece import Actor, Piece
from flux.policy import Brief, Limits, Policy
from flux.process import judge
from flux.tables import inbound
from flux.validators import Context
from flux.validators.status import Hearing

DEPOSITED = datetime(2026, 8, 7, 9, tzinfo=UTC)
RECEIVED = DEPOSITED + timedelta(days=3)
FLOW = Flow("S1", "ville", b"s.xml", "0" * 64, 1, RECEIVED)
PIECE = replace(a_piece(), cadre="A6")
GOOD = StatusLine("07", "Service fait", "vu", RECEIVED)
NAMED = Piece(ordinal=1, number=PIECE.number, supplier=SUPPLIER, recipient=RECIPIENT)


def standing(piece=PIECE, ref=Ref("F1", 1), actor=Actor("service_financier", RECIPIENT.id)):  # noqa: B008 - frozen
    return opened(piece, ref, "batipro", "0" * 64, actor, (DEPOSITED, DEPOSITED), flux_tables.load())


@pytest.fixture
def hear(told):
    """What becomes of lines, one after the other, over these accepted pieces."""

    def run(*lines, pieces=(), speaks_for=(RECIPIENT.id,)):
        known = {}
        for one in pieces or (standing(),):
            known[one.piece.number] = (*known.get(one.piece.number, ()), one)
        hearing = Hearing(FLOW, known)
        context = Context(flux_tables.load(), Policy(speaks_for=speaks_for), "FSO9201A", TODAY)
        heard = [hearing.hear(line, replace(named, ordinal=n), context) for n, (line, named) in enumerate(lines, 1)]
        for one in heard:
            for finding in one.findings:
                told(finding)
        return heard

    return run


def codes(heard):
    return [finding.code for finding in heard.findings]


def test_the_good_line_moves_its_piece_as_of_its_receipt(hear):
    (heard,) = hear((GOOD, NAMED))
    assert (codes(heard), heard.standing.status, heard.steps) == ([], "SERVICE_FAIT", 1)
    assert heard.standing.last.at == RECEIVED


@pytest.mark.parametrize(
    ("line", "named", "code"),
    [
        ({}, {"number": "SIT-2026-015"}, "FLX-N01"),
        ({}, {"supplier": replace(SUPPLIER, id=MOE.id)}, "FLX-N01"),
        ({}, {"supplier": replace(SUPPLIER, type="2")}, "FLX-N01"),
        ({"issued": TODAY + timedelta(1)}, {}, "FLX-N01"),
        ({}, {"recipient": replace(RECIPIENT, id=MOE.id)}, "FLX-N02"),
        ({"producer": MOE.id}, {}, "FLX-N02"),
        ({"status": "01"}, {}, "FLX-N03"),
        ({"status": "03", "complement": "Mise à disposition"}, {}, "FLX-N03"),
        ({"status": "37"}, {}, "FLX-N03"),
        ({"status": "41"}, {}, "FLX-N03"),
        ({"complement": "MANDATEE"}, {}, "FLX-N04"),
        ({"complement": "A_COMPLETER"}, {}, "FLX-N04"),
        ({"status": "92", "flow": "F1"}, {}, "FLX-N09"),
        ({"status": "06", "comment": " "}, {}, "FLX-W04"),
        ({"status": "12"}, {}, "FLX-W02"),
    ],
)  # fmt: skip
def test_a_line_that_may_not_be_done_is_refused_by_its_code_and_moves_nothing(hear, line, named, code):
    (heard,) = hear((replace(GOOD, **line), replace(NAMED, **named)))
    assert (codes(heard), heard.standing) == ([code], None)


@pytest.mark.parametrize(
    ("line", "reached"),
    [
        ({"complement": "SERVICE_FAIT"}, "SERVICE_FAIT"),
        ({"issued": TODAY}, "SERVICE_FAIT"),
        ({"status": "04", "complement": "A_RECYCLER"}, "A_RECYCLER"),
        ({"status": "05", "complement": ""}, "REJETEE"),
        ({"status": "06"}, "SUSPENDUE"),
        ({"status": "08"}, "MANDATEE"),
        ({"status": "09"}, "MISE_A_DISPOSITION_COMPTABLE"),
        ({"status": "10"}, "COMPTABILISEE"),
        ({"status": "11"}, "MISE_EN_PAIEMENT"),
    ],
)
def test_every_status_of_the_table_leads_where_the_table_says(hear, line, reached):
    (heard,) = hear((replace(GOOD, **line), NAMED))
    assert (codes(heard), heard.standing.status) == ([], reached)


@pytest.mark.parametrize(
    ("line", "named", "expected"),
    [
        ({"at": RECEIVED + timedelta(seconds=301)}, {}, ["FLX-N05"]),
        ({"at": RECEIVED + timedelta(seconds=300)}, {}, []),
        ({"at": DEPOSITED - timedelta(seconds=1)}, {}, ["FLX-N06"]),
        ({"at": DEPOSITED}, {}, []),
        ({"at": None}, {}, ["FLX-N11"]),
        ({}, {"recipient": replace(RECIPIENT, service="AUTRE")}, ["FLX-N10"]),
    ],
)
def test_what_is_doubtful_is_told_and_done_all_the_same(hear, line, named, expected):
    (heard,) = hear((replace(GOOD, **line), replace(NAMED, **named)))
    assert (codes(heard), heard.standing.status) == (expected, "SERVICE_FAIT")


def test_lines_of_one_flow_go_on_from_one_another_and_a_repeated_one_is_refused(hear):
    paid = replace(GOOD, status="08")
    heard = hear((GOOD, NAMED), (GOOD, NAMED), (paid, NAMED), (replace(paid, at=RECEIVED - timedelta(hours=1)), NAMED))
    assert [codes(one) for one in heard] == [[], ["FLX-N07"], [], ["FLX-W02"]]
    assert heard[2].standing.status == "MANDATEE"


def test_of_pieces_with_one_number_the_supplier_decides_and_the_other_is_not_touched(hear):
    other = standing(replace(PIECE, supplier=MOE), Ref("F2", 1))
    (heard,) = hear((GOOD, NAMED), pieces=(other, standing()))
    assert heard.standing.ref == Ref("F1", 1)


def test_of_two_pieces_of_one_supplier_number_and_recipient_the_day_of_issue_decides_or_nobody(hear):
    later = standing(replace(PIECE, issued=date(2026, 8, 6), depositor=Actor("moe", MOE.id)), Ref("F2", 1))
    both = (standing(), later)
    (none,) = hear((GOOD, NAMED), pieces=both)
    assert (codes(none), none.standing) == (["FLX-N08"], None)
    (one,) = hear((replace(GOOD, issued=date(2026, 8, 6)), NAMED), pieces=both)
    assert one.standing.ref == Ref("F2", 1)


def test_who_speaks_for_nobody_is_told_the_same_of_a_piece_that_exists_and_of_one_that_does_not(hear):
    heard = hear((GOOD, NAMED), (GOOD, replace(NAMED, number="SIT-2026-015")), speaks_for=())
    assert [codes(one) for one in heard] == [["FLX-N02"], ["FLX-N02"]]
    assert heard[0].findings == heard[1].findings


def test_a_moe_takes_into_account_by_the_exact_code_as_the_complement_and_only_for_himself(hear):
    waiting = standing(replace(PIECE, cadre="A4"), actor=Actor("moe", MOE.id))
    line = replace(GOOD, status="03", complement="PRISE_EN_COMPTE_MOE", producer=MOE.id)
    (done,) = hear((line, NAMED), pieces=(waiting,), speaks_for=(MOE.id,))
    assert (codes(done), done.standing.status, done.standing.last.role) == ([], "PRISE_EN_COMPTE_MOE", "moe")
    (refused,) = hear((replace(line, producer=""), NAMED), pieces=(waiting,))
    assert codes(refused) == ["FLX-W02"]


def test_what_was_suspended_is_completed_by_its_depositor_and_by_nobody_else(hear):
    suspended, completed = replace(GOOD, status="06"), replace(GOOD, status="12")
    both = (RECIPIENT.id, SUPPLIER.id)
    heard = hear((suspended, NAMED), (completed, NAMED), (replace(completed, producer=SUPPLIER.id), NAMED), speaks_for=both)
    assert [codes(one) for one in heard] == [[], ["FLX-W02"], []]
    assert (heard[2].standing.status, heard[2].standing.waits) == ("COMPLETEE", Actor("service_financier", RECIPIENT.id))


def test_who_may_speak_for_the_moe_alone_learns_of_no_piece_in_which_that_moe_is_not(hear):
    stranger = replace(PIECE, moe=None, valideur=None, moa=None)
    (heard,) = hear((replace(GOOD, producer=MOE.id), NAMED), pieces=(standing(stranger),), speaks_for=(MOE.id,))
    assert codes(heard) == ["FLX-N01"]


def source(document):
    return Source(etree.fromstring(document), document, Limits())


def test_a_document_gives_a_line_a_unit_with_the_place_of_each():
    read = cpp_statut.PARSER.read(source(a_flow(a_line(producer=MOE.id, service="S1", issued="2026-08-07"), a_line(status="08"))))
    assert [one.line.status for one in read] == ["07", "08"]
    first = read[0]
    assert (first.line.producer, first.line.issued, first.piece.recipient.service) == (MOE.id, TODAY, "S1")
    assert first.line.at == datetime(2026, 6, 30, 8, tzinfo=UTC)
    assert read[1].where["number"].xpath == "/CPPStatut/CPPFactureStatuts/CPPFactureStatutUnitaire[2]/DonneesStatut/IdFacture"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-06-30T10:00:00", datetime(2026, 6, 30, 8, tzinfo=UTC)),
        ("2026-06-30T10:00:00Z", datetime(2026, 6, 30, 10, tzinfo=UTC)),
        ("12026-06-30T10:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
    ],
)
def test_an_instant_without_an_offset_is_of_paris_and_one_of_no_calendar_is_none(written, read):
    assert cpp_statut.PARSER.read(source(a_flow(a_line(at=written))))[0].line.at == read


def test_a_status_of_a_flow_is_a_line_that_names_the_flow():
    (one,) = cpp_statut.PARSER.read(source(of_a_flow("92", "F9")))
    assert (one.line.status, one.line.flow, one.piece.number) == ("92", "F9", "")


@pytest.mark.parametrize(
    ("spoiled", "code"),
    [
        (lambda t: replace(t, refused={k: v for k, v in t.refused.items() if k != "41"}), "FLX-I30"),
        (lambda t: replace(t, refused={**t.refused, "07": "deposit"}), "FLX-I31"),
        (lambda t: replace(t, refused={**t.refused, "41": "because"}), "FLX-I30"),
        (lambda t: replace(t, status={**t.status, "07": replace(t.status["07"], act="danser")}), "FLX-I30"),
        (lambda t: replace(t, status={**t.status, "07": replace(t.status["07"], to="MANDATEE")}), "FLX-I30"),
    ],
    ids=["a number without an answer", "a number with two", "no reason", "no act", "another number's status"],
)
def test_a_table_that_contradicts_itself_or_the_life_cycle_is_a_fault(spoiled, code):
    known = flux_tables.load()
    reasons = frozenset(known.catalogue["FLX-N03"].why)
    assert list(inbound.faults(known.inbound, known.life, reasons)) == []
    assert [fault.code for fault in inbound.faults(spoiled(known.inbound), known.life, reasons)] == [code]


@pytest.mark.parametrize(("name", "closed"), [("CPPStatut-example01.xml", ""), ("CPPStatut-example03-invalid-date.xml", "format")])
def test_the_public_examples_are_read_and_the_one_of_month_15_is_refused_by_the_schema(corpus, kit, name, closed):
    (one,) = judge(1, name, (corpus / "cpp" / name).read_bytes(), Brief("", Policy(), TODAY), kit)
    assert (one.closed, one.line.status, one.piece.supplier.id) == (closed, "07", "00000000169959")
    assert [finding.code for finding in one.findings] == (["FLX-S03"] if closed else [])


def test_a_unit_that_the_schema_refuses_leaves_its_neighbours_alone(kit):
    judged = judge(1, "s.xml", a_flow(a_line(), a_line(at="2026-15-01T00:00:00Z"), a_line(status="42")), Brief("", Policy(), TODAY), kit)
    assert [one.closed for one in judged] == ["", "format", "format"]
