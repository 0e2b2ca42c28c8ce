"""How the supplier is to be paid: means and account (domain 6.1 and 6.2). Stage specific: S2.05 is a rule of CII and Factur-X."""

from collections.abc import Iterator
from functools import lru_cache

from stdnum import iban

from flux.model import Finding, Known, Stage
from flux.piece import Piece
from flux.validators import Check, Context

CREDIT_NOTE = "381"
KEPT = 256  # accounts


def means(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """S2.05: the payment means is one of the list. A credit note has none to give, nor need a deposited PDF (domain 4.2); an absent one becomes Virement (G1.14), and is told."""
    codes = context.tables.codes
    if not piece.payment.code:
        if piece.type != CREDIT_NOTE and piece.mode == "edi":
            yield Finding("FLX-M20", "payment.code", facts=(("found", "—"), ("expected", ", ".join(sorted(codes.payment_means)))))
    elif piece.payment.code not in codes.payment_means:
        yield Finding("S2.05", "payment.code", facts=(("found", piece.payment.code), ("expected", ", ".join(sorted(codes.payment_means)))))


def account(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """G1.16: an IBAN is one, country form and key. A transfer without an account is told (domain 6.2, S: OCA)."""
    if piece.payment.iban:
        if not _is_iban(piece.payment.iban):
            yield Finding("G1.16", "payment.iban", facts=(("found", piece.payment.iban), ("expected", "IBAN")))
    elif piece.payment.code in context.tables.codes.payment_needs_iban:
        yield Finding("FLX-M22", "payment.iban", facts=(("found", "—"), ("expected", f"IBAN ({piece.payment.code})")))


@lru_cache(KEPT)
def _is_iban(text: str) -> bool:
    """Kept: the pieces of a batch are paid into few accounts, and to look up the form of a country takes longer than all other rules of this stage."""
    return bool(iban.is_valid(text))


CHECKS = (
    Check(Stage.SPECIFIC, ("S2.05", "FLX-M20"), means),
    Check(Stage.SPECIFIC, ("G1.16", "FLX-M22"), account),
)
