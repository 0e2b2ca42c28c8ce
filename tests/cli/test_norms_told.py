"""``flux rules``: which rules there are, what one says, of which set they are, and what a verdict tells of the sets."""

import sys
from pathlib import Path

import pytest
from rig import CONFIG, Site

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from invoices import ubl

SET = {"identity": "BR-FR-CPRO", "version": "1.3", "since": "2026-09-01", "until": None}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An installation that was sent an invoice with one name too long."""
    site = Site(tmp_path_factory.mktemp("rules") / "site", CONFIG.replace("chorus", "free"))
    (site.inbox / "a.xml").write_bytes(ubl(1).replace(b"BATIPRO SAS", b"B" * 100))
    assert site.flux("once").returncode == 0
    return site


def test_a_rule_of_the_reform_says_its_set_its_profiles_and_which_codes_hold_it(site):
    told = site.json("rules", "explain", "br-fr-cpro-14")
    assert {name: told["set"][name] for name in SET} == SET
    assert (told["held"], told["syntaxes"], told["official"]) == (["FLX-P10"], ["UBL", "CII"], "fatal")
    assert "extended_ctc_fr" in told["profiles"]
    shown = site.flux("rules", "explain", "BR-FR-CPRO-12", FLUX_LANG="fr").stdout
    assert "BR-FR-CPRO 1.3" in shown
    assert "aussi contrôlé par : FLX-R05 FLX-R08 FLX-R09 FLX-R10" in shown
    assert "elle n'est pas contrôlée" in shown


def test_a_rule_is_explained_in_the_readers_language_and_without_the_facts_of_any_piece(site):
    french, english = (site.flux("rules", "explain", "BR-FR-CPRO-39", FLUX_LANG=language).stdout for language in ("fr", "en"))
    assert ("dépasse … caractères" in french, "sans artefact officiel" in french) == (True, True)
    assert ("longer than … characters" in english, "no official artefact" in english) == (True, True)


def test_the_counts_tell_the_sets_with_their_versions_and_days(site):
    told = site.json("rules", "coverage")
    assert [(one["identity"], one["version"]) for one in told["sets"]] == [("EN16931", "1.3.16"), ("BR-FR-CPRO", "1.3"), ("FACTUR-X", "1.09.2")]
    assert {"family": "BR-FR-CPRO", "set": "BR-FR-CPRO", "UBL": 26, "CII": 26} in told["families"]
    assert "2026-09-01" in site.flux("rules", "coverage").stdout


def test_the_verdict_of_a_piece_names_the_sets_that_judged_and_its_sender_reads_the_rule_in_both_languages(site):
    (flow,) = site.json("flows")["flows"]
    shown = site.json("show", flow["id"])
    assert shown["rules"].endswith("/EN16931-1.3.16/BR-FR-CPRO-1.3/FACTUR-X-1.09.2")
    (finding,) = [one for piece in shown["pieces"] for one in piece["findings"] if one["code"].startswith("BR-FR")]
    assert (finding["code"], finding["severity"]) == ("BR-FR-CPRO-43", "warning")
    told = "".join(path.read_text("utf-8") for path in (site.outbox / "returns" / "batipro").iterdir())
    assert "La raison sociale du fournisseur (BT-27) dépasse 99 caractères" in told
    assert "The supplier's name (BT-27) is longer than 99 characters" in told
