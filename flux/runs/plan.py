"""
When runs are planned: a cron expression in Europe/Paris, a calendar, and what becomes of instants that passed unseen. Pure: no clock.

A cron expression names hours on the wall, and twice a year the wall is no clock. What flux makes of those two nights (and cron of Debian too):

- an expression that names its hours (``30 2 * * *``) means that hour once a day. Where it comes twice (October) the first counts; where it does
  not come (March) the run is planned for the instant at which the clock jumps over it, 03:00.
- one that does not (``*/15 * * * *``, ``0 */2 * * *``: its hour begins with a star) means the time that passes: planned in both of the hours that
  are called 02, in October, and in none that is missing, in March.

The arithmetic of the five fields is APScheduler's, asked in UTC so that no clock change can touch it; two habits of cron that it does not have are
put on top: Sunday is 0 or 7, and a day of the month and a day of the week that are both named are either-or. See docs/decisions/0016.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from heapq import merge
from itertools import groupby
from typing import TYPE_CHECKING

from msgspec import Struct

from flux.days import holiday
from flux.tables.clocks import Calendar
from flux.when import PARIS, day_of

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

FIELDS = 5
WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")  # as cron counts: 0 and 7 are the same day
_PROOF = datetime(2024, 1, 1, tzinfo=UTC)  # a leap year ahead: an expression that plans nothing from here on plans nothing
_FAR = timedelta(days=366 * 9)  # 29 February may be eight years away
_SECOND = timedelta(seconds=1)


class Freeze(Struct, frozen=True):
    """A window in which nothing is planned: aware instants, the first in it, the last not. schedules: their names; () is all of them."""

    since: datetime
    until: datetime
    label: str = ""
    schedules: tuple[str, ...] = ()


class Schedule(Struct, frozen=True):
    """
    A schedule as configured; see _settings.SCHEDULE. partners: () is all of them.

    missed: none, latest, all. late_min: after so many minutes an instant at which flux was not running is missed. deadline_min: of a run.
    """

    name: str
    cron: str
    partners: tuple[str, ...] = ()
    missed: str = "latest"
    holidays: str = "run"
    late_min: int = 15
    deadline_min: int = 240
    less_than: float = 0.33
    mail: bool = True


class Planned(Struct, frozen=True):
    """An instant of a schedule. how: planned, caught_up. why: holiday, freeze, missed, replaced when nothing runs then; "" when something does."""

    at: datetime
    how: str = "planned"
    why: str = ""
    label: str = ""


def at_wall(wall: datetime) -> datetime:
    """The instant at which the clocks of Paris show this hour: the first of two, and when there is none the one at which they jump over it."""
    first, second = _readings(wall)
    return _jump(second, first) if second < first else first


def wall_of(text: str) -> datetime:
    """``2026-12-31 18:00`` as an aware instant. Raises ValueError."""
    return at_wall(datetime.strptime(text, "%Y-%m-%d %H:%M"))  # noqa: DTZ007 - an hour on the wall has no zone; at_wall gives it one


def instants(cron: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Every instant of the expression with after < instant <= until, in UTC, in order, each once."""
    by_clock = not cron.split()[1].startswith("*")
    start = after.astimezone(PARIS).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    for _, walls in groupby(_walls(cron, start), key=lambda wall: wall.date()):
        found = sorted({at for wall in walls for at in _meant(wall, by_clock=by_clock)})
        yield from (at for at in found if after < at <= until)
        if found and found[-1] > until:
            return


def following(cron: str, after: datetime) -> datetime | None:
    """The next instant; None when there is none in nine years."""
    return next(instants(cron, after, after + _FAR), None)


def proven(cron: str) -> str:
    """*cron* in one form; "" when it plans nothing ever. Raises ValueError, which says what is wrong, when it is no expression of five fields."""
    text = " ".join(cron.lower().split())
    if len(text.split()) != FIELDS:
        raise ValueError(f"{len(text.split())} ≠ {FIELDS}")
    return text if following(text, _PROOF) else ""


def kept(schedule: Schedule, freezes: Sequence[Freeze], calendar: Calendar, at: datetime) -> Planned:
    """An instant against the calendar."""
    if schedule.holidays == "skip" and holiday(day_of(at), calendar):
        return Planned(at, why="holiday")
    for freeze in freezes:
        if freeze.since <= at < freeze.until and (not freeze.schedules or schedule.name in freeze.schedules):
            return Planned(at, why="freeze", label=freeze.label)
    return Planned(at)


