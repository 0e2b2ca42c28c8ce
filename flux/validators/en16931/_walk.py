"""
One walk over the document: fills the model, and asks of each element what depends on its place alone.

What there is to know of a place is looked up once, when the first document has an element there, and kept as a node: which term or group it is, which
rules bar it, which code lists hold for it. Places that no table names have nodes too: they cost a look-up, and a rule for any place may hold there.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lxml import etree
from msgspec import Struct

from flux.validators.en16931._model import Failure, Group, Invoice

MOST_NODES = 20_000  # kept; a hostile document that has more different places pays for its own
Found = list[Failure]
Ask = Callable[[etree._Element, Found], None]  # noqa: SLF001 - lxml's type; of an element: adds to what was found


class Place(Struct, frozen=True):
    """What the tables say of a place. group: that opens there; term: its text, "" where it is bare; attributes: (name, term)."""

    group: str = ""
    term: str = ""
    bare: bool = False
    attributes: tuple[tuple[str, str], ...] = ()


class Syntax(Struct, frozen=True):
    """
    A syntax for the walk. places: by path below the root, as Clark names; asked: by the last name of a path, (path, what is asked of each element there).

    A path of *asked* holds wherever it ends a place; one that begins with the root's own name only there. anywhere: what is asked where a test of the
    place holds; barred: attributes that may not stand where it does, each with its rule. same: names that mean another.
    """

    name: str
    places: Mapping[tuple[str, ...], Place]
    asked: Mapping[str, Sequence[tuple[tuple[str, ...], Ask]]]
    anywhere: Sequence[tuple[Callable[[tuple[str, ...]], bool], Ask]] = ()
    barred: Sequence[tuple[Callable[[tuple[str, ...]], bool], Mapping[str, str]]] = ()
    same: Mapping[str, str] = {}


class Node:
    """A place that documents have."""

    __slots__ = ("asks", "attributes", "bare", "barred", "busy", "group", "kids", "path", "term")

    def __init__(self, path: tuple[str, ...], place: Place, asks: tuple[Ask, ...], barred: dict[str, str]) -> None:
        self.path, self.asks, self.barred = path, asks, barred
        self.group, self.term, self.bare, self.attributes = place.group, place.term, place.bare, place.attributes
        self.busy = bool(asks or barred or place.group or place.term or place.attributes)
        self.kids: dict[Any, Node | None] = {}


class Walker:
    """Walks the documents of one syntax; keeps the nodes that it met."""

    def __init__(self, syntax: Syntax) -> None:
        self._syntax, self._count = syntax, 0
        self._roots: dict[str, Node] = {}

    def walk(self, root: etree._Element) -> Invoice:
        """The document as an invoice, with what was found on the way."""
        invoice = Invoice(self._syntax.name, root)
        tag = str(root.tag)
        node = self._roots.get(tag)
        if node is None:
            node = self._roots[tag] = self._node(("/",))
        for ask in node.asks:
            ask(root, invoice.failures)
        if node.barred:
            _bar(root, node, invoice.failures)
        self._fill(root, node, invoice.root, invoice)
        return invoice

    def _fill(self, element: etree._Element, node: Node, group: Group, invoice: Invoice) -> None:
        kids, terms, failures = node.kids, group.terms, invoice.failures
        for child in element[:]:  # type: ignore[index]  # a list, twice as fast as to go through the element; lxml-stubs know no slice
            tag = child.tag
            try:
                at = kids[tag]
            except KeyError:
                at = self._grow(node, tag)
            if at is None:  # a comment, an instruction
                continue
            if not at.busy:
                if len(child):
                    self._fill(child, at, group, invoice)
                continue
            for ask in at.asks:
                ask(child, failures)
            if at.barred:
                _bar(child, at, failures)
            if at.group:
                self._open(child, at, group, invoice)
                continue
            parent = len(child)
            if at.term:
                text = "" if at.bare else _text(child) if parent else child.text or ""
                if at.term in terms:
                    if len(terms[at.term]) == 1:
                        invoice.repeated.append((group, at.term))
                    terms[at.term].append(text)
                else:
                    terms[at.term] = [text]
            if at.attributes:
                _attributes(child, at, terms)
            if parent:
                self._fill(child, at, group, invoice)

    def _open(self, child: etree._Element, at: Node, group: Group, invoice: Invoice) -> None:
        inner = Group(at.group, child, group)
        beside = group.groups.get(at.group)
        if beside is None:
            group.groups[at.group] = [inner]
        else:
            if len(beside) == 1:
                invoice.repeated.append((group, at.group))
            beside.append(inner)
        if at.group in invoice.every:
            invoice.every[at.group].append(inner)
        else:
            invoice.every[at.group] = [inner]
        if at.term:
            inner.terms[at.term] = [_text(child) if len(child) else child.text or ""]
        if at.attributes:
            _attributes(child, at, inner.terms)
        if len(child):
            self._fill(child, at, inner, invoice)

    def _grow(self, node: Node, tag: Any) -> Node | None:  # noqa: ANN401 - lxml's tags of comments are functions
        if not isinstance(tag, str):
            node.kids[tag] = None
            return None
        made = self._node((*node.path, self._syntax.same.get(tag, tag)))
        if self._count < MOST_NODES:
            self._count += 1
            node.kids[tag] = made
        return made

    def _node(self, path: tuple[str, ...]) -> Node:
        asked = self._syntax.asked.get(path[-1], ())
        asks = [ask for end, ask in asked if path[-len(end) :] == end]
        asks += [ask for holds, ask in self._syntax.anywhere if holds(path)]
        barred = {name: rule for holds, rules in self._syntax.barred if holds(path) for name, rule in rules.items()}
        return Node(path, self._syntax.places.get(path[1:], Place()), tuple(asks), barred)


_string = etree.XPath("string()", smart_strings=False)


def _text(element: etree._Element) -> str:
    """All text inside, without comments and instructions."""
    return str(_string(element))


def _bar(element: etree._Element, at: Node, failures: Found) -> None:
    for name in element.keys():  # noqa: SIM118 - an element's attributes; to go through it gives its children
        if name in at.barred:
            failures.append(Failure(at.barred[str(name)], element))


def _attributes(element: etree._Element, at: Node, terms: dict[str, list[str]]) -> None:
    for name, term in at.attributes:
        value = element.get(name)
        if value is not None:
            terms.setdefault(term, []).append(value)
