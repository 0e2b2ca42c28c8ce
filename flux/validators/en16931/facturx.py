"""
What Factur-X asks of a CII document of its profiles, as questions of the walk: the rows of tables/en16931/facturx (``tables.facturx``).

Factur-X tells elements of one name apart by a value (a charge is no allowance): the kinds of an element. A place may be asked of one kind alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from lxml import etree
from msgspec.structs import replace

from flux.tables import facturx
from flux.validators.en16931._bound import attributed, code_lists
from flux.validators.en16931._model import Failure
from flux.validators.en16931._pattern import clark, steps
from flux.validators.en16931._walk import Ask, Found, Syntax

Holds = Callable[[etree._Element], bool]  # noqa: SLF001 - lxml's type
Names = Mapping[str, str]                 # prefix -> namespace
Path = tuple[str, ...]                    # names as Clark has them, "/" first
MANY = 1 << 30


class Kind(NamedTuple):
    """An element above, or the one that is asked: how many levels up, of which name, and the kind that it is of."""

    up: int
    name: str
    kind: str


class Counted(NamedTuple):
    """How often a child stands: at least, at most. holds: of which kind, None for any."""

    rule: str
    name: str
    least: int
    most: int
    holds: Holds | None


def asked(profile: str, syntax: Syntax, names: Names) -> Syntax:
    """The syntax, and what this profile of Factur-X asks there beside. Raises Fault for a table that is not whole, KeyError for a word of it that is not known."""
    table = facturx.own(profile)
    found: dict[Path, dict[tuple[Kind, ...], list[Ask]]] = {}
    for (path, kinds), rows in _counts(table, names).items():
        found.setdefault(path, {}).setdefault(kinds, []).append(counting(rows))
    for path, kinds, ask in _values(table, names):
        found.setdefault(path, {}).setdefault(kinds, []).append(ask)
    more: dict[str, list[tuple[Path, Ask]]] = {name: list(some) for name, some in syntax.asked.items()}
    for path, by_kind in found.items():
        more.setdefault(path[-1], []).extend((path, ask) for ask in _of_kind(by_kind, names))
    if table.empty:
        more["/"] = [(("/",), filled(table.empty))]
    return replace(syntax, asked=more)


def _counts(table: facturx.Own, names: Names) -> dict[tuple[Path, tuple[Kind, ...]], list[Counted]]:
    """What is counted, by the place of the element in which it is."""
    found: dict[tuple[Path, tuple[Kind, ...]], list[Counted]] = {}
    for rows, least, most in ((table.one, 1, 1), (table.most, 0, 1), (table.most_two, 0, 2), (table.least, 1, MANY)):
        for rule, places in rows.items():
            for place in places:
                above, _, last = place.rpartition("/")
                name, kind = _step(last)
                holds = kinds_of(name, names)[kind] if kind else None
                found.setdefault(_place(above, names), []).append(Counted(rule, clark(name, names), least, most, holds))
    return found


def _values(table: facturx.Own, names: Names) -> Iterator[tuple[Path, tuple[Kind, ...], Ask]]:
    """What is asked of the attributes and of the text at a place."""
    for rule, places in table.attributed.items():
        for place in places:
            at, _, name = place.partition("/@")
            yield *_place(at, names), attributed(rule, name)
    lists = {**code_lists(), **facturx.lists(), facturx.DECLARED: frozenset(table.declared)}
    for some, rows in table.coded.items():
        allowed = frozenset().union(*(lists[name] for name in some.split()))
        for rule, places in rows.items():
            for place in places:
                at, _, name = place.partition("/@")
                yield *_place(at, names), listed(rule, name, allowed)


def _place(text: str, names: Names) -> tuple[Path, tuple[Kind, ...]]:
    """The path without its kinds, and these."""
    parts = [_step(step) for step in text.split("/")] if text else []
    path = steps(f"/{'/'.join(name for name, _ in parts)}", names)
    return path, tuple(Kind(len(parts) - at, name, kind) for at, (name, kind) in enumerate(parts, 1) if kind)


def _step(text: str) -> tuple[str, str]:
    """Name and kind, "" for any."""
    name, _, kind = text.partition("[")
    return name, kind.rstrip("]")


def _of_kind(by_kind: Mapping[tuple[Kind, ...], Sequence[Ask]], names: Names) -> Iterator[Ask]:
    """What is asked of every element of a place, and, as one, what is asked of those of some kind."""
    yield from by_kind.get((), ())
    branches = [([(kind.up, kind.kind, kinds_of(kind.name, names)) for kind in kinds], asks) for kinds, asks in by_kind.items() if kinds]
    if not branches:
        return

    def ask(element: etree._Element, found: Found) -> None:
        for wanted, asks in branches:
            if all(_kind(_above(element, up), kinds) == kind for up, kind, kinds in wanted):
                for one in asks:
                    one(element, found)

    yield ask


def _above(element: etree._Element, up: int) -> etree._Element:
    return next(islice(element.iterancestors(), up - 1, None)) if up else element


def _kind(element: etree._Element, kinds: Mapping[str, Holds]) -> str:
    return next((name for name, holds in kinds.items() if holds(element)), "")


def kinds_of(name: str, names: Names) -> Mapping[str, Holds]:
    """The kinds of the elements of a name, as the table has them."""
    return {kind: _holds(text, names) for kind, text in facturx.variants()[name].items()}


def _holds(text: str, names: Names) -> Holds:
    """What makes an element one of a kind."""
    if text.startswith("no @"):
        missing = text.removeprefix("no @")
        return lambda element: element.get(missing) is None
    where, _, wanted = text.partition(" = ")
    at, _, attribute = where.partition("@")
    path = "/".join(steps(at.rstrip("/"), names)) if at else ""
    other = "/".join(steps(wanted.lstrip("/"), names)) if wanted.startswith("/") else ""

    def holds(element: etree._Element) -> bool:
        of = element.findall(path) if path else (element,)
        found = {one.get(attribute) for one in of} if attribute else {one.text or "" for one in of}
        return wanted in found if not other else any((one.text or "") in found for one in element.getroottree().getroot().findall(other))

    return holds


# -- what is asked of an element ------------------------------------------------------------------------------------------------------------------


def counting(rows: Sequence[Counted]) -> Ask:
    """Each of these children stands there as often as it may."""
    needed = frozenset(row.name for row in rows if row.least)

    def ask(element: etree._Element, found: Found) -> None:
        tags = [child.tag for child in element]
        if len(seen := set(tags)) == len(tags) and needed <= seen:  # nearly always: everything once, and nothing missing
            return
        for row in rows:
            count = tags.count(row.name) if row.holds is None else sum(map(row.holds, element.iterchildren(row.name)))
            if not row.least <= count <= row.most:
                found.append(Failure(row.rule, element, (("found", str(count)),)))

    return ask


def listed(rule: str, attribute: str, allowed: frozenset[str]) -> Ask:
    """The text here, or an attribute, is one of the list, to the letter; where it is empty nothing is said of it."""
    def ask(element: etree._Element, found: Found) -> None:
        value = element.get(attribute) if attribute else element.text
        if value and value not in allowed:
            found.append(Failure(rule, element, (("found", value.strip()),)))

    return ask


_empty: Callable[..., Any] = etree.XPath("descendant-or-self::*[not(*) and not(normalize-space())]")


def filled(rule: str) -> Ask:
    """What has no element inside says something: asked of the root for all below, in one go."""
    def ask(element: etree._Element, found: Found) -> None:
        found.extend(Failure(rule, empty) for empty in _empty(element))

    return ask
