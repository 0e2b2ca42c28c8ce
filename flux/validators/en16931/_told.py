"""From what is not kept to findings: which rules a document's profile brings into force (BT-24), how often one is told, and where."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from lxml import etree

from flux.gate import line_of
from flux.model import Finding, Severity
from flux.tables import norm, rulesets
from flux.tables.rulesets import FACTURX, RuleSet
from flux.validators._paths import path_of
from flux.validators.en16931._judge import judge, syntax_of
from flux.validators.en16931._model import Failure
from flux.validators.en16931.cpro import table as cpro
from flux.validators.en16931.profiles import pack_of

MOST = 3  # places of one rule that are told: whoever mends the first finds the others


def findings(
    root: etree._Element, profile: str, weight: Severity, sets: Sequence[RuleSet], told: Collection[str] = (), *, carried: bool = False,
) -> list[Finding]:
    """
    What a document breaks of the rules that its profile brings into force; nothing where it declares none.

    *sets*: those that judge on the day on which it was received; *told*: what its answer has already, by code, and by code and field; *carried*: by a
    Factur-X PDF.
    """
    judging = {one.identity for one in sets}
    pack = pack_of(profile, syntax_of(root), carried=carried, own=FACTURX in judging) if weight is not Severity.OFF else None
    failures = judge(root, pack.own, judging) if pack and judging else None
    if pack is None or failures is None:
        return []
    table = norm.syntax(syntax_of(root).lower())
    fatal = Severity.ERROR if weight is Severity.ERROR else Severity.WARNING

    def weighed(rule: str) -> Severity:
        return fatal if rule not in pack.light and norm.weight(rule, table) is Severity.ERROR else Severity.WARNING

    asked = [failure for failure in failures if pack.has(failure.rule) and _judged(pack.id_of(failure.rule), sets, judging)]
    return [_finding(failure, pack.id_of(failure.rule), weighed(failure.rule)) for failure in _fewer(_once(asked, told))]


def _judged(rule: str, sets: Sequence[RuleSet], judging: Collection[str]) -> bool:
    """Whether the rule is of one of these sets. Those of flux itself are with EN 16931: a value that it needs and cannot read."""
    return rulesets.of(sets, rule) is not None if norm.official(rule) else rulesets.EN16931 in judging


def _once(failures: Sequence[Failure], told: Collection[str]) -> Iterator[Failure]:
    """Without what another code of the same answer says (cpro.toml, silent)."""
    codes = {*told, *(failure.rule for failure in failures)}
    silent = {rule for rule in cpro().silent if not codes.isdisjoint(cpro().held[rule])}
    return (failure for failure in failures if failure.rule not in silent)


def _fewer(failures: Iterable[Failure]) -> Iterator[Failure]:
    told: Counter[str] = Counter()
    for failure in failures:
        told[failure.rule] += 1
        if told[failure.rule] <= MOST:
            yield failure


def _finding(failure: Failure, rule: str, weight: Severity) -> Finding:
    facts = tuple((name, text or "—") for name, text in failure.facts if name in ("found", "expected"))
    return Finding(rule, facts=facts, line=line_of(failure.element), xpath=path_of(failure.element), weight=weight.value)
