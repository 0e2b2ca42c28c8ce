"""What the rules say of CII alone: its places and rows (tables/en16931/cii.toml), and the rules that no row holds (CII-SR, CII-DT)."""

import re
from collections.abc import Callable

from lxml import etree

from flux.validators.en16931 import charges
from flux.validators.en16931._bound import VAT, Asked, bound, code_lists, in_cents
from flux.validators.en16931._model import AMBIGUOUS, Failure, Group, Invoice, rounded
from flux.validators.en16931._rules import Rule
from flux.validators.en16931._walk import Found
from flux.validators.en16931.terms import TRANSFERS
from flux.validators.en16931.totals import agrees, equal, total

_CEFACT = "urn:un:unece:uncefact:data:standard:"
NAMES = {
    "rsm": f"{_CEFACT}CrossIndustryInvoice:100", "ram": f"{_CEFACT}ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{_CEFACT}UnqualifiedDataType:100", "qdt": f"{_CEFACT}QualifiedDataType:100",
}  # fmt: skip
RAM, UDT = f"{{{NAMES['ram']}}}", f"{{{NAMES['udt']}}}"
ACCOUNT = frozenset({"BT-84", "BT-84-other"})  # an IBAN, or another number of an account
DAY = "102"  # the format of a date, YYYYMMDD
OBJECT, TENDER, SUPPORTING = "130", "50", "916"  # of an additional document: it is the invoiced object, the tender or lot, one that supports the invoice


_ADDITIONAL, _ATTACHED, _ASSIGNED, _TYPE, _NAME, _START, _END = (
    f"{RAM}{name}" for name in (
        "AdditionalReferencedDocument", "AttachmentBinaryObject", "IssuerAssignedID", "TypeCode", "Name", "StartDateTime", "EndDateTime",
    )
)  # fmt: skip


# -- of an element ----------------------------------------------------------------------------------------------------------------------------


def supporting(element: etree._Element, found: Found) -> None:
    """BR-52: an additional document has a reference."""
    told = element.find(_ASSIGNED)
    if told is None or not (told.text or "").strip():
        found.append(Failure("BR-52", element))


def other_payee(element: etree._Element, found: Found) -> None:
    """BR-17: a payee that terms of payment name has a name too."""
    if element.find(_NAME) is None:
        found.append(Failure("BR-17", element))


_OF_TYPES = {
    f"{RAM}URIID": ("CII-DT-015", (SUPPORTING,)), _TYPE: ("CII-DT-018", (TENDER, OBJECT, SUPPORTING)), _NAME: ("CII-DT-021", (SUPPORTING,)),
    _ATTACHED: ("CII-DT-022", (SUPPORTING,)), f"{RAM}ReferenceTypeCode": ("CII-DT-024", (OBJECT,)),
}  # fmt: skip


def reference(element: etree._Element, found: Found) -> None:
    """CII-DT-015, CII-DT-018, CII-DT-021, CII-DT-022, CII-DT-024: what of documents only an additional one of some types has."""
    types = {one.text for one in element.iterchildren(_TYPE)} if element.tag == _ADDITIONAL else set()
    for name in {one.tag for one in element} & _OF_TYPES.keys():
        rule, some = _OF_TYPES[str(name)]
        if types.isdisjoint(some):
            found.append(Failure(rule, element))


def trade_tax(element: etree._Element, found: Found) -> None:
    """CII-DT-037: a tax that says which it is is VAT."""
    if element.text != VAT:
        found.append(Failure("CII-DT-037", element, (("found", (element.text or "").strip()),)))


def registration(element: etree._Element, found: Found) -> None:
    """BR-CO-09: a VAT identifier begins with a country."""
    if element.get("schemeID") == "VA" and (element.text or "")[:2] not in _COUNTRIES:
        found.append(Failure("BR-CO-09", element, (("found", (element.text or "")[:2]),)))


_COUNTRIES = code_lists()["country_cii"] | {"EL"}
_DATE = re.compile(r"\s*\d{4}(1[0-2]|0[1-9])(3[01]|[12][0-9]|0[1-9])\s*")


def day(element: etree._Element, found: Found) -> None:
    """CII-DT-097: a date of the format 102 is four digits of the year, two of the month, two of the day."""
    if element.get("format") == DAY and _DATE.fullmatch(element.text or "") is None:
        found.append(Failure("CII-DT-097", element, (("found", (element.text or "").strip()),)))


def _of_documents(path: tuple[str, ...]) -> bool:
    return path[-1].startswith(RAM) and path[-1].endswith("ReferencedDocument")


