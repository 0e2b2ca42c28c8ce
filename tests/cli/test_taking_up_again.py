"""The morning after, typed: preview, count, what became of it; a held flow released or given up; deliveries; the refused pieces handed back."""

import os
import pty
import subprocess
from contextlib import suppress

import pytest
from rig import EXAMPLES, FLUX, Site, copied, wait_for

BATCH = "13-unknown-recipient/*.gz"  # piece 4 of 5 is refused: nobody knows its market
WHY = ("--reason", "the market file came late", "--by", "anne")


HOLDS = 'settle_s = 0.0\nattempts = 1\n\n[severities]\nFLX-P20 = "warning"\n\n[[partner]]\nname = "batipro"\n'  # a piece without MOE is ours to settle


def mend(site):
    """The market that nobody knew is known."""
    text = (EXAMPLES / "markets.toml").read_text("utf-8")
    (site.root / "markets.toml").write_text(text.replace("2025-EP-0308", "2026-MT-0999"), "utf-8")
    return site


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """Four pieces of a batch were refused, one for a market that is known by now."""
    site = Site(tmp_path_factory.mktemp("refused") / "site")
    site.drop(BATCH)
    assert site.flux("once").returncode == 0
    return mend(site)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("held") / "site", HOLDS)
    site.drop(BATCH)
    assert site.flux("once").returncode == 1
    return site


@pytest.fixture
def site(refused, tmp_path):
    return copied(refused, tmp_path / "site")


def first(site):
    return site.json("flows")["flows"][-1]["id"]


def typed(site, words, answer):
    """The command at a terminal, where *answer* is typed; how it ended, and what it showed there."""
    here, there = pty.openpty()
    with subprocess.Popen([*FLUX, *words], cwd=site.root, env=site.environment(), stdin=there, stdout=subprocess.PIPE, stderr=there, text=True) as process:
        os.close(there)
        os.write(here, answer.encode() + b"\n")
        said = process.stdout.read()
        process.wait(60)
    with suppress(OSError):
        os.close(here)
    return process.returncode, said


def test_the_preview_comes_first_and_the_count_is_typed_back(site):
    untyped = site.flux("reinject", "2026", *WHY)
    assert "4 pieces of 1 flow. Nothing is done yet." in untyped.stdout
    assert "3 refused for the same cause, 1 accepted" in untyped.stdout
    assert (untyped.returncode, "The count, 4, is wanted, or --yes: nothing has begun." in untyped.stderr) == (2, True)
    status, said = typed(site, ["reinject", "2026", *WHY], "4")
    assert status == 1  # three are refused again
    assert "1 piece accepted, 3 refused, 3 of them for the same cause" in said
    assert [flow["state"] for flow in site.json("flows")["flows"]] == ["IN_INTEGRE_PARTIEL"] * 2


def test_what_is_taken_up_by_a_filter_is_delivered_and_listed_and_not_found_a_second_time(site):
    asked = ("reinject", "--cause", "FLX-P20", "--partner", "batipro", "--since", "2026-01-01", *WHY, "--yes")
    told = site.json(*asked)
    assert (told["state"], told["count"], told["by"], told["asked"]["cause"]) == ("DONE", 1, "anne", "FLX-P20")
    assert told["results"] == {"made": 1, "skipped": 0, "left": 0, "accepted": 1, "refused": 0, "same": 0, "open": 0, "held": 0}
    flow = site.json("flows")["flows"][0]
    assert (flow["sequence"], flow["replaces"]["flow"], flow["replaces"]["pieces"], flow["plumbing"]) == (2, first(site), [4], "CLOSED")
    assert len(list((site.outbox / "pieces" / "moe-99913225100029").glob(f"{flow['id']}-00004.xml"))) == 1
    assert len(list(site.outbox.rglob(f"CSO4100A_FLUX01_{flow['id']}-2.xml"))) == 1
    again = site.flux(*asked)
    assert (again.returncode, "Nothing to take up again." in again.stdout) == (1, True)
    assert site.json("reinjections")["reinjections"] == [told]
    assert "done. 1 flow made" in site.flux("reinjections", told["id"]).stdout


