"""The semantic model: an invoice as groups of business terms, whatever its syntax. Values are the texts of the document; a rule reads them."""

from collections.abc import Iterator
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from functools import lru_cache

from lxml import etree
from msgspec import Struct

AMBIGUOUS = "FLX-E02"  # two of what the rules read one of


class UnreadableError(Exception):
    """A value that no rule can reckon with: of that group and term."""

    def __init__(self, group: "Group", term: str, text: str) -> None:
        super().__init__(f"{group.name} {term}: {text[:40]}")
        self.group, self.term, self.text = group, term, text


class Failure(Struct, frozen=True):
    """A rule that is not kept: its id, the element where, the facts that its text quotes."""

    rule: str
    element: etree._Element
    facts: tuple[tuple[str, str], ...] = ()


class Group:
    """
    One occurrence of a business group. name: as in the tables of the syntaxes, BG-4; terms: by BT, each text that stands there, in order.

    An absent term has no entry; one that is there and empty has "". groups: the groups inside it. charge: of an allowance or charge, which it is; None
    where it does not say. vat, code: of a category, a class or a registration, whether it is of VAT, and its code (BT-118, BT-151).
    """

    __slots__ = ("charge", "code", "element", "groups", "name", "parent", "terms", "vat")

    def __init__(self, name: str, element: etree._Element, parent: "Group | None") -> None:
        self.name, self.element, self.parent = name, element, parent
        self.terms: dict[str, list[str]] = {}
        self.groups: dict[str, list[Group]] = {}
        self.charge: bool | None = None
        self.vat, self.code = False, ""

    def first(self, term: str) -> str | None:
        """The first text of this term; None when it is absent."""
        found = self.terms.get(term)
        return found[0] if found else None

    def filled(self, term: str) -> bool:
        """Whether the term says anything: what is only white space says nothing."""
        found = self.terms.get(term)
        return bool(found and found[0].strip())

    def inside(self, name: str) -> "list[Group]":
        """The groups of this name directly inside."""
        return self.groups.get(name) or []

    def number(self, term: str) -> Decimal | None:
        """The term as a number; None when it is absent. Raises UnreadableError for one that is none."""
        found = self.terms.get(term)
        if not found:
            return None
        text = found[0]
        value = _read(text) if len(text) < MOST_READ else _decimal(text)
        if value is None:
            raise UnreadableError(self, term, text)
        return value

    def numbers(self, term: str) -> Iterator[Decimal]:
        """Each of the term's texts as a number. Raises UnreadableError for one that is none."""
        for text in self.terms.get(term, ()):
            value = decimal(text)
            if value is None:
                raise UnreadableError(self, term, text)
            yield value


class Invoice:
    """
    A document: its root group, all groups by name in document order, and what the walk found.

    repeated: each group and the name of a term, or of groups, that it has more than once.
    """

    __slots__ = ("every", "failures", "lines", "repeated", "root", "syntax", "view")

    def __init__(self, syntax: str, element: etree._Element) -> None:
        self.syntax = syntax
        self.root = Group("BG-0", element, None)
        self.every: dict[str, list[Group]] = {"BG-0": [self.root]}
        self.failures: list[Failure] = []
        self.repeated: list[tuple[Group, str]] = []
        self.view: object = None  # what the rules of VAT reckoned once for all
        self.lines: object = None  # and what those of Factur-X EXTENDED did

    def all(self, name: str) -> list[Group]:
        """Every group of this name, wherever it stands."""
        return self.every.get(name) or []

    def terms(self, group: str, term: str) -> Iterator[str]:
        """Every text of a term in all groups of a name."""
        for one in self.every.get(group) or ():
            yield from one.terms.get(term) or ()

    def release(self) -> None:
        """Let go of what holds one another, so that it goes at once and not with the next collection: nothing is asked of the groups any more."""
        self.view = self.lines = None
        for groups in self.every.values():
            for group in groups:
                group.parent = None

    def fail(self, rule: str, group: Group, **facts: str) -> None:
        """A rule is not kept by this group."""
        self.failures.append(Failure(rule, group.element, tuple(facts.items())))


_PLAIN = frozenset("0123456789.-+ \t\r\n")


def decimal(text: str) -> Decimal | None:
    """A number as XML Schema writes one (xs:decimal); None for anything else: Decimal itself takes 1e5, NaN and 1_000 as well."""
    return _read(text) if len(text) < MOST_READ else _decimal(text)


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except ArithmeticError:
        return None
    return value if value.is_finite() and _PLAIN.issuperset(text) else None


MOST_READ = 40  # characters of a number that is kept: rules ask for the same one again
_read = lru_cache(4096)(_decimal)


_CENT, _HALF_CENT, _HALF = Decimal("0.01"), Decimal("0.005"), Decimal("0.5")


def rounded(value: Decimal) -> Decimal:
    """To the cent as the rules do: a half goes up, toward plus infinity, of negative amounts too."""
    try:
        cents = value.quantize(_CENT, ROUND_FLOOR)
        return cents if cents == value else (value + _HALF_CENT).quantize(_CENT, ROUND_FLOOR)
    except InvalidOperation:  # more digits than a context has
        return whole(value * 100) / 100


def whole(value: Decimal) -> Decimal:
    """To the next whole number, a half up (fn:round)."""
    return (value + _HALF).to_integral_value(ROUND_FLOOR)
