"""``flux schedule`` and ``flux runs``, and what schedules do to an installation that works."""

import re
import socket
import time

import pytest
from rig import CONFIG, GOOD, REFUSED, Site, wait_for

NIGHT = CONFIG + 'cut_off = "22:00"\n\n[[schedule]]\nname = "nuit"\ncron = "30 2 * * *"\n'
IN_RUNS = CONFIG + 'taken = "run"\n\n[[schedule]]\nname = "nuit"\ncron = "30 2 * * *"\n'


def runs(site, *words):
    return site.json("runs", *words)["runs"]


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """An installation in which a person started a run, over a good flow and a refused one. For reading only."""
    made = Site(tmp_path_factory.mktemp("night") / "site", NIGHT)
    made.drop(GOOD, REFUSED)
    made.done = made.flux("schedule", "run", "nuit", "--who", "claire")
    return made


def test_a_run_by_hand_is_done_where_no_daemon_is_and_its_report_is_told(night):
    assert night.done.returncode == 0, night.done.stderr
    assert "2 flows received, 2 pieces: 1 accepted, 1 refused." in night.done.stdout
    told = night.json("runs", "1")
    assert (told["state"], told["how"], told["who"], told["totals"]["pieces"]) == ("DONE", "hand", "claire", 2)
    assert [(cause["code"], cause["pieces"]) for cause in told["report"]["causes"]] == [("FLX-C01", 1)]


def test_the_report_of_a_run_is_a_page_a_text_and_json_in_the_readers_language(night, tmp_path):
    assert "Rien à signaler." in night.flux("runs", "last", FLUX_LANG="fr").stdout
    page = night.flux("runs", "1", "--report", "html", FLUX_LANG="fr").stdout
    assert page.startswith('<!doctype html>\n<html lang="fr">')
    assert night.flux("runs", "--report", "html", "--to", tmp_path / "run.html").returncode == 0
    assert (tmp_path / "run.html").read_text("utf-8").startswith('<!doctype html>\n<html lang="en">')


def test_schedules_are_listed_with_their_last_run_and_the_runs_with_what_they_saw(night):
    (listed,) = night.json("schedule", "list")["schedules"]
    assert ([run["run"] for run in listed["runs"]], len(listed["next"])) == ([1], 12)
    assert re.search(r"1 +nuit .* by hand +done +2 +2 +1 +0 ", night.flux("runs").stdout)


def test_a_run_that_has_something_to_look_at_ends_with_1(site):
    site.configure(NIGHT.replace("[[schedule]]", 'market_check = "off"\n\n[severities]\nFLX-P20 = "warning"\n\n[[schedule]]').replace("settle_s", "attempts = 1\nretry_s = [0]\nsettle_s", 1))
    (site.root / "markets.toml").unlink()
    assert site.flux("once").returncode == 0
    site.drop(GOOD)
    done = site.flux("schedule", "run", "nuit", FLUX_LANG="fr")
    assert (done.returncode, "1 flux attend une personne." in done.stdout) == (1, True)


def test_a_partner_taken_in_runs_waits_for_one_and_once_takes_him_anyway(site):
    site.configure(IN_RUNS)
    with site.running() as logged:
        wait_for(lambda: any(line["event"] == "started" for line in logged()))
        site.drop(GOOD)
        time.sleep(0.6)  # three scans
        assert len(list(site.inbox.iterdir())) == 1
        assert site.json("schedule", "run", "nuit")["how"] == "hand"  # by now the daemon may have taken it, or not
        wait_for(lambda: any(line["event"] == "run" and line["ended"] == "done" for line in logged()))
    (done,) = runs(site)
    assert (done["totals"]["pieces"], list(site.inbox.iterdir())) == (1, [])
    site.drop(REFUSED)
    assert site.flux("once").returncode == 0
    assert list(site.inbox.iterdir()) == []


def test_a_schedule_shows_its_next_instants_with_what_the_calendar_says(site):
    site.configure(NIGHT + 'holidays = "skip"\n\n[[freeze]]\nfrom = "2020-01-01 00:00"\nuntil = "2120-01-01 00:00"\nlabel = "clôture"\nschedules = ["nuit"]\n')
    told = site.json("schedule", "show", "nuit")
    assert (len(told["next"]), {at["why"] for at in told["next"]} <= {"freeze", "holiday"}, told["runs"]) == (12, True, [])
    assert "gel clôture" in site.flux("schedule", "show", "nuit", FLUX_LANG="fr").stdout


def test_lists_are_told_where_nothing_was_ever_planned(site):
    assert site.json("runs") == {"runs": [], "more": False}
    assert site.json("schedule", "list") == {"schedules": []}
    assert "There is no schedule in flux.toml." in site.flux("schedule", "list").stdout


@pytest.mark.parametrize(("words", "said"), [(("schedule", "run", "jour"), "FLX-I191"), (("runs", "7"), "No run no. 7."), (("runs", "--state", "gone"), "No state is called “gone”")])
def test_what_is_not_there_ends_with_2_and_is_said(night, words, said):
    done = night.flux(*words)
    assert (done.returncode, said in done.stderr) == (2, True)


def test_a_mail_server_that_is_away_stops_neither_a_run_nor_the_daemon_and_no_password_is_told(site):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mail = f'\n[mail]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nuser = "flux"\nsender = "flux@example.org"\nto = ["claire@example.org"]\ntimeout_s = 1.0\n'
    site.configure(NIGHT + mail)
    done = site.flux("schedule", "run", "nuit", FLUX_MAIL_PASSWORD="geheim")  # noqa: S106 - a test's
    assert done.returncode == 0
    (run,) = runs(site)
    assert (run["state"], run["mail"]["state"], "FLX-I186" in done.stderr or "Connection refused" in run["mail"]["problem"]) == ("DONE", "owed", True)
    kept = b"".join(path.read_bytes() for path in site.root.rglob("*") if path.is_file())
    assert b"geheim" not in kept
    assert "mail owed" in site.flux("runs").stdout
