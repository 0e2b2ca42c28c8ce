"""Cadre × mode × kind of deposit, from the matrix; and what becomes of the cadres that are not works (domain 4.1). Stage cadre."""

from collections.abc import Iterator

from flux.model import Finding, Known, Stage
from flux.piece import Piece
from flux.validators import Check, Context


def works(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """A works cadre may be deposited so, in this mode: AIFE's matrix."""
    row = context.tables.works.get(piece.cadre)
    if row is None or (cell := row.cell(piece.mode, piece.deposit)) == "allowed":
        return
    facts = (("found", piece.cadre), ("mode", piece.mode), ("label_fr", row.label.fr), ("label_en", row.label.en))
    if piece.deposit == "association":
        if cell == "not_applicable" and any(link.cadre == piece.cadre and link.setting and getattr(context.policy, link.setting) for link in context.tables.life.chain):
            return
        code = "FLX-C02" if cell == "forbidden" else "FLX-C03"
        yield Finding(code, "previous", facts=(*facts, ("previous", piece.previous), ("expected", "initial")))
        return
    allowed = [cadre for cadre, other in context.tables.works.items() if other.cell(piece.mode, "initial") == "allowed"]
    yield Finding("FLX-C01" if cell == "forbidden" else "FLX-C04", "cadre", facts=(*facts, ("expected", ", ".join(allowed))))


def not_works(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """A3, A11, A21 have no place here; the others where the interface and the partner's setting say so."""
    row = context.tables.others.get(piece.cadre)
    if row is None:
        return
    facts = (("found", piece.cadre), ("label_fr", row.label.fr), ("label_en", row.label.en))
    if row.why is not None:
        yield Finding("FLX-C05", "cadre", facts=(*facts, ("why_fr", row.why.fr), ("why_en", row.why.en)))
    elif context.tables.interfaces[context.interface].works == "only":
        yield Finding("FLX-C07", "cadre", facts=(*facts, ("expected", context.interface)))
    elif context.policy.non_works == "refuse":
        yield Finding("FLX-C06", "cadre", facts=facts)


CHECKS = (
    Check(Stage.CADRE, ("FLX-C01", "FLX-C02", "FLX-C03", "FLX-C04"), works),
    Check(Stage.CADRE, ("FLX-C05", "FLX-C06", "FLX-C07"), not_works),
)
