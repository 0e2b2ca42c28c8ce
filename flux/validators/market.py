"""
The market: what the installation's markets.toml adds to a piece that does not say it (domain 4.2, Fiche d'Identité du Marché).

CHECKS is empty: a market completes a piece; what is still missing then is found where it is needed, by the routing.
"""

from msgspec.structs import replace

from flux.model import Known
from flux.piece import Party, Piece
from flux.tables import Tables
from flux.validators import Check

CHECKS: tuple[Check, ...] = ()


def complete(piece: Piece, known: Known, tables: Tables) -> Piece:
    """
    The piece with its MOE and MOA: as it names them, else as its market says.

    In A4, A7 and A22 AIFE's own example names the one who must treat the piece in the valideur's place: read there as the MOE (local).
    """
    market = known.markets.get(piece.market)
    works = tables.works.get(piece.cadre)
    at_valideur = piece.valideur if works and works.moe_at_valideur else None
    return replace(
        piece,
        moe=_named(piece.moe) or _named(at_valideur) or (market.moe if market else None) or piece.moe,
        moa=_named(piece.moa) or (market.moa if market else None) or piece.moa,
    )


def _named(party: Party | None) -> Party | None:
    """The party when it has an identifier: a name alone sends a piece to nobody."""
    return party if party is not None and party.id else None
