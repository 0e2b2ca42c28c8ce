"""The commands that work: init, once, run, check, doctor; their exit codes are an interface."""

import json
import os
import re
import shutil
import signal

import pytest
from rig import CONFIG, EXAMPLES, GOOD, REFUSED, Site, wait_for

MOE = "moe-99913225100029"  # of the market in GOOD
HELD = 'settle_s = 0.0\nattempts = 2\nretry_s = [0]\n\n[severities]\nFLX-P20 = "warning"\n\n[[partner]]\nname = "batipro"\nnaming = "chorus"\n'


def test_init_writes_a_first_installation_that_works_as_it_is(tmp_path):
    site = Site(tmp_path / "elsewhere")
    made = tmp_path / "new"
    assert site.flux("init", made).returncode == 0
    shutil.copy(next(EXAMPLES.glob(GOOD)), made / "inbox" / "demo")
    done = site.flux("--config", made / "flux.toml", "once")
    assert (done.returncode, list((made / "inbox" / "demo").iterdir())) == (0, [])
    assert len(list((made / "outbox" / "returns" / "demo").glob("*.html"))) == 1


def test_the_starter_says_where_it_does_not_hold_the_default(tmp_path):
    site = Site(tmp_path / "elsewhere")
    site.flux("init", tmp_path / "new")
    lines = (tmp_path / "new" / "flux.toml").read_text("utf-8").splitlines()
    assert 'which is "chorus"' in lines[lines.index('naming = "free"') - 1]
    assert sum("Not the default here" in line for line in lines) == 1


def test_init_never_touches_a_configuration_that_exists(site):
    before = (site.root / "flux.toml").read_bytes()
    done = site.flux("init")
    assert (done.returncode, (site.root / "flux.toml").read_bytes()) == (2, before)
    assert "FLX-I" in done.stderr


def test_once_ends_with_0_when_everything_was_handled_refusals_included(site):
    site.drop(GOOD, REFUSED)
    done = site.flux("once")
    assert done.returncode == 0
    assert "2 flows handled, 1 of them with refusals; 0 held for a person; 0 to be tried again; 0 deliveries owed." in done.stderr


def test_once_says_what_it_did_in_french_and_in_the_number_that_fits(site):
    site.drop(GOOD)
    assert "1 flux traité, dont 0 avec des refus ; 0 en attente d'une personne ; 0 à réessayer ; 0 remise due." in site.flux("once", FLUX_LANG="fr").stderr
    site.drop(GOOD, REFUSED)
    assert "2 flux traités, dont 2 avec des refus ;" in site.flux("once", FLUX_LANG="fr").stderr


def test_once_on_an_empty_installation_does_nothing_and_ends_with_0(site):
    done = site.flux("once")
    assert (done.returncode, done.stdout) == (0, "")


def test_once_ends_with_1_when_a_flow_is_held_and_its_sender_is_told_nothing(site):
    """A MOE that nobody knows, and a rule switched off by the operator: not accepted, not refused, ours to mend."""
    site.configure(HELD)
    (site.root / "markets.toml").unlink()
    site.drop(GOOD)
    assert site.flux("once").returncode == 1
    (flow,) = site.json("flows")["flows"]
    assert (flow["plumbing"], flow["state"], flow["pieces"], flow["emissions"]) == ("HELD", "NOT_EVALUATED", [], [])
    assert site.json("flows", "--state", "NOT_EVALUATED")["flows"] == [flow]
    assert set(flow["reason"]) == {"code", "fr", "en"}
    assert flow["reason"]["code"] in site.flux("show", flow["id"]).stdout or flow["reason"]["en"][:30] in site.flux("show", flow["id"]).stdout
    assert not list((site.outbox / "returns" / "batipro").iterdir())
    assert site.flux("once").returncode == 1


