"""BR-FR-CPRO: each rule broken by one change of an invoice that keeps all, in both syntaxes; and where the rules are in force."""

import re
import sys
from datetime import date
from pathlib import Path

import pytest
from lxml import etree

from flux import kit, rulebook
from flux.model import Severity
from flux.policy import Brief, Policy
from flux.process import judge
from flux.tables import cpro, rulesets
from flux.validators import en16931

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from invoices import cii, ubl  # invoices that keep every rule

WHOLE = kit.build()
DAY = date(2026, 11, 26)
EN = "urn:cen.eu:en16931:2017"
REFORM = f"{EN}#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr"
FACTURX = f"{EN}#conformant#urn:factur-x.eu:1p0:extended"


def broken(content, profile=REFORM, day=DAY, told=()):
    """The rules of BR-FR-CPRO that are told of a document."""
    found = en16931.findings(etree.fromstring(content), profile, Severity.WARNING, rulesets.on(WHOLE.tables.sets, day), told)
    return {one.code for one in found if one.code.startswith(rulesets.CPRO)}


def found(content):
    """Those that it breaks, whatever else is told of it."""
    return {one.rule for one in en16931.judge(etree.fromstring(content), sets={rulesets.CPRO}) if one.rule.startswith(rulesets.CPRO)}


def with_(content, old, new):
    """The invoice with *new* for the first *old*."""
    assert old.encode() in content, old
    return content.replace(old.encode(), new.encode(), 1)


def behind(old, text):
    """A change that puts *text* behind *old*."""
    return old, old + text


# What each rule is about, as both syntaxes have it: the change that keeps the rule with {} at its most, and breaks it with one more.
LONG = [
    ("02", 20, behind("</cac:OrderReference>", "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>{}</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference>"),
     behind("</ram:SpecifiedTradeSettlementHeaderMonetarySummation>", "<ram:InvoiceReferencedDocument><ram:IssuerAssignedID>{}</ram:IssuerAssignedID></ram:InvoiceReferencedDocument>")),
    ("02", 20, behind("</cac:OrderLineReference>", "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>{}</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference>"),
     behind("</ram:SpecifiedTradeSettlementLineMonetarySummation>", "<ram:InvoiceReferencedDocument><ram:IssuerAssignedID>{}</ram:IssuerAssignedID></ram:InvoiceReferencedDocument>")),
    ("14", 50, ("2026-MT-0042", "{}"), ("2026-MT-0042", "{}")),
    ("15", 50, ("EJ-2026-004211", "{}"), ("EJ-2026-004211", "{}")),
    ("30", 50, behind("</cac:ContractDocumentReference>", "<cac:AdditionalDocumentReference><cbc:ID>{}</cbc:ID></cac:AdditionalDocumentReference>"),
     behind("</ram:ContractReferencedDocument>", "<ram:AdditionalReferencedDocument><ram:IssuerAssignedID>{}</ram:IssuerAssignedID><ram:TypeCode>916</ram:TypeCode></ram:AdditionalReferencedDocument>")),
    ("31", 1024, ("Fourniture et pose de bordures en granit, article 1 du bordereau, y compris terrassement et lit de pose", "{}"),
     ("Fourniture et pose de bordures en granit, article 1 du bordereau, y compris terrassement et lit de pose", "{}")),
    ("32", 400, ("12 rue des Carrières", "{}"), ("12 rue des Carrières", "{}")),
    ("33", 400, ("Nantes", "{}"), ("Nantes", "{}")),
    ("34", 99, behind('<cac:PartyIdentification><cbc:ID schemeID="0009">22990008900017</cbc:ID></cac:PartyIdentification>', "<cac:PartyName><cbc:Name>{}</cbc:Name></cac:PartyName>"),
     behind('<ram:ID schemeID="0002">229900089</ram:ID>', "<ram:TradingBusinessName>{}</ram:TradingBusinessName>")),
    ("35", 1024, ("Trente jours", "{}"), ("Trente jours", "{}")),
    ("36", 99, ("<cbc:Name>BATIPRO</cbc:Name>", "<cbc:Name>{}</cbc:Name>"),
     behind('<ram:ID schemeID="0002">999120405</ram:ID>', "<ram:TradingBusinessName>{}</ram:TradingBusinessName>")),
    ("37", 99, behind("</cac:AccountingCustomerParty>", "<cac:PayeeParty><cac:PartyName><cbc:Name>{}</cbc:Name></cac:PartyName></cac:PayeeParty>"),
     behind("<ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>", "<ram:PayeeTradeParty><ram:Name>{}</ram:Name></ram:PayeeTradeParty>")),
    ("38", 20, behind("</cac:AccountingCustomerParty>", "<cac:Delivery><cac:DeliveryLocation><cbc:ID>{}</cbc:ID></cac:DeliveryLocation></cac:Delivery>"),
     ("<ram:ApplicableHeaderTradeDelivery/>", "<ram:ApplicableHeaderTradeDelivery><ram:ShipToTradeParty><ram:ID>{}</ram:ID></ram:ShipToTradeParty></ram:ApplicableHeaderTradeDelivery>")),
    ("39", 27, ("FR7630006000011234567890189", "{}"), ("FR7630006000011234567890189", "{}")),
    ("42", 1024, ("Travaux de voirie, situation du mois de novembre", "{}"), ("Travaux de voirie, situation du mois de novembre", "{}")),
    ("43", 99, ("BATIPRO SAS", "{}"), ("BATIPRO SAS", "{}")),
    ("44", 99, ("Département des Essais", "{}"), ("Département des Essais", "{}")),
]  # fmt: skip
ID = '<cac:PartyIdentification><cbc:ID schemeID="{}">{}</cbc:ID></cac:PartyIdentification>'
GLOBAL = '<ram:GlobalID schemeID="{}">{}</ram:GlobalID>'
HIS = "99912040500017"
NAMED = "<cac:Contact><cbc:Name>A</cbc:Name></cac:Contact>"
PERSON = "<ram:DefinedTradeContact><ram:PersonName>A</ram:PersonName></ram:DefinedTradeContact>"
BEFORE = "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>F1</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference>"
EARLIER = "<ram:InvoiceReferencedDocument><ram:IssuerAssignedID>F1</ram:IssuerAssignedID></ram:InvoiceReferencedDocument>"


