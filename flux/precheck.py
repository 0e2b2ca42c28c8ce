"""The supplier's own check: the same judgement as production, in a scratch folder, with nothing of the installation touched."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from flux import kit, told
from flux.decision import effective_severity
from flux.kit import Kit
from flux.model import Deposited, Finding, Flow, Known, Market, Severity, identity
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
    files: Sequence[Path], policy: Policy, markets: dict[str, Market], ledger: Ledger | None, now: datetime, partner: str
) -> list[dict[str, object]]:
    """
    The flow objects of the contract (docs/formats.md), one a file, in order.

    *ledger*: when the installation has one, it is asked which pieces were already accepted; it is only read.
    """
    whole = kit.build()
    with TemporaryDirectory(prefix="flux-check-") as folder, Sandbox(CHILDREN) as sandbox, ExitStack() as scratches:
        spool = Path(folder)
        for name in ("tmp", "store"):
            (spool / name).mkdir()
        content = FileStore(spool)
        works = [_work(n, file, content, policy, whole, now, partner) for n, file in enumerate(files, 1)]
        Round(works, content, sandbox, scratches, whole).run(lambda _ready: None)
    known: dict[str, Deposited] = {}
    if ledger is not None:
        known = dict(ledger.deposited(identity(j.piece) for work in works for j in work.judged if j.piece))
    return [_told(work, known, markets, whole) for work in works]


def _work(n: int, file: Path, content: FileStore, policy: Policy, whole: Kit, now: datetime, partner: str) -> Work:
    with file.open("rb", buffering=0) as source:
        sha, size = content.add(source)
    flow = Flow(f"check-{n:06d}", partner, file.name.encode("utf-8", "surrogateescape"), sha, size, now)
    envelope, findings = flow_findings(flow, policy, whole)
    brief = Brief(envelope.interface or policy.interface, policy, day_of(now))
    return Work(flow, policy, envelope, brief, list(findings), perf_counter())


def _told(work: Work, known: dict[str, Deposited], markets: dict[str, Market], whole: Kit) -> dict[str, object]:
    """The flow object; pieces accepted in an earlier file of the same call count as deposited, as they would in production."""

    def severity(finding: Finding) -> Severity:
        return effective_severity(finding, work.policy, whole.tables)

    if work.trouble:
        return told.not_evaluated(work.flow, work.brief.interface, work.trouble)
    context = Context(whole.tables, work.policy, work.brief.interface, work.brief.today)
    decision = conclude(work.flow, work.envelope, work.findings, work.judged, Known(known, markets), context, whole)
    for d in decision.pieces:
        if d.verdict.kind == "accepted":
            known[identity(d.piece)] = Deposited(work.flow.display_name, d.piece.ordinal, d.sha256, work.flow.received_at)
    return told.flow(work.flow, decision, whole.tables, severity)
