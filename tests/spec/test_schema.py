"""The schema refuses, and says why; what the explaining stumbles over never changes the verdict."""

import re
from datetime import date

import pytest
from rig import EXAMPLES, GOOD

from flux import kit, told
from flux.model import Severity
from flux.policy import Brief, Policy
from flux.process import judge
from flux.validators import schema

SOUND = next(EXAMPLES.glob(GOOD)).read_bytes()
DATE = b"<cbc:IssueDate>2026-04-30</cbc:IssueDate>"


@pytest.fixture(scope="session")
def whole():
    return kit.build()


def findings(content, whole):
    (judged,) = judge(1, "x.xml", content, Brief("", Policy(naming="free"), date(2026, 11, 25)), whole)
    return judged.findings


def codes(content, whole):
    return {finding.code for finding in findings(content, whole)}


def test_a_sound_document_has_nothing_to_explain(whole):
    assert DATE in SOUND
    assert not {code for code in codes(SOUND, whole) if code.startswith("FLX-S")}


@pytest.mark.parametrize(
    "date_",
    [
        b'<cbc:IssueDate xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="cbc:nope">2026-04-30</cbc:IssueDate>',
        b"<cbc:IssueDate>99999999999-01-01</cbc:IssueDate><cbc:Nope/>",
    ],
    ids=["a type that is none", "a year beyond counting"],
)
def test_what_cannot_be_explained_is_refused_in_the_validators_own_words(whole, date_):
    found = codes(SOUND.replace(DATE, date_), whole)
    assert found
    assert found <= {"FLX-S01", "FLX-S02", "FLX-S03", "FLX-S09"}


@pytest.mark.parametrize("length", range(20, 60))
def test_a_name_so_long_that_the_parser_cuts_its_path_inside_a_character_is_refused_as_any_other(whole, length):
    name = "Issue" + "ÿ" * length
    assert codes(SOUND.replace(DATE, f"<cbc:{name}>1</cbc:{name}>".encode()), whole) <= {"FLX-S01", "FLX-S02", "FLX-S09"}


def texts(content, whole, code):
    (finding,) = [one for one in findings(content, whole) if one.code == code]
    return told.finding(finding, whole.tables, lambda _: Severity.ERROR)["text"]


def test_the_form_of_a_day_is_told_in_words(whole):
    text = texts(SOUND.replace(DATE, b"<cbc:IssueDate>30/04/2026</cbc:IssueDate>"), whole, "FLX-S03")
    assert text["fr"].startswith("La valeur « 30/04/2026 » n'est pas permise ; attendu : une date telle que 2026-01-31.")
    assert text["en"].startswith("The value “30/04/2026” is not allowed; expected: a date such as 2026-01-31.")


@pytest.mark.parametrize(
    ("date_", "code"), [(b'<cbc:IssueDate foo="1">2026-04-30</cbc:IssueDate>', "FLX-S04"), (b"<cbc:IssueDate><a/></cbc:IssueDate>", "FLX-S09")]
)
def test_the_validators_own_words_are_introduced_as_such(whole, date_, code):
    text = texts(SOUND.replace(DATE, date_), whole, code)
    assert ": le validateur dit « " in text["fr"]
    assert " » (ses propres mots, en anglais)." in text["fr"]
    assert ": the validator says “" in text["en"]


def test_the_words_of_a_pdf_reader_hold_no_address_of_its_memory(whole):
    text = texts(b"%PDF-1.4\n", whole, "FLX-A23")
    assert text["fr"].startswith("Le PDF ne peut pas être lu : le lecteur dit « can't find startxref » (ses propres mots, en anglais).")
    assert "0x" not in text["fr"] + text["en"]


# -- a document of several pieces: each is refused for what stands in it ---------------------------------------------------------------------

MIXTE = next(EXAMPLES.glob("16-several-pieces-in-one-file/*.xml")).read_text("utf-8")
ISSUED, UNKNOWN = "<DateEmissionFacture>2026-07-31</DateEmissionFacture>", "<Inconnu/>"
BEYOND = "<DateEmissionFacture>99999999999-01-01</DateEmissionFacture>"  # valid for libxml2; xmlschema stumbles over it
WRONG_ROWS = "<TVA><Taux>vingt</Taux></TVA>" * 25 + "</TVAS>"


def refused(wrong, whole):
    """By piece, the codes of the stage format. *wrong*: by piece, what a text of it becomes."""
    head, *units = MIXTE.split("<CPPFactureMixteUnitaire")
    for unit, (old, new) in wrong.items():
        assert old in units[unit - 1]
        units[unit - 1] = units[unit - 1].replace(old, new)
    content = "<CPPFactureMixteUnitaire".join((head, *units)).encode()
    judged = judge(1, "x.xml", content, Brief("", Policy(naming="free"), date(2026, 11, 25)), whole)
    return {one.index: {finding.code for finding in one.findings} for one in judged if one.closed == "format"}


