"""Names for flows: time-ordered, readable, never re-used, with 50 bits of luck and no byte of a sender. Clock and luck are handed in."""

from collections.abc import Callable
from datetime import UTC, datetime

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letter that is read as another
LUCK_BITS = 50


def new_id(now: datetime, luck: Callable[[int], int]) -> str:
    """``20261123T081156123Z-7k3q9x2m4b``: UTC to the millisecond, then ten letters. *luck(bits)* gives a random integer."""
    number = luck(LUCK_BITS)
    letters = "".join(ALPHABET[number >> shift & 31] for shift in range(LUCK_BITS - 5, -5, -5))
    at = now.astimezone(UTC)
    return f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03d}Z-{letters}"
