"""``flux directory`` from outside, and what a directory changes for those who deposit: the real command, end to end."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from extracts import SERVICES, a_row, write
from rig import CONFIG, GOOD, wait_for

from flux.when import day_of

RECIPIENT = "22990008900017"  # of the piece in GOOD, whose service is ROUTES-TRAVAUX and whose engagement is given
TODAY = day_of(datetime.now(UTC))  # the command's own day, in Paris


@pytest.fixture
def extract(site):
    def make(*rows, **how):
        return write(site.root / "extract.csv", *rows, **how)

    return make


def codes(site):
    (flow,) = site.json("flows")["flows"]
    return flow["state"], [finding["code"] for piece in flow["pieces"] for finding in piece["findings"]]


def taken(site, *words):
    site.json("directory", "import", *words)


def test_a_piece_is_held_against_the_directory_that_was_imported(site, extract):
    done = site.flux("directory", "import", extract(a_row(RECIPIENT, GestionService="true")))
    assert (done.returncode, done.stdout) == (0, f"1 row imported (structures), as of {TODAY}; 1 structure known.\n")
    site.drop(GOOD)
    assert site.flux("once").returncode == 0
    assert codes(site) == ("IN_INTEGRE", [])


@pytest.mark.parametrize(
    ("structure", "services", "expected"),
    [
        ({"siret": "21500000500019"}, [], ["FLX-R01"]),
        ({"StructureActive": "false"}, [], ["FLX-R02"]),
        ({}, [f"{RECIPIENT};VOIRIE;Voirie;O;N"], ["FLX-R06"]),
        ({}, [f"{RECIPIENT};ROUTES-TRAVAUX;Routes;N;N"], ["FLX-R07"]),
    ],
    ids=["unknown", "inactive", "another service", "a service that closed"],
)
def test_a_piece_that_the_directory_speaks_against_is_refused_and_its_sender_is_told_why(site, extract, structure, services, expected):
    taken(site, extract(a_row(**{"siret": RECIPIENT, **structure})))
    if services:
        taken(site, extract(*services, header=SERVICES))
    site.drop(GOOD)
    assert site.flux("once").returncode == 0
    assert codes(site) == ("IN_REJETE", expected)
    report = next((site.outbox / "returns" / "batipro").glob("CSO*.xml")).read_text("utf-8")
    assert expected[0] in report


def test_the_pre_check_asks_the_same_directory(site, extract):
    taken(site, extract(a_row("21500000500019")))
    site.drop(GOOD)
    (file,) = site.inbox.iterdir()
    (flow,) = site.json("check", file)["flows"]
    assert [finding["code"] for piece in flow["pieces"] for finding in piece["findings"]] == ["FLX-R01"]
    taken(site, extract(a_row(RECIPIENT)), "--force")
    assert site.flux("check", file).returncode == 0


def test_a_daemon_that_runs_asks_what_was_imported_meanwhile(site, extract):


    with site.running() as logged:
        wait_for(lambda: any(line.get("event") == "started" for line in logged()))
        taken(site, extract(a_row("21500000500019")))
        site.drop(GOOD)
        wait_for(lambda: any(line.get("event") == "attempt" for line in logged()))
    assert codes(site) == ("IN_REJETE", ["FLX-R01"])


def test_an_import_that_is_refused_ends_with_its_code_the_line_and_the_column_in_french_too(site, extract):
    done = site.flux("directory", "import", extract(a_row(RECIPIENT), a_row(EstMOA="?")), FLUX_LANG="fr")
    assert done.returncode == 2
    assert done.stderr.startswith("FLX-I102 ")
    assert "ligne 3, colonne EstMOA : « ? »" in done.stderr
    assert site.json("directory", "status")["snapshots"] == []


def test_show_tells_what_is_known_on_a_day(site, extract):
    taken(site, extract(a_row(RECIPIENT, RaisonSociale="[bold]Ville")), "--as-of", "2026-01-01")
    taken(site, extract(f"{RECIPIENT};VOIRIE;Voirie;O;N", header=SERVICES), "--as-of", "2026-02-01")
    told = site.json("directory", "show", RECIPIENT)
    assert (told["name"], told["active"], told["moa"], told["as_of"], told["services_as_of"]) == ("[bold]Ville", True, True, "2026-01-01", "2026-02-01")
    assert told["services"] == [{"code": "VOIRIE", "label": "Voirie", "active": True, "engagement": False}]
    shown = site.flux("directory", "show", RECIPIENT).stdout
    assert "[bold]Ville" in shown
    assert "VOIRIE" in shown
    for words in (("99999999999999",), (RECIPIENT[:9],)):
        done = site.flux("directory", "show", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert words[0] in done.stderr


def test_status_lists_the_snapshots_and_says_when_the_one_in_force_is_stale(site, extract):
    assert site.flux("directory", "status").stdout == "No directory was ever imported: structures are not checked.\n"
    days = [(TODAY - timedelta(days=back)).isoformat() for back in (36, 400)]
    for day in days:
        taken(site, extract(a_row(RECIPIENT)), "--as-of", day)
    told = site.json("directory", "status")
    assert [(row["as_of"], row["age_days"], row["in_force"]) for row in told["snapshots"]] == [(days[0], 36, True), (days[1], 400, False)]
    assert told["stale"] is True
    done = site.flux("directory", "status")
    assert done.returncode == 0
    assert "FLX-I109" in done.stderr
    site.configure(f"directory_days = 36\n{CONFIG}")
    assert site.json("directory", "status")["stale"] is False


def test_a_stale_directory_is_a_warning_of_the_doctor_and_of_the_log_and_nothing_that_a_sender_is_told(site, extract):
    taken(site, extract(a_row(RECIPIENT)), "--as-of", (TODAY - timedelta(days=36)).isoformat())
    site.drop(GOOD)
    done = site.flux("once")
    told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [(line["ended"], line["level"]) for line in told if line["event"] == "directory"] == [("stale", "warning")]
    assert codes(site) == ("IN_INTEGRE", [])
    lines = [line for line in site.json("doctor")["lines"] if line["check"] == "directory"]
    assert [line["verdict"] for line in lines] == ["ok", "warn"]
    assert "36 days old" in lines[1]["found"]["en"]


def test_a_snapshot_that_is_damaged_holds_what_needs_it_and_the_doctor_says_which(site, extract):
    taken(site, extract(a_row(RECIPIENT)))
    (snapshot,) = (site.root / "spool" / "directory").glob("*.db")
    os.truncate(snapshot, 5000)
    site.configure(f"retry_s = [0]\n{CONFIG}")
    site.drop(GOOD)
    assert site.flux("once").returncode == 1
    (flow,) = site.json("flows")["flows"]
    assert (flow["plumbing"], flow["reason"]["code"]) == ("HELD", "FLX-I108")
    lines = [line for line in site.json("doctor")["lines"] if line["check"] == "directory"]
    assert [line["verdict"] for line in lines] == ["bad"]
    assert not list((site.outbox / "returns").rglob("*.xml")), "nobody is blamed"


def test_what_is_imported_is_nobodys_but_fluxs(site, extract):
    taken(site, extract(a_row(RECIPIENT)))
    folder = site.root / "spool" / "directory"
    assert [oct(path.stat().st_mode)[-3:] for path in (folder.parent, folder, *folder.iterdir())] == ["700", "700", "600"]