def owed(schedule: Schedule, planned: Sequence[Planned], started: datetime, *, last: bool = True) -> list[Planned]:
    """
    What becomes of instants that have passed, in order. *started*: since when this flux is running; *last*: no later one is among them that runs.

    An instant at which flux ran is never missed, however long it takes until somebody looks; one that lies further back than late_min is,
    and then the policy speaks: none of them runs, the latest does, all do. But for all, one run is enough where several came due together: the
    newest, which replaces the others.
    """
    missed_before = started - timedelta(minutes=schedule.late_min)
    out: list[Planned] = []
    newest = last  # they come last first
    for one in reversed(planned):
        on_time = one.at >= missed_before
        if one.why:
            out.append(one)
        elif schedule.missed == "all" or (newest and (on_time or schedule.missed == "latest")):
            out.append(Planned(one.at, "planned" if on_time else "caught_up"))
            newest = False
        else:
            out.append(Planned(one.at, why="replaced" if on_time else "missed"))
    return out[::-1]


def _walls(cron: str, start: datetime) -> Iterator[datetime]:
    """The hours on the wall that the expression names, from *start* on, for ever."""
    minute, hour, day, month, weekday = cron.split()
    either = not day.startswith("*") and not weekday.startswith("*")
    pairs = ((day, "*"), ("*", weekday)) if either else ((day, weekday),)
    last = None
    for wall in merge(*(_trigger_walls(minute, hour, d, month, w, start) for d, w in pairs)):
        if wall != last:
            yield wall
        last = wall


def _trigger_walls(minute: str, hour: str, day: str, month: str, weekday: str, start: datetime) -> Iterator[datetime]:
    trigger = _trigger(minute, hour, day, month, weekday)
    at = trigger.get_next_fire_time(None, start.replace(tzinfo=UTC))
    while at is not None:
        yield at.replace(tzinfo=None)
        at = trigger.get_next_fire_time(None, at + _SECOND)


@lru_cache(maxsize=64)
def _trigger(minute: str, hour: str, day: str, month: str, weekday: str) -> "CronTrigger":
    from apscheduler.triggers.cron import CronTrigger  # late: most commands plan nothing, and all would pay for it

    return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=_week(weekday), timezone=UTC)


def _week(weekday: str) -> str:
    """Days of the week as cron counts them, by their names: APScheduler's own count begins on Monday."""
    if weekday.startswith("*"):
        return weekday if weekday == "*" else _names(range(0, 7, _step(weekday)))
    days: set[int] = set()
    for part in weekday.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        low = _day(first)
        high = _day(last) if last else len(WEEK) - 2 if step else low
        high += 7 if high < low and last else 0  # fri-mon; and sat-sun, where Sunday by its name is 0
        days |= {n % 7 for n in range(low, high + 1, _step(part) if step else 1)}
    return _names(sorted(days))


def _names(days: Sequence[int]) -> str:
    return ",".join(WEEK[n] for n in days)


def _step(part: str) -> int:
    step = part.partition("/")[2]
    if not step.isdigit() or not int(step):
        raise ValueError(part)
    return int(step)


def _day(text: str) -> int:
    if text in WEEK:
        return WEEK.index(text)
    if not (text.isdigit() and int(text) < len(WEEK)):
        raise ValueError(text)
    return int(text)


def _meant(wall: datetime, *, by_clock: bool) -> tuple[datetime, ...]:
    """The instants that an hour on the wall means: see the head of this module."""
    first, second = _readings(wall)
    if first == second:
        return (first,)
    if by_clock:
        return (at_wall(wall),)
    return (first, second) if first < second else ()


def _readings(wall: datetime) -> tuple[datetime, datetime]:
    """Read with the offset before a change of the clocks, and with the one after: the same but in the hour that is doubled or missing."""
    first, second = (wall.replace(tzinfo=PARIS, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, second


def _jump(low: datetime, high: datetime) -> datetime:
    """The first whole second at which the offset is the one of *high*."""
    offset = high.astimezone(PARIS).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle -= timedelta(microseconds=middle.microsecond)
        low, high = (low, middle) if middle.astimezone(PARIS).utcoffset() == offset else (middle, high)
    return high