def test_once_ends_with_1_when_something_cannot_be_delivered_and_delivers_it_when_it_can(site):
    blocked = site.outbox / "pieces" / MOE
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where a folder should be")
    site.drop(GOOD)
    assert site.flux("once").returncode == 1
    (flow,) = site.json("flows")["flows"]
    stuck = [e for e in flow["emissions"] if e["state"] != "EMITTED"]
    assert [(e["kind"], e["state"]) for e in stuck] == [("piece", "STAGED")]
    assert MOE in stuck[0]["problem"]
    blocked.unlink()
    assert site.flux("once").returncode == 0
    assert len(list(blocked.iterdir())) == 1


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (CONFIG.replace("settle_s", "setle_s"), ["setle_s", "settle_s"]),
        (CONFIG.replace("0.2", '"soon"'), ["scan_s"]),
        (CONFIG.replace("chorus", "korus"), ["naming", "chorus, free"]),
        ("[[partner]", ["flux.toml"]),
    ],
)
def test_a_configuration_that_is_not_understood_ends_with_2_and_says_where(site, config, words):
    site.configure(config)
    done = site.flux("once")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_an_unknown_command_ends_with_2(site):
    assert site.flux("frobnicate").returncode == 2


def test_check_ends_with_0_1_or_2_by_the_worst_of_its_files(site, tmp_path):
    good, bad = next(EXAMPLES.glob("01*/FSO4100A*")), next(EXAMPLES.glob(REFUSED))
    assert site.flux("check", "--partner", "batipro", good).returncode == 0
    assert site.flux("check", "--partner", "batipro", good, bad).returncode == 1
    done = site.flux("check", "--json", good, tmp_path / "absent.xml")
    assert done.returncode == 2
    assert [flow["state"] for flow in json.loads(done.stdout)["flows"]] == ["IN_INTEGRE", "NOT_EVALUATED"]
    assert site.flux("check", "--partner", "nobody", good).returncode == 2
    assert site.flux("check", "--interface", "FSO0000A", good).returncode == 2
    assert site.flux("check").returncode == 2


def test_check_touches_nothing_and_needs_no_installation(tmp_path):
    site = Site(tmp_path / "site")
    (site.root / "flux.toml").unlink()
    before = sorted(site.root.rglob("*"))
    told = json.loads(site.flux("check", "--json", next(EXAMPLES.glob("02*/FSO5116A*"))).stdout)
    assert told["flows"][0]["state"] == "IN_INTEGRE"
    assert sorted(site.root.rglob("*")) == before


def test_check_takes_the_interface_where_the_name_does_not_tell(site, tmp_path):
    file = tmp_path / "facture.xml"
    shutil.copy(next(EXAMPLES.glob("02*/FSO5116A*")), file)
    assert json.loads(site.flux("check", "--json", "--interface", "FSO5116A", file).stdout)["flows"][0]["state"] == "IN_INTEGRE"
    full = json.loads(site.flux("check", "--json", "--interface", "FSO4106A", file).stdout)["flows"][0]
    assert [f["code"] for f in full["pieces"][0]["findings"]] == ["FLX-S01"]


def test_check_knows_what_the_installation_has_already_accepted(site):
    site.drop(GOOD)
    site.flux("once")
    (flow,) = json.loads(site.flux("check", "--json", next(EXAMPLES.glob(GOOD))).stdout)["flows"]
    assert [f["code"] for f in flow["pieces"][0]["findings"]] == ["FLX-D01"]


def test_the_daemon_answers_what_is_dropped_stops_cleanly_and_keeps_a_second_one_out(site):
    daemon = site.start()
    try:
        wait_for((site.root / "spool" / "ledger.db").exists)
        second = site.flux("run")
        assert second.returncode == 2
        assert str(site.root) in second.stderr
        assert site.flux("once").returncode == 2
        site.drop(REFUSED)
        wait_for(lambda: list((site.outbox / "returns" / "batipro").glob("*.html")))
        assert len(site.json("flows")["flows"]) == 1
    finally:
        daemon.send_signal(signal.SIGTERM)
        _, logged = daemon.communicate(timeout=15)
    assert daemon.returncode == 0
    lines = [json.loads(line) for line in logged.splitlines()]
    assert [line["event"] for line in lines if line["event"] != "attempt"] == ["started", "sandbox", "stopped"]
    (attempt,) = [line for line in lines if line["event"] == "attempt"]
    assert attempt.keys() >= {"flow", "partner", "attempt", "interface", "bytes", "pieces", "accepted", "refused", "verdict", "ended", "trouble", "ms"}
    assert (attempt["verdict"], attempt["ended"], attempt["refused"]) == ("IN_REJETE", "decided", 1)