def _of_taxes(path: tuple[str, ...]) -> bool:
    return path[-1] == f"{RAM}TypeCode" and path[-2].endswith("TradeTax")


_OWN: dict[str, tuple[Asked, ...]] = {
    "BR-17": (((f"{RAM}SpecifiedTradePaymentTerms", f"{RAM}PayeeTradeParty"), other_payee),),
    "BR-52": (((_ADDITIONAL,), supporting),),
    "BR-CO-09": (((f"{RAM}SpecifiedTaxRegistration", f"{RAM}ID"), registration),),
    "CII-DT-097": (((f"{UDT}DateTimeString",), day),),
    "CII-DT-015 CII-DT-018 CII-DT-021 CII-DT-022 CII-DT-024 CII-DT-037": (),
}

BOUND = bound(
    "cii", NAMES, _OWN, {}, ((_of_documents, reference), (_of_taxes, trade_tax)),
    {"category": VAT, "class": VAT, "BG-23": VAT, "registration": "VA"},
)  # fmt: skip


# -- of a group, of the whole -------------------------------------------------------------------------------------------------------------------


def issued(invoice: Invoice) -> None:
    """BR-03: the invoice has a date of issue (BT-2), of the format 102."""
    if not invoice.root.filled("BT-2") or DAY not in invoice.root.terms.get("BT-2-format", ()):  # the sheet finds it among several
        invoice.fail("BR-03", invoice.root)


def line(invoice: Invoice, group: Group) -> None:
    """BR-CO-04, BR-28, CII-SR-090, CII-SR-119, CII-SR-474: a line's category of VAT, its gross price and the discount on it, one origin, one invoiced object."""
    if not any(one.vat and "code" in one.terms for one in group.inside("class")):
        invoice.fail("BR-CO-04", group)
    if "BT-148" in group.terms and not any(value >= 0 for value in group.numbers("BT-148")):
        invoice.fail("BR-28", group, found=group.first("BT-148") or "")
    if discounts := group.groups.get("PAC"):
        told = any("BT-147" in one.terms for one in discounts)
        if any(one.charge is False for one in discounts) is not told or (not told and any("indicated" in one.terms for one in discounts)):
            invoice.fail("CII-SR-119", group)
    if sum((one.first("type") or "").strip() == OBJECT for one in group.inside("object")) > 1:
        invoice.fail("CII-SR-474", group)
    if "origin" in group.terms and len(group.terms.get("BT-159", ())) != 1:
        invoice.fail("CII-SR-090", group)


def period(invoice: Invoice, group: Group) -> None:
    """BR-29, BR-CO-19: a period (BG-14) does not end before it begins, and says one of the two."""
    _in_order(invoice, group, ("BR-29", "BR-CO-19"), ("BT-73", "BT-74"))


def line_period(invoice: Invoice, group: Group) -> None:
    """BR-30, BR-CO-20: the same of the period of a line (BG-26)."""
    _in_order(invoice, group, ("BR-30", "BR-CO-20"), ("BT-134", "BT-135"))


def _in_order(invoice: Invoice, group: Group, rules: tuple[str, str], terms: tuple[str, str]) -> None:
    begins, ends = (group.first(term) if group.first(f"{term}-format") == DAY else None for term in terms)
    if begins is not None and ends is not None and ends >= begins:
        return
    there = [group.element.find(name) is not None for name in (_START, _END)]
    if all(there):
        invoice.fail(rules[0], group, found=f"{(begins or '—').strip()} – {(ends or '—').strip()}")
    elif not any(there):
        invoice.fail(rules[1], group)


def item_property(invoice: Invoice, group: Group) -> None:
    """BR-54: an attribute of an item (BG-32) has a name and a value."""
    if not group.terms.keys() >= {"BT-160", "BT-161"}:
        invoice.fail("BR-54", group)


def seller(invoice: Invoice, group: Group) -> None:
    """BR-CO-26: the seller can be identified."""
    if not group.terms.keys() & {"BT-29", "BT-29-global", "BT-30"} and not any(one.vat for one in group.inside("registration")):
        invoice.fail("BR-CO-26", group)


def representative(invoice: Invoice, group: Group) -> None:
    """BR-20, BR-56: the seller's tax representative has a country and a VAT identifier."""
    if not any(one.filled("BT-69") for one in group.inside("BG-12")):
        invoice.fail("BR-20", group)
    known = [one for one in group.inside("registration") if one.vat]
    if not any(one.filled("BT-63") for one in known):
        invoice.fail("BR-56", group)
    if len(known) > 1:
        invoice.fail(AMBIGUOUS, group, term="BT-63")


