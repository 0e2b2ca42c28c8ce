"""Factur-X: the files that the PDF holds beside the XML are attachments of the piece, judged by the same rules."""

import io
import json
import zlib

import pikepdf
import pytest
from rig import EXAMPLES, run

from flux import told
from flux.model import Finding, Severity
from flux.parsers import facturx
from flux.policy import Limits

XML = b"<rsm:CrossIndustryInvoice/>"
MEBIBYTE = 1 << 20
SMALL = Limits(attachment_mb=1, attachments_mb=2)


def a_pdf(*files, xml=XML, fields=()):
    """A PDF that holds these files, each a name with its bytes, beside the XML. *fields*: of their streams, as the PDF has them."""
    pdf = pikepdf.Pdf.new()
    pdf.add_blank_page()
    for name, content in (("factur-x.xml", xml), *files):
        pdf.attachments[name] = content
    for name, _ in files:
        for field, value in fields:
            pdf.attachments[name].get_file().obj[field] = value
    carrier = io.BytesIO()
    pdf.save(carrier, compress_streams=True)
    return carrier.getvalue()


def unwrapped(pdf, limits=SMALL):
    return facturx.PARSER.unwrap(pdf, limits)


def listed(pdf, limits=SMALL):
    inside = unwrapped(pdf, limits)
    assert inside.content == XML
    return [(file.name, file.bytes, bool(file.sha256)) for file in inside.files], [finding.code for finding in inside.findings]


def test_the_files_beside_the_xml_are_listed_with_size_and_hash():
    assert listed(a_pdf()) == ([], [])
    assert listed(a_pdf(("bon.pdf", b"%PDF-1.7"), ("plan.dwg", b"x"))) == ([("bon.pdf", 8, True), ("plan.dwg", 1, True)], [])


NAME = "n" * 46 + ".pdf"
WRONG = [  # (what, the accepted file, the refused one, what is listed of it, the exact codes)
    ("too large", ("a.pdf", bytes(MEBIBYTE - 1)), ("a.pdf", bytes(MEBIBYTE)), (MEBIBYTE, True), ["FLX-L10"]),
    ("far too large", ("a.pdf", bytes(MEBIBYTE - 1)), ("a.pdf", bytes(50 * MEBIBYTE)), (MEBIBYTE + 1, False), ["FLX-L10"]),
    ("empty", ("a.pdf", b"x"), ("a.pdf", b""), (0, True), ["FLX-L13"]),
    ("a name of 51", (NAME, b"x"), (f"n{NAME}", b"x"), (1, True), ["FLX-L11"]),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "what", "codes"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_file_beside_the_xml_is_judged_as_every_attachment_is(good, bad, what, codes):
    assert listed(a_pdf(good)) == ([(good[0], len(good[1]), True)], [])
    assert listed(a_pdf(bad)) == ([(bad[0], *what)], codes)


def test_files_together_are_read_up_to_the_limit_of_the_piece():
    files, codes = listed(a_pdf(*((f"{n}.pdf", bytes(MEBIBYTE - 1)) for n in range(5))))
    assert codes == []
    assert [known for *_, known in files] == [True, True, False, False, False]
    assert sum(size for _, size, _ in files) > 2 * MEBIBYTE, "so that the sum is told (FLX-L15)"


def test_files_beyond_their_number_are_not_read_and_told_once():
    two, three = (a_pdf(*((f"{n}.pdf", b"x") for n in range(count))) for count in (2, 3))
    limits = Limits(attachments=2)
    assert listed(two, limits) == ([("0.pdf", 1, True), ("1.pdf", 1, True)], [])
    assert listed(three, limits) == ([("0.pdf", 1, True), ("1.pdf", 1, True)], ["FLX-L17"])


def test_a_file_that_cannot_be_read_is_told_and_does_not_cost_the_invoice():
    damaged = a_pdf(("a.pdf", b"x"), fields=[("/Filter", pikepdf.Name("/DCTDecode"))])
    assert listed(damaged) == ([("a.pdf", 0, False)], ["FLX-L14"])


def test_an_xml_that_unpacks_beyond_its_limit_is_refused_whatever_the_pdf_announces():
    assert unwrapped(a_pdf(xml=bytes(MEBIBYTE)), Limits(xml_mb=1)).content == bytes(MEBIBYTE)
    assert unwrapped(a_pdf(xml=bytes(MEBIBYTE + 1)), Limits(xml_mb=1)).code == "FLX-X06"


def test_a_pdf_that_is_a_zip_too_is_refused(tables):
    pdf = a_pdf()
    assert not isinstance(unwrapped(pdf), Finding)
    assert not isinstance(unwrapped(pdf + b"\n"), Finding)
    finding = unwrapped(pdf + b"PK\x05\x06" + bytes(18))
    assert finding.code == "FLX-A23"
    text = told.finding(finding, tables, lambda _: Severity.ERROR)["text"]
    assert "une archive ZIP suit la fin du PDF" in text["fr"]
    assert "a ZIP archive follows the end of the PDF" in text["en"]


def checked(tmp_path, *files):
    """The piece of the example with these files beside its XML, as the command tells it."""
    (example,) = (EXAMPLES / "17-factur-x").glob("*.pdf")
    with pikepdf.open(example) as pdf:
        for name, content in files:
            pdf.attachments[name] = content
        pdf.save(tmp_path / example.name)
    (flow,) = json.loads(run(tmp_path, "check", "--json", example.name).stdout)["flows"]
    (piece,) = flow["pieces"]
    return piece


def test_the_supplier_reads_of_the_files_in_his_pdf_and_what_is_wrong_with_them(tmp_path):
    plain = checked(tmp_path)
    good, bad = (checked(tmp_path, (name, zlib.compress(b"x"))) for name in ("plan.pdf", "plan.exe"))
    assert good["findings"] == plain["findings"]
    assert [file["name"] for file in good["attachments"]] == ["plan.pdf", *(file["name"] for file in plain["attachments"])]
    assert [(f["code"], f["field"], f["line"]) for f in bad["findings"]] == [("FLX-L12", "attachments[1].name", None)]