def identified(scheme, text):
    """The seller's identifier (BT-29) as both syntaxes have it."""
    return (ID.format("0009", HIS), ID.format(scheme, text)), (GLOBAL.format("0009", HIS), GLOBAL.format(scheme, text))


def beside(scheme, text):
    """The same with his SIRET before it."""
    return tuple((old, old + new) for old, new in identified(scheme, text))


def paid(identifiers):
    """A payee with these identifiers (scheme, text), as both syntaxes have him."""
    ids = "".join(ID.format(*one) for one in identifiers)
    told = "".join(GLOBAL.format(*one) for one in identifiers)
    return (
        behind("</cac:AccountingCustomerParty>", f"<cac:PayeeParty>{ids}<cac:PartyName><cbc:Name>Le payé</cbc:Name></cac:PartyName></cac:PayeeParty>"),
        behind("<ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>", f"<ram:PayeeTradeParty>{told}<ram:Name>Le payé</ram:Name></ram:PayeeTradeParty>"),
    )


def both(in_ubl, in_cii, *texts):
    """One change in UBL and in CII, with these texts."""
    return [tuple((old, new.format(text)) for old, new in (in_ubl, in_cii)) for text in texts]


CONTRACT = behind("<cbc:ID>2026-MT-0042</cbc:ID>", "<cbc:DocumentType>{}</cbc:DocumentType>"), behind(
    "<ram:IssuerAssignedID>2026-MT-0042</ram:IssuerAssignedID>", "<ram:ReferenceTypeCode>{}</ram:ReferenceTypeCode>"
)
CADRE = ("<cbc:ProfileID>A1", "<cbc:ProfileID>{}"), ("<ram:ID>A1", "<ram:ID>{}")
TWINS = [  # (rule, what keeps it, what breaks it): each a change in UBL and one in CII
    *((rule, *both(in_ubl, in_cii, "9" * most, "9" * (most + 1))) for rule, most, in_ubl, in_cii in LONG),
    ("01", *both(*CONTRACT, "MARCHE", "BC")),
    ("03", identified("0009", HIS), identified("0088", HIS)),
    ("04", beside("0223", "DE123456789012345"), beside("0223", "DE1234567890123456")),
    ("04", beside("0227", "KRSAMSUNGMOBILEPH"), beside("0227", "KRSAMSUNGMOBILEPHO")),
    ("04", beside("0228", "123456789"), beside("0228", "12345678")),
    ("04", beside("0229", "1234567890"), beside("0229", "12345678901")),
    ("04", beside("0226", "1234567890DUPONT"), beside("0226", "123456789DUPONT")),
    ("09", identified("0009", HIS), identified("0223", "DE123456789")),
    ("17", paid([("0002", "303656847"), ("0009", "30365684700017")]), paid([("0002", "303656847")])),
    ("20", (behind("</cac:OrderReference>", BEFORE), behind("</ram:SpecifiedTradeSettlementHeaderMonetarySummation>", EARLIER)),
     (behind("</cac:OrderReference>", BEFORE * 2), behind("</ram:SpecifiedTradeSettlementHeaderMonetarySummation>", EARLIER * 2))),
    ("24", *both(*CADRE, "S3", "S5")),
    ("25", *(tuple((once, once * n) for once in ("<cbc:Note>Trente jours</cbc:Note>", "<ram:Description>Trente jours</ram:Description>")) for n in (1, 2))),
    ("26", (behind("999120405</cbc:CompanyID></cac:PartyLegalEntity>", NAMED), behind("999120405</ram:ID></ram:SpecifiedLegalOrganization>", PERSON)),
     (behind("999120405</cbc:CompanyID></cac:PartyLegalEntity>", NAMED * 2), behind("999120405</ram:ID></ram:SpecifiedLegalOrganization>", PERSON * 2))),
    ("27", (behind("229900089</cbc:CompanyID></cac:PartyLegalEntity>", NAMED), behind("229900089</ram:ID></ram:SpecifiedLegalOrganization>", PERSON)),
     (behind("229900089</cbc:CompanyID></cac:PartyLegalEntity>", NAMED * 2), behind("229900089</ram:ID></ram:SpecifiedLegalOrganization>", PERSON * 2))),
]  # fmt: skip
TOGETHER = {"03": {"BR-FR-CPRO-03", "BR-FR-CPRO-09"}}  # a SIREN without a SIRET is no identifier that a seller may have either


