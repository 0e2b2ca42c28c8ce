"""
What anybody may ask of the rules of EN 16931, of Factur-X and BR-FR-CPRO: which there are, what one says, whether they judge as the official artefacts do.

The two proofs: the official unit tests, run here test by test (``tested``), and the official sheet itself, run beside us on any document (``compared``).
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lxml import etree

from flux import official as sheets
from flux import tables
from flux.faults import Fault
from flux.gate import admit_xml
from flux.model import Finding, Severity
from flux.parsers import Unwrapped
from flux.parsers.facturx import PARSER as PDF
from flux.parsers.facturx import unwrap
from flux.policy import Limits
from flux.tables import facturx, norm, rulesets
from flux.tables.rulesets import RuleSet
from flux.validators import en16931
from flux.validators.en16931 import cpro, profiles

VEFA = "{http://difi.no/xsd/vefa/validator/1.0}"  # of the official unit tests
LETTERS = 1 << 20  # behind every number of a rule
KINDS = ("success", "error", "warning")
ENGINE = "saxonche"
DECLARED = "{*}ExchangedDocumentContext/{*}GuidelineSpecifiedDocumentContextParameter/{*}ID"  # BT-24 in CII
OFFICIAL_S = 600.0  # for the official sheet, over all documents


def listed(syntax: str = "") -> list[dict[str, Any]]:
    """Every rule, or those of a syntax (UBL, CII), in the order of their ids: its set, what it makes of a piece, its terms, the profiles that have it."""
    known = tables.load()
    asked = _asked(known.sets)
    return [_row(code, known, asked) for code in sorted(known.catalogue.rules, key=_order) if not syntax or code in asked[syntax]]


def _asked(sets: Sequence[RuleSet]) -> dict[str, frozenset[str]]:
    """By syntax, what is judged of every set."""
    return {name: frozenset().union(*(en16931.rules_of(name, one.identity) for one in sets)) for name in ("UBL", "CII")}


def _row(code: str, known: tables.Tables, asked: dict[str, frozenset[str]]) -> dict[str, Any]:
    entry, whose = known.catalogue.rules[code], rulesets.of(known.sets, code)
    return {
        "rule": code, "set": _set(whose) if whose else None, "official": "fatal" if entry.severity is Severity.ERROR else "warning",
        "terms": list(entry.terms), "syntaxes": [name for name, ids in asked.items() if code in ids],
        "profiles": [name for name, row in profiles.profiles().profiles.items() if row.tells(name, code)], "held": [held.split()[0] for held in cpro.table().held.get(code, ())],
        "text": {"fr": tables.unquoted(entry.fr), "en": tables.unquoted(entry.en)}, "fix": {"fr": tables.unquoted(entry.fix_fr), "en": tables.unquoted(entry.fix_en)},
    }  # fmt: skip


def explained(code: str) -> dict[str, Any] | None:
    """One rule; None when there is none of this id."""
    return next((row for row in listed() if row["rule"].casefold() == code.casefold()), None)


def coverage() -> list[dict[str, Any]]:
    """How many rules of each family are judged, by syntax; the set they are of."""
    rows: dict[str, dict[str, Any]] = {}
    known = tables.load().sets
    for name, ids in _asked(known).items():
        for code in ids:
            family, whose = code.rpartition("-")[0], rulesets.of(known, code)
            rows.setdefault(family, {"family": family, "set": whose.identity if whose else None, "UBL": 0, "CII": 0})[name] += 1
    return [rows[family] for family in sorted(rows, key=_order)]


def sets() -> list[dict[str, Any]]:
    """Every version of every set of rules: whose it is, and on which days it judges."""
    return [_set(one) for one in tables.load().sets]


def _set(one: RuleSet) -> dict[str, Any]:
    until = None if one.until == rulesets.OPEN else one.until.isoformat()
    return {"identity": one.identity, "version": one.version, "source": {"fr": one.source.fr, "en": one.source.en}, "since": one.since.isoformat(), "until": until}


def of_facturx() -> list[dict[str, Any]]:
    """By profile of Factur-X: the release of its artefact, how many rules it has of its own, repeats under an id of its own, and has that are not judged."""
    tables_ = {row.label: facturx.own(row.own) for row in profiles.profiles().profiles.values() if row.own}
    return [
        {"profile": label, "version": table.version, "own": len(table.ids), "repeated": len(table.same), "unjudged": len(table.unjudged)}
        for label, table in tables_.items()
    ]


def _order(code: str) -> tuple[int, list[tuple[int, str]]]:
    """BR before the syntaxes and these before Factur-X, numbers as numbers and before letters."""
    first = next((at for at, lead in enumerate(("BR", "UBL", "CII")) if code.startswith(lead)), 3)
    return first, [(int(part), "") if part.isdigit() else (LETTERS, part) for part in code.split("-")]


# -- the official unit tests ------------------------------------------------------------------------------------------------------------------------


def tested(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Each expectation of each test: file, test (from 1), rule, expected, got, agrees. Raises Fault for a file that is no testSet."""
    for file in files:
        root, _ = _read(file)
        if root.tag != f"{VEFA}testSet":
            raise Fault("FLX-I232", file=str(file), found=str(root.tag))
        for number, test in enumerate(root.iter(f"{VEFA}test"), 1):
            yield from _test(file, number, test)


