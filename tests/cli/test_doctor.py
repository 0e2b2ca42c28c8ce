"""What the doctor says of an installation that is not sound: a line, never a traceback, each with what to do."""

import json
import os
import sqlite3
import subprocess
import sys

from rig import GOOD, Site, fill

MOE = "moe-99913225100029"  # of the market in GOOD


def told(done):
    """What is not green, by verdict and check, and the exit code."""
    lines = [line for line in json.loads(done.stdout)["lines"] if line["verdict"] != "ok"]
    assert all(line["do"]["fr"] and line["do"]["en"] for line in lines)
    assert "Traceback" not in done.stderr
    return done.returncode, [(line["verdict"], line["check"], line["found"]["en"]) for line in lines]


def test_a_disk_that_is_full_is_told_in_red_lines(tmp_path, disk):
    site = Site(disk(tmp_path / "disk", "size=2m") / "site")
    site.flux("once")
    fill(tmp_path / "disk")
    code, found = told(site.flux("doctor", "--json"))
    assert (code, [(verdict, check) for verdict, check, _ in found]) == (1, [("bad", "space"), ("bad", "sync"), ("bad", "ledger")])
    assert "the system refused: No space left on device" in found[1][2]


def test_a_child_that_cannot_be_started_is_told_in_a_red_line(begun):
    program = "import sys; sys.executable = '/nowhere/python'; from flux.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program, "doctor", "--json"], cwd=begun.root, env=begun.environment(), capture_output=True, text=True, check=False)
    code, found = told(done)
    assert (code, [(verdict, check) for verdict, check, _ in found]) == (1, [("bad", "sandbox")])
    assert "/nowhere/python" in found[0][2]


def test_a_spool_that_is_a_file_is_told_in_a_red_line(site):
    (site.root / "spool").write_text("a file")
    code, found = told(site.flux("doctor", "--json"))
    assert (code, found[0][0], found[0][1]) == (1, "bad", "folder")
    assert found[0][2].startswith(f"{site.root / 'spool'} is a file")


def test_a_delivery_that_could_not_be_made_is_a_warning_that_says_which(site):
    blocked = site.outbox / "pieces" / MOE
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where a folder should be")
    site.drop(GOOD)
    site.flux("once")
    ((verdict, check, text),) = told(site.flux("doctor", "--json"))[1]
    (flow,) = site.json("flows")["flows"]
    assert (verdict, check) == ("warn", "ledger")
    assert text.startswith(f"1 delivery could not be made: {flow['id']}: ")
    assert MOE in text
    blocked.unlink()
    site.flux("once")
    assert told(site.flux("doctor", "--json")) == (0, [])


def test_a_journal_that_was_changed_is_a_red_line_that_names_the_line(site):
    site.drop(GOOD)
    site.flux("once")
    with sqlite3.connect(site.root / "spool" / "ledger.db") as raw:
        raw.executescript("DROP TRIGGER event_is_never_changed; UPDATE event SET detail = 'IN_INTEGRE 9/9' WHERE what = 'decided'")
    raw.close()
    code, ((verdict, check, text),) = told(site.flux("doctor", "--json"))
    assert (code, verdict, check, text.split(" is not")[0]) == (1, "bad", "journal", "line 2")


def test_what_can_never_be_taken_is_a_warning_a_file_and_what_only_rests_is_none(begun):
    begun.drop(GOOD)
    (begun.inbox / "later.part").write_text("half")
    (begun.inbox / "link.xml").symlink_to("/etc/hostname")
    os.link(next(begun.inbox.glob("FSO*")), begun.inbox / "twice.xml")
    code, found = told(begun.flux("doctor", "--json"))
    assert (code, {(verdict, check) for verdict, check, _ in found}) == (0, {("warn", "inbox")})
    assert sorted(text.partition("/")[2].split()[0][:4] for *_, text in found) == ["FSO4", "link", "twic"]


def test_what_can_never_be_taken_is_counted_where_there_is_much_of_it(begun):
    for n in range(25):
        (begun.inbox / f"{n}.xml").symlink_to("/etc/hostname")
    found = told(begun.flux("doctor", "--json"))[1]
    assert (len(found), found[-1][2]) == (21, "and 5 others")


def test_a_stray_file_among_the_claims_is_a_warning(begun):
    (begun.root / "spool" / "claim" / "stray").write_text("what is this?")
    ((verdict, check, text),) = told(begun.flux("doctor", "--json"))[1]
    assert (verdict, check) == ("warn", "folder")
    assert text.startswith(str(begun.root / "spool" / "claim" / "stray"))
