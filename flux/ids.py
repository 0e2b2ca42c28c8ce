"""Names for flows: time-ordered, readable, never re-used, with 50 bits of luck and no byte of a sender. Clock and luck are handed in."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letter that is read as another
LUCK_BITS = 50


def new_id(now: datetime, luck: Callable[[int], int]) -> str:
    """``20261123T081156123Z-7k3q9x2m4b``: UTC to the millisecond, then ten letters. *luck(bits)* gives a random integer."""
    at = now.astimezone(UTC)
    return f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03d}Z-{_letters(luck(LUCK_BITS))}"


def member_id(batch: str, name: bytes) -> str:
    """
    The id of one file claimed in a batch: the batch's time, and ten letters that follow from the batch's luck and the file's name.

    Derived, so that after a crash the same claim has the same id without anything else being written.
    """
    digest = hashlib.sha256(batch.encode() + b"\x00" + name).digest()
    return f"{batch.partition('-')[0]}-{_letters(int.from_bytes(digest[:8], 'big') & (1 << LUCK_BITS) - 1)}"


def _letters(number: int) -> str:
    return "".join(ALPHABET[number >> shift & 31] for shift in range(LUCK_BITS - 5, -5, -5))
