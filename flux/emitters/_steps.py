"""
Steps: what a life-cycle flow tells, whatever its form. A deposit makes them of its decision, an act of its moves: one way from there on.

A move that leaves its piece where it was (an acknowledgement) is no step: told again, a rejection would read as a second one.
"""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from flux.dossier import Move, Routing, Standing
from flux.emitters import Moved, Told
from flux.emitters._names import replaced, report_stem
from flux.lifecycle import current, doer
from flux.model import Decided, Severity, VerdictKind
from flux.piece import Actor, Party, Piece
from flux.tables import Tables

_DEPOSITED = "DEPOSEE"  # happened at reception; every other status at the decision


class Step(Struct, frozen=True):
    """
    A status that a piece reached: at, when; received: when the piece was deposited. seq: of the move, from 1.

    by: who brought it there, None when flux did; turn: whose turn it was then, None when nobody's. comment: in French, whole.
    """

    piece: Piece
    seq: int
    status: str
    at: datetime
    received: datetime
    by: Actor | None = None
    turn: Actor | None = None
    motive: str = ""
    comment: str = ""


def of_deposit(letter: Told) -> Iterator[Step]:
    """What the pieces of a flow reached by their deposit alone; of one that was re-injected, also which answer this replaces."""
    for decided in letter.decision.pieces:
        comment = " ".join(filter(None, (_refusal(decided, letter), replaced(letter))))
        for seq, status in enumerate(decided.verdict.statuses, 1):
            at = letter.flow.received_at if status == _DEPOSITED else letter.at
            yield Step(decided.piece, seq, status, at, letter.flow.received_at, comment=comment)


def of_moves(letter: Moved) -> Iterator[Step]:
    """What a piece reached by these moves; one that leaves it where it stands is told when it says something."""
    standing = letter.standing
    piece, received = current(standing), standing.moves[0].at
    for move in letter.moves:
        before = _before(standing, move)
        if before is None or before.status != move.status or move.comment.strip():
            comment = " ".join(filter(None, (_motive(move, letter.tables), move.comment.strip(), _routing(move.routing))))
            turn = before.waits if before else None
            yield Step(piece, move.seq, move.status, move.at, received, doer(standing, move), turn, move.motive, comment)


def _before(standing: Standing, move: Move) -> Move | None:
    return next((other for other in reversed(standing.moves) if other.seq < move.seq), None)


def _refusal(decided: Decided, letter: Told) -> str:
    """For a refused piece, its codes with their labels: the whole is in the integration report, which is named."""
    if decided.verdict.kind is not VerdictKind.REJECTED:
        return ""
    errors = {told["code"] for told in map(letter.worded, decided.verdict.findings) if told["severity"] == Severity.ERROR}
    listed = " ; ".join(f"{code} {letter.tables.catalogue[code].label}" for code in sorted(errors))
    return f"{listed}. Détail : {report_stem(letter)}.xml"


def _motive(move: Move, tables: Tables) -> str:
    """A motive with Chorus Pro's own number, where that is known."""
    row = tables.life.motives.get(move.motive)
    return "" if row is None else f"Motif {move.motive}{f' ({row.id})' if row.id else ''} : {row.label.fr}."


def _routing(routing: Routing | None) -> str:
    """What a recycling corrected."""
    if routing is None:
        return ""
    parties = (("MOE", routing.moe), ("MOA", routing.moa), ("valideur", routing.valideur), ("destinataire", routing.recipient))
    told = [f"{name} {_named(party)}" for name, party in parties if party is not None]
    told += [f"{name} {value or '—'}" for name, value in (("code service", routing.service), ("engagement", routing.engagement)) if value is not None]
    return f"Acheminement corrigé : {', '.join(told)}." if told else ""


def _named(party: Party) -> str:
    return f"{party.id} {party.name}".strip()
