"""The same document under flux and under the official sheet: what both find, and which disagreements docs/rules.md explains."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal

from lxml import etree
from mutations import mutated, parsed
from otherwise import otherwise

from flux.rulebook import found, official
from flux.tables import facturx
from flux.validators import en16931
from flux.validators.en16931 import profiles

MOST = 60_000  # bytes of a seed: larger ones cost the sheet seconds
ROOTS = ("}Invoice", "}CreditNote", "}CrossIndustryInvoice")
FOLDERS = ("en16931/examples-ubl", "en16931/examples-cii", "xrechnung", "zugferd", "fr", "invalid-ubl", "invalid-cii")
SUMS = ("BR-CO-10", "BR-CO-11", "BR-CO-12", "BR-CO-13", "BR-CO-14", "BR-CO-15", "BR-CO-16", "BR-DEC-13", "BR-DEC-15")  # in binary in CII
FAMILIES = tuple(f"BR-{family}-{number:02d}" for family in ("S", "Z", "E", "AE", "IC", "G", "O", "AF", "AG") for number in range(5, 10))
HALF_A_CENT, MINUS_NOUGHT, NUMBER = re.compile(r"-?\d+\.\d\d50*"), re.compile(r"-0+(\.0+)?"), re.compile(r"-?\d+(\.\d+)?")
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


def compared(documents, start, count, own=""):
    """Cases *start* to *start* + *count*, each a seed mutated by its number; *own*: under the sheet of this profile of Factur-X."""
    made = []
    for number in range(start, start + count):
        name, content = documents[number % len(documents)]
        content, done = mutated(content, number)
        made.append((name, number, tuple(done), parsed(content)))
    yield from judged_by_both(made, own)


def judged_by_both(made, own=""):
    """The case of each document: its name, its number, what was done to it, its root."""
    pack = pack_of_own(own) if own else None
    asked = [{"syntax": own or en16931.syntax_of(root), "document": etree.tostring(root, encoding="unicode")} for *_, root in made]
    for (name, number, done, root), answer in zip(made, official(asked), strict=True):
        failures = en16931.judge(root, own)
        ours = found(root, pack)
        stopped = answer.get("trouble", "")
        theirs = ours if stopped else set(answer["rules"]) - (set(facturx.own(own).unjudged) if own else set())
        other = ours ^ theirs
        yield Case(
            name, number, done, tuple(sorted(theirs - ours)), tuple(sorted(ours - theirs)), stopped, len(failures),
            bool(other) and explained(of_norm(other, pack), of_norm(theirs - ours, pack), root, failures, own),
        )  # fmt: skip


def broken_in_one_place(made, own):
    """As judged_by_both, of documents that break the rule that each is named by: that both find it too, or flux where the sheet stops."""
    for case, (rule, *_, root) in zip(judged_by_both(made, own), made, strict=True):
        told = rule in {failure.rule for failure in en16931.judge(root, own)}
        yield case if told and not {*case.missing, *case.extra} & facturx.own(own).ids else replace(case, explained=False, missing=(*case.missing, rule))


def pack_of_own(own):
    """The pack of a profile of Factur-X."""
    declared = next(row.begins[0] for row in profiles.profiles().profiles.values() if row.own == own)
    return profiles.pack_of(declared, "CII", carried=True)


def of_norm(rules, pack):
    """The ids that EN 16931 has for rules that Factur-X repeats; its own as they are."""
    return {rule for id_ in rules for rule in [facturx.own(pack.own).same.get(id_, id_) if pack else id_]}


def explained(rules, missing, root, failures, own=""):
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
    return not (rules - otherwise(root, failures) if own else rules)


def exactly_one_unit(failure, rules=UNIT):
    """The difference is one unit to the last digit: the sheet reckons in binary there, and may find a little less."""
    facts = dict(failure.facts)
    if failure.rule not in rules or not all(NUMBER.fullmatch(facts[name]) for name in ("found", "expected")):  # a rule of EXTENDED may expect one of several
        return False
    return abs(Decimal(facts["found"]) - Decimal(facts["expected"])) == 1
