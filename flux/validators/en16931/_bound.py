"""The table of a syntax, tables/en16931/<syntax>.toml: where each term stands, and the rules that are rows."""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import chain

from lxml import etree
from msgspec import Struct, convert

from flux.validators.en16931._model import Failure
from flux.validators.en16931._pattern import Pattern, clark, patterns, steps
from flux.validators.en16931._walk import Ask, Found, Place, Syntax

Row = tuple[str, str, str]  # rule, group, term
Asked = tuple[tuple[str, ...], Ask]
Anywhere = tuple[Callable[[tuple[str, ...]], bool], Ask]


class Coded(Struct, frozen=True, forbid_unknown_fields=True):
    """
    A code list's rule; or several lists'. attribute: whose value it is, "" for the text. required: an absent one is none of the list. exact: white space counts.

    folded: the case of letters does not.
    """

    list: str
    at: tuple[str, ...]
    attribute: str = ""
    required: bool = False
    exact: bool = False
    folded: bool = False


class Attributed(Struct, frozen=True, forbid_unknown_fields=True):
    """An attribute that must be there."""

    attribute: str
    at: tuple[str, ...]


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """The file, as it is."""

    places: dict[str, str]
    needed: dict[str, str]
    filled: dict[str, str]
    needed_in_all: dict[str, str]
    filled_in_all: dict[str, str]
    most: dict[str, str]
    most_in_all: dict[str, str]
    coded: dict[str, Coded]
    attributed: dict[str, Attributed]
    cents: dict[str, str]
    attributes: dict[str, str]
    absent: dict[str, str]
    one: dict[str, str] = {}
    paired: dict[str, str] = {}
    apart: dict[str, str] = {}
    single: tuple[str, ...] = ()
    fatal: tuple[str, ...] = ()     # of the families that else only warn: see tables.norm
    warnings: tuple[str, ...] = ()  # of those that else are fatal


class Bound(Struct, frozen=True):
    """A syntax, ready to be walked and asked. names: prefix -> namespace. vat: group -> the scheme (term "scheme") that says that it is of VAT."""

    syntax: Syntax
    table: Table
    names: Mapping[str, str]
    vat: Mapping[str, str]
    ids: frozenset[str]       # of all rules that its table and its own questions hold


def _read(name: str) -> bytes:
    return files("flux.tables").joinpath("en16931", name).read_bytes()


@lru_cache(1)
def code_lists() -> Mapping[str, frozenset[str]]:
    """Every code list by its name."""
    return {name: frozenset(text.split()) for name, text in tomllib.loads(_read("codes.toml").decode()).items()}


VAT = "VAT"
_OF_VAT = {"category": VAT, "class": VAT, "registration": VAT}


def bound(
    name: str, names: Mapping[str, str], own: Mapping[str, tuple[Asked, ...]], same: Mapping[str, str], anywhere: Sequence[Anywhere] = (), vat: Mapping[str, str] = _OF_VAT,
) -> Bound:  # fmt: skip
    """The syntax of tables/en16931/<name>.toml. *own*: what it asks of elements beside the rows, by rule; *anywhere*: of those whose place holds a test."""
    table = convert(tomllib.loads(_read(f"{name}.toml").decode()), Table)
    asked: dict[str, list[Asked]] = {}
    everywhere = list(anywhere)
    for pattern, ask in _rows(table, names):
        if pattern.plain:
            asked.setdefault(pattern.steps[-1], []).append((pattern.steps, ask))
        else:
            everywhere.append((pattern.holds, ask))
    for end, ask in chain(*own.values()):
        asked.setdefault(end[-1], []).append((end, ask))
    places = {steps(at, names): _place(words) for at, words in table.places.items()}
    others = {clark(one, names): clark(other, names) for one, other in same.items()}
    return Bound(Syntax(name.upper(), places, asked, everywhere, tuple(_attributes(table, names)), others), table, names, vat, _ids(table, own))


def _ids(table: Table, own: Iterable[str]) -> frozenset[str]:
    sections = (getattr(table, name) for name in table.__struct_fields__ if name != "places")
    of_rows = {id_ for section in sections if isinstance(section, dict) for id_ in section}
    return frozenset(of_rows.union(*(ids.split() for ids in own)))


def _place(words: str) -> Place:
    group = term = ""
    attributes = []
    for word in words.split():
        name, colon, of = word.partition(":")
        if word.startswith("+"):
            group = word[1:]
        elif colon:
            attributes.append((name, of))
        else:
            term = word
    return Place(group, term.lstrip("="), term.startswith("="), tuple(attributes))


def _rows(table: Table, names: Mapping[str, str]) -> Iterator[tuple[Pattern, Ask]]:
    lists = code_lists()
    for rule, row in table.coded.items():
        ask = coded(rule, frozenset().union(*(lists[name] for name in row.list.split())), row)
        yield from ((pattern, ask) for at in row.at for pattern, _ in patterns(at, names))
    for rule, wanted in table.attributed.items():
        ask = attributed(rule, wanted.attribute)
        yield from ((pattern, ask) for at in wanted.at for pattern, _ in patterns(at, names))
    for rule, at in table.absent.items():
        yield from ((pattern, barred(rule)) for pattern, attribute in patterns(at, names) if not attribute)


def _attributes(table: Table, names: Mapping[str, str]) -> Iterator[tuple[Callable[[tuple[str, ...]], bool], Mapping[str, str]]]:
    """The attributes that are barred, all of a pattern as one. Where a name is told in full, the rows with a * for the same attribute do not hold."""
    found: dict[Pattern, dict[str, str]] = {}
    for rule, at in table.absent.items():
        for pattern, attribute in patterns(at, names):
            if attribute:
                found.setdefault(pattern, {})[attribute] = rule
    for pattern, rules in found.items():
        nearer = [other for other, some in found.items() if other.plain and some.keys() & rules.keys()] if not pattern.plain else []
        yield _but(pattern, nearer), rules


def _but(pattern: Pattern, nearer: Sequence[Pattern]) -> Callable[[tuple[str, ...]], bool]:
    return lambda path: pattern.holds(path) and not any(other.holds(path) for other in nearer)


# -- what is asked of an element ------------------------------------------------------------------------------------------------------------------


def barred(rule: str) -> Ask:
    """Nothing stands here."""
    def ask(element: etree._Element, found: Found) -> None:
        found.append(Failure(rule, element))

    return ask


def attributed(rule: str, name: str) -> Ask:
    """What stands here has this attribute."""
    def ask(element: etree._Element, found: Found) -> None:
        if element.get(name) is None:
            found.append(Failure(rule, element))

    return ask


def coded(rule: str, allowed: frozenset[str], row: Coded) -> Ask:
    """The text here, or an attribute, is one of the list."""
    attribute, missing = row.attribute, "" if row.required else None

    def ask(element: etree._Element, found: Found) -> None:
        value = element.get(attribute, missing) if attribute else element.text or ""
        if value is None or value in allowed:
            return
        plain = value if row.exact else " ".join(value.split())
        if (plain.upper() if row.folded else plain) not in allowed:
            found.append(Failure(rule, element, (("found", plain),)))

    return ask


def in_cents(text: str) -> bool:
    """At most two digits behind the point, as they are written."""
    at = text.find(".")
    return at < 0 or len(text) - at <= 3  # noqa: PLR2004 - the point and two digits
