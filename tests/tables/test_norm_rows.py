"""The table of the sets of rules and that of BR-FR-CPRO are checked whole: each thing that a row may not say is refused under its name."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from flux import tables as flux_tables
from flux.tables import cpro, rulesets

TABLES = flux_tables.load()
EN, CPRO, FX = TABLES.sets
LAST = date(2026, 12, 31)
NEXT = replace(CPRO, version="1.4", since=LAST + timedelta(1))
ROWS = cpro.load()


def of_sets(*rows):
    return [(fault.code, fault.facts["table"], fault.facts["row"]) for fault in rulesets.faults((*rows, FX))]


def of_cpro(**changes):
    return [(fault.code, fault.facts["row"]) for fault in cpro.faults(replace(ROWS, **changes), TABLES.catalogue, TABLES.schemes)]


def test_the_tables_as_they_are_are_sound():
    assert (of_sets(EN, CPRO), of_cpro()) == ([], [])


@pytest.mark.parametrize(
    ("rows", "code", "row"),
    [
        ((EN,), "FLX-I30", "EN16931, FACTUR-X"),
        ((EN, CPRO, replace(CPRO, identity="FX", begins=("FX-",))), "FLX-I30", "BR-FR-CPRO, EN16931, FACTUR-X, FX"),
        ((EN, replace(CPRO, version="")), "FLX-I30", "BR-FR-CPRO-"),
        ((EN, replace(CPRO, begins=())), "FLX-I30", "BR-FR-CPRO-1.3"),
        ((EN, replace(CPRO, until=CPRO.since - timedelta(1))), "FLX-I30", "BR-FR-CPRO-1.3"),
        ((EN, replace(CPRO, until=LAST), replace(NEXT, since=LAST)), "FLX-I31", "BR-FR-CPRO-1.3, BR-FR-CPRO-1.4"),
        ((EN, replace(CPRO, begins=("BR-",))), "FLX-I31", "BR-"),
    ],
    ids=["a set is left out", "a set that nobody wrote", "no version", "no rules", "it ends before it begins", "two versions on one day", "two sets begin alike"],
)
def test_a_row_of_the_sets_that_contradicts_itself_is_refused(rows, code, row):
    assert of_sets(*rows) == [(code, rulesets.TABLE, row)]


def test_two_versions_of_a_set_follow_one_another_and_each_judges_in_its_days():
    rows = (EN, replace(CPRO, until=LAST), NEXT)
    assert of_sets(*rows) == []
    assert [[one.named for one in rulesets.on(rows, day)] for day in (LAST, LAST + timedelta(1))] == [
        ["EN16931-1.3.16", "BR-FR-CPRO-1.3"], ["EN16931-1.3.16", "BR-FR-CPRO-1.4"],
    ]  # fmt: skip
    assert rulesets.of(rows, "BR-FR-CPRO-14") == NEXT


@pytest.mark.parametrize(("rule", "identity"), [("BR-CO-10", "EN16931"), ("CII-SR-450", "EN16931"), ("BR-FR-CPRO-14", "BR-FR-CPRO"), ("FX-SCH-A-000025", "FACTUR-X"), ("BR-FXEXT-04", "FACTUR-X")])
def test_a_rule_is_of_the_set_with_the_longest_beginning(rule, identity):
    assert rulesets.of(TABLES.sets, rule).identity == identity
    assert rulesets.of(TABLES.sets, "FLX-E01") is None


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"longest": {"BR-FR-CPRO-14": "BG-0 BT-12"}}, "BR-FR-CPRO-14"),
        ({"longest": {"BR-FR-CPRO-14": "50 BT-12"}}, "BR-FR-CPRO-14"),
        ({"once": {"BR-FR-CPRO-20": "BG-3"}}, "BR-FR-CPRO-20"),
        ({"held": {**ROWS.held, "BR-FR-CPRO-14": ("FLX-P99",)}}, "FLX-P99"),
        ({"silent": ROWS.silent | {"BR-FR-CPRO-44"}}, "BR-FR-CPRO-44"),
        ({"forms": {"0299": cpro.Form(1, 2)}}, "0299"),
    ],
    ids=["no figure", "no group", "no group of what stands once", "held by no code", "silent for no code", "a scheme that no type has"],
)
def test_a_row_of_br_fr_cpro_that_contradicts_itself_is_refused(changes, row):
    assert of_cpro(**changes) == [("FLX-I30", row)]
