"""
The families of VAT, one a category (BT-118, BT-151): S, Z, E, AE, IC (code K), G, O, AF (L), AG (M), and B of Italy.

Each family states the same ten things of its category, each in its own way: FAMILIES says which. What they all ask of a document, which categories it
names and where, whose identifiers it gives, is looked up once (``View``).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal

from lxml import etree
from msgspec import Struct

from flux.validators.en16931._model import Group, Invoice, UnreadableError, rounded
from flux.validators.en16931._rules import Rule
from flux.validators.en16931.totals import ZERO

Rate = Callable[[Decimal | None], bool]
REGISTERED = ("VA", "FC")  # in CII: a VAT identifier, another registration for taxes


class Family(Struct, frozen=True):
    """
    A category, and what its rules say.

    rate: which rates a line or an allowance may have. exempt: a reason must be there; else none may. taxed: there is VAT, reckoned for each rate; else there
    is none, and all rates count together. loose: the base (BT-116) differs from its sum by less than one unit; else not at all. once: the breakdown has
    the category exactly once where it is used. schemed: its rows are only those that say that they are of VAT. cast: an allowance or charge of
    it that does not say which it is cannot be reckoned with.
    """

    prefix: str
    code: str
    rate: Rate
    exempt: bool
    taxed: bool = False
    loose: bool = False
    once: bool = False
    schemed: bool = True
    cast: bool = False


def zero(rate: Decimal | None) -> bool:
    """There is a rate, and it is 0."""
    return rate is not None and rate == 0


def positive(rate: Decimal | None) -> bool:
    """There is a rate, and it is above 0."""
    return rate is not None and rate > 0


def any_rate(rate: Decimal | None) -> bool:
    """There is a rate, and it is not negative."""
    return rate is not None and rate >= 0


def no_rate(rate: Decimal | None) -> bool:
    """There is none."""
    return rate is None


FAMILIES = (
    Family("BR-S", "S", positive, exempt=False, taxed=True, loose=True), Family("BR-Z", "Z", zero, exempt=False, once=True),
    Family("BR-E", "E", zero, exempt=True, once=True), Family("BR-AE", "AE", zero, exempt=True, once=True),
    Family("BR-IC", "K", zero, exempt=True, once=True), Family("BR-G", "G", zero, exempt=True, once=True),
    Family("BR-O", "O", no_rate, exempt=True, once=True), Family("BR-AF", "L", any_rate, exempt=False, taxed=True, loose=True),
    Family("BR-AG", "M", any_rate, exempt=False, taxed=True, loose=True),
)  # fmt: skip


class Amounts:
    """What lines, charges and allowances amount to."""

    __slots__ = ("allowances", "charges", "lines")

    def __init__(self) -> None:
        self.lines = self.charges = self.allowances = ZERO


class View:
    """What the families ask of a document, once for all. In CII a row of the breakdown is itself a category; in UBL it has one inside."""

    def __init__(self, invoice: Invoice) -> None:
        cii = invoice.syntax == "CII"
        self._invoice, self._amounts = invoice, dict[str, dict[Decimal | None, Amounts]]()
        self.classes, self.categories = invoice.all("class"), invoice.all("category")
        self.breakdown = invoice.all("BG-23") if cii else [one for one in self.categories if _parents(one) == ("BG-23", "vat_total")]
        self.of_charges = [one for one in self.categories if one.parent and one.parent.name in (("AC", "LAC") if cii else ("AC", "LAC", "PAC"))]
        self.used = {one.code for groups in (self.classes, self.categories, self.breakdown) for one in groups}
        self.used.update(invoice.root.terms.get("logistics", ()))
        registered = [one for one in _registered(invoice, "BG-4", "BT-31") if not cii or one.first("scheme") in REGISTERED]
        self.registered, self.seller = bool(registered), any(one.vat for one in registered)
        self.representative = any(one.vat for one in _registered(invoice, "BG-11", "BT-63"))
        self.buyer = any(one.vat for one in _registered(invoice, "BG-7", "BT-48"))
        self.legal = any("BT-47" in group.terms for group in invoice.all("BG-7"))

    def rows(self, family: Family) -> list[Group]:
        """The rows of the breakdown of a family, or the categories in them."""
        return [one for one in self.breakdown if one.code == family.code and (one.vat or not family.schemed)]

    def amounts(self, family: Family) -> dict[Decimal | None, Amounts]:
        """What a family amounts to: for each rate where it is taxed, else of all rates together (None). A rate is there when something has it."""
        if family.code not in self._amounts:
            self._amounts[family.code] = _amounts(self._invoice, family)
        return self._amounts[family.code]

    def vouched(self, code: str) -> bool:
        """Whether those who must be known for VAT are, for this category."""
        if code == "O":
            return not (self.seller or self.representative or self.buyer)
        if code in ("G", "K"):
            return (self.seller or self.representative) and (code == "G" or self.buyer)
        return (self.registered or self.representative) and (code != "AE" or self.buyer or self.legal)


def _amounts(invoice: Invoice, family: Family) -> dict[Decimal | None, Amounts]:
    found: defaultdict[Decimal | None, Amounts] = defaultdict(Amounts)
    for line in invoice.all("BG-25"):
        for rate in _rates(line.inside("class"), family):
            found[rate].lines += line.number("BT-131") or ZERO
    for one in invoice.all("AC"):
        for rate in _rates(one.inside("category"), family):
            some = found[rate]
            if one.charge:
                some.charges += one.number("amount") or ZERO
            elif one.charge is False:
                some.allowances += one.number("amount") or ZERO
            elif family.cast:
                raise UnreadableError(one, "indicator", "")
    return found


def view(invoice: Invoice) -> View:
    """That of the document, made when the first rule asks."""
    if not isinstance(invoice.view, View):
        invoice.view = View(invoice)
    return invoice.view


def _parents(group: Group) -> tuple[str, str]:
    above = group.parent
    return (above.name, above.parent.name) if above and above.parent else ("", "")


def _registered(invoice: Invoice, party: str, term: str) -> Iterator[Group]:
    return (one for group in invoice.all(party) for one in group.inside("registration") if term in one.terms)


def of(groups: Iterable[Group], code: str) -> Iterator[Group]:
    """Those of VAT with this code."""
    return (one for one in groups if one.vat and one.code == code)


def breakdown_has_it(invoice: Invoice, known: View, family: Family) -> None:
    """-01: what is used is in the breakdown (once), and what is in the breakdown is used."""
    code = family.code
    if family.once:
        kept = not any(of([*known.categories, *known.classes], code)) or sum(1 for _ in of(known.breakdown, code)) == 1
    else:
        vat = family.prefix != "BR-S"  # of S the official rule does not ask for the scheme
        used = any(one.code == code and (one.vat or not vat) for one in (*known.of_charges, *known.classes))
        kept = used == any(one.code == code and (one.vat or not vat) for one in known.breakdown)
    if not kept:
        invoice.fail(f"{family.prefix}-01", invoice.root)


def identified(invoice: Invoice, known: View, family: Family) -> None:
    """-02 to -04: lines, allowances and charges of the category want the VAT identifiers of those who owe or recover it; those of O want none."""
    code, vouched = family.code, known.vouched(family.code)
    if any(of(known.classes, code)) and not vouched:
        invoice.fail(f"{family.prefix}-02", invoice.root)
    elif family.prefix == "BR-S" and not any(of(known.classes, code)) and any(one.code == code for one in known.classes):
        invoice.fail("BR-S-02", invoice.root)
    for charge, number in ((False, "03"), (True, "04")):
        asked = (one for one in of(known.of_charges, code) if one.parent and one.parent.charge is charge)
        if not vouched and any(code != "O" or (one.parent and one.parent.name == "AC") for one in asked):
            invoice.fail(f"{family.prefix}-{number}", invoice.root)


def rates(invoice: Invoice, known: View, family: Family) -> None:
    """-05 to -07: the rates of lines, allowances and charges."""
    for one in of(known.classes, family.code):
        if not family.rate(one.number("rate") if family.code != "O" else _there(one)):
            invoice.fail(f"{family.prefix}-05", one, found=one.first("rate") or "—")
    for one in of(known.of_charges, family.code):
        charge = one.parent.charge if one.parent else None
        if charge is not None and not family.rate(one.number("rate") if family.code != "O" else _there(one)):
            invoice.fail(f"{family.prefix}-{'07' if charge else '06'}", one, found=one.first("rate") or "—")


def _there(group: Group) -> Decimal | None:
    return ZERO if "rate" in group.terms else None


def bases(invoice: Invoice, known: View, family: Family) -> None:
    """-08: the base of a row of the breakdown is what its category amounts to; CII rounds each of the three sums. UBL asks where it comes from."""
    for category in known.rows(family):
        row, rate = row_of(category), category.number("rate") if family.taxed else None
        if family.taxed and rate is None:
            continue
        some = known.amounts(family).get(rate)
        sums = (some.lines, some.charges, some.allowances) if some else (ZERO, ZERO, ZERO)
        lines, charges, allowances = map(rounded, sums) if invoice.syntax == "CII" else sums
        base, expected = row.number("BT-116"), lines + charges - allowances
        off = None if base is None else abs(base - expected)
        kept = off is not None and (off < 1 if family.loose else off == 0) and _somewhere(invoice, known, family, rate)
        if not kept and not _without_lines(invoice, family, rate, base, charges - allowances):
            invoice.fail(f"{family.prefix}-08", row, found="—" if base is None else f"{base:f}", expected=f"{expected:f}")


def _without_lines(invoice: Invoice, family: Family, rate: Decimal | None, base: Decimal | None, charged: Decimal) -> bool:
    """Whether the base is that of allowances and charges alone: of S the UBL sheet takes that too, where any of them has the rate."""
    if invoice.syntax == "CII" or family.prefix != "BR-S" or base is None or abs(base - charged) >= 1:
        return False
    return any(rate in _rates(one.inside("category"), family) for name in ("AC", "LAC", "PAC") for one in invoice.all(name))


def _somewhere(invoice: Invoice, known: View, family: Family, rate: Decimal | None) -> bool:
    """Whether what UBL wants is there: a line; of S something at this rate, be it an allowance of a line or a price."""
    if invoice.syntax == "CII" or family.prefix != "BR-S":
        return invoice.syntax == "CII" or bool(invoice.all("BG-25"))
    inside = (one.inside("category") for name in ("LAC", "PAC") for one in invoice.all(name))
    return rate in known.amounts(family) or any(rate in _rates(some, family) for some in inside)


def _rates(categories: Sequence[Group], family: Family) -> Iterable[Decimal | None]:
    """The rates for which a line or an allowance counts in a family; none where it has no category of it."""
    if not any(one.code == family.code for one in categories):
        return ()
    return {rate for one in categories if (rate := one.number("rate")) is not None} if family.taxed else (None,)


def taxes(invoice: Invoice, known: View, family: Family) -> None:
    """-09: the VAT of a row: none, or that of its base at its rate, to one unit."""
    for category in known.rows(family):
        row = row_of(category)
        tax, expected = row.number("BT-117"), _vat(row, category) if family.taxed else ZERO
        if tax is None or expected is None or (abs(abs(tax) - expected) >= 1 if family.taxed else tax != 0):
            invoice.fail(f"{family.prefix}-09", row, found="—" if tax is None else f"{tax:f}", expected=f"{expected}")


def _vat(row: Group, category: Group) -> Decimal | None:
    base, rate = row.number("BT-116"), category.number("rate")
    return None if base is None or rate is None else rounded(abs(base) * rate / 100)


def reasons(invoice: Invoice, known: View, family: Family) -> None:
    """-10: why there is no VAT."""
    for category in known.rows(family):
        if ("reason" in category.terms or "reason_code" in category.terms) is not family.exempt:
            invoice.fail(f"{family.prefix}-10", category)


def row_of(category: Group) -> Group:
    """The row of the breakdown that a category is, or stands in."""
    return category if category.name == "BG-23" or category.parent is None else category.parent


def outside(invoice: Invoice) -> None:
    """BR-O-11 to BR-O-14: beside what is outside the scope of VAT there is nothing of another category."""
    known = view(invoice)
    if any(of(known.breakdown, "O")):
        if any(one.vat and one.code != "O" for one in known.breakdown):
            invoice.fail("BR-O-11", invoice.root)
        if any(one.vat and one.code != "O" for one in known.classes):
            invoice.fail("BR-O-12", invoice.root)
        for charge, rule in ((False, "BR-O-13"), (True, "BR-O-14")):
            if any(one.vat and one.code != "O" and one.parent and one.parent.charge is charge for one in known.of_charges):
                invoice.fail(rule, invoice.root)


def intra_community(invoice: Invoice) -> None:
    """BR-IC-11, BR-IC-12: of an intra-community supply it is told when it was delivered, or over which period, and into which country."""
    known = view(invoice)
    if any(of(known.breakdown, "K")):
        delivered = any(len(text) > 1 for text in invoice.terms("BG-13", "BT-72"))
        if not delivered and not any(len(group.element) for group in invoice.all("BG-14")):
            invoice.fail("BR-IC-11", invoice.root)
        if not any(len(text) > 1 for text in invoice.terms("BG-15", "BT-80")):
            invoice.fail("BR-IC-12", invoice.root)


def split_payment(invoice: Invoice) -> None:
    """BR-B-01, BR-B-02: split payment is of Italy alone, and never beside the standard rate."""
    for rule in split(invoice.root.element, standard="S" in view(invoice).used):
        invoice.fail(rule, invoice.root)


def split(root: etree._Element, *, standard: bool) -> Iterator[str]:
    """Which of the two a document with split payment does not keep."""
    if {one.text or "" for name in ("IdentificationCode", "CountryID") for one in root.iter(f"{{*}}{name}")} - {"IT"}:
        yield "BR-B-01"
    if standard:
        yield "BR-B-02"


Step = Callable[[Invoice, View, Family], None]
STEPS: tuple[tuple[tuple[str, ...], Step], ...] = (
    (("01",), breakdown_has_it), (("02", "03", "04"), identified), (("05", "06", "07"), rates), (("08",), bases), (("09",), taxes), (("10",), reasons),
)  # fmt: skip


def step_of(family: Family, numbers: Iterable[str], step: Step, syntax: str) -> Rule:
    """A step of a family as a rule: of a category that is named nowhere nothing can be wrong."""
    def run(invoice: Invoice) -> None:
        step(invoice, view(invoice), family)

    return Rule(tuple(f"{family.prefix}-{number}" for number in numbers), run, syntaxes=(syntax,), category=family.code)


RULES = (
    *(step_of(family, numbers, step, "UBL") for family in FAMILIES for numbers, step in STEPS),
    Rule(("BR-O-11", "BR-O-12", "BR-O-13", "BR-O-14"), outside, syntaxes=("UBL",), category="O"),
    Rule(("BR-IC-11", "BR-IC-12"), intra_community, syntaxes=("UBL",), category="K"),
    Rule(("BR-B-01", "BR-B-02"), split_payment, category="B"),
)
