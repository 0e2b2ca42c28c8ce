"""
The nouns of a piece, one business document, whatever its syntax: frozen values, without I/O and without a clock.

Money is ``Decimal`` in the piece's own currency; ``None`` means that the document does not say, never zero.
Texts are as written in the document, with the white space around them removed; ``""`` means absent.
"""

from datetime import date
from decimal import Decimal

from msgspec import Struct

FOREIGN = ("2", "3")  # identifier types of suppliers whose VAT need not be French

class Party(Struct, frozen=True):
    """An actor named in a piece (BG-4, BG-7 and the works actors). type: Chorus Pro's 1 to 7; "" when the scheme, as written, is not known."""

    type: str = ""
    id: str = ""
    name: str = ""
    service: str = ""  # code service (recipient: BT-10 in the Chorus Pro usage)
    vat: str = ""      # BT-31, BT-48
    country: str = ""  # BT-40, BT-55
    scheme: str = ""


class Actor(Struct, frozen=True):
    """Who acts next on an accepted piece: role (moe, moa, valideur, service_financier, recipient) and identifier."""

    role: str
    id: str


class Amounts(Struct, frozen=True):
    """Document totals (BG-22): ht BT-109, tva BT-110, ttc BT-112, net BT-115; the others as named."""

    ht: Decimal | None = None
    tva: Decimal | None = None
    ttc: Decimal | None = None
    net: Decimal | None = None
    lines: Decimal | None = None       # BT-106
    allowances: Decimal | None = None  # BT-107
    charges: Decimal | None = None     # BT-108
    prepaid: Decimal | None = None     # BT-113
    rounding: Decimal | None = None    # BT-114


class VatLine(Struct, frozen=True):
    """One row of the VAT breakdown (BG-23). rate: per cent, 20 is twenty per cent (BT-119)."""

    category: str = ""             # BT-118
    rate: Decimal | None = None    # BT-119
    base: Decimal | None = None    # BT-116
    amount: Decimal | None = None  # BT-117
    exemption: str = ""            # BT-120 or BT-121


class Payment(Struct, frozen=True):
    """How the supplier is to be paid (BG-16): code BT-81 (UNTDID 4461), iban BT-84, bic BT-86."""

    code: str = ""
    iban: str = ""
    bic: str = ""


class Attachment(Struct, frozen=True):
    """
    A supporting document (BG-24), taken out, measured and hashed; never executed, rendered or kept apart.

    bytes, sha256: of the file itself, out of base64 and of a ZIP (zipped; inner: its name there). "": unknown, bytes is what was read of it.
    """

    name: str
    bytes: int = 0
    sha256: str = ""
    mime: str = ""
    kind: str = ""  # TypePJ: 01 main document, 02 other
    zipped: bool = False
    inner: str = ""


class Piece(Struct, frozen=True):
    """One business document: the same type whatever the syntax. vat and nets are () once the piece has left the sandbox."""

    ordinal: int = 0
    syntax: str = ""                  # UBL, CII, FACTURX, CPP_MIXTE, CPP_PIVOT
    number: str = ""                  # BT-1
    type: str = ""                    # BT-3: 380 invoice, 381 credit note
    cadre: str = ""                   # BT-23: A1 .. A25
    profile: str = ""                 # BT-24
    mode: str = "edi"                 # edi, portail, service
    deposit: str = "initial"          # initial, association
    depositor: Actor | None = None    # as whom it was deposited, where the deposit says so; None: the supplier
    issued: date | None = None        # BT-2
    due: date | None = None           # BT-9
    delivered: date | None = None     # BT-72
    currency: str = ""                # BT-5
    supplier: Party = Party()         # BG-4
    recipient: Party = Party()        # BG-7 (débiteur); its service code is recipient.service
    valideur: Party | None = None
    moe: Party | None = None
    moa: Party | None = None
    engagement: str = ""              # BT-13 (engagement juridique)
    market: str = ""                  # BT-12
    previous: str = ""                # BT-25: credit note origin, or the previous piece of an association
    amounts: Amounts = Amounts()      # BG-22
    vat: tuple[VatLine, ...] = ()     # BG-23
    vat_regime: str = ""              # BT-8
    payment: Payment = Payment()      # BG-16
    attachments: tuple[Attachment, ...] = ()  # BG-24
    nets: tuple[Decimal, ...] = ()    # BT-131 of each line (BG-25) that tells one
    line_count: int = 0
    stylesheet: str = ""              # href of the xml-stylesheet instruction: recorded, never followed


def identity(piece: Piece) -> str:
    """
    The business identity of a piece: supplier type, supplier identifier, number (domain 6.2, uniqueness; local: no year).

    A MOE and a MOA number their own pieces: theirs is their role, their identifier, the number (local).
    """
    if piece.depositor is not None and piece.depositor.role in ("moe", "moa"):
        return f"{piece.depositor.role}|{piece.depositor.id.upper()}|{piece.number}"
    return f"{piece.supplier.type}|{piece.supplier.id.upper()}|{piece.number}"
