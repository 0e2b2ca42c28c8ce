"""The supplier's own check: the same judgement as production, in a scratch folder, with nothing of the installation touched."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from flux import kit, told
from flux.decision import effective_severity, unevaluated
from flux.dossier import Standing
from flux.faults import Fault, fault_of, netted
from flux.kit import Kit
from flux.market import Market
from flux.model import Decision, Deposited, Finding, Flow, Known, Severity, VerdictKind, shown
from flux.piece import identity
from flux.policy import Brief, Policy
from flux.ports import Ledger
from flux.process import conclude, flow_findings, wanted
from flux.round import Round, Work
from flux.sandbox.pool import Sandbox
from flux.stores.content import FileStore
from flux.structures import Lookup, nobody
from flux.validators import Context
from flux.when import day_of

CHILDREN = 2


def precheck(
    files: Sequence[Path], policy: Policy, markets: dict[str, Market], ledger: Ledger | None, now: datetime, partner: str, *, strict: bool = False,
    directory: Lookup = nobody, pack: Path | None = None,
) -> list[dict[str, Any]]:
    """
    The flow objects of the contract (docs/formats.md), one a file, in order.

    *ledger*: when the installation has one, it is asked which pieces and which bytes were already accepted; it is only read.
    *directory*: what the structure directory in force says.
    *strict*: as the setting ``sandbox``; raises Fault when the walls that it asks for do not stand. *pack*: a folder of other tables.
    """
    whole = kit.build(pack)
    with TemporaryDirectory(prefix="flux-check-") as folder, Sandbox(CHILDREN, strict=strict, unpack_mb=policy.limits.expanded_mb, pack=pack) as sandbox:
        spool = Path(folder)
        for name in ("tmp", "store"):
            (spool / name).mkdir()
        content = FileStore(spool)
        works = [_work(file, content, policy, ledger, whole, now, partner) for file in files]
        with Round(content, sandbox, whole) as judging:
            judging.add(works)
            judging.run(lambda _ready: None)
        known: dict[str, Deposited] = {}
        standing: dict[str, tuple[Standing, ...]] = {}
        if ledger is not None:
            known = dict(ledger.deposited(identity(j.piece) for work in works for j in work.judged if j.piece))
            standing = dict(ledger.standings({j.piece.number for work in works for j in work.judged if j.piece and j.line}))
        found = directory({one for work in works for one in wanted(work.judged, whole.tables)}, day_of(now))
        decisions = [_decided(work, Known(known, markets, standing, found), whole) for work in works]
        carried = _carried(decisions)
        return [_told(work, decision, works, carried, whole) for work, decision in zip(works, decisions, strict=True)]


def _work(file: Path, content: FileStore, policy: Policy, ledger: Ledger | None, whole: Kit, now: datetime, partner: str) -> Work:
    sha, size, trouble = "", 0, None
    try:
        with file.open("rb", buffering=0) as source:
            sha, size = content.add(source)
    except OSError as error:
        trouble = Fault("FLX-I54", file=str(file), detail=error.strerror or str(error))
    first = ledger.first_with(partner, sha) if ledger and sha else ""
    name = file.name.encode("utf-8", "surrogateescape")
    flow = Flow(shown(name), partner, name, sha, size, now, duplicate_of=first)  # its id is how a duplicate inside it is told
    envelope, findings = flow_findings(flow, policy, whole)
    brief = Brief(envelope.interface or policy.interface, policy, day_of(now))
    return Work(flow, policy, envelope, brief, list(findings), perf_counter(), trouble=trouble)


def _decided(work: Work, known: Known, whole: Kit) -> Decision | None:
    """Each file alone against what the installation knows, as if it were the next to be dropped; None where trouble of ours came between."""
    context = Context(whole.tables, work.policy, work.brief.interface, work.brief.today)
    if work.trouble:
        return None
    try:
        with netted(OSError):
            return conclude(work.flow, work.envelope, work.findings, work.judged, known, context, whole)
    except (Fault, OSError) as met:
        work.trouble = fault_of(met)
        return None


def _carried(decisions: Sequence[Decision | None]) -> dict[str, list[int]]:
    """By identity, the places of the files in which an accepted piece carries it: production would refuse the second."""
    carried: dict[str, list[int]] = {}
    for place, decision in enumerate(decisions):
        for d in decision.pieces if decision else ():
            if d.verdict.kind is VerdictKind.ACCEPTED and not d.line:
                carried.setdefault(identity(d.piece), []).append(place)
    return carried


def _told(work: Work, decision: Decision | None, works: Sequence[Work], carried: dict[str, list[int]], whole: Kit) -> dict[str, Any]:
    """The flow object; a piece whose number another file of the same call carries says so (FLX-D04)."""
    if decision is None:
        assert work.trouble is not None, "only trouble leaves a flow undecided"  # noqa: S101 - an invariant of this module
        return told.not_evaluated(work.flow, work.brief.interface, work.trouble)

    def severity(finding: Finding) -> Severity:
        return effective_severity(finding, work.policy, whole.tables)

    flow = told.flow(work.flow, decision, whole.tables, severity, unevaluated(decision))
    for d, piece in zip(decision.pieces, flow["pieces"], strict=True):
        if other := next((works[place] for place in carried.get(identity(d.piece), ()) if works[place] is not work), None):
            twin = Finding("FLX-D04", "number", d.piece.ordinal, (("found", d.piece.number), ("file", other.flow.display_name)))
            piece["findings"].append(told.finding(twin, whole.tables, severity))
    return flow
