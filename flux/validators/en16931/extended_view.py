"""
What the rules of Factur-X EXTENDED ask of a document that the model of EN 16931 does not have: its lines with their kind, and each tax with its reason.

Read once a document, each line in one pass; what stands there is kept as elements, and a number is read where a rule reckons with it.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache

from lxml import etree

from flux.validators.en16931._model import Failure, Group, Invoice, UnreadableError, decimal
from flux.validators.en16931.cii import NAMES, RAM

Element = etree._Element  # noqa: SLF001 - lxml's type
Path = tuple[str, ...]
DETAIL, GROUP = "DETAIL", "GROUP"


@lru_cache(100)
def path(text: str) -> Path:
    """A path of names of this syntax."""
    return tuple(f"{RAM}{step}" for step in text.split("/"))


SETTLEMENT, CHARGE, LOGISTICS, ROW, LINE = path(
    "ApplicableHeaderTradeSettlement/SpecifiedTradeAllowanceCharge/SpecifiedLogisticsServiceCharge/ApplicableTradeTax/IncludedSupplyChainTradeLineItem",
)
_DOCUMENT, _AGREEMENT, _DELIVERY, _SETTLED, _SUMMATION = path(
    "AssociatedDocumentLineDocument/SpecifiedLineTradeAgreement/SpecifiedLineTradeDelivery/SpecifiedLineTradeSettlement/"
    "SpecifiedTradeSettlementLineMonetarySummation",
)
TRANSACTION = f"{{{NAMES['rsm']}}}SupplyChainTradeTransaction"
INDICATOR = (f"{RAM}ChargeIndicator", f"{{{NAMES['udt']}}}Indicator")
_PRICE = path("NetPriceProductTradePrice/ChargeAmount")
_TOLD = {name: slot for slot, name in enumerate(path("LineID/ParentLineID/LineStatusReasonCode"))}
_TAXED = {name: slot for slot, name in enumerate(path("CategoryCode/TypeCode/RateApplicablePercent/ExemptionReasonCode/ExemptionReason"))}


def along(element: Element, at: Path) -> list[Element]:
    """Every element at a path below."""
    found = [element]
    for name in at:
        found = [child for one in found for child in one.iterchildren(name)]
    return found


def texts(element: Element, at: Path) -> list[str]:
    """Every text at a path."""
    return [one.text or "" for one in along(element, at)]


def plain(text: str) -> str:
    """White space as XPath normalizes it."""
    return " ".join(text.split())


def value(element: Element) -> Decimal:
    """Its number. Raises UnreadableError for what is none."""
    found = decimal(element.text or "")
    if found is None:
        raise UnreadableError(Group("CII", element, None), etree.QName(element).localname, element.text or "")
    return found


def numbers(element: Element, at: Path) -> Iterator[Decimal]:
    """Every number at a path. Raises UnreadableError for one that is none."""
    return map(value, along(element, at))


def number(element: Element, at: Path) -> Decimal | None:
    """The first number at a path; None when it is absent. Raises UnreadableError for one that is none."""
    return next(numbers(element, at), None)


def fail(invoice: Invoice, rule: str, element: Element, **facts: str) -> None:
    """A rule is not kept by this element."""
    invoice.failures.append(Failure(rule, element, tuple(facts.items())))


def by_slot(element: Element, slots: dict[str, int]) -> list[list[Element]]:
    """The children that have a slot, by it."""
    found: list[list[Element]] = [[] for _ in slots]
    for child in element:
        slot = slots.get(child.tag)
        if slot is not None:
            found[slot].append(child)
    return found


class Tax:
    """A tax, or several of one place taken together: its codes, which tax it says that it is, its rates, why none is due (as a code, in words)."""

    __slots__ = ("codes", "element", "rates", "reason", "schemes")

    def __init__(self, element: Element) -> None:
        self.element = element
        codes, schemes, rates, code, words = by_slot(element, _TAXED)
        self.codes, self.schemes, self.rates = [one.text or "" for one in codes], [one.text or "" for one in schemes], rates
        self.reason = (plain(code[0].text or "") if code else "", plain(words[0].text or "") if words else "")

    @property
    def of_vat(self) -> bool:
        """Whether it says so."""
        return any(one.upper() == "VAT" for one in self.schemes)


class Line:
    """A line. counts: it is to be paid, and no group and no note: it says DETAIL, or nothing."""

    __slots__ = ("charges", "counts", "document", "element", "ids", "nets", "parent", "prices", "quantities", "status", "taxes")

    def __init__(self, element: Element) -> None:
        self.element = element
        self.document: Element | None = None
        self.ids: list[str] = []
        self.status: list[str] = []
        self.nets: list[Element] = []
        self.prices: list[Element] = []
        self.quantities: list[Element] = []
        self.charges: list[Element] = []
        self.taxes: list[Tax] = []
        self.parent = ""
        for child in element:
            self._take(child)
        self.counts = not self.status or DETAIL in self.status

    def _take(self, child: Element) -> None:
        match child.tag:
            case tag if tag == _DOCUMENT:
                self.document = child
                ids, parents, status = by_slot(child, _TOLD)
                self.ids, self.status = [one.text or "" for one in ids], [one.text or "" for one in status]
                self.parent = plain("".join(one.text or "" for one in parents))
            case tag if tag == _SETTLED:
                self.taxes += map(Tax, child.iterchildren(ROW))
                self.charges += child.iterchildren(CHARGE)
                self.nets += along(child, (_SUMMATION, *path("LineTotalAmount")))
            case tag if tag == _DELIVERY:
                self.quantities += along(child, path("BilledQuantity"))
            case tag if tag == _AGREEMENT:
                self.prices += along(child, _PRICE)


class Seen:
    """A document: its lines, allowances and charges, charges for logistics, and the rows of its breakdown."""

    def __init__(self, root: Element) -> None:
        self.root = root
        settled = along(root, (TRANSACTION, SETTLEMENT))
        self.lines = [Line(one) for one in along(root, (TRANSACTION, LINE))]
        self.charges = [(one, set(texts(one, INDICATOR))) for above in settled for one in above.iterchildren(CHARGE)]
        self.logistics = [one for above in settled for one in above.iterchildren(LOGISTICS)]
        self.rows = [Tax(one) for above in settled for one in above.iterchildren(ROW)]

    def counting(self) -> Iterable[Line]:
        """The lines that count."""
        return (line for line in self.lines if line.counts)

    def saying(self, indicator: str) -> list[Element]:
        """The allowances and charges that say this of themselves."""
        return [one for one, told in self.charges if indicator in told]


def seen(invoice: Invoice) -> Seen:
    """The document, read when it is first asked for."""
    if invoice.lines is None:
        invoice.lines = Seen(invoice.root.element)
    found = invoice.lines
    if not isinstance(found, Seen):
        raise TypeError(found)
    return found
