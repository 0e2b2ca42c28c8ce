"""FluxDepot: each datum of a deposit in its field, each refusal beside its twin, and the mode that no document can say of itself."""

from datetime import date
from decimal import Decimal

import pikepdf
import pytest
from cases import TODAY, a_piece, siret
from deposit_case import DATA, FULL, MOA, MOE, PDF, RECIPIENT, SUPPLIER, a_pdf, written
from msgspec.structs import replace
from test_parsers import UBL

from flux.depot import File, Rate, Who, completed
from flux.dossier import Ref
from flux.gate import admit_xml
from flux.lifecycle import opened
from flux.model import Envelope, Flow, Known, VerdictKind
from flux.parsers import Source, depot
from flux.piece import Actor, Party, Payment, VatLine, identity
from flux.policy import Brief, Limits, Policy
from flux.process import conclude, flow_findings, judge
from flux.validators import Context
from flux.when import instant

AT = instant("2026-08-07T08:00:00.000000Z")
AS_MOE = Actor("moe", MOE)
USUAL, NOTHING = Policy(), Known()


def judged(kit, document, mode="service", depositor=AS_MOE, policy=USUAL):
    (one,) = judge(1, "acompte.pdf", document, Brief("", policy, TODAY, mode, depositor), kit)
    return one


@pytest.fixture
def codes(kit, told):
    """The codes that the sandbox gives of a document."""
    return lambda document, **how: [told(finding).code for finding in judged(kit, document, **how).findings]


@pytest.fixture
def decided(kit, told):
    """The piece of a document, once everything that is known was asked."""

    def decide(document, known=NOTHING, depositor=AS_MOE):
        flow = Flow("a-flow", "batipro", b"acompte.pdf", "0" * 64, len(document), AT, mode="service", depositor=depositor)
        one = judged(kit, document, depositor=depositor)
        decision = conclude(flow, Envelope(), (), (one,), known, Context(kit.tables, Policy(), "", TODAY), kit)
        (piece,) = decision.pieces
        for finding in piece.verdict.findings:
            told(finding)
        return piece

    return decide


# -- each datum in its field -----------------------------------------------------------------------------------------------------------------


def test_every_datum_of_a_deposit_is_a_field_of_the_piece():
    content = written(FULL, File("acompte.pdf", PDF), File("métré.xlsx", b"figures", "application/vnd.ms-excel"))
    (parsed,) = depot.parse(Source(admit_xml(content, Limits()).root, content, Limits()))
    piece = parsed.piece
    assert parsed.findings == ()
    assert (piece.cadre, piece.number, piece.type, piece.issued, piece.currency, piece.vat_regime) == ("A15", "ACOMPTE-7", "380", date(2026, 7, 31), "EUR", "TVA_SUR_DEBIT")
    a = piece.amounts
    assert (a.ht, a.tva, a.ttc, a.net) == (Decimal("1000.00"), Decimal("200.00"), Decimal("1200.00"), Decimal("1200.00"))
    assert piece.vat == (VatLine("", Decimal(20), Decimal("900.00"), Decimal("180.00")), VatLine("", Decimal(10), Decimal(100), Decimal("20.00")))
    assert piece.supplier == Party("2", "DE129273398", "Bau & Söhne <GmbH>", "DEPOT", "DE129273398", "DE", "2")
    assert piece.recipient == Party("1", RECIPIENT, "Département", "SERVICE", "FR00229900089", "FR", "1")
    assert (piece.moe, piece.moa, piece.valideur) == (Party("1", MOE, scheme="1"), Party("1", MOA, scheme="1"), Party("1", "24590041000003", "Titulaire", scheme="1"))
    assert (piece.market, piece.engagement, piece.previous, piece.deposit) == ("2026-MT-0042", "EJ1", "SIT-6", "association")
    assert piece.payment == Payment("30", "FR7630006000011234567890189", "AGRIFRPP")
    assert [(f.name, f.kind, f.mime, f.bytes) for f in piece.attachments] == [("acompte.pdf", "01", "application/pdf", len(PDF)), ("métré.xlsx", "02", "application/vnd.ms-excel", 7)]


def test_a_vat_total_that_is_not_typed_is_the_sum_of_its_lines(kit):
    data = replace(DATA, tva="", vat=(Rate("20", "900", "180"), Rate("10", "100", "20")))
    assert judged(kit, written(data)).piece.amounts.tva == 200


