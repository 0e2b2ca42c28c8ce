"""Real documents, read: what REFERENCE.tsv says of each, and AIFE's examples in detail."""

import csv
from datetime import date
from decimal import Decimal

import pytest

from flux.gate import Gated, admit_xml
from flux.parsers import Source, cii, ubl
from flux.piece import Amounts, Party
from flux.policy import Limits

pytestmark = pytest.mark.corpus

LIMITS = Limits()
READERS = {root: parser.read for parser in (ubl.PARSER, cii.PARSER) for root in parser.roots}

SUPPLIER = Party("1", "81034732800017", "PRO SHOP CONTREXEVILLE", scheme="1")
DEBTOR = Party("1", "53514650090018", scheme="1")
VALIDEUR = Party("1", "24590041000292", "Métropole européenne de Lille", country="FR", scheme="1")


def parsed(file):
    content = file.read_bytes()
    gated = admit_xml(content, LIMITS)
    assert isinstance(gated, Gated), gated
    (only,) = READERS[gated.root.tag](Source(gated.root, content, LIMITS, gated.stylesheet))
    return only


def reference(corpus):
    with (corpus / "REFERENCE.tsv").open(encoding="utf-8", newline="") as table:
        return [row for row in csv.DictReader(table, delimiter="\t") if row["document"] in ("ubl-invoice", "ubl-creditnote", "cii")]


def test_every_valid_invoice_is_read_as_the_reference_says(corpus):
    rows = [row for row in reference(corpus) if row["XSD"] and "FAIL" not in row["XSD"]]
    assert len(rows) == 94
    for row in rows:
        piece = parsed(corpus / row["file"]).piece
        cadre, profile = row["BT-23 (cadre)"], row["BT-24 (profile)"]
        if not cadre and profile in ("A1", "A2"):  # the trap of fr/gobl: the cadre stands where the profile belongs
            cadre, profile = profile, ""
        expected = (cadre, profile, row["BT-3"], int(row["lines"]))
        assert (piece.cadre, piece.profile, piece.type, piece.line_count) == expected, row["file"]
        assert piece.number, row["file"]
        assert piece.amounts.ttc is not None, row["file"]


def test_no_valid_invoice_holds_a_value_that_cannot_be_read(corpus):
    for row in reference(corpus):
        if "FAIL" not in row["XSD"]:
            unread = [f for f in parsed(corpus / row["file"]).findings if f.code == "FLX-S20"]
            assert unread == [], row["file"]


def test_the_same_invoice_in_ubl_and_in_cii_gives_the_same_figures(corpus):
    pairs = [(file, file.with_name(file.name.replace("_ubl", "_uncefact"))) for file in sorted((corpus / "xrechnung").glob("*_ubl.xml"))]
    assert len(pairs) == 9
    for one, other in pairs:
        a, b = parsed(one).piece, parsed(other).piece
        assert (a.number, a.issued, a.due, a.currency) == (b.number, b.issued, b.due, b.currency), one.name
        for name in ("ht", "tva", "ttc", "net"):  # one says that there is no tax by 0, the other by saying nothing
            assert (getattr(a.amounts, name) or 0) == (getattr(b.amounts, name) or 0), (one.name, name)
        assert (a.supplier.name, a.supplier.vat, a.recipient.vat) == (b.supplier.name, b.supplier.vat, b.recipient.vat), one.name
        assert [(v.category, v.rate, v.base, v.amount) for v in a.vat] == [(v.category, v.rate, v.base, v.amount) for v in b.vat], one.name
        assert (a.nets, a.line_count) == (b.nets, b.line_count), one.name


@pytest.mark.parametrize(
    ("example", "number", "cadre", "supplier", "recipient", "valideur"),
    [
        ("P01", "JMRPOR1116000103", "A1", SUPPLIER, DEBTOR, None),
        ("P08", "JMRPOR1116000108", "A1", SUPPLIER, DEBTOR, None),
        ("P20", "JMRPOR1116000108", "A1", SUPPLIER, DEBTOR, None),
        ("P46", "JMRPOR1116000146", "A1", SUPPLIER, Party("1", "00000000000000", service="DSJPFGU057", scheme="1"), None),
        ("P57", "JMRPOR1116000159", "A13", Party("3", "KRSAMSUNGMOBILEPHO", "Samsung Mobile Phone", scheme="ETR"), DEBTOR, VALIDEUR),
        ("P74", "JMRPOR1116000158", "A4", SUPPLIER, DEBTOR, VALIDEUR),
        ("P88", "JMRPOR1116000103", "A12", SUPPLIER, DEBTOR, VALIDEUR),
        ("P92", "JMRPOR1116000103", "A1", SUPPLIER, DEBTOR, None),
    ],
)
def test_the_examples_of_aife_name_their_actors(corpus, example, number, cadre, supplier, recipient, valideur):
    piece = parsed(corpus / "fr" / "aife-chorus" / f"FSO1116A_{example}.xml").piece
    assert (piece.number, piece.cadre, piece.profile, piece.currency) == (number, cadre, "", "")
    assert (piece.supplier, piece.recipient, piece.valideur) == (supplier, recipient, valideur)
    assert (piece.moe, piece.moa, piece.market, piece.deposit) == (None, None, "", "initial")
    assert (piece.issued, piece.due, piece.vat_regime) == (date(2018, 1, 1), None, "72")
    assert (piece.payment.code, piece.payment.iban) == ("48", "FR7610057191370188512730284")


