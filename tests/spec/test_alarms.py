"""Alarms: each is raised by what its name says, carries a code of its row, and is silent one change away."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from flux import tables
from flux.alarms import Unwell, Vitals, raised
from flux.faults import Fault
from flux.model import Emission, EmissionState
from flux.ports import Unsettled, Why
from flux.rows import Pressure

ROWS = tables.load().alarms
NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
CALM = Pressure({"DECIDED": 2}, None, 3, 0)
EMISSION = Emission("k", "f1", 1, "piece", "pieces/moe", "a.xml", "a" * 64, "b" * 64, 0, 9, EmissionState.STAGED, "2026-11-26T01:00:00 no such folder")
WELL = Vitals(beat_s=1.0, pressure=CALM)
CASES = {  # alarm -> what raises it, the accepted twin, what it quotes
    "stalled": ({"beat_s": 901.0}, {"beat_s": 900.0}, "901 s"),
    "paused": ({"paused": Fault("FLX-I240", at="2026-11-26T03:00:00+00:00", who="anne", reason="a move")}, {"paused": None}, "(anne): a move"),
    "disk_full": ({"lack": Fault("FLX-I86", spool="/s", free="3", files="9", least="64", least_files="1000")}, {"lack": None}, "3 MB"),
    "ledger": ({"ledger": Fault("FLX-I27", detail="disk I/O error"), "pressure": None}, {"pressure": None}, "disk I/O error"),
    "turn": ({"turn": (NOW, "no space")}, {"turn": None}, "no space"),
    "lane": ({"pressure": replace(CALM, by_state={"RECEIVED": 2, "PROCESSING": 1}, due_since=NOW - timedelta(seconds=901))},
             {"pressure": replace(CALM, by_state={"RECEIVED": 2}, due_since=NOW - timedelta(seconds=900))}, "decision: 3, the oldest since 2026-11-26 03:44:59"),
    "inbox": ({"inboxes": ("batipro",)}, {"inboxes": ()}, "batipro"),
    "endpoint": ({"endpoints": (Unwell("bati-in", True, NOW, "FLX-I170"), Unwell("lisse-out", False, NOW - timedelta(seconds=901), "FLX-I168"))},
                 {"endpoints": (Unwell("lisse-out", False, NOW - timedelta(seconds=900), "FLX-I168"),)}, "2, for example bati-in FLX-I170; lisse-out FLX-I168"),
    "schedule": ({"runs_stuck": True}, {"runs_stuck": False}, "schedules"),
    "undelivered": ({"pressure": replace(CALM, undeliverable=1, some=(EMISSION,))}, {"pressure": replace(CALM, emissions_owed=9)}, "f1 no such folder"),
    "held": ({"pressure": replace(CALM, by_state={"HELD": 1, "QUARANTINED": 1})}, {"pressure": replace(CALM, by_state={"DECIDED": 2})}, "held: 2"),
    "mail": ({"pressure": replace(CALM, mails=2)}, {"pressure": replace(CALM, mails=0)}, "take: 2"),
    "untaken": ({"untaken": tuple(Unsettled("b", f"{n}.xml".encode(), Why.NOT_REGULAR) for n in range(5))}, {"untaken": ()}, "taken: 5, for example b/0.xml, b/1.xml, b/2.xml"),
    "directory": ({"directory": Fault("FLX-I109", as_of="2026-01-01", age="300", most="40")}, {"directory": None}, "300"),
}  # fmt: skip


def alarms(**shown):
    return raised(replace(WELL, **shown), NOW, 900.0, ROWS)


def test_every_alarm_has_its_case():
    assert CASES.keys() == ROWS.keys()


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_is_raised_by_its_cause_alone(name):
    cause, twin, quotes = CASES[name]
    (alarm,) = alarms(**cause)
    assert (alarm.name, alarm.red, alarm.fault.code in ROWS[name].faults) == (name, ROWS[name].red, True)
    assert quotes in alarm.fault.told("en")[0]
    assert alarms(**twin) == ()


def test_alarms_stand_in_the_order_of_their_table_and_are_told_in_both_languages():
    both = alarms(inboxes=("batipro",), beat_s=1000.0)
    assert [alarm.name for alarm in both] == ["stalled", "inbox"]
    told = both[1].told()
    assert (told["alarm"], told["red"], told["code"]) == ("inbox", True, "FLX-I263")
    assert told["fr"]["do"] != told["en"]["do"]
    assert set(told["fr"]) == {"what", "means", "do"}
