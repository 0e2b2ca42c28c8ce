"""What the rules say of UBL alone: its places and rows (tables/en16931/ubl.toml), and the rules that no row holds (UBL-SR, UBL-DT, UBL-CR)."""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from flux.validators.en16931 import charges
from flux.validators.en16931._bound import Asked, bound, code_lists, in_cents
from flux.validators.en16931._model import Failure, Group, Invoice
from flux.validators.en16931._rules import Rule
from flux.validators.en16931._walk import Found
from flux.validators.en16931.terms import SEPA, TRANSFERS

_OASIS = "urn:oasis:names:specification:ubl:schema:xsd:"
NAMES = {
    "cac": f"{_OASIS}CommonAggregateComponents-2", "cbc": f"{_OASIS}CommonBasicComponents-2", "ext": f"{_OASIS}CommonExtensionComponents-2",
}  # fmt: skip
CAC, CBC = (f"{{{NAMES[prefix]}}}" for prefix in ("cac", "cbc"))
INVOICE, CREDIT_NOTE = f"{{{_OASIS}Invoice-2}}Invoice", f"{{{_OASIS}CreditNote-2}}CreditNote"
SAME = {"cac:CreditNoteLine": "cac:InvoiceLine", "cbc:CreditedQuantity": "cbc:InvoicedQuantity"}
OBJECT, PROJECT = "130", "50"  # of a supporting document: it is the invoiced object, or of a credit note the project
NOTE_CODE = 3  # characters of BT-21, between two #


# -- of an element ----------------------------------------------------------------------------------------------------------------------------


def type_code(element: etree._Element, found: Found) -> None:
    """BR-CL-01: the type of a document (BT-3) is one of the list for an Invoice, or for a CreditNote."""
    name = "type_of_credit_note" if str(element.tag).endswith("CreditNoteTypeCode") else "type_of_invoice"
    text = (element.text or "").strip()
    if text not in code_lists()[name]:
        found.append(Failure("BR-CL-01", element, (("found", text),)))


def note(element: etree._Element, found: Found) -> None:
    """BR-CL-08: what a note begins with between two #, where that has three letters, is one of the subjects (BT-21)."""
    _, _, rest = (element.text or "").partition("#")
    code = rest.partition("#")[0] if "#" in rest else ""
    if len(code) == NOTE_CODE and code not in code_lists()["note_subject"]:
        found.append(Failure("BR-CL-08", element, (("found", code),)))


def party_identifier(element: etree._Element, found: Found) -> None:
    """BR-CL-10: the scheme of a party's identifier; SEPA for a creditor, of the seller or the payee alone."""
    scheme = element.get("schemeID")
    if scheme is None or scheme.strip() in code_lists()["party_scheme"]:
        return
    of_creditor = any(one.tag in (f"{CAC}AccountingSupplierParty", f"{CAC}PayeeParty") for one in element.iterancestors())
    if scheme.strip() != SEPA or not of_creditor:
        found.append(Failure("BR-CL-10", element, (("found", scheme.strip()),)))


def registration(element: etree._Element, found: Found) -> None:
    """BR-CO-09: a VAT identifier begins with a country. UBL-SR-53: a registration says for which tax, and under which number."""
    company = next(element.iterchildren(f"{CBC}CompanyID"), None)  # a third of what find() takes
    schemes = [one for scheme in element.iterchildren(f"{CAC}TaxScheme") for one in scheme.iterchildren(f"{CBC}ID")]
    if company is None or not schemes:
        found.append(Failure("UBL-SR-53", element))
    if any((one.text or "").strip().upper() == "VAT" for one in schemes):
        prefix = ("" if company is None else company.text or "")[:2]
        if prefix not in _COUNTRIES:
            found.append(Failure("BR-CO-09", element, (("found", prefix),)))


_COUNTRIES = " " + " ".join(sorted({*code_lists()["country"], "EL"})) + " "  # the official rule asks whether the text has it, an empty one too