def test_a_deposit_that_is_good_has_nothing_against_it(codes):
    assert codes(written()) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"cadre": ""}, ["G1.02"]),
        ({"number": ""}, ["G1.05"]),
        ({"number": "a\x00b"}, ["G1.05"]),
        ({"type": "384"}, ["FLX-C20"]),
        ({"date": ""}, ["FLX-C21"]),
        ({"date": "31/07/2026"}, ["FLX-S20", "FLX-C21"]),
        ({"currency": "EURO"}, ["FLX-C23"]),
        ({"vat_type": ""}, ["FLX-T22"]),
        ({"vat_type": "TVA"}, ["FLX-T22"]),
        ({"vat_type": "EXONERATION"}, ["FLX-T24"]),
        ({"ht": ""}, ["FLX-M06"]),
        ({"ht": "1 000,00"}, ["FLX-S20", "FLX-M06"]),
        ({"ttc": "1300.00"}, ["FLX-M01", "FLX-M05"]),
        ({"net": ""}, ["FLX-M06"]),
        ({"net": "1300.00"}, ["FLX-M02"]),
        ({"vat": (Rate("20", "1000.00", "210.00"),)}, ["FLX-M03", "FLX-M04"]),
        ({"supplier": None}, ["FLX-P06", "FLX-P08"]),
        ({"supplier": Who("99911111100005", name="Batipro")}, ["FLX-P03"]),
        ({"recipient": None}, ["FLX-P01"]),
        ({"recipient": Who("DE129273398", "2")}, ["FLX-P02"]),
        ({"iban": "FR00"}, ["G1.16"]),
    ],
    ids=str,
)
def test_what_is_wrong_with_the_data_is_told_by_the_rules_of_every_flow(codes, change, expected):
    assert codes(written(replace(DATA, **change))) == expected


# -- the files ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        (File("acompte.pdf", a_pdf(encryption=pikepdf.Encryption(user="secret", owner="secret"))), ["FLX-T23"]),
        (File("acompte.pdf", b"PK\x05\x06" + PDF), ["FLX-T23"]),
        (File("acompte.pdf", PDF + b"PK\x05\x06"), ["FLX-T23"]),
        (File("acompte.pdf", b"%PDF-1.7\nnothing that a reader could rebuild"), ["FLX-T23"]),
        (File("acompte.pdf", a_pdf(pages=0)), ["FLX-T23"]),
        (File("acompte.pdf", b""), ["FLX-L13"]),
        (File("acompte.exe", PDF), ["FLX-L12"]),
        (File("a" * 47 + ".pdf", PDF), ["FLX-L11"]),
        (File("acompte.pdf", PDF + bytes(10 << 20)), ["FLX-L10"]),
    ],
    ids=["a password", "no PDF", "a ZIP behind", "a broken heap", "no page", "empty", "an extension", "a long name", "10 MB"],
)
def test_the_main_document_is_a_pdf_that_opens_within_the_limits_of_every_attachment(codes, main, expected):
    assert codes(written(DATA, main)) == expected


@pytest.mark.parametrize("main", [File("acompte.pdf", a_pdf(encryption=pikepdf.Encryption(owner="secret"))), File("acompte.pdf", PDF.replace(b"startxref", b"startxrof"))], ids=["rights alone", "a damaged table"])
def test_a_pdf_that_every_reader_opens_is_accepted(codes, main):
    assert codes(written(DATA, main)) == []


def test_attachments_have_the_limits_that_they_have_in_a_flow(codes):
    few = Policy(limits=Limits(attachments=2, attachments_mb=1))
    assert codes(written(DATA, File("a.pdf", PDF), File("b.txt", b"b")), policy=few) == []
    assert codes(written(DATA, File("a.pdf", PDF), File("b.txt", b"b"), File("c.txt", b"c")), policy=few) == ["FLX-L17"]
    assert codes(written(DATA, File("a.pdf", PDF), File("b.txt", bytes(1 << 20))), policy=few) == ["FLX-L15"]


# -- mode and depositor ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["service", "portail"])
def test_a_deposit_that_comes_by_edi_is_refused_and_a_flow_in_another_mode_too(codes, mode):
    assert codes(written(), mode=mode) == []
    assert codes(written(), mode="edi", depositor=None) == ["FLX-T20"]
    assert codes(UBL.encode(), mode=mode) == ["FLX-T21"]
    assert "FLX-T21" not in codes(UBL.encode(), mode="edi", depositor=None)


