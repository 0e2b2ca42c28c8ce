"""
What the XML parsers share: an element read field by field, and the lexical forms of values.

``Reading`` gives the values that stand at the places of a ``Shape``, leaves where they stand, and a Finding FLX-S20 for each that cannot be read.
Nothing here knows a syntax.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import NamedTuple, TypeVar

from lxml import etree

from flux.gate import quoted
from flux.model import Finding
from flux.parsers._places import Candidate, Found, Marks, Shape

T = TypeVar("T")

# Scheme as written, upper case -> identifier type 1 to 7. The same map as identifier_types in tables/codes.toml, and a test holds them
# equal: a parser is handed no tables, and loads none at import.
SCHEMES = {
    "1": "1", "0009": "1", "SIRET": "1",
    "2": "2", "0223": "2", "UE_HORS_FRANCE": "2",
    "3": "3", "0227": "3", "HORS_UE": "3", "ETR": "3",
    "4": "4", "0228": "4", "RIDET": "4",
    "5": "5", "0229": "5", "TAHITI": "5",
    "6": "6", "AUTRE": "6",
    "7": "7", "0226": "7", "PARTICULIER": "7",
}  # fmt: skip

WORKS_CADRES = frozenset(f"A{n}" for n in (4, 5, 6, 7, 8, 10, *range(13, 21), *range(22, 26)))  # the rows of matrix.toml [works]

MOST_FINDINGS = 200  # values that cannot be read, told of one piece: the rest would tell nothing new
MOST_NAME = 255      # characters of a file's name

_CADRE = re.compile(r"A(?:[1-9]|1[0-9]|2[0-5])")
_SIRET = re.compile(r"[0-9]{14}")
_AMOUNT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_AMOUNT_LENGTH = 40  # characters: beyond every amount, and far below what makes arithmetic slow
_ISO_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_DAY_102 = re.compile(r"[0-9]{8}")


class Expected(NamedTuple):
    """What a value should have looked like, in both languages."""

    en: str
    fr: str


AN_AMOUNT = Expected("an amount such as 1234.56", "un montant tel que 1234.56")
A_DAY = Expected("a date such as 2026-01-31", "une date telle que 2026-01-31")


class Reading:
    """
    One element as a Shape sees it. Each field asked for leaves its place in ``where``; an absent one, that of what is around it.

    at: XPath of the element. prefix: of its fields in ``where`` and in findings: ``vat[2].``. A part shares its whole's ``where`` and
    ``findings``; with marks false it leaves no places.
    """

    __slots__ = ("files", "findings", "found", "marks", "prefix", "where")

    def __init__(
        self, element: etree._Element, shape: Shape, at: str, prefix: str = "", whole: "Reading | None" = None, *, marks: bool = True
    ) -> None:
        self.found, self.prefix, self.marks = Found(element, shape, at), prefix, marks
        self.where: Marks = whole.where if whole else Marks()
        self.findings: list[Finding] = whole.findings if whole else []
        self.files: list[bytes] = []  # the content of attachments, where it is kept

    @property
    def at(self) -> str:
        """XPath of the element."""
        return self.found.at

    def all(self, path: str) -> list[etree._Element]:
        """Every element at this path, in document order."""
        return self.found.all(path)

    def pick(self, field: str) -> Candidate | None:
        """The first candidate."""
        chosen = self.found.first(field)
        if self.marks:
            self.mark(field, chosen)
        return chosen

    def text(self, field: str) -> str:
        """The field's text, "" when absent."""
        chosen = self.pick(field)
        return chosen.text if chosen else ""

    def amount(self, field: str) -> Decimal | None:
        """The field's number, None when absent or unreadable."""
        chosen = self.pick(field)
        return self.value(field, chosen, amount_of, AN_AMOUNT) if chosen else None

    def value(self, field: str, chosen: Candidate, read: Callable[[str], T | None], expected: Expected) -> T | None:
        """The chosen text as a value; None and FLX-S20 when it is not one."""
        value = read(chosen.text)
        if value is None and len(self.findings) < MOST_FINDINGS:
            place = self.found.place(chosen.path, chosen.element)
            facts = (("found", quoted(chosen.text)), ("expected", expected.en), ("expected_fr", expected.fr))
            self.findings.append(Finding("FLX-S20", self.prefix + field, 0, facts, place.line, place.xpath))
        return value

    def mark(self, field: str, chosen: Candidate | None) -> None:
        """Leave the field's place: the candidate's, else an empty element's, else the nearest thing around it that exists."""
        if chosen is None:
            self.where.miss(self.prefix + field, self.found, field)
        else:
            self.where.mark(self.prefix + field, self.found, chosen.path, chosen.element)


def amount_of(text: str) -> Decimal | None:
    """A number as XSD writes a decimal: sign, digits, a point; no exponent, no space, no thousands separator."""
    return Decimal(text) if len(text) <= _AMOUNT_LENGTH and _AMOUNT.fullmatch(text) else None


def iso_day(text: str) -> date | None:
    """A day as XSD writes a date; a time zone after it is read over."""
    match = _ISO_DAY.fullmatch(text)
    return _day(match[1]) if match else None


def day_102(text: str) -> date | None:
    """A day in UNTDID 2379's format 102, YYYYMMDD."""
    return _day(text) if _DAY_102.fullmatch(text) else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def scheme_of(element: etree._Element) -> str:
    """The scheme of an identifier: the known one of schemeName and schemeID, else the one that is given."""
    name, id_ = (element.get("schemeName") or "").strip(), (element.get("schemeID") or "").strip()
    return name if name.upper() in SCHEMES else id_ or name


def identifier_type(scheme: str, identifier: str) -> str:
    """Chorus Pro's 1 to 7; "" when the scheme is none of the known ones. Fourteen digits without a scheme are a SIRET (local)."""
    if not scheme and _SIRET.fullmatch(identifier):
        return "1"
    return SCHEMES.get(scheme.upper(), "")


def is_cadre(text: str) -> bool:
    """Whether a text is one of A1 to A25, whatever the matrix makes of it."""
    return _CADRE.fullmatch(text) is not None


def deposit_kind(previous: str, type_: str, cadre: str) -> str:
    """
    "association" or "initial" (local: no syntax says it).

    A works piece that names a previous piece continues its dossier. A credit note names the invoice that it corrects, and other cadres
    know no association.
    """
    return "association" if previous and type_ != "381" and cadre in WORKS_CADRES else "initial"
