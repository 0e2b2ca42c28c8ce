"""
What a replay would change: a recorded verdict beside the one of today, and all such changes counted by rule and by partner. Pure.

A piece that was refused and would go in counts for each code that refused it; one that went in and would be refused, for each that would. One that
is refused either way, for other codes, changes no verdict: that is counted apart, as is one that would go to somebody else.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from flux.model import Decided, Decision, Finding, FlowVerdict, Severity, VerdictKind
from flux.rows import FlowRow

VERDICT, NO_LONGER, ALSO, ACTOR = "verdict", "no_longer", "also", "actor"
EXAMPLES = 3
MOST_LISTED = 10_000  # changes that are told one by one
Weigh = Callable[[Finding], Severity]


class Was(Struct, frozen=True):
    """A verdict: accepted, rejected, not_evaluated; the codes that refuse, of a piece that is not evaluated the reason; who acts next."""

    verdict: str
    codes: tuple[str, ...] = ()
    actor: str = ""


class Change(Struct, frozen=True):
    """
    What would change of a piece, or with ordinal 0 of a flow itself. what: verdict, no_longer or also (a code, of a piece refused either way), actor.

    rules: the codes that it is counted for; of actor, none.
    """

    flow: str
    ordinal: int
    number: str
    partner: str
    what: str
    before: str
    after: str
    rules: tuple[str, ...] = ()


def was_piece(told: Mapping[str, Any]) -> Was:
    """As it was recorded (told.piece)."""
    actor = f"{told['next_actor']}:{told['next_id']}" if told["next_actor"] else ""
    return Was(told["verdict"], _codes((f["code"], f["severity"]) for f in told["findings"]), actor)


def is_piece(d: Decided, weigh: Weigh) -> Was:
    """As it is decided today."""
    actor = d.verdict.next_actor
    return Was(d.verdict.kind, _codes((f.code, weigh(f)) for f in d.verdict.findings), f"{actor.role}:{actor.id}" if actor else "")


def was_flow(row: FlowRow) -> Was:
    """The flow itself as it was recorded."""
    findings = _codes((str(f["code"]), str(f["severity"])) for f in row.findings)
    return Was(row.verdict or FlowVerdict.NOT_EVALUATED, findings or ((row.reason.code,) if row.reason else ()))


def is_flow(decision: Decision, weigh: Weigh) -> Was:
    """The flow itself as it is decided today."""
    return Was(decision.verdict, _codes((f.code, weigh(f)) for f in decision.findings))


def changes(row: FlowRow, told: Sequence[Mapping[str, Any]], decision: Decision | None, trouble: str, weigh: Weigh) -> list[Change]:
    """
    What would change of a flow: piece by piece where there were as many, else of the flow whole.

    decision: None, with the code of the *trouble*, where it cannot be judged today.
    """
    flow, partner = row.flow.id, row.flow.partner
    if decision is None:
        return _between(flow, 0, "", partner, was_flow(row), Was(FlowVerdict.NOT_EVALUATED, (trouble,)))
    if not row.verdict or not told or len(told) != len(decision.pieces):
        return _between(flow, 0, "", partner, was_flow(row), is_flow(decision, weigh))
    found = _between(flow, 0, "", partner, _only_codes(was_flow(row)), _only_codes(is_flow(decision, weigh)))
    for before, d in zip(told, decision.pieces, strict=True):
        found += _between(flow, d.piece.ordinal, before["number"] or "", partner, was_piece(before), is_piece(d, weigh))
    return found


def _only_codes(was: Was) -> Was:
    """Of a flow whose pieces are looked at one by one, the pieces tell the verdict."""
    return Was(VerdictKind.REJECTED if was.codes else "", was.codes)


def _between(flow: str, ordinal: int, number: str, partner: str, before: Was, after: Was) -> list[Change]:
    if before.verdict != after.verdict:
        refuses = after.codes if after.verdict in _WRONG and before.verdict not in _REFUSED else before.codes or after.codes
        return [Change(flow, ordinal, number, partner, VERDICT, before.verdict, after.verdict, refuses)]
    found = []
    if gone := tuple(sorted(set(before.codes) - set(after.codes))):
        found.append(Change(flow, ordinal, number, partner, NO_LONGER, before.verdict, after.verdict, gone))
    if new := tuple(sorted(set(after.codes) - set(before.codes))):
        found.append(Change(flow, ordinal, number, partner, ALSO, before.verdict, after.verdict, new))
    if before.actor != after.actor:
        found.append(Change(flow, ordinal, number, partner, ACTOR, before.actor, after.actor))
    return found


_REFUSED = (VerdictKind.REJECTED, FlowVerdict.REJECTED)
_WRONG = (*_REFUSED, VerdictKind.NOT_EVALUATED, FlowVerdict.NOT_EVALUATED)


def _codes(found: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(sorted({code for code, severity in found if severity == Severity.ERROR}))


class Tally:
    """All changes of a replay, counted. flows, pieces: that were judged again; changed: pieces and flows whose verdict would change."""

    def __init__(self) -> None:
        self.flows = self.pieces = 0
        self.by_what: Counter[str] = Counter()
        self.by_rule: Counter[tuple[str, str, str, str]] = Counter()  # code, what, before, after
        self.examples: dict[tuple[str, str, str, str], list[Change]] = {}
        self.by_partner: dict[str, Counter[str]] = {}
        self.listed: list[Change] = []
        self.trouble: Counter[str] = Counter()

    def add(self, partner: str, pieces: int, found: Sequence[Change], trouble: str = "") -> None:
        """A flow that was judged again, with what would change of it; *trouble*: why it could not be."""
        here = self.by_partner.setdefault(partner, Counter())
        self.flows, self.pieces = self.flows + 1, self.pieces + pieces
        here.update(flows=1, pieces=pieces)
        if trouble:
            self.trouble[trouble] += 1
        for one in found:
            self.by_what[one.what] += 1
            here[one.what] += 1
            for code in one.rules or ("",):
                key = (code, one.what, one.before, one.after)
                self.by_rule[key] += 1
                if len(some := self.examples.setdefault(key, [])) < EXAMPLES:
                    some.append(one)
        self.listed += found[: max(0, MOST_LISTED - len(self.listed))]
