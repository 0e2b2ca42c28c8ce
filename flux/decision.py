"""Decide, pure: what a finding does, who acts next, the verdict of a piece and of its flow."""

from collections import Counter
from collections.abc import Iterable, Sequence

from flux.faults import Fault
from flux.model import Decided, Decision, Envelope, Finding, FlowVerdict, Severity, Stage, Verdict, VerdictKind
from flux.piece import Actor, Piece
from flux.policy import Policy
from flux.tables import Tables

DEPOSITED, NOT_CONFORM = "DEPOSEE", "NON_CONFORME"
_ORDER = tuple(Stage)


def effective_severity(finding: Finding, policy: Policy, tables: Tables) -> Severity:
    """What this finding does to its piece: the setting for its code, else what it brings along, else the check's own setting, else the catalogue."""
    if (told := policy.severities.get(finding.code)) is not None:
        return told
    if finding.weight:
        return Severity(finding.weight)
    entry = tables.catalogue[finding.code]
    own = {"FLX-P03": policy.siret_check, "FLX-P05": policy.vat_check, "FLX-F09": policy.unknown_market}
    if entry.stage is Stage.MARKET and entry.severity is Severity.WARNING and policy.market_check is Severity.ERROR:
        return Severity.WARNING  # what only ever deserves a word gets no more of it
    return own.get(finding.code) or (policy.market_check if entry.stage is Stage.MARKET else entry.severity)


def next_actor(piece: Piece, tables: Tables) -> Actor | Finding:
    """
    Who acts next on this piece once it is accepted: the matrix's column, FLX-P20 or P21 when the datum that names him is missing.

    A valideur who is not named leaves the piece to the MOE (domain 4.1, I). Cadres that are not works go to the recipient.
    """
    row = tables.works.get(piece.cadre)
    role = row.next if row else "recipient"
    if role == "valideur" and (piece.valideur is None or not piece.valideur.id):
        role = "moe"
    party = {"valideur": piece.valideur, "moe": piece.moe, "moa": piece.moa, "fournisseur": piece.supplier}.get(role, piece.recipient)
    if party is not None and party.id:
        return Actor(role, party.id)
    code = "FLX-P20" if role == "moe" else "FLX-P21"
    return Finding(code, role, facts=(("found", piece.market or "—"), ("cadre", piece.cadre), ("expected", role.upper())))


def verdict_of(findings: tuple[Finding, ...], closed: str, actor: Actor | None, policy: Policy, tables: Tables) -> Verdict:
    """
    The verdict of one piece. *closed*: the stage that refused it, "" when every stage was asked.

    Accepted means: every stage was asked, none objected, and somebody acts next. Anything else that carries no error is not evaluated.
    """
    refused = any(effective_severity(f, policy, tables) is Severity.ERROR for f in findings)
    if refused:
        kind = VerdictKind.REJECTED
    elif closed or actor is None:
        kind = VerdictKind.NOT_EVALUATED
    else:
        kind = VerdictKind.ACCEPTED
    skipped = _ORDER[_ORDER.index(Stage(closed)) + 1 :] if closed else ()
    goes_to = actor if kind is VerdictKind.ACCEPTED else None
    return Verdict(kind, statuses_of(kind, goes_to, tables), goes_to, findings, skipped)


def statuses_of(kind: VerdictKind, actor: Actor | None, tables: Tables) -> tuple[str, ...]:
    """The statuses that a piece reaches by its deposit alone, in order: API codes."""
    if kind is VerdictKind.ACCEPTED and actor is not None:
        return DEPOSITED, tables.life.initial[actor.role]
    return (NOT_CONFORM,) if kind is VerdictKind.REJECTED else ()


def decide(envelope: Envelope, findings: tuple[Finding, ...], pieces: Sequence[Decided], policy: Policy, tables: Tables) -> Decision:
    """The flow's verdict: whole, partly, not at all (domain 3.5). An error about the flow itself refuses it whole."""
    kinds, syntaxes = Counter[VerdictKind](), set[str]()
    for d in pieces:  # once: there may be many
        kinds[d.verdict.kind] += 1
        syntaxes.add(d.piece.syntax)
    verdict, accepted = _flow_verdict(findings, set(kinds), policy, tables), kinds[VerdictKind.ACCEPTED]
    return Decision(verdict, envelope, pieces, findings, syntax=_syntax(syntaxes - {""}), accepted=accepted)


def unevaluated(decision: Decision) -> Fault | None:
    """
    Why a piece is neither refused by a rule nor accepted, None when there is none: ours to settle, so nothing of its flow is told.

    It comes of a setting: an error that was made a warning still leaves nobody who acts next, or a check that could not go on.
    """
    if decision.verdict is not FlowVerdict.NOT_EVALUATED:
        return None
    first = next(d for d in decision.pieces if d.verdict.kind is VerdictKind.NOT_EVALUATED)
    ordinal, number = str(first.piece.ordinal), first.piece.number or "—"
    if first.verdict.skipped:
        codes = ", ".join(dict.fromkeys(finding.code for finding in first.verdict.findings))
        return Fault("FLX-I68", ordinal=ordinal, number=number, codes=codes)
    return Fault("FLX-I67", ordinal=ordinal, number=number)


def _flow_verdict(findings: Iterable[Finding], kinds: set[VerdictKind], policy: Policy, tables: Tables) -> FlowVerdict:
    if any(effective_severity(f, policy, tables) is Severity.ERROR for f in findings):
        return FlowVerdict.REJECTED
    if VerdictKind.NOT_EVALUATED in kinds:
        return FlowVerdict.NOT_EVALUATED
    if kinds == {VerdictKind.ACCEPTED}:
        return FlowVerdict.INTEGRATED
    return FlowVerdict.PARTIAL if VerdictKind.ACCEPTED in kinds else FlowVerdict.REJECTED


def _syntax(told: set[str]) -> str:
    """The one syntax of the flow's pieces, "mixed" for several, "" when none could be told."""
    return next(iter(told)) if len(told) == 1 else "mixed" if told else ""
