"""
What the XML parsers share: tables of places compiled into one walk of the tree, and the lexical forms of values.

A parser says where each field stands (``Shape``); ``Reading`` walks the document once, keeps what stands at those places, and gives
values, their places, and a Finding FLX-S20 for each value that cannot be read. Nothing here knows a syntax.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple, TypeAlias, TypeVar

from lxml import etree
from msgspec import Struct

from flux.gate import line_of, quoted
from flux.model import Finding, Place

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
MOST_TEXT = 1_000    # characters of a value that are read: ten times the longest that any rule allows; what is cut ends in an ellipsis

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

_Node: TypeAlias = "tuple[str, dict[str, _Node]]"  # path of the element, tag of a child -> its node


class Candidate(Struct, frozen=True):
    """Something that stands at one of a field's places. text is never empty, and never longer than MOST_TEXT."""

    path: str
    element: etree._Element
    text: str


class Shape:
    """
    Where the fields of an element stand: field -> paths below it, by preference, in the syntax's usual prefixes.

    extra: paths without a field, whose elements are kept for what needs more of them than the first. around: by field, where it or what is around it
    would stand, the nearest first.
    """

    def __init__(self, namespaces: Mapping[str, str], places: Mapping[str, tuple[str, ...]], *extra: str) -> None:
        self.places = dict(places)
        self.trie: dict[str, _Node] = {}
        ancestors: dict[str, tuple[str, ...]] = {}  # of a path, nearest first
        for path in (*extra, *(path for paths in places.values() for path in paths)):
            below, walked = self.trie, ""
            above: tuple[str, ...] = ()
            for step in path.split("/"):
                prefix, _, name = step.rpartition(":")
                above, walked = ((walked, *above) if walked else ()), f"{walked}/{step}" if walked else step
                _, below = below.setdefault(f"{{{namespaces[prefix]}}}{name}" if prefix else name, (walked, {}))
            ancestors[path] = above
        self.around = {field: (*paths, *(ancestors[paths[0]] if paths else ())) for field, paths in self.places.items()}


class Reading:
    """
    One element as a Shape sees it. Each field asked for leaves its place in ``where``; an absent one, that of what is around it.

    at: XPath of the element. prefix: of its fields in ``where`` and in findings: ``vat[2].``. A part shares its whole's ``where`` and
    ``findings``; with marks false it leaves no places.
    """

    __slots__ = ("at", "element", "files", "findings", "found", "marks", "prefix", "shape", "where")

    def __init__(
        self, element: etree._Element, shape: Shape, at: str, prefix: str = "", whole: "Reading | None" = None, *, marks: bool = True
    ) -> None:
        self.element, self.shape, self.at, self.prefix, self.marks = element, shape, at, prefix, marks
        self.where: dict[str, Place] = whole.where if whole else {}
        self.findings: list[Finding] = whole.findings if whole else []
        self.files: list[bytes] = []  # the content of attachments, where it is kept
        self.found: dict[str, list[etree._Element]] = {}
        _gather(element, shape.trie, self.found)

    def all(self, path: str) -> list[etree._Element]:
        """Every element at this path, in document order."""
        return self.found.get(path, [])

    def candidates(self, field: str) -> Iterator[Candidate]:
        """What stands at the field's places and is not empty, by preference."""
        for path in self.shape.places[field]:
            for element in self.found.get(path, ()):
                if text := plain(element.text):
                    yield Candidate(path, element, text)

    def pick(self, field: str) -> Candidate | None:
        """The first candidate."""
        chosen = self._first(field)
        if self.marks:
            self.mark(field, chosen)
        return chosen

    def _first(self, field: str) -> Candidate | None:
        """As next(candidates()) would give it, which is asked fifty times a piece: without a generator each time."""
        for path in self.shape.places[field]:
            for element in self.found.get(path, ()):
                if text := plain(element.text):
                    return Candidate(path, element, text)
        return None

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
            place = self.place(chosen.path, chosen.element)
            facts = (("found", quoted(chosen.text)), ("expected", expected.en), ("expected_fr", expected.fr))
            self.findings.append(Finding("FLX-S20", self.prefix + field, 0, facts, place.line, place.xpath))
        return value

    def mark(self, field: str, chosen: Candidate | None) -> None:
        """Leave the field's place: the candidate's, else an empty element's, else the nearest thing around it that exists."""
        self.where[self.prefix + field] = self.place(chosen.path, chosen.element) if chosen else self._around(field)

    def place(self, path: str, element: etree._Element) -> Place:
        """The place of an element found at *path*."""
        alone = len(self.found[path]) == 1
        return Place(line_of(element), f"{self.at}/{path}" if alone else self._exact(path, element))

    def _around(self, field: str) -> Place:
        for path in self.shape.around[field]:
            if found := self.found.get(path):
                return self.place(path, found[0])
        return Place(line_of(self.element), self.at)

    def _exact(self, path: str, element: etree._Element) -> str:
        """The XPath with a position at each step that is repeated."""
        steps: list[str] = []
        node: etree._Element | None = element
        for step in reversed(path.split("/")):
            if node is not None:
                steps.append(step + _position(node))
                node = node.getparent()
        return "/".join((self.at, *reversed(steps)))


def _gather(element: etree._Element, trie: dict[str, _Node], found: dict[str, list[etree._Element]]) -> None:
    """Keep every element that stands at a path of the trie, path -> elements in document order: one walk, whatever is asked later."""
    for child in element[:]:  # type: ignore[index]  # a list, twice as fast as to go through the element; lxml-stubs know no slice
        node = trie.get(child.tag)
        if node is not None:
            path, below = node
            if path in found:
                found[path].append(child)
            else:
                found[path] = [child]
            if below:
                _gather(child, below, found)


def _position(node: etree._Element) -> str:
    before = sum(1 for _ in node.itersiblings(node.tag, preceding=True))
    return f"[{before + 1}]" if before or next(node.itersiblings(node.tag), None) is not None else ""


def plain(text: str | None, most: int = MOST_TEXT) -> str:
    """A value's text without the white space around it, and no longer than anybody reads."""
    if not text:
        return ""
    bare = text.strip()
    return bare if len(bare) <= most else bare[: most - 1] + "…"


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
