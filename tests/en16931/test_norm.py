"""What a rule of EN 16931 that is not kept does to a piece: by the profile that it declares, the interface and the partner."""

import sys
from pathlib import Path

import pytest
from lxml import etree
from msgspec.structs import replace
from rig import CONFIG, Site

from flux import config, kit
from flux.decision import effective_severity
from flux.faults import Fault
from flux.model import Finding, Severity, Stage
from flux.policy import Policy
from flux.validators import en16931
from flux.validators.en16931 import profiles

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from invoices import cii, ubl  # invoices that keep every rule

EN = "urn:cen.eu:en16931:2017"
WHOLE = kit.build()
SHORT = ubl(1).replace(b'LineExtensionAmount currencyID="EUR">', b'LineExtensionAmount currencyID="EUR">1', 1)  # the sum of the lines, by ten times


def found(content, weight=Severity.WARNING, profile=EN):
    return {(one.code, one.weight) for one in en16931.findings(etree.fromstring(content), profile, weight, WHOLE.tables.sets)}


@pytest.mark.parametrize("content", [ubl(3), cii(3)])
def test_an_invoice_that_keeps_every_rule_has_no_finding(content):
    assert found(content, Severity.ERROR) == set()


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (Severity.ERROR, {("BR-CO-10", "error"), ("BR-CO-13", "error"), ("UBL-CR-002", "warning")}),
        (Severity.WARNING, {("BR-CO-10", "warning"), ("BR-CO-13", "warning"), ("UBL-CR-002", "warning")}),
        (Severity.OFF, set()),
    ],
)
def test_what_is_fatal_refuses_warns_or_is_not_asked_as_it_is_set_and_a_warning_never_refuses(weight, expected):
    other = SHORT.replace(b"<cbc:CustomizationID>", b"<cbc:UBLVersionID>2.0</cbc:UBLVersionID><cbc:CustomizationID>")
    assert found(other, weight) == expected


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        (EN, "en16931"), (f" {EN}\n", "en16931"), (f"{EN}#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0", "en16931"),
        (f"{EN}#compliant#urn:factur-x.eu:1p0:basic", "facturx_basic"), (f"{EN}#conformant#urn:factur-x.eu:1p0:extended", "facturx_extended"),
        (f"{EN}#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr", "extended_ctc_fr"), ("urn:factur-x.eu:1p0:basicwl", "facturx_basicwl"),
        ("urn:factur-x.eu:1p0:minimum", "facturx_minimum"), ("A4", None), ("", None),
    ],
)  # fmt: skip
def test_which_rules_apply_is_said_by_the_profile(declared, name):
    pack = profiles.pack_of(declared, "CII")
    assert (pack.name if pack else None) == name


def test_a_profile_without_lines_is_not_held_to_the_rules_of_lines():
    without = cii(1).replace(b"<ram:LineID>1</ram:LineID></ram:AssociatedDocumentLineDocument>", b"</ram:AssociatedDocumentLineDocument>")
    assert ("BR-21", "warning") in found(without)
    assert found(without, profile="urn:factur-x.eu:1p0:basicwl") == {("FX-SCH-A-000418", "warning")}  # BT-24 is another than what is asked for


def test_every_id_of_a_profile_is_a_rule():
    untested = {*(f"BR-CO-{n:02d}" for n in range(5, 9)), "BR-AF-08", "BR-AF-09", "BR-AG-08", "BR-AG-09", "CII-DT-010", "CII-DT-011", "CII-DT-012"}
    known = en16931.rules_of("UBL") | en16931.rules_of("CII") | untested
    for name, row in profiles.profiles().profiles.items():
        assert row.rules in ("all", "none") or set(row.rules.split()) <= known, name


def test_a_rule_that_is_broken_everywhere_is_told_of_its_first_three_places_each_with_line_and_path():
    told = en16931.findings(etree.fromstring(ubl(40).replace(b"<cbc:Name>Bordure", b"<cbc:Name></cbc:Name><cbc:N>").replace(b"</cbc:Name>\n      <cac:Sell", b"</cbc:N>\n      <cac:Sell")), EN, Severity.WARNING, WHOLE.tables.sets)
    lines = [one for one in told if one.code == "BR-25"]
    assert [one.xpath for one in lines] == [f"/Invoice/cac:InvoiceLine[{n}]" for n in (1, 2, 3)]
    assert all(one.line for one in lines)


def test_a_value_that_cannot_be_read_is_one_finding_and_the_other_rules_are_asked():
    other = ubl(1).replace(b'<cbc:PayableAmount currencyID="EUR">', b'<cbc:PayableAmount currencyID="EUR">x').replace(b"<cbc:Note>Trente", b"<cbc:Note/><cbc:Note>Trente")
    assert found(other) == {("FLX-E01", "warning"), ("UBL-SR-05", "warning")}


