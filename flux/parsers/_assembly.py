"""From a Reading to a Piece: what is the same in every XML syntax once the places are known. Field names are those of ``piece.Piece``."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from lxml import etree
from msgspec.structs import replace

from flux.attachments import take, too_many
from flux.gate import line_of, quoted
from flux.model import Finding, Place
from flux.parsers import Source
from flux.parsers._places import Candidate, Shape, plain
from flux.parsers._reading import (
    AN_AMOUNT,
    MOST_FINDINGS,
    Expected,
    Reading,
    amount_of,
    deposit_kind,
    identifier_type,
    is_cadre,
    scheme_of,
)
from flux.piece import Amounts, Attachment, Party, Payment, Piece, VatLine

MOST_PLACES = 200  # lines, VAT rows and attachments whose place is kept: for the others it would cost more than it tells

KINDS = frozenset({"01", "02"})  # TypePJ: main document, other

_VAT = frozenset({"VA", "VAT", "TVA"})


class Dialect(NamedTuple):
    """What a syntax has of its own in the header: its form of a day, for which tax a registration number is, an identifier's scheme."""

    day: Callable[[str], date | None]
    a_day: Expected
    tax_of: Callable[[etree._Element], str]
    scheme_of: Callable[[etree._Element], str] = scheme_of


class Embedded(NamedTuple):
    """A document that is carried inside the piece: its bytes in base64, the place of the element around it, name, kind, MIME type."""

    encoded: str
    place: Place
    name: str
    kind: str
    mime: str


def header(reading: Reading, source: Source, dialect: Dialect) -> Piece:
    """The piece without its VAT, attachments and lines, which each syntax finds in its own way."""
    text = reading.text
    cadre, profile = _cadre(reading, source.default_cadre)
    type_, previous = text("type"), text("previous")
    return Piece(
        number=text("number"), type=type_, cadre=cadre, profile=profile, deposit=deposit_kind(previous, type_, cadre),
        issued=_day(reading, "issued", dialect), due=_day(reading, "due", dialect), delivered=_day(reading, "delivered", dialect),
        currency=text("currency"),
        supplier=_party(reading, "supplier", dialect), recipient=_party(reading, "recipient", dialect),
        valideur=_actor(reading, "valideur", dialect), moe=_actor(reading, "moe", dialect), moa=_actor(reading, "moa", dialect),
        engagement=text("engagement"), market=text("market"), previous=previous,
        amounts=_amounts(reading, text("currency")), vat_regime=text("vat_regime"),
        payment=Payment(text("payment.code"), text("payment.iban"), text("payment.bic")),
        stylesheet=source.stylesheet,
    )  # fmt: skip


def _cadre(reading: Reading, default: str) -> tuple[str, str]:
    """Cadre and profile. Some write the cadre where the profile belongs (corpus, trap 3): then there is no profile."""
    cadre, profile = reading.text("cadre"), reading.text("profile")
    if not cadre and is_cadre(profile):
        reading.where.same("cadre", "profile")
        return profile, ""
    return cadre or default, profile


def _day(reading: Reading, field: str, dialect: Dialect) -> date | None:
    chosen = reading.pick(field)
    return reading.value(field, chosen, dialect.day, dialect.a_day) if chosen else None


def _amounts(reading: Reading, currency: str) -> Amounts:
    def amount(name: str) -> Decimal | None:
        return _total(reading, f"amounts.{name}", currency)

    return Amounts(
        ht=amount("ht"), ttc=amount("ttc"), net=amount("net"), lines=amount("lines"), allowances=amount("allowances"),
        charges=amount("charges"), prepaid=amount("prepaid"), rounding=amount("rounding"),
    )  # fmt: skip


def _total(reading: Reading, field: str, currency: str) -> Decimal | None:
    """A total in the document's currency; FLX-M12 when it is told in others only: money of two currencies is never added up."""
    chosen = reading.found.first(field)
    if chosen is not None and not in_currency(chosen.element, currency):
        chosen = next((c for c in reading.found.candidates(field) if in_currency(c.element, currency)), chosen)
    reading.mark(field, chosen)
    if chosen is None:
        return None
    if not in_currency(chosen.element, currency):
        place = reading.found.place(chosen.path, chosen.element)
        facts = (("found", quoted(chosen.element.get("currencyID") or "")), ("expected", quoted(currency)))
        reading.findings.append(Finding("FLX-M12", field, facts=facts, line=place.line, xpath=place.xpath))
    return reading.value(field, chosen, amount_of, AN_AMOUNT)


def _actor(reading: Reading, who: str, dialect: Dialect) -> Party | None:
    """A party that need not be there: None when the document does not open its element."""
    if reading.all(reading.found.shape.places[who][0]):
        return _party(reading, who, dialect)
    reading.mark(who, None)
    return None


