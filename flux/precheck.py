"""The supplier's own check: the same judgement as production, in a scratch folder, with nothing of the installation touched."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from flux import kit, told
from flux.decision import effective_severity
from flux.faults import Fault
from flux.kit import Kit
from flux.model import Decision, Deposited, Finding, Flow, Known, Market, Severity, VerdictKind, identity
from flux.policy import Brief, Policy
from flux.ports import Ledger
from flux.process import conclude, flow_findings
from flux.round import Round, Work
from flux.sandbox.pool import Sandbox
from flux.stores.content import FileStore
from flux.validators import Context
from flux.when import day_of

CHILDREN = 2


def precheck(
    files: Sequence[Path], policy: Policy, markets: dict[str, Market], ledger: Ledger | None, now: datetime, partner: str, *, strict: bool = False
) -> list[dict[str, Any]]:
    """
    The flow objects of the contract (docs/formats.md), one a file, in order.

    *ledger*: when the installation has one, it is asked which pieces were already accepted; it is only read.
    *strict*: as the setting ``sandbox``; raises Fault when the walls that it asks for do not stand.
    """
    whole = kit.build()
    with TemporaryDirectory(prefix="flux-check-") as folder, Sandbox(CHILDREN, strict=strict, unpack_mb=policy.limits.expanded_mb) as sandbox:
        spool = Path(folder)
        for name in ("tmp", "store"):
            (spool / name).mkdir()
        content = FileStore(spool)
        works = [_work(n, file, content, policy, whole, now, partner) for n, file in enumerate(files, 1)]
        with Round(content, sandbox, whole) as judging:
            judging.add(works)
            judging.run(lambda _ready: None)
    known: dict[str, Deposited] = {}
    if ledger is not None:
        known = dict(ledger.deposited(identity(j.piece) for work in works for j in work.judged if j.piece))
    decisions = {work.flow.id: _decided(work, Known(known, markets), whole) for work in works if not work.trouble}
    shared = _shared(works, decisions)
    return [
        told.not_evaluated(work.flow, work.brief.interface, work.trouble) if work.trouble else _told(work, decisions[work.flow.id], shared, whole)
        for work in works
    ]


def _work(n: int, file: Path, content: FileStore, policy: Policy, whole: Kit, now: datetime, partner: str) -> Work:
    sha, size, trouble = "", 0, None
    try:
        with file.open("rb", buffering=0) as source:
            sha, size = content.add(source)
    except OSError as error:
        trouble = Fault("FLX-I54", file=str(file), detail=error.strerror or str(error))
    flow = Flow(f"check-{n:06d}", partner, file.name.encode("utf-8", "surrogateescape"), sha, size, now)
    envelope, findings = flow_findings(flow, policy, whole)
    brief = Brief(envelope.interface or policy.interface, policy, day_of(now))
    return Work(flow, policy, envelope, brief, list(findings), perf_counter(), trouble=trouble)


def _decided(work: Work, known: Known, whole: Kit) -> Decision:
    """Each file alone against what the installation knows, as if it were the next to be dropped."""
    context = Context(whole.tables, work.policy, work.brief.interface, work.brief.today)
    return conclude(work.flow, work.envelope, work.findings, work.judged, known, context, whole)


def _shared(works: Sequence[Work], decisions: Mapping[str, Decision]) -> dict[str, dict[str, str]]:
    """Identities that accepted pieces of several files carry: identity -> flow id -> file name. Production would refuse the second."""
    names = {work.flow.id: work.flow.display_name for work in works}
    carried: dict[str, dict[str, str]] = {}
    for id_, decision in decisions.items():
        for d in decision.pieces:
            if d.verdict.kind is VerdictKind.ACCEPTED:
                carried.setdefault(identity(d.piece), {})[id_] = names[id_]
    return {key: files for key, files in carried.items() if len(files) > 1}


def _told(work: Work, decision: Decision, shared: dict[str, dict[str, str]], whole: Kit) -> dict[str, Any]:
    """The flow object; a piece whose number another file of the same call carries says so (FLX-D04)."""

    def severity(finding: Finding) -> Severity:
        return effective_severity(finding, work.policy, whole.tables)

    flow = told.flow(work.flow, decision, whole.tables, severity)
    for d, piece in zip(decision.pieces, flow["pieces"], strict=True):
        if other := next((name for id_, name in shared.get(identity(d.piece), {}).items() if id_ != work.flow.id), ""):
            twin = Finding("FLX-D04", "number", d.piece.ordinal, (("found", d.piece.number), ("file", other)))
            piece["findings"].append(told.finding(twin, whole.tables, severity))
    return flow
