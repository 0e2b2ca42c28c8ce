"""
A deposit of a PDF with its data, as one document: what is said beside the PDF in the modes service and portail, in a syntax of our own.

Chorus Pro takes the PDF and its data apart, on a screen or in a call of its API. Here they become one FluxDepot document (namespace
``urn:flux:depot:1``, ``schemas/FluxDepot.xsd``), so that a deposit takes the road of every flow: the same custody, checks, ledger, answers.
document() refuses nothing: what is wrong is found by the checks, which say it in their own words. Pure.
"""

import binascii
import re
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from flux.piece import Actor

NAMESPACE = "urn:flux:depot:1"
ROOT = "FluxDepot"
VAT_TYPES = ("TVA_SUR_DEBIT", "TVA_SUR_ENCAISSEMENT", "EXONERATION", "SANS_TVA")
PDF = "application/pdf"

_UNHELD = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold


class Who(Struct, frozen=True, forbid_unknown_fields=True):
    """A party of a deposit. type: of the identifier, 1 to 7; 1 is a SIRET."""

    id: str = ""
    type: str = "1"
    name: str = ""
    service: str = ""
    vat: str = ""
    country: str = ""


class Rate(Struct, frozen=True, forbid_unknown_fields=True):
    """One VAT line. rate: per cent."""

    rate: str = ""
    base: str = ""
    amount: str = ""


class Data(Struct, frozen=True, forbid_unknown_fields=True):
    """
    What is said beside the PDF, as it was typed: values are read, and judged, where every document's are.

    date: YYYY-MM-DD. type: 380, 381. vat_type: one of VAT_TYPES. previous: number of the piece on which this one is deposited, or
    ``<flow id>/<ordinal>``. On such a deposit market, engagement and parties may be left out: they are carried over (domain 4.2).
    """

    cadre: str = ""
    number: str = ""
    type: str = "380"
    date: str = ""
    currency: str = "EUR"
    vat_type: str = ""
    ht: str = ""
    tva: str = ""
    ttc: str = ""
    net: str = ""
    vat: tuple[Rate, ...] = ()
    supplier: Who | None = None
    recipient: Who | None = None
    moe: Who | None = None
    moa: Who | None = None
    valideur: Who | None = None
    market: str = ""
    engagement: str = ""
    previous: str = ""
    payment: str = ""  # means, UNTDID 4461
    iban: str = ""
    bic: str = ""


class File(Struct, frozen=True):
    """A file of a deposit: its name, its bytes. mime: as the depositor says it."""

    name: str
    content: bytes
    mime: str = ""


def completed(data: Data, depositor: Actor) -> Data:
    """
    The data with the depositor's identifier in his own place, where they do not name him: who deposits as the MOE is the MOE (local).

    The supplier of an association is left to what is carried over, with his name.
    """
    place = depositor.role if depositor.role in ("moe", "moa") else "supplier"
    party: Who | None = getattr(data, place)
    if (party and party.id) or (place == "supplier" and data.previous):
        return data
    return replace(data, **{place: replace(party or Who(), id=depositor.id)})


def document(data: Data, main: File, attached: Sequence[File] = ()) -> Iterator[bytes]:
    """The document, part by part: *main* is the PDF (type 01), *attached* what goes with it (type 02). No two files are in base64 at once."""
    return (part.encode() for part in _parts(data, main, attached))


def _parts(data: Data, main: File, attached: Sequence[File]) -> Iterator[str]:
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<{ROOT} xmlns="{NAMESPACE}" version="1">\n'
    yield from _head(data)
    parties = (("Fournisseur", data.supplier), ("Destinataire", data.recipient), ("Moe", data.moe), ("Moa", data.moa), ("Valideur", data.valideur))
    for name, who in parties:
        yield from _party(name, who)
    for name, value in (("Marche", data.market), ("Engagement", data.engagement), ("PiecePrecedente", data.previous)):
        yield from _text(name, value)
    yield from _box("Paiement", *_text("Mode", data.payment), *_text("IBAN", data.iban), *_text("BIC", data.bic))
    yield from _file("FichierPrincipal", main)
    for file in attached:
        yield from _file("PieceJointe", file)
    yield f"</{ROOT}>\n"


def _head(data: Data) -> Iterator[str]:
    for name, value in (
        ("Cadre", data.cadre), ("Numero", data.number), ("Type", data.type), ("Date", data.date), ("Devise", data.currency),
        ("TypeTVA", data.vat_type),
    ):  # fmt: skip
        yield from _text(name, value)
    totals = (("HT", data.ht), ("TVA", data.tva), ("TTC", data.ttc), ("NetAPayer", data.net))
    yield from _box("Montants", *(part for name, value in totals for part in _text(name, value)))
    rows = (_box("LigneTVA", *_text("Taux", row.rate), *_text("Base", row.base), *_text("Montant", row.amount)) for row in data.vat)
    yield from _box("LignesTVA", *(part for row in rows for part in row))


def _party(name: str, who: Who | None) -> Iterator[str]:
    if who is None:
        return iter(())
    from xml.sax.saxutils import quoteattr  # late: it brings urllib, and a child of the sandbox reads deposits and writes none

    return _box(
        name,
        *(_text("Identifiant", who.id, f" type={quoteattr(_held(who.type))}" if who.type else "")),
        *_text("Nom", who.name), *_text("CodeService", who.service), *_text("NumeroTVA", who.vat), *_text("CodePays", who.country),
    )  # fmt: skip


def _file(name: str, file: File) -> Iterator[str]:
    yield f"<{name}>"
    yield from _text("Nom", file.name)
    yield from _text("TypeMime", file.mime)
    yield f"<Contenu>{binascii.b2a_base64(file.content, newline=False).decode('ascii')}</Contenu>"
    yield f"</{name}>\n"


def _box(name: str, *parts: str) -> Iterator[str]:
    """An element around others; nothing when there are none."""
    if parts:
        yield f"<{name}>"
        yield from parts
        yield f"</{name}>\n"


def _text(name: str, value: str, attributes: str = "") -> Iterator[str]:
    """An element with this text; nothing when it is empty."""
    from xml.sax.saxutils import escape  # late: as above

    if value:
        yield f"<{name}{attributes}>{escape(_held(value), {chr(13): '&#13;'})}</{name}>"


def _held(value: str) -> str:
    """A text that XML can hold: what it cannot is written as its escape, which is seen, and refused where a rule says what may stand there."""
    return _UNHELD.sub(lambda sign: f"\\u{ord(sign[0]):04x}", value)
