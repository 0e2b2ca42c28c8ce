"""
Duplicates, at two levels: the flow's bytes, the piece's identity. The first copy is never touched by what happens to the second.

CHECKS is empty: these need the hash of the piece beside the piece, so process asks them itself, in stage duplicate.
"""

from collections.abc import Iterator

from flux.model import Deposited, Finding, Known
from flux.piece import Piece, identity
from flux.validators import Check
from flux.when import day_of

CHECKS: tuple[Check, ...] = ()


def duplicate(piece: Piece, sha256: str, known: Known) -> Iterator[Finding]:
    """FLX-D01: this very piece was accepted before. FLX-D02: another document of the same supplier and number was."""
    first = known.deposited.get(identity(piece))
    if first is not None:
        yield Finding("FLX-D01" if first.sha256 == sha256 else "FLX-D02", "number", facts=(("found", piece.number), *_first(first)))


def duplicate_flow(first: str) -> Finding:
    """FLX-D03: these bytes were already received, as flow *first*, whose answer stands."""
    return Finding("FLX-D03", facts=(("found", first),))


def _first(first: Deposited) -> tuple[tuple[str, str], ...]:
    return ("flow", first.flow), ("ordinal", str(first.ordinal)), ("date", day_of(first.at).isoformat())
