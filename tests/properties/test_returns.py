"""Return flows: whatever a decision is made of, each of them is valid and can be read again."""

from datetime import UTC, date, datetime
from decimal import Decimal
from string import Formatter

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree, html

from flux import kit
from flux.decision import effective_severity, statuses_of
from flux.model import Decided, Decision, Envelope, Finding, Flow, FlowVerdict, Severity, Verdict, VerdictKind
from flux.owing import tell
from flux.piece import Actor, Amounts, Attachment, Party, Piece
from flux.policy import Policy

NOON = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
KIT = kit.build()
CATALOGUE = KIT.tables.catalogue
TOLD = sorted(code for code in CATALOGUE if effective_severity(Finding(code), Policy(), KIT.tables) is not Severity.OFF)  # what is off is never told

texts = st.one_of(st.text(max_size=30), st.sampled_from(["", "]]>", "{found}", "{0}", "%s", "\0", "￾", "\U0001f600", "<script>", "é" * 300, "22990008900017", "A6", "1", "FR"]))
maybe = lambda some: st.one_of(st.none(), some)  # noqa: E731 - a strategy, or nothing
parties = st.builds(Party, st.sampled_from(["", *"1234567"]), texts, texts, texts, texts, texts)
amounts = maybe(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**13), max_value=10**13) | st.sampled_from([Decimal("9" * 40), Decimal(0)]))


@st.composite
def findings(draw):
    """A finding of any code, whose facts are any text; and one of the code's reasons, where it has some."""
    code = draw(st.sampled_from(TOLD))
    entry = CATALOGUE[code]
    quoted = entry.placeholders() | {name for why in entry.why.values() for text in (why.fr, why.en) for _, name, _, _ in Formatter().parse(text) if name}
    facts = [(name, draw(texts)) for name in sorted(quoted)] + ([("why", draw(st.sampled_from(sorted(entry.why))))] if entry.why else [])
    return Finding(code, draw(st.sampled_from(["", *KIT.tables.fields]) | texts), 0, tuple(facts), draw(st.integers(0, 10**6)), draw(texts))


@st.composite
def decided(draw, ordinal):
    piece = draw(st.builds(
        Piece, ordinal=st.just(ordinal), number=texts, type=texts, cadre=texts, profile=texts, currency=texts, supplier=parties, recipient=parties,
        valideur=maybe(parties), moe=maybe(parties), moa=maybe(parties), engagement=texts, market=texts, issued=maybe(st.dates(min_value=date(1, 1, 2))),
        amounts=st.builds(Amounts, amounts, amounts, amounts, amounts), attachments=st.lists(st.builds(Attachment, texts), max_size=2).map(tuple),
        syntax=st.sampled_from(["UBL", "CII", "FACTURX", "CPP_MIXTE", "CPP_PIVOT"]),
    ))  # fmt: skip
    kind = draw(st.sampled_from([VerdictKind.ACCEPTED, VerdictKind.REJECTED]))
    actor = Actor(draw(st.sampled_from(["moe", "moa", "valideur", "service_financier", "recipient"])), draw(texts)) if kind is VerdictKind.ACCEPTED else None
    verdict = Verdict(kind, statuses_of(kind, actor, KIT.tables), actor, tuple(draw(st.lists(findings(), max_size=2))))
    return Decided(piece, verdict, draw(texts), 1, "b" * 64)


@st.composite
def letters(draw):
    pieces = tuple(draw(decided(ordinal)) for ordinal in range(1, draw(st.integers(0, 2)) + 1))
    interface = draw(st.sampled_from(["", *KIT.tables.interfaces]))
    envelope = Envelope(interface, draw(texts), draw(texts))
    verdict = draw(st.sampled_from([FlowVerdict.INTEGRATED, FlowVerdict.PARTIAL, FlowVerdict.REJECTED]))
    decision = Decision(verdict, envelope, pieces, tuple(draw(st.lists(findings(), max_size=2))), interface, "UBL", "pack", sum(d.verdict.kind is VerdictKind.ACCEPTED for d in pieces))
    return Flow("20260328T223000000Z-7k3q9x2m4b", "batipro", draw(st.binary(max_size=60)), "a" * 64, draw(st.integers(0, 2**40)), NOON), decision


def answers(flow, decision):
    """kind -> content. A Fault here would hold the flow: nobody can write anything that leaves its sender without an answer."""
    return {answer.kind: answer.content for answer in tell(flow, decision, Policy(), "FLUX01", NOON, KIT, {}).answers()}


@given(letter=letters())
def test_what_leaves_is_valid_and_can_be_read_again_and_tells_every_finding(letter):
    flow, decision = letter
    told = answers(flow, decision)
    xsd = KIT.schemas.get("cpp-statut", "full").xsd
    codes = [finding.code for finding in (*decision.findings, *(f for d in decision.pieces for f in d.verdict.findings))]
    report = etree.fromstring(told["integration"])
    assert xsd.validate(report), xsd.error_log
    assert [element.text for element in report.iterfind(".//CodeErreur")] == codes
    if "lifecycle" in told:
        assert xsd.validate(etree.fromstring(told["lifecycle"])), xsd.error_log
    read = orjson.loads(told["report-json"])
    assert [piece["number"] for piece in read["pieces"]] == [d.piece.number or None for d in decision.pieces]
    page = html.fromstring(told["report-html"].decode())
    assert page.xpath("//script | //img | //@onerror") == []
    assert sorted(b.text for b in page.xpath("//p[@class='code']/b")) == sorted(codes)


@given(letter=letters())
def test_the_same_decision_gives_the_same_bytes(letter):
    assert answers(*letter) == answers(*letter)


@pytest.mark.parametrize("application", ["ABC001", "ABC\ufffe", "\uffff" * 3, "A\0C", "ABCDEFGHI", "<&>"])
def test_a_flow_is_answered_whatever_its_name_gives_as_application_code(application):
    """Signs that XML cannot carry are told escaped, six for one: the code was then too long for the schema, and the flow was held for ever."""
    flow = Flow("20260328T223000000Z-7k3q9x2m4b", "batipro", b"x", "a" * 64, 1, NOON)
    told = answers(flow, Decision(FlowVerdict.REJECTED, Envelope("FSO4100A", application, "x")))
    assert etree.fromstring(told["integration"]).findtext(".//Recepteur/Id") == ("ABC001" if application == "ABC001" else "CPP001")


@pytest.mark.parametrize(("service", "held"), [("S" * 100, True), ("\ufffe" * 16, True), ("\ufffe" * 17, False), ("&" * 100, True)])
def test_a_service_code_is_measured_as_it_is_written(service, held):
    """None of these signs is in a document; the report that tells such a piece is none the less one that its schema takes."""
    piece = Piece(ordinal=1, number="SIT-1", supplier=Party("1", "99912040500017", "BATIPRO"), recipient=Party("1", "22990008900017", service=service), syntax="UBL")
    refused = Decided(piece, Verdict(VerdictKind.REJECTED, ("NON_CONFORME",)), "a.xml", 1, "b" * 64)
    flow = Flow("20260328T223000000Z-7k3q9x2m4b", "batipro", b"x", "a" * 64, 1, NOON)
    assert ("lifecycle" in answers(flow, Decision(FlowVerdict.REJECTED, Envelope(), (refused,)))) == held
