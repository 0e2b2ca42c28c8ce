"""
Builders of the documents of the examples: UBL, CII, CPPFactureMixte and Factur-X, from one ``Paper``.

What they write is valid against the published schemas (UBL 2.1, CII D22B); the minimal CII form leaves out what AIFE's own
FSO1116A examples leave out. Where Chorus Pro reads each datum: the cadre in BT-23, parties by identifier type 1 to 7, no BT-24.
"""

from decimal import Decimal
from typing import Any

from actors import Party
from lxml import etree
from packing import pdf
from papers import Enclosed, Paper, Work

NAMESPACES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_BOM = {"UTF-16": ("utf-16-le", b"\xff\xfe")}

Content = etree._Element | str | None  # noqa: SLF001 - lxml gives its elements no other name


def node(tag: str, *content: Content, **attributes: str) -> etree._Element:
    """An element of a known prefix, or of none; what is None among its content is left out."""
    prefix, _, local = tag.rpartition(":")
    nsmap = {prefix: NAMESPACES[prefix]} if prefix else {}
    made = etree.Element(f"{{{NAMESPACES[prefix]}}}{local}" if prefix else local, attributes, nsmap=nsmap)
    for part in content:
        if isinstance(part, str):
            made.text = part
        elif part is not None:
            made.append(part)
    return made


def some(tag: str, text: str, **attributes: str) -> etree._Element | None:
    """An element with this text; none when there is no text."""
    return node(tag, text, **attributes) if text else None


def written(root: etree._Element, encoding: str = "UTF-8", stylesheet: str = "") -> bytes:
    """The document's bytes. A character that the encoding lacks is written as a reference."""
    etree.indent(root, " ")
    head = f'<?xml version="1.0" encoding="{encoding}"?>\n'
    if stylesheet:
        head += f'<?xml-stylesheet type="text/xsl" href="{stylesheet}"?>\n'
    codec, bom = _BOM.get(encoding, (encoding, b""))
    return bom + (head + etree.tostring(root, encoding="unicode") + "\n").encode(codec, "xmlcharrefreplace")


# UBL 2.1


def ubl_invoice(paper: Paper, *, encoding: str = "UTF-8", stylesheet: str = "") -> bytes:
    """A UBL 2.1 Invoice."""
    return written(_ubl(paper, "Invoice", "InvoicedQuantity"), encoding, stylesheet)


def ubl_credit_note(paper: Paper, *, encoding: str = "UTF-8", stylesheet: str = "") -> bytes:
    """A UBL 2.1 CreditNote; its due date, which UBL has no place for, is left out."""
    return written(_ubl(paper, "CreditNote", "CreditedQuantity"), encoding, stylesheet)


def _ubl(paper: Paper, kind: str, quantity: str) -> etree._Element:
    uri = f"{_UBL}{kind}-2"
    names: Any = {None: uri, "cac": NAMESPACES["cac"], "cbc": NAMESPACES["cbc"]}  # lxml's stubs know no default namespace
    root = etree.Element(f"{{{uri}}}{kind}", nsmap=names)
    parts = (
        node("cbc:UBLVersionID", "2.1"),
        some("cbc:CustomizationID", paper.profile),
        some("cbc:ProfileID", paper.cadre),
        node("cbc:ID", paper.number),
        node("cbc:IssueDate", paper.issued),
        some("cbc:DueDate", paper.due) if kind == "Invoice" else None,
        node(f"cbc:{kind}TypeCode", paper.type),
        some("cbc:Note", paper.note),
        node("cbc:DocumentCurrencyCode", "EUR"),
        some("cbc:BuyerReference", paper.service),
        node("cac:OrderReference", node("cbc:ID", paper.engagement)) if paper.engagement else None,
        node("cac:BillingReference", node("cac:InvoiceDocumentReference", node("cbc:ID", paper.previous))) if paper.previous else None,
        node("cac:ContractDocumentReference", node("cbc:ID", paper.market), node("cbc:DocumentTypeCode", "Marché Public"))
        if paper.market
        else None,
        *(_ubl_enclosed(one) for one in paper.enclosed),
        node("cac:AccountingSupplierParty", _ubl_party(paper.supplier)),
        node("cac:AccountingCustomerParty", _ubl_party(paper.recipient, paper.moe, paper.valideur)),
        node(
            "cac:PaymentMeans", node("cbc:PaymentMeansCode", "30"), node("cac:PayeeFinancialAccount", node("cbc:ID", paper.supplier.iban))
        ),
        node("cac:TaxTotal", _euros("cbc:TaxAmount", paper.total("tva")), *(_ubl_rate(*row) for row in paper.rates())),
        node(
            "cac:LegalMonetaryTotal",
            _euros("cbc:LineExtensionAmount", paper.total("ht")),
            _euros("cbc:TaxExclusiveAmount", paper.total("ht")),
            _euros("cbc:TaxInclusiveAmount", paper.total("ttc")),
            _euros("cbc:PayableAmount", paper.total("net")),
        ),
        *(_ubl_line(kind, quantity, n, work) for n, work in enumerate(paper.works, 1)),
    )
    root.extend([part for part in parts if part is not None])
    return root


