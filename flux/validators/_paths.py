"""Where an element stands, as people write it: the prefixes that are usual, and a position where several of a name stand beside one another."""

import re
from functools import lru_cache
from typing import Any

from lxml import etree

MOST_KEPT = 1_000  # characters of a path or a name that is remembered: a namespace may be as long as its document

PREFIXES = {
    "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100": "rsm",
    "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100": "ram",
    "urn:un:unece:uncefact:data:standard:QualifiedDataType:100": "qdt",
    "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100": "udt",
    "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2": "cac",
    "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2": "cbc",
    "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2": "ext",
    "urn:flux:depot:1": "dep",
    "http://www.w3.org/2001/XMLSchema-instance": "xsi",
}


_SPELT = {f"{{{space}}}": f"{prefix}:" for space, prefix in PREFIXES.items()}
_SPACE = re.compile(r"\{[^}]*\}")


def path_of(element: etree._Element) -> str:
    """The XPath of an element."""
    tree = element.getroottree()
    root = name_of(tree.getroot().tag)
    below = tree.getelementpath(element)  # "." for the root itself, else as Clark names: lxml counts the siblings, without an object for each
    spelt = _spelt if len(below) < MOST_KEPT else _spelt.__wrapped__
    return f"/{root}" if below == "." else f"/{root}/{spelt(below)}"


@lru_cache(4096)
def _spelt(path: str) -> str:
    """A path of Clark names with the usual prefixes. The documents of a sender err at the same places."""
    return _SPACE.sub(lambda space: _SPELT.get(space[0], ""), path)


def name_of(tag: Any) -> str:  # noqa: ANN401 - a tag in Clark notation
    """A name with its usual prefix."""
    return _named(tag) if len(str(tag)) < MOST_KEPT else _named.__wrapped__(tag)


@lru_cache(512)
def _named(tag: Any) -> str:  # noqa: ANN401 - as above
    name = etree.QName(tag)
    prefix = PREFIXES.get(name.namespace or "")
    return f"{prefix}:{name.localname}" if prefix else name.localname