def test_beside_a_daemon_the_daemon_judges_and_the_command_waits_for_it(site):
    with site.running() as said:
        wait_for(lambda: any(line.get("event") == "started" for line in said()))
        told = site.json("reinject", f"{first(site)}/4", *WHY, "--yes")
        assert told["results"]["accepted"] == 1


def test_in_a_pause_what_was_begun_waits_for_its_end_and_the_command_says_so(site):
    assert site.flux("pause", "--by", "claire", "--reason", "travaux").returncode == 0
    asked = site.flux("reinject", f"{first(site)}/4", *WHY, "--yes")
    assert (asked.returncode, "FLX-I240" in asked.stderr, "travaux" in asked.stderr) == (1, True, True)
    assert site.flux("resume", "--by", "claire", "--reason", "fini").returncode == 0
    assert site.flux("once").returncode == 0
    assert site.json("reinjections")["reinjections"][0]["results"]["accepted"] == 1


def test_a_held_flow_is_tried_again_once_its_cause_is_mended(held, tmp_path):
    site = copied(held, tmp_path / "site")
    assert "not evaluated: trouble of ours" in site.flux("reinject", "--cause", "FLX-I67", *WHY, "--preview").stdout
    told = mend(site).json("reinject", "--cause", "FLX-I67", *WHY, "--yes")
    assert (told["results"]["made"], told["results"]["accepted"]) == (1, 2)
    flow = site.json("flows")["flows"][0]
    assert (flow["state"], flow["plumbing"], flow["replaces"]) == ("IN_INTEGRE_PARTIEL", "CLOSED", None)


def test_a_held_flow_that_is_given_up_is_answered_and_flux_once_is_content_again(held, tmp_path):
    site = copied(held, tmp_path / "site")
    done = site.flux("abandon", "2026", *WHY)
    assert (done.returncode, "Its sender is told to send it again as it is." in done.stdout) == (0, True)
    assert [flow["plumbing"] for flow in site.json("flows", "--state", "IN_INCIDENTE")["flows"]] == ["CLOSED"]
    assert len(list((site.outbox / "returns" / "batipro").glob("CSO4100A_*.xml"))) == 1
    assert site.flux("once").returncode == 0


def test_a_supplier_is_handed_his_refused_pieces_and_what_is_corrected_takes_their_place(site):
    done = site.flux("export-rejected", f"{first(site)}/4", "-o", "back.xml")
    assert (done.returncode, "1 refused piece in back.xml; what to correct: back.csv" in done.stdout) == (0, True)
    assert "FLX-P20" in (site.root / "back.csv").read_text("utf-8-sig")
    twice = site.flux("export-rejected", f"{first(site)}/4", "-o", "back.xml")
    assert (twice.returncode, "FLX-I218" in twice.stderr) == (2, True)
    mended = site.root / "back.xml"
    mended.write_bytes(mended.read_bytes().replace(b"2026-MT-0999", b"2026-MT-0042"))
    told = site.json("reinject", f"{first(site)}/4", *WHY, "--corrected", "back.xml", "--yes")
    assert told["results"]["accepted"] == 1
    flow = site.json("flows")["flows"][0]
    assert (flow["replaces"]["corrected"], flow["pieces"][0]["market"]) == (True, "2026-MT-0042")
    copy = site.flux("redeliver", flow["id"], *WHY, "--sent", "--kind", "integration")
    assert (copy.returncode, f"sent once more: CSO4100A_FLUX01_{flow['id']}-2-R1.xml" in copy.stdout) == (0, True)
    first_, second = (site.outbox / "returns" / "batipro" / f"CSO4100A_FLUX01_{flow['id']}-2{tail}.xml" for tail in ("", "-R1"))
    assert first_.read_bytes() == second.read_bytes()
