"""
UN/CEFACT Cross Industry Invoice, D16B and D22B, AIFE's minimal form included.

Where each field stands is ``PLACES``: field of the Piece -> paths below the root, by preference. The bindings are EN 16931's (CEN/TS
16931-3-3) and AIFE's (domain 4.5): the valideur is the InvoiceeTradeParty, an attachment is named by its IssuerAssignedID. Chorus Pro
publishes no place for MOE and MOA; these two are our own choice (local), both valid under the D22B schema:

| field | path | why there |
|-------|------|-----------|
| moe   | ram:ApplicableHeaderTradeAgreement/ram:BuyerAgentTradeParty     | the buyer's agent, which the maîtrise d'œuvre is |
| moa   | ram:ApplicableHeaderTradeAgreement/ram:ProductEndUserTradeParty | he for whom the works are done, when he is not the debtor |

(both below /rsm:CrossIndustryInvoice/rsm:SupplyChainTradeTransaction). Also local: a service code of valideur, MOE and MOA is their
ram:DefinedTradeContact/ram:ID. The supplier's is ram:InvoiceIssuerReference, as AIFE's example P02 says.
"""

from collections.abc import Iterator
from decimal import Decimal

from lxml import etree
from msgspec.structs import replace

from flux.model import Parsed
from flux.parsers import Parser, Source
from flux.parsers._assembly import KINDS, Dialect, Embedded, attachments, header, in_currency, lines_at, nets, numbered, vat_line
from flux.parsers._places import Shape, plain
from flux.parsers._reading import AN_AMOUNT, MOST_NAME, Expected, Reading, amount_of, day_102

_CII = "urn:un:unece:uncefact:data:standard:"
NAMESPACES = {
    "rsm": f"{_CII}CrossIndustryInvoice:100",
    "ram": f"{_CII}ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{_CII}UnqualifiedDataType:100",
}

_TRADE = "rsm:SupplyChainTradeTransaction"
_AGREEMENT = f"{_TRADE}/ram:ApplicableHeaderTradeAgreement"
_SETTLEMENT = f"{_TRADE}/ram:ApplicableHeaderTradeSettlement"
_SUMMATION = f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"
_MEANS = f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementPaymentMeans"
_TAX = f"{_SETTLEMENT}/ram:ApplicableTradeTax"
_SUPPORTING = f"{_AGREEMENT}/ram:AdditionalReferencedDocument"
_LINES = f"{_TRADE}/ram:IncludedSupplyChainTradeLineItem"


def _days(path: str) -> tuple[str, ...]:
    """udt:DateTime is read to be refused with its value rather than told as absent: no form of Chorus Pro or EN 16931 has it."""
    return f"{path}/udt:DateTimeString", f"{path}/udt:DateTime"


def _party(who: str, party: str, *service: str) -> dict[str, tuple[str, ...]]:
    legal = f"{party}/ram:SpecifiedLegalOrganization"
    return {
        who: (party,),
        f"{who}.id": (f"{legal}/ram:ID", f"{party}/ram:GlobalID", f"{party}/ram:ID"),
        f"{who}.type": (f"{legal}/ram:ID", f"{party}/ram:GlobalID", f"{party}/ram:ID"),
        f"{who}.name": (f"{party}/ram:Name", f"{legal}/ram:TradingBusinessName"),
        f"{who}.service": service or (f"{party}/ram:DefinedTradeContact/ram:ID",),
        f"{who}.vat": (f"{party}/ram:SpecifiedTaxRegistration/ram:ID",),
        f"{who}.country": (f"{party}/ram:PostalTradeAddress/ram:CountryID", f"{legal}/ram:PostalTradeAddress/ram:CountryID"),
    }


PLACES: dict[str, tuple[str, ...]] = {
    "number": ("rsm:ExchangedDocument/ram:ID",),
    "type": ("rsm:ExchangedDocument/ram:TypeCode",),
    "cadre": ("rsm:ExchangedDocumentContext/ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID",),
    "profile": ("rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID",),
    "issued": _days("rsm:ExchangedDocument/ram:IssueDateTime"),
    "due": _days(f"{_SETTLEMENT}/ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime"),
    "delivered": _days(f"{_TRADE}/ram:ApplicableHeaderTradeDelivery/ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime"),
    "currency": (f"{_SETTLEMENT}/ram:InvoiceCurrencyCode",),
    **_party("supplier", f"{_AGREEMENT}/ram:SellerTradeParty", f"{_SETTLEMENT}/ram:InvoiceIssuerReference"),
    **_party("recipient", f"{_AGREEMENT}/ram:BuyerTradeParty", f"{_AGREEMENT}/ram:BuyerReference"),
    **_party("valideur", f"{_SETTLEMENT}/ram:InvoiceeTradeParty"),
    **_party("moe", f"{_AGREEMENT}/ram:BuyerAgentTradeParty"),
    **_party("moa", f"{_AGREEMENT}/ram:ProductEndUserTradeParty"),
    "engagement": (f"{_AGREEMENT}/ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID",),
    "market": (f"{_AGREEMENT}/ram:ContractReferencedDocument/ram:IssuerAssignedID",),
    "previous": (f"{_SETTLEMENT}/ram:InvoiceReferencedDocument/ram:IssuerAssignedID",),
    "amounts.lines": (f"{_SUMMATION}/ram:LineTotalAmount",),
    "amounts.ht": (f"{_SUMMATION}/ram:TaxBasisTotalAmount",),
    "amounts.tva": (f"{_SUMMATION}/ram:TaxTotalAmount",),
    "amounts.ttc": (f"{_SUMMATION}/ram:GrandTotalAmount",),
    "amounts.allowances": (f"{_SUMMATION}/ram:AllowanceTotalAmount",),
    "amounts.charges": (f"{_SUMMATION}/ram:ChargeTotalAmount",),
    "amounts.prepaid": (f"{_SUMMATION}/ram:TotalPrepaidAmount",),
    "amounts.rounding": (f"{_SUMMATION}/ram:RoundingAmount",),
    "amounts.net": (f"{_SUMMATION}/ram:DuePayableAmount",),
    "vat": (_TAX,),
    "vat_regime": (f"{_TAX}/ram:DueDateTypeCode",),
    "payment.code": (f"{_MEANS}/ram:TypeCode",),
    "payment.iban": (f"{_MEANS}/ram:PayeePartyCreditorFinancialAccount/ram:IBANID",),
    "payment.bic": (f"{_MEANS}/ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID",),
    "attachments": (_SUPPORTING,),
    "lines": (_LINES,),
}

