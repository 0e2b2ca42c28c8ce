"""What a deposit in the mode service or portail must say that a flow need not: its VAT type (domain 4.2, 4.4). Stage generic."""

from collections.abc import Iterator

from flux.depot import VAT_TYPES
from flux.model import Finding, Known, Stage
from flux.piece import FOREIGN, Piece
from flux.validators import UNIT, Check, Context

WITHOUT_VAT = frozenset({"EXONERATION", "SANS_TVA"})


def vat_type(piece: Piece, _known: Known, _context: Context) -> Iterator[Finding]:
    """FLX-T22: one of four. FLX-T24: a piece that is exempt, or without VAT, carries none."""
    if piece.mode == "edi":
        return
    if piece.vat_regime not in VAT_TYPES:
        yield Finding("FLX-T22", "vat_regime", facts=(("found", piece.vat_regime or "—"), ("expected", ", ".join(VAT_TYPES))))
    elif piece.vat_regime in WITHOUT_VAT:
        amounts = piece.amounts
        implied = amounts.ttc - amounts.ht if amounts.ttc is not None and amounts.ht is not None else None
        if told := next((amount for amount in (amounts.tva, *(row.amount for row in piece.vat), implied) if amount), None):
            yield Finding("FLX-T24", "amounts.tva", facts=(("found", str(told)), ("type", piece.vat_regime), ("expected", "0")))


def vat_lines(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """
    FLX-T25: a deposit gives VAT lines when there are several rates (domain 4.2). Without any, its VAT must be that of one French rate.

    Within one unit of the currency, as a line's own (FLX-M03). A foreign supplier may have a rate that France has not.
    """
    ht, tva = piece.amounts.ht, piece.amounts.tva
    if piece.mode == "edi" or piece.vat or ht is None or tva is None or piece.vat_regime in WITHOUT_VAT or piece.supplier.type in FOREIGN:
        return
    rates = context.tables.codes.vat_rates
    if all(abs(ht * rate / 100 - tva) > UNIT for rate in rates):
        yield Finding("FLX-T25", "amounts.tva", facts=(("found", f"{tva} / {ht}"), ("expected", ", ".join(f"{rate} %" for rate in rates))))


CHECKS = (Check(Stage.GENERIC, ("FLX-T22", "FLX-T24"), vat_type), Check(Stage.GENERIC, ("FLX-T25",), vat_lines))