@pytest.mark.parametrize(
    ("example", "ht", "tva", "ttc", "rates", "lines"),
    [
        ("P01", "100.00", "20.00", "120.00", ["20.00"], ["100.00"]),
        ("P02", "100.00", "20.00", "120.00", ["20.00"], ["100.00"]),
        ("P08", "100.00", "20.00", "120.00", ["20.00"], ["100.00", "-20", "20"]),
        ("P20", "300.00", "35.00", "335.00", ["20.00", "15.00", "00.00"], ["100.00", "15", "0"]),
        ("P46", "100.00", "20.00", "120.00", ["20.00"], ["100.00"]),
        ("P57", "100.00", "20.00", "120.00", ["20.00"], ["100.00"]),
        ("P74", "100.00", "20.00", "120.00", ["20.00"], ["100.00"]),
        ("P88", "100.00", "20.00", "120.00", ["20.00"], ["100.00"]),
        ("P92", "100.00", "20.00", "120.00", ["20.00"], ["100.00"]),
    ],
)
def test_the_examples_of_aife_give_their_amounts_and_their_one_attachment(corpus, example, ht, tva, ttc, rates, lines):
    read = parsed(corpus / "fr" / "aife-chorus" / f"FSO1116A_{example}.xml")
    amounts = read.piece.amounts
    assert (amounts.ht, amounts.tva, amounts.ttc, amounts.net) == (Decimal(ht), Decimal(tva), Decimal(ttc), Decimal(ttc))
    assert [row.rate for row in read.piece.vat] == [Decimal(rate) for rate in rates]
    assert read.piece.nets == tuple(map(Decimal, lines))
    assert [attachment.name for attachment in read.piece.attachments] == ["aa.pdf"]
    assert read.findings == ()


def test_aifes_example_with_every_optional_field_is_read_whole(corpus):
    piece = parsed(corpus / "fr" / "aife-chorus" / "FSO1116A_P02.xml").piece
    assert (piece.number, piece.cadre, piece.type, piece.deposit) == ("JMRPOR1116000138", "A9", "380", "initial")
    assert piece.supplier == Party("1", "81034732800017", "PRO SHOP CONTREXEVILLE", "Service", "FR60810347328", "FR", "1")
    assert piece.recipient == Party("1", "75356054900010", "URSSAF Basse-Normandie", "SERV1", "FR78301223822", "FR", "1")
    assert piece.valideur == VALIDEUR
    assert (piece.engagement, piece.market, piece.previous) == ("CDE234", "CT12345", "MLE_FAC001")
    assert (piece.due, piece.currency, piece.payment.bic) == (date(2018, 9, 6), "EUR", "CCBPFRPPVER")
    figures = {"ht": 100, "tva": 20, "ttc": 120, "net": 120, "lines": 100, "allowances": 0, "charges": 0, "prepaid": 0}
    assert piece.amounts == Amounts(**{name: Decimal(figure) for name, figure in figures.items()})
    assert piece.vat[0].exemption == "Exonération"
    assert (piece.nets, piece.line_count) == ((Decimal(100),), 1)


def test_the_credit_note_of_aife_names_its_invoice_and_is_no_association(corpus):
    piece = parsed(corpus / "fr" / "aife-chorus" / "FSO1116A_P92.xml").piece
    assert (piece.type, piece.previous, piece.deposit) == ("381", "POURQUOI_PAS", "initial")


def test_the_minimal_ubl_template_is_read_and_its_placeholders_told(corpus):
    read = parsed(corpus / "fr" / "chorus-ubl-min" / "IN_DP_E2_UBL_INVOICE_MIN.xml")
    piece = read.piece
    assert (piece.cadre, piece.profile, piece.type, piece.currency, piece.stylesheet) == ("A1", "", "380", "EUR", "FSO1110A.xsl")
    assert piece.supplier == Party("1", "#ID_FOURNISSEUR#", "#NOM_FOURNISSEUR#", country="FR", scheme="1")
    assert (piece.engagement, piece.vat_regime, piece.vat[0].rate) == ("#NUMERO_ENGAGEMENT#", "TVA12", 20)
    assert [(a.name, a.kind) for a in piece.attachments] == [("#NOM_FICHIER#", "01")]
    unread = [f.field for f in read.findings if f.code == "FLX-S20"]
    assert unread == ["issued", "amounts.ht", "amounts.ttc", "amounts.net", "amounts.tva", "vat[1].base", "vat[1].amount"]


def test_in_the_french_reform_the_siret_goes_before_the_siren_and_the_party_addressed_is_the_valideur(corpus):
    piece = parsed(corpus / "fr" / "akretion" / "ubl-21-extended-ctc-fr.xml").piece
    assert (piece.supplier.id, piece.supplier.type, piece.supplier.scheme) == ("99999999800019", "1", "0009")
    assert piece.valideur == Party("", "528010523", "Receipee EURL", country="FR", scheme="0002")
    assert piece.moe.name == "M. Négociateur CHEF"
    assert (piece.engagement, piece.market, piece.previous) == ("PO1242", "Contrat_du_siècle", "F124211")
