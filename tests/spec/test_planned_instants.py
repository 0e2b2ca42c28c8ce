"""When a schedule runs: cron in Europe/Paris, both nights on which the clocks change, the calendar, and what becomes of what was missed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from flux import tables
from flux.runs import plan
from flux.runs.plan import Freeze, Planned, Schedule
from flux.when import PARIS, in_paris

CALENDAR = tables.load().clocks.calendar
OCTOBER = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 5, tzinfo=UTC)  # midnight to 06:00 in Paris: seven hours
MARCH = datetime(2027, 3, 27, 23, tzinfo=UTC), datetime(2027, 3, 28, 4, tzinfo=UTC)  # midnight to 06:00: five hours
NIGHT = Schedule("night", "30 2 * * *")


def paris(text):
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


def told(cron, span):
    return [f"{in_paris(at):%H:%M%z}" for at in plan.instants(cron, *span)]


def test_an_hour_that_comes_twice_in_october_is_planned_once_the_first_time():
    assert told("30 2 * * *", OCTOBER) == ["02:30+0200"]


def test_an_hour_that_is_missing_in_march_is_planned_when_the_clock_jumps_over_it():
    assert told("30 2 * * *", MARCH) == ["03:00+0200"]


def test_two_hours_that_are_missing_in_march_are_one_instant():
    assert told("15,45 2 * * *", MARCH) == ["03:00+0200"]
    assert told("0 2,3 * * *", MARCH) == ["03:00+0200"]


def test_every_hour_is_twenty_five_times_in_october_and_twenty_three_times_in_march():
    assert len(told("0 * * * *", (OCTOBER[0], OCTOBER[0] + timedelta(hours=25)))) == 25
    assert len(told("0 * * * *", (MARCH[0], MARCH[0] + timedelta(hours=23)))) == 23
    assert told("0 * * * *", OCTOBER)[:3] == ["01:00+0200", "02:00+0200", "02:00+0100"]
    assert told("0 * * * *", MARCH)[:2] == ["01:00+0100", "03:00+0200"]


@pytest.mark.parametrize("span", [OCTOBER, MARCH])
@pytest.mark.parametrize("minutes", [5, 15, 30])
def test_every_few_minutes_goes_on_without_a_gap_and_without_a_double_while_the_clocks_change(span, minutes):
    found = list(plan.instants(f"*/{minutes} * * * *", *span))
    assert {b - a for a, b in pairwise(found)} == {timedelta(minutes=minutes)}
    assert found[-1] == span[1]


@pytest.mark.parametrize("cron", ["30 2 * * *", "*/7 * * * *", "0 */2 * * *", "15,45 1-3 * * *"])
def test_however_a_span_is_cut_each_instant_lies_in_one_part(cron):
    """A daemon that looks often, one that looks once, and one that was restarted in between plan the same."""
    for start, end in (OCTOBER, MARCH):
        cuts = [start + timedelta(minutes=11 * n) for n in range(int((end - start) / timedelta(minutes=11)) + 1)] + [end]
        assert [at for a, b in pairwise(cuts) for at in plan.instants(cron, a, b)] == list(plan.instants(cron, start, end))


def test_an_instant_itself_belongs_to_the_span_that_ends_with_it():
    at = paris("2026-11-27 02:30")
    assert list(plan.instants("30 2 * * *", at - timedelta(hours=1), at)) == [at]
    assert list(plan.instants("30 2 * * *", at, at + timedelta(hours=1))) == []


@pytest.mark.parametrize(
    ("cron", "days"),
    [
        ("0 6 * * 1-5", "Mon Tue Wed Thu Fri"), ("0 6 * * 0", "Sun"), ("0 6 * * 7", "Sun"), ("0 6 * * sat,SUN", "Sat Sun"), ("0 6 * * 5-7", "Fri Sat Sun"),
        ("0 6 * * fri-mon", "Mon Fri Sat Sun"), ("0 6 * * */3", "Wed Sat Sun"), ("0 6 * * 1-5/2", "Mon Wed Fri"),
    ],
)  # fmt: skip
def test_days_of_the_week_count_as_cron_counts_them(cron, days):
    monday = paris("2026-11-23 00:00")
    assert " ".join(f"{in_paris(at):%a}" for at in plan.instants(plan.proven(cron), monday, monday + timedelta(days=7))) == days


def test_a_day_of_the_month_and_a_day_of_the_week_are_either_or():
    found = plan.instants("0 6 1 * mon", paris("2026-11-29 00:00"), paris("2026-12-08 00:00"))
    assert [f"{in_paris(at):%a %d}" for at in found] == ["Mon 30", "Tue 01", "Mon 07"]


@pytest.mark.parametrize("cron", ["61 * * * *", "0 6 * * 8", "0 6 * *", "0 6 * * * *", "a b c d e", "0 6 * * 1/0", ""])
def test_what_is_no_expression_is_refused(cron):
    with pytest.raises(ValueError):  # noqa: PT011 - its text is a library's
        plan.proven(cron)


def test_a_day_that_never_comes_is_known_and_one_every_four_years_is_not_taken_for_it():
    assert plan.proven("0 6 30 2 *") == ""
    assert plan.proven(" 0 6  29 2 * ") == "0 6 29 2 *"


def test_a_holiday_is_planned_and_skipped_only_where_the_schedule_says_so():
    christmas = paris("2026-12-25 02:30")
    skipping = Schedule("night", "30 2 * * *", holidays="skip")
    assert plan.kept(NIGHT, (), CALENDAR, christmas) == Planned(christmas)
    assert plan.kept(skipping, (), CALENDAR, christmas) == Planned(christmas, why="holiday")
    assert plan.kept(skipping, (), CALENDAR, christmas + timedelta(days=1)).why == ""


def test_a_freeze_holds_its_first_minute_and_not_its_last():
    freeze = Freeze(paris("2026-12-31 18:00"), paris("2027-01-02 02:30"), "clôture")
    asked = [plan.kept(NIGHT, (freeze,), CALENDAR, paris(at)).why for at in ("2026-12-31 17:59", "2026-12-31 18:00", "2027-01-02 02:29", "2027-01-02 02:30")]
    assert asked == ["", "freeze", "freeze", ""]


def test_a_freeze_that_names_schedules_leaves_the_others():
    freeze = Freeze(paris("2026-12-31 18:00"), paris("2027-01-02 02:30"), schedules=("day",))
    assert plan.kept(NIGHT, (freeze,), CALENDAR, paris("2027-01-01 02:30")).why == ""


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        ("none", [("planned", "missed")] * 3 + [("planned", "")]),
        ("latest", [("planned", "missed")] * 3 + [("planned", "")]),
        ("all", [("caught_up", "")] * 3 + [("planned", "")]),
    ],
)
def test_what_was_missed_is_caught_up_by_the_policy_and_what_is_due_runs_anyway(missed, expected):
    started = paris("2026-11-27 09:00")
    passed = [Planned(paris(f"2026-11-27 {hour:02d}:00")) for hour in (6, 7, 8, 9)]
    found = plan.owed(Schedule("hourly", "0 * * * *", missed=missed), passed, started)
    assert [(one.how, one.why) for one in found] == expected
    assert [one.at for one in found] == [one.at for one in passed]


def test_the_latest_that_was_missed_is_caught_up_where_none_is_due():
    passed = [Planned(paris(f"2026-11-27 {hour:02d}:00")) for hour in (6, 7, 8)]
    found = plan.owed(Schedule("hourly", "0 * * * *"), passed, paris("2026-11-27 08:40"))
    assert [(one.how, one.why) for one in found] == [("planned", "missed"), ("planned", "missed"), ("caught_up", "")]


def test_where_several_came_due_together_the_newest_replaces_the_others_unless_all_are_wanted():
    """A machine that slept, a clock that jumped: flux was running all the while."""
    passed = [Planned(paris(f"2026-11-27 {hour:02d}:00")) for hour in (6, 7, 8)]
    started = paris("2026-11-27 05:00")
    for missed in ("none", "latest"):
        assert [one.why for one in plan.owed(Schedule("hourly", "0 * * * *", missed=missed), passed, started)] == ["replaced", "replaced", ""]
    assert [one.why for one in plan.owed(Schedule("hourly", "0 * * * *", missed="all"), passed, started)] == ["", "", ""]


def test_a_restart_of_a_few_minutes_misses_nothing_even_where_nothing_is_caught_up():
    started = paris("2026-11-27 02:44")
    (one,) = plan.owed(Schedule("night", "30 2 * * *", missed="none"), [Planned(paris("2026-11-27 02:30"))], started)
    assert one.why == ""


def test_what_the_calendar_skips_is_not_what_is_caught_up():
    """The latest that was missed is the latest that would have run."""
    passed = [Planned(paris("2026-12-24 02:30")), Planned(paris("2026-12-25 02:30"), why="holiday")]
    found = plan.owed(NIGHT, passed, paris("2026-12-25 09:00"))
    assert [(one.how, one.why) for one in found] == [("caught_up", ""), ("planned", "holiday")]
