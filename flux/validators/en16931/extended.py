"""
The rules of Factur-X EXTENDED that no row holds (BR-FXEXT): its sums, which may be off by a cent a line, and its lines of groups and notes.

They are asked of the document itself: what they want to know the model of EN 16931 does not have. A line counts that says that it is a DETAIL, or nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from flux.tables import facturx
from flux.validators.en16931._model import Invoice, rounded
from flux.validators.en16931.cii import RAM
from flux.validators.en16931.extended_view import (
    SETTLEMENT,
    TRANSACTION,
    Element,
    Seen,
    Tax,
    along,
    by_slot,
    fail,
    number,
    path,
    seen,
    texts,
    value,
)

CENT = Decimal("0.01")
STANDARD, OUTSIDE = "S", "O"
NOUGHT = Decimal(0)
_HEADER, _CURRENCY, _ADJUSTED = f"{RAM}SpecifiedTradeSettlementHeaderMonetarySummation", path("InvoiceCurrencyCode"), path("SpecifiedFinancialAdjustment/ActualAmount")
_TOTALS = {name: slot for slot, name in enumerate(path(
    "LineTotalAmount/AllowanceTotalAmount/ChargeTotalAmount/TaxBasisTotalAmount/TaxTotalAmount/GrandTotalAmount/DuePayableAmount/TotalPrepaidAmount/RoundingAmount",
))}  # fmt: skip
BASE, AMOUNT, APPLIED = path("BasisAmount"), path("ActualAmount"), path("AppliedAmount")


# -- the sums of a category of VAT ------------------------------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """What a row of the breakdown sums up: its tax, its amounts, and how it counts: 1, -1 for an allowance, 0 for what says neither."""

    codes: frozenset[str]
    rates: frozenset[Decimal]
    reason: tuple[str, str]
    amounts: tuple[Decimal, ...]
    sign: int


def part(taxes: Sequence[Tax], amounts: Iterable[Element], sign: int = 1) -> Part:
    """A line, an allowance, a charge as a part."""
    codes = frozenset(code for one in taxes for code in one.codes)
    reason = taxes[0].reason if taxes else ("", "")
    return Part(codes, frozenset(value(rate) for one in taxes for rate in one.rates), reason, tuple(map(value, amounts)), sign)


def parts(known: Seen) -> list[list[Part]]:
    """Lines, allowances, charges, charges for logistics, and what says not whether it is one; each is rounded by itself."""
    taxed = [(one, side(told), list(map(Tax, one.iterchildren(*path("CategoryTradeTax"))))) for one, told in known.charges]
    return [
        [part(line.taxes, line.nets) for line in known.counting()],
        *([part(taxes, along(one, AMOUNT), sign) for one, of, taxes in taxed if of == sign] for sign in (-1, 1, 0)),
        [part(list(map(Tax, one.iterchildren(*path("AppliedTradeTax")))), along(one, APPLIED)) for one in known.logistics],
    ]


def side(indicators: Iterable[str]) -> int:
    """1 for a charge, -1 for an allowance, 0 for what says neither."""
    told = {text.strip() for text in indicators}
    return 1 if told & {"true", "1"} else -1 if told & {"false", "0"} else 0


def off(row: Tax, some: Sequence[Sequence[Part]], holds: Callable[[Part], bool]) -> tuple[Decimal, Decimal, bool] | None:
    """What the row has, what its parts come to, and whether they part by no more than a cent each; None where the row has no amount."""
    base = number(row.element, BASE)
    if base is None:
        return None
    held = [[one for one in group if holds(one)] for group in some]
    total = sum((one[0].sign * rounded(sum((amount for each in one for amount in each.amounts), NOUGHT)) for one in held if one), NOUGHT)
    return base, total, abs(base - total) <= CENT * sum(map(len, held))


def breakdown(invoice: Invoice) -> None:
    """
    -01, -08b, -08ini, -08rev of each category, and BR-FXEXT-S-09b.

    A row of the breakdown sums up its parts by its rate (08ini), by its rate and its reason (08rev), or by one of both (08b); without a rate or an amount
    none of them holds. The VAT of the standard rate is reckoned from the base, to a cent a part.
    """
    known, rules = seen(invoice), facturx.own("extended").vat
    _used(invoice, known, rules["01"])
    some = parts(known)
    for row in known.rows:
        for code in row.codes:
            if code in rules["01"] and row.of_vat:
                _bases(invoice, row, code, some)
        if STANDARD in row.codes:
            _standard_tax(invoice, row, some)


def _used(invoice: Invoice, known: Seen, rules: dict[str, str]) -> None:
    """A category that lines, allowances or charges have is in the breakdown, and one that stands there is had by some."""
    told = {code for row in known.rows for code in row.codes}
    had = {code for line in known.counting() for tax in line.taxes for code in tax.codes}
    had |= {code for tax in known.root.iter(*path("CategoryTradeTax/AppliedTradeTax")) for code in texts(tax, path("CategoryCode"))}
    for code in sorted((told ^ had) & rules.keys()):
        fail(invoice, rules[code], known.root)


def _bases(invoice: Invoice, row: Tax, code: str, some: Sequence[Sequence[Part]]) -> None:
    rate = None if code == OUTSIDE or not row.rates else value(row.rates[0])
    loose = strict = None
    if code == OUTSIDE or rate is not None:
        loose = off(row, some, partial(_of, code, rate, None))
        strict = off(row, some, partial(_of, code, rate, row.reason))
    for name, found in (("08ini", (loose,)), ("08rev", (strict,)), ("08b", (loose, strict))):
        if not any(one and one[2] for one in found):
            fail(invoice, facturx.own("extended").vat[name][code], row.element, found=str(loose[0]) if loose else "", expected=str(loose[1]) if loose else "")


def _of(code: str, rate: Decimal | None, why: tuple[str, str] | None, one: Part) -> bool:
    return code in one.codes and (rate is None or rate in one.rates) and (why is None or one.reason == why)


def _standard_tax(invoice: Invoice, row: Tax, some: Sequence[Sequence[Part]]) -> None:
    rate, base, tax = value(row.rates[0]) if row.rates else None, number(row.element, BASE), number(row.element, path("CalculatedAmount"))
    if rate is None or base is None or tax is None:
        fail(invoice, "BR-FXEXT-S-09b", row.element)
        return
    count = sum(_of(STANDARD, rate, None, one) for group in some for one in group)
    if abs(tax - rounded(base * rate / 100)) > CENT * count:
        fail(invoice, "BR-FXEXT-S-09b", row.element, found=str(tax), expected=str(rounded(base * rate / 100)))


# -- the totals ---------------------------------------------------------------------------------------------------------------------------------------


def summed(amounts: Iterable[Element]) -> Decimal:
    """Their sum, to the cent."""
    return rounded(sum(map(value, amounts), NOUGHT))


def totals(invoice: Invoice) -> None:
    """BR-FXEXT-CO-10 to -16: each total is what its parts come to, to a cent for each of them."""
    known = seen(invoice)
    every, counted = known.lines, list(known.counting())
    down, up, more = known.saying("false"), known.saying("true"), known.logistics
    net = summed(amount for line in counted for amount in line.nets)
    less, plus, carried = (summed(amount for one in some for amount in along(one, at)) for some, at in ((down, AMOUNT), (up, AMOUNT), (more, APPLIED)))
    plus += carried
    parts_ = len(counted) + len(down) + len(up) + len(more)
    for above in along(known.root, (TRANSACTION, SETTLEMENT)):
        for header in above.iterchildren(_HEADER):
            told = Totals(header, above)
            for rule, total, expected, count, absent in (
                ("CO-10", told.net, net, len(every), False), ("CO-11", told.less, less, len(down), not down),
                ("CO-12", told.plus, plus, len(up) + len(more), not up), ("CO-13", told.base, net - less + plus, parts_, False),
            ):  # fmt: skip
                if not absent if total is None else abs(total - expected) > CENT * count:
                    fail(invoice, f"BR-FXEXT-{rule}", header, found="" if total is None else str(total), expected=str(expected))
            _with_tax(invoice, told, CENT * parts_)
            _due(invoice, told)


class Totals:
    """The totals of a document, as numbers; None for one that it does not have. taxes: those in the currency of the invoice; adjusted: by how much after all."""

    def __init__(self, element: Element, above: Element) -> None:
        net, less, plus, base, taxes, gross, due, paid, rounding = by_slot(element, _TOTALS)
        currencies = texts(above, _CURRENCY)
        self.element = element
        self.net, self.less, self.plus, self.base, self.gross, self.due = (value(some[0]) if some else None for some in (net, less, plus, base, gross, due))
        self.taxes = [value(one) for one in taxes if one.get("currencyID") in currencies]
        adjusted = along(above, _ADJUSTED)
        self.payable = sum(map(value, gross), NOUGHT) - sum(map(value, paid), NOUGHT) + sum(map(value, (*rounding, *adjusted)), NOUGHT)


def _with_tax(invoice: Invoice, told: Totals, tolerance: Decimal) -> None:
    """BR-FXEXT-CO-15: without VAT and the one VAT in the currency of the invoice make the total with VAT; or there are several, and it is that without."""
    base, gross, taxes = told.base, told.gross, told.taxes
    if base is None or gross is None or not taxes or (abs(gross - taxes[0] - base) > tolerance if len(taxes) == 1 else base != gross):
        expected = str((base or NOUGHT) + (taxes[0] if taxes else NOUGHT))
        fail(invoice, "BR-FXEXT-CO-15", told.element, found="" if gross is None else str(gross), expected=expected)


def _due(invoice: Invoice, told: Totals) -> None:
    """BR-FXEXT-CO-16: what is due is the total, less what was paid, with what is rounded and adjusted."""
    if told.due != told.payable:
        fail(invoice, "BR-FXEXT-CO-16", told.element, found="" if told.due is None else str(told.due), expected=str(told.payable))
