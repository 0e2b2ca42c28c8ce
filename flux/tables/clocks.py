"""
The delays as a table (domain 5.4): how many days, what starts one and what ends it, whom it binds, what is due once it has passed.

Read and checked with the other tables (``tables.load``); the words of a row are explained in clocks.toml.
"""

import re
from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from flux.faults import Fault
from flux.tables._reading import Home, Text, read, shaped
from flux.tables.life import ROLES, Life

PIECE, DOSSIER = "piece", "dossier"
TACIT, NOTICE, LATE = "tacit", "notice", "late"
OWN = "own"
_PASSES, _SUSPENDS = (TACIT, NOTICE, LATE), ("", OWN, DOSSIER)
_LEAP = 2000  # a year in which each month-day is a date


class Calendar(Struct, frozen=True, forbid_unknown_fields=True):
    """The days on which nobody works: days as month-day, easter as days after Easter Sunday."""

    days: frozenset[str]
    easter: frozenset[int]
    article: str
    local: str = ""


class Suspension(Struct, frozen=True, forbid_unknown_fields=True):
    """The statuses that begin and end a suspension."""

    begins: str
    ends: str


class Payer(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of payer and its days."""

    label: Text
    days: int
    article: str
    source: str


class Delay(Struct, frozen=True, forbid_unknown_fields=True):
    """A row of clocks.toml."""

    label: Text
    of: str
    days: int
    starts: tuple[str, ...]
    binds: str
    passes: str
    article: str
    source: str
    ends: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    cadres: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    after: str = ""
    suspends: str = ""
    restart: int = 0
    rolls: bool = False
    act: str = ""
    local: str = ""

    def concerns(self, cadre: str) -> bool:
        """Whether a piece of this cadre, or a dossier that begins with one, has this delay."""
        return cadre not in self.without and (not self.cadres or cadre in self.cadres)


class Clocks(Struct, frozen=True):
    """payers: by kind; delays: by name, in the order of the table."""

    calendar: Calendar
    suspension: Suspension
    payers: dict[str, Payer]
    delays: dict[str, Delay]

    def payer(self, kind: str) -> Payer:
        """The payer of this kind; "" is one whose kind is not known: the shortest delay. Raises Fault for a kind that the table does not have."""
        if not kind:
            return min(self.payers.values(), key=lambda payer: payer.days)
        if kind not in self.payers:
            raise Fault("FLX-I125", kind=kind, known=", ".join(self.payers))
        return self.payers[kind]


def load(home: Home = None) -> Clocks:
    """Read the table. Raises Fault when a row has not its shape; what rows say of one another: see faults()."""
    raw = read("clocks.toml", home)
    return Clocks(
        calendar=shaped("clocks.toml [calendar]", raw.get("calendar"), Calendar),
        suspension=shaped("clocks.toml [suspension]", raw.get("suspension"), Suspension),
        payers=shaped("clocks.toml [payer]", raw.get("payer"), dict[str, Payer]),
        delays=shaped("clocks.toml [delay]", raw.get("delay"), dict[str, Delay]),
    )


def faults(clocks: Clocks, life: Life, cadres: frozenset[str]) -> Iterator[Fault]:
    """What contradicts itself, or the life of a piece. cadres: every one that is known."""
    if wrong := {day for day in clocks.calendar.days if not _is_day(day)}:
        yield Fault("FLX-I30", table="clocks.toml", row=f"calendar {', '.join(sorted(wrong))}", expected="MM-DD")
    if wrong := {clocks.suspension.begins, clocks.suspension.ends} - life.statuses.keys():
        yield Fault("FLX-I30", table="clocks.toml", row=f"suspension {', '.join(sorted(wrong))}", expected="statuses.toml")
    if not clocks.payers or (wrong := {kind for kind, payer in clocks.payers.items() if not kind or payer.days < 1}):
        yield Fault("FLX-I30", table="clocks.toml", row=f"payer {', '.join(sorted(wrong))}" if clocks.payers else "payer", expected="days ≥ 1")
    before: list[str] = []
    for name, row in clocks.delays.items():
        if wrong := _unknown(row, life, cadres, before) | set(_crooked(row, life)):
            yield Fault("FLX-I30", table="clocks.toml", row=f"{name}: {', '.join(sorted(wrong))}", expected=_EXPECTED)
        before.append(name)


_EXPECTED = "statuses.toml, transitions.toml, roles, cadres, a delay above"


def _is_day(text: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d\d-\d\d", text)) and bool(date.fromisoformat(f"{_LEAP}-{text}"))
    except ValueError:
        return False


def _unknown(row: Delay, life: Life, cadres: frozenset[str], before: list[str]) -> set[str]:
    """What a row names and nobody knows."""
    acts = {move.act for move in life.transitions}
    statuses = {*row.starts, *row.ends, *row.stops} - life.statuses.keys()
    return statuses | ({*row.acts, row.act} - acts - {""}) | ({*row.cadres, *row.without, *row.on} - cadres) | ({row.binds} - set(ROLES)) | ({row.after} - {"", *before})


def _crooked(row: Delay, life: Life) -> Iterator[str]:
    """What a row says that goes against another of its words."""
    if row.of not in (PIECE, DOSSIER) or (row.of == PIECE and (row.on or row.after or row.suspends == DOSSIER)):
        yield "of"
    if row.days < 0 or (row.days == 0 and row.of == PIECE):
        yield "days"
    if row.passes not in _PASSES or (row.passes == TACIT and not row.act) or (row.act and (row.passes == LATE or row.of != PIECE)):
        yield "passes"
    if row.suspends not in _SUSPENDS or bool(row.suspends) != (row.restart > 0):
        yield "suspends"
    if not row.starts or not (row.ends or row.acts) or len({*row.starts, *row.ends, *row.stops}) < len([*row.starts, *row.ends, *row.stops]):
        yield "starts"
    if row.cadres and row.without:
        yield "without"
    system = [move for move in life.transitions if move.act == row.act and move.by == ("systeme",)]
    if row.act and not any(set(row.starts) <= set(move.from_) for move in system):
        yield "act"
