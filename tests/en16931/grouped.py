"""An invoice of Factur-X EXTENDED as works suppliers write them: groups of lines, notes among them, a charge for logistics. Of one category of VAT."""

from decimal import Decimal

from flux.validators.en16931.cii import NAMES

RATES = {"S": 20, "L": 7, "M": 4, "Z": 0, "E": 0, "AE": 0, "K": 0, "G": 0, "O": None}  # by category
WHY = {"E", "AE", "K", "G", "O"}
NET, ALLOWANCE, CHARGE, LOGISTICS = 350, 10, 20, 5


def grouped(category="S"):
    """It keeps every rule that EXTENDED has of its own."""
    rate = RATES[category]
    why = "<ram:ExemptionReason>Exonéré</ram:ExemptionReason>" if category in WHY else ""
    percent = "" if rate is None else f"<ram:RateApplicablePercent>{rate}</ram:RateApplicablePercent>"
    tax = f"<ram:TypeCode>VAT</ram:TypeCode>{why}<ram:CategoryCode>{category}</ram:CategoryCode>{percent}"
    base = NET - ALLOWANCE + CHARGE + LOGISTICS
    due = base + (vat := Decimal(base * (rate or 0)) / 100)
    names = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in NAMES.items())
    return f"""<rsm:CrossIndustryInvoice {names}>
  <rsm:ExchangedDocumentContext><ram:GuidelineSpecifiedDocumentContextParameter>
    <ram:ID>urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended</ram:ID>
  </ram:GuidelineSpecifiedDocumentContextParameter></rsm:ExchangedDocumentContext>
  <rsm:ExchangedDocument>
    <ram:ID>SIT-2026-11</ram:ID><ram:TypeCode>380</ram:TypeCode>
    <ram:IssueDateTime><udt:DateTimeString format="102">20261126</udt:DateTimeString></ram:IssueDateTime>
    <ram:IncludedNote><ram:Content>Situation n° 4</ram:Content><ram:SubjectCode>AAI</ram:SubjectCode></ram:IncludedNote>
  </rsm:ExchangedDocument>
  <rsm:SupplyChainTradeTransaction>
    {line(1, "GROUP", "", 300, "")}{line(2, "DETAIL", 1, 100, tax)}{line(3, "GROUP", 1, 200, "")}{line(4, "DETAIL", 3, 200, tax)}
    {line(5, "INFORMATION", 1, None, "")}{line(6, "", "", 50, tax)}
    <ram:ApplicableHeaderTradeAgreement>
      <ram:SellerTradeParty><ram:Name>BATIPRO SAS</ram:Name>
        <ram:PostalTradeAddress><ram:CountryID>FR</ram:CountryID></ram:PostalTradeAddress>
        <ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">FR12999120405</ram:ID></ram:SpecifiedTaxRegistration>
        <ram:SpecifiedTaxRegistration><ram:ID schemeID="FC">999120405</ram:ID></ram:SpecifiedTaxRegistration>
      </ram:SellerTradeParty>
      <ram:BuyerTradeParty><ram:Name>Département des Essais</ram:Name>
        <ram:PostalTradeAddress><ram:CountryID>FR</ram:CountryID></ram:PostalTradeAddress>
        <ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">FR12229900089</ram:ID></ram:SpecifiedTaxRegistration>
      </ram:BuyerTradeParty>
    </ram:ApplicableHeaderTradeAgreement>
    <ram:ApplicableHeaderTradeDelivery><ram:ActualDeliverySupplyChainEvent><ram:OccurrenceDateTime>
      <udt:DateTimeString format="102">20261126</udt:DateTimeString>
    </ram:OccurrenceDateTime></ram:ActualDeliverySupplyChainEvent></ram:ApplicableHeaderTradeDelivery>
    <ram:ApplicableHeaderTradeSettlement>
      <ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
      <ram:ApplicableTradeTax><ram:CalculatedAmount>{vat}</ram:CalculatedAmount><ram:BasisAmount>{base}</ram:BasisAmount>{tax}</ram:ApplicableTradeTax>
      {charge("false", ALLOWANCE, tax)}{charge("true", CHARGE, tax)}
      <ram:SpecifiedLogisticsServiceCharge><ram:Description>Transport</ram:Description><ram:AppliedAmount>{LOGISTICS}</ram:AppliedAmount>
        <ram:AppliedTradeTax>{tax}{"" if percent else "<ram:RateApplicablePercent>0</ram:RateApplicablePercent>"}</ram:AppliedTradeTax></ram:SpecifiedLogisticsServiceCharge>
      <ram:SpecifiedTradePaymentTerms><ram:Description>Trente jours</ram:Description></ram:SpecifiedTradePaymentTerms>
      <ram:SpecifiedTradeSettlementHeaderMonetarySummation>
        <ram:LineTotalAmount>{NET}</ram:LineTotalAmount><ram:ChargeTotalAmount>{CHARGE + LOGISTICS}</ram:ChargeTotalAmount>
        <ram:AllowanceTotalAmount>{ALLOWANCE}</ram:AllowanceTotalAmount><ram:TaxBasisTotalAmount>{base}</ram:TaxBasisTotalAmount>
        <ram:TaxTotalAmount currencyID="EUR">{vat}</ram:TaxTotalAmount><ram:GrandTotalAmount>{due}</ram:GrandTotalAmount>
        <ram:DuePayableAmount>{due}</ram:DuePayableAmount>
      </ram:SpecifiedTradeSettlementHeaderMonetarySummation>
    </ram:ApplicableHeaderTradeSettlement>
  </rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>""".encode()