def _euros(tag: str, amount: str) -> etree._Element:
    return node(tag, amount, currencyID="EUR")


def _ubl_enclosed(one: Enclosed) -> etree._Element:
    held = node("cbc:EmbeddedDocumentBinaryObject", one.base64, mimeCode="application/zip", filename=one.name)
    return node(
        "cac:AdditionalDocumentReference",
        node("cbc:ID", one.name),
        node("cbc:DocumentTypeCode", one.mime),
        node("cbc:DocumentType", one.kind),
        node("cac:Attachment", held),
    )


def _ubl_party(party: Party, moe: Party | None = None, valideur: Party | None = None) -> etree._Element:
    """A party. The MOE is the debtor's agent and the valideur its service provider: flux's own places, Chorus Pro publishes none."""
    scheme = node("cac:TaxScheme", node("cbc:ID", "VAT"))
    identified = node("cac:PartyIdentification", node("cbc:ID", party.id, schemeName=party.type)) if party.id else None
    return node(
        "cac:Party",
        identified,
        node("cac:PartyName", node("cbc:Name", party.name)),
        node(
            "cac:PostalAddress",
            some("cbc:StreetName", party.street),
            some("cbc:CityName", party.city),
            some("cbc:PostalZone", party.postcode),
            node("cac:Country", node("cbc:IdentificationCode", "FR")),
        ),
        node("cac:PartyTaxScheme", node("cbc:CompanyID", party.vat), scheme) if party.account[0] else None,
        node("cac:PartyLegalEntity", node("cbc:RegistrationName", party.name)),
        _agent(moe) if moe else None,
        node("cac:ServiceProviderParty", _ubl_party(valideur)) if valideur else None,
    )


def _agent(moe: Party) -> etree._Element:
    named = _ubl_party(moe)
    named.tag = f"{{{NAMESPACES['cac']}}}AgentParty"
    return named


def _ubl_tax(tag: str, rate: Decimal) -> etree._Element:
    return node(tag, node("cbc:ID", "S"), node("cbc:Percent", str(rate)), node("cac:TaxScheme", node("cbc:ID", "VAT")))


def _ubl_rate(rate: Decimal, base: Decimal, tax: Decimal) -> etree._Element:
    amounts = (_euros("cbc:TaxableAmount", str(base)), _euros("cbc:TaxAmount", str(tax)))
    return node("cac:TaxSubtotal", *amounts, _ubl_tax("cac:TaxCategory", rate))


def _ubl_line(kind: str, quantity: str, n: int, work: Work) -> etree._Element:
    return node(
        f"cac:{kind}Line",
        node("cbc:ID", str(n)),
        node(f"cbc:{quantity}", str(work.quantity), unitCode=work.unit),
        _euros("cbc:LineExtensionAmount", str(work.net)),
        node("cac:Item", node("cbc:Name", work.label), _ubl_tax("cac:ClassifiedTaxCategory", work.rate)),
        node("cac:Price", _euros("cbc:PriceAmount", str(work.price))),
    )


# UN/CEFACT CII


def cii_invoice(paper: Paper, *, minimal: bool = False, scheme: str = "", encoding: str = "UTF-8", stylesheet: str = "") -> bytes:
    """
    A CII CrossIndustryInvoice, invoice or credit note.

    minimal: as AIFE's FSO1116A examples, without ApplicableHeaderTradeDelivery and without the format of a date, which the published
    schema refuses. scheme: of the parties' identifiers; by default their type 1 to 7.
    """
    context = node(
        "rsm:ExchangedDocumentContext",
        node("ram:BusinessProcessSpecifiedDocumentContextParameter", node("ram:ID", paper.cadre)) if paper.cadre else None,
        node("ram:GuidelineSpecifiedDocumentContextParameter", node("ram:ID", paper.profile)) if paper.profile else None,
    )
    document = node(
        "rsm:ExchangedDocument",
        node("ram:ID", paper.number),
        node("ram:TypeCode", paper.type),
        _cii_date("ram:IssueDateTime", paper.issued, minimal=minimal),
        node("ram:IncludedNote", node("ram:Content", paper.note)) if paper.note else None,
    )
    trade = node(
        "rsm:SupplyChainTradeTransaction",
        *(_cii_line(n, work) for n, work in enumerate(paper.works, 1)),
        _cii_agreement(paper, scheme),
        None if minimal else node("ram:ApplicableHeaderTradeDelivery"),
        _cii_settlement(paper, scheme, minimal=minimal),
    )
    names = {prefix: NAMESPACES[prefix] for prefix in ("rsm", "ram", "udt")}
    root = etree.Element(f"{{{NAMESPACES['rsm']}}}CrossIndustryInvoice", nsmap=names)
    root.extend([context, document, trade])
    return written(root, encoding, stylesheet)


def _cii_date(tag: str, day: str, *, minimal: bool) -> etree._Element:
    plain = day.replace("-", "")
    return node(tag, node("udt:DateTimeString", plain) if minimal else node("udt:DateTimeString", plain, format="102"))