def item_property(element: etree._Element, found: Found) -> None:
    """BR-54: an attribute of an item (BG-32) has a name and a value."""
    if element.find(f"{CBC}Name") is None or element.find(f"{CBC}Value") is None:
        found.append(Failure("BR-54", element))


def address_line(element: etree._Element, found: Found) -> None:
    """UBL-SR-51: an address has one line beside its streets."""
    before = element.getprevious()
    if before is not None and before.tag == element.tag and ((first := before.getprevious()) is None or first.tag != element.tag):
        parent = element.getparent()
        found.append(Failure("UBL-SR-51", element if parent is None else parent))


def line_delivery(element: etree._Element, found: Found) -> None:
    """BR-57, UBL-SR-25 of a delivery that a line tells: its address names a country, its recipient has one name."""
    for address in element.findall(f"{CAC}DeliveryLocation/{CAC}Address"):
        if address.find(f"{CAC}Country/{CBC}IdentificationCode") is None:
            found.append(Failure("BR-57", address))
    if len(element.findall(f"{CAC}DeliveryParty/{CAC}PartyName/{CBC}Name")) > 1:
        found.append(Failure("UBL-SR-25", element))


def version(element: etree._Element, found: Found) -> None:
    """UBL-CR-002: the version of UBL, where it is told, is 2.1."""
    if element.text != "2.1":
        found.append(Failure("UBL-CR-002", element))


def due_date(element: etree._Element, found: Found) -> None:
    """UBL-CR-412: an Invoice tells its due date (BT-9) in its header."""
    if element.getroottree().getroot().tag == INVOICE:
        found.append(Failure("UBL-CR-412", element))


def embedded(element: etree._Element, found: Found) -> None:
    """UBL-DT-06, UBL-DT-07: an embedded document has a media type and a name."""
    for rule, name in (("UBL-DT-06", "mimeCode"), ("UBL-DT-07", "filename")):
        if element.get(name) is None:
            found.append(Failure(rule, element))


def supporting(element: etree._Element, found: Found) -> None:
    """Supporting documents by their type: BR-CL-07, UBL-CR-665, UBL-CR-666, UBL-CR-673."""
    types = [one.text or "" for one in element.findall(f"{CBC}DocumentTypeCode")]
    schemes = [one for one in element.findall(f"{CBC}ID") if one.get("schemeID") is not None]
    for one in schemes:
        if OBJECT in types:
            scheme = (one.get("schemeID") or "").strip()
            if scheme not in code_lists()["reference"]:
                found.append(Failure("BR-CL-07", one, (("found", scheme),)))
    if element.tag != f"{CAC}AdditionalDocumentReference":
        return
    if schemes and (not types or any(one != OBJECT for one in types)):
        found.append(Failure("UBL-CR-665", schemes[0]))
    if OBJECT in types:
        for rule, tag in (("UBL-CR-666", f"{CAC}Attachment"), ("UBL-CR-673", f"{CBC}DocumentDescription")):
            if element.find(tag) is not None:
                found.append(Failure(rule, element))


_MONEY = tuple(
    f"{CBC}{name}Amount" for name in (
        "", "Base", "Tax", "Taxable", "LineExtension", "TaxExclusive", "TaxInclusive", "AllowanceTotal", "ChargeTotal", "Prepaid", "PayableRounding", "Payable",
    )
)  # fmt: skip
_PRICE = (f"{CAC}Price", f"{CAC}AllowanceCharge")


def in_price(path: tuple[str, ...]) -> bool:
    """Whether this place is inside an allowance of a price."""
    return any(path[at : at + 2] == _PRICE for at in range(len(path)))


def amount(element: etree._Element, found: Found) -> None:
    """UBL-DT-01: an amount of money, other than a price, has two decimals at most."""
    text = element.text or ""
    if not in_cents(text):
        found.append(Failure("UBL-DT-01", element, (("found", text.strip()),)))


