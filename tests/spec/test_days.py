"""How days are counted: in Paris, over holidays where the article says so; and what holds whatever happens."""

from datetime import UTC, date, datetime, timedelta

import pytest
from filing import CALENDAR, FIRST, MINUTE, TABLES, File, at, suspended
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flux.clocks import clocks
from flux.days import easter, off, working
from flux.when import PARIS, day_of

# -- days -------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begun", "due"),
    [
        (date(2024, 1, 30), date(2024, 2, 29)),   # a leap year
        (date(2023, 1, 30), date(2023, 3, 1)),
        (date(2026, 12, 15), date(2027, 1, 14)),  # over the year's end
        (date(2026, 12, 2), date(2027, 1, 1)),    # a holiday stays: a payment does not roll
        (date(2026, 2, 27), date(2026, 3, 29)),   # the day of 23 hours
        (date(2026, 9, 25), date(2026, 10, 25)),  # the day of 25 hours
    ],
)  # fmt: skip
def test_a_payment_is_counted_in_days_of_the_calendar(begun, due):
    file = File("A4", begun)
    midnight = datetime.combine(due + timedelta(days=1), datetime.min.time(), PARIS)
    assert file.clock("payment", midnight - MINUTE).due == due
    assert [file.clock("payment", now).state for now in (midnight - MINUTE, midnight)] == ["running", "passed"]


def test_a_clock_that_was_set_back_changes_no_order_and_shortens_nothing():
    file = suspended(File("A4", FIRST), date(2026, 6, 3)).does("completer", "fournisseur", date(2026, 6, 2))
    for name, due in (("moe", date(2026, 6, 10)), ("payment", date(2026, 7, 3))):
        clock = file.clock(name, at(date(2026, 6, 3)))
        assert (clock.state, clock.due, clock.suspended) == ("running", due, ((at(date(2026, 6, 3)), at(date(2026, 6, 3))),))


def test_instants_are_told_in_utc_whatever_the_moves_have():
    piece = suspended(File("A4", FIRST), date(2026, 6, 3)).pieces[0]
    local = replace(piece, moves=tuple(replace(move, at=move.at.astimezone(PARIS)) for move in piece.moves))
    told = clocks(local, (local,), "etat", at(date(2026, 6, 3)).astimezone(PARIS), TABLES)
    assert {moment.tzinfo for clock in told for moment in (clock.began, *(span[0] for span in clock.suspended))} == {UTC}
    assert told == clocks(piece, (piece,), "etat", at(date(2026, 6, 3)), TABLES)


def test_the_day_of_an_event_is_the_one_of_paris():
    piece = File("A4", FIRST).pieces[0]
    for minute, due in ((29, date(2026, 7, 1)), (30, date(2026, 7, 2))):
        night = datetime(2026, 6, 1, 21, 30, tzinfo=UTC) + timedelta(minutes=minute)  # at 22:00 UTC the 2nd begins in Paris
        late = replace(piece, moves=tuple(replace(move, at=night) for move in piece.moves))
        assert {clock.name: clock.due for clock in clocks(late, (late,), "etat", night, TABLES)}["payment"] == due


@pytest.mark.parametrize(
    ("begun", "due"),
    [
        (date(2026, 3, 29), date(2026, 4, 7)),    # Easter Sunday, then Easter Monday
        (date(2026, 5, 7), date(2026, 5, 15)),    # Ascension
        (date(2026, 12, 18), date(2026, 12, 28)),  # Christmas, then a weekend
        (date(2026, 12, 25), date(2027, 1, 4)),   # New Year, then a weekend
        (date(2026, 6, 6), date(2026, 6, 15)),    # a Saturday
        (date(2026, 6, 5), date(2026, 6, 12)),    # a Friday stays
    ],
)  # fmt: skip
def test_the_seven_days_of_the_moe_go_over_days_off(begun, due):
    assert File("A4", begun).clock("moe", at(begun)).due == due


@pytest.mark.parametrize(
    "day",
    [date(1954, 4, 18), date(1981, 4, 19), date(2049, 4, 18), date(2076, 4, 19), date(2008, 3, 23), date(2024, 3, 31), date(2025, 4, 20), date(2026, 4, 5), date(2027, 3, 28), date(2028, 4, 16), date(2029, 4, 1), date(2038, 4, 25), date(2285, 3, 22)],
)
def test_easter_is_where_it_is(day):
    assert easter(day.year) == day


def test_the_holidays_of_a_year_are_eleven():
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    told = [f"{day:%m-%d}" for day in days if off(day, CALENDAR) and day.weekday() < 5]
    assert told == ["01-01", "04-06", "05-01", "05-08", "05-14", "05-25", "07-14", "11-11", "12-25"]  # Assumption and All Saints: a weekend
    assert [off(date(2027, 8, 15) + timedelta(days=n), CALENDAR) for n in (0, 1)] == [True, False]
    assert off(date(2027, 11, 1), CALENDAR)
    assert working(date(2026, 4, 3), CALENDAR) == date(2026, 4, 3)  # Good Friday: a working day but in Alsace and Moselle


# -- whatever happens -------------------------------------------------------------------------------------------------------------------------

DAYS = st.integers(0, 70)
PAYERS = st.sampled_from(["", *TABLES.clocks.payers])
SEEDED = settings(derandomize=True, database=None, deadline=None, max_examples=200)
BEGUN = st.dates(date(2020, 1, 1), date(2040, 12, 31))


@SEEDED
@given(begun=BEGUN, wait=DAYS, away=DAYS, later=DAYS, payer=PAYERS, cadre=st.sampled_from(["A4", "A6", "A7", "A8"]))
def test_no_delay_is_due_before_it_began_and_no_suspension_shortens_one(begun, wait, away, later, payer, cadre):
    plain, file = File(cadre, begun), File(cadre, begun)
    role = "service_financier" if cadre in ("A6", "A8") else "moe"
    on, back = begun + timedelta(days=wait), begun + timedelta(days=wait + away)
    suspended(file, on, role).does("completer", "fournisseur", back)
    now = at(back + timedelta(days=later), 11)
    untouched = {clock.name: clock for clock in clocks(plain.pieces[0], tuple(plain.pieces), payer, now, TABLES)}
    told = {clock.name: clock for clock in clocks(file.pieces[0], tuple(file.pieces), payer, now, TABLES)}
    assert told.keys() == untouched.keys() | {"acknowledgement"}
    for name, clock in told.items():
        assert clock.due > day_of(clock.began)
        if name in untouched:
            assert clock.due >= untouched[name].due
            assert (clock.left, clock.state) == ((clock.due - day_of(now)).days, "running" if clock.due >= day_of(now) else "passed")
        if clock.suspended:
            assert clock.due >= back + timedelta(days=TABLES.clocks.delays[name].restart)


@SEEDED
@given(day=st.dates(date(1990, 1, 1), date(2199, 12, 1)))
def test_a_last_day_never_goes_back_and_never_further_than_over_a_long_weekend(day):
    then = working(day, CALENDAR)
    assert 0 <= (then - day).days <= 4
    assert not off(then, CALENDAR)
    assert working(then, CALENDAR) == then
