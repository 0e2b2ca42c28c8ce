"""
UBL 2.1 Invoice and CreditNote.

Where each field stands is ``PLACES``: field of the Piece -> paths below the root, by preference. The bindings are EN 16931's (CEN/TS
16931-3-2) and, where it has none, those of Chorus Pro's EDI (domain 4.3 and 4.4). Chorus Pro publishes no place for the works actors;
these three are our own choice (local), all valid under the UBL 2.1 schemas of both documents:

| field    | path                                                                                       | why there |
|----------|--------------------------------------------------------------------------------------------|-----------|
| valideur | cac:AccountingCustomerParty/cac:Party/cac:ServiceProviderParty/cac:Party | rule BR-FR-09/EXT-FR-FE-92 of the French reform equates it with CII's InvoiceeTradeParty, where AIFE has the valideur |
| moe      | cac:AccountingCustomerParty/cac:Party/cac:AgentParty                     | the buyer's agent, which the maîtrise d'œuvre is; the reform equates it with CII's BuyerAgentTradeParty |
| moa      | cac:BuyerCustomerParty/cac:Party                                         | UBL's buyer when it is not the debtor: he for whom the works are done |

Also local: a service code of these three is their cac:Contact/cbc:ID; the supplier's is cac:AccountingSupplierParty/cac:AccountingContact.
Several cac:TaxTotal in the document's currency are added up, and their rows read one after the other.
"""

from collections.abc import Iterator
from decimal import Decimal

from lxml import etree
from msgspec.structs import replace

from flux.model import Parsed
from flux.parsers import Parser, Source
from flux.parsers._assembly import KINDS, Dialect, Embedded, attachments, header, in_currency, lines_at, nets, numbered, vat_line
from flux.parsers._places import Candidate, Shape, plain
from flux.parsers._reading import A_DAY, AN_AMOUNT, MOST_NAME, Reading, amount_of, iso_day
from flux.piece import Piece, VatLine

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_INVOICE, _CREDIT_NOTE = f"{_UBL}Invoice-2", f"{_UBL}CreditNote-2"
NAMESPACES = {
    "cac": f"{_UBL}CommonAggregateComponents-2",
    "cbc": f"{_UBL}CommonBasicComponents-2",
    "ext": f"{_UBL}CommonExtensionComponents-2",
    "inv": _INVOICE,
    "cn": _CREDIT_NOTE,
}

_EXTENSION = "ext:UBLExtensions/ext:UBLExtension/ext:ExtensionContent"
_DEBTOR = "cac:AccountingCustomerParty/cac:Party"
_CONTRACT = "cac:ContractDocumentReference"
_TAX_TOTAL = "cac:TaxTotal"
_SUPPORTING = "cac:AdditionalDocumentReference"
_LINES = ("cac:InvoiceLine", "cac:CreditNoteLine")