@pytest.mark.parametrize("syntax", ["UBL", "CII"])
@pytest.mark.parametrize(("rule", "kept", "breaking"), TWINS, ids=[f"{rule}-{n}" for n, (rule, *_) in enumerate(TWINS)])
def test_each_rule_is_told_of_the_invoice_that_breaks_it_and_not_of_its_twin(rule, kept, breaking, syntax):
    whole, at = (ubl(1), 0) if syntax == "UBL" else (cii(1), 1)
    assert found(with_(whole, *kept[at])) == set()
    assert found(with_(whole, *breaking[at])) == TOGETHER.get(rule, {f"BR-FR-CPRO-{rule}"})


def test_every_rule_that_is_judged_has_its_twins():
    judged = {id_.removeprefix("BR-FR-CPRO-") for syntax in ("UBL", "CII") for id_ in en16931.rules_of(syntax, rulesets.CPRO)}
    assert {rule for rule, *_ in TWINS} == judged


def test_every_rule_of_the_sheet_is_known_and_those_that_are_not_judged_say_why():
    rows = {row["rule"]: row for row in rulebook.listed() if row["rule"].startswith(rulesets.CPRO)}
    assert set(rows) == {f"BR-FR-CPRO-{number:02d}" for number in range(1, 45)}
    silent = {rule[-2:] for rule, row in rows.items() if not row["syntaxes"]}
    assert silent == {"05", "06", "07", "08", "10", "11", "12", "13", "16", "18", "19", "21", "22", "23", "28", "29", "40", "41"}
    assert [rule for rule, row in rows.items() if rule[-2:] in silent and not set(row["held"]) <= set(re.findall(r"FLX-\w+", row["text"]["en"]))] == []


def test_the_subject_before_a_note_and_the_spaces_of_an_iban_do_not_count():
    assert broken(with_(ubl(1), "Travaux de voirie, situation du mois de novembre", f"#AAI#{'9' * 1024}")) == set()
    assert broken(with_(ubl(1), "FR7630006000011234567890189", "FR76 3000 6000 0112 3456 7890 189")) == set()


def test_the_invoiced_object_is_no_supporting_document():
    told = f"<cac:AdditionalDocumentReference><cbc:ID>{'9' * 51}</cbc:ID>{{}}</cac:AdditionalDocumentReference>"
    assert broken(with_(ubl(1), *behind("</cac:ContractDocumentReference>", told.format("<cbc:DocumentTypeCode>130</cbc:DocumentTypeCode>")))) == set()
    assert broken(with_(ubl(1), *behind("</cac:ContractDocumentReference>", told.format("")))) == {"BR-FR-CPRO-30"}


@pytest.mark.parametrize("told", ['schemeID="1"', 'schemeName="1"', 'schemeID="SIRET"'])
def test_the_identifier_types_of_chorus_pro_s_own_interfaces_are_as_good_as_those_of_the_reform(told):
    assert broken(with_(ubl(1), ID.format("0009", HIS), ID.format("0009", HIS).replace('schemeID="0009"', told))) == set()


