"""What happens where there is no room, on a real file system that is really full."""

import json
import subprocess
import time

import pytest
from rig import CONFIG, GOOD, Site, fill, wait_for

from flux.faults import Fault
from flux.stores.sql import SqlLedger


def the_fault(act):
    with pytest.raises(Fault) as met:
        act()
    return met.value.code


@pytest.fixture
def small(tmp_path, disk):
    return disk(tmp_path / "small", "size=2m")


def test_a_ledger_on_a_full_disk_is_told_as_such_and_works_again_when_there_is_room(small):
    url = f"sqlite:///{small}/ledger.db"
    fill(small)
    assert the_fault(lambda: SqlLedger(url)) == "FLX-I87"
    (small / "fill").unlink()
    SqlLedger(url).close()
    fill(small)
    assert the_fault(lambda: SqlLedger(url)) == "FLX-I87"
    assert the_fault(lambda: SqlLedger(url, read_only=True)) == "FLX-I87"
    (small / "fill").unlink()
    SqlLedger(url).close()


def test_a_ledger_that_may_not_be_written_is_told_as_such(small):
    url = f"sqlite:///{small}/ledger.db"
    SqlLedger(url).close()
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    assert the_fault(lambda: SqlLedger(url)) == "FLX-I88"
    assert the_fault(lambda: SqlLedger(url, read_only=True)) == "FLX-I88"


@pytest.mark.parametrize("content", [b"this is no database" * 99, b"SQLite format 3\x00" + bytes(9999)])
def test_a_ledger_that_is_damaged_is_the_one_that_a_backup_mends(tmp_path, content):
    (tmp_path / "ledger.db").write_bytes(content)
    assert the_fault(lambda: SqlLedger(f"sqlite:///{tmp_path}/ledger.db")) == "FLX-I23"


FULL, BATCH = "FLX-I86", "20261125T093000000Z-7k3q9x2m4b"


@pytest.fixture
def house(tmp_path, disk):
    """An installation on a file system of 100 MB, of which less than least_free_mb is left."""
    made = Site(disk(tmp_path / "disk", "size=100m") / "site")
    assert made.flux("once").returncode == 0
    fill(tmp_path / "disk", leave=60 << 20)
    made.fill = tmp_path / "disk" / "fill"
    return made


def test_nothing_new_is_taken_where_there_is_too_little_room_and_it_is_when_there_is(house):
    house.drop(GOOD)
    done = house.flux("once")
    assert (done.returncode, FULL in done.stderr, len(list(house.inbox.iterdir()))) == (1, True, 1)
    house.fill.unlink()
    done = house.flux("once")
    assert (done.returncode, FULL in done.stderr, len(list(house.inbox.iterdir()))) == (0, False, 0)


def test_how_much_room_is_enough_is_a_setting(house):
    house.configure("least_free_mb = 50\n" + CONFIG)
    house.drop(GOOD)
    assert house.flux("once").returncode == 0


def test_what_was_claimed_is_brought_to_its_end_without_room_for_anything_new(house):
    claim = house.root / "spool" / "claim" / "batipro" / BATCH
    claim.mkdir()
    (claim / "a.xml").write_text("<a/>")
    house.drop(GOOD)
    assert house.flux("once").returncode == 1
    assert [(flow["file"], flow["plumbing"]) for flow in house.json("flows")["flows"]] == [("a.xml", "CLOSED")]
    assert len(list(house.inbox.iterdir())) == 1


def test_a_file_system_that_can_hold_few_more_files_has_no_room_either(tmp_path, disk):
    site = Site(disk(tmp_path / "disk", "size=100m,nr_inodes=1010") / "site")
    site.drop(GOOD)
    done = site.flux("once")
    assert (done.returncode, FULL in done.stderr) == (1, True)
    subprocess.run(["mount", "-o", "remount,nr_inodes=2000", tmp_path / "disk"], check=True)
    assert site.flux("once").returncode == 0


def test_the_daemon_says_once_that_there_is_no_room_and_once_that_there_is(house):
    house.drop(GOOD)
    with house.running() as logged:

        def said():
            return [line["ended"] for line in logged() if line["event"] == "intake"]

        wait_for(said)
        time.sleep(0.5)  # a few scans more
        house.fill.unlink()
        wait_for(lambda: not list(house.inbox.iterdir()))
    assert said() == ["full", "room"]


def test_the_doctor_is_red_as_soon_as_nothing_is_taken(house):
    def space():
        told = json.loads(house.flux("doctor", "--json").stdout)["lines"]
        return [line["verdict"] for line in told if line["check"] == "space"]

    assert space() == ["bad"]
    house.fill.unlink()
    assert space() == ["warn"]
