"""Who and what: cadre, number, type, dates, currency, and the identifiers of the actors (domain 6.1 and 6.2). Stage generic."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

from iso4217 import Currency
from stdnum import luhn

from flux.facts import pair
from flux.model import Finding, Known, Severity, Stage
from flux.piece import Party, Piece
from flux.validators import Check, Context

CURRENCIES = frozenset(currency.code for currency in Currency)
EARLIEST = date(2000, 1, 1)  # BR-FR-03: dates from 2000 to 2099
LA_POSTE = "356000000"       # its establishments' SIRETs: the sum of the digits is a multiple of 5 (domain 6.2, I)
SERVICE_MOST, REFERENCE_MOST = 100, 50  # characters: pivot XSD (domain 6.2)
ABSENT = "—"
KEPT = 256  # SIRETs whose sum was looked at

_NUMBER = re.compile(r"[A-Za-z0-9 +_/-]{1,20}")
_CADRE = re.compile(r"A(?:[1-9]|1[0-9]|2[0-5])")
_SIRET = re.compile(r"[0-9]{14}")
_FRENCH_VAT = re.compile(r"FR([0-9]{2})([0-9]{9})")
_NINE_OR_TEN = re.compile(r"[A-Za-z0-9]{9,10}"), "9 or 10 letters or digits", "9 ou 10 lettres ou chiffres"
_NAME = re.compile(r".{1,80}"), "1 to 80 characters", "1 à 80 caractères"
# By identifier type: what it looks like, and in words (domain 6.2). The lengths of 6 and 7 are the schema's.
FORMS = {
    "1": (_SIRET, "14 digits", "14 chiffres"),
    "2": (
        re.compile(r"[A-Z]{2}[A-Za-z0-9+*. -]{2,16}"),
        "the two letters of the country, then 2 to 16 characters", "les deux lettres du pays, puis 2 à 16 caractères",
    ),
    "3": (re.compile(r".{3,18}"), "3 to 18 characters", "3 à 18 caractères"),
    "4": _NINE_OR_TEN,
    "5": _NINE_OR_TEN,
    "6": _NAME,
    "7": _NAME,
}  # fmt: skip


def cadre(piece: Piece, _known: Known, _context: Context) -> Iterator[Finding]:
    """G1.02: the cadre is one of A1 to A25."""
    if not _CADRE.fullmatch(piece.cadre):
        yield _about("G1.02", "cadre", piece.cadre, "A1 to A25", "A1 à A25")


def number(piece: Piece, _known: Known, _context: Context) -> Iterator[Finding]:
    """G1.05: at most 20 characters of the pattern."""
    if not _NUMBER.fullmatch(piece.number):
        signs = ("letters without accents, digits, space, + _ / -", "lettres sans accent, chiffres, espace, + _ / -")
        yield _about("G1.05", "number", piece.number, f"1 to 20 characters ({signs[0]})", f"1 à 20 caractères ({signs[1]})")


def document_type(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """380 or 381 (pivot)."""
    if piece.type not in context.tables.codes.document_types:
        yield _about("FLX-C20", "type", piece.type, ", ".join(sorted(context.tables.codes.document_types)))


def dates(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """An issue date there must be; it may lie one day ahead (a supplier overseas), and not before 2000."""
    latest = context.today + timedelta(days=1)
    if piece.issued is None:
        yield _about("FLX-C21", "issued", "", "YYYY-MM-DD", "AAAA-MM-JJ")
    elif not EARLIEST <= piece.issued <= latest:
        yield _about("FLX-C22", "issued", piece.issued.isoformat(), f"{EARLIEST} to {latest}", f"du {EARLIEST} au {latest}")


def currency(piece: Piece, _known: Known, _context: Context) -> Iterator[Finding]:
    """ISO 4217. AIFE's own minimal examples give none: told, and EUR is assumed (local)."""
    if not piece.currency:
        yield _about("FLX-C24", "currency", "", "EUR")
    elif piece.currency not in CURRENCIES:
        yield _about("FLX-C23", "currency", piece.currency, "ISO 4217")