def test_a_document_that_is_structured_otherwise_is_refused_by_its_schema(codes):
    assert codes(written().replace(b"FichierPrincipal", b"PieceJointe")) == ["FLX-S01"]
    assert codes(written().replace(b'version="1"', b'version="2"', 2).replace(b'?xml version="2"', b'?xml version="1"')) == ["FLX-S04"]


def test_a_root_that_is_unknown_is_told_the_syntaxes_of_flows_alone(kit):
    (finding,) = judged(kit, b"<a/>").findings
    assert "FluxDepot" not in dict(finding.facts)["expected"]


def test_the_name_of_a_deposit_is_that_of_its_pdf_and_is_held_to_no_shape(kit):
    flow = Flow("id", "batipro", b"acompte.pdf", "0" * 64, 9, AT)
    assert [f.code for f in flow_findings(flow, Policy(), kit)[1]] == ["FLX-T10"]
    assert flow_findings(replace(flow, mode="service", depositor=AS_MOE), Policy(), kit) == (Envelope(), ())


def test_who_deposits_stands_in_his_own_place_where_the_data_do_not_name_him():
    assert completed(replace(DATA, moe=None), AS_MOE).moe == Who(MOE)
    assert completed(replace(DATA, moa=Who(name="Département")), Actor("moa", MOA)).moa == Who(MOA, name="Département")
    assert completed(replace(DATA, supplier=None), Actor("cotraitant", SUPPLIER)).supplier == Who(SUPPLIER)
    assert completed(DATA, Actor("moe", "another")) == DATA
    association = replace(DATA, supplier=None, previous="SIT-6")
    assert completed(association, Actor("fournisseur", SUPPLIER)) == association


def test_a_cadre_is_deposited_by_its_actor(decided):
    assert decided(written()).verdict.kind is VerdictKind.ACCEPTED
    assert [f.code for f in decided(written(), depositor=Actor("moa", MOA)).verdict.findings] == ["FLX-W15"]
    assert [f.code for f in decided(written(), depositor=Actor("moe", siret("810347328"))).verdict.findings] == ["FLX-W15"]


def test_an_a5_which_edi_refuses_goes_to_the_moa(decided):
    data, supplier = replace(DATA, cadre="A5"), Actor("fournisseur", SUPPLIER)
    assert decided(written(data), depositor=supplier).verdict.next_actor == Actor("moa", MOA)


# -- association -------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def of_a_dossier(tables):
    """What is known once an A4 was accepted."""
    piece = replace(a_piece(), number="SIT-6", moe=Party("1", MOE), moa=Party("1", MOA))
    standing = opened(piece, Ref("first", 1), "batipro", "0" * 64, Actor("moe", MOE), (AT, AT), tables)
    return Known(standing={"SIT-6": (standing,)}), piece


def test_an_association_takes_over_what_it_leaves_out(decided, of_a_dossier):
    known, before = of_a_dossier
    data = replace(DATA, previous="SIT-6", ttc="", market="", supplier=None, recipient=None, moe=Who(MOE), moa=None)
    done = decided(written(data), known)
    assert (done.verdict.kind, [f.code for f in done.verdict.findings]) == (VerdictKind.ACCEPTED, [])
    assert (done.piece.supplier, done.piece.recipient, done.piece.market) == (before.supplier, before.recipient, before.market)
    assert set(done.carried) == {"market", "engagement", "supplier", "recipient", "valideur", "moa"}
    assert identity(done.piece) == f"moe|{MOE}|ACOMPTE-7"


def test_an_association_to_a_piece_that_nobody_knows_is_refused(decided, of_a_dossier):
    known, _ = of_a_dossier
    data = replace(DATA, previous="SIT-5", supplier=None)
    assert [f.code for f in decided(written(data), known).verdict.findings] == ["FLX-W10"]


def test_what_an_association_says_against_its_dossier_is_refused(decided, of_a_dossier):
    known, _ = of_a_dossier
    data = replace(DATA, previous="SIT-6", market="M2", supplier=None, recipient=None)
    assert [f.code for f in decided(written(data), known).verdict.findings] == ["FLX-W14"]