def money(path: tuple[str, ...]) -> bool:
    """The places of amounts that are not prices, nor parts of one."""
    name = path[-1]
    return name.endswith("Amount") and not name.endswith("PriceAmount") and not in_price(path)


_OWN: dict[str, tuple[Asked, ...]] = {
    "BR-CL-01": (((f"{CBC}InvoiceTypeCode",), type_code), ((f"{CBC}CreditNoteTypeCode",), type_code)),
    "BR-CL-08": ((("/", f"{CBC}Note"), note),),
    "BR-CL-10": (((f"{CAC}PartyIdentification", f"{CBC}ID"), party_identifier),),
    "BR-CO-09 UBL-SR-53": (((f"{CAC}PartyTaxScheme",), registration),),
    "BR-54": (((f"{CAC}AdditionalItemProperty",), item_property),),
    "UBL-SR-51": (((f"{CAC}PostalAddress", f"{CAC}AddressLine"), address_line), ((f"{CAC}Address", f"{CAC}AddressLine"), address_line)),
    "BR-57 UBL-SR-25": (((f"{CAC}InvoiceLine", f"{CAC}Delivery"), line_delivery),),
    "UBL-CR-002": ((("/", f"{CBC}UBLVersionID"), version),),
    "UBL-CR-412": ((("/", f"{CAC}PaymentMeans", f"{CBC}PaymentDueDate"), due_date),),
    "BR-CL-07 UBL-CR-665 UBL-CR-666 UBL-CR-673": (((f"{CAC}AdditionalDocumentReference",), supporting), ((f"{CAC}DocumentReference",), supporting)),
    "UBL-DT-01 UBL-DT-06 UBL-DT-07": (),
}

BOUND = bound("ubl", NAMES, _OWN, SAME, ((money, amount), (lambda path: path[-1].endswith("BinaryObject"), embedded)))


# -- of a group, of the whole -------------------------------------------------------------------------------------------------------------------


def line(invoice: Invoice, group: Group) -> None:
    """BR-CO-04, BR-28, UBL-SR-37, UBL-SR-48: a line has one category of VAT, and of its price one discount on no negative gross price."""
    classes = group.groups.get("class")
    if not classes or not any(one.vat and "code" in one.terms for one in classes):
        invoice.fail("BR-CO-04", group)
    if not classes or len(classes) != 1:
        invoice.fail("UBL-SR-48", group)
    if discounts := group.groups.get("PAC"):
        if sum(len(one.terms.get("BT-147", ())) for one in discounts) > 1:
            invoice.fail("UBL-SR-37", group)
        gross = [value for one in discounts if (value := one.number("BT-148")) is not None]
        if gross and not any(value >= 0 for value in gross):
            invoice.fail("BR-28", group, found=f"{gross[0]:f}")


def seller(invoice: Invoice, group: Group) -> None:
    """BR-CO-26: the seller can be identified. UBL-SR-12, UBL-SR-13, UBL-SR-42: one VAT identifier, one other registration."""
    registered = group.inside("registration")
    known = any(one.vat and "BT-31" in one.terms for one in registered)
    if not known and not any(one.first("scheme") != SEPA for one in group.inside("identifier")) and "BT-30" not in group.terms:
        invoice.fail("BR-CO-26", group)
    if len(registered) > 2:  # noqa: PLR2004 - one for VAT, one for another tax
        invoice.fail("UBL-SR-42", group)
    for rule, vat in (("UBL-SR-12", True), ("UBL-SR-13", False)):
        if _companies(registered, "BT-31", vat=vat) > 1:
            invoice.fail(rule, group)


def buyer(invoice: Invoice, group: Group) -> None:
    """UBL-SR-18: the buyer has one VAT identifier."""
    if _companies(group.inside("registration"), "BT-48", vat=True) > 1:
        invoice.fail("UBL-SR-18", group)


