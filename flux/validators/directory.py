"""
The structure directory: the recipient exists, is active, and is told what it wants to be told; the works actors are known (domain 6.2, 7).

Asked beside the ledger, of what the piece itself names: what ``markets.toml`` adds is the operator's, and no sender is blamed for it. Silent
when no directory was ever imported. Only SIRETs (type 1) are looked up. The public platform says "engagement" in one of its texts where it
means the service code (domain 6.3): ours name what is missing.
"""

from collections.abc import Iterator

from flux.model import Finding, Known, Stage
from flux.piece import Party, Piece
from flux.structures import Directory, Structure
from flux.validators import Check, Context

_SIRET = ("", "1")  # of a recipient "" is a SIRET too: identity demands 14 digits of it


def recipient(piece: Piece, known: Known, _context: Context) -> Iterator[Finding]:
    """FLX-R01 unknown, R02 inactive, R04 only a MOA."""
    party = piece.recipient
    if known.directory is None or party.type not in _SIRET or not party.id:
        return
    structure = known.directory.structures.get(party.id)
    if structure is None:
        yield _about("FLX-R01", "recipient.id", party.id, known.directory)
    elif not structure.active:
        yield _about("FLX-R02", "recipient.id", party.id, known.directory, structure)
    elif structure.moa_only:
        yield _about("FLX-R04", "recipient.id", party.id, known.directory, structure)


def service(piece: Piece, known: Known, _context: Context) -> Iterator[Finding]:
    """FLX-R05 missing, R06 unknown, R07 inactive."""
    structure, directory = _recipient(piece, known), known.directory
    if structure is None or directory is None:
        return
    code = piece.recipient.service
    if not code:
        if structure.service:
            yield _about("FLX-R05", "recipient.service", "—", directory, structure, expected=_some(structure))
    elif structure.services is not None:
        found = structure.services.get(code)
        if found is None:
            yield _about("FLX-R06", "recipient.service", code, directory, structure, expected=_some(structure))
        elif not found.active:
            yield _about("FLX-R07", "recipient.service", code, directory, structure, expected=_some(structure))


def engagement(piece: Piece, known: Known, _context: Context) -> Iterator[Finding]:
    """FLX-R08 the structure wants it, R09 the service wants it, R10 one of service code and engagement number."""
    structure, directory = _recipient(piece, known), known.directory
    if structure is None or directory is None or piece.engagement:
        return
    code = piece.recipient.service
    named = (structure.services or {}).get(code)
    if structure.engagement:
        yield _about("FLX-R08", "engagement", "—", directory, structure)
    elif named is not None and named.active and named.engagement:
        yield _about("FLX-R09", "engagement", "—", directory, structure, service=code)
    elif structure.either and not structure.service and not code:
        yield _about("FLX-R10", "recipient.service", "—", directory, structure, expected=_some(structure))


def works_actors(piece: Piece, known: Known, context: Context) -> Iterator[Finding]:
    """The MOA is one (FLX-R03); a MOE (R11, R12) or a MOA (R13, R14) that is unknown or inactive is told. Whoever is the recipient too was told there."""
    if known.directory is None or piece.cadre not in context.tables.works:
        return
    at_valideur = piece.moe is not None and piece.moe == piece.valideur
    actors = (("valideur" if at_valideur else "moe", piece.moe, "FLX-R11", "FLX-R12"), ("moa", piece.moa, "FLX-R13", "FLX-R14"))
    for field, party, unknown, inactive in actors:
        if party is None or party.type != "1" or not party.id:
            continue
        structure = known.directory.structures.get(party.id)
        if field == "moa" and structure is not None and not structure.moa:
            yield _about("FLX-R03", "moa.id", party.id, known.directory, structure)
        elif _is_recipient(party, piece):
            continue
        elif structure is None:
            yield _about(unknown, f"{field}.id", party.id, known.directory)
        elif not structure.active:
            yield _about(inactive, f"{field}.id", party.id, known.directory, structure)


def _recipient(piece: Piece, known: Known) -> Structure | None:
    """The recipient's structure, when it may receive at all: what a closed one wants to be told helps nobody."""
    party = piece.recipient
    if known.directory is None or party.type not in _SIRET:
        return None
    structure = known.directory.structures.get(party.id)
    return structure if structure is not None and structure.active else None


def _is_recipient(party: Party, piece: Piece) -> bool:
    return piece.recipient.type in _SIRET and party.id == piece.recipient.id


def _some(structure: Structure) -> str:
    """Codes that would do, a few; "—" when nothing is known of its services."""
    return ", ".join(structure.some) or "—"


def _about(code: str, field: str, found: str, directory: Directory, structure: Structure | None = None, **more: str) -> Finding:
    who = (("name", structure.name or "—"), ("siret", structure.id)) if structure else ()
    return Finding(code, field, facts=(("found", found), *who, ("as_of", directory.as_of.isoformat()), *more.items()))


CHECKS = (
    Check(Stage.DIRECTORY, ("FLX-R01", "FLX-R02", "FLX-R04"), recipient),
    Check(Stage.DIRECTORY, ("FLX-R05", "FLX-R06", "FLX-R07"), service),
    Check(Stage.DIRECTORY, ("FLX-R08", "FLX-R09", "FLX-R10"), engagement),
    Check(Stage.DIRECTORY, ("FLX-R03", "FLX-R11", "FLX-R12", "FLX-R13", "FLX-R14"), works_actors),
)
