"""
The XML gate: which bytes may become a tree at all. Pure; from memory, never from a path: libxml2 inflates gzip when it opens a path itself.

No invoice needs a DOCTYPE, an inclusion or 65 levels; each is refused by what the parser saw, never by a look at the bytes, which an
encoding can dress up. Codes FLX-X01 to X06 and X08 stand in ``tables/catalogue/xml.toml``; FLX-X07 (unknown root) is given by ``process``.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import cast

from lxml import etree
from msgspec import Struct

from flux.facts import Facts, above, sized
from flux.malformed import why
from flux.model import Finding
from flux.policy import Limits

ENCODINGS = {  # names as libxml2 tells them, upper case -> name for a reader (reliability, C9)
    "UTF-8": "UTF-8", "UTF8": "UTF-8",
    "UTF-16": "UTF-16", "UTF16": "UTF-16", "UTF-16LE": "UTF-16", "UTF-16BE": "UTF-16",
    "ISO-8859-1": "ISO-8859-1", "ISO_8859-1": "ISO-8859-1", "ISO8859-1": "ISO-8859-1", "LATIN1": "ISO-8859-1", "LATIN-1": "ISO-8859-1",
    "ISO-8859-15": "ISO-8859-15", "ISO_8859-15": "ISO-8859-15", "ISO8859-15": "ISO-8859-15", "LATIN-9": "ISO-8859-15",
    "WINDOWS-1252": "windows-1252", "CP1252": "windows-1252",
    "US-ASCII": "US-ASCII", "ASCII": "US-ASCII",
}  # fmt: skip
_ALLOWED = ", ".join(dict.fromkeys(ENCODINGS.values()))

_XINCLUDE = "{http://www.w3.org/2001/XInclude}"
_STYLESHEET = "xml-stylesheet"

# libxml2 refuses a text above 10 000 000 bytes of UTF-8, and one byte of a document becomes three at most. A shorter document never needs
# the large mode, which also lifts the limits of names and depth; a longer one may hold a legal attachment.
_LARGE = 10_000_000 // 3

_LEAST_ELEMENT = 4  # bytes: <a/>
_LEAST_ATTRIBUTE = 5  # bytes: ' a=""'

_NO_MEMORY = etree.ErrorTypes.ERR_NO_MEMORY
_ENCODING_ERRORS = (etree.ErrorTypes.ERR_UNKNOWN_ENCODING, etree.ErrorTypes.ERR_UNSUPPORTED_ENCODING)
_NAME_TOO_LONG = etree.ErrorTypes.ERR_NAME_TOO_LONG
_RESOURCE_LIMIT = 114  # XML_ERR_RESOURCE_LIMIT, which lxml has no name for

# libxml2's own limits outside the large mode, which nothing but an attack reaches.
_NAME_MOST_KB, _BUFFER_MOST_MB = 50, 10

_VALUE_MOST = _BUFFER_MOST_MB * 1_000_000  # characters of an attribute, of an instruction

_XMLNS_16 = b"x\0m\0l\0n\0s"  # in UTF-16, of either byte order

_DECLARED = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})")  # to name what was refused; it judges nothing

_attributes_above = lru_cache(lambda most: etree.XPath(f"(/descendant::*/attribute::*[{most + 1}]/..)[1]"))
_values_above = lru_cache(lambda most: etree.XPath(f"(//@*[string-length() > {most}]/..)[1]"))
_texts_above = lru_cache(lambda most: etree.XPath(f"(//text()[string-length() > {most}]/..)[1]"))
_level = lru_cache(lambda depth: etree.XPath(f"({'/*' * depth})[1]"))


class Gated(Struct, frozen=True):
    """A document that may be read: its root (without comments), the href of its xml-stylesheet or "", its encoding."""

    root: etree._Element
    stylesheet: str = ""
    encoding: str = "UTF-8"


def admit_xml(content: bytes, limits: Limits) -> Gated | Finding:
    """
    Parse *content* under *limits*: the tree, or the one Finding (FLX-X01 to X06, X08) that refuses it.

    Raises MemoryError when there was too little of it: libxml2 calls that a syntax error, which would blame the document (reliability F5).
    """
    if len(content) > limits.xml_mb << 20:
        return _too_long(sized("found", f"{len(content) / (1 << 20):.1f}"), sized("expected", str(limits.xml_mb)))
    equals = content.count(b"=")  # as many attributes and namespaces as that there may be, and no more
    if refusal := _too_many(content, equals, limits):
        return refusal
    try:
        root = etree.fromstring(content, _parser(len(content) > _LARGE))
    except etree.XMLSyntaxError as error:
        return _unparsed(content, error, limits)
    document = root.getroottree().docinfo
    if doctype := document.doctype:  # type: ignore[union-attr]  # lxml-stubs do not know it
        return _doctype(doctype)
    if (encoding := ENCODINGS.get((document.encoding or "UTF-8").upper())) is None:
        return _encoding(document.encoding or "")
    refusal = _out_of_shape(root, equals, limits) or _out_of_size(root, content, encoding, limits) or _foreign(root)
    return refusal or Gated(root, _stylesheet(root), encoding)


def quoted(text: str, most: int = 120) -> str:
    """The sender's text as a fact may hold it: one line of printable characters, cut to *most* of them."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return cut if cut.isprintable() else "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)


