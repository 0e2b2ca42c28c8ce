"""What a sender writes is bounded before it reaches anybody: values, quotes, the number of findings, what several pieces share."""

import tracemalloc
from datetime import UTC, date, datetime

import pytest
from lxml import etree
from rig import EXAMPLES, GOOD

from flux import kit
from flux.model import Envelope, Finding, Flow, Judged, Known
from flux.piece import Piece
from flux.policy import Brief, Policy
from flux.process import LEAST_TOLD, conclude, judge
from flux.validators import Context
from flux.weighing import MOST_QUOTED, MOST_TOLD

SOUND = next(EXAMPLES.glob(GOOD)).read_text("utf-8")
MIXTE = next(EXAMPLES.glob("16-several-pieces-in-one-file/*.xml")).read_text("utf-8")
UNIT = MIXTE[MIXTE.index("  <CPPFactureMixteUnitaire") : MIXTE.index("</CPPFactureMixteUnitaire>")] + "</CPPFactureMixteUnitaire>\n"
HEAD, TAIL = MIXTE[: MIXTE.index("  <CPPFactureMixteUnitaire")], " </CPPFactures>\n</CPPFactureMixte>\n"
BRIEF = Brief("", Policy(naming="free"), date(2026, 11, 25))


@pytest.fixture(scope="module")
def whole():
    return kit.build()


def judged(text, whole):
    return judge(1, "x.xml", text.encode(), BRIEF, whole)


def number_of(text):
    return text[text.index("<cbc:ID>") + 8 : text.index("</cbc:ID>")]


def test_a_number_of_a_million_digits_is_refused_and_told_in_one_line(whole):
    (one,) = judged(SOUND.replace(number_of(SOUND), "9" * 1_000_000, 1), whole)
    assert {finding.code for finding in one.findings} >= {"G1.05"}
    assert len(one.piece.number) == 1_000
    assert max(len(fact) for finding in one.findings for _, fact in finding.facts) <= MOST_QUOTED


def test_of_many_findings_the_first_are_told_and_that_there_are_more(whole):
    attachment = (
        "<cac:AdditionalDocumentReference><cbc:ID>a.exe</cbc:ID><cac:Attachment>"
        '<cbc:EmbeddedDocumentBinaryObject mimeCode="x" filename="a.exe">QQ==</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>'
    )
    before = "<cac:AccountingSupplierParty>"

    def codes(count):
        (one,) = judged(SOUND.replace(before, attachment * count + before, 1), whole)
        assert one.closed == "generic"
        return [finding.code for finding in one.findings]

    assert codes(MOST_TOLD) == ["FLX-L12"] * MOST_TOLD
    assert codes(MOST_TOLD + 1) == ["FLX-L12"] * MOST_TOLD + ["FLX-L18"]


def test_the_pieces_of_a_large_flow_share_what_is_told_and_what_refuses_goes_first(whole):
    tables, flow = whole.tables, Flow("f1", "batipro", b"x.tar.gz", "a" * 64, 1, datetime(2026, 11, 25, tzinfo=UTC))
    told_only, refusal = Finding("FLX-M20", facts=(("found", "—"), ("expected", "30"))), Finding("G1.05", facts=(("found", "x"), ("expected", "y")))
    findings = (*[told_only] * (MOST_TOLD - 1), refusal)

    def told(count):
        judged = [Judged(n, 1, "x.xml", "b" * 64, Piece(), findings=findings, closed="generic") for n in range(1, count + 1)]
        decision = conclude(flow, Envelope(), (), judged, Known(), Context(tables, Policy(), "", date(2026, 11, 25)), whole)
        assert {d.verdict.kind for d in decision.pieces} == {"rejected"}
        return [finding.code for finding in decision.pieces[-1].verdict.findings]

    assert told(100) == ["FLX-M20"] * (MOST_TOLD - 1) + ["G1.05"]
    assert told(500) == ["G1.05"] + ["FLX-M20"] * (LEAST_TOLD - 1) + ["FLX-L18"]


def test_each_of_several_pieces_is_given_the_document_that_holds_it_alone(whole):
    both = judged(HEAD + UNIT + UNIT.replace("ACP-2026-1601", "ACP-2026-1699", 1) + TAIL, whole)
    for one, number in zip(both, ("ACP-2026-1601", "ACP-2026-1699"), strict=True):
        (again,) = judged(one.extracted.decode(), whole)
        assert (again.piece.number, again.piece, again.findings) == (number, one.piece, one.findings)
        assert etree.fromstring(one.extracted).find("CPPFactures").get("Compteur") == "1"


def test_an_envelope_that_every_piece_would_carry_on_is_bounded(whole):
    long = "<Note>" + "n" * (64 << 10) + "</Note>\n    </ParametreIndiv>"
    (alone,) = judged(HEAD.replace("</ParametreIndiv>", long, 1) + UNIT + TAIL, whole)
    assert "FLX-L19" not in {finding.code for finding in alone.findings}
    both = judged(HEAD.replace("</ParametreIndiv>", long, 1) + UNIT * 2 + TAIL, whole)
    assert [({finding.code for finding in one.findings}, one.extracted) for one in both] == [({"FLX-L19"}, None)] * 2


def test_what_several_pieces_cost_grows_with_their_number_and_not_with_its_square(whole):
    def peak(count):
        tracemalloc.start()
        assert len(judged(HEAD + UNIT * count + TAIL, whole)) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(400) < 6 * peak(100)
