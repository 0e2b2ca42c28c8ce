"""The pivot: what it says of a piece, that flux itself reads it back as that piece, and that nothing in a document makes it invalid."""

import io
import zipfile
from base64 import b64decode
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from moves import CORRECTED, DEPOSITED, KIT, NIGHT, a_piece, deposited, done
from msgspec.structs import replace

from flux import pivot
from flux.parsers import Source, cpp_pivot
from flux.piece import Amounts, Attachment, Party, Payment, VatLine
from flux.policy import Limits

XSD = KIT.schemas.get("cpp-pivot", "full").xsd
VAT = (VatLine("S", Decimal(20), Decimal(100), Decimal(20)),)
PDF = b"%PDF-1.7 of the supplier"
METRE = Attachment("métré.pdf", 3, mime="application/pdf", kind="02")


def whole(standing, rows=VAT, attachments=(METRE,), contents=(b"abc",), name="situation.pdf", received=PDF):
    """The document as it is delivered: its five parts, one after the other."""
    main = pivot.main_document(name, received, attachments, contents)
    return b"".join((
        pivot.head(standing, "FLUX01", NIGHT, KIT.tables), *pivot.vat_rows(rows), pivot.middle(standing.piece), *pivot.files(main, attachments, contents), pivot.END,
    ))  # fmt: skip


def held(document):
    root = etree.fromstring(document)
    assert XSD.validate(root), XSD.error_log
    return root


def test_flux_reads_its_own_pivot_back_as_the_piece():
    piece = a_piece(market="2026-MT-0042", engagement="EJ1", payment=Payment("30", "FR7630006000011234567890189"), delivered=DEPOSITED.date())
    document = whole(deposited(piece))
    (read,) = cpp_pivot.PARSER.read(Source(held(document), document, Limits(), keep=True))
    same = ("number", "type", "cadre", "issued", "delivered", "currency", "market", "engagement", "payment")
    assert [getattr(read.piece, name) for name in same] == [getattr(piece, name) for name in same]
    assert (read.piece.vat, read.piece.amounts.ttc) == (VAT, piece.amounts.ttc)
    assert [replace(getattr(read.piece, who), scheme="") for who in ("supplier", "recipient")] == [piece.supplier, piece.recipient]
    assert (read.findings, read.files) == ((), (PDF, b"abc"))
    assert [(one.name, one.kind, one.zipped, one.inner) for one in read.piece.attachments] == [
        ("situation.pdf", "01", True, "situation.pdf"), ("métré.pdf", "02", True, "métré.pdf"),
    ]  # fmt: skip


def test_the_clock_of_the_moe_and_the_day_of_reception_are_days_in_paris():
    late = replace(deposited(a_piece()), moves=tuple(replace(move, at=NIGHT + timedelta(days=n)) for n, move in enumerate(deposited(a_piece()).moves)))
    data = held(whole(late)).find(".//DonneesFacture")
    assert (data.findtext("DateReception"), data.findtext("DateMiseADispositionMOE")) == ("2026-03-29", "2026-03-30")
    assert held(whole(deposited(a_piece(cadre="A17"), "moa"))).find(".//DateMiseADispositionMOE") is None


@pytest.mark.parametrize(
    ("acts", "told"),
    [
        ([], "Non"), ([("suspendre", "moe", "", "Quoi ?")], "Non"), ([("suspendre", "moe", "", "Quoi ?"), ("completer", "deposant")], "Complétée"),
        ([("refuser", "moe", "MAUVAISE_MOE", "Pas nous."), ("recycler", "deposant", "", "", CORRECTED)], "Recyclée"),
    ],
)  # fmt: skip
def test_a_piece_that_comes_back_says_after_what(acts, told):
    assert held(whole(done(deposited(a_piece()), *acts)[0])).findtext(".//Renvoi") == told


