"""
The XSD: lxml decides, xmlschema explains what was found, what was expected, and where.

CHECKS is empty: this check sees the tree, not the Piece; process asks it first, in stage format.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import deepcopy
from itertools import islice
from typing import Any, Protocol

from lxml import etree

from flux.facts import Facts, above, own_words, pair
from flux.gate import line_of, quoted
from flux.model import Finding
from flux.validators import Check
from flux.validators._paths import PREFIXES, name_of, path_of

CHECKS: tuple[Check, ...] = ()

MOST = 20                     # findings told of one piece,
MOST_READ = 1_000             # and explained of one document
EXPLAINED_BYTES = 1_000_000   # above, lxml's own words: xmlschema takes 60 times as long as the verdict did
CROWD = 1_000                 # and where more children than that stand beside one another,
SAMPLE = 100                  # so many of each name are asked first
_UNIT = re.compile(
    r"/(?:(CPPFactureMixte|CPPFacturePivot)/CPPFactures(?:\[1\])?/\1Unitaire"
    r"|CPPStatut/(CPPFacture|CPPFlux)Statuts(?:\[1\])?/\2StatutUnitaire)\[(?P<number>[0-9]+)\]"
)
_FORMS = {
    "date": pair("expected", "a date such as 2026-01-31", "une date telle que 2026-01-31"),
    "dateTime": pair("expected", "an instant such as 2026-01-31T08:00:00", "un instant tel que 2026-01-31T08:00:00"),
    "decimal": pair("expected", "a number such as 1234.56", "un nombre tel que 1234.56"),
    "boolean": pair("expected", "true or false", "true ou false"),
    "base64Binary": (("expected", "base64"),),
}


class Judge(Protocol):
    """A schema as its store offers it: xsd decides, readable explains."""

    @property
    def xsd(self) -> etree.XMLSchema: ...  # noqa: D102 - said above
    @property
    def readable(self) -> Any: ...  # noqa: ANN401, D102 - xmlschema has no types


def validate(root: etree._Element, size: int, schema: Judge) -> tuple[Finding, ...]:
    """
    What the schema refuses in a document of *size* bytes: nothing when it is valid.

    FLX-S01 something expected is missing, S02 not expected here, S03 a value its type does not allow, S04 an attribute, S09 anything else;
    FLX-S10 tells that there is more, behind the first 20 of a piece.
    """
    xsd: Any = schema.xsd  # lxml-stubs do not know that its log can be walked
    if size > EXPLAINED_BYTES and (told := _all_over(root, xsd)):
        return told
    if xsd.validate(root):
        return ()
    explained = list(_first(islice(_explained(root, schema), MOST_READ))) if size <= EXPLAINED_BYTES else []
    known = {unit_of(finding.xpath) for finding in explained}
    # The verdict is lxml's: a piece that it refuses is refused, whether or not somebody could explain it, and no other is.
    rest = (entry for entry in xsd.error_log if unit_of(_path_of(entry)) not in known)
    return (*explained, *_first(map(_in_lxml_words, rest)))


def _all_over(root: etree._Element, xsd: Any) -> tuple[Finding, ...]:  # noqa: ANN401 - as above
    """
    What is told of a large document that is wrong all over: more than is told, in the first lines alone. () for any other, which is asked whole.

    To say where an error is, libxml2 counts siblings: 10,000 lines with an error each take it two seconds, and twice as many four times that.
    """
    if not _crowded(root) or xsd.validate(_beginning(root)):
        return ()
    told = tuple(_first(map(_in_lxml_words, xsd.error_log)))
    return told if len(told) > MOST and not any(unit_of(finding.xpath) for finding in told) else ()


def _crowded(element: etree._Element) -> bool:
    """Whether anything here has more than CROWD children: of a long invoice it is the root, or stands near it."""
    return len(element) > CROWD or any(map(_crowded, element))


def _beginning(element: etree._Element) -> etree._Element:
    """The same with no more than SAMPLE children of a name in what is crowded, and around it; each keeps its line."""
    met = Counter[str]()
    part = etree.Element(element.tag, dict(element.items()), element.nsmap)  # type: ignore[arg-type]  # lxml-stubs know no default namespace
    part.sourceline, part.text = element.sourceline, element.text
    for child in element:
        met[child.tag] += 1
        if met[child.tag] <= SAMPLE:
            part.append(_beginning(child) if _crowded(child) else deepcopy(child))
    return part


def unit_of(xpath: str) -> int:
    """In a document of several pieces, the piece in which this place lies, from 1; 0 when it concerns them all."""
    unit = _UNIT.match(xpath)
    return int(unit["number"]) if unit else 0


def _path_of(entry: Any) -> str:  # noqa: ANN401 - lxml's log entry
    """Where libxml2 met an error; "" where it cut a long path in the middle of a character, which lxml cannot read."""
    try:
        return entry.path or ""
    except UnicodeDecodeError:
        return ""


def _first(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first of each piece, and that there are more."""
    met: Counter[int] = Counter()
    for finding in findings:
        unit = unit_of(finding.xpath)
        met[unit] += 1
        if met[unit] <= MOST:
            yield finding
        elif met[unit] == MOST + 1:
            whole = _UNIT.match(finding.xpath)
            yield _more(MOST, finding.line, whole[0] if whole else "")


