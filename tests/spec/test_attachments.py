"""Attachments: what is known of each and what is not, how much of them is read, and what is told of too many."""

import base64
import io
import zipfile
from pathlib import Path

import pytest

from flux import told
from flux.attachments import unpack
from flux.gate import admit_xml
from flux.model import Decided, Severity, Verdict, VerdictKind
from flux.parsers import Source, cii, cpp_mixte, ubl
from flux.piece import Piece
from flux.policy import Limits

MEBIBYTE = 1 << 20
PDF = b"%PDF-1.7 "
SMALL = Limits(attachment_mb=1)


def encoded(content):
    return base64.b64encode(content).decode()


def zipped(*members):
    carrier = io.BytesIO()
    with zipfile.ZipFile(carrier, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return carrier.getvalue()


def unpacked(text, name="metre.pdf"):
    return unpack(name, text, mime="", kind="", position=1, limits=SMALL)


def as_json(attachment, tables):
    decided = Decided(Piece(attachments=(attachment,)), Verdict(VerdictKind.REJECTED), "a.xml", 1, "")
    (only,) = told.piece(decided, told.wording(tables, lambda _: Severity.ERROR))["attachments"]
    return only["bytes"], only["sha256"] and len(only["sha256"])


# -- what is known of one -----------------------------------------------------------------------------------------------------------------

DAMAGED = zipped(("a.pdf", PDF))[:-1]


@pytest.mark.parametrize(
    ("content", "known"),
    [
        (encoded(PDF), (9, 64)), (encoded(zipped(("a.pdf", PDF))), (9, 64)), ("", (0, 64)), (encoded(bytes(2 * MEBIBYTE)), (2 * MEBIBYTE, 64)),
        (encoded(zipped(("a.pdf", bytes(MEBIBYTE)))), (MEBIBYTE, 64)), (encoded(zipped(("a.pdf", bytes(MEBIBYTE + 1)))), (None, None)),
        ("%%%", (None, None)), (encoded(DAMAGED), (None, None)),
    ],
    ids=["a file", "a file in a zip", "nothing", "too large", "too large by nothing, in a zip", "too large in a zip", "no base64", "a damaged zip"],
)  # fmt: skip
def test_size_and_hash_are_those_of_the_whole_file_or_null(tables, content, known):
    attachment, _ = unpacked(content)
    assert as_json(attachment, tables) == known


def test_what_was_read_of_a_file_beyond_the_limit_counts_towards_the_sum_of_the_piece():
    attachment, (finding,) = unpacked(encoded(zipped(("a.pdf", bytes(50 * MEBIBYTE)))))
    assert (attachment.bytes, attachment.sha256) == (MEBIBYTE + 1, "")
    assert dict(finding.facts)["found"] == "≥ 1 MB"


def test_the_name_inside_a_zip_is_kept_and_a_zip_inside_it_is_the_file():
    nested = zipped(("a.pdf", PDF))
    attachment, findings = unpacked(encoded(zipped(("lot/plans.zip", nested))))
    assert (attachment.inner, attachment.bytes, findings) == ("lot/plans.zip", len(nested), ())


def test_what_cannot_be_decoded_is_told_in_words_of_our_own(tables):
    _, (finding,) = unpacked(encoded(PDF + b"1")[:-1])
    text = told.finding(finding, tables, lambda _: Severity.ERROR)["text"]
    assert "base64 : son texte est coupé, ou contient des signes étrangers au base64." in text["fr"]
    assert "base64: its text is cut, or holds signs that base64 does not know." in text["en"]


# -- how many -----------------------------------------------------------------------------------------------------------------------------

UBL = """<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">{}</Invoice>"""
CII = """<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
 xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100">
<rsm:SupplyChainTradeTransaction><ram:ApplicableHeaderTradeAgreement>{}</ram:ApplicableHeaderTradeAgreement></rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>"""
MIXTE = "<CPPFactureMixte><CPPFactures><CPPFactureMixteUnitaire>{}</CPPFactureMixteUnitaire></CPPFactures></CPPFactureMixte>"
SYNTAXES = pytest.mark.parametrize(
    ("parser", "document", "one"),
    [
        (ubl.PARSER, UBL, "<cac:AdditionalDocumentReference><cbc:ID>{}</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject>%</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>"),
        (cii.PARSER, CII, "<ram:AdditionalReferencedDocument><ram:IssuerAssignedID>{}</ram:IssuerAssignedID><ram:AttachmentBinaryObject>%</ram:AttachmentBinaryObject></ram:AdditionalReferencedDocument>"),
        (cpp_mixte.PARSER, MIXTE, "<PJ><NomPJ>{}</NomPJ><Contenu>%</Contenu></PJ>"),
    ],
    ids=["UBL", "CII", "CPP mixte"],
)  # fmt: skip


def parsed(parser, document, attachments, limits):
    content = document.format("".join(attachments)).encode()
    (only,) = parser.read(Source(admit_xml(content, limits).root, content, limits))
    return only


@SYNTAXES
def test_attachments_beyond_the_limit_are_not_unpacked_and_told_once(parser, document, one):
    limits = Limits(attachments=3)
    three, many = (parsed(parser, document, [one.format(f"{n}.pdf").replace("%", encoded(PDF)) for n in range(count)], limits) for count in (3, 50))
    assert (len(three.piece.attachments), three.findings) == (3, ())
    assert (three.piece.attachments, [f.code for f in many.findings]) == (many.piece.attachments, ["FLX-L17"])
    assert dict(many.findings[0].facts) == {"found": "more than 3", "found_fr": "plus de 3", "expected": "3"}
    assert many.findings[0].xpath.endswith("[4]")


@SYNTAXES
def test_what_is_told_of_attachments_with_endless_names_stays_short(parser, document, one):
    """A document of 1 MB: quoted whole, its names would be told in several megabytes, and once more in each return flow."""
    found = parsed(parser, document, [one.format(f"{n}{'n' * 2000}") for n in range(600)], Limits())
    assert {f.code for f in found.findings} == {"FLX-L11", "FLX-L14", "FLX-L17"}
    assert len(found.findings) == 2 * 500 + 1
    assert max(len(fact) for f in found.findings for _, fact in f.facts) < 140


def test_the_limits_of_attachments_are_told_where_suppliers_read_them():
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    assert f"{Limits().attachments} attachments a piece" in page