def payee(invoice: Invoice, group: Group) -> None:
    """BR-17: a payee has a name and is not the seller."""
    same = any(not set(group.terms.get(one, ())).isdisjoint(invoice.terms("BG-4", of)) for one, of in (("BT-59", "BT-27"), ("BT-60", "BT-29"), ("BT-61", "BT-30")))
    if "BT-59" not in group.terms or same:
        invoice.fail("BR-17", group)


def payment(invoice: Invoice, group: Group) -> None:
    """BR-50, BR-61, CII-SR-470: a transfer names the account."""
    code, accounts = group.first("BT-81") or "", group.inside("BG-17")
    if code in TRANSFERS:
        for account in accounts:
            if not account.terms.keys() & ACCOUNT:
                invoice.fail("BR-61", account)
            if not account.filled("BT-84") and not account.filled("BT-84-other"):
                invoice.fail("BR-50", account)
    if code.strip() in TRANSFERS and not any(account.terms.keys() & ACCOUNT for account in accounts):
        invoice.fail("CII-SR-470", group)


def in_letters(ask: Callable[[Invoice, Group], None]) -> Callable[[Invoice, Group], None]:
    """What is asked of an allowance or charge only where its indicator is written as true or false, not as 1 or 0."""
    def run(invoice: Invoice, group: Group) -> None:
        if group.first("indicator") in ("true", "false"):
            ask(invoice, group)

    return run


def row(invoice: Invoice, group: Group) -> None:
    """BR-45 to BR-48, BR-CO-17, BR-DEC-19, BR-DEC-20: of a row of the breakdown; of one of O, L or M the official rules ask none of it."""
    if _left_out(group):
        return
    for rule, cents, term in (("BR-45", "BR-DEC-19", "BT-116"), ("BR-46", "BR-DEC-20", "BT-117")):
        text = group.first(term)
        if text is None:
            invoice.fail(rule, group)
        elif not in_cents(text):
            invoice.fail(cents, group, found=text)
    if not group.vat or "code" not in group.terms:
        invoice.fail("BR-47", group)
    if not group.vat or ("rate" not in group.terms and group.code != "O"):
        invoice.fail("BR-48", group)
    agrees(invoice, group, group.number("rate") if group.vat else None, inclusive=True)


def _left_out(row: Group) -> bool:
    return row.vat and row.code in ("O", "L", "M")


def tax_point(invoice: Invoice) -> None:
    """BR-CO-03: the day on which VAT is due (BT-7) and the code for it (BT-8) exclude one another, wherever a tax tells them. CII-SR-462: one code."""
    days, codes, others = False, set[str](), set[str]()
    for name, told in (("BG-23", codes), ("class", codes), ("category", others)):
        for group in invoice.all(name):
            if "BT-8" in group.terms:
                told.update(group.terms["BT-8"])
            days = days or "BT-7" in group.terms
    if days and (codes or others) and not all(_left_out(row) for row in invoice.all("BG-23")):
        invoice.fail("BR-CO-03", invoice.root)
    if len(codes) > 1:
        invoice.fail("CII-SR-462", invoice.root)


def breakdown(invoice: Invoice) -> None:
    """BR-CO-18: where there are lines there is a VAT breakdown (BG-23)."""
    if invoice.all("BG-25") and not invoice.all("BG-23"):
        invoice.fail("BR-CO-18", invoice.root)


def tax_currency(invoice: Invoice, totals: Group) -> None:
    """BR-53: with a currency of VAT accounting (BT-6), another than that of the invoice, the total of VAT is told in it (BT-111)."""
    accounting = set(invoice.root.terms.get("BT-6", ()))
    told = {currency for one in totals.inside("vat_total") for currency in one.terms.get("currency", ())}
    if accounting and (accounting.isdisjoint(told) or not accounting.isdisjoint(invoice.root.terms.get("BT-5", ()))):
        invoice.fail("BR-53", totals)


def vat_totals(invoice: Invoice, totals: Group) -> None:
    """BR-DEC-13, BR-DEC-15: of the totals of VAT one at least, in the currency of the invoice and of VAT accounting, has two decimals at most, by its value."""
    told = totals.inside("vat_total")
    accounting = invoice.root.terms.get("BT-6", ())
    if told and not any(one.first("currency") not in invoice.root.terms.get("BT-5", ()) or _whole_cents(one) for one in told):
        invoice.fail("BR-DEC-13", totals, found=told[0].first("BT-110") or "")
    if told and accounting and not any(one.first("currency") in accounting and _whole_cents(one) for one in told):
        invoice.fail("BR-DEC-15", totals, found=told[0].first("BT-110") or "")


