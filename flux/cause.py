"""
Causes: what refuses pieces, or holds flows, by code, place and partner. Frozen values and how a decision tells them; pure.

A place is the field of the piece, without its numbers: one cause whatever the syntax. What is about no field (a schema, an archive) stands at its
XPath without positions. A place that a stranger's document names is cut, and each code has so many places a partner: see ``stores._causes``.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from msgspec import Struct

from flux.model import Decision, Finding, Severity, VerdictKind

MOST_PLACE = 160     # characters of a place
ELSEWHERE = "…"      # the place of what stands at more places than are kept apart
EXAMPLES = 3         # of a cause, in a list
TREND_DAYS = 7       # a trend is so many days against as many before
_MORE = "FLX-L18"    # more was found than is told
_NUMBERS = re.compile(r"\[[^\]]*\]")


class Met(Struct, frozen=True):
    """
    A piece, or with ordinal 0 the flow itself, that a code refuses or holds.

    alone: no other code refuses it, as far as everything is told: exactly what may pass once that rule is put right.
    """

    ordinal: int
    code: str
    place: str
    alone: bool


class Example(Struct, frozen=True):
    """A piece, or with ordinal 0 a flow, that a cause refused or holds. number: "" for a flow, or what could not be read."""

    flow: str
    ordinal: int
    number: str = ""


class Cause(Struct, frozen=True):
    """
    A cause as the ledger counts it. ours: it holds flows for a reason of ours, or an operator's; else it refuses what a sender sent.

    count: of pieces and flows, in the time that was asked about. pack: the rules under which it was first seen, "" for a hold.
    days: by day, oldest first, twice TREND_DAYS of them, up to the day that was asked about. examples: where it was met last, the newest first.
    """

    id: int
    code: str
    place: str
    partner: str
    ours: bool
    count: int
    first: datetime
    last: datetime
    pack: str
    days: tuple[int, ...] = ()
    examples: tuple[Example, ...] = ()


class Sought(Struct, frozen=True):
    """Which causes; "" and None ask for nothing. ours: True or False for one side alone. since: a day in Paris. limit: of causes."""

    partner: str = ""
    code: str = ""
    since: date | None = None
    ours: bool | None = None
    limit: int = 50


class Blamed(Struct, frozen=True):
    """A piece, or with ordinal 0 a flow, that a cause refused or holds, for reading. number, supplier: "" for a flow, or what could not be read."""

    flow: str
    ordinal: int
    code: str
    place: str
    partner: str
    at: datetime
    alone: bool
    number: str = ""
    supplier: str = ""


def place_of(field: str, xpath: str) -> str:
    """Where, without the numbers that make each document another."""
    return _NUMBERS.sub("", field or xpath)[:MOST_PLACE]


def met(decision: Decision, weigh: Callable[[Finding], Severity]) -> Iterator[Met]:
    """What this decision refuses, by code and place, each once a piece."""
    flow = tuple(_reasons(0, [(f.code, f.field, f.xpath, weigh(f) is Severity.ERROR) for f in decision.findings], sole=True))
    yield from flow
    for d in decision.pieces:
        if d.verdict.kind is VerdictKind.REJECTED:
            yield from _reasons(d.piece.ordinal, [(f.code, f.field, f.xpath, weigh(f) is Severity.ERROR) for f in d.verdict.findings], sole=not flow)


def met_as_told(ordinal: int, findings: Iterable[Mapping[str, Any]], *, sole: bool) -> tuple[Met, ...]:
    """The same of findings as they were told (``told.finding``). *sole*: nothing refuses the flow itself."""
    return tuple(_reasons(ordinal, [(f["code"], f["field"] or "", f["xpath"] or "", f["severity"] == Severity.ERROR) for f in findings], sole=sole))


def _reasons(ordinal: int, found: list[tuple[str, str, str, bool]], *, sole: bool) -> Iterable[Met]:
    codes = {code for code, _, _, refuses in found if refuses}
    # Errors are told before warnings: where more was found than is told, all errors are known only if something else is told as well.
    whole = not any(code == _MORE for code, *_ in found) or any(not refuses and code != _MORE for code, _, _, refuses in found)
    alone = sole and len(codes) == 1 and whole
    return dict.fromkeys(Met(ordinal, code, place_of(field, xpath), alone) for code, field, xpath, refuses in found if refuses)