def _companies(registered: list[Group], term: str, *, vat: bool) -> int:
    """Numbers for VAT, or for another tax; a tax that says no scheme is another."""
    return sum(len(one.terms.get(term, ())) for one in registered if any((text.upper() == "VAT") is vat for text in one.terms.get("scheme", one.terms.get("tax", ()))))


def representative(invoice: Invoice, group: Group) -> None:
    """BR-56: the seller's tax representative has a VAT identifier. UBL-SR-23: one."""
    registered = group.inside("registration")
    if not any(one.vat and "BT-63" in one.terms for one in registered):
        invoice.fail("BR-56", group)
    if sum(len(one.terms.get("BT-63", ())) for one in registered) > 1:
        invoice.fail("UBL-SR-23", group)


def payee(invoice: Invoice, group: Group) -> None:
    """BR-17, UBL-SR-19 to UBL-SR-21: a payee has a name, is not the seller, and is named and identified once."""
    names, identifiers = set(group.terms.get("BT-59", ())), group.inside("identifier")
    same = names & set(invoice.terms("BG-4", "BT-28")) or {one.first("BT-60") for one in identifiers} & set(_seller_identifiers(invoice))
    if not names or same:
        invoice.fail("BR-17", group)
    sellers = set(invoice.terms("BG-4", "BT-27"))
    other = any(name != one for name in names for one in sellers)
    counts = (
        ("UBL-SR-19", len(group.terms.get("BT-59", ()))), ("UBL-SR-20", sum((one.first("scheme") or "").upper() != SEPA for one in identifiers)),
        ("UBL-SR-21", len(group.terms.get("BT-61", ()))),
    )  # fmt: skip
    for rule, count in counts:
        if count > 1 or not other:
            invoice.fail(rule, group)


def _seller_identifiers(invoice: Invoice) -> Iterator[str]:
    for group in invoice.all("BG-4"):
        for one in group.inside("identifier"):
            yield from one.terms.get("BT-29", ())


def payment(invoice: Invoice, group: Group) -> None:
    """BR-50, BR-61: a transfer names the account. UBL-SR-28: one mandate."""
    accounts = group.inside("BG-17")
    if sum(len(mandate.terms.get("BT-89", ())) for mandate in group.inside("BG-19")) > 1:
        invoice.fail("UBL-SR-28", group)
    if any(code in TRANSFERS for code in group.terms.get("BT-81", ())):
        for account in accounts:
            if not account.filled("BT-84"):
                invoice.fail("BR-50", account)
    if (group.first("BT-81") or "").strip() in TRANSFERS and not any("BT-84" in account.terms for account in accounts):
        invoice.fail("BR-61", group)


def reason(invoice: Invoice, group: Group) -> None:
    """UBL-SR-30, UBL-SR-31: the reason of any allowance or charge is one text."""
    if group.charge is not None and len(group.terms.get("reason", ())) > 1:
        invoice.fail("UBL-SR-31" if group.charge else "UBL-SR-30", group)


def row(invoice: Invoice, group: Group) -> None:
    """BR-47, BR-48, UBL-SR-32: a row of the breakdown has a category of VAT and, but for O, a rate."""
    of_vat = [one for one in group.inside("category") if one.vat]
    if not any("code" in one.terms for one in of_vat):
        invoice.fail("BR-47", group)
    if not any("rate" in one.terms or one.code == "O" for one in of_vat):
        invoice.fail("BR-48", group)
    if sum(len(one.terms.get("reason", ())) for one in group.inside("category")) > 1:
        invoice.fail("UBL-SR-32", group)


def breakdown(invoice: Invoice) -> None:
    """BR-CO-18: there is a VAT breakdown (BG-23)."""
    if not any(group.inside("BG-23") for group in invoice.all("vat_total")):
        invoice.fail("BR-CO-18", invoice.root)


