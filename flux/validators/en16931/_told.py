"""From what is not kept to findings: which rules a document's profile brings into force (BT-24), how often one is told, and where."""

from collections import Counter
from collections.abc import Iterator

from lxml import etree

from flux.gate import line_of
from flux.model import Finding, Severity
from flux.tables import norm
from flux.validators._paths import path_of
from flux.validators.en16931._judge import judge, syntax_of
from flux.validators.en16931._model import Failure
from flux.validators.en16931.profiles import pack_of

MOST = 3  # places of one rule that are told: whoever mends the first finds the others


def findings(root: etree._Element, profile: str, weight: Severity, *, carried: bool = False) -> list[Finding]:
    """What a document breaks of the rules that its profile brings into force; nothing where it declares none. *carried*: by a Factur-X PDF."""
    pack = pack_of(profile, syntax_of(root), carried=carried) if weight is not Severity.OFF else None
    failures = judge(root, pack.own) if pack else None
    if pack is None or failures is None:
        return []
    table = norm.syntax(syntax_of(root).lower())
    fatal = Severity.ERROR if weight is Severity.ERROR else Severity.WARNING

    def weighed(rule: str) -> Severity:
        return fatal if rule not in pack.light and norm.weight(rule, table) is Severity.ERROR else Severity.WARNING

    asked = (failure for failure in failures if pack.has(failure.rule))
    return [_finding(failure, pack.id_of(failure.rule), weighed(failure.rule)) for failure in _fewer(asked)]


def _fewer(failures: Iterator[Failure]) -> Iterator[Failure]:
    told: Counter[str] = Counter()
    for failure in failures:
        told[failure.rule] += 1
        if told[failure.rule] <= MOST:
            yield failure


def _finding(failure: Failure, rule: str, weight: Severity) -> Finding:
    facts = tuple((name, text or "—") for name, text in failure.facts if name in ("found", "expected"))
    return Finding(rule, facts=facts, line=line_of(failure.element), xpath=path_of(failure.element), weight=weight.value)