def recipient(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """The recipient is always a SIRET (domain 6.2, V): a SIREN alone is not one."""
    party = piece.recipient
    if not party.id and _carried(piece):
        return
    if not party.id:
        yield _about("FLX-P01", "recipient.id", "", "SIRET")
    elif party.type not in ("", "1") or not _SIRET.fullmatch(party.id):
        yield _about("FLX-P02", "recipient.id", f"{party.id}{f' ({party.scheme})' if party.scheme else ''}", "SIRET")
    else:
        yield from _siret("recipient.id", party.id, context)


def supplier(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """The supplier has an identifier of one of the seven types, and a name."""
    party = piece.supplier
    if not party.id and _carried(piece):
        return
    if not party.id:
        yield _about("FLX-P06", "supplier.id", "", "1 to 7", "1 à 7")
    else:
        yield from _identifier("supplier", party, context)
    if not party.name:
        yield _about("FLX-P08", "supplier.name", "", "")


def two_parties(piece: Piece, _known: Known, _context: Context) -> Iterator[Finding]:
    """Nobody invoices himself: told, since the rule is ours alone."""
    if piece.supplier.type == "1" and piece.supplier.id and piece.supplier.id == piece.recipient.id:
        yield _about("FLX-P11", "recipient.id", piece.recipient.id, "2 SIRET")


def works_actors(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """Valideur, MOE and MOA, when the piece names them."""
    for field, party in (("valideur", piece.valideur), ("moe", piece.moe), ("moa", piece.moa)):
        if party is not None and party.id:
            yield from _identifier(field, party, context)


def vat_numbers(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """The key of a French VAT number: (12 + 3 × (SIREN mod 97)) mod 97."""
    if context.policy.vat_check is Severity.OFF:
        return
    for field, vat in (("supplier.vat", piece.supplier.vat), ("recipient.vat", piece.recipient.vat)):
        if (french := _FRENCH_VAT.fullmatch(vat)) and int(french[1]) != (key := (12 + 3 * (int(french[2]) % 97)) % 97):
            yield _about("FLX-P05", field, vat, f"FR{key:02d}{french[2]}")


def references(piece: Piece, _known: Known, _context: Context) -> Iterator[Finding]:
    """Lengths of service code, market number and engagement number."""
    fields = (("recipient.service", piece.recipient.service, SERVICE_MOST), ("market", piece.market, REFERENCE_MOST))
    for field, value, most in (*fields, ("engagement", piece.engagement, REFERENCE_MOST)):
        if len(value) > most:
            yield _about("FLX-P10", field, f"{value} ({len(value)})", str(most))


def _carried(piece: Piece) -> bool:
    """Whether a party that is not named is carried over from the piece before (domain 4.2): on an association, which no EDI flow may make."""
    return piece.deposit == "association" and piece.mode != "edi"


def _identifier(field: str, party: Party, context: Context) -> Iterator[Finding]:
    if party.type not in FORMS:
        known = ("1 to 7, or the ISO scheme 0009, 0223, 0226 to 0229", "1 à 7, ou le schéma ISO 0009, 0223, 0226 à 0229")
        yield _about("FLX-P07", f"{field}.type", party.scheme, *known)
        return
    form, *words = FORMS[party.type]
    if not form.fullmatch(party.id):
        yield _about("FLX-P09", f"{field}.id", party.id, *words, type=f"{party.type} ({context.tables.codes.identifier_types[party.type].name})")
    elif party.type == "1":
        yield from _siret(f"{field}.id", party.id, context)


def _siret(field: str, siret: str, context: Context) -> Iterator[Finding]:
    if not siret.strip("0"):
        yield _about("FLX-P04", field, siret, "SIRET")  # it passes Luhn, and INSEE gives it to nobody
    elif context.policy.siret_check is not Severity.OFF and not _sums(siret):
        yield _about("FLX-P03", field, siret, "Luhn")


@lru_cache(KEPT)
def _sums(siret: str) -> bool:
    """Kept: a batch names the same few parties in each piece."""
    if siret.startswith(LA_POSTE) and sum(int(digit) for digit in siret) % 5 == 0:
        return True
    return bool(luhn.is_valid(siret))


def _about(code: str, field: str, found: str, expected: str, expected_fr: str = "", **more: str) -> Finding:
    """expected_fr: where French says it otherwise."""
    told = pair("expected", expected, expected_fr) if expected_fr else (("expected", expected or ABSENT),)
    return Finding(code, field, facts=(("found", found or ABSENT), *told, *more.items()))


CHECKS = (
    Check(Stage.GENERIC, ("G1.02",), cadre),
    Check(Stage.GENERIC, ("G1.05",), number),
    Check(Stage.GENERIC, ("FLX-C20",), document_type),
    Check(Stage.GENERIC, ("FLX-C21", "FLX-C22"), dates),
    Check(Stage.GENERIC, ("FLX-C23", "FLX-C24"), currency),
    Check(Stage.GENERIC, ("FLX-P01", "FLX-P02", "FLX-P03", "FLX-P04"), recipient),
    Check(Stage.GENERIC, ("FLX-P03", "FLX-P04", "FLX-P06", "FLX-P07", "FLX-P08", "FLX-P09"), supplier),
    Check(Stage.GENERIC, ("FLX-P11",), two_parties),
    Check(Stage.GENERIC, ("FLX-P03", "FLX-P04", "FLX-P07", "FLX-P09"), works_actors),
    Check(Stage.GENERIC, ("FLX-P05",), vat_numbers),
    Check(Stage.GENERIC, ("FLX-P10",), references),
)