def test_no_content_of_an_invoice_is_logged(site):
    site.drop(GOOD, REFUSED, "23-unreadable/*.gz")
    logged = site.flux("once").stderr
    site.configure(HELD)
    (site.root / "markets.toml").unlink()
    site.drop("13-unknown-recipient/*.gz")
    logged += site.flux("once").stderr
    assert "FLX-I67" in logged
    for word in ("BATIPRO", "99912040500017", "ACP-2026", "SIT-2026", "FR76"):
        assert word not in logged


def test_what_can_never_be_taken_is_told_and_never_stops_its_neighbours(site):
    os.mkfifo(site.inbox / "pipe.xml")
    (site.inbox / "link.xml").symlink_to("/etc/hostname")
    (site.inbox / "folder.xml").mkdir()
    (site.inbox / "slow.xml.part").write_text("half")
    site.drop(GOOD)
    done = site.flux("once")
    assert done.returncode == 1
    assert "1 flow handled, 0 of them" in done.stderr
    for name in ("pipe.xml", "link.xml", "folder.xml"):
        assert f"batipro/{name} was not taken: it is not a regular file: remove it" in done.stderr
    assert sorted(p.name for p in site.inbox.iterdir()) == ["folder.xml", "link.xml", "pipe.xml", "slow.xml.part"]


def test_the_doctor_finds_a_sound_installation_sound(site):
    site.drop(GOOD)
    site.flux("once")
    told = json.loads(site.flux("doctor", "--json").stdout)
    assert {line["check"] for line in told["lines"]} == {
        "versions", "rules", "schema", "sandbox", "privileges", "network", "landlock", "seccomp", "configuration", "directory", "markets", "folder", "space", "sync", "lease", "rename", "ledger", "journal",
    }  # fmt: skip
    assert [line for line in told["lines"] if line["verdict"] == "bad"] == []


def test_the_doctor_speaks_the_readers_language_counts_in_it_and_marks_its_lines_without_colour(begun):
    shutil.rmtree(begun.inbox)
    fr, en = (begun.flux("doctor", FLUX_LANG=language).stdout for language in ("fr", "en"))
    assert "flux.toml : 1 partenaire\n" in re.sub(r" +\n", "\n", fr)
    assert "flux.toml: 1 partner\n" in re.sub(r" +\n", "\n", en)
    assert "cii/minimal D22B, publié et assoupli" in fr
    assert "cii/minimal D22B, published and relaxed" in en
    assert re.search(r"^ ✗ +dossier ", fr, re.MULTILINE)
    assert re.search(r"^ ✓ +versions ", fr, re.MULTILINE)
    assert "1 ligne rouge (✗)" in fr
    assert re.search(r"\d,\d Go", fr)
    assert re.search(r"\d\.\d GB", en)


def test_every_red_line_of_the_doctor_says_what_to_do(begun):
    shutil.rmtree(begun.inbox)
    done = begun.flux("doctor", "--json")
    red = [line for line in json.loads(done.stdout)["lines"] if line["verdict"] == "bad"]
    assert (done.returncode, [line["check"] for line in red]) == (1, ["folder"])
    assert all(red[0]["do"][language] for language in ("fr", "en"))


def test_the_doctor_speaks_without_a_configuration(tmp_path):
    site = Site(tmp_path / "site")
    (site.root / "flux.toml").unlink()
    done = site.flux("doctor", "--json")
    red = [line for line in json.loads(done.stdout)["lines"] if line["verdict"] == "bad"]
    assert (done.returncode, [line["check"] for line in red]) == (1, ["configuration"])


def test_a_file_refused_for_its_name_is_taken_under_a_better_one(site):
    (file,) = EXAMPLES.glob(GOOD)
    for name in ("facture.xml", file.name):
        shutil.copy(file, site.inbox / name)
        site.flux("once")
    assert {flow["file"]: flow["state"] for flow in site.json("flows")["flows"]} == {"facture.xml": "IN_REJETE", file.name: "IN_INTEGRE"}


def test_a_hostile_name_reaches_the_terminal_escaped(site):
    (site.inbox / "\x1b]0;owned\x07\n.part").write_text("half")
    told = site.flux("once").stderr
    assert r"\x1b]0;owned\x07\x0a.part" in told
    assert "\x1b" not in told
