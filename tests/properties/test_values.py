"""Amounts and days as documents write them, against the standard library; the rules on amounts, against the obvious arithmetic."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

from hypothesis import example, given
from hypothesis import strategies as st

from flux.model import Known
from flux.parsers._reading import amount_of, day_102, iso_day
from flux.piece import Amounts, Piece, VatLine
from flux.validators import amounts as rules

CENT = Fraction(1, 100)
FIGURES = "0123456789"

nearly_amounts = st.one_of(
    st.text("0123456789+-. eE_,٣\n", max_size=12), st.decimals(allow_nan=False, allow_infinity=False).map(str), st.text(FIGURES, min_size=35, max_size=45)
)
nearly_days = st.one_of(
    st.text("0123456789-ZT:+ ٣W", max_size=12), st.dates().map(str), st.builds("{:04}-{:02}-{:02}".format, *(st.integers(0, n) for n in (9999, 13, 32)))
)


def is_an_amount(text):
    """XSD's decimal, sign by sign, of at most 40 signs."""
    bare = text[1:] if text[:1] in ("+", "-") else text
    whole, _, part = bare.partition(".")
    return len(text) <= 40 and bool(whole + part) and all(sign in FIGURES for sign in whole + part)


@given(text=nearly_amounts)
@example(text="1\n")
def test_an_amount_is_what_xsd_calls_a_decimal_and_nothing_else(text):
    assert amount_of(text) == (Decimal(text) if is_an_amount(text) else None)


@given(text=nearly_days, zone=st.sampled_from(["", "Z", "+02:00", "-11:30", "z", "+2:00", "\n"]))
def test_an_iso_day_is_what_the_standard_library_calls_one_with_its_zone_read_over(text, zone):
    wanted = _parsed(text, "%Y-%m-%d", 10) if zone in ("", "Z", "+02:00", "-11:30") else None
    assert iso_day(text + zone) == wanted


@given(day=st.dates())
def test_every_day_is_read_back_in_both_forms(day):
    assert (iso_day(day.isoformat()), day_102(day.isoformat().replace("-", ""))) == (day, day)


@given(text=st.one_of(st.text("0123456789- ٣W", max_size=9), st.builds("{:04}{:02}{:02}".format, *(st.integers(0, n) for n in (9999, 13, 32)))))
def test_a_day_of_eight_figures_is_what_the_standard_library_calls_one(text):
    assert day_102(text) == _parsed(text, "%Y%m%d", 8)


def _parsed(text, form, length):
    try:
        read = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None
    return read if len(text) == length and text.isascii() and date.isoformat(read).replace("-", "") == text.replace("-", "") else None


# -- the rules on amounts -------------------------------------------------------------------------------------------------------------------

small = st.integers(-3_000, 30_000).map(lambda cents: Decimal(cents) / 100)
large = st.integers(-(10**13), 10**13).map(lambda n: Decimal(n).scaleb(-6))
amounts = st.one_of(st.none(), small, small, large)
rates = st.one_of(st.none(), st.sampled_from([Decimal(n) for n in ("0", "5.5", "10", "20")]))
rows = st.builds(VatLine, rate=rates, base=amounts, amount=amounts)


@st.composite
def pieces(draw):
    """Pieces whose totals are close to right, as real mistakes are; and pieces of any totals."""
    drawn = {field: draw(amounts) for field in ("ht", "tva", "ttc", "net", "lines", "allowances", "charges", "prepaid", "rounding")}
    slip = st.sampled_from([Decimal(n) for n in ("0", "0.01", "-0.01", "0.010001", "0.02", "0.03", "-5")])
    vat = draw(st.lists(rows, max_size=2))
    if draw(st.booleans()):
        drawn["tva"] = sum((row.amount for row in vat if row.amount is not None), Decimal(0)) + draw(slip)
    if draw(st.booleans()) and None not in (drawn["ht"], drawn["tva"]):
        drawn["ttc"] = drawn["ht"] + drawn["tva"] + draw(slip)
        drawn["net"] = drawn["ttc"] - (drawn["prepaid"] or 0) + (drawn["rounding"] or 0) + draw(slip)
        drawn["lines"] = drawn["ht"] + (drawn["allowances"] or 0) - (drawn["charges"] or 0) + draw(slip)
    nets = draw(st.lists(amounts, max_size=3))
    return Piece(amounts=Amounts(**drawn), vat=tuple(vat), nets=tuple(net for net in nets if net is not None), line_count=len(nets))


