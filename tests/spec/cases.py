"""A good piece, and how the tests of the rules change it."""

from datetime import date
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from flux.piece import Amounts, Attachment, Party, Payment, Piece, VatLine
from flux.policy import Policy

TODAY = date(2026, 8, 7)
IBAN = "FR7630006000011234567890189"
MEBIBYTE = 1 << 20


class Case(Struct, frozen=True):
    """A piece and what it is judged under."""

    piece: Piece
    policy: Policy = Policy()
    interface: str = "FSO1116A"


def siret(siren):
    """A SIRET of this SIREN that passes Luhn."""
    return next(f"{siren}{n:05d}" for n in range(1, 11) if _luhn(f"{siren}{n:05d}"))


def _luhn(digits):
    doubled = [int(d) * (2 if n % 2 else 1) for n, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def vat_key(siren):
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"


SUPPLIER, RECIPIENT, MOE, TITULAIRE = (Party("1", siret(siren), name) for siren, name in (
    ("810347328", "Batipro"), ("215000005", "Ville"), ("535146500", "Cabinet"), ("245900410", "Titulaire"),
))  # fmt: skip


def a_piece():
    return Piece(
        ordinal=1, syntax="CII", number="SIT-2026-014", type="380", cadre="A4", issued=TODAY, currency="EUR",
        supplier=replace(SUPPLIER, vat=vat_key("810347328")), recipient=RECIPIENT, valideur=TITULAIRE, moe=MOE, moa=RECIPIENT,
        market="M1", engagement="EJ1", payment=Payment("30", IBAN), vat_regime="TVA_SUR_DEBIT",
        amounts=Amounts(ht=Decimal(100), tva=Decimal(20), ttc=Decimal(120), net=Decimal(120)),
        vat=(VatLine("S", Decimal(20), Decimal(100), Decimal(20)),),
        attachments=(Attachment("metre.pdf", 1000),),
    )  # fmt: skip


def changed(thing, path, value):
    """The frozen *thing* with another value at a dotted path."""
    head, _, rest = path.partition(".")
    return replace(thing, **{head: changed(getattr(thing, head), rest, value) if rest else value})


def a_case(*changes):
    case = Case(a_piece())
    for path, value in (pair for change in changes for pair in change.items()):
        case = changed(case, path, value)
    return case


def amounts(**given):
    return {f"piece.amounts.{name}": Decimal(value) for name, value in given.items()}


def a_row(amount, rate="20", base="100"):
    return VatLine("S", Decimal(rate), Decimal(base), Decimal(amount))


def in_a_zip(inner):
    return Attachment("m.pdf", 1, zipped=True, inner=inner)


def attached(*sizes):
    return tuple(Attachment(f"{n}.pdf", size) for n, size in enumerate(sizes))


LA_POSTE = "35600000049837"   # fails Luhn; its digits add up to 45
NO_VAT = {**amounts(tva="0", ht="99999999999999999.00", ttc="99999999999999999.00", net="99999999999999999.00"), "piece.vat": ()}



def totals(ht, ttc):
    return Amounts(ht=Decimal(ht), ttc=Decimal(ttc), net=Decimal(ttc))


def totalled(ht, ttc):
    return {"piece.amounts": totals(ht, ttc)}


UNSTATED = {**totalled("100", "100"), "piece.vat": ()}
