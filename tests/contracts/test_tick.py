"""The tick rings the bell at the instants that the ledger knows, and is nothing else."""

import threading
from datetime import timedelta

import pytest
from nights import NIGHT, paris

from flux.notices import Bell
from flux.runs.plan import Schedule
from flux.tick import _Instants, ticking


@pytest.mark.parametrize(("after", "rings"), [("2026-10-25 01:00", "2026-10-25 02:30"), ("2027-03-28 01:00", "2027-03-28 03:00"), ("2026-11-26 02:30", "2026-11-27 02:30")])
def test_it_rings_when_the_ledger_plans_on_both_clock_change_nights_too(after, rings):
    assert _Instants(NIGHT.cron).get_next_fire_time(None, paris(after)) == paris(rings)


def test_after_it_rang_it_rings_at_the_next():
    rang = paris("2026-10-25 02:30")  # the first of two
    assert _Instants(NIGHT.cron).get_next_fire_time(rang, rang + timedelta(milliseconds=3)) == paris("2026-10-26 02:30")


def test_it_leaves_no_thread_behind_and_needs_none_without_a_schedule():
    before = threading.active_count()
    with ticking((), Bell()):
        assert threading.active_count() == before
    with ticking((Schedule("often", "* * * * *"), NIGHT), Bell()):
        assert threading.active_count() > before
    for thread in threading.enumerate():
        if "APScheduler" in thread.name:
            thread.join(10)
    assert threading.active_count() == before
