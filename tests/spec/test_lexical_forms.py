"""What the parsers share: the lexical forms of values, and the maps that the tables have too."""

from datetime import date
from decimal import Decimal

from flux.parsers._reading import SCHEMES, WORKS_CADRES, amount_of, day_102, deposit_kind, identifier_type, iso_day


def test_the_schemes_of_the_parsers_are_those_of_the_tables(tables):
    assert tables.schemes == SCHEMES


def test_the_works_cadres_of_the_parsers_are_those_of_the_matrix(tables):
    assert set(tables.works) == WORKS_CADRES


def test_the_values_of_a_sender_have_one_lexical_form_each():
    assert [amount_of(t) for t in ("-0.5", ".5", "5.", "+1", "", "1 0", "0x1", "1_0")] == [Decimal("-0.5"), Decimal("0.5"), 5, 1, None, None, None, None]
    assert [iso_day(t) for t in ("2026-01-31Z", "2026-01-31+01:00", "20260131", "2026-1-31")] == [date(2026, 1, 31), date(2026, 1, 31), None, None]
    assert [day_102(t) for t in ("20260131", "260131", "2026-01-31")] == [date(2026, 1, 31), None, None]
    assert [identifier_type(s, "x") for s in ("hors_ue", "ETR", "0224", "")] == ["3", "3", "", ""]
    assert [deposit_kind("F1", "380", c) for c in ("A4", "A12", "A22", "")] == ["association", "initial", "association", "initial"]
