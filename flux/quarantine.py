"""
The quarantine of a rule: one that was found broken weighs less for a dated reason. Frozen values and what they do to a policy; pure.

A policy that is under a quarantine says so: its severities are lower, the findings that it lowers carry why, and the pack that a verdict names tells
which. What no setting may change (config), no quarantine may.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from msgspec import Struct
from msgspec.structs import replace

from flux.decision import effective_severity
from flux.model import Finding, Severity, Stage
from flux.policy import Lowered, Policy
from flux.tables import Tables
from flux.tables.norm import official

MOST_DAYS = 366      # a quarantine ends: what shall hold longer is a setting (local)
MOST_REASON = 200    # characters, as of any fact that a finding quotes
FIXED_STAGES = (Stage.TRANSPORT, Stage.ARCHIVE, Stage.FORMAT, Stage.DUPLICATE, Stage.DOSSIER)
MATRIX = ("FLX-C01", "FLX-C02", "FLX-C03", "FLX-C04")  # what the matrix forbids, nobody allows
_WEIGHT = (Severity.OFF, Severity.WARNING, Severity.ERROR)


class Quarantine(Struct, frozen=True):
    """
    A line of the book of quarantines, which is only ever added to. seq: from 1, as the ledger counts.

    partner: "" for all. to: warning or off; None: the one before is released. until: the last day in Paris on which it holds.
    """

    code: str
    partner: str
    to: Severity | None
    until: date
    reason: str
    who: str
    at: datetime
    seq: int = 0

    def holds(self, on: date) -> bool:
        """Whether it lowers anything on this day, unless another line came after it."""
        return self.to is not None and on <= self.until


def fixed(code: str, tables: Tables) -> Stage | None:
    """The stage of a code whose severity nobody may change; None for the others."""
    stage = tables.catalogue[code].stage
    return stage if stage in FIXED_STAGES or code in MATRIX else None


def in_force(book: Iterable[Quarantine], on: date) -> dict[tuple[str, str], Quarantine]:
    """Those that hold on a day, by code and partner: of each the last line counts."""
    last = {(one.code, one.partner): one for one in sorted(book, key=lambda one: one.seq)}
    return {key: one for key, one in last.items() if one.holds(on)}


def _at_most(code: str, policy: Policy, tables: Tables) -> str:
    """What a rule of EN 16931 does where it does most; "" for every other code."""
    entry = tables.catalogue[code]
    if entry.stage is not Stage.NORM or not official(code):
        return ""
    return Severity.ERROR if entry.severity is Severity.ERROR and Severity.ERROR in policy.norm.values() else Severity.WARNING


def under(policy: Policy, partner: str, holding: Mapping[tuple[str, str], Quarantine], tables: Tables) -> Policy:
    """The policy of this partner with what holds; his own quarantine goes before that of all. Nothing is ever made heavier."""
    lowered: dict[str, Lowered] = {}
    for code in {code for code, of in holding if of in ("", partner) and code in tables.catalogue}:
        one = holding.get((code, partner)) or holding[code, ""]
        before = effective_severity(Finding(code, weight=_at_most(code, policy, tables)), policy, tables)
        if one.to is not None and _WEIGHT.index(one.to) < _WEIGHT.index(before):
            lowered[code] = Lowered(one.seq, before, one.to, one.until, one.reason, one.who)
    if not lowered:
        return policy
    return replace(policy, severities=policy.severities | {code: one.to for code, one in lowered.items()}, lowered=lowered)