def test_more_than_can_be_told_of_one_piece_condemns_none_of_its_neighbours(whole):
    assert refused({}, whole) == {}
    assert refused({2: ("</TVAS>", WRONG_ROWS)}, whole) == {2: {"FLX-S01", "FLX-S03", "FLX-S10"}}


def test_a_piece_that_nobody_can_explain_is_refused_beside_one_that_is_explained(whole):
    assert refused({1: (ISSUED, ISSUED + UNKNOWN), 2: (ISSUED, BEYOND + UNKNOWN), 3: (ISSUED, ISSUED + UNKNOWN)}, whole).keys() == {1, 2, 3}


def test_a_fault_of_the_envelope_concerns_every_piece(whole):
    assert refused({3: ("</CPPFactures>", "</CPPFactures><Reste/>")}, whole).keys() == {1, 2, 3}
    assert refused({3: ("</CPPFactures>", "</CPPFactures>")}, whole).keys() == set()


FOREIGN = "<CPPFacturePivotUnitaire/>"


def test_a_foreign_unit_counts_as_no_piece_and_concerns_them_all(whole):
    end = "</CPPFactureMixteUnitaire>"
    assert refused({2: (end, end + FOREIGN * 2)}, whole).keys() == {1, 2, 3}


def test_a_piece_without_an_error_is_taken_however_many_its_neighbours_have(whole):
    head, *units = MIXTE.split("<CPPFactureMixteUnitaire")
    unit = units[0]
    bad = unit.replace(ISSUED, ISSUED + UNKNOWN)
    content = "<CPPFactureMixteUnitaire".join((head, *[bad] * 1_100, unit, units[-1])).encode()
    judged = judge(1, "x.xml", content, Brief("", Policy(naming="free"), date(2026, 11, 25)), whole)
    assert {one.index for one in judged if one.closed != "format"} == {1_101, 1_102}


LINES = 1_500  # of about 1 kB: too many to be explained by xmlschema
QUANTITY = re.compile(rb"(<cbc:InvoicedQuantity[^>]*>[0-9.]+)")


def long(wrong):
    """The sound document with many lines; *wrong*: those whose quantity is written with a comma."""
    start, end = SOUND.index(b"<cac:InvoiceLine>"), SOUND.index(b"</cac:InvoiceLine>") + len(b"</cac:InvoiceLine>")
    line = SOUND[start:end] + b" " * 500
    bad = QUANTITY.sub(rb"\g<1>,5", line)
    assert bad != line
    return SOUND[:start] + b"\n".join(bad if n in wrong else line for n in range(1, LINES + 1)) + SOUND[end:]


@pytest.fixture
def asked(whole, monkeypatch):
    """How many children the roots have of which the schema is asked, in order."""
    counts = []

    class Counting:
        def __init__(self, judge):
            self.readable, self._xsd, self.xsd = judge.readable, judge.xsd, self

        def validate(self, root):
            counts.append(len(root))
            return self._xsd.validate(root)

        @property
        def error_log(self):
            return self._xsd.error_log

    get = whole.schemas.get
    monkeypatch.setattr(type(whole.schemas), "get", lambda _, family, form: Counting(get(family, form)))
    return counts


def test_a_large_document_that_is_wrong_all_over_is_told_by_its_beginning_as_it_would_be_by_the_whole(whole, asked, monkeypatch):
    everywhere = range(1, LINES + 1)
    by_the_beginning = findings(long(everywhere), whole)
    assert len(asked) == 1
    assert asked[0] < 2 * schema.SAMPLE
    monkeypatch.setattr(schema, "SAMPLE", LINES)
    assert findings(long(everywhere), whole) == by_the_beginning
    assert [f.code for f in by_the_beginning if f.code.startswith("FLX-S")] == ["FLX-S09"] * schema.MOST + ["FLX-S10"]


@pytest.mark.parametrize("wrong", [{LINES}, {1, LINES}, set(range(101, LINES))], ids=["the last", "the first and the last", "behind the beginning"])
def test_a_large_document_with_an_error_anywhere_is_refused_and_its_twin_without_one_is_not(whole, asked, wrong):
    told = [f for f in findings(long(wrong), whole) if f.code.startswith("FLX-S")]
    assert len(told) == min(len(wrong), schema.MOST + 1)
    assert told[0].xpath.endswith(f"cac:InvoiceLine[{min(wrong)}]/cbc:InvoicedQuantity")
    assert asked[-1] > LINES
    assert not [f for f in findings(long(set()), whole) if f.code.startswith("FLX-S")]


def test_a_document_that_is_large_for_what_it_carries_is_asked_once_and_never_copied(whole, asked):
    assert not [f for f in findings(SOUND.replace(b"</cac:InvoiceLine>", b" " * schema.EXPLAINED_BYTES + b"</cac:InvoiceLine>", 1), whole) if f.code.startswith("FLX-S")]
    assert len(asked) == 1
