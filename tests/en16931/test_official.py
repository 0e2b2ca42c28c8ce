"""Flux beside the official artefacts: their unit tests, what they say of every real document, and mutated documents under both."""

import csv
from collections import Counter
from importlib.util import find_spec

import pytest
from beside import compared
from lxml import etree
from mutations import PARSER, parsed

from flux import official, rulebook
from flux.parsers.facturx import PARSER as CARRIER
from flux.policy import Limits
from flux.tables import norm
from flux.validators import en16931

pytestmark = pytest.mark.corpus
SAMPLE = 400  # mutated documents a syntax; make campaign PARTS=rules compares 100,000
SYNTAXES = ("UBL", "CII")


def test_all_519_official_unit_tests_agree(corpus):
    files = sorted((corpus / "en16931" / "unit-ubl-invoice").glob("*.xml"))
    results = list(rulebook.tested(files))
    assert [row for row in results if not row["agrees"]] == []
    assert len({(row["file"], row["test"]) for row in results}) == 519


def referred(corpus):
    """The rows of REFERENCE.tsv that the rules were run on: the document, and the ids that failed; None where the sheet stopped."""
    with (corpus / "REFERENCE.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            told = [row[f"EN16931 1.3.16 {flag}"] for flag in ("fatal", "warning")]
            if any(told) and row["document"].startswith(("ubl-invoice", "ubl-creditnote", "cii", "facturx")):
                ids = {id_ for text in told for id_ in text.replace(",", " ").split() if id_ != "none"}
                yield row["file"], None if "ENGINE-ERROR" in ids else ids


def test_every_reference_document_breaks_exactly_the_rules_that_the_official_artefacts_say(corpus):
    seen = Counter()
    for name, ids in referred(corpus):
        content = (corpus / name).read_bytes()
        if content.startswith(b"%PDF"):
            content = CARRIER.unwrap(content, Limits(), False).content
        found = {failure.rule for failure in en16931.judge(etree.fromstring(content, PARSER))}
        if ids is None:
            assert found, f"{name}: the sheet stopped, and nothing was found"
        else:
            assert {id_ for id_ in found if norm.official(id_)} == ids, name
        seen[ids is None] += 1
    assert seen[False] > 100


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_mutated_documents_get_the_same_verdicts_from_flux_and_from_the_official_sheet(documents, syntax):
    if find_spec("saxonche") is None or official.sheet(syntax) is None:
        pytest.skip("needs saxonche and the official sheet: make test installs them")
    assert [case for case in compared(documents[syntax], 0, SAMPLE) if not case.agrees] == []


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_rule_of_the_official_sheet_is_judged_but_those_that_no_document_can_break(syntax):
    path = official.sheet(syntax)
    if path is None:
        pytest.skip("needs the official sheet: make test installs it")
    name, value = "{http://www.w3.org/1999/XSL/Transform}attribute", "{http://purl.oclc.org/dsdl/svrl}failed-assert"
    sheet = parsed(path.read_bytes())
    theirs = {one.text for asserted in sheet.iter(value) for one in asserted.iter(name) if one.get("name") == "id"}
    assert en16931.rules_of(syntax) == theirs - CANNOT[syntax]


CANNOT = {  # what the official sheet asserts in a way that nothing breaks: docs/rules.md
    "UBL": {"BR-CO-05", "BR-CO-06", "BR-CO-07", "BR-CO-08", "BR-DEC-13", "BR-DEC-15"},
    "CII": {"BR-CO-05", "BR-CO-06", "BR-CO-07", "BR-CO-08", "BR-AF-08", "BR-AF-09", "BR-AG-08", "BR-AG-09", "CII-DT-010", "CII-DT-011", "CII-DT-012"},
}