def expected(piece, highest):
    """Every rule as docs/codes.md tells it, in fractions; one code a violation."""
    a = {field: None if value is None else Fraction(value) for field, value in ((f, getattr(piece.amounts, f)) for f in Amounts.__struct_fields__)}
    vat = [[None if value is None else Fraction(value) for value in (row.base, row.rate, row.amount)] for row in piece.vat]
    told = [amount for _, _, amount in vat if amount is not None]
    tva = a["tva"] if a["tva"] is not None else sum(told) if told else None
    codes = ["FLX-M06"] * sum(a[field] is None for field in ("ht", "ttc", "net"))
    if None not in (a["ht"], a["ttc"]):
        codes += _of_the_vat(a["ht"], a["ttc"] - a["ht"], tva, highest, piece)
    if None not in (a["ttc"], a["net"]):
        codes += _of_the_net(a["net"], a["ttc"] - (a["prepaid"] or 0) + (a["rounding"] or 0), a["prepaid"])
    codes += ["FLX-M03" for base, rate, amount in vat if None not in (base, rate, amount) and abs(base * rate / 100 - amount) > 1]
    if a["tva"] is not None and told and abs(sum(told) - a["tva"]) > CENT * len(told):
        codes.append("FLX-M04")
    if None not in (a["lines"], a["ht"]) and abs(a["lines"] - (a["allowances"] or 0) + (a["charges"] or 0) - a["ht"]) > CENT:
        codes.append("FLX-M07")
    nets = piece.nets
    if a["lines"] is not None and nets and len(nets) == piece.line_count and abs(sum(map(Fraction, nets)) - a["lines"]) > CENT:
        codes.append("FLX-M11")
    return sorted(codes)


def _of_the_vat(ht, difference, tva, highest, piece):
    if tva is not None:
        return ["FLX-M01"] if abs(difference - tva) > CENT else []
    if abs(difference) <= CENT:
        return []
    between, slack = sorted((Fraction(0), ht * Fraction(highest) / 100)), max(Fraction(1), CENT * piece.line_count)
    signs = {net > 0 for net in piece.nets if net}
    explained = piece.supplier.type in ("2", "3") or piece.amounts.allowances or len(signs) == 2
    return ["FLX-M09" if explained or between[0] - slack <= difference <= between[1] + slack else "FLX-M08"]


def _of_the_net(net, due, prepaid):
    if abs(net - due) <= CENT:
        return []
    withheld = abs(net) < abs(due) and not (net < 0 < due or due < 0 < net) and not prepaid
    return ["FLX-M05" if withheld else "FLX-M02"]


def found(piece, tables):
    context = SimpleNamespace(tables=tables)
    return sorted(finding.code for check in rules.CHECKS for finding in check.run(piece, Known(), context))


@given(piece=pieces())
@example(piece=Piece(amounts=Amounts(tva=2 * rules.CENT), vat=(VatLine(amount=Decimal(0)),) * 2))  # a cent a rate
@example(piece=Piece(amounts=Amounts(tva=3 * rules.CENT), vat=(VatLine(amount=Decimal(0)),) * 2))
def test_the_rules_on_amounts_say_what_the_obvious_arithmetic_says(tables, piece):
    assert found(piece, tables) == expected(piece, tables.codes.highest_vat_rate)


@given(texts=st.lists(st.from_regex(r"[+-]?([0-9]{1,39}|[0-9]{0,20}\.[0-9]{1,18})", fullmatch=True), min_size=9, max_size=9), rate=st.text(FIGURES, min_size=1, max_size=39))
def test_amounts_of_any_length_are_judged_and_what_is_too_long_is_refused(tables, texts, rate):
    values = [amount_of(text) for text in texts]
    piece = Piece(amounts=Amounts(*values), vat=(VatLine(rate=amount_of(rate), base=values[0], amount=values[1]),), nets=(values[2],), line_count=1)
    too_long = [v for v in values[:4] if len(v.as_tuple().digits) > 19 or -v.as_tuple().exponent > 6]
    assert found(piece, tables).count("FLX-M10") == len(too_long)
