"""
Where things stand: tables of places compiled into one walk of the tree, and the places of fields.

A parser says where each field stands (``Shape``); ``Found`` walks an element once and keeps what stands at those places. ``Marks`` remembers where the
fields of a piece were found, and works a place out when somebody asks for it: of most pieces nobody does. Nothing here knows a syntax.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from lxml import etree
from msgspec import Struct

from flux.gate import line_of
from flux.model import Place

MOST_TEXT = 1_000  # characters of a value that are read: ten times the longest that any rule allows; what is cut ends in an ellipsis

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


class Found:
    """What stands at the places of a shape below one element. at: its XPath."""

    __slots__ = ("at", "element", "elements", "shape")

    def __init__(self, element: etree._Element, shape: Shape, at: str) -> None:
        self.element, self.shape, self.at = element, shape, at
        self.elements: dict[str, list[etree._Element]] = {}
        _gather(element, shape.trie, self.elements)

    def all(self, path: str) -> list[etree._Element]:
        """Every element at this path, in document order."""
        return self.elements.get(path, [])

    def candidates(self, field: str) -> Iterator[Candidate]:
        """What stands at the field's places and is not empty, by preference."""
        for path in self.shape.places[field]:
            for element in self.elements.get(path, ()):
                if text := plain(element.text):
                    yield Candidate(path, element, text)

    def first(self, field: str) -> Candidate | None:
        """As next(candidates()) would give it, which is asked fifty times a piece: without a generator each time."""
        for path in self.shape.places[field]:
            for element in self.elements.get(path, ()):
                if text := plain(element.text):
                    return Candidate(path, element, text)
        return None

    def place(self, path: str, element: etree._Element) -> Place:
        """The place of an element found at *path*."""
        alone = len(self.elements[path]) == 1
        return Place(line_of(element), f"{self.at}/{path}" if alone else self._exact(path, element))

    def around(self, field: str) -> Place:
        """The nearest thing around an absent field that exists, itself if it is empty."""
        for path in self.shape.around[field]:
            if elements := self.elements.get(path):
                return self.place(path, elements[0])
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


class Marks(Mapping[str, Place]):
    """Where the fields of a piece stand, by their names. While it is kept, so is the tree."""

    __slots__ = ("_kept",)

    def __init__(self, places: Mapping[str, Place] | None = None) -> None:
        self._kept: dict[str, Place | tuple[Found, str, etree._Element | None]] = dict(places or {})

    def put(self, name: str, place: Place) -> None:
        """The field stands here."""
        self._kept[name] = place

    def mark(self, name: str, found: Found, path: str, element: etree._Element) -> None:
        """The field is this element, found at *path*."""
        self._kept[name] = (found, path, element)

    def miss(self, name: str, found: Found, field: str) -> None:
        """The field is absent: its place is that of what is around it."""
        self._kept[name] = (found, field, None)

    def same(self, name: str, other: str) -> None:
        """The field stands where that other one does."""
        self._kept[name] = self._kept[other]

    def __getitem__(self, name: str) -> Place:
        kept = self._kept[name]
        if isinstance(kept, Place):
            return kept
        found, at, element = kept
        return found.around(at) if element is None else found.place(at, element)

    def __contains__(self, name: object) -> bool:
        return name in self._kept

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


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
