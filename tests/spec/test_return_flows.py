"""The return flows: a decision in, bytes out; each is held to its schema, and tells a piece only where it can be told."""

import gc
import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from lxml import etree, html

from flux import kit, owing, process
from flux.emitters.integration import EMITTER
from flux.faults import Fault
from flux.model import Answer, Decided, Decision, Envelope, Finding, Flow, FlowVerdict, Verdict, VerdictKind
from flux.piece import Actor, Amounts, Party, Piece
from flux.policy import Policy

NOON = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # the night of the change: already the 29th in Paris
SUPPLIER = Party("1", "99912040500017", "BATIPRO Construction", country="FR")
RECIPIENT = Party("1", "22990008900017", "Département de la Haute-Lisse", service="ROUTES")
REFUSED = Finding("G1.05", "number", 1, (("found", "N" * 24), ("expected", "20")), 6, "/Invoice/cbc:ID")
WARNED = Finding("FLX-M20", "payment.code", 1, (("found", "—"), ("expected", "30")))


@pytest.fixture(scope="session")
def whole():
    return kit.build()


def a_piece(ordinal=1, **changes):
    given = {
        "number": "SIT-1", "cadre": "A6", "type": "380", "issued": date(2026, 3, 1), "currency": "EUR", "supplier": SUPPLIER,
        "recipient": RECIPIENT, "amounts": Amounts(Decimal(100), Decimal(20), Decimal("120.00"), Decimal(120)), "syntax": "UBL",
    }  # fmt: skip
    return Piece(ordinal=ordinal, **given | changes)


def accepted(piece, *findings):
    verdict = Verdict(VerdictKind.ACCEPTED, ("DEPOSEE", "MISE_A_DISPOSITION"), Actor("service_financier", RECIPIENT.id), findings)
    return Decided(piece, verdict, f"{piece.ordinal}.xml", piece.ordinal, "b" * 64)


def refused(piece, *findings):
    return Decided(piece, Verdict(VerdictKind.REJECTED, ("NON_CONFORME",), None, findings or (REFUSED,)), f"{piece.ordinal}.xml", piece.ordinal, "b" * 64)


def answers(whole, *decided, verdict=FlowVerdict.PARTIAL, findings=(), name=b"FSO4100A_ABC001_x.tar.gz", envelope=None, lifecycle="cpp-statut"):
    """kind -> Answer, as the worker would owe them."""
    flow = Flow("20260328T223000000Z-7k3q9x2m4b", "batipro", name, "a" * 64, 1234, datetime(2026, 3, 28, 22, 30, tzinfo=UTC))
    envelope = Envelope("FSO4100A", "ABC001", "ABC0014100000000000000601") if envelope is None else envelope
    decision = Decision(verdict, envelope, decided, findings, envelope.interface, "UBL", "pack", sum(d.verdict.kind is VerdictKind.ACCEPTED for d in decided))
    draft = owing.tell(flow, decision, Policy(lifecycle=lifecycle), "FLUX01", NOON, whole, {})
    return {answer.kind: answer for answer in draft.answers()}


def xml(answer):
    return etree.fromstring(answer.content)


def texts(root, path):
    return [element.text for element in root.iterfind(path)]


def test_every_decided_flow_gets_four_answers_whose_names_are_derived_from_it(whole):
    one = answers(whole, accepted(a_piece()))
    assert {kind: answer.name for kind, answer in one.items()} == {
        "integration": "CSO4100A_FLUX01_20260328T223000000Z-7k3q9x2m4b.xml",
        "lifecycle": "FEN1201A_FLUX01_20260328T223000000Z-7k3q9x2m4b.xml",
        "report-json": "CSO4100A_FLUX01_20260328T223000000Z-7k3q9x2m4b.json",
        "report-html": "CSO4100A_FLUX01_20260328T223000000Z-7k3q9x2m4b.html",
    }


def test_the_same_decision_gives_the_same_bytes(whole):
    first, again = (answers(whole, accepted(a_piece())) for _ in range(2))
    assert {kind: (one.name, one.content) for kind, one in first.items()} == {kind: (one.name, one.content) for kind, one in again.items()}
    assert {kind: one.content for kind, one in first.items()} == {kind: one.content for kind, one in first.items()}, "read twice"


@pytest.mark.parametrize(
    ("verdict", "code"), [(FlowVerdict.INTEGRATED, "90"), (FlowVerdict.PARTIAL, "96"), (FlowVerdict.REJECTED, "93")], ids=str
)
def test_the_integration_report_tells_the_state_of_the_flow_by_its_code(whole, verdict, code):
    report = xml(answers(whole, accepted(a_piece()), verdict=verdict)["integration"])
    assert texts(report, ".//IdStatut") == [code]
    assert texts(report, ".//IdFlux") == ["ABC0014100000000000000601"]


def test_the_integration_report_is_a_receipt_for_the_very_bytes(whole):
    (comment,) = texts(xml(answers(whole, accepted(a_piece()))["integration"]), ".//Commentaire")
    assert comment.startswith(f"Reçu : FSO4100A_ABC001_x.tar.gz, 1234 octets, SHA-256 {'a' * 64}. Pièces intégrées : 1 sur 1.")


