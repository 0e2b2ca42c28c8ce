"""
The nouns of re-injection: what may be taken up again, what was asked, what is made of it. Frozen values, no I/O, no clock.

What was refused is judged again as a new flow, linked to the first: old rows never change. What is held has no decision yet, so that there is
nothing to replace: it is given a new budget of attempts, and keeps its id and its day.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeAlias

from msgspec import Struct

from flux.model import Again, FlowVerdict

Mark: TypeAlias = "tuple[str, str, int, str]"  # of an error: code, field, line, XPath


class State(StrEnum):
    """Where a re-injection stands. PREVIEWED: nothing is made yet. ABORTED: what was made is judged, the rest is not made."""

    PREVIEWED = "PREVIEWED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    ABORTED = "ABORTED"
    DONE = "DONE"


class Stage(StrEnum):
    """Where one of its units stands. SKIPPED: somebody else took it up meanwhile, or it moved on."""

    WAITS = "WAITS"
    MADE = "MADE"
    SKIPPED = "SKIPPED"


class Why(StrEnum):
    """Why something that was named is not taken up; the words for it are in tables/words.toml, group again."""

    ACCEPTED = "accepted"    # what was accepted is never judged, nor sent, twice
    UNDER_WAY = "under_way"  # a re-injection of it is being judged
    SAME = "same"            # it was taken up, and refused again for the same cause
    DUPLICATE = "duplicate"  # its bytes went in with another flow
    INCIDENT = "incident"    # it was given up, and its sender told to send it again
    UNDECIDED = "undecided"  # it is being judged for the first time
    PURGED = "purged"        # its content was let go of


class Named(Struct, frozen=True):
    """A flow that a person named, or some of its pieces: () is all of them."""

    flow: str
    ordinals: tuple[int, ...] = ()


class Wanted(Struct, frozen=True):
    """
    What is to be taken up: what is named, or else what the filter finds. since, until: days of reception in Paris.

    cause: code of an error that refused it, or for which it is held. alone: only what no other code refuses. again: also what was refused again
    for the same cause.
    """

    named: tuple[Named, ...] = ()
    cause: str = ""
    partner: str = ""
    number: str = ""
    since: date | None = None
    until: date | None = None
    alone: bool = False
    again: bool = False

    def fits(self, codes: tuple[str, ...]) -> bool:
        """Whether what is refused, or held, for these is meant."""
        return (not self.cause or self.cause in codes) and (not self.alone or len(codes) == 1)


class Candidate(Struct, frozen=True):
    """
    A refused piece, or a flow that was refused whole or is held (ordinal 0). why: it may not be taken up, "" when it may.

    marks: its errors; codes: of these, or the fault for which it is held.
    """

    flow: str
    ordinal: int
    partner: str
    number: str
    codes: tuple[str, ...] = ()
    marks: frozenset[Mark] = frozenset()
    held: bool = False
    why: str = ""


class Corrected(Struct, frozen=True):
    """The file that comes in a flow's place: content already."""

    name: bytes
    sha256: str
    size: int


class Unit(Struct, frozen=True):
    """
    What one re-injection takes up of one flow. ordinals: () for a flow without pieces, refused whole or held.

    child: the flow that was made of it, "" while there is none; of a held one, itself.
    """

    parent: str
    partner: str
    ordinals: tuple[int, ...] = ()
    held: bool = False
    corrected: Corrected | None = None
    stage: Stage = Stage.WAITS
    child: str = ""

    @property
    def count(self) -> int:
        """Pieces, for its pace: a flow of which none is known yet counts as one."""
        return max(1, len(self.ordinals))


class Reinjection(Struct, frozen=True):
    """
    A re-injection as recorded. count: pieces, as previewed and typed back (of a flow that cannot be judged, one). rate: pieces a minute, 0 for as fast as it goes.

    asked: the filter, as JSON. second: who agreed, "" when nobody had to.
    """

    id: str
    by: str
    reason: str
    asked: str
    count: int
    at: datetime
    state: State = State.PREVIEWED
    second: str = ""
    rate: int = 0


class Turn(Struct, frozen=True):
    """What one step of it did. state: as it is now; pieces: made by this step; done, left: units."""

    state: State
    pieces: int = 0
    done: int = 0
    left: int = 0


class Results(Struct, frozen=True):
    """
    What became of a re-injection so far. made, skipped, left: units; the others are pieces.

    same: of the refused, those that are refused for the same cause as before. open: not decided yet. held: flows that wait for a person.
    """

    made: int = 0
    skipped: int = 0
    left: int = 0
    accepted: int = 0
    refused: int = 0
    same: int = 0
    open: int = 0
    held: int = 0


def marks_of(findings: Iterable[Mapping[str, Any]]) -> frozenset[Mark]:
    """The errors among findings of the contract: which, and where. Facts are left out: a figure that moved is the same cause."""
    errors = (f for f in findings if f["severity"] == "error")
    return frozenset((f["code"], f["field"] or "", f["line"] or 0, f["xpath"] or "") for f in errors)


def codes_of(marks: Iterable[Mark]) -> tuple[str, ...]:
    """The codes among them, each once."""
    return tuple(sorted({mark[0] for mark in marks}))


def units_of(candidates: Iterable[Candidate]) -> tuple[Unit, ...]:
    """One unit a flow of what may be taken up, in their order."""
    found: dict[str, Unit] = {}
    for one in candidates:
        if one.why:
            continue
        before = found.get(one.flow)
        ordinals = (*(before.ordinals if before else ()), *((one.ordinal,) if one.ordinal else ()))
        found[one.flow] = Unit(one.flow, one.partner, ordinals, one.held)
    return tuple(found.values())


def child_of(unit: Unit, ordinals: tuple[int, ...], parent: Again | None, pieces: int, reinjection: str, replaces: str) -> Again:
    """
    What is kept with the flow that is made. *ordinals*: still to be had; *parent*: of its flow; *pieces*: how many that flow had.

    The whole of a flow is told as such, so that its answer reads as one to the whole.
    """
    partial = parent is not None and bool(parent.ordinals)
    of = parent.of if parent is not None and partial else pieces
    ordinals = ordinals or (parent.ordinals if parent is not None else ())  # a part that was refused whole is the same part again
    whole = len(ordinals) == pieces and not partial
    return Again(
        parent=unit.parent, root=parent.root if parent else unit.parent, reinjection=reinjection, pieces=() if whole else tuple(sorted(ordinals)),
        of=0 if unit.corrected else of, sequence=(parent.sequence if parent else 1) + 1, replaces=replaces, corrected=unit.corrected is not None,
    )  # fmt: skip


OFFERED = (FlowVerdict.REJECTED, FlowVerdict.PARTIAL)  # of flows that were decided
