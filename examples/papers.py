"""What a piece says, whatever its syntax: the values from which every builder of documents starts."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from actors import Party
from packing import zip_of

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Work:
    """A line of works: what, how much, in which unit (UN/ECE recommendation 20), at what price in euros, at what VAT rate in per cent."""

    label: str
    quantity: Decimal
    unit: str
    price: Decimal
    rate: Decimal = Decimal(20)

    @property
    def net(self) -> Decimal:
        """Quantity times price, to the cent."""
        return (self.quantity * self.price).quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True)
class Enclosed:
    """A supporting document. It travels as base64 of a ZIP that holds it. kind: 01 the readable form, 02 any other."""

    name: str
    content: bytes
    kind: str = "02"
    mime: str = "application/pdf"

    @property
    def base64(self) -> str:
        """What stands in the document."""
        return b64encode(zip_of({self.name: self.content})).decode("ascii")


@dataclass(frozen=True)
class Paper:
    """
    What an invoice says, whatever its syntax. told: totals that it tells although its lines say otherwise, by name (ht, tva, ttc, net).

    Dates are ISO. previous: the number of the credited invoice, or of the piece to which an association attempt points.
    """

    number: str
    cadre: str
    issued: str
    supplier: Party
    recipient: Party
    works: tuple[Work, ...]
    market: str = ""
    engagement: str = ""
    service: str = ""
    valideur: Party | None = None
    moe: Party | None = None  # told in UBL alone: AIFE's CII forms name it in the valideur's place
    type: str = "380"
    previous: str = ""
    note: str = ""
    due: str = ""
    profile: str = ""
    enclosed: tuple[Enclosed, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)

    def rates(self) -> list[tuple[Decimal, Decimal, Decimal]]:
        """The VAT breakdown: rate, base, tax, by rising rate."""
        bases: dict[Decimal, Decimal] = {}
        for work in self.works:
            bases[work.rate] = bases.get(work.rate, Decimal(0)) + work.net
        return [(rate, base, (base * rate / 100).quantize(CENT, ROUND_HALF_UP)) for rate, base in sorted(bases.items())]

    def total(self, name: str) -> str:
        """ht, tva, ttc or net, as told."""
        if name in self.told:
            return self.told[name]
        ht = sum((work.net for work in self.works), Decimal(0))
        tva = sum((tax for _, _, tax in self.rates()), Decimal(0))
        return str({"ht": ht, "tva": tva, "ttc": ht + tva, "net": ht + tva}[name])

    def readable(self) -> list[str]:
        """The lines of its readable form."""
        title = "AVOIR" if self.type == "381" else "DEMANDE DE PAIEMENT"
        rows = [f"{w.label} : {w.quantity} {w.unit} x {w.price} = {w.net} EUR HT" for w in self.works]
        totals = [f"Total HT {self.total('ht')} EUR", f"TVA {self.total('tva')} EUR", f"Net à payer {self.total('net')} EUR"]
        return [
            self.supplier.name,
            f"{title} {self.number} du {self.issued}",
            f"Marché {self.market}",
            self.recipient.name,
            "",
            *rows,
            "",
            *totals,
        ]