def _party(who: str, container: str, party: str, service: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    legal = f"{party}/cac:PartyLegalEntity"
    return {
        who: (container,),
        f"{who}.id": (f"{party}/cac:PartyIdentification/cbc:ID", f"{legal}/cbc:CompanyID"),
        f"{who}.type": (f"{party}/cac:PartyIdentification/cbc:ID", f"{legal}/cbc:CompanyID"),
        f"{who}.name": (f"{legal}/cbc:RegistrationName", f"{party}/cac:PartyName/cbc:Name"),
        f"{who}.service": service,
        f"{who}.vat": (f"{party}/cac:PartyTaxScheme/cbc:CompanyID",),
        f"{who}.country": (
            f"{party}/cac:PostalAddress/cac:Country/cbc:IdentificationCode",
            f"{legal}/cac:RegistrationAddress/cac:Country/cbc:IdentificationCode",
        ),
    }


def _actor(who: str, party: str) -> dict[str, tuple[str, ...]]:
    return _party(who, party, party, (f"{party}/cac:Contact/cbc:ID",))


PLACES: dict[str, tuple[str, ...]] = {
    "number": ("cbc:ID",),
    "type": ("cbc:InvoiceTypeCode", "cbc:CreditNoteTypeCode"),
    "cadre": ("cbc:ProfileID", *(f"{_EXTENSION}/{p}CategoryCode" for p in ("", "inv:", "cn:", "cbc:"))),  # the second: minimal form
    "profile": ("cbc:CustomizationID",),
    "issued": ("cbc:IssueDate",),
    "due": ("cbc:DueDate", "cac:PaymentMeans/cbc:PaymentDueDate"),
    "delivered": ("cac:Delivery/cbc:ActualDeliveryDate",),
    "currency": ("cbc:DocumentCurrencyCode",),
    **_party(
        "supplier", "cac:AccountingSupplierParty", "cac:AccountingSupplierParty/cac:Party",
        ("cac:AccountingSupplierParty/cac:AccountingContact/cbc:ID",),
    ),
    **_party(
        "recipient", "cac:AccountingCustomerParty", _DEBTOR,
        ("cac:AccountingCustomerParty/cac:AccountingContact/cbc:ID", "cbc:BuyerReference"),
    ),
    **_actor("valideur", f"{_DEBTOR}/cac:ServiceProviderParty/cac:Party"),
    **_actor("moe", f"{_DEBTOR}/cac:AgentParty"),
    **_actor("moa", "cac:BuyerCustomerParty/cac:Party"),
    "engagement": ("cac:OrderReference/cbc:ID",),
    "market": (f"{_CONTRACT}/cbc:ID",),  # of several, the one whose DocumentTypeCode says « Marché Public »
    "previous": ("cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID",),
    "amounts.lines": ("cac:LegalMonetaryTotal/cbc:LineExtensionAmount",),
    "amounts.ht": ("cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount",),
    "amounts.tva": (f"{_TAX_TOTAL}/cbc:TaxAmount",),
    "amounts.ttc": ("cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount",),
    "amounts.allowances": ("cac:LegalMonetaryTotal/cbc:AllowanceTotalAmount",),
    "amounts.charges": ("cac:LegalMonetaryTotal/cbc:ChargeTotalAmount",),
    "amounts.prepaid": ("cac:LegalMonetaryTotal/cbc:PrepaidAmount",),
    "amounts.rounding": ("cac:LegalMonetaryTotal/cbc:PayableRoundingAmount",),
    "amounts.net": ("cac:LegalMonetaryTotal/cbc:PayableAmount",),
    "vat": (f"{_TAX_TOTAL}/cac:TaxSubtotal",),
    "vat_regime": (f"{_TAX_TOTAL}/cac:TaxSubtotal/cac:TaxCategory/cac:TaxScheme/cbc:TaxTypeCode", "cac:InvoicePeriod/cbc:DescriptionCode"),
    "payment.code": ("cac:PaymentMeans/cbc:PaymentMeansCode",),
    "payment.iban": ("cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID",),
    "payment.bic": (
        "cac:PaymentMeans/cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch/cac:FinancialInstitution/cbc:ID",
        "cac:PaymentMeans/cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch/cbc:ID",
    ),
    "attachments": (_SUPPORTING,),
    "lines": _LINES,
}  # fmt: skip

VAT_PLACES: dict[str, tuple[str, ...]] = {
    "category": ("cac:TaxCategory/cbc:ID",),
    "rate": ("cac:TaxCategory/cbc:Percent", "cbc:Percent"),  # the second: minimal form
    "base": ("cbc:TaxableAmount",),
    "amount": ("cbc:TaxAmount",),
    "exemption": ("cac:TaxCategory/cbc:TaxExemptionReason", "cac:TaxCategory/cbc:TaxExemptionReasonCode"),
}

LINE_PLACES: dict[str, tuple[str, ...]] = {
    "quantity": ("cbc:InvoicedQuantity", "cbc:CreditedQuantity"),
    "price": ("cac:Price/cbc:PriceAmount",),
    "net": ("cbc:LineExtensionAmount",),
    "vat_rate": ("cac:Item/cac:ClassifiedTaxCategory/cbc:Percent",),
}

_OF_LINES = [lines_at(path, LINE_PLACES) for path in _LINES]
_HEADER = Shape(NAMESPACES, PLACES, *(path for at in _OF_LINES for _, path in at.numbers))
_VAT = Shape(NAMESPACES, VAT_PLACES)

_CAC, _CBC = (f"{{{NAMESPACES[prefix]}}}" for prefix in ("cac", "cbc"))
_TAX_SCHEME, _TAX_NAMES = f"{_CAC}TaxScheme", (f"{_CBC}ID", f"{_CBC}TaxTypeCode")
_EMBEDDED = f"{_CAC}Attachment/{_CBC}EmbeddedDocumentBinaryObject"


def read(source: Source) -> tuple[Parsed, ...]:
    """The piece of an Invoice or a CreditNote. What cannot be read is a Finding FLX-S20, or one of the attachments' own."""
    reading = Reading(source.root, _HEADER, f"/{etree.QName(source.root).localname}")
    piece = header(reading, source, _DIALECT)
    totals = _totals(reading, piece.currency)
    at = next((at for at in _OF_LINES if reading.all(at.path)), _OF_LINES[0])
    for field in ("vat", "attachments", "lines"):
        reading.mark(field, None)
    piece = replace(
        piece,
        market=_market(reading) or piece.market,
        amounts=replace(piece.amounts, tva=_tax(reading, totals)),
        vat=tuple(_breakdown(reading, piece)),
        attachments=attachments(reading, _embedded(reading), source),
        nets=nets(reading, at),
        line_count=len(reading.all(at.path)),
    )
    return (Parsed(piece, tuple(reading.findings), reading.where, files=tuple(reading.files)),)


def _tax_of(company: etree._Element) -> str:
    """The tax for which a company number is given: UBL says it beside the number."""
    registration = company.getparent()
    schemes = [] if registration is None else list(registration.iterchildren(_TAX_SCHEME))
    return next((t for name in _TAX_NAMES for scheme in schemes for one in scheme.iterchildren(name) if (t := (one.text or "").strip())), "")


_DIALECT = Dialect(iso_day, A_DAY, _tax_of)


def _market(reading: Reading) -> str:
    """The contract that says it is a « Marché Public » (domain 4.4), "" when none does."""
    for contract in reading.all(_CONTRACT):
        if (contract.findtext(f"{_CBC}DocumentTypeCode") or "").strip().lower().startswith("march"):
            identifier = contract.find(f"{_CBC}ID")
            if identifier is not None and (text := (identifier.text or "").strip()):
                reading.mark("market", Candidate(f"{_CONTRACT}/cbc:ID", identifier, text))
                return text
    return ""


def _totals(reading: Reading, currency: str) -> list[Candidate]:
    """The tax amounts in the document's currency."""
    return [c for c in reading.found.candidates("amounts.tva") if in_currency(c.element, currency)]


def _tax(reading: Reading, totals: list[Candidate]) -> Decimal | None:
    reading.mark("amounts.tva", totals[0] if totals else None)
    read = [reading.value("amounts.tva", total, amount_of, AN_AMOUNT) for total in totals]
    known = [amount for amount in read if amount is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(read) else None


def _breakdown(reading: Reading, piece: Piece) -> Iterator[VatLine]:
    position = 0
    for _, total_place, total in numbered(reading.at, _TAX_TOTAL, reading.all(_TAX_TOTAL)):
        amount = next(total.iterchildren(f"{_CBC}TaxAmount"), None)
        if amount is None or in_currency(amount, piece.currency):
            for _, place, row in numbered(total_place.xpath, "cac:TaxSubtotal", list(total.iterchildren(f"{_CAC}TaxSubtotal"))):
                position += 1
                yield vat_line(reading, row, _VAT, place, position)


def _embedded(reading: Reading) -> Iterator[Embedded]:
    """The supporting documents that bring their bytes. Named by @filename (BT-125-2), or as Chorus Pro does by cbc:ID."""
    for _, place, document in numbered(reading.at, _SUPPORTING, reading.all(_SUPPORTING)):
        element = document.find(_EMBEDDED)
        if element is not None:
            name = plain(element.get("filename") or document.findtext(f"{_CBC}ID"), MOST_NAME)
            kind = plain(document.findtext(f"{_CBC}DocumentType"))
            yield Embedded(element.text or "", place, name, kind if kind in KINDS else "", plain(element.get("mimeCode"), MOST_NAME))


PARSER = Parser(
    syntax="UBL",
    roots={f"{{{_INVOICE}}}Invoice": "ubl-invoice", f"{{{_CREDIT_NOTE}}}CreditNote": "ubl-creditnote"},
    read=read,
)
