"""The rules that a profile of Factur-X has of its own: which document is asked, what is told, and the same verdicts as the sheet of the profile."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from beside import broken_in_one_place, compared, judged_by_both
from grouped import RATES, grouped
from lxml import etree
from mutations import PARSER, parsed
from whole import Whole, whole

from flux import kit, official, rulebook
from flux.faults import Fault
from flux.model import Severity
from flux.parsers.facturx import PARSER as CARRIER
from flux.policy import Limits
from flux.rulebook import DECLARED
from flux.tables import facturx, rulesets
from flux.validators import en16931
from flux.validators.en16931 import profiles

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from invoices import cii  # an invoice that keeps every rule of EN 16931

SAMPLE = 150  # mutated documents a profile; make campaign PARTS=rules compares thousands
ROWS = 60     # of a profile, of which each is broken by itself
EN = "urn:cen.eu:en16931:2017"
MINIMUM, BASIC = "urn:factur-x.eu:1p0:minimum", f"{EN}#compliant#urn:factur-x.eu:1p0:basic"
EMPTY = ("FX-SCH-A-000372", "PEPPOL-EN16931-R008")  # the invoice has an empty delivery
SETS = [one for one in kit.build().tables.sets if one.identity != rulesets.CPRO]
DECLARES = b">urn:cen.eu:en16931:2017<"
sheets = pytest.mark.skipif(find_spec("saxonche") is None, reason="needs saxonche: make test installs it")


def told(content, declared, *, carried=False, weight=Severity.ERROR):
    """What is told of a document that declares this profile."""
    root = etree.fromstring(content.replace(DECLARES, f">{declared}<".encode()))
    return {(one.code, one.weight) for one in en16931.findings(root, declared, weight, SETS, carried=carried) if one.code not in EMPTY}


def twice(content, tag):
    """The first element of this name stands twice."""
    root = parsed(content)
    element = next(root.iter(f"{{*}}{tag}"))
    element.addnext(parsed(etree.tostring(element)))
    return etree.tostring(root)


def without(content, tag):
    root = parsed(content)
    element = next(root.iter(f"{{*}}{tag}"))
    element.getparent().remove(element)
    return etree.tostring(root)


@pytest.mark.parametrize(
    ("spoil", "declared", "carried", "expected"),
    [
        (lambda one: one, MINIMUM, False, set()),
        (lambda one: twice(one, "InvoiceCurrencyCode"), MINIMUM, False, {("FX-SCH-A-000038", "error"), ("FLX-E02", "error")}),
        (lambda one: without(one, "GrandTotalAmount"), MINIMUM, False, {("FX-SCH-A-000043", "error"), ("FX-SCH-A-000004", "error")}),
        (lambda one: without(one, "GrandTotalAmount"), "urn:factur-x.eu:1p0:basicwl", False, {("FX-SCH-A-000043", "error"), ("BR-14", "error"), ("BR-CO-15", "error"), ("BR-CO-16", "error")}),
        (lambda one: without(one, "LineID"), MINIMUM, False, set()),
        (lambda one: without(one, "LineID"), BASIC, False, {("FX-SCH-A-000200", "error"), ("FX-SCH-A-000270", "error")}),
        (lambda one: without(one, "LineID"), EN, False, {("BR-21", "error")}),
        (lambda one: without(one, "LineID"), EN, True, {("BR-21", "error"), ("FX-SCH-A-000270", "error")}),
    ],
    ids=["whole", "a currency twice", "no total", "no total, of BASIC WL", "a line without number in MINIMUM", "in BASIC", "in plain EN 16931", "in a Factur-X PDF of EN 16931"],
)
def test_a_document_is_asked_the_rules_of_the_profile_that_it_declares_under_the_ids_of_its_artefact(spoil, declared, carried, expected):
    assert told(spoil(cii(1)), declared, carried=carried) == expected


@pytest.mark.parametrize(("weight", "expected"), [(Severity.WARNING, {("FX-SCH-A-000038", "warning"), ("FLX-E02", "warning")}), (Severity.OFF, set())])
def test_what_a_rule_of_factur_x_does_is_set_as_for_those_of_en_16931(weight, expected):
    assert told(twice(cii(1), "InvoiceCurrencyCode"), MINIMUM, weight=weight) == expected


@pytest.mark.parametrize("profile", facturx.PROFILES)
def test_a_document_that_has_all_that_a_profile_has_a_row_for_keeps_every_row(profile):
    """Its sums are none, and are asked of invoices that have some (test_extended)."""
    rows = facturx.own(profile).ids - {*facturx.own(profile).more}
    assert {failure.rule for failure in en16931.judge(parsed(whole(profile)), profile)} & rows == set()


@pytest.mark.parametrize("profile", facturx.PROFILES)
def test_every_id_of_the_sheet_of_a_profile_is_its_own_repeated_or_named_as_not_judged(profile):
    table = facturx.own(profile)
    theirs = official.ids(profile)
    assert theirs, "factur-x has the sheets, and flux needs it"
    known = table.ids | table.same.keys() | set(table.unjudged)
    assert known <= theirs
    assert theirs - known <= en16931.rules_of("CII") | CANNOT
    assert set(table.same.values()) <= en16931.rules_of("CII") | CANNOT
    assert not table.ids & table.same.keys()
    assert not set(table.unjudged) & (table.ids | table.same.keys())


CANNOT = {"BR-CO-05", "BR-CO-06", "BR-CO-07", "BR-CO-08", "BR-AF-08", "BR-AF-09", "BR-AG-08", "BR-AG-09"}  # that no document breaks: docs/rules.md


def test_every_id_has_one_meaning_and_texts_in_both_languages():
    catalogue = kit.build().tables.catalogue
    meanings = {}
    for table in map(facturx.own, facturx.PROFILES):
        rows = [("one", table.one), ("most", table.most), ("most_two", table.most_two), ("least", table.least), ("attributed", table.attributed)]
        rows += [("coded", places) for places in table.coded.values()]
        for what, places in rows:
            for id_, at in places.items():
                meanings.setdefault(id_, set()).update((what, place.split("/")[-1]) for place in at)
        for id_, rule in table.same.items():
            meanings.setdefault(id_, set()).add(("same", rule))
    assert {id_: some for id_, some in meanings.items() if len({what for what, _ in some}) > 1} == {}
    assert all(catalogue[id_].fr != catalogue[id_].en for id_ in meanings)


@pytest.mark.corpus
@sheets
def test_every_factur_x_document_breaks_exactly_the_rules_that_the_sheet_of_its_profile_says(corpus):
    made = {}
    for path in sorted(corpus.rglob("*")):
        if "hostile" in path.parts or path.suffix.lower() not in (".xml", ".pdf"):
            continue
        root, carried = opened(path)
        pack = profiles.pack_of(root.findtext(DECLARED) or "", "CII", carried=carried) if root is not None else None
        if pack and pack.own:
            made.setdefault(pack.own, []).append((path.name, 0, (), root))
    assert {own: len(some) for own, some in made.items()} == {"minimum": 2, "basicwl": 2, "basic": 3, "en16931": 14, "extended": 1}
    for own, some in made.items():
        cases = list(judged_by_both(some, own))
        assert [case for case in cases if not case.agrees] == []
        assert [case for case in cases if (case.missing or case.extra) and {*case.missing, *case.extra} & facturx.own(own).ids] == []


@pytest.mark.corpus
@sheets
@pytest.mark.parametrize(("carried", "expected"), [(False, ["CII"]), (True, ["CII", "en16931"])])
def test_a_document_of_plain_en_16931_is_compared_under_the_sheet_of_factur_x_only_as_if_a_pdf_carried_it(corpus, carried, expected):
    rows = list(rulebook.compared([corpus / "fr" / "akretion" / "factur-x-en16931.xml"], carried=carried))
    assert [row["sheet"] for row in rows] == expected
    assert all(row["agrees"] for row in rows)


@pytest.mark.corpus
@sheets
def test_a_pdf_is_compared_by_the_document_inside_and_one_that_is_no_invoice_is_refused_with_its_code(corpus):
    rows = list(rulebook.compared([corpus / "fr" / "akretion" / "invoice_EN16931.pdf"]))
    assert [(row["sheet"], row["agrees"]) for row in rows] == [("CII", True), ("en16931", True)]
    with pytest.raises(Fault, match="FLX-A22"):
        list(rulebook.compared(sorted((corpus / "other-doctypes").glob("*ORDER*.pdf"))[:1]))


def opened(path):
    """The CII document of a file, and whether a PDF carries it."""
    content = path.read_bytes()
    carried = content.startswith(b"%PDF")
    if carried:
        content = getattr(CARRIER.unwrap(content, Limits(), False), "content", b"")
    try:
        root = etree.fromstring(content, PARSER)
    except etree.XMLSyntaxError:
        return None, carried
    return (root if en16931.syntax_of(root) == "CII" else None), carried


@pytest.mark.corpus
@sheets
@pytest.mark.parametrize("profile", facturx.PROFILES)
def test_mutated_documents_get_the_same_verdicts_from_flux_and_from_the_sheet_of_a_profile(documents, profile):
    some = [*documents["CII"], ("whole", whole(profile)), *((category, grouped(category)) for category in RATES)]
    assert [case for case in compared(some, 0, SAMPLE, profile) if not case.agrees] == []


@sheets
@pytest.mark.parametrize("profile", facturx.PROFILES)
def test_a_rule_that_is_broken_in_one_place_is_found_there_by_flux_and_by_the_sheet(profile):
    made = [(id_, 0, (place,), root) for id_, place, root in Whole(profile).broken()]
    made = made[:: len(made) // ROWS + 1]  # make campaign PARTS=rules breaks each
    assert [case for case in broken_in_one_place(made, profile) if not case.agrees] == []
