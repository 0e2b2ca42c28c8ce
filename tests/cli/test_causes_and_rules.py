"""Causes and rules in quarantine, as they are asked for: what is counted, what a person does about it, what is refused. Few commands: each is a second."""

import csv
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from rig import EXAMPLES, Site

from flux import asking, causes, config, rules
from flux.cause import Sought
from flux.faults import Fault
from flux.model import Severity
from flux.quarantine import Quarantine
from flux.when import day_of

NOW = datetime.now(UTC)
TODAY = day_of(NOW)
UNTIL = TODAY + timedelta(days=5)
LINE = Quarantine("FLX-M01", "", Severity.WARNING, UNTIL, "the table of rates is wrong", "claire", NOW)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("causes"))
    site.configure('settle_s = 0.0\n[[partner]]\nname = "batipro"\nnaming = "chorus"\n[[partner]]\nname = "other"\nnaming = "free"\n')
    site.drop("20-wrong-amounts/FSO*", "04-a5-in-edi/*.xml", "22-generic-rules/FSO*")
    assert site.flux("once").returncode == 0
    return site


@pytest.fixture(scope="module")
def house(site):
    return config.load(site.root / "flux.toml")


def listed(house, **sought):
    return causes.listed(house, Sought(**sought), TODAY)


def test_causes_are_listed_with_what_they_say_where_and_how_often(house):
    told = listed(house)
    assert told["total"] == sum(c["count"] for c in told["causes"])
    a5 = next(c for c in told["causes"] if c["code"] == "FLX-C01")
    assert (a5["place"], a5["side"], a5["trend"]["last"], a5["trend"]["before"]) == ("cadre", "theirs", 1, 0)
    assert a5["field"]["fr"] == "cadre de facturation"
    assert a5["rules"].startswith("chorus-works-")
    assert abs(sum(c["share"] for c in told["causes"]) - 1) < 0.01


def test_a_list_of_causes_is_asked_for_by_side_partner_code_and_day(house):
    assert listed(house, ours=True)["causes"] == []
    assert {c["side"] for c in listed(house, ours=False)["causes"]} == {"theirs"}
    assert [c["code"] for c in listed(house, code="FLX-C01", partner="batipro")["causes"]] == ["FLX-C01"]
    assert listed(house, partner="other")["causes"] == []
    assert listed(house, since=TODAY + timedelta(days=1))["causes"] == []
    assert listed(house, limit=1)["more"]


def test_one_code_is_shown_with_its_pieces_in_the_readers_language(site):
    shown = site.flux("causes", "flx-c01", "--theirs", FLUX_LANG="fr").stdout
    assert "cadre de facturation" in shown
    assert "↗ 1/0 ·············█" in shown
    assert "Déposez cette pièce sur le portail" in shown
    assert site.flux("causes", "FLX-Z99").returncode == 2


def test_a_list_of_causes_is_written_for_a_spreadsheet(site, house):
    for name in ("causes.csv", "causes.xlsx"):
        assert causes.save(house, Sought(), TODAY, site.root / name, "en") == len(listed(house)["causes"])
    rows = list(csv.reader((site.root / "causes.csv").read_text("utf-8-sig").splitlines(), delimiter=";"))
    assert rows[0][:6] == ["code", "side", "what it says", "place", "partner", "count"]
    assert len(rows) == 1 + len(listed(house)["causes"])


def checked(house):
    """The findings of a pre-check of pieces with wrong amounts."""
    (path,) = (EXAMPLES / "20-wrong-amounts").glob("FSO*")
    return [f for flow in asking.check([path], house, "", "other") for piece in flow["pieces"] for f in piece["findings"]]


def test_a_rule_is_quarantined_told_by_a_pre_check_watched_by_the_doctor_and_released(site, house):
    assert rules.listed(house, TODAY) == []
    done = site.flux("rule", "quarantine", "FLX-M01", "--until", UNTIL, "--reason", LINE.reason, "--by", "claire")
    assert done.stdout.startswith(f"FLX-M01: warning up to and with {UNTIL}, for all partners.")
    (row,) = rules.listed(house, TODAY)
    assert (row["code"], row["state"], row["who"], row["partner"]) == ("FLX-M01", "in_force", "claire", None)
    assert [line["verdict"] for line in site.json("doctor")["lines"] if line["check"] == "quarantine"] == ["warn"]
    assert [f["quarantine"]["was"] for f in checked(house) if f["code"] == "FLX-M01"] == ["error"]
    assert [row["state"] for row in rules.listed(house, UNTIL + timedelta(days=1))] == ["ended"]
    assert site.flux("rule", "release", "FLX-M01").returncode == 0
    assert [row["state"] for row in rules.listed(house, TODAY)] == ["release", "released"]
    assert [f for f in checked(house) if "quarantine" in f] == []


def test_a_quarantine_that_changes_nothing_for_somebody_says_so(site, house):
    site.configure((site.root / "flux.toml").read_text() + '[partner.severities]\n"FLX-M02" = "off"\n')
    set_off = config.load(site.root / "flux.toml")
    assert rules.quarantine(set_off, replace(LINE, code="FLX-M02")) == ("other",)
    rules.release(set_off, "FLX-M02", "", "claire", "", NOW)


def test_the_pieces_of_a_rule_are_those_that_it_alone_refused(house):
    found = rules.pieces(house, "FLX-M01", "", None)
    assert [(p["ordinal"], p["number"], p["alone"], p["accepted"]) for p in found] == [(1, "ACP-2026-2001", True, None)]
    assert rules.pieces(house, "FLX-M01", "other", None) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code": "FLX-C01"}, "FLX-I220"),
        ({"until": TODAY - timedelta(days=1)}, "FLX-I221"),
        ({"until": TODAY + timedelta(days=367)}, "FLX-I221"),
        ({"reason": " "}, "FLX-I223"),
        ({"who": "x" * 201}, "FLX-I223"),
        ({"reason": "a bell\a"}, "FLX-I223"),
        ({"partner": "nobody"}, "FLX-I17"),
    ],
    ids=["the matrix", "a day that is past", "a day too far", "no reason", "a name too long", "what no XML holds", "no such partner"],
)
def test_what_cannot_be_quarantined_is_refused_and_changes_nothing(house, changes, code):
    before = rules.listed(house, TODAY)
    with pytest.raises(Fault) as fault:
        rules.quarantine(house, replace(LINE, **changes))
    assert fault.value.code == code
    assert rules.listed(house, TODAY) == before


def test_what_is_not_in_quarantine_cannot_be_released(house):
    with pytest.raises(Fault) as fault:
        rules.release(house, "FLX-M01", "", "claire", "", NOW)
    assert fault.value.code == "FLX-I222"