@lru_cache
def _parser(large: bool) -> etree.XMLParser:
    """The closed parser. Without comments, so that a comment inside a value does not cut it in two."""
    return etree.XMLParser(**_options(large))  # type: ignore[arg-type]


def _options(large: bool) -> dict[str, object]:
    """Never collect_ids=False: libxml2 takes it for a wish to load the DTD, and opens whatever file a DOCTYPE names."""
    return {
        "resolve_entities": False, "no_network": True, "load_dtd": False, "attribute_defaults": False, "dtd_validation": False,
        "remove_comments": True, "huge_tree": large,
    }  # fmt: skip


def _too_many(content: bytes, equals: int, limits: Limits) -> Finding | None:
    """FLX-X05 before a tree is built: 20 MB of empty elements would become one of 600 MB (reliability, C5)."""
    most = limits.xml_nodes
    if equals > limits.xml_attributes and _declaring(content) > limits.xml_attributes:  # a tree does not say which element declared them
        return _walk(content, limits)
    if len(content) < min(_LEAST_ELEMENT, _LEAST_ATTRIBUTE) * most:
        return None
    if content.count(b"<") - content.count(b"</") <= most and equals <= most:
        return None  # upper bounds: a start tag, a comment, a CDATA section each hold one "<" that is no end tag's
    return _walk(content, limits)


def _declaring(content: bytes) -> int:
    """As many namespaces as may be declared, and no fewer."""
    return content.count(b"xmlns") + (content.count(_XMLNS_16) if b"\0" in content else 0)


def _walk(content: bytes, limits: Limits) -> Finding | None:
    """The exact, slow way, without a tree: the first thing, in document order, that the gate refuses; None when libxml2 stops first."""
    guard = _Guard(limits)
    try:
        etree.fromstring(content, etree.XMLParser(**_options(large=True), target=guard))  # type: ignore[arg-type]
    except _Refused as refused:
        return refused.finding
    except etree.XMLSyntaxError:
        return None  # admit_xml meets the same error, and tells it
    return None


class _Refused(Exception):  # noqa: N818 - it carries a Finding out of libxml2's callbacks, and is no error
    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


class _Guard:
    """What a streaming parse sees: DOCTYPE, instructions, depth, number of elements, of attributes and namespace declarations."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._depth = self._elements = self._attributes = 0

    def doctype(self, name: str | None, _public: str | None, _system: str | None) -> None:
        raise _Refused(_doctype(f"<!DOCTYPE {name or ''}>"))

    def pi(self, target: str, _data: str | None = None) -> None:
        self._elements += 1
        if target != _STYLESHEET or self._depth or self._elements > self._limits.xml_nodes:
            raise _Refused(_active(f"<?{target}?>", 0))

    def start(self, tag: str, attributes: dict[str, str], namespaces: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        self._attributes += len(attributes) + len(namespaces)
        limits = self._limits
        if self._depth > limits.xml_depth:
            raise _Refused(_too_deep(limits.xml_depth))
        if len(attributes) > limits.xml_attributes:
            raise _Refused(_too_wide(tag, limits.xml_attributes))
        if len(namespaces) > limits.xml_attributes:
            raise _Refused(_too_wide(tag, limits.xml_attributes, what=("espaces de noms", "namespaces")))
        if self._elements > limits.xml_nodes:
            raise _Refused(_too_numerous("éléments", "elements", limits.xml_nodes))
        if self._attributes > limits.xml_nodes:
            raise _Refused(_too_numerous("attributs", "attributes", limits.xml_nodes))

    def end(self, _tag: str) -> None:
        self._depth -= 1

    def close(self) -> None:
        """The whole document was seen."""


def _unparsed(content: bytes, error: etree.XMLSyntaxError, limits: Limits) -> Finding:
    """Why libxml2 gave no tree: never by its message, which changes; by its code, and by what a streaming parse saw before."""
    code: int = error.code  # type: ignore[attr-defined]  # lxml-stubs do not know it
    message, line = error.msg or "", error.lineno or 0
    if code == _NO_MEMORY:
        raise MemoryError from error
    if code in _ENCODING_ERRORS:
        return _encoding(_declared(content))
    if seen := _walk(content, limits):
        return seen
    if code == _NAME_TOO_LONG:
        return _too_long(sized("found", f"> {_NAME_MOST_KB}", "kB"), sized("expected", str(_NAME_MOST_KB), "kB"), line)
    if code == _RESOURCE_LIMIT:
        return _too_long(sized("found", f"> {_BUFFER_MOST_MB}"), sized("expected", str(_BUFFER_MOST_MB)), line)
    return Finding("FLX-X01", facts=why(code, quoted(message, 200)), line=line)


def _out_of_shape(root: etree._Element, equals: int, limits: Limits) -> Finding | None:
    """Depth and attributes of a tree, asked of libxml2's own XPath: an iteration in Python would cost more than the parse."""
    if (deep := _first(_level(limits.xml_depth + 1), root)) is not None:
        return _too_deep(limits.xml_depth, line_of(deep))
    most = limits.xml_attributes
    if equals > most and (wide := _first(_attributes_above(most), root)) is not None:
        return _too_wide(wide.tag, limits.xml_attributes, line_of(wide))
    return None


