"""
What adds up (BR-CO-10 to BR-CO-17): lines, allowances, charges, VAT, what is due.

Sums are exact; where the official rules round, they round to the cent, a half up. An amount that is absent where one is asked for does not add up.
"""

from collections.abc import Iterable
from decimal import Decimal

from flux.validators.en16931._model import Group, Invoice, rounded, whole
from flux.validators.en16931._rules import Rule

ZERO = Decimal(0)


def total(groups: Iterable[Group], term: str) -> Decimal:
    """The sum of a term over groups; what does not tell it adds nothing."""
    return sum((value for group in groups if (value := group.number(term)) is not None), ZERO)


def sum_of_lines(invoice: Invoice, totals: Group) -> None:
    """BR-CO-10: BT-106 = Σ BT-131."""
    told = totals.number("BT-106")
    equal(invoice, "BR-CO-10", totals, told, None if told is None else rounded(total(invoice.all("BG-25"), "BT-131")))


def sum_of_allowances(invoice: Invoice, totals: Group) -> None:
    """BR-CO-11: BT-107 = Σ BT-92."""
    _sum_of(invoice, "BR-CO-11", totals, "BT-107", charge=False)


def sum_of_charges(invoice: Invoice, totals: Group) -> None:
    """BR-CO-12: BT-108 = Σ BT-99."""
    _sum_of(invoice, "BR-CO-12", totals, "BT-108", charge=True)


def _sum_of(invoice: Invoice, rule: str, totals: Group, term: str, *, charge: bool) -> None:
    groups = [group for group in invoice.all("AC") if group.charge is charge]
    if groups or term in totals.terms:
        told = totals.number(term)
        equal(invoice, rule, totals, told, None if told is None else rounded(total(groups, "amount")))


def without_vat(invoice: Invoice, totals: Group) -> None:
    """BR-CO-13: BT-109 = BT-106 - BT-107 + BT-108; UBL does not round where there is neither BT-107 nor BT-108."""
    lines, allowances, charges = (totals.number(term) for term in ("BT-106", "BT-107", "BT-108"))
    expected = None if lines is None else lines
    if expected is not None and (allowances is not None or charges is not None or invoice.syntax == "CII"):
        expected = rounded(expected - (allowances or ZERO) + (charges or ZERO))
    equal(invoice, "BR-CO-13", totals, totals.number("BT-109"), expected)


def vat_total(invoice: Invoice, group: Group) -> None:
    """BR-CO-14: BT-110 = Σ BT-117."""
    rows = group.inside("BG-23")
    if rows:
        equal(invoice, "BR-CO-14", group, group.number("BT-110"), rounded(total(rows, "BT-117")))


def with_vat(invoice: Invoice) -> None:
    """BR-CO-15: BT-112 = BT-109 + BT-110, the VAT in the currency of the invoice, told once; in CII BT-112 = BT-109 is enough."""
    totals = invoice.all("BG-22")
    for currency in invoice.root.terms.get("BT-5", ()):
        told = [group for group in invoice.all("vat_total") if group.first("currency") == currency]
        vat = told[0].number("BT-110") if len(told) == 1 else None
        net, gross = (totals[0].number(term) if totals else None for term in ("BT-109", "BT-112"))
        expected = None if vat is None or net is None else rounded(net + vat)
        if invoice.syntax == "CII" and net is not None and gross == net:
            continue
        equal(invoice, "BR-CO-15", totals[0] if totals else invoice.root, gross, expected)


def due(invoice: Invoice, totals: Group) -> None:
    """BR-CO-16: BT-115 = BT-112 - BT-113 + BT-114; CII does not round."""
    gross, amount = totals.number("BT-112"), totals.number("BT-115")
    if gross is None or amount is None:
        equal(invoice, "BR-CO-16", totals, amount, None)
        return
    prepaid, rounding = totals.number("BT-113"), totals.number("BT-114")
    expected = gross - (prepaid or ZERO) + (rounding or ZERO)
    if invoice.syntax == "CII":
        kept = amount == expected
    else:
        left = gross if prepaid is None else rounded(gross - prepaid)
        kept = left == (amount if rounding is None else rounded(amount - rounding))
    if not kept:
        invoice.fail("BR-CO-16", totals, found=f"{amount:f}", expected=f"{expected:f}")


def vat_of_row(invoice: Invoice, row: Group) -> None:
    """BR-CO-17: BT-117 = BT-116 × BT-119 / 100, to one unit of the currency."""
    rates = [rate for category in row.inside("category") if category.vat and (rate := category.number("rate")) is not None]
    agrees(invoice, row, rates[0] if rates else None, inclusive=False)


def agrees(invoice: Invoice, row: Group, rate: Decimal | None, *, inclusive: bool) -> None:
    """BR-CO-17 at this rate. *inclusive*: a whole unit is not too much."""
    tax, expected = row.number("BT-117"), ZERO
    if rate is None or whole(rate) == 0:
        kept = tax is not None and whole(tax) == 0
    else:
        base = row.number("BT-116")
        expected = ZERO if base is None else rounded(abs(base) * rate / 100)
        off = None if tax is None or base is None else abs(abs(tax) - expected)
        kept = off is not None and (off < 1 or (inclusive and off == 1))
    if not kept:
        invoice.fail("BR-CO-17", row, found=_said(tax), expected=f"{expected}")


def equal(invoice: Invoice, rule: str, group: Group, found: Decimal | None, expected: Decimal | None) -> None:
    """What is told is what is expected; what is absent is not."""
    if found is None or found != expected:
        invoice.fail(rule, group, found=_said(found), expected=_said(expected))


def _said(amount: Decimal | None) -> str:
    return "—" if amount is None else f"{amount:f}"


RULES = (
    Rule(("BR-CO-10",), sum_of_lines, "BG-22"),
    Rule(("BR-CO-11",), sum_of_allowances, "BG-22"),
    Rule(("BR-CO-12",), sum_of_charges, "BG-22"),
    Rule(("BR-CO-13",), without_vat, "BG-22"),
    Rule(("BR-CO-14",), vat_total, "vat_total", ("UBL",)),
    Rule(("BR-CO-15",), with_vat),
    Rule(("BR-CO-16",), due, "BG-22"),
    Rule(("BR-CO-17",), vat_of_row, "BG-23", ("UBL",)),
)