@pytest.mark.parametrize(("dates", "expected"), [("102", set()), ("1", {("BR-03", "warning")}), ("1 102", {("FLX-E02", "warning")})])
def test_the_date_of_issue_is_that_of_the_format_102_and_another_beside_it_only_stands_once_too_often(dates, expected):
    head, date, tail = cii(1).partition(b'<udt:DateTimeString format="102">20261126</udt:DateTimeString>')
    assert found(head + b"".join(date.replace(b"102", of.encode()) for of in dates.split()) + tail) == expected


def test_the_setting_of_a_code_goes_before_that_of_the_rules():
    one = Finding("BR-CO-10", weight="warning")
    assert effective_severity(one, Policy(), WHOLE.tables) is Severity.WARNING
    assert effective_severity(one, Policy(severities={"BR-CO-10": Severity.OFF}), WHOLE.tables) is Severity.OFF


@pytest.mark.parametrize(
    ("norm", "interface", "expected"),
    [
        ({}, "FSO1100A", "warning"), ({"": Severity.OFF}, "FSO1100A", "off"), ({"": Severity.OFF, "FSO1100A": Severity.ERROR}, "FSO1100A", "error"),
        ({"": Severity.OFF, "FSO1100A": Severity.ERROR}, "FSO1106A", "off"),
    ],
)  # fmt: skip
def test_what_the_rules_do_is_set_by_interface(norm, interface, expected):
    assert Policy(norm=norm).norm_of(interface) == expected


def written(folder, text):
    (folder / "flux.toml").write_text(f'[[partner]]\nname = "demo"\n{text}', "utf-8")
    return config.load(folder / "flux.toml")


def test_a_partner_s_setting_goes_before_that_of_his_interface(tmp_path):
    interfaces = '\n[norms]\nFSO1100A = "error"\n'
    assert config.policy(written(tmp_path, interfaces), "demo").norm_of("FSO1100A") is Severity.ERROR
    assert config.policy(written(tmp_path, f'norm = "off"\n{interfaces}'), "demo").norm_of("FSO1100A") is Severity.OFF


@pytest.mark.parametrize(("line", "code"), [('FSO1100B = "error"', "FLX-I04"), ('FSO1100A = "fatal"', "FLX-I07")])
def test_an_interface_or_a_weight_that_is_none_is_refused(tmp_path, line, code):
    with pytest.raises(Fault) as trouble:
        written(tmp_path, f"\n[norms]\n{line}\n")
    assert trouble.value.code == code


def test_every_rule_has_its_texts_in_both_languages_and_quotes_only_what_it_is_given():
    for code, entry in WHOLE.tables.catalogue.rules.items():
        assert entry.stage is Stage.NORM
        assert entry.placeholders() <= {"found", "expected"}, code
        assert all(text.endswith(".") for text in (entry.fr, entry.en, entry.fix_fr, entry.fix_en)), code
        assert not {"{", "}"} & set(entry.fix_fr + entry.fix_en + entry.label), code
        assert 3 < len(entry.label) <= 50, code


@pytest.mark.parametrize(("norm", "state"), [("warning", "IN_INTEGRE"), ("error", "IN_REJETE")])
def test_an_invoice_that_breaks_a_rule_goes_in_or_is_refused_as_it_is_set_and_its_sender_is_told_in_every_form(tmp_path, norm, state):
    site = Site(tmp_path / "site", f'{CONFIG}non_works = "route"\n'.replace("[[partner]]", f'norm = "{norm}"\n\n[[partner]]').replace("chorus", "free"))
    (site.inbox / "a.xml").write_bytes(ubl(1).replace(b'unitCode="MTR">1', b'unitCode="metre">1', 1))
    assert site.flux("once").returncode == 0
    (flow,) = site.json("flows")["flows"]
    assert flow["state"] == state
    told = "".join(path.read_text("utf-8") for path in (site.outbox / "returns" / "batipro").iterdir())
    assert "<CodeErreur>BR-CL-23</CodeErreur>" in told
    assert "metre" in told


def test_a_rule_is_known_by_its_id_and_is_not_among_the_codes_of_flux():
    catalogue = WHOLE.tables.catalogue
    assert "BR-CO-10" in catalogue
    assert "BR-CO-10" not in set(catalogue)
    assert ("BR-CO-99" in catalogue, catalogue.get("BR-CO-99")) == (False, None)
    assert replace(catalogue["BR-CO-10"]).terms == ("BT-106", "BT-131")