def _party(reading: Reading, who: str, dialect: Dialect) -> Party:
    """A party. Its identifier is the first, by preference of places, whose scheme is known; else the first."""
    reading.mark(who, None)
    chosen = reading.found.first(f"{who}.id")
    if chosen is not None and not identifier_type(dialect.scheme_of(chosen.element), chosen.text):
        known = (c for c in reading.found.candidates(f"{who}.id") if identifier_type(dialect.scheme_of(c.element), c.text))
        chosen = next(known, chosen)
    registrations = reading.found.candidates(f"{who}.vat")
    vat = next((c for c in registrations if dialect.tax_of(c.element).upper() in _VAT), None)
    for field, candidate in (("id", chosen), ("type", chosen), ("vat", vat)):
        reading.mark(f"{who}.{field}", candidate)
    identifier, scheme = (chosen.text, dialect.scheme_of(chosen.element)) if chosen else ("", "")
    return Party(
        type=identifier_type(scheme, identifier), id=identifier, scheme=scheme, vat=vat.text if vat else "",
        name=reading.text(f"{who}.name"), service=reading.text(f"{who}.service"), country=reading.text(f"{who}.country"),
    )  # fmt: skip


def in_currency(element: etree._Element, currency: str) -> bool:
    """Whether an amount is in the document's currency. Beside BT-110 there may be BT-111, the tax in the accounting currency."""
    return not currency or (element.get("currencyID") or currency) == currency


def numbered(at: str, path: str, elements: list[etree._Element]) -> Iterator[tuple[int, Place, etree._Element]]:
    """Siblings with their number from 1 and their place: counted as they come, since to ask each for its position is quadratic."""
    for n, element in enumerate(elements, 1):
        yield n, Place(line_of(element), f"{at}/{path}[{n}]" if len(elements) > 1 else f"{at}/{path}"), element


def vat_line(reading: Reading, element: etree._Element, shape: Shape, place: Place, position: int) -> VatLine:
    """One row of the breakdown; *position* from 1 among them all."""
    marks = position <= MOST_PLACES
    if marks:
        reading.where.put(f"vat[{position}]", place)
    row = Reading(element, shape, place.xpath, f"vat[{position}].", reading, marks=marks)
    return VatLine(row.text("category"), row.amount("rate"), row.amount("base"), row.amount("amount"), row.text("exemption"))


class Lines(NamedTuple):
    """Where the lines of a document stand, and by field of a line each path of its numbers, below the same element."""

    path: str
    numbers: tuple[tuple[str, str], ...]


def lines_at(path: str, places: Mapping[str, tuple[str, ...]]) -> Lines:
    """The lines at this path, with *places* below each: the paths of a Shape's extra."""
    return Lines(path, tuple((field, f"{path}/{below}") for field, paths in places.items() for below in paths))


def nets(reading: Reading, at: Lines) -> tuple[Decimal, ...]:
    """
    The net amount of each line that tells one. The place of a line is kept, and none of its fields: a value that cannot be read finds its own.

    Read as columns, each number of all lines at once: an invoice has a handful of headers and lines by the thousand.
    """
    elements = reading.all(at.path)
    for n, element in enumerate(elements[:MOST_PLACES], 1):
        reading.where.mark(f"lines[{n}]", reading.found, at.path, element)
    read: list[Decimal] = []
    for field, path in at.numbers:
        for element in reading.all(path):
            if text := plain(element.text):
                number = amount_of(text)
                if number is None:
                    _unread(reading, at, field, Candidate(path, element, text))
                elif field == "net":
                    read.append(number)
    return tuple(read)


def _unread(reading: Reading, at: Lines, field: str, found: Candidate) -> None:
    """FLX-S20 of a number, in the line that it stands in: looked for as long as more are told, since each look goes through the lines."""
    if len(reading.findings) >= MOST_FINDINGS:
        return
    line: etree._Element | None = found.element
    for _ in range(found.path.count("/") - at.path.count("/")):
        line = line.getparent() if line is not None else None
    n = next(n for n, one in enumerate(reading.all(at.path), 1) if one is line)
    reading.value(f"lines[{n}].{field}", found, amount_of, AN_AMOUNT)


def attachments(reading: Reading, carried: Iterable[Embedded], source: Source) -> tuple[Attachment, ...]:
    """Take the documents out, behind those of the carrier; what is wrong with one is told at its place, and one too many ends it."""
    taken, limits = list(source.beside), source.limits
    reading.findings += source.wrong
    reading.files += source.contents
    for position in range(1, len(taken) + 1):
        reading.where.put(f"attachments[{position}]", Place())  # in the PDF, and nowhere in the XML
    for position, one in enumerate(carried, len(taken) + 1):
        if position > limits.attachments:
            reading.findings.append(replace(too_many(limits), line=one.place.line, xpath=one.place.xpath))
            break
        attachment, wrong, content = take(one.name, one.encoded, mime=one.mime, kind=one.kind, position=position, limits=limits)
        taken.append(attachment)
        if source.keep:
            reading.files.append(content)
        reading.findings += [replace(finding, line=one.place.line, xpath=one.place.xpath) for finding in wrong]
        if position <= MOST_PLACES:
            for field in ("", ".name", ".bytes", ".mime"):
                reading.where.put(f"attachments[{position}]{field}", one.place)
    return tuple(taken)
