"""
The days on which nobody works in France, and the day to which a last day goes then. Pure.

Which they are is data (clocks.toml); what is computed is Easter alone. A library of the world's holidays was weighed: docs/decisions/0010.
"""

from datetime import date, timedelta

from flux.tables.clocks import Calendar

SATURDAY = 5


def easter(year: int) -> date:
    """Easter Sunday of a Gregorian year: the Sunday after the full moon of the tables, on or after 21 March (Meeus's form of the rule)."""
    golden, (century, rest) = year % 19, divmod(year, 100)
    leaps, left = divmod(century, 4)
    moon_shift = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + century - leaps - moon_shift + 15) % 30
    sunday = (32 + 2 * left + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * sunday) // 451  # the two exceptions of 1582: never later than 25 April
    month, day = divmod(moon + sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def off(day: date, calendar: Calendar) -> bool:
    """Whether nobody works on this day: a Saturday, a Sunday, a holiday."""
    return day.weekday() >= SATURDAY or holiday(day, calendar)


def holiday(day: date, calendar: Calendar) -> bool:
    """Whether it is one of the eleven."""
    return f"{day:%m-%d}" in calendar.days or (day - easter(day.year)).days in calendar.easter


def working(day: date, calendar: Calendar) -> date:
    """The day itself, or the next one on which somebody works."""
    while off(day, calendar):
        day += timedelta(days=1)
    return day
