"""
Amounts that add up (domain 6.2). Stage generic. Decimal throughout; tolerances are said a rule.

Lines are information in Chorus Pro's minimal forms (AIFE's own example P20 has lines of 115.00 under a total of 300.00): that they do not add
up is told and refuses nothing.
"""

from collections.abc import Iterator
from decimal import Decimal

from flux.facts import pair
from flux.model import Finding, Known, Stage
from flux.piece import FOREIGN, Piece
from flux.validators import UNIT, Check, Context

CENT = Decimal("0.01")
DIGITS, DECIMALS = 19, 6  # AKUITEO quoting the annex (domain, section 2)
_LENGTH = pair("expected", f"at most {DIGITS} digits, {DECIMALS} of them decimals", f"au plus {DIGITS} chiffres, dont {DECIMALS} décimales")


def present(piece: Piece, _known: Known, _context: Context) -> Iterator[Finding]:
    """HT, TTC and net are there. The portal asks for no TTC of an association (domain 4.2)."""
    alone = piece.mode == "edi" or piece.deposit == "initial"
    for field in ("ht", "ttc", "net") if alone else ("ht", "net"):
        if getattr(piece.amounts, field) is None:
            yield Finding("FLX-M06", f"amounts.{field}", facts=(("found", "—"), ("expected", "0.00")))


def gross_is_net_plus_vat(piece: Piece, _known: Known, _context: Context) -> Iterator[Finding]:
    """HT + VAT = TTC, within one cent. The VAT is the total, or the sum of the breakdown when there is no total."""
    a, tva = piece.amounts, _vat_of(piece)
    if a.ht is not None and a.ttc is not None and tva is not None and abs(a.ht + tva - a.ttc) > CENT:
        facts = (("found", f"{a.ht} + {tva} ≠ {a.ttc}"), ("expected", str(a.ht + tva)))
        yield Finding("FLX-M01", "amounts.ttc", facts=facts)


def unstated_vat(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """
    A piece that states no VAT at all, which the minimal forms allow: what TTC - HT implies must be a VAT that France knows.

    Between nothing and the highest rate of HT it is told (FLX-M09); beyond, or of the other sign, it is refused (FLX-M08). Within one unit, or
    a cent a line: VAT may have been rounded line by line. Only told as well where other rates than ours, or amounts that are deducted under
    another rate, may explain it: a foreign supplier, lines of both signs, allowances.
    """
    a = piece.amounts
    if a.ht is None or a.ttc is None or _vat_of(piece) is not None:
        return
    implied, most = a.ttc - a.ht, a.ht * context.tables.codes.highest_vat_rate / 100
    if abs(implied) <= CENT:
        return
    slack = max(UNIT, CENT * piece.line_count)
    within = min(Decimal(0), most) - slack <= implied <= max(Decimal(0), most) + slack
    deducted = bool(a.allowances) or len({net > 0 for net in piece.nets if net}) > 1
    possible = within or deducted or piece.supplier.type in FOREIGN
    facts = (("found", f"{a.ttc} - {a.ht} = {implied}"), ("expected", f"{most:.2f}"))
    yield Finding("FLX-M09" if possible else "FLX-M08", "amounts.tva", facts=facts)


def net_to_pay(piece: Piece, _known: Known, _context: Context) -> Iterator[Finding]:
    """
    Net = TTC - paid + rounding, within one cent.

    Less than that with nothing said of a payment is a retenue de garantie or a penalty: told, not refused. More is refused.
    """
    a = piece.amounts
    if a.ttc is None or a.net is None:
        return
    due = a.ttc - (a.prepaid or 0) + (a.rounding or 0)
    if abs(a.net - due) <= CENT:
        return
    less = abs(a.net) < abs(due) and a.net * due >= 0 and not a.prepaid
    code = "FLX-M05" if less else "FLX-M02"
    yield Finding(code, "amounts.net", facts=(("found", str(a.net)), ("expected", str(due))))


def breakdown(piece: Piece, _known: Known, _context: Context) -> Iterator[Finding]:
    """Each rate: base × rate = VAT, within one unit of the currency. Together: the VAT total, within one cent a rate."""
    for position, row in enumerate(piece.vat, 1):
        if row.base is not None and row.rate is not None and row.amount is not None and abs(row.base * row.rate / 100 - row.amount) > UNIT:
            facts = (("found", f"{row.base} × {row.rate} % ≠ {row.amount}"), ("expected", f"{row.base * row.rate / 100:.2f}"))
            yield Finding("FLX-M03", f"vat[{position}].amount", facts=facts)
    rows = [row.amount for row in piece.vat if row.amount is not None]
    if piece.amounts.tva is not None and rows and abs(sum(rows) - piece.amounts.tva) > CENT * len(rows):
        yield Finding("FLX-M04", "amounts.tva", facts=(("found", str(piece.amounts.tva)), ("expected", str(sum(rows)))))


def document_totals(piece: Piece, _known: Known, _context: Context) -> Iterator[Finding]:
    """Sum of lines - allowances + charges = HT, within one cent, when the document gives the sum of lines (BT-106)."""
    a = piece.amounts
    if a.lines is not None and a.ht is not None and abs(a.lines - (a.allowances or 0) + (a.charges or 0) - a.ht) > CENT:
        expected = a.lines - (a.allowances or 0) + (a.charges or 0)
        yield Finding("FLX-M07", "amounts.ht", facts=(("found", str(a.ht)), ("expected", str(expected))))


def sum_of_lines(piece: Piece, _known: Known, _context: Context) -> Iterator[Finding]:
    """The lines add up to the sum that the document gives for them (BT-106), within one cent. Told, not refused: see above."""
    total, nets = piece.amounts.lines, piece.nets
    if total is not None and nets and len(nets) == piece.line_count and abs(sum(nets) - total) > CENT:
        yield Finding("FLX-M11", "amounts.lines", facts=(("found", str(total)), ("expected", str(sum(nets)))))


def positions(piece: Piece, _known: Known, _context: Context) -> Iterator[Finding]:
    """At most 19 positions and 6 decimals."""
    for field in ("ht", "tva", "ttc", "net"):
        value = getattr(piece.amounts, field)
        if value is None:
            continue
        _, digits, exponent = value.as_tuple()
        if len(digits) > DIGITS or -int(exponent) > DECIMALS:
            yield Finding("FLX-M10", f"amounts.{field}", facts=(("found", str(value)), *_LENGTH))


def _vat_of(piece: Piece) -> Decimal | None:
    if piece.amounts.tva is not None:
        return piece.amounts.tva
    rows = [row.amount for row in piece.vat if row.amount is not None]
    return sum(rows, Decimal(0)) if rows else None


CHECKS = (
    Check(Stage.GENERIC, ("FLX-M06",), present),
    Check(Stage.GENERIC, ("FLX-M01",), gross_is_net_plus_vat),
    Check(Stage.GENERIC, ("FLX-M08", "FLX-M09"), unstated_vat),
    Check(Stage.GENERIC, ("FLX-M02", "FLX-M05"), net_to_pay),
    Check(Stage.GENERIC, ("FLX-M03", "FLX-M04"), breakdown),
    Check(Stage.GENERIC, ("FLX-M07",), document_totals),
    Check(Stage.GENERIC, ("FLX-M11",), sum_of_lines),
    Check(Stage.GENERIC, ("FLX-M10",), positions),
)
