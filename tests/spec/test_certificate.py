"""The certificat de dépôt: its number is a hash, its bytes follow from the decision alone, and nothing that a sender wrote becomes markup."""

import base64
import hashlib
from io import BytesIO

import pikepdf
import pytest
from cases import RECIPIENT, a_piece
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flux import tables
from flux.certificate import MOST, certificate, marked, number_of, sha256_of
from flux.emitters import Told, certificate_html, certificate_pdf
from flux.model import Decided, Decision, Envelope, Flow, FlowVerdict, Verdict, VerdictKind
from flux.piece import Actor, Attachment
from flux.when import instant

RENDER = {"html": certificate_html.render, "pdf": certificate_pdf.render}
SHA256 = hashlib.sha256(b"a deposit").hexdigest()
HOSTILE = ["<script>alert(1)</script>", '#panic("x")', '#read("/etc/passwd")', "$ x^2 $", "*_`//@[]", "\u202eevil", "\x00", "株式会社", "{{ c.pack }}", "a" * 5000]


def a_letter(pieces=None, state=FlowVerdict.INTEGRATED, mode="service", at="2026-08-07T08:12:01.000000Z", **changes):
    piece = replace(a_piece(), cadre="A15", mode=mode, **{"attachments": (Attachment("acompte.pdf", 1234567, SHA256, "application/pdf", "01"),), **changes})
    flow = Flow("a-flow", "batipro", b"acompte.pdf", SHA256, 165432, instant("2026-08-07T22:30:00.000000Z"), mode=mode, depositor=Actor("moe", "53514650000009") if mode != "edi" else None)
    kind = VerdictKind.ACCEPTED if state is not FlowVerdict.REJECTED else VerdictKind.REJECTED
    decided = Decided(piece, Verdict(kind, next_actor=Actor("moa", RECIPIENT.id)), "acompte.pdf", 1, SHA256)
    decision = Decision(state, Envelope(), pieces or (decided,), pack="rules+1", accepted=int(kind is VerdictKind.ACCEPTED))
    return Told(flow, decision, tables.load(), dict, (), (), "FLUX01", instant(at))


def told(letter):
    return {row.en: row.value for section in certificate(letter).sections for row in section.rows}


@given(st.binary(min_size=32, max_size=32))
def test_a_number_is_the_hash_in_44_characters_and_back(digest):
    number = number_of(digest.hex())
    assert (len(number), base64.b64decode(number), sha256_of(number)) == (44, digest, digest.hex())


@pytest.mark.parametrize("text", ["", "A" * 44, "A" * 43 + "=\n", "a" * 42 + "-=", "é" * 44, number_of(SHA256)[:-2] + "B=", "20260807T081156123Z-7k3q9x2m4b"])
def test_what_is_no_number_is_none(text):
    assert sha256_of(text) == ""


def test_a_certificate_says_when_in_paris_as_whom_how_and_what():
    said = told(a_letter())
    assert said["deposited (Paris time)"] == "08/08/2026, 00:30:00"
    assert (said["mode"], said["depositor"], said["hash"], said["without VAT"]) == ("service", "MOE 53514650000009", SHA256, "100\u00a0EUR")
    assert (said["number"], said["recipient"], said["acts next"]) == ("SIT-2026-014", f"{RECIPIENT.name} · {RECIPIENT.id}", f"MOA {RECIPIENT.id}")
    assert certificate(a_letter()).files == (("01", "acompte.pdf", "1\u202f234\u202f567", SHA256),)


@pytest.mark.parametrize("form", RENDER)
def test_the_same_decision_gives_the_same_bytes_which_carry_their_number(form):
    (first,) = RENDER[form](a_letter())
    (again,) = RENDER[form](a_letter())
    assert (first.name, first.content) == (again.name, again.content)
    assert marked(first.content) == number_of(SHA256)
    assert first.name == f"CERTIFICAT_FLUX01_a-flow.{form}"


def test_the_only_date_of_the_pdf_is_the_decisions():
    with pikepdf.open(BytesIO(certificate_pdf.render(a_letter())[0].content)) as pdf:
        assert {str(pdf.docinfo[key]) for key in ("/CreationDate", "/ModDate")} == {"D:20260807081201Z"}


@pytest.mark.parametrize("form", RENDER)
@pytest.mark.parametrize(("state", "mode", "owed"), [("IN_INTEGRE", "service", True), ("IN_INTEGRE", "portail", True), ("IN_REJETE", "service", False), ("IN_INTEGRE", "edi", False)])
def test_it_is_owed_for_what_went_in_of_a_deposit(form, state, mode, owed):
    assert len(RENDER[form](a_letter(state=FlowVerdict(state), mode=mode))) == owed


@pytest.mark.parametrize("form", RENDER)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_that_a_sender_wrote_is_more_than_text(form, text):
    file = Attachment(text, 1, SHA256, "", "02")
    (answer,) = RENDER[form](a_letter(number=text, market=text, currency=text, previous=text, vat_regime=text, supplier=replace(RECIPIENT, name=text), attachments=(file,)))
    assert b"<script>alert" not in answer.content
    assert marked(answer.content) == number_of(SHA256)


def test_a_flow_of_many_pieces_lists_as_many_as_are_read_and_says_how_many_more():
    (one,) = a_letter().decision.pieces
    made = certificate(a_letter(tuple(replace(one, piece=replace(one.piece, ordinal=n)) for n in range(1, MOST + 3))))
    assert (len(made.sections), len(made.files), made.more) == (1 + MOST, MOST, 4)