def _out_of_size(root: etree._Element, content: bytes, encoding: str, limits: Limits) -> Finding | None:
    """A text, a value or an instruction that is too long. The bytes of a document never are fewer than its characters."""
    long = _long_instruction(root)
    if long is None and len(content) > _VALUE_MOST and (encoding == "UTF-16" or _stretch(content, _VALUE_MOST)):
        long = _first(_values_above(_VALUE_MOST), root)
    if long is not None:
        return _too_long(sized("found", f"> {_BUFFER_MOST_MB}"), sized("expected", str(_BUFFER_MOST_MB)), line_of(long))
    most = limits.xml_text_mb << 20
    if len(content) > most and (long := _first(_texts_above(most), root)) is not None:
        return _too_long(sized("found", f"> {limits.xml_text_mb}"), sized("expected", str(limits.xml_text_mb)), line_of(long))
    return None


def _long_instruction(root: etree._Element) -> etree._Element | None:
    """Before the root, where alone one may stand."""
    return next((one for one in _before(root) if len(one.text or "") > _VALUE_MOST), None)


def _stretch(content: bytes, most: int) -> bool:
    """Whether so many bytes may follow one another without a ``<``, which a value cannot hold: asked of halves, since a whole covers one."""
    half = most // 2
    return any(content.find(b"<", at, at + half) < 0 for at in range(0, len(content) - half + 1, half))


def _foreign(root: etree._Element) -> Finding | None:
    """FLX-X08: an XInclude element, or an instruction that is not an xml-stylesheet before the root."""
    if (inclusion := next(root.iter(f"{_XINCLUDE}*"), None)) is not None:
        return _active(f"xi:{etree.QName(inclusion).localname}", line_of(inclusion))
    strange = (instruction for instruction in _before(root) if instruction.target != _STYLESHEET)
    kind = etree.ProcessingInstruction
    for instruction in (*strange, *root.iter(kind), *root.itersiblings(kind)):
        return _active(f"<?{instruction.target!s}?>", line_of(instruction))  # type: ignore[attr-defined]  # lxml-stubs know elements only
    return None


def _before(root: etree._Element) -> Iterator[etree._ProcessingInstruction]:
    """The instructions before the root, where alone one may stand; the nearest first."""
    found: Iterator[etree._ProcessingInstruction] = root.itersiblings(etree.ProcessingInstruction, preceding=True)  # type: ignore[assignment]
    return found


def _first(path: etree.XPath, root: etree._Element) -> etree._Element | None:
    found: list[etree._Element] = path(root)  # type: ignore[assignment]
    return found[0] if found else None


def line_of(node: etree._Element) -> int:
    """Where an element or an instruction begins, from 1; 0 when libxml2 does not know it."""
    return cast("int | None", node.sourceline) or 0


def _stylesheet(root: etree._Element) -> str:
    """Where the stylesheet of a structured flow would be: recorded, never followed. Of two, the one nearer to the root."""
    return quoted(next((instruction.get("href") or "" for instruction in _before(root)), ""), 1_000)


def _doctype(found: str) -> Finding:
    return Finding("FLX-X02", facts=(("found", quoted(found)),), line=1)


def _declared(content: bytes) -> str:
    """The encoding that the document declares, "" when that cannot be read."""
    match = _DECLARED.search(content[:400].replace(b"\0", b""))
    return match[1].decode("ascii") if match else ""


def _encoding(found: str) -> Finding:
    return Finding("FLX-X03", facts=(("found", quoted(found) or "—"), ("expected", _ALLOWED)), line=1)


def _too_deep(most: int, line: int = 0) -> Finding:
    return Finding("FLX-X04", facts=(*above(most), ("expected", str(most))), line=line)


def _too_numerous(what_fr: str, what_en: str, most: int) -> Finding:
    return Finding("FLX-X05", facts=(*above(most), ("expected", str(most)), ("what_fr", what_fr), ("what_en", what_en)))


def _too_wide(tag: str, most: int, line: int = 0, what: tuple[str, str] = ("attributs", "attributes")) -> Finding:
    name, (what_fr, what_en) = quoted(etree.QName(tag).localname), what
    facts = (*above(most), ("expected", str(most)), ("what_fr", f"{what_fr} de {name}"), ("what_en", f"{what_en} of {name}"))
    return Finding("FLX-X05", facts=facts, line=line)


def _too_long(found: Facts, expected: Facts, line: int = 0) -> Finding:
    return Finding("FLX-X06", facts=(*found, *expected), line=line)


def _active(found: str, line: int) -> Finding:
    return Finding("FLX-X08", facts=(("found", quoted(found)),), line=line)
