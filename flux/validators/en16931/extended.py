"""
The rules of Factur-X EXTENDED that no row holds (BR-FXEXT): its sums, which may be off by a cent a line, and its lines of groups and notes.

They are asked of the document itself: what they want to know the model of EN 16931 does not have. A line counts that says that it is a DETAIL, or nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from typing import NamedTuple

from lxml import etree

from flux.tables import facturx
from flux.validators.en16931._model import Failure, Group, Invoice, UnreadableError, decimal, rounded
from flux.validators.en16931.cii import NAMES, RAM

Element = etree._Element  # noqa: SLF001 - lxml's type
Path = tuple[str, ...]
CENT = Decimal("0.01")
DETAIL, GROUP = "DETAIL", "GROUP"
STANDARD, OUTSIDE = "S", "O"
SETTLEMENT = f"{RAM}ApplicableHeaderTradeSettlement"
TRANSACTION = f"{{{NAMES['rsm']}}}SupplyChainTradeTransaction"
LINE, CHARGE, LOGISTICS, ROW = (
    f"{RAM}{name}" for name in ("IncludedSupplyChainTradeLineItem", "SpecifiedTradeAllowanceCharge", "SpecifiedLogisticsServiceCharge", "ApplicableTradeTax")
)  # fmt: skip


@lru_cache(100)
def path(text: str) -> Path:
    """A path of names of this syntax."""
    return tuple(f"{RAM}{step}" for step in text.split("/"))


def along(element: Element, at: Path) -> list[Element]:
    """Every element at a path below: three times as fast as findall, which is Python too."""
    found = [element]
    for name in at:
        found = [child for one in found for child in one.iterchildren(name)]
    return found


STATUS, PARENT, ID = (path(f"AssociatedDocumentLineDocument/{name}") for name in ("LineStatusReasonCode", "ParentLineID", "LineID"))
NET = path("SpecifiedLineTradeSettlement/SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount")
LINE_TAX, CODE, SCHEME, RATE = path("SpecifiedLineTradeSettlement/ApplicableTradeTax"), path("CategoryCode"), path("TypeCode"), path("RateApplicablePercent")
WHY_CODE, WHY = path("ExemptionReasonCode"), path("ExemptionReason")
BASE, AMOUNT, APPLIED = path("BasisAmount"), path("ActualAmount"), path("AppliedAmount")
INDICATOR = (f"{RAM}ChargeIndicator", f"{{{NAMES['udt']}}}Indicator")


def texts(element: Element, at: Path) -> list[str]:
    """Every text at a path."""
    return [one.text or "" for one in along(element, at)]


def plain(text: str) -> str:
    """White space as XPath normalizes it."""
    return " ".join(text.split())


def number(element: Element, at: Path) -> Decimal | None:
    """The first number at a path; None when it is absent. Raises UnreadableError for one that is none."""
    return next(numbers(element, at), None)


def numbers(element: Element, at: Path) -> Iterator[Decimal]:
    """Every number at a path. Raises UnreadableError for one that is none."""
    for one in along(element, at):
        value = decimal(one.text or "")
        if value is None:
            raise UnreadableError(Group("CII", one, None), etree.QName(one).localname, one.text or "")
        yield value


def lines(root: Element) -> list[Element]:
    """The lines that count."""
    return [line for line in along(root, (TRANSACTION, LINE)) if counts(line)]


def counts(line: Element) -> bool:
    """Whether a line is one to be paid, and no group and no note."""
    told = texts(line, STATUS)
    return not told or DETAIL in told


def charges(root: Element, *indicators: str) -> list[Element]:
    """The allowances and charges of the document that say one of these."""
    return [one for one in along(root, (TRANSACTION, SETTLEMENT, CHARGE)) if set(indicators) & set(texts(one, INDICATOR))]


def logistics(root: Element) -> list[Element]:
    """The charges for logistics."""
    return along(root, (TRANSACTION, SETTLEMENT, LOGISTICS))


def fail(invoice: Invoice, rule: str, element: Element, **facts: str) -> None:
    """A rule is not kept by this element."""
    invoice.failures.append(Failure(rule, element, tuple(facts.items())))


# -- the sums of a category of VAT ------------------------------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """What a row of the breakdown sums up: its tax, its amounts, and how it counts: 1, -1 for an allowance, 0 for what says neither."""

    codes: frozenset[str]
    rates: frozenset[Decimal]
    reason: tuple[str, str]
    amounts: tuple[Decimal, ...]
    sign: int


def part(element: Element, tax: Path, amount: Path, sign: int = 1) -> Part:
    """A line, an allowance, a charge as a part."""
    taxes = along(element, tax)
    codes = frozenset(code for one in taxes for code in texts(one, CODE))
    rates = frozenset(rate for one in taxes for rate in numbers(one, RATE))
    return Part(codes, rates, reason(taxes), tuple(numbers(element, amount)), sign)


def reason(taxes: Iterable[Element]) -> tuple[str, str]:
    """Why no VAT is due, as a code and in words."""
    code, words = (plain(next((text for one in taxes for text in texts(one, at)), "")) for at in (WHY_CODE, WHY))
    return code, words


def parts(root: Element) -> list[list[Part]]:
    """Lines, allowances, charges, charges for logistics, and what says not whether it is one; each is rounded by itself."""
    tax = path("CategoryTradeTax")
    every = along(root, (TRANSACTION, SETTLEMENT, CHARGE))
    sides = [[part(one, tax, AMOUNT, sign) for one in every if side(one) == sign] for sign in (-1, 1, 0)]
    return [
        [part(line, LINE_TAX, NET) for line in lines(root)],
        *sides,
        [part(one, path("AppliedTradeTax"), APPLIED) for one in logistics(root)],
    ]


def side(charge: Element) -> int:
    """1 for a charge, -1 for an allowance, 0 for what says neither."""
    told = {text.strip() for text in texts(charge, INDICATOR)}
    return 1 if told & {"true", "1"} else -1 if told & {"false", "0"} else 0


def off(row: Element, some: Sequence[Sequence[Part]], holds: Callable[[Part], bool]) -> tuple[Decimal, Decimal, bool] | None:
    """What the row has, what its parts come to, and whether they part by no more than a cent each; None where the row has no amount."""
    base = number(row, BASE)
    if base is None:
        return None
    held = [[one for one in group if holds(one)] for group in some]
    total = sum((one[0].sign * rounded(sum((amount for each in one for amount in each.amounts), Decimal(0))) for one in held if one), Decimal(0))
    return base, total, abs(base - total) <= CENT * sum(map(len, held))


def breakdown(invoice: Invoice) -> None:
    """
    -01, -08b, -08ini, -08rev of each category, and BR-FXEXT-S-09b.

    A row of the breakdown sums up its parts by its rate (08ini), by its rate and its reason (08rev), or by one of both (08b); without a rate or an amount
    none of them holds. The VAT of the standard rate is reckoned from the base, to a cent a part.
    """
    root = invoice.root.element
    rows, rules = along(root, (TRANSACTION, SETTLEMENT, ROW)), facturx.own("extended").vat
    _used(invoice, root, rows, rules["01"])
    some = parts(root)
    for row in rows:
        codes, of_vat = texts(row, CODE), "VAT" in map(str.upper, texts(row, SCHEME))
        for code in codes:
            if code in rules["01"] and of_vat:
                _bases(invoice, row, code, some)
        if STANDARD in codes:
            _standard_tax(invoice, row, some)


def _used(invoice: Invoice, root: Element, rows: Iterable[Element], rules: dict[str, str]) -> None:
    """A category that lines, allowances or charges have is in the breakdown, and one that stands there is had by some."""
    told = {code for row in rows for code in texts(row, CODE)}
    of_lines = (row for line in lines(root) for row in along(line, LINE_TAX))
    had = {code for some in (of_lines, root.iter(f"{RAM}CategoryTradeTax", f"{RAM}AppliedTradeTax")) for one in some for code in texts(one, CODE)}
    for code in sorted((told ^ had) & rules.keys()):
        fail(invoice, rules[code], root)


def _bases(invoice: Invoice, row: Element, code: str, some: Sequence[Sequence[Part]]) -> None:
    rate = None if code == OUTSIDE else number(row, RATE)
    loose = strict = None
    if code == OUTSIDE or rate is not None:
        loose = off(row, some, partial(_of, code, rate, None))
        strict = off(row, some, partial(_of, code, rate, reason((row,))))
    for name, found in (("08ini", (loose,)), ("08rev", (strict,)), ("08b", (loose, strict))):
        if not any(one and one[2] for one in found):
            fail(invoice, facturx.own("extended").vat[name][code], row, found=str(loose[0]) if loose else "", expected=str(loose[1]) if loose else "")


def _of(code: str, rate: Decimal | None, why: tuple[str, str] | None, one: Part) -> bool:
    return code in one.codes and (rate is None or rate in one.rates) and (why is None or one.reason == why)


def _standard_tax(invoice: Invoice, row: Element, some: Sequence[Sequence[Part]]) -> None:
    rate, base, tax = number(row, RATE), number(row, BASE), number(row, path("CalculatedAmount"))
    if rate is None or base is None or tax is None:
        fail(invoice, "BR-FXEXT-S-09b", row)
        return
    count = sum(_of(STANDARD, rate, None, one) for group in some for one in group)
    if abs(tax - rounded(base * rate / 100)) > CENT * count:
        fail(invoice, "BR-FXEXT-S-09b", row, found=str(tax), expected=str(rounded(base * rate / 100)))


# -- the totals ---------------------------------------------------------------------------------------------------------------------------------------


def summed(elements: Iterable[Element], at: Path) -> Decimal:
    """The sum of their amounts, to the cent."""
    return rounded(sum((value for one in elements for value in numbers(one, at)), Decimal(0)))


def totals(invoice: Invoice) -> None:
    """BR-FXEXT-CO-10 to -16: each total is what its parts come to, to a cent for each of them."""
    root = invoice.root.element
    every, counted = along(root, (TRANSACTION, LINE)), lines(root)
    down, up, more = charges(root, "false"), charges(root, "true"), logistics(root)
    net, less, plus = summed(counted, NET), summed(down, AMOUNT), summed(up, AMOUNT) + summed(more, APPLIED)
    parts_ = len(counted) + len(down) + len(up) + len(more)
    for header in root.iter(f"{RAM}SpecifiedTradeSettlementHeaderMonetarySummation"):
        for rule, name, expected, count, absent in (
            ("CO-10", "LineTotalAmount", net, len(every), False), ("CO-11", "AllowanceTotalAmount", less, len(down), not down),
            ("CO-12", "ChargeTotalAmount", plus, len(up) + len(more), not up), ("CO-13", "TaxBasisTotalAmount", net - less + plus, parts_, False),
        ):  # fmt: skip
            told = number(header, path(name))
            if not absent if told is None else abs(told - expected) > CENT * count:
                fail(invoice, f"BR-FXEXT-{rule}", header, found="" if told is None else str(told), expected=str(expected))
        _with_tax(invoice, header, CENT * parts_)
        _due(invoice, header)


def _with_tax(invoice: Invoice, header: Element, tolerance: Decimal) -> None:
    """BR-FXEXT-CO-15: without VAT and the one VAT in the currency of the invoice make the total with VAT; or there is none, and it is that without."""
    above = header.getparent()
    currencies = texts(above, path("InvoiceCurrencyCode")) if above is not None else []
    net, gross = number(header, path("TaxBasisTotalAmount")), number(header, path("GrandTotalAmount"))
    told = [one for one in along(header, path("TaxTotalAmount")) if one.get("currencyID") in currencies]
    tax = next((value for one in told for value in numbers(one, ())), None)
    if net is None or gross is None or tax is None or not ((len(told) == 1 and abs(gross - tax - net) <= tolerance) or (len(told) != 1 and net == gross)):
        fail(invoice, "BR-FXEXT-CO-15", header, found="" if gross is None else str(gross), expected=str((net or 0) + (tax or 0)))


def _due(invoice: Invoice, header: Element) -> None:
    """BR-FXEXT-CO-16: what is due is the total, less what was paid, with what is rounded and adjusted."""
    due = number(header, path("DuePayableAmount"))
    total, paid, rounding = (sum(numbers(header, path(name)), Decimal(0)) for name in ("GrandTotalAmount", "TotalPrepaidAmount", "RoundingAmount"))
    above = header.getparent()
    adjusted = sum(numbers(above, path("SpecifiedFinancialAdjustment/ActualAmount")) if above is not None else (), Decimal(0))
    if due is None or due != total - paid + rounding + adjusted:
        fail(invoice, "BR-FXEXT-CO-16", header, found="" if due is None else str(due), expected=str(total - paid + rounding + adjusted))