def test_each_finding_is_one_line_of_detail_the_flows_own_first(whole):
    about_flow = Finding("FLX-T10", facts=(("found", "x"), ("expected", "y")))
    report = xml(answers(whole, accepted(a_piece(1), WARNED), refused(a_piece(2)), findings=(about_flow,))["integration"])
    assert report.find(".//Details").get("NbLignesErreur") == "3"
    assert texts(report, ".//CodeErreur") == ["FLX-T10", "FLX-M20", "G1.05"]
    assert texts(report, ".//NatureErreur") == ["REJET", "AVERTISSEMENT", "REJET"]
    assert [text.partition(" : ")[0] for text in texts(report, ".//DescriptionErreur")] == [
        "Flux", "Pièce 1, n° SIT-1 (1.xml)", "Pièce 2, n° SIT-1 (2.xml)",
    ]  # fmt: skip


def test_a_flow_without_findings_has_no_details(whole):
    assert xml(answers(whole, accepted(a_piece()))["integration"]).find(".//Details") is None


def test_an_accepted_piece_is_told_deposited_then_made_available_and_a_refused_one_not_conform(whole):
    flow = xml(answers(whole, accepted(a_piece(1)), refused(a_piece(2, number="SIT-2")))["lifecycle"])
    units = [(u.findtext(".//IdFacture"), u.findtext(".//IdStatut")) for u in flow.iterfind(".//CPPFactureStatutUnitaire")]
    assert units == [("SIT-1", "01"), ("SIT-1", "03"), ("SIT-2", "37")]
    assert flow.find("CPPFactureStatuts").get("compteur") == "3"


def test_a_piece_was_deposited_when_it_was_received_and_made_available_when_it_was_decided(whole):
    times = texts(xml(answers(whole, accepted(a_piece()))["lifecycle"]), ".//Horodatage")
    assert times == ["2026-03-28T23:30:00.000+01:00", "2026-03-29T00:30:00.000+01:00"]


def test_the_production_date_is_the_day_in_paris(whole):
    values = texts(xml(answers(whole, accepted(a_piece()))["integration"]), ".//Valeurparametre")
    assert values[0] == "2026-03-29"


@pytest.mark.parametrize(
    "change",
    [
        {"recipient": Party("1", "229900089")}, {"recipient": Party("2", "22990008900017")}, {"supplier": Party("1", "99912040500017", "")},
        {"supplier": Party("", "99912040500017", "B")}, {"number": ""}, {"recipient": Party("1", "22990008900017", service="S" * 101)},
    ],
)  # fmt: skip
def test_a_piece_that_the_schema_cannot_hold_is_told_in_the_integration_report_alone(whole, change):
    both = answers(whole, refused(a_piece(1)), refused(a_piece(2, **change)))
    assert len(xml(both["lifecycle"]).findall(".//CPPFactureStatutUnitaire")) == 1
    assert texts(xml(both["integration"]), ".//CodeErreur") == ["G1.05", "G1.05"]
    assert "lifecycle" not in answers(whole, refused(a_piece(1, **change)))


def test_a_refused_piece_names_its_errors_and_the_report_that_explains_them(whole):
    (comment,) = texts(xml(answers(whole, refused(a_piece(), WARNED, REFUSED))["lifecycle"]), ".//DonneesStatut/Commentaire")
    assert comment == "G1.05 Numéro de facture. Détail : CSO4100A_FLUX01_20260328T223000000Z-7k3q9x2m4b.xml"


def test_a_flow_whose_name_tells_nothing_is_answered_too(whole):
    mine = answers(whole, verdict=FlowVerdict.REJECTED, findings=(Finding("FLX-T10", facts=(("found", "x"), ("expected", "y"))),), envelope=Envelope())
    assert mine["integration"].name == "CSO0000A_FLUX01_20260328T223000000Z-7k3q9x2m4b.xml"
    assert texts(xml(mine["integration"]), ".//Recepteur/Id") == ["CPP001"]
    assert texts(xml(mine["integration"]), ".//IdFlux") == ["20260328T223000000Z-7k3q9x2m4b"]
    assert set(mine) == {"integration", "report-json", "report-html"}


def test_a_file_name_that_xml_cannot_hold_is_told_escaped(whole):
    mine = answers(whole, accepted(a_piece()), name="a￾\x07\udcff.xml".encode("utf-8", "surrogateescape"))
    (comment,) = texts(xml(mine["integration"]), ".//Commentaire")
    assert r"a\ufffe\x07\xff.xml" in comment
    assert rb"a" in mine["report-html"].content


def test_what_a_sender_wrote_never_becomes_markup_on_the_page(whole):
    hostile = Finding("G1.05", "number", 1, (("found", "<script>alert(1)</script>"), ("expected", "20")))
    page = answers(whole, refused(a_piece(number="<img src=x onerror=alert(1)>"), hostile))["report-html"].content.decode()
    tree = html.fromstring(page)
    assert tree.xpath("//script | //img | //@onerror | //link | //@src") == []
    assert "<script>alert(1)</script>" in tree.text_content()