def _whole_cents(group: Group) -> bool:
    amount = group.number("BT-110")
    return amount is not None and amount == rounded(amount)


def vat_total(invoice: Invoice) -> None:
    """BR-CO-14: BT-110, in the currency of the invoice, = Σ BT-117."""
    if told := [group for group in invoice.all("vat_total") if group.first("currency") in invoice.root.terms.get("BT-5", ())]:
        expected = rounded(total(invoice.all("BG-23"), "BT-117"))
        for group in told:
            equal(invoice, "BR-CO-14", group, group.number("BT-110"), expected)


def documents(invoice: Invoice) -> None:
    """CII-SR-457, CII-SR-458, CII-SR-475, CII-SR-476: one tender, one invoiced object; of those that support the invoice one name and one attachment."""
    if not (every := invoice.all("BG-24")):
        return
    for rule, type_ in (("CII-SR-457", TENDER), ("CII-SR-458", OBJECT)):
        if sum(type_ in one.terms.get("type", ()) for one in every) > 1:
            invoice.fail(rule, invoice.root)
    some = [one for one in every if (one.first("type") or "").strip() == SUPPORTING]
    if sum(len(one.terms.get("BT-123", ())) for one in some) > 1:
        invoice.fail("CII-SR-475", invoice.root)
    if sum(len(one.element.findall(_ATTACHED)) for one in some) > 1:
        invoice.fail("CII-SR-476", invoice.root)


def payments(invoice: Invoice) -> None:
    """CII-SR-467, CII-SR-468: all payment means have one code and one text."""
    for rule, term in (("CII-SR-467", "BT-81"), ("CII-SR-468", "BT-82")):
        texts = list(invoice.terms("BG-16", term))
        if len(texts) > 1 and len({" ".join(text.split()) for text in texts}) > 1:
            invoice.fail(rule, invoice.root)


def units(invoice: Invoice) -> None:
    """CII-DT-033: where no line has a unit of its quantity (BT-130), no other quantity has one."""
    if not any("BT-130" in group.terms for group in invoice.all("BG-25")):
        for element in invoice.root.element.iter(f"{RAM}*"):
            if str(element.tag).endswith("Quantity") and element.get("unitCode") is not None:
                invoice.failures.append(Failure("CII-DT-033", element))


_ONLY = ("CII",)
RULES = (
    Rule(("BR-03",), issued, "", _ONLY),
    Rule(("BR-CO-04", "BR-28", "CII-SR-090", "CII-SR-119", "CII-SR-474"), line, "BG-25", _ONLY),
    Rule(("BR-29", "BR-CO-19"), period, "BG-14", _ONLY),
    Rule(("BR-30", "BR-CO-20"), line_period, "BG-26", _ONLY),
    Rule(("BR-54",), item_property, "BG-32", _ONLY),
    Rule(("BR-CO-26",), seller, "BG-4", _ONLY),
    Rule(("BR-20", "BR-56"), representative, "BG-11", _ONLY),
    Rule(("BR-17",), payee, "BG-10", _ONLY),
    Rule(("BR-50", "BR-61", "CII-SR-470"), payment, "BG-16", _ONLY),
    Rule(charges.OF_DOCUMENT, in_letters(charges.allowance), "AC", _ONLY),
    Rule(charges.OF_LINE, in_letters(charges.line_allowance), "LAC", _ONLY),
    *(Rule(("BR-CL-19", "BR-CL-20"), charges.reason_code, name, _ONLY) for name in ("AC", "LAC")),
    Rule(("BR-45", "BR-46", "BR-47", "BR-48", "BR-CO-17", "BR-DEC-19", "BR-DEC-20"), row, "BG-23", _ONLY),
    Rule(("BR-CO-03", "CII-SR-462"), tax_point, "", _ONLY),
    Rule(("BR-CO-18",), breakdown, "", _ONLY),
    Rule(("BR-53",), tax_currency, "BG-22", _ONLY),
    Rule(("BR-DEC-13", "BR-DEC-15"), vat_totals, "BG-22", _ONLY),
    Rule(("BR-CO-14",), vat_total, "", _ONLY),
    Rule(("CII-SR-457", "CII-SR-458", "CII-SR-475", "CII-SR-476"), documents, "", _ONLY),
    Rule(("CII-SR-467", "CII-SR-468"), payments, "", _ONLY),
    Rule(("CII-DT-033",), units, "", _ONLY),
)
