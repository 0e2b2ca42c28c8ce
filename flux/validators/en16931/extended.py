"""
The rules of Factur-X EXTENDED that no row holds (BR-FXEXT): its sums, which may be off by a cent a line, and its lines of groups and notes.

They are asked of the document itself: what they want to know the model of EN 16931 does not have. A line counts that says that it is a DETAIL, or nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from lxml import etree

from flux.tables import facturx
from flux.validators.en16931._model import Failure, Group, Invoice, UnreadableError, decimal, rounded
from flux.validators.en16931._rules import Rule
from flux.validators.en16931.cii import NAMES, RAM

Element = etree._Element  # noqa: SLF001 - lxml's type
CENT = Decimal("0.01")
DETAIL, GROUP, OUTSIDE = "DETAIL", "GROUP", "O"
SETTLEMENT = f"{RAM}ApplicableHeaderTradeSettlement"
TRANSACTION = f"{{{NAMES['rsm']}}}SupplyChainTradeTransaction"
LINE, CHARGE, LOGISTICS, ROW = (
    f"{RAM}{name}" for name in ("IncludedSupplyChainTradeLineItem", "SpecifiedTradeAllowanceCharge", "SpecifiedLogisticsServiceCharge", "ApplicableTradeTax")
)  # fmt: skip


def path(text: str) -> str:
    """A path of this syntax for lxml."""
    return "/".join(f"{RAM}{step}" for step in text.split("/"))


STATUS, PARENT, ID = (path(f"AssociatedDocumentLineDocument/{name}") for name in ("LineStatusReasonCode", "ParentLineID", "LineID"))
NET = path("SpecifiedLineTradeSettlement/SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount")
INDICATOR = f"{RAM}ChargeIndicator/{{{NAMES['udt']}}}Indicator"


def texts(element: Element, at: str) -> list[str]:
    """Every text at a path."""
    return [one.text or "" for one in element.iterfind(at)]


def plain(text: str) -> str:
    """White space as XPath normalizes it."""
    return " ".join(text.split())


def number(element: Element, at: str) -> Decimal | None:
    """The first number at a path; None when it is absent. Raises UnreadableError for one that is none."""
    return next(numbers(element, at), None)


def numbers(element: Element, at: str) -> Iterator[Decimal]:
    """Every number at a path. Raises UnreadableError for one that is none."""
    for one in element.iterfind(at):
        value = decimal(one.text or "")
        if value is None:
            raise UnreadableError(Group("CII", one, None), etree.QName(one).localname, one.text or "")
        yield value


def lines(root: Element) -> list[Element]:
    """The lines that count."""
    return [line for line in root.iterfind(f"{TRANSACTION}/{LINE}") if counts(line)]


def counts(line: Element) -> bool:
    """Whether a line is one to be paid, and no group and no note."""
    told = texts(line, STATUS)
    return not told or DETAIL in told


def charges(root: Element, *indicators: str) -> list[Element]:
    """The allowances and charges of the document that say one of these."""
    return [one for one in root.iterfind(f"{TRANSACTION}/{SETTLEMENT}/{CHARGE}") if set(indicators) & set(texts(one, INDICATOR))]


def logistics(root: Element) -> list[Element]:
    """The charges for logistics."""
    return root.findall(f"{TRANSACTION}/{SETTLEMENT}/{LOGISTICS}")


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


def part(element: Element, tax: str, amount: str, sign: int = 1) -> Part:
    """A line, an allowance, a charge as a part."""
    codes = frozenset(texts(element, f"{tax}/{RAM}CategoryCode"))
    rates = frozenset(numbers(element, f"{tax}/{RAM}RateApplicablePercent"))
    return Part(codes, rates, reason(element, f"{tax}/"), tuple(numbers(element, amount)), sign)


def reason(element: Element, tax: str = "") -> tuple[str, str]:
    """Why no VAT is due, as a code and in words."""
    code, words = (plain("".join(texts(element, f"{tax}{RAM}{name}")[:1])) for name in ("ExemptionReasonCode", "ExemptionReason"))
    return code, words


def parts(root: Element) -> list[list[Part]]:
    """Lines, allowances, charges, charges for logistics, and what says not whether it is one; each is rounded by itself."""
    tax, amount = f"{RAM}CategoryTradeTax", f"{RAM}ActualAmount"
    every = root.findall(f"{TRANSACTION}/{SETTLEMENT}/{CHARGE}")
    sides = [[part(one, tax, amount, sign) for one in every if side(one) == sign] for sign in (-1, 1, 0)]
    return [
        [part(line, path("SpecifiedLineTradeSettlement/ApplicableTradeTax"), NET) for line in lines(root)],
        *sides,
        [part(one, f"{RAM}AppliedTradeTax", f"{RAM}AppliedAmount") for one in logistics(root)],
    ]


def side(charge: Element) -> int:
    """1 for a charge, -1 for an allowance, 0 for what says neither."""
    told = {text.strip() for text in texts(charge, INDICATOR)}
    return 1 if told & {"true", "1"} else -1 if told & {"false", "0"} else 0


def off(row: Element, some: Iterable[Iterable[Part]], holds: Callable[[Part], bool]) -> tuple[Decimal, Decimal, bool] | None:
    """What the row has, what its parts come to, and whether they part by no more than a cent each; None where the row has no amount."""
    base = number(row, f"{RAM}BasisAmount")
    if base is None:
        return None
    held = [[one for one in group if holds(one)] for group in some]
    total = sum((one[0].sign * rounded(sum((amount for each in one for amount in each.amounts), Decimal(0))) for one in held if one), Decimal(0))
    return base, total, abs(base - total) <= CENT * sum(map(len, held))


def of_category(invoice: Invoice, code: str, rules: dict[str, str]) -> None:
    """-08b, -08ini, -08rev: the parts of a row by its rate, by its rate and its reason, or by one of both; without a rate or an amount none holds."""
    root = invoice.root.element
    rows = [row for row in root.iterfind(f".//{SETTLEMENT}/{ROW}") if code in texts(row, f"{RAM}CategoryCode") and "VAT" in map(str.upper, texts(row, f"{RAM}TypeCode"))]
    some = parts(root) if rows else []
    for row in rows:
        rate = None if code == OUTSIDE else number(row, f"{RAM}RateApplicablePercent")
        if code != OUTSIDE and rate is None:
            loose = strict = None
        else:
            loose = off(row, some, partial(_of, code, rate, None))
            strict = off(row, some, partial(_of, code, rate, reason(row)))
        for number_, found in (("08ini", (loose,)), ("08rev", (strict,)), ("08b", (loose, strict))):
            if not any(one and one[2] for one in found):
                fail(invoice, rules[number_], row, found=str(loose[0]) if loose else "", expected=str(loose[1]) if loose else "")


def _of(code: str, rate: Decimal | None, why: tuple[str, str] | None, one: Part) -> bool:
    return code in one.codes and (rate is None or rate in one.rates) and (why is None or one.reason == why)


def standard_tax(invoice: Invoice) -> None:
    """BR-FXEXT-S-09b: the VAT of the standard rate is reckoned from the base, to a cent a part."""
    root = invoice.root.element
    for row in root.iterfind(f".//{SETTLEMENT}/{ROW}"):
        if "S" not in texts(row, f"{RAM}CategoryCode"):
            continue
        rate, base, tax = (number(row, f"{RAM}{name}") for name in ("RateApplicablePercent", "BasisAmount", "CalculatedAmount"))
        if rate is None or base is None or tax is None:
            fail(invoice, "BR-FXEXT-S-09b", row)
            continue
        count = sum(_of("S", rate, None, one) for some in parts(root) for one in some)
        if abs(tax - rounded(base * rate / 100)) > CENT * count:
            fail(invoice, "BR-FXEXT-S-09b", row, found=str(tax), expected=str(rounded(base * rate / 100)))


def used(invoice: Invoice, code: str, rule: str) -> None:
    """-01: a category that lines, allowances or charges have is in the breakdown, and one that stands there is had by some."""
    root = invoice.root.element
    at = f"{RAM}CategoryCode"
    broken_down = any(code in texts(row, at) for row in root.iterfind(f".//{SETTLEMENT}/{ROW}"))
    of_lines = (row for line in root.iter(LINE) if counts(line) for row in line.iterfind(path("SpecifiedLineTradeSettlement/ApplicableTradeTax")))
    had = any(code in texts(one, at) for some in (of_lines, root.iter(f"{RAM}CategoryTradeTax", f"{RAM}AppliedTradeTax")) for one in some)
    if broken_down != had:
        fail(invoice, rule, root)


# -- the totals ---------------------------------------------------------------------------------------------------------------------------------------


def summed(elements: Iterable[Element], at: str) -> Decimal:
    """The sum of their amounts, to the cent."""
    return rounded(sum((value for one in elements for value in numbers(one, at)), Decimal(0)))


def totals(invoice: Invoice) -> None:
    """BR-FXEXT-CO-10 to -16: each total is what its parts come to, to a cent for each of them."""
    root = invoice.root.element
    every, counted = root.findall(f"{TRANSACTION}/{LINE}"), lines(root)
    down, up, more = charges(root, "false"), charges(root, "true"), logistics(root)
    net, less, plus = summed(counted, NET), summed(down, f"{RAM}ActualAmount"), summed(up, f"{RAM}ActualAmount") + summed(more, f"{RAM}AppliedAmount")
    parts_ = len(counted) + len(down) + len(up) + len(more)
    for header in root.iter(f"{RAM}SpecifiedTradeSettlementHeaderMonetarySummation"):
        for rule, name, expected, count, absent in (
            ("CO-10", "LineTotalAmount", net, len(every), False), ("CO-11", "AllowanceTotalAmount", less, len(down), not down),
            ("CO-12", "ChargeTotalAmount", plus, len(up) + len(more), not up), ("CO-13", "TaxBasisTotalAmount", net - less + plus, parts_, False),
        ):  # fmt: skip
            told = number(header, f"{RAM}{name}")
            if not absent if told is None else abs(told - expected) > CENT * count:
                fail(invoice, f"BR-FXEXT-{rule}", header, found="" if told is None else str(told), expected=str(expected))
        _with_tax(invoice, header, CENT * parts_)
        _due(invoice, header)


def _with_tax(invoice: Invoice, header: Element, tolerance: Decimal) -> None:
    """BR-FXEXT-CO-15: without VAT and the one VAT in the currency of the invoice make the total with VAT; or there is none, and it is that without."""
    above = header.getparent()
    currencies = texts(above, f"{RAM}InvoiceCurrencyCode") if above is not None else []
    net, gross = number(header, f"{RAM}TaxBasisTotalAmount"), number(header, f"{RAM}GrandTotalAmount")
    told = [one for one in header.iterfind(f"{RAM}TaxTotalAmount") if one.get("currencyID") in currencies]
    tax = next((value for one in told for value in numbers(one, ".")), None)
    if net is None or gross is None or tax is None or not ((len(told) == 1 and abs(gross - tax - net) <= tolerance) or (len(told) != 1 and net == gross)):
        fail(invoice, "BR-FXEXT-CO-15", header, found="" if gross is None else str(gross), expected=str((net or 0) + (tax or 0)))


def _due(invoice: Invoice, header: Element) -> None:
    """BR-FXEXT-CO-16: what is due is the total, less what was paid, with what is rounded and adjusted."""
    due = number(header, f"{RAM}DuePayableAmount")
    total, paid, rounding = (sum(numbers(header, f"{RAM}{name}"), Decimal(0)) for name in ("GrandTotalAmount", "TotalPrepaidAmount", "RoundingAmount"))
    adjusted = sum(numbers(header, f"../{path('SpecifiedFinancialAdjustment/ActualAmount')}"), Decimal(0))
    if due is None or due != total - paid + rounding + adjusted:
        fail(invoice, "BR-FXEXT-CO-16", header, found="" if due is None else str(due), expected=str(total - paid + rounding + adjusted))


def families(table: facturx.Own) -> Iterator[Rule]:
    """The rules of each category of VAT. *table*: of EXTENDED."""
    for code in table.vat["01"]:
        rules = {name: ids[code] for name, ids in table.vat.items()}
        yield Rule((rules["01"],), partial(used, code=code, rule=rules["01"]))
        yield Rule(tuple(rules[name] for name in ("08b", "08ini", "08rev")), partial(of_category, code=code, rules=rules))