def test_the_page_puts_what_is_to_be_mended_before_what_went_in(whole):
    page = html.fromstring(answers(whole, accepted(a_piece(1)), refused(a_piece(2, number="SIT-2")))["report-html"].content.decode())
    headings = [re.sub(r"\s+", " ", h.text_content()).strip() for h in page.iterfind(".//h2")]
    assert headings == ["À corriger : 1 pièce 1 piece to be mended", "Intégrées : 1 pièce 1 piece integrated", "Cadres de facturation kinds of invoicing"]


@pytest.mark.parametrize(("count", "fr", "en"), [(1, "1 pièce intégrée sur\xa01", "1 of 1 piece integrated"), (2, "2 pièces intégrées sur\xa02", "2 of 2 pieces integrated")])
def test_the_page_counts_in_the_number_that_each_language_wants(whole, count, fr, en):
    page = html.fromstring(answers(whole, *(accepted(a_piece(n)) for n in range(1, count + 1)))["report-html"].content.decode())
    assert page.findtext(".//h1").endswith(f" : {fr}")
    assert page.find(".//header/p").text_content().endswith(f": {en}")


@pytest.mark.parametrize(("currency", "told"), [("EUR", "120,00\xa0EUR"), ("CHF", "120,00\xa0CHF"), ("", "120,00")])
def test_an_amount_on_the_page_is_in_the_currency_of_its_piece_or_in_none(whole, currency, told):
    page = html.fromstring(answers(whole, accepted(a_piece(currency=currency)))["report-html"].content.decode())
    assert [cell.text_content() for cell in page.findall(".//td[@class='n']")] == ["1", told]


def test_every_label_of_the_page_is_in_both_languages(whole):
    page = html.fromstring(answers(whole, accepted(a_piece(1), WARNED), refused(a_piece(2, number="")))["report-html"].content.decode())
    labels = page.xpath("//header//dt[not(text()='SHA-256')] | //th | //h2")
    assert len(labels) == 14
    assert [label.text_content() for label in labels if not label.xpath("./span[@lang='en']")] == []
    assert {"(erreur · error)", "(avertissement · warning)", "unreadable piece", "financial service"} <= set(page.xpath("//span/text()"))


def test_the_json_report_is_the_flow_of_the_contract(whole):
    report = json.loads(answers(whole, refused(a_piece()))["report-json"].content)
    assert (report["state"], report["sha256"], report["received_at"]) == ("IN_INTEGRE_PARTIEL", "a" * 64, "2026-03-28T23:30:00.000+01:00")
    (piece,) = report["pieces"]
    assert piece["amounts"] == {"ht": "100", "tva": "20", "ttc": "120.00", "net": "120"}
    assert piece["findings"][0]["text"]["en"].endswith(
        "Line 6, invoice number (BT-1), /Invoice/cbc:ID. Give a number of at most 20 characters: letters without accents, digits, space, + _ / -."
    )


def held(content, whole, many):
    """What comes of an answer that is made of these bytes, in two blocks, when it is written."""
    (answer,) = process.held(EMITTER, [Answer("integration", "x.xml", lambda: [content[:900], content[900:]])], whole, many=many)
    return answer.content


BREAKS = {
    "a value": (b"<IdStatut>96", b"<IdStatut>996"), "an element": (b"<CodeErreur>", b"<X/><CodeErreur>"), "an attribute": (b' IdLigne="1"', b""),
    "what comes behind": (b"</Details>", b"</Details><X/>"), "its end": (b"</CPPStatut>", b""), "all of it": (None, b"<CPPStatut/>"),
}  # fmt: skip


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("what", BREAKS)
def test_an_answer_that_breaks_its_schema_is_trouble_of_ours_and_never_leaves(whole, what, many):
    sound = answers(whole, refused(a_piece()))["integration"].content
    assert held(sound, whole, many) == sound
    old, new = BREAKS[what]
    with pytest.raises(Fault) as trouble:
        held(new if old is None else sound.replace(old, new), whole, many)
    assert trouble.value.code == "FLX-I61"


@pytest.mark.parametrize("held", [0, 1000])
def test_what_is_told_is_let_go_of_at_once_and_waits_for_no_collector_of_cycles(whole, monkeypatch, held):
    monkeypatch.setattr(process, "HELD", held)  # of many pieces, another parser holds them to their schema
    said = refused(a_piece(1)), accepted(a_piece(2), WARNED)

    def told():
        return {kind: answer.content for kind, answer in answers(whole, *said, lifecycle="both").items()}

    told()  # templates are compiled once
    gc.disable()
    try:
        gc.collect()
        contents = told()
        assert gc.collect() == 0
        assert {"report-html", "integration", "lifecycle", "cdar"} <= contents.keys()
    finally:
        gc.enable()
