"""The same document under flux and under the official sheet: what both find, and which disagreements docs/rules.md explains."""

import re
from dataclasses import dataclass
from decimal import Decimal

from lxml import etree
from mutations import mutated, parsed

from flux.rulebook import official
from flux.tables import norm
from flux.validators import en16931

MOST = 60_000  # bytes of a seed: larger ones cost the sheet seconds
ROOTS = ("}Invoice", "}CreditNote", "}CrossIndustryInvoice")
FOLDERS = ("en16931/examples-ubl", "en16931/examples-cii", "xrechnung", "zugferd", "fr", "invalid-ubl", "invalid-cii")
SUMS = ("BR-CO-10", "BR-CO-11", "BR-CO-12", "BR-CO-13", "BR-CO-14", "BR-CO-15", "BR-CO-16", "BR-DEC-13", "BR-DEC-15")  # in binary in CII
FAMILIES = tuple(f"BR-{family}-{number:02d}" for family in ("S", "Z", "E", "AE", "IC", "G", "O", "AF", "AG") for number in range(5, 10))
HALF_A_CENT, MINUS_NOUGHT = re.compile(r"-?\d+\.\d\d50*"), re.compile(r"-0+(\.0+)?")
UNIT = ("BR-S-08", "BR-AF-08", "BR-AG-08", "BR-S-09", "BR-AF-09", "BR-AG-09", "BR-CO-17")  # whose tolerance is one unit


@dataclass(frozen=True)
class Case:
    """A mutated document. missing: ids that only the sheet finds; extra: that only flux does; stopped: why the sheet gave no answer."""

    seed: str
    number: int
    done: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    stopped: str
    told: int
    explained: bool

    @property
    def agrees(self):
        return self.explained or not (self.missing or self.extra or (self.stopped and not self.told))


def seeds(corpus, syntax):
    """The real documents of a syntax that are small enough, in the order of their names."""
    found = []
    for folder in FOLDERS:
        for path in sorted((corpus / folder).rglob("*")):
            if path.suffix.lower() != ".xml" or path.stat().st_size > MOST:
                continue
            try:
                root = parsed(path.read_bytes())
            except etree.XMLSyntaxError:
                continue
            if str(root.tag).endswith(ROOTS) and en16931.syntax_of(root) == syntax:
                found.append((path.name, path.read_bytes()))
    return found


def compared(documents, start, count):
    """Cases *start* to *start* + *count*, each a seed mutated by its number."""
    made = []
    for number in range(start, start + count):
        name, content = documents[number % len(documents)]
        content, done = mutated(content, number)
        made.append((name, number, tuple(done), parsed(content)))
    asked = [{"syntax": en16931.syntax_of(root), "document": etree.tostring(root, encoding="unicode")} for *_, root in made]
    for (name, number, done, root), answer in zip(made, official(asked), strict=True):
        failures = en16931.judge(root)
        ours = {failure.rule for failure in failures if norm.official(failure.rule)}
        stopped = answer.get("trouble", "")
        theirs = ours if stopped else set(answer["rules"])
        other = ours ^ theirs
        yield Case(
            name, number, done, tuple(sorted(theirs - ours)), tuple(sorted(ours - theirs)), stopped, len(failures),
            bool(other) and explained(other, theirs - ours, root, failures),
        )  # fmt: skip


def explained(rules, missing, root, failures):
    """Whether docs/rules.md says why they part here: exactly one unit, half a cent, minus nought, a value that cannot be read and was not looked at."""
    rules = rules - {failure.rule for failure in failures if exactly_one_unit(failure)}
    if any(failure.rule in ("FLX-E01", "FLX-E02") for failure in failures):
        rules -= missing
    texts = [(one.text or "").strip() for one in root.iter() if isinstance(one.tag, str)]
    binary = en16931.syntax_of(root) == "CII"
    if binary and any(HALF_A_CENT.fullmatch(text) for text in texts):
        rules -= {*SUMS, *FAMILIES}
    if any(MINUS_NOUGHT.fullmatch(text) for text in texts):
        rules -= {"BR-27", "BR-28", *((*SUMS, *FAMILIES, "BR-CO-17") if binary else ())}
    return not rules


def exactly_one_unit(failure):
    """The difference is one unit to the last digit: the sheet reckons in binary there, and may find a little less."""
    facts = dict(failure.facts)
    if failure.rule not in UNIT or "—" in facts.values():
        return False
    return abs(Decimal(facts["found"]) - Decimal(facts["expected"])) == 1
