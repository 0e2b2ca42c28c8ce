"""Limits: the same gate for every syntax, and for one partner his own where the operator gave him some."""

import re
from base64 import b64encode
from datetime import date

import pytest
from msgspec.structs import replace
from rig import CONFIG, EXAMPLES, Site

from flux import kit, starter
from flux.config import load, policies, policy
from flux.faults import Fault
from flux.policy import Brief, Limits, Policy
from flux.process import judge

ONE_OF_EACH = {
    "UBL": "03-*/*.xml", "a UBL credit note": "08-*/*.xml", "CII": "04-*/*.xml", "CPP mixte": "16-*/*.xml", "Factur-X": "17-*/*.pdf",
}  # fmt: skip
GATE = {"xml_depth": (1, "FLX-X04"), "xml_nodes": (10, "FLX-X05"), "xml_attributes": (0, "FLX-X05"), "xml_mb": (0, "FLX-X06"), "xml_text_mb": (0, "FLX-X06")}


@pytest.fixture(scope="module")
def whole():
    return kit.build()


def codes(content, limits, whole):
    judged = judge(1, "a.xml", content, Brief("", Policy(naming="free", limits=limits), date(2026, 11, 25)), whole)
    return {finding.code for one in judged for finding in one.findings}


@pytest.mark.parametrize("pattern", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
@pytest.mark.parametrize(("limit", "value", "code"), [(name, *row) for name, row in GATE.items()], ids=GATE)
def test_a_limit_of_the_gate_comes_first_and_is_the_same_for_every_syntax(whole, pattern, limit, value, code):
    content = next(EXAMPLES.glob(pattern)).read_bytes()
    assert codes(content, replace(Limits(), **{limit: value}), whole) == {code}
    assert not codes(content, Limits(), whole) & {row[1] for row in GATE.values()}


def configured(tmp_path, *limits):
    site = Site(tmp_path / "site", CONFIG + "\n".join(["", "[partner.limits]", *limits, "", "[[partner]]", 'name = "other"', ""]))
    return load(site.root / "flux.toml")


def test_what_a_partner_is_given_goes_before_the_installations_limits_and_the_rest_is_theirs(tmp_path):
    config = configured(tmp_path, "attachment_mb = 50", "xml_text_mb = 80")
    assert policy(config, "batipro").limits == Limits(attachment_mb=50, xml_text_mb=80)
    assert {name: each.limits for name, each in policies(config).items()} == {"batipro": Limits(attachment_mb=50, xml_text_mb=80), "other": Limits()}
    assert policy(replace(config, limits=Limits(xml_depth=9)), "batipro").limits == Limits(attachment_mb=50, xml_text_mb=80, xml_depth=9)


@pytest.mark.parametrize(
    ("limit", "code", "facts"),
    [
        ("attachement_mb = 50", "FLX-I04", {"name": "attachement_mb", "near": "attachment_mb"}),
        ("quota = 50", "FLX-I05", {"name": "quota"}),
        ("attachment_mb = 0", "FLX-I08", {"name": "attachment_mb", "value": "0"}),
        ('attachment_mb = "50"', "FLX-I06", {"name": "attachment_mb", "value": '"50"'}),
    ],
)
def test_a_limit_of_a_partner_is_read_as_strictly_as_those_of_the_installation(tmp_path, limit, code, facts):
    with pytest.raises(Fault) as raised:
        configured(tmp_path, limit)
    assert (raised.value.code, raised.value.facts["where"]) == (code, "flux.toml [[partner]] 1 limits")
    assert facts.items() <= raised.value.facts.items()


def test_limits_of_a_partner_that_are_no_table_are_a_fault(tmp_path):
    with pytest.raises(Fault, match=r"FLX-I10|limits") as raised:
        load(Site(tmp_path / "site", CONFIG + "limits = 3\n").root / "flux.toml")
    assert raised.value.code == "FLX-I10"


def test_the_profile_for_large_attachments_of_the_starter_works_as_it_is(tmp_path):
    """The example that init writes, taken out of its comment."""
    text = starter.text()
    profile = re.search(r"# (\[partner\.limits\](?:\n# \w+ = \d+)+)", text)[0]
    site = Site(tmp_path / "site", text.replace(profile, profile.replace("# ", "")))
    assert policy(load(site.root / "flux.toml"), "demo").limits == Limits(attachment_mb=50, attachments_mb=200, xml_text_mb=80, xml_mb=300, judge_s=60)


def test_an_attachment_too_large_for_one_partner_is_accepted_from_another_who_has_the_profile(tmp_path):
    """12 MB; and of 20 MB already its text is too long where there is no profile."""
    profile = "\n[partner.limits]\nattachment_mb = 50\nattachments_mb = 200\nxml_text_mb = 80\n"
    site = Site(tmp_path / "site", CONFIG.replace("chorus", "free") + profile + '\n[[partner]]\nname = "other"\nnaming = "free"\n')
    got = {}
    for megabytes in (9, 12, 20):
        (site.root / f"{megabytes}.xml").write_bytes(with_attachment(megabytes))
        for partner in ("batipro", "other"):
            (flow,) = site.json("check", f"{megabytes}.xml", "--partner", partner)["flows"]
            got[megabytes, partner] = [f["code"] for found in (flow, *flow["pieces"]) for f in found["findings"] if f["severity"] == "error"]
    assert got == {
        (9, "batipro"): [], (9, "other"): [], (12, "batipro"): [], (12, "other"): ["FLX-L10"], (20, "batipro"): [], (20, "other"): ["FLX-X06"],
    }  # fmt: skip


def with_attachment(megabytes):
    """An accepted piece whose attachment is replaced by one of this size."""
    content = next(EXAMPLES.glob("12-*/*.xml")).read_bytes()
    start, end = re.search(rb"<cbc:EmbeddedDocumentBinaryObject[^>]*>", content).end(), content.index(b"</cbc:EmbeddedDocumentBinaryObject>")
    return content[:start] + b64encode(bytes(megabytes << 20)) + content[end:]
