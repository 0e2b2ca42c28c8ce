"""Inboxes that are taken only while a run is open for them: the real intake on real folders."""

import time

import pytest
from nights import Nights

from flux.faults import Fault
from flux.intake import Intake
from flux.runs.account import Sender
from flux.runs.book import RunState
from flux.runs.plan import Schedule
from flux.schedule import Scheduler
from flux.transports.folder import FolderInbox

SENDERS = (Sender("lisse", in_runs=True), Sender("batipro"))


@pytest.fixture
def house(tmp_path):
    """Nights with two partners who have inboxes: one is taken in runs."""
    nights = Nights(tmp_path, Schedule("night", "30 2 * * *", deadline_min=60), now="2026-11-26 20:00", senders=SENDERS, daemon=False)
    nights.lack, nights.serial_id = None, 0
    for sender in SENDERS:
        (tmp_path / "inbox" / sender.name).mkdir(parents=True)
        (tmp_path / "claim" / sender.name).mkdir(parents=True)
    nights.folder, nights.settle_s = tmp_path, 0.0
    begin(nights)
    yield nights
    nights.close()


def begin(nights):
    def minted():
        nights.serial_id += 1
        return f"20261126T120000000Z-{nights.serial_id:010d}"

    inboxes = [FolderInbox(s.name, nights.folder / "inbox" / s.name, nights.folder / "claim" / s.name, settle_s=nights.settle_s) for s in SENDERS]
    nights.intake = Intake(inboxes, nights.content, nights.ledger, now=lambda: nights.now, new_id=minted, lacking=lambda: nights.lack, in_runs={"lisse"})
    nights.loop = Scheduler(nights.site, nights.ledger, nights.intake, now=lambda: nights.now, monotonic=nights._seconds, daemon=False)
    nights.intake.recover()


def drop(nights, partner, name="a.xml"):
    (nights.folder / "inbox" / partner / name).write_text(f"<{partner}{name}/>")


def turn(nights, close=True):
    """A turn of the daemon: intake, then schedules; what is received is at once decided."""
    for _ in range(6):
        nights.intake.step()
        if close:
            with nights.ledger._write() as connection:
                connection.exec_driver_sql("UPDATE flow SET state='CLOSED'")
        nights.loop.step()


def in_custody(nights):
    return sorted(row.flow.partner for row in nights.ledger.flows())


def test_the_inbox_is_shut_until_a_run_opens_it_and_shut_again_behind_it(house):
    turn(house)
    drop(house, "lisse")
    drop(house, "batipro")
    turn(house)
    assert in_custody(house) == ["batipro"]
    turn(house.at("2026-11-27 02:30"))
    assert in_custody(house) == ["batipro", "lisse"]
    assert house.last().told["totals"]["flows"] == 2
    drop(house, "lisse", "b.xml")
    turn(house)
    assert in_custody(house) == ["batipro", "lisse"]


def test_everything_that_stands_in_the_inbox_is_taken_before_the_account_is_closed(house):
    turn(house)
    for n in range(250):  # more than one scan takes
        drop(house, "lisse", f"{n}.xml")
    turn(house.at("2026-11-27 02:30"))
    assert house.last().told["totals"]["flows"] == 250


def test_a_file_that_has_just_come_is_waited_for(house):
    house.settle_s = 0.2
    begin(house)
    turn(house)
    drop(house, "lisse")
    house.at("2026-11-27 02:30")
    for _ in range(100):
        turn(house)
        if house.done():
            break
        time.sleep(0.02)
    assert house.last().told["totals"]["flows"] == 1


def test_while_the_disk_is_full_the_run_waits_and_ends_at_its_deadline(house):
    turn(house)
    drop(house, "lisse")
    house.lack = Fault("FLX-I66", detail="full")
    turn(house.at("2026-11-27 02:30"))
    assert [run.state for run in house.ledger.runs()] == [RunState.TAKING]
    turn(house.at("2026-11-27 03:30"))
    assert house.last().told["totals"]["flows"] == 0


def test_an_inbox_that_is_gone_is_told_and_holds_nobody_up(house):
    turn(house)
    (house.folder / "inbox" / "lisse").rmdir()
    turn(house.at("2026-11-27 02:30"))
    assert [one["what"] for one in house.last().told["alerts"]] == ["trouble"]


def test_a_restart_while_the_inbox_is_open_goes_on_taking(house):
    turn(house)
    house.at("2026-11-27 02:30")
    house.loop.step()
    assert [run.state for run in house.ledger.runs()] == [RunState.TAKING]
    drop(house, "lisse")
    begin(house)
    turn(house)
    assert house.last().told["totals"]["flows"] == 1


def test_who_is_taken_in_runs_is_judged_by_what_the_run_found(house):
    turn(house)
    drop(house, "lisse")
    turn(house.at("2026-11-27 02:30"))
    rows = {row["partner"]: row for row in house.last().told["partners"]}
    assert (rows["lisse"]["by_cut_off_flows"], rows["batipro"]["by_cut_off_flows"]) == (1, 0)
