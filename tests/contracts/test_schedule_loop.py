"""Each planned instant fires exactly once: through clock changes, restarts at any line, a long absence, runs that last, clocks that jump."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from nights import Dying, Killed, Nights, paris
from older import as_version

from flux.model import Event, Flow, Plumbing
from flux.runs import plan
from flux.runs.account import Sender
from flux.runs.book import NewRun, RunState
from flux.runs.plan import Freeze, Schedule
from flux.stores.sql import SqlLedger


@pytest.fixture
def begin(tmp_path):
    made = []

    def begun(*schedules, now, **rest):
        made.append(Nights(tmp_path, *schedules, now=now, **rest))
        return made[0].turn()

    yield begun
    made[0].close()


@pytest.mark.parametrize(("evening", "morning"), [("2026-10-24 20:00", "2026-10-25 09:00"), ("2027-03-27 20:00", "2027-03-28 09:00")])
@pytest.mark.parametrize("cron", ["30 2 * * *", "*/20 * * * *", "0 1-4 * * *"])
def test_both_clock_change_nights_fire_each_planned_instant_once(begin, evening, morning, cron):
    nights = begin(Schedule("night", cron), now=evening).until(morning)
    assert nights.done() == list(plan.instants(cron, paris(evening), paris(morning)))


@pytest.mark.parametrize(("evening", "morning"), [("2026-10-24 23:00", "2026-10-25 05:00"), ("2027-03-27 23:00", "2027-03-28 05:00")])
def test_a_daemon_restarted_every_ten_minutes_of_such_a_night_fires_each_once(begin, evening, morning):
    nights = begin(Schedule("night", "*/15 * * * *"), now=evening)
    end = paris(morning)
    while nights.now < end:
        nights.now += timedelta(minutes=10)
        nights.start()
        nights.turn()
    rows = [run.planned for run in nights.ledger.runs(limit=1000)]
    assert sorted(rows) == list(plan.instants("*/15 * * * *", paris(evening), end))
    assert sorted(nights.done()) == sorted(rows)


DOWN = [f"27 {hour:02d}:30" for hour in range(1, 9)]


@pytest.mark.parametrize(
    ("missed", "ran", "skipped"),
    [("none", [], DOWN), ("latest", [("27 08:30", "caught_up")], DOWN[:-1]), ("all", [(at, "caught_up") for at in DOWN], [])],
)
def test_a_daemon_down_from_one_to_nine_owes_what_the_policy_says_and_each_instant_has_one_row(begin, missed, ran, skipped):
    nights = begin(Schedule("night", "30 * * * *", missed=missed), now="2026-11-27 00:20").until("2026-11-27 01:00")
    nights.at("2026-11-27 09:00").start()
    nights.turn().until("2026-11-27 09:40").start()
    told = nights.turn().told()
    assert [at for at, _, _ in told] == ["27 00:30", *DOWN, "27 09:30"]
    assert [told[0][1:], told[-1][1:]] == [("planned", "DONE")] * 2
    there = told[1:-1]
    assert [(at, how) for at, how, state in there if state == "DONE"] == ran
    assert [at for at, _, state in there if state == "SKIPPED missed"] == skipped


def test_a_nightly_run_whose_daemon_was_down_is_caught_up_in_the_morning_and_once(begin):
    nights = begin(now="2026-11-26 20:00").at("2026-11-27 09:00")
    for _ in range(3):
        nights.start()
        nights.turn()
    assert nights.told() == [("27 02:30", "caught_up", "DONE")]


def test_a_run_longer_than_its_period_holds_the_next_and_leaves_none_out_where_all_are_wanted(begin):
    nights = begin(Schedule("night", "0 * * * *", missed="all"), now="2026-11-27 00:30")
    flow = nights.receive(state=Plumbing.RECEIVED)
    nights.until("2026-11-27 03:30")
    assert nights.told() == [("27 01:00", "planned", "WORKING"), ("27 02:00", "planned", "OWED"), ("27 03:00", "planned", "OWED")]
    nights.put(flow, Plumbing.CLOSED)
    nights.turn()
    assert nights.told() == [(f"27 {hour:02d}:00", "planned", "DONE") for hour in (1, 2, 3)]
    assert nights.done() == [paris(f"2026-11-27 {hour:02d}:00") for hour in (1, 2, 3)]


def test_a_run_longer_than_its_period_keeps_the_newest_owed_where_the_latest_is_wanted(begin):
    nights = begin(Schedule("night", "0 * * * *"), now="2026-11-27 00:30")
    flow = nights.receive(state=Plumbing.RECEIVED)
    nights.until("2026-11-27 03:30").put(flow, Plumbing.CLOSED)
    nights.turn()
    assert nights.told() == [("27 01:00", "planned", "DONE"), ("27 02:00", "planned", "SKIPPED replaced"), ("27 03:00", "planned", "DONE")]


def test_runs_of_one_schedule_never_overlap_and_those_of_another_do_not_wait(begin):
    nights = begin(Schedule("night", "0 * * * *", missed="all"), Schedule("other", "0 * * * *", partners=("lisse",)), now="2026-11-27 00:30")
    nights.receive(state=Plumbing.RECEIVED)
    nights.until("2026-11-27 02:30")
    assert [state for _, _, state in nights.told()] == ["WORKING", "OWED"]
    assert [state for _, _, state in nights.told("other")] == ["DONE", "DONE"]


def test_a_run_ends_at_its_deadline_with_what_it_has_and_says_so(begin):
    nights = begin(Schedule("night", "30 2 * * *", deadline_min=60), now="2026-11-26 20:00")
    nights.receive(state=Plumbing.RECEIVED)
    nights.until("2026-11-27 03:25")
    assert [state for _, _, state in nights.told()] == ["WORKING"]
    nights.until("2026-11-27 03:35")
    told = nights.last().told
    assert (told["complete"], told["totals"]["undecided"], [one["what"] for one in told["alerts"]]) == (False, 1, ["undecided"])


def test_what_is_held_is_nothing_to_wait_for(begin):
    nights = begin(now="2026-11-26 20:00")
    nights.receive(state=Plumbing.HELD)
    told = nights.until("2026-11-27 02:35").last().told
    assert (told["complete"], told["totals"]["held"]) == (True, 1)


@pytest.mark.parametrize(("down", "states"), [(("returns/batipro",), ["DONE"]), (("returns/toitures",), ["WORKING"])])
def test_no_run_waits_for_a_server_that_is_down(begin, down, states):
    nights = begin(now="2026-11-26 20:00")
    nights.stalled = lambda target, _kind: target in down
    nights.start()
    nights.owe(nights.receive(state=Plumbing.DECIDED), "returns/batipro")
    nights.until("2026-11-27 02:35")
    assert [state for _, _, state in nights.told()] == states


def test_the_calendar_leaves_a_row_that_says_why_nothing_ran(begin):
    freeze = Freeze(paris("2026-12-26 00:00"), paris("2026-12-27 00:00"), "inventaire")
    nights = begin(Schedule("night", "30 2 * * *", holidays="skip"), now="2026-12-24 20:00", freezes=(freeze,)).until("2026-12-27 09:00", 30)
    assert nights.told() == [("25 02:30", "planned", "SKIPPED holiday"), ("26 02:30", "planned", "SKIPPED freeze"), ("27 02:30", "planned", "DONE")]


def killed(nights, **when):
    """The daemon runs with a ledger that dies once, then is started again. Whether it died."""
    nights.start(Dying(nights.ledger, **when))
    try:
        nights.turn()
    except Killed:
        nights.now += timedelta(minutes=1)
        nights.start()
        nights.turn()
        return True
    return False


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3, 4])
def test_a_kill_at_each_write_of_a_run_leaves_one_run_that_accounts_for_each_flow_once(begin, side, write):
    """Planned, begun, its flows fixed, ended: before and after each of the four commits."""
    nights = begin(now="2026-11-26 20:00")
    nights.receive()
    nights.at("2026-11-27 02:30")
    assert killed(nights, **{side: write})
    assert nights.told() == [("27 02:30", "planned", "DONE")]
    assert nights.last().told["totals"]["flows"] == 1
    nights.receive()
    nights.until("2026-11-28 02:35", 60)
    assert [run.summary["totals"]["flows"] for run in nights.ledger.runs()] == [1, 1]


def test_a_kill_after_the_last_write_finds_nothing_to_do(begin):
    nights = begin(now="2026-11-26 20:00").at("2026-11-27 02:30")
    assert not killed(nights, after=5)


def test_a_clock_that_jumps_a_day_ahead_and_back_fires_nothing_twice(begin):
    nights = begin(now="2026-11-26 20:00").at("2026-11-27 20:00").turn().at("2026-11-26 20:05").turn().until("2026-11-28 09:00", 30)
    assert nights.told() == [("27 02:30", "planned", "DONE"), ("28 02:30", "planned", "DONE")]


def test_a_clock_that_jumps_a_year_and_back_costs_one_run_and_the_nights_to_come_are_planned_as_ever(begin):
    nights = begin(Schedule("night", "0 * * * *"), now="2026-11-26 20:30")
    nights.at("2027-11-26 20:30").turn().at("2026-11-26 20:40").turn()
    for hour in (21, 22):
        nights.receive()
        nights.until(f"2026-11-26 {hour}:05")
    planned = [run.planned for run in nights.ledger.runs(limit=100_000)]
    assert sorted(planned) == [paris("2026-11-26 21:00"), paris("2026-11-26 22:00"), paris("2027-11-26 20:00")]
    assert {run.state for run in nights.ledger.runs()} == {RunState.DONE}
    assert [run.summary["totals"]["flows"] for run in nights.ledger.runs()] == [1, 1, 0]


def test_another_expression_plans_from_its_start_on_and_the_old_one_until_then(begin):
    nights = begin(now="2026-11-26 20:00")
    nights.change(cron="0 5 * * *")
    nights.at("2026-11-27 04:00").start()
    nights.turn().until("2026-11-28 06:00", 30)
    assert nights.told() == [("27 02:30", "caught_up", "DONE"), ("27 05:00", "planned", "DONE"), ("28 05:00", "planned", "DONE")]


def test_what_a_schedule_owes_that_is_configured_no_more_is_skipped_and_what_is_under_way_ends(begin):
    nights = begin(Schedule("night", "0 * * * *", missed="all"), now="2026-11-27 00:30")
    flow = nights.receive(state=Plumbing.RECEIVED)
    nights.until("2026-11-27 02:30")
    nights.site = type(nights.site)("FLUX01", (), (), nights.site.senders, nights.site.calendar, {})
    nights.start()
    nights.turn().put(flow, Plumbing.CLOSED)
    nights.turn()
    assert nights.told() == [("27 01:00", "planned", "DONE"), ("27 02:00", "planned", "SKIPPED removed")]


def test_a_run_by_hand_tells_what_came_since_the_last_and_the_night_still_tells_its_whole_day(begin):
    nights = begin(now="2026-11-26 20:00")
    nights.receive()
    nights.until("2026-11-27 02:35", 30).receive()
    nights.at("2026-11-27 12:00")
    asked_by_hand(nights, "claire")
    nights.turn()
    by_hand = nights.ledger.runs(whole=True)[0]
    assert (by_hand.how, by_hand.who, by_hand.told["totals"]["flows"]) == ("hand", "claire", 1)
    nights.receive()
    nights.until("2026-11-28 02:35", 30)
    assert nights.ledger.runs(whole=True)[0].told["totals"]["flows"] == 2


def asked_by_hand(nights, who):
    return nights.ledger.ask(NewRun("night", nights.now, "hand", who, RunState.OWED), Event("schedule/night", "run_asked", nights.now, who))


def test_a_first_run_tells_of_what_came_since_the_start_of_the_process_that_met_it(begin):
    nights = begin(now="2026-11-26 20:00")
    nights.change(name="new")
    nights.start()
    nights.receive()
    nights.until("2026-11-27 02:35", 14)
    assert nights.last("new").told["totals"]["flows"] == 1


def test_a_bug_in_an_account_is_kept_from_the_flows_and_ends_when_it_is_mended(begin, monkeypatch):
    nights = begin(now="2026-11-26 20:00").at("2026-11-27 02:30")
    with monkeypatch.context() as broken:
        broken.setattr("flux.schedule.accounts.account", lambda *_: 1 / 0)
        nights.turn()
        assert nights.loop.troubled
        assert [run.state for run in nights.ledger.runs()] == [RunState.WORKING]
        assert nights.loop.step() == 0
    nights.at("2026-11-27 02:32").turn()
    assert ([run.state for run in nights.ledger.runs()], nights.loop.troubled) == ([RunState.DONE], False)


def test_a_run_tells_of_the_partners_it_names_alone(begin):
    senders = (Sender("batipro"), Sender("lisse"))
    nights = begin(Schedule("night", "30 2 * * *", partners=("lisse",)), now="2026-11-26 20:00", senders=senders)
    nights.receive("batipro")
    nights.receive("lisse")
    told = nights.until("2026-11-27 02:35", 30).last().told
    assert ([row["partner"] for row in told["partners"]], told["totals"]["flows"]) == (["lisse"], 1)


def test_the_journal_keeps_what_happened_to_a_schedule_and_its_chain_holds(begin):
    nights = begin(now="2026-11-26 20:00").until("2026-11-27 02:35", 30)
    assert [event.what for event in nights.ledger.events("schedule/night")] == ["run_owed", "run_started", "run_done"]
    assert nights.ledger.journal().broken is None


def test_a_ledger_of_the_version_before_is_brought_to_this_one_and_plans_from_then_on(tmp_path):
    path = tmp_path / "ledger.db"
    with closing(SqlLedger(f"sqlite:///{path}")) as fresh:
        fresh.receive([Flow("f1", "batipro", b"a.xml", "s", 1, paris("2026-11-26 12:00"))], [Event("f1", "received", paris("2026-11-26 12:00"), "batipro")])
    as_version(path, 2)
    with closing(SqlLedger(f"sqlite:///{path}")) as upgraded:
        assert (upgraded.last_flow(), upgraded.runs(), upgraded.anchors()) == (1, [], [])
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('run_once', 'flow_by_partner_day')").fetchone() == (2,)
        assert raw.execute("SELECT value FROM meta WHERE key = 'version'").fetchone() == ("3",)


# -- cut-offs ---------------------------------------------------------------------------------------------------------------------------

BY_TEN = (Sender("batipro", cut_off="22:00"),)


def row(nights):
    """What the last run tells of the partner: arrival, pieces by the cut-off, pieces after it."""
    (found,) = nights.last().told["partners"]
    return found["arrival"], found["by_cut_off_pieces"], found["after_cut_off_pieces"]


def test_what_came_after_the_cut_off_is_told_that_night_and_is_not_what_he_sent_by_the_next(begin):
    nights = begin(now="2026-11-26 20:00", senders=BY_TEN)
    nights.at("2026-11-26 21:00").receive(pieces=5)
    nights.at("2026-11-26 22:30").receive(pieces=7)
    assert row(nights.until("2026-11-27 02:40"))[1:] == (5, 7)
    assert row(nights.until("2026-11-28 02:40", 14))[1:] == (0, 0)


def test_of_runs_all_day_long_the_one_behind_the_cut_off_tells_the_whole_day(begin):
    nights = begin(Schedule("night", "0 */4 * * *"), now="2026-11-26 11:50", senders=BY_TEN)
    for hour in (13, 17, 21):
        nights.until(f"2026-11-26 {hour}:00", 14).receive(pieces=1)
    assert row(nights.until("2026-11-26 20:10", 14)) == ("not_due", None, 0)
    assert row(nights.until("2026-11-27 00:10", 14)) == ("unknown", 3, 0)
    assert row(nights.until("2026-11-27 04:10", 14)) == ("not_due", None, 0)


@pytest.mark.parametrize(("down", "expected"), [("21:50", "unwatched"), ("22:05", "unknown")])
def test_where_flux_was_not_running_at_the_cut_off_the_run_says_so(begin, down, expected):
    nights = begin(now="2026-11-26 20:00", senders=BY_TEN).until(f"2026-11-26 {down}")
    nights.at("2026-11-26 23:00").start()
    told = nights.turn().until("2026-11-27 02:40")
    assert row(told)[0] == expected
    assert [one["what"] for one in nights.last().told["alerts"]] == ["outage"]


def test_what_one_of_us_took_up_again_is_nothing_that_its_partner_sent(begin):
    nights = begin(now="2026-11-26 20:00", senders=BY_TEN)
    nights.at("2026-11-26 21:00").receive(pieces=5)
    nights.at("2026-11-26 21:30").receive(pieces=7, again=True)
    assert row(nights.until("2026-11-27 02:40"))[1:] == (5, 0)
    (told,) = nights.last().told["partners"]
    assert (told["pieces"], told["flows"]) == (12, 2)  # what was done for him is told whole


def test_after_four_nights_a_night_without_anything_is_told(begin):
    nights = begin(now="2026-11-23 20:00", senders=BY_TEN)
    for day in (23, 24, 25, 26):
        nights.until(f"2026-11-{day} 21:00", 14).receive(pieces=10)
    nights.until("2026-11-28 02:40", 14)
    assert [run.told["partners"][0]["arrival"] for run in nights.ledger.runs(whole=True)] == ["nothing", "unknown", "unknown", "unknown", "unknown"]
    assert nights.last().told["usual"]["of"] == "any"
