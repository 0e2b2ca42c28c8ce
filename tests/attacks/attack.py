"""What an attack is, and the good piece that each of them is a bent copy of, or stands beside."""

import random
from collections.abc import Callable
from typing import NamedTuple

from rig import EXAMPLES

SEED = 20261125
PIECE = next(EXAMPLES.glob("03-moe-of-the-market/*.xml")).read_bytes()
NUMBER = b"PDF-2026-0301"
AMOUNT = b"122502.18"
MEBIBYTE = 1 << 20


class Attack(NamedTuple):
    """
    A file that means harm, made anew from a serial number, so that no two are alike.

    codes: of the errors told, each must be one of these, and one must be there; "*" is any. harmless: it may also go in, with every piece.
    document: it is one piece, so that it is tried inside a batch of good ones too. pieces: that it has, unless it is refused as a whole;
    0: nobody counts them.
    """

    name: str
    make: Callable[[int], bytes]
    codes: frozenset[str] = frozenset()
    harmless: bool = False
    suffix: str = ".xml"
    document: bool = True
    pieces: int = 0

    def kept(self, errors, accepted):
        """Whether what was told of it is what must be told."""
        return errors <= self.codes if errors else self.harmless and accepted


def attack(name, make, *codes, **more):
    return Attack(name, make, frozenset(codes), harmless=more.pop("harmless", not codes), **more)


def luck(name):
    """The same luck for everybody, another for each family."""
    return random.Random(f"{SEED} {name}")  # noqa: S311 - it is to be foreseen


def late(making):
    """An attack that is large is made when its turn comes, and forgotten."""
    return lambda serial: making()(serial)  # noqa: PLW0108 - not before it is asked for


def good(serial, part=0):
    """A piece that goes in: its number is its own."""
    return PIECE.replace(NUMBER, b"G-%d-%d" % (serial, part))


def bent(*changes):
    """A good piece in which each (old, new) was changed, once. What is to be changed must be there."""
    for old, _ in changes:
        assert old in PIECE, old

    def make(serial):
        made = good(serial)
        for old, new in changes:
            made = made.replace(old, new, 1)
        return made

    return make