def document(invoice: Invoice, group: Group) -> None:
    """UBL-SR-43: a supporting document has no type; the invoiced object has 130, the project of a credit note 50."""
    types = group.terms.get("type", ())
    project = PROJECT in types and invoice.root.element.tag.rpartition("}")[2] == "CreditNote"
    if OBJECT not in types and not project and (types or "BT-18-1" in group.terms):
        invoice.fail("UBL-SR-43", group)


def once(invoice: Invoice) -> None:
    """UBL-SR-04, UBL-SR-29, UBL-SR-44, UBL-SR-47: one invoiced object, one creditor, one remittance text, one payment means."""
    objects = (len(group.terms.get("BT-122", ())) for group in invoice.all("BG-24") if OBJECT in group.terms.get("type", ()))
    if sum(objects) > 1:
        invoice.fail("UBL-SR-04", invoice.root)
    if sum((one.first("scheme") or "").upper() == SEPA for one in invoice.all("identifier")) > 1:
        invoice.fail("UBL-SR-29", invoice.root)
    for rule, term in (("UBL-SR-44", "BT-83"), ("UBL-SR-47", "BT-81")):
        if len(set(invoice.terms("BG-16", term))) > 1:
            invoice.fail(rule, invoice.root)


_UNUSUAL = etree.XPath(
    "/descendant-or-self::*/@*[local-name()!='currencyID'][local-name()!='unitCode' and local-name()!='schemeID' and local-name()!='mimeCode' and local-name()!='filename'"
    " and local-name()!='listID' and local-name()!='listVersionID' and local-name()!='schemeVersionID']"
)
_BARRED = {name: rule for rule, name in BOUND.table.attributes.items()}


def attributes(invoice: Invoice) -> None:
    """UBL-DT-08 to UBL-DT-28, UBL-CR-663: attributes that EN 16931 does not use, on whichever element; a name only of a payment means (UBL-DT-18)."""
    unusual: Any = _UNUSUAL(invoice.root.element)
    for value in unusual:
        element, name = value.getparent(), value.attrname
        if (rule := _BARRED.get(name)) is not None:
            invoice.failures.append(Failure(rule, element))
        elif name == "name" and element.tag != f"{CBC}PaymentMeansCode":
            invoice.failures.append(Failure("UBL-DT-18", element))


_ONLY = ("UBL",)
RULES = (
    Rule(("BR-CO-04", "BR-28", "UBL-SR-37", "UBL-SR-48"), line, "BG-25", _ONLY),
    Rule(("BR-CO-26", "UBL-SR-12", "UBL-SR-13", "UBL-SR-42"), seller, "BG-4", _ONLY),
    Rule(("UBL-SR-18",), buyer, "BG-7", _ONLY),
    Rule(("BR-56", "UBL-SR-23"), representative, "BG-11", _ONLY),
    Rule(("BR-17", "UBL-SR-19", "UBL-SR-20", "UBL-SR-21"), payee, "BG-10", _ONLY),
    Rule(("BR-50", "BR-61", "UBL-SR-28"), payment, "BG-16", _ONLY),
    Rule(charges.OF_DOCUMENT, charges.allowance, "AC", _ONLY),
    Rule(charges.OF_LINE, charges.line_allowance, "LAC", _ONLY),
    *(Rule(("BR-CL-19", "BR-CL-20"), charges.reason_code, name, _ONLY) for name in ("AC", "LAC", "PAC")),
    *(Rule(("UBL-SR-30", "UBL-SR-31"), reason, name, _ONLY) for name in ("AC", "LAC", "PAC")),
    Rule(("BR-47", "BR-48", "UBL-SR-32"), row, "BG-23", _ONLY),
    Rule(("BR-CO-18",), breakdown, "", _ONLY),
    Rule(("UBL-SR-43",), document, "BG-24", _ONLY),
    Rule(("UBL-SR-04", "UBL-SR-29", "UBL-SR-44", "UBL-SR-47"), once, "", _ONLY),
    Rule((*BOUND.table.attributes, "UBL-DT-18"), attributes, "", _ONLY),
)
