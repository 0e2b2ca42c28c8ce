"""What an operator may find when a command starts: what stands where it should not, what the system refuses, what a removed partner left."""

import json
import shutil
import subprocess
import time

import pytest
from rig import CONFIG, FLUX, GOOD

BATCH = "20261125T093000000Z-7k3q9x2m4b"


def lines(logged):
    """The lines of the log among what a command said."""
    return [json.loads(line) for line in logged.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("place", ["spool", "spool/claim", "spool/claim/batipro", "inbox", "inbox/batipro", "outbox", "outbox/returns/batipro"])
def test_a_file_in_the_place_of_a_folder_is_told_and_nothing_is_taken(site, place):
    shutil.rmtree(site.root / place, ignore_errors=True)
    (site.root / place).parent.mkdir(parents=True, exist_ok=True)
    (site.root / place).write_text("a file")
    done = site.flux("once")
    assert (done.returncode, done.stderr.split()[:2]) == (2, ["FLX-I85", str(site.root / place)])
    (site.root / place).unlink()
    assert site.flux("once").returncode == 0


def test_what_the_system_refuses_at_the_start_is_told_with_its_place(site):
    (site.root / "spool" / "lock").mkdir(parents=True)
    for language, word in (("en", "Check that path"), ("fr", "Vérifiez ce chemin")):
        done = site.flux("once", FLUX_LANG=language)
        assert (done.returncode, done.stderr.split()[0]) == (2, "FLX-I84")
        assert str(site.root / "spool" / "lock") in done.stderr
        assert word in done.stderr


def test_init_in_the_place_of_a_file_is_told(site):
    done = site.flux("init", "markets.toml")
    assert (done.returncode, done.stderr.split()[0]) == (2, "FLX-I85")
    assert site.flux("init", "new").returncode == 0


def test_a_spool_that_can_only_be_read_is_told(site, disk):
    disk(site.root / "spool", "size=8m")
    subprocess.run(["mount", "-o", "remount,ro", site.root / "spool"], check=True)
    done = site.flux("once")
    assert (done.returncode, done.stderr.split()[0]) == (2, "FLX-I84")


def test_a_stray_file_among_the_claims_is_told_left_alone_and_stops_nobody(begun):
    strays = [begun.root / "spool" / "claim" / name for name in ("stray", "batipro/stray", "Not a partner")]
    for path in strays:
        path.write_text("what is this?")
    begun.drop(GOOD)
    done = begun.flux("once")
    assert done.returncode == 0
    assert "1 flow handled," in done.stderr
    told = [line["trouble"] for line in lines(done.stderr) if line.get("ended") == "stray"]
    assert [any(text.startswith(f"{path} stands") for text in told) for path in strays] == [True, True, True]
    assert all(path.read_text() == "what is this?" for path in strays)


def test_what_was_claimed_of_a_partner_who_left_the_configuration_is_received_in_his_name_and_held(begun):
    claim = begun.root / "spool" / "claim" / "gone-away" / BATCH
    claim.mkdir(parents=True)
    (claim / "a.xml").write_text("<a/>")
    begun.configure(CONFIG.replace("settle_s", "retry_s = [0]\nsettle_s"))
    assert begun.flux("once").returncode == 1
    (flow,) = begun.json("flows")["flows"]
    assert (flow["partner"], flow["file"], flow["plumbing"], flow["reason"]["code"]) == ("gone-away", "a.xml", "HELD", "FLX-I65")
    assert not claim.exists()


def test_what_was_claimed_of_a_partner_who_is_still_there_is_judged(begun):
    claim = begun.root / "spool" / "claim" / "batipro" / BATCH
    claim.mkdir(parents=True)
    (claim / "a.xml").write_text("<a/>")
    assert begun.flux("once").returncode == 0
    assert [flow["state"] for flow in begun.json("flows")["flows"]] == ["IN_REJETE"]


@pytest.mark.parametrize("lost", ["absent", "empty"])
def test_a_ledger_that_is_gone_is_not_begun_anew_beside_what_was_received(site, lost):
    site.drop(GOOD)
    site.flux("once")
    for path in (site.root / "spool").glob("ledger.db*"):
        path.unlink()
    if lost == "empty":
        (site.root / "spool" / "ledger.db").touch()
    done = site.flux("once")
    assert (done.returncode, done.stderr.split()[0]) == (2, "FLX-I90")
    (site.root / "spool" / "store").rename(site.root / "old")
    assert site.flux("once").returncode == 0


def test_trouble_with_an_inbox_that_lasts_is_logged_once(begun):
    folder = begun.root / "spool" / "claim" / "batipro" / BATCH / "no-file"
    folder.mkdir(parents=True)
    (begun.inbox / folder.name).mkdir()  # so that it cannot go back to where it came from
    done = begun.flux("once")
    assert done.returncode == 1
    assert [line["partner"] for line in lines(done.stderr) if line.get("ended") == "fault"] == ["batipro"]


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&-", "2>/dev/full"])
def test_a_standard_stream_that_is_closed_or_full_changes_nothing_of_the_work(site, closed):
    site.drop(GOOD)
    shell = f'exec {closed}; exec "$@"'
    assert subprocess.run(["/bin/sh", "-c", shell, "sh", *FLUX, "once"], cwd=site.root, env=site.environment(), check=False).returncode == 0
    assert len(site.json("flows")["flows"]) == 1


@pytest.mark.parametrize("words", [["flows", "--json"], ["--help"], ["check", "--help"]])
def test_an_answer_that_could_not_be_written_is_no_answer(begun, words):
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run([*FLUX, *words], cwd=begun.root, env=begun.environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.split()[0]) == (2, "FLX-I84")


def test_what_was_claimed_of_a_partner_who_left_waits_for_its_writer(begun):
    claim = begun.root / "spool" / "claim" / "gone-away" / BATCH
    claim.mkdir(parents=True)
    with (claim / "a.xml").open("w") as writer:
        writer.write("<a/>")
        writer.flush()
        assert begun.flux("once").returncode == 0
        assert begun.json("flows")["flows"] == []
    begun.configure(CONFIG.replace("settle_s", "retry_s = [0]\nsettle_s"))
    begun.flux("once")
    assert [flow["plumbing"] for flow in begun.json("flows")["flows"]] == ["HELD"]


@pytest.mark.parametrize("limit", ["max_inotify_instances", "max_inotify_watches"])
def test_a_daemon_that_gets_no_notice_of_deposits_says_so_and_scans(site, limit):
    """In a user namespace of its own, which has no such notices to give."""
    alone = ["unshare", "-Ur", "sh", "-c", f'echo 0 > /proc/sys/user/{limit} && exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to make a user namespace")
    daemon = subprocess.Popen([*alone, *FLUX, "run"], cwd=site.root, env=site.environment(), stderr=subprocess.PIPE, text=True)
    site.drop(GOOD)
    end = time.monotonic() + 20
    while list(site.inbox.iterdir()) or not list((site.outbox / "returns").rglob("*.html")):
        assert time.monotonic() < end
        time.sleep(0.05)
    daemon.terminate()
    _, logged = daemon.communicate(timeout=15)
    assert [line["event"] for line in lines(logged)] == ["unwatched", "started", "sandbox", "attempt", "stopped"]