def _more(most: int, line: int, xpath: str) -> Finding:
    return Finding("FLX-S10", facts=(*above(most), ("expected", str(most))), line=line, xpath=xpath)


def _explained(root: etree._Element, schema: Judge) -> Iterator[Finding]:
    errors = schema.readable.iter_errors(root)
    while (error := _next(errors)) is not None:
        element = error.elem if isinstance(error.elem, etree._Element) else root  # noqa: SLF001 - lxml's only name for its type
        yield _finding(error, element)


def _next(errors: Iterator[Any]) -> Any:  # noqa: ANN401 - xmlschema's error
    """
    The next explanation; None when there is none.

    The verdict is lxml's and stands: an xsi:type that names nothing, or a year beyond Python's, only ends the explaining.
    """
    try:
        return next(errors, None)
    except (LookupError, ArithmeticError, ValueError, TypeError):
        return None


def _finding(error: Any, element: etree._Element) -> Finding:  # noqa: ANN401 - xmlschema's error
    """One error of xmlschema as a finding: by its kind, in the words of the document."""
    kind = type(error).__name__
    if kind == "XMLSchemaChildrenValidationError":
        return _children(error, element)
    validator = type(error.validator).__name__
    if "Attribute" in validator or "attribute" in str(error.reason)[:40]:
        return _at(element, "FLX-S04", _validator_says(error.reason))
    simple = any(word in validator for word in ("Facet", "Simple", "Atomic"))
    if simple or isinstance(error.obj, str | None) or kind == "XMLSchemaDecodeError":
        found = (element.text or "").strip() if len(element) == 0 else str(error.obj)
        return _at(element, "FLX-S03", (("found", quoted(found) or "—"), *_allowed(error)))
    return _at(element, "FLX-S09", _validator_says(error.reason))


def _children(error: Any, element: etree._Element) -> Finding:  # noqa: ANN401 - xmlschema's error
    expected = [plain for particle in (error.expected or ()) if (plain := _plain(particle))]
    child = next(islice(_elements(element), error.index, None), None)
    if expected:
        found = f"<{name_of(child.tag)}>" if child is not None else f"</{name_of(element.tag)}>"
        return _at(child if child is not None else element, "FLX-S01", _facts(found, ", ".join(dict.fromkeys(expected))[:300]))
    wrong = child if child is not None else element
    return _at(wrong, "FLX-S02", _facts(f"<{name_of(wrong.tag)}>", f"</{name_of(element.tag)}>"))


def _elements(element: etree._Element) -> Iterator[etree._Element]:
    return (child for child in element if isinstance(child.tag, str))


def _plain(particle: Any) -> str:  # noqa: ANN401 - a tag, or one of xmlschema's particles
    tag = particle if isinstance(particle, str) else getattr(particle, "name", None)
    return f"<{name_of(tag)}>" if tag else ""


def _allowed(error: Any) -> Facts:  # noqa: ANN401 - xmlschema's error
    """What the type allows, in a line: its form, its enumeration, its pattern, or its name."""
    validator = error.validator
    type_ = getattr(validator, "type", validator)
    if (name := getattr(getattr(type_, "primitive_type", None), "local_name", "")) in _FORMS and not getattr(type_, "patterns", None):
        return _FORMS[name]
    values = getattr(type_, "enumeration", None)
    if values:
        return (("expected", ", ".join(str(value) for value in values[:30])),)
    patterns = getattr(type_, "patterns", None)
    if patterns is not None and getattr(patterns, "regexps", None):
        regexps = " | ".join(patterns.regexps)[:200]
        return pair("expected", f"the pattern {regexps}", f"le motif {regexps}")
    if error.reason:
        return _validator_says(error.reason, "expected")
    return (("expected", str(getattr(type_, "local_name", "") or "—")),)


def _in_lxml_words(entry: Any) -> Finding:  # noqa: ANN401 - an entry of lxml's error log
    text = str(entry.message)
    for space, prefix in PREFIXES.items():
        text = text.replace(f"{{{space}}}", f"{prefix}:")
    return Finding("FLX-S09", facts=_validator_says(text[:400]), line=entry.line or 0, xpath=_path_of(entry))


def _validator_says(reason: object, name: str = "found") -> Facts:
    """What xmlschema and lxml say in English only, in words that nobody can list."""
    return own_words("the validator says", "le validateur dit", str(reason)[:400], name)


def _facts(found: str, expected: str) -> Facts:
    return (("found", found), ("expected", expected))


def _at(element: etree._Element, code: str, facts: Facts) -> Finding:
    return Finding(code, facts=facts, line=line_of(element), xpath=path_of(element))
