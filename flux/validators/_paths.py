"""Where an element stands, as people write it: the prefixes that are usual, and a position where several of a name stand beside one another."""

from typing import Any

from lxml import etree

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


def path_of(element: etree._Element) -> str:
    """The XPath of an element."""
    steps = []
    node: etree._Element | None = element
    while node is not None:
        twins = [t for t in node.itersiblings(node.tag, preceding=True)]  # noqa: C416 - lxml's iterator has no length
        alone = not twins and next(node.itersiblings(node.tag), None) is None
        steps.append(name_of(node.tag) + ("" if alone else f"[{len(twins) + 1}]"))
        node = node.getparent()
    return "/" + "/".join(reversed(steps))


def name_of(tag: Any) -> str:  # noqa: ANN401 - a tag in Clark notation
    """A name with its usual prefix."""
    name = etree.QName(tag)
    prefix = PREFIXES.get(name.namespace or "")
    return f"{prefix}:{name.localname}" if prefix else name.localname
