"""
A rehearsal: recorded flows judged again under today's tables, markets and directory, by the very stages of production, and nothing recorded.

What a re-injection previews, and where an export finds the documents of refused pieces. In groups, so that the disk it needs is that of a group.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime

from msgspec import Struct

from flux.decision import unevaluated
from flux.faults import Fault, fault_of, netted
from flux.model import Decision, Deposited, Flow, Known, VerdictKind
from flux.ops import Office
from flux.piece import identity
from flux.ports import ContentStore
from flux.process import conclude, wanted
from flux.quarantine import in_force, under
from flux.round import Round, Work
from flux.sandbox.pool import Sandbox
from flux.validators import Context
from flux.when import day_of
from flux.worker import before, identities, prepared, unjudged

GROUP = 20  # flows judged at once


class Stage(Struct, frozen=True):
    """What a rehearsal needs: the office, with markets and directory as they are now, a store aside, children."""

    office: Office
    aside: Callable[[], AbstractContextManager[ContentStore]]
    children: Callable[[], Sandbox]
    now: Callable[[], datetime]


class Rehearsed(Struct, frozen=True):
    """A flow as it would be decided. decision: None where trouble of ours came between, which work has. content: where its files are."""

    work: Work
    decision: Decision | None
    content: ContentStore


def rehearse(flows: Iterable[Flow], stage: Stage) -> Iterator[Rehearsed]:
    """
    Each flow as if it were taken up now, in order: what one would take, the later ones find taken.

    What is yielded is good until the next is asked for.
    """
    queue, taken = list(flows), dict[str, Deposited]()
    if not queue:
        return
    with stage.children() as sandbox:
        for at in range(0, len(queue), GROUP):
            with stage.aside() as content:
                works = _judged(queue[at : at + GROUP], content, sandbox, stage)
                yield from _concluded(works, content, taken, stage)


def _judged(flows: Sequence[Flow], content: ContentStore, sandbox: Sandbox, stage: Stage) -> list[Work]:
    kit, works = stage.office.kit, []
    holding = in_force(stage.office.ledger.quarantines(), day_of(stage.now()))
    for flow in flows:
        policy = stage.office.policies.get(flow.partner)
        if policy is None:
            works.append(unjudged(flow, Fault("FLX-I65", partner=flow.partner)))
        else:
            works.append(prepared(flow, under(policy, flow.partner, holding, kit.tables), stage.office.routes, kit))
    with Round(content, sandbox, kit) as judging:
        judging.add(works)
        judging.run(lambda _ready: None)
    return works


def _concluded(works: Sequence[Work], content: ContentStore, taken: dict[str, Deposited], stage: Stage) -> Iterator[Rehearsed]:
    ledger, markets = stage.office.ledger, dict(stage.office.markets())
    held, standing = dict(ledger.deposited(identities(works))), before(ledger, works, stage.office.kit.tables)
    for work in works:
        decision = None
        day = work.brief.today
        if not work.trouble:
            try:
                with netted(OSError):
                    found = stage.office.directory(wanted(work.judged, stage.office.kit.tables), day)
                    decision = _decided(work, Known({**held, **taken}, markets, standing, found), day, stage)
            except (Fault, OSError) as met:
                work.trouble = fault_of(met)
        for d in decision.pieces if decision else ():
            if d.verdict.kind is VerdictKind.ACCEPTED and not d.line:
                taken[identity(d.piece)] = Deposited(work.flow.id, d.piece.ordinal, d.sha256, work.flow.received_at)
        yield Rehearsed(work, decision, content)


def _decided(work: Work, known: Known, day: date, stage: Stage) -> Decision:
    """Raises Fault where the worker would."""
    kit = stage.office.kit
    context = Context(kit.tables, work.policy, work.brief.interface, day)
    decision = conclude(work.flow, work.envelope, work.findings, work.judged, known, context, kit)
    if trouble := unevaluated(decision):
        raise trouble
    return decision