def _cii_agreement(paper: Paper, scheme: str) -> etree._Element:
    return node(
        "ram:ApplicableHeaderTradeAgreement",
        some("ram:BuyerReference", paper.service),
        _cii_party("ram:SellerTradeParty", paper.supplier, scheme),
        _cii_party("ram:BuyerTradeParty", paper.recipient, scheme),
        node("ram:BuyerOrderReferencedDocument", node("ram:IssuerAssignedID", paper.engagement)) if paper.engagement else None,
        node("ram:ContractReferencedDocument", node("ram:IssuerAssignedID", paper.market)) if paper.market else None,
        *(_cii_enclosed(one) for one in paper.enclosed),
    )


def _cii_enclosed(one: Enclosed) -> etree._Element:
    return node(
        "ram:AdditionalReferencedDocument",
        node("ram:IssuerAssignedID", one.name),
        node("ram:TypeCode", "916"),
        node("ram:Name", one.kind),
        node("ram:AttachmentBinaryObject", one.base64, mimeCode=one.mime, filename=one.name),
    )


def _cii_party(tag: str, party: Party, scheme: str) -> etree._Element:
    return node(
        tag,
        node("ram:Name", party.name),
        node("ram:SpecifiedLegalOrganization", node("ram:ID", party.id, schemeID=scheme or party.type)) if party.id else None,
        node(
            "ram:PostalTradeAddress",
            some("ram:PostcodeCode", party.postcode),
            some("ram:LineOne", party.street),
            some("ram:CityName", party.city),
            node("ram:CountryID", "FR"),
        ),
        node("ram:SpecifiedTaxRegistration", node("ram:ID", party.vat, schemeID="VA")) if party.account[0] else None,
    )


def _cii_settlement(paper: Paper, scheme: str, *, minimal: bool) -> etree._Element:
    means = node(
        "ram:SpecifiedTradeSettlementPaymentMeans",
        node("ram:TypeCode", "30"),
        node("ram:PayeePartyCreditorFinancialAccount", node("ram:IBANID", paper.supplier.iban)),
    )
    tax_total: dict[str, str] = {} if minimal else {"currencyID": "EUR"}
    return node(
        "ram:ApplicableHeaderTradeSettlement",
        node("ram:InvoiceCurrencyCode", "EUR"),
        _cii_party("ram:InvoiceeTradeParty", paper.valideur, scheme) if paper.valideur else None,
        means,
        *(_cii_rate(*row) for row in paper.rates()),
        node("ram:SpecifiedTradePaymentTerms", _cii_date("ram:DueDateDateTime", paper.due, minimal=minimal)) if paper.due else None,
        node(
            "ram:SpecifiedTradeSettlementHeaderMonetarySummation",
            node("ram:LineTotalAmount", paper.total("ht")),
            node("ram:TaxBasisTotalAmount", paper.total("ht")),
            node("ram:TaxTotalAmount", paper.total("tva"), **tax_total),
            node("ram:GrandTotalAmount", paper.total("ttc")),
            node("ram:DuePayableAmount", paper.total("net")),
        ),
        node("ram:InvoiceReferencedDocument", node("ram:IssuerAssignedID", paper.previous)) if paper.previous else None,
    )


def _cii_rate(rate: Decimal, base: Decimal, tax: Decimal) -> etree._Element:
    return node(
        "ram:ApplicableTradeTax",
        node("ram:CalculatedAmount", str(tax)),
        node("ram:TypeCode", "VAT"),
        node("ram:BasisAmount", str(base)),
        node("ram:CategoryCode", "S"),
        node("ram:DueDateTypeCode", "72"),
        node("ram:RateApplicablePercent", str(rate)),
    )


def _cii_line(n: int, work: Work) -> etree._Element:
    tax = node(
        "ram:ApplicableTradeTax",
        node("ram:TypeCode", "VAT"),
        node("ram:CategoryCode", "S"),
        node("ram:RateApplicablePercent", str(work.rate)),
    )
    total = node("ram:SpecifiedTradeSettlementLineMonetarySummation", node("ram:LineTotalAmount", str(work.net)))
    return node(
        "ram:IncludedSupplyChainTradeLineItem",
        node("ram:AssociatedDocumentLineDocument", node("ram:LineID", str(n))),
        node("ram:SpecifiedTradeProduct", node("ram:Name", work.label)),
        node("ram:SpecifiedLineTradeAgreement", node("ram:NetPriceProductTradePrice", node("ram:ChargeAmount", str(work.price)))),
        node("ram:SpecifiedLineTradeDelivery", node("ram:BilledQuantity", str(work.quantity), unitCode=work.unit)),
        node("ram:SpecifiedLineTradeSettlement", tax, total),
    )


def factur_x(paper: Paper) -> bytes:
    """A PDF that shows the paper and holds it as ``factur-x.xml`` (EN 16931 profile, parties by ISO 6523 scheme 0009)."""
    return pdf(paper.readable(), cii_invoice(paper, scheme="0009"))