@pytest.mark.parametrize("code", sorted(KIT.tables.codes.payment_means | {""}))
def test_every_means_of_payment_that_a_piece_may_have_has_one_in_the_pivot(code):
    expected = {"": "30", "01": "30", "58": "30", "59": "49"}.get(code, code)
    assert held(whole(deposited(a_piece(payment=Payment(code))))).findtext(".//ModePaiement/Code") == expected


@pytest.mark.parametrize(
    ("received", "kind", "contents", "names"),
    [
        (PDF, "", (b"abc",), [("situation.pdf", "01", "Facture PDF"), ("métré.pdf", "02", "Pièce jointe standard")]),
        (b"<Invoice/>", "", (b"abc",), [("situation.pdf", "01", "Facture XML"), ("métré.pdf", "02", "Pièce jointe standard")]),
        (b"<Invoice/>", "01", (b"abc",), [("métré.pdf", "01", "Facture PDF")]),
        (b"<Invoice/>", "01", (b"",), [("situation.pdf", "01", "Facture XML")]),
    ],
    ids=["Factur-X", "XML", "XML with its PDF", "XML with a PDF that cannot be read"],
)
def test_what_a_person_reads_stands_first(received, kind, contents, names):
    root = held(whole(deposited(a_piece()), attachments=(replace(METRE, kind=kind),), contents=contents, received=received))
    assert [(one.findtext("NomPJ"), one.findtext("TypePJ"), one.findtext("CategoriePJ")) for one in root.iter("PJ")] == names


def test_a_breakdown_that_is_not_whole_is_left_out_and_one_that_is_stands_there():
    assert held(whole(deposited(a_piece()), rows=(*VAT, VatLine("E", None, Decimal(5))))).find(".//TVAs") is None
    assert len(held(whole(deposited(a_piece()), rows=VAT * 2)).findall(".//TVA")) == 2


@pytest.mark.parametrize(
    "change",
    [{"recipient": Party("2", "DE129273398")}, {"number": "N" * 21}, {"issued": None}, {"amounts": Amounts()}, {"supplier": Party("", "1")}, {"currency": ""}],
    ids=["recipient", "number", "day", "amounts", "supplier", "currency"],
)
def test_what_the_pivot_cannot_hold_shows_in_its_head_before_anything_is_sent(change):
    standing = deposited(a_piece(**change))
    skeleton = b"".join((pivot.head(standing, "FLUX01", NIGHT, KIT.tables), pivot.middle(standing.piece), pivot.A_FILE, pivot.END))
    assert not XSD.validate(etree.fromstring(skeleton))


names = st.one_of(st.text(max_size=60), st.sampled_from(["", "..", "../../etc/passwd", "a\\b.pdf", "￾" * 30 + ".pdf", "x" * 255 + ".pdf", ".", "a\0b", "<PJ>", "é.é", "\ud800"]))
amounts = st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=8) | st.sampled_from([Decimal("9" * 40), Decimal("1E+30"), Decimal("-0.000001"), Decimal("1.000000000")])


@given(
    rows=st.lists(st.builds(VatLine, st.just("S"), amounts, amounts, amounts), max_size=3),
    attached=st.lists(st.tuples(names, st.binary(max_size=40), st.sampled_from(["", "01", "02"]), names), max_size=3), name=names,
)  # fmt: skip
def test_nothing_in_a_document_makes_its_excerpts_invalid_and_every_file_is_whole(rows, attached, name):
    attachments = tuple(Attachment(one, kind=kind, mime=mime) for one, _, kind, mime in attached)
    contents = tuple(content for _, content, _, _ in attached)
    root = held(whole(deposited(a_piece()), rows, attachments, contents, name))
    kept = [zipfile.ZipFile(io.BytesIO(b64decode(one.findtext("Contenu")))) for one in root.iter("PJ")]
    assert [archive.read(archive.namelist()[0]) for archive in kept] == [PDF, *filter(None, contents)]
    assert not [inside for archive in kept for inside in archive.namelist() if "/" in inside or "\\" in inside or not inside.strip(".")]