def _test(file: Path, number: int, test: etree._Element) -> Iterator[dict[str, Any]]:
    document = next((one for one in test if isinstance(one.tag, str) and not one.tag.startswith(VEFA)), None)
    failures = en16931.judge(deepcopy(document)) if document is not None else None
    broken = [failure.rule for failure in failures or ()]
    for expectation in test.iter(*(f"{VEFA}{kind}" for kind in KINDS)):
        kind, rule = str(expectation.tag).removeprefix(VEFA), (expectation.text or "").strip()
        wanted = expectation.get("number")
        count = broken.count(rule)
        if failures is None:
            got, agrees = "not judged", False
        else:
            got = "success" if not count else f"{_said(rule, document)} × {count}" if count > 1 else _said(rule, document)
            agrees = not count if kind == "success" else count == int(wanted) if wanted else count > 0 and _said(rule, document) == kind
        yield {"file": file.name, "test": number, "rule": rule, "expected": f"{kind} × {wanted}" if wanted else kind, "got": got, "agrees": agrees}


def _said(rule: str, document: etree._Element | None) -> str:
    """What the official rules make of it in this syntax: error or warning."""
    syntax = en16931.syntax_of(document) if document is not None else ""
    return "error" if norm.weight(rule, norm.syntax(syntax.lower())) is Severity.ERROR else "warning"


# -- the official sheet -----------------------------------------------------------------------------------------------------------------------------


def compared(files: Sequence[Path], *, carried: bool = False) -> Iterator[dict[str, Any]]:
    """
    Each document under flux and under the official sheet of its syntax, then, where it has one, of its profile of Factur-X: ids that only one of them finds.

    carried: as if a Factur-X PDF carried each; what is one carries its own. Raises Fault where a sheet or the engine is not installed. The sheets run in a process of their own, without
    network, and are handed what passed the XML gate, never the sender's bytes.
    """
    if find_spec(ENGINE) is None:
        raise Fault("FLX-I233", name=ENGINE)
    wanted = [(file, root, pack) for file in files for root, in_pdf in [_read(file)] for pack in _sheets(root, carried=carried or in_pdf)]
    asked = [{"syntax": pack.own if pack else en16931.syntax_of(root), "document": etree.tostring(root, encoding="unicode")} for _, root, pack in wanted]
    for (file, root, pack), one, answer in zip(wanted, asked, official(asked), strict=True):
        ours, theirs = found(root, pack), set(answer.get("rules", ()))
        yield {
            "file": file.name, "syntax": en16931.syntax_of(root) or None, "sheet": one["syntax"] or None,
            "agrees": bool(one["syntax"]) and "trouble" not in answer and ours == theirs,
            "only_flux": sorted(ours - theirs, key=_order), "only_official": sorted(theirs - ours, key=_order),
            "both": sorted(ours & theirs, key=_order), "trouble": answer.get("trouble"),
        }  # fmt: skip


def _sheets(root: etree._Element, *, carried: bool) -> Iterator[profiles.Pack | None]:
    """None for the sheet of its syntax; the pack of its profile of Factur-X, if it declares one."""
    yield None
    pack = profiles.pack_of(root.findtext(DECLARED) or "", en16931.syntax_of(root), carried=carried)
    if pack and pack.own:
        yield pack


def found(root: etree._Element, pack: profiles.Pack | None = None) -> set[str]:
    """The ids that flux finds in a document: of EN 16931, or of those that the sheet of this pack's profile of Factur-X has."""
    if pack is None:
        return {failure.rule for failure in en16931.judge(root) or () if norm.official(failure.rule)}
    ids = {pack.id_of(failure.rule) for failure in en16931.judge(root, pack.own) or () if pack.has(failure.rule)}
    return ids & sheets.ids(pack.own)


def official(asked: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """What the official sheets say of documents, each {syntax, document}: {rules} or {trouble}. Raises Fault where the engine does not work here."""
    command = [sys.executable, "-m", "flux.official"]
    try:
        done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=OFFICIAL_S, check=True)  # noqa: S603 - ours
        return list(json.loads(done.stdout))
    except (subprocess.SubprocessError, ValueError) as error:
        detail = getattr(error, "stderr", "") or str(error)
        raise Fault("FLX-I234", detail=str(detail).strip()[-300:]) from error


def _read(file: Path) -> tuple[etree._Element, bool]:
    """The document, through the XML gate, and whether a PDF carries it. Raises Fault for one that cannot be read or does not pass."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Fault("FLX-I54", file=str(file), detail=error.strerror or str(error)) from error
    in_pdf = content.startswith(PDF.magic)
    inside = unwrap(content, Limits()) if in_pdf else Unwrapped(content)
    gated = inside if isinstance(inside, Finding) else admit_xml(inside.content, Limits())
    if isinstance(gated, Finding):
        raise Fault("FLX-I235", file=str(file), code=gated.code)
    return gated.root, in_pdf