def line(number, status, parent, net, tax):
    below = f"<ram:ParentLineID>{parent}</ram:ParentLineID>" if parent else ""
    says = f"<ram:LineStatusReasonCode>{status}</ram:LineStatusReasonCode>" if status else ""
    total = f"<ram:LineTotalAmount>{0 if net is None else net}</ram:LineTotalAmount>"
    price = f"<ram:NetPriceProductTradePrice><ram:ChargeAmount>{net}</ram:ChargeAmount></ram:NetPriceProductTradePrice>" if tax else ""
    return f"""<ram:IncludedSupplyChainTradeLineItem>
      <ram:AssociatedDocumentLineDocument><ram:LineID>{number}</ram:LineID>{below}{says}
        <ram:IncludedNote><ram:Content>Lot {number}</ram:Content><ram:SubjectCode>AAI</ram:SubjectCode></ram:IncludedNote></ram:AssociatedDocumentLineDocument>
      <ram:SpecifiedTradeProduct><ram:Name>Bordures</ram:Name>
        <ram:ApplicableProductCharacteristic><ram:TypeCode>MATERIAL</ram:TypeCode><ram:Description>Roche</ram:Description><ram:Value>granit</ram:Value></ram:ApplicableProductCharacteristic>
        <ram:ApplicableProductCharacteristic><ram:Description>Poids</ram:Description><ram:ValueMeasure unitCode="KGM">80</ram:ValueMeasure></ram:ApplicableProductCharacteristic>
      </ram:SpecifiedTradeProduct>
      {f"<ram:SpecifiedLineTradeAgreement>{price}</ram:SpecifiedLineTradeAgreement>" if price else ""}
      <ram:SpecifiedLineTradeDelivery><ram:BilledQuantity unitCode="MTR">1</ram:BilledQuantity></ram:SpecifiedLineTradeDelivery>
      <ram:SpecifiedLineTradeSettlement>{f"<ram:ApplicableTradeTax>{tax}</ram:ApplicableTradeTax>" if tax else ""}{charge("true", 1, "") if tax else ""}
        <ram:SpecifiedTradeSettlementLineMonetarySummation>{total}</ram:SpecifiedTradeSettlementLineMonetarySummation>
      </ram:SpecifiedLineTradeSettlement>
    </ram:IncludedSupplyChainTradeLineItem>"""


def charge(indicator, amount, tax):
    of = f"<ram:CategoryTradeTax>{tax}</ram:CategoryTradeTax>" if tax else ""
    return f"""<ram:SpecifiedTradeAllowanceCharge><ram:ChargeIndicator><udt:Indicator>{indicator}</udt:Indicator></ram:ChargeIndicator>
        <ram:ActualAmount>{amount}</ram:ActualAmount><ram:Reason>Prorata</ram:Reason>{of}</ram:SpecifiedTradeAllowanceCharge>"""
