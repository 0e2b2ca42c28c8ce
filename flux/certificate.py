"""
The certificat de dépôt: what it says, pure. Its number is the SHA-256 of the document that was deposited, in base64: 44 characters.

Chorus Pro prints a number of that shape (domain, section 2, V; that it is a hash: I). Here it is one, so that the number proves the document:
whoever has the document can compute the number, and nobody can make another document of that number.
"""

import re
from base64 import b64decode, b64encode
from decimal import Decimal

from msgspec import Struct

from flux.emitters import Told
from flux.gate import quoted
from flux.model import WENT_IN, Decided, VerdictKind
from flux.piece import Attachment, Party
from flux.when import in_paris
from flux.words import Words

MARK = "flux-certificat:"  # before the number, in what a PDF and a page say of themselves
MOST = 500  # pieces, and files, that are listed
_NUMBER = re.compile(r"[A-Za-z0-9+/]{43}=")
_MARKED = re.compile(rb"flux-certificat:([A-Za-z0-9+/]{43}=)")


class Row(Struct, frozen=True):
    """A label in both languages, and what it is; mono: a code to be compared sign by sign."""

    fr: str
    en: str
    value: str
    mono: bool = False


class Section(Struct, frozen=True):
    """A heading in both languages and its rows."""

    fr: str
    en: str
    rows: tuple[Row, ...]


class Certificate(Struct, frozen=True):
    """All that both forms print, in the order in which they print it. files: kind, name, size, SHA-256."""

    number: str
    mark: str
    installation: str
    pack: str
    sections: tuple[Section, ...]
    files: tuple[tuple[str, str, str, str], ...]
    more: int  # pieces and files that are not listed


def number_of(sha256: str) -> str:
    """The certificate number of the document with this hash, in hexadecimal."""
    return b64encode(bytes.fromhex(sha256)).decode("ascii")


def sha256_of(number: str) -> str:
    """The hash that a certificate number is; "" when it is no such number."""
    return b64decode(number).hex() if _NUMBER.fullmatch(number) and b64encode(b64decode(number)).decode() == number else ""


def marked(content: bytes) -> str:
    """
    The number that a certificate says of itself, "" when it says none. A search in the bytes: the file may be anybody's, and is not parsed.

    It is a claim and proves nothing: what is true is asked of the ledger and the content store.
    """
    found = _MARKED.search(content)
    return found[1].decode("ascii") if found else ""


def owed(letter: Told) -> bool:
    """Whether a certificate is owed: for what went in of a deposit of a PDF, and of an EDI flow where the partner's setting asks for it."""
    return letter.decision.verdict in WENT_IN and (letter.flow.mode != "edi" or letter.certificates) and bool(_accepted(letter))


def _accepted(letter: Told) -> list[Decided]:
    """The pieces that went in; a status line is none."""
    return [decided for decided in letter.decision.pieces if decided.verdict.kind is VerdictKind.ACCEPTED and not decided.line]


def certificate(letter: Told) -> Certificate:
    """The certificate of this decision."""
    accepted = _accepted(letter)
    files = [(decided, file) for decided in accepted for file in decided.piece.attachments]
    number = number_of(letter.flow.sha256)
    return Certificate(
        number=number, mark=MARK + number, installation=letter.installation, pack=letter.decision.pack,
        sections=(_deposit(letter), *(_piece(one, letter) for one in accepted[:MOST])),
        files=tuple(_file(file) for _, file in files[:MOST]),
        more=max(0, len(accepted) - MOST) + max(0, len(files) - MOST),
    )  # fmt: skip


def _deposit(letter: Told) -> Section:
    flow, status = letter.flow, letter.tables.flow_statuses[letter.decision.verdict]
    rows = [
        _row("deposited", f"{in_paris(flow.received_at):%d/%m/%Y, %H:%M:%S}"),
        _row("decided", f"{in_paris(letter.at):%d/%m/%Y, %H:%M:%S}"),
        _row("mode", _both(f"mode_{flow.mode}")),
        *([_row("depositor", f"{_both('role_' + flow.depositor.role.replace('-', '_'))} {_theirs(flow.depositor.id)}")] if flow.depositor else []),
        _row("partner", flow.partner),
        _row("file", _theirs(flow.display_name)),
        _row("flow", flow.id, mono=True),
        _row("document", flow.sha256, mono=True),
        _row("size", f"{_grouped(flow.size)}"),
        _row("state", _alike(status.fr, status.en)),
    ]
    fr, en = _words("deposit")
    return Section(fr, en, tuple(rows))


def _piece(one: Decided, letter: Told) -> Section:
    p, amounts = one.piece, one.piece.amounts
    known = letter.tables.works | letter.tables.others
    cadre = f"{p.cadre} · {_alike(known[p.cadre].label.fr, known[p.cadre].label.en)}" if p.cadre in known else _theirs(p.cadre)
    said = (
        ("number", _theirs(p.number)), ("cadre", cadre), ("type", _both(f"type_{p.type}") if p.type in ("380", "381") else _theirs(p.type)),
        ("issued", f"{p.issued:%d/%m/%Y}" if p.issued else ""),
        ("ht", _money(amounts.ht, p.currency)), ("tva", _money(amounts.tva, p.currency)), ("ttc", _money(amounts.ttc, p.currency)),
        ("net", _money(amounts.net, p.currency)), ("vat_type", _theirs(p.vat_regime)),
        ("supplier", _party(p.supplier)), ("recipient", _party(p.recipient)), ("valideur", _party(p.valideur)), ("moe", _party(p.moe)), ("moa", _party(p.moa)),
        ("market", _theirs(p.market)), ("engagement", _theirs(p.engagement)), ("previous", _theirs(p.previous)),
        ("carried", ", ".join(_alike(letter.tables.field(name).fr, letter.tables.field(name).en) for name in one.carried)),
        ("next", f"{_both('role_' + one.verdict.next_actor.role)} {_theirs(one.verdict.next_actor.id)}" if one.verdict.next_actor else ""),
        ("verdict", _alike(Words("fr")("state.accepted"), Words("en")("state.accepted"))),
    )  # fmt: skip
    fr, en = _words("piece")
    return Section(f"{fr} {p.ordinal}", f"{en} {p.ordinal}", tuple(_row(name, value) for name, value in said if value))


def _row(name: str, value: str, *, mono: bool = False) -> Row:
    fr, en = _words(name)
    return Row(fr, en, value, mono)


def _words(name: str) -> tuple[str, str]:
    return Words("fr")(f"certificate.{name}"), Words("en")(f"certificate.{name}")


def _both(name: str) -> str:
    return _alike(*_words(name))


def _alike(fr: str, en: str) -> str:
    return fr if fr == en else f"{fr} ({en})"


def _party(party: Party | None) -> str:
    if party is None or not (party.id or party.name):
        return ""
    return " · ".join(_theirs(part, 120) for part in (party.name, party.id, party.service) if part)


def _theirs(text: str, most: int = 400) -> str:
    """A sender's text: what does not print is shown escaped."""
    return quoted(text, most)


def _file(file: Attachment) -> tuple[str, str, str, str]:
    return file.kind or "02", quoted(file.name, 100) or "—", _grouped(file.bytes), file.sha256


def _money(amount: Decimal | None, currency: str) -> str:
    return f"{amount:,f}".replace(",", "\u202f").replace(".", ",") + (f"\u00a0{_theirs(currency)}" if currency else "") if amount is not None else ""


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")