def test_a_siret_under_the_scheme_of_the_siren_is_one_as_in_the_examples_of_aife():
    assert broken(with_(ubl(1), *paid([("0002", "30365684700017")])[0])) == set()


def test_the_schemes_that_a_seller_may_have_are_those_of_the_six_types_that_the_rule_names():
    types = WHOLE.tables.codes.identifier_types
    assert cpro.load().schemes.seller == {alias for type_, row in types.items() if type_ != "6" for alias in row.aliases}
    assert cpro.load().schemes.siret == set(types["1"].aliases)


# -- where and when they are in force ---------------------------------------------------------------------------------------------------------------

LONG_NAME = with_(ubl(1), "BATIPRO SAS", "B" * 100)
OTHER_CONTRACT = with_(ubl(1), "<cbc:ID>2026-MT-0042</cbc:ID>", "<cbc:ID>2026-MT-0042</cbc:ID><cbc:DocumentType>BC</cbc:DocumentType>")


@pytest.mark.parametrize(
    ("profile", "expected"),
    [(EN, True), (REFORM, True), (FACTURX, True), ("urn:factur-x.eu:1p0:basicwl", True), ("urn:factur-x.eu:1p0:minimum", False), ("A4", False), ("", False)],
)
def test_they_come_into_force_with_any_profile_that_brings_rules_of_en_16931(profile, expected):
    assert broken(LONG_NAME, profile) == ({"BR-FR-CPRO-43"} if expected else set())


@pytest.mark.parametrize(("profile", "expected"), [(REFORM, {"BR-FR-CPRO-01"}), (EN, set()), (FACTURX, set())])
def test_the_type_of_the_contract_is_asked_only_in_the_profile_that_has_it(profile, expected):
    assert broken(OTHER_CONTRACT, profile) == expected


@pytest.mark.parametrize(("day", "expected"), [(date(2026, 8, 31), set()), (date(2026, 9, 1), {"BR-FR-CPRO-43"})])
def test_they_judge_what_is_received_from_the_day_of_the_reform_on(day, expected):
    assert broken(LONG_NAME, day=day) == expected


def findings(content, day=DAY, interface="FSO1100A", **policy):
    """Codes and weights of the stage norm, and the stage that refuses, as the whole judgement has them."""
    (one,) = judge(1, "a.xml", content, Brief(interface, Policy(**policy), day), WHOLE)
    return {(finding.code, finding.weight) for finding in one.findings if finding.code.startswith("BR-FR")}, one.closed


@pytest.mark.parametrize(
    ("norm", "expected"),
    [("warning", ({("BR-FR-CPRO-43", "warning")}, "")), ("error", ({("BR-FR-CPRO-43", "error")}, "norm")), ("off", (set(), ""))],
)
def test_what_a_broken_one_does_is_set_as_for_every_rule_of_a_norm(norm, expected):
    assert findings(LONG_NAME, norm={"": Severity(norm)}) == expected


MARKET = with_(ubl(1), "2026-MT-0042", "M" * 51)


@pytest.mark.parametrize(
    ("severities", "expected"),
    [({}, (set(), "generic")), ({"FLX-P10": Severity.WARNING}, (set(), "")), ({"FLX-P10": Severity.OFF}, ({("BR-FR-CPRO-14", "warning")}, ""))],
    ids=["refused before", "told before", "not told"],
)
def test_what_a_code_of_flux_has_told_is_not_told_again(severities, expected):
    assert findings(MARKET, severities=severities) == expected


def test_what_a_code_tells_of_another_field_is_no_word_about_this_one():
    both_long = with_(with_(ubl(1), "EJ-2026-004211", "E" * 51), "SVC-VOIRIE", "S" * 101)
    lowered = {"FLX-P10": Severity.WARNING}
    assert findings(both_long, severities=lowered) == (set(), "")
    assert broken(both_long, told={"FLX-P10", "FLX-P10 recipient.service"}) == {"BR-FR-CPRO-15"}
    assert broken(both_long, told={"FLX-P10", "FLX-P10 engagement"}) == set()


def test_what_a_rule_of_en_16931_tells_is_not_told_again():
    twice = with_(ubl(1), "<cbc:Note>Trente jours</cbc:Note>", "<cbc:Note>Trente jours</cbc:Note><cbc:Note>nets</cbc:Note>")
    assert broken(twice, EN) == set()
    assert {one.rule for one in en16931.judge(etree.fromstring(twice), sets={rulesets.CPRO})} == {"UBL-SR-05", "BR-FR-CPRO-25"}