VAT_PLACES: dict[str, tuple[str, ...]] = {
    "category": ("ram:CategoryCode",),
    "rate": ("ram:RateApplicablePercent",),
    "base": ("ram:BasisAmount",),
    "amount": ("ram:CalculatedAmount",),
    "exemption": ("ram:ExemptionReason", "ram:ExemptionReasonCode"),
}

_LINE_SETTLEMENT = "ram:SpecifiedLineTradeSettlement"
LINE_PLACES: dict[str, tuple[str, ...]] = {
    "quantity": ("ram:SpecifiedLineTradeDelivery/ram:BilledQuantity",),
    "price": ("ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount",),
    "net": (f"{_LINE_SETTLEMENT}/ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount",),
    "vat_rate": (f"{_LINE_SETTLEMENT}/ram:ApplicableTradeTax/ram:RateApplicablePercent",),
}

_OF_LINES = lines_at(_LINES, LINE_PLACES)
_HEADER = Shape(NAMESPACES, PLACES, *(path for _, path in _OF_LINES.numbers))
_VAT = Shape(NAMESPACES, VAT_PLACES)

_ROOT = "/rsm:CrossIndustryInvoice"
_RAM = f"{{{NAMESPACES['ram']}}}"


def read(source: Source) -> tuple[Parsed, ...]:
    """The piece of a CrossIndustryInvoice. What cannot be read is a Finding FLX-S20, or one of the attachments' own."""
    reading = Reading(source.root, _HEADER, _ROOT)
    piece = header(reading, source, _DIALECT)
    for field in ("vat", "attachments", "lines"):
        reading.mark(field, None)
    rows = numbered(reading.at, _TAX, reading.all(_TAX))
    piece = replace(
        piece,
        amounts=replace(piece.amounts, tva=_tax(reading, piece.currency)),
        vat=tuple(vat_line(reading, row, _VAT, place, n) for n, place, row in rows),
        attachments=attachments(reading, _embedded(reading), source),
        nets=nets(reading, _OF_LINES),
        line_count=len(reading.all(_LINES)),
    )
    return (Parsed(piece, tuple(reading.findings), reading.where, files=tuple(reading.files)),)


def _tax_of(registration: etree._Element) -> str:
    """The tax for which a registration number is given: VA is VAT, FC a local number."""
    return (registration.get("schemeID") or "").strip()


_DIALECT = Dialect(day_102, Expected("a date such as 20260131 (format 102)", "une date telle que 20260131 (format 102)"), _tax_of)


def _tax(reading: Reading, currency: str) -> Decimal | None:
    """BT-110: the tax in the document's currency, or without one, as AIFE's examples have it."""
    chosen = next((c for c in reading.found.candidates("amounts.tva") if in_currency(c.element, currency)), None)
    reading.mark("amounts.tva", chosen)
    return reading.value("amounts.tva", chosen, amount_of, AN_AMOUNT) if chosen else None


def _embedded(reading: Reading) -> Iterator[Embedded]:
    """The supporting documents that bring their bytes. Named by @filename (BT-125-2), or as AIFE does by IssuerAssignedID."""
    for _, place, document in numbered(reading.at, _SUPPORTING, reading.all(_SUPPORTING)):
        for element in document.iterchildren(f"{_RAM}AttachmentBinaryObject"):
            name = plain(element.get("filename") or document.findtext(f"{_RAM}IssuerAssignedID"), MOST_NAME)
            kind = plain(document.findtext(f"{_RAM}Name"))
            yield Embedded(element.text or "", place, name, kind if kind in KINDS else "", plain(element.get("mimeCode"), MOST_NAME))


PARSER = Parser(syntax="CII", roots={f"{{{NAMESPACES['rsm']}}}CrossIndustryInvoice": "cii"}, read=read)
