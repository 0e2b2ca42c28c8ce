"""Times: aware and UTC inside, Europe/Paris at the edge. Pure: nobody asks for the hour here."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")


@lru_cache(256)
def moment(at: datetime) -> str:
    """An aware instant as flux writes it: UTC, microseconds, sortable as text. Kept: all that is written of a flow happened at few instants."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def instant(text: str) -> datetime:
    """The aware instant that moment() wrote."""
    return datetime.fromisoformat(text)


def day_of(at: datetime) -> date:
    """The calendar day of an instant in Paris."""
    return at.astimezone(PARIS).date()


def span_of(day: date) -> tuple[datetime, datetime]:
    """The instants between which a Paris day lies: 23, 24 or 25 hours."""
    return datetime.combine(day, time(), PARIS), datetime.combine(day + timedelta(days=1), time(), PARIS)


def in_paris(at: datetime) -> datetime:
    """The instant as a reader in France tells it: with the offset of that day."""
    return at.astimezone(PARIS)
