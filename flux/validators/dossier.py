"""
The dossier: the piece on which another is deposited, and what is carried over from it (domain 4.2). Stage dossier.

CHECKS is empty: these need who deposits and what the ledger holds beside the piece, so process asks them itself.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from flux.dossier import Standing
from flux.lifecycle import SUPPLIERS, current, depositor_of, link_of, party_of, standable
from flux.model import Finding, Known
from flux.piece import Actor, Party, Piece
from flux.tables import Tables
from flux.validators import Check

CHECKS: tuple[Check, ...] = ()

ASSOCIATION = "association"
_CARRIED = ("market", "engagement", "supplier", "recipient", "valideur", "moe", "moa")


def depositor(piece: Piece, tables: Tables) -> Iterator[Finding]:
    """FLX-W15: a deposit that says as whom it is made is made by who deposits this cadre (domain 4.1)."""
    claimed = piece.depositor
    if claimed is None:
        return
    expected = depositor_of(piece, tables)
    alike = claimed.role == expected.role or (claimed.role in SUPPLIERS and expected.role in SUPPLIERS)
    if not alike or (expected.id and claimed.id != expected.id):
        facts = (("found", _told(claimed)), ("cadre", piece.cadre), ("expected", _told(expected)))
        yield Finding("FLX-W15", "cadre", facts=facts)


def previous(piece: Piece, known: Known) -> Standing | None:
    """
    The accepted piece that this one names as the one before; None when no such piece is known.

    Several may have one number: those of its market, then those of which the depositor is an actor, then the newest.
    """
    if piece.deposit != ASSOCIATION:
        return None
    found = known.standing.get(piece.previous, ())
    of_its_market = tuple(s for s in found if not piece.market or s.piece.market == piece.market) or found
    of_its_actor = tuple(s for s in of_its_market if piece.depositor is None or piece.depositor.id in named_in(current(s))) or of_its_market
    return of_its_actor[-1] if of_its_actor else None


def association(piece: Piece, before: Standing | None, tables: Tables) -> Iterator[Finding]:
    """Whether this piece, completed by carry(), may be deposited on that one: known, in order, by the right actor, without contradiction, in time."""
    if piece.deposit != ASSOCIATION:
        return
    if before is None:
        yield Finding("FLX-W10", "previous", facts=(("found", piece.previous),))
        return
    link = link_of(piece, before, tables)
    if link is None:
        may = ", ".join(f"{row.cadre} ({row.by})" for row in tables.life.follows(before.piece.cadre)) or "—"
        yield Finding("FLX-W12", "cadre", facts=(("found", piece.cadre), ("previous", before.piece.cadre), ("expected", may)))
        return
    owner, mine = party_of(current(before), link.by), depositor_of(piece, tables)
    if owner is not None and owner.id and owner.id != mine.id:
        facts = (("found", _told(mine)), ("cadre", piece.cadre), ("expected", _told(Actor(link.by, owner.id))))
        yield Finding("FLX-W13", "previous", facts=facts)
        return
    yield from _contradictions(piece, current(before))
    if not standable(before, link.act, tables):
        label = tables.life.statuses[before.status].label
        standing = (("found", before.piece.number), ("status", before.status), ("label", label.en), ("label_fr", label.fr))
        yield Finding("FLX-W11", "previous", facts=standing)


def carry(piece: Piece, before: Standing | None) -> tuple[Piece, tuple[str, ...]]:
    """The piece with what it leaves to the one before it: market, engagement, parties. Gives the names of the fields that were taken over."""
    if before is None:
        return piece, ()
    theirs = current(before)
    taken = {name: getattr(theirs, name) for name in _CARRIED if not _says(getattr(piece, name)) and _says(getattr(theirs, name))}
    return replace(piece, **taken), tuple(taken)


def _contradictions(piece: Piece, before: Piece) -> Iterator[Finding]:
    """FLX-W14: market, supplier and recipient are those of the dossier."""
    pairs = (("market", piece.market, before.market), ("supplier.id", piece.supplier.id, before.supplier.id), ("recipient.id", piece.recipient.id, before.recipient.id))
    for field, mine, theirs in pairs:
        if mine and theirs and mine != theirs:
            yield Finding("FLX-W14", field, facts=(("found", mine), ("expected", theirs)))


def _says(value: str | Party | None) -> bool:
    return bool(value.id if isinstance(value, Party) else value)


def named_in(piece: Piece) -> set[str]:
    """The identifiers of everybody whom the piece names."""
    return {party.id for party in (piece.supplier, piece.recipient, piece.valideur, piece.moe, piece.moa) if party is not None and party.id}


def _told(actor: Actor) -> str:
    return f"{actor.role} {actor.id or '—'}"
