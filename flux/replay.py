"""
The replay: past flows judged again, under other rules or other data, with nothing of the installation touched.

The sealed originals go through the very same judgement as in production (``round``, ``process``), in order of their decisions as the journal has it,
each against what was known when it was decided: identities that earlier pieces held, pieces before as they stood, market files and snapshots of the
directory that had been imported. A flow is never told a duplicate of itself or of a later one. What the replay itself decides otherwise counts for the
flows behind: a piece that would not have gone in holds no identity, one that would have holds it.

What people and recipients did to pieces meanwhile is taken as it happened. The settings are those of today: flux.toml keeps no versions.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from msgspec import Struct
from msgspec.structs import replace

from flux.change import Tally, changes
from flux.decision import effective_severity, unevaluated
from flux.dossier import Ref, Standing
from flux.faults import Fault, fault_of, netted
from flux.keeping import TOLD
from flux.kit import Kit
from flux.lifecycle import OPENING
from flux.market import Market
from flux.model import WENT_IN, Decision, Deposited, Finding, Flow, Known, Severity, VerdictKind
from flux.owing import standings
from flux.piece import identity
from flux.policy import Policy
from flux.ports import ContentStore, Ledger
from flux.process import conclude, wanted
from flux.round import Round, Work
from flux.rows import FlowRow
from flux.sandbox.pool import Sandbox
from flux.stores.aside import laid
from flux.structures import Lookup
from flux.validators import Context
from flux.worker import prepared, unjudged

BATCH = 100             # flows judged together,
BATCH_BYTES = 64 << 20  # or so many bytes of them
NOW = datetime.max.replace(tzinfo=UTC)  # of what was never decided: all that is known is known
LEFT_OPEN = ("FLX-I67", "FLX-I68")  # see decision.unevaluated

Progress = Callable[[int, int], object]  # flows done, of all


class World(Struct, frozen=True):
    """Under what is judged. policies: by partner. markets, directory: what was known at an instant, or what is asked about instead."""

    kit: Kit
    policies: dict[str, Policy]
    markets: Callable[[datetime], dict[str, Market]]
    directory: Callable[[datetime], Lookup]


class Replay:
    """One replay. The ledger is only read."""

    def __init__(self, ledger: Ledger, originals: ContentStore, world: World, sandbox: Sandbox) -> None:
        self._ledger, self._originals, self._world, self._sandbox = ledger, originals, world, sandbox
        self._lost: set[tuple[str, int]] = set()            # pieces that went in, and would not
        self._gained: dict[str, Deposited] = {}             # by identity: pieces that did not go in, and would
        self._begun: dict[str, list[Standing]] = {}         # the same, by number, as they would stand
        self._otherwise: dict[str, bool] = {}               # by flow: something would go in where nothing did, or nothing where something did
        self._decided = lru_cache(100_000)(ledger.decided)

    def run(self, start: datetime, end: datetime, partner: str, progress: Progress) -> Tally:
        """Judge the flows received between these instants again, and count what would change."""
        past, tally = self._ledger.past(start, end, partner), Tally()
        progress(0, len(past))
        for batch in self._batches(past):
            with self._judged([row for _, row in batch]) as works:
                for (place, row), work in zip(batch, works, strict=True):
                    if work.flow.duplicate_of == self._duplicate_of(row.flow):
                        self._settle(place, row, work, tally)
                    else:  # one before it in this batch is otherwise
                        with self._judged([row]) as (anew,):
                            self._settle(place, row, anew, tally)
                    progress(tally.flows, len(past))
        return tally

    @contextmanager
    def _judged(self, rows: Sequence[FlowRow]) -> Iterator[list[Work]]:
        """These flows, each judged by its document alone, in a scratch folder that stands until they are settled."""
        works = [self._work(row) for row in rows]
        with TemporaryDirectory(prefix="flux-replay-") as folder:
            with Round(laid(Path(folder), self._originals), self._sandbox, self._world.kit) as judging:
                judging.add(works)
                judging.run(lambda _ready: None)
            yield works

    def _batches(self, past: Sequence[tuple[int, str]]) -> Iterator[list[tuple[int, FlowRow]]]:
        batch: list[tuple[int, FlowRow]] = []
        size = 0
        for place, id_ in past:
            row = self._ledger.flow(id_)
            assert row is not None, "no flow ever leaves the ledger"  # noqa: S101 - its own promise
            if batch and (len(batch) >= BATCH or size + row.flow.size > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append((place, row))
            size += row.flow.size
        if batch:
            yield batch

    def _work(self, row: FlowRow) -> Work:
        flow, kit = replace(row.flow, duplicate_of=self._duplicate_of(row.flow)), self._world.kit
        policy = self._world.policies.get(flow.partner)
        if any(one.what == TOLD for one in self._ledger.purged(flow.id)):
            return unjudged(flow, Fault("FLX-I231", flow=flow.id))  # nothing to hold a verdict of today against
        if policy is None:
            return unjudged(flow, Fault("FLX-I65", partner=flow.partner))
        return prepared(flow, policy, (), kit)

    def _duplicate_of(self, flow: Flow) -> str:
        """The first flow that brought these bytes and of which something went in, as far as this replay has come; as recorded where it says nothing."""
        if not self._otherwise or flow.again is not None:  # its parent's bytes make it no duplicate
            return flow.duplicate_of
        before = [row for row in self._ledger.with_bytes(flow.sha256) if row.flow.partner == flow.partner and row.flow.id != flow.id]
        for row in before:
            known = row.decided_at is not None and row.decided_at <= flow.received_at
            if known and self._otherwise.get(row.flow.id, row.verdict in WENT_IN):
                return row.flow.id
        return "" if self._otherwise.get(flow.duplicate_of) is False else flow.duplicate_of

    def _settle(self, place: int, row: FlowRow, work: Work, tally: Tally) -> None:
        """Conclude in its turn, hold it against what was recorded, and remember what is otherwise."""
        told = [orjson.loads(p.told) for p in self._ledger.pieces(flow=row.flow.id)]

        def weigh(finding: Finding) -> Severity:
            return effective_severity(finding, work.policy, self._world.kit.tables)

        decision = self._concluded(place, row, work)
        trouble = work.trouble.code if work.trouble else ""
        # What the rules leave open would hold the flow; a content that is gone, a child that is lost say nothing about any rule.
        nothing = decision is None and (not row.verdict or trouble not in LEFT_OPEN)
        found = [] if nothing else changes(row, told, decision, trouble, weigh)
        tally.add(row.flow.partner, len(decision.pieces) if decision else 0, found, trouble)
        if decision is not None:
            self._remember(row, work, decision, {piece["ordinal"] for piece in told if piece["verdict"] == VerdictKind.ACCEPTED})

    def _concluded(self, place: int, row: FlowRow, work: Work) -> Decision | None:
        if work.trouble:
            return None
        context = Context(self._world.kit.tables, work.policy, work.brief.interface, work.brief.today)
        at = row.decided_at or NOW
        try:
            with netted(OSError):
                directory = self._world.directory(at)(wanted(work.judged, self._world.kit.tables), work.brief.today)
                known = Known(self._deposited(place, work), self._world.markets(at), self._standing(place, at, work), directory)
                decision = conclude(work.flow, work.envelope, work.findings, work.judged, known, context, self._world.kit)
                if trouble := unevaluated(decision):
                    raise trouble
        except (Fault, OSError) as met:
            work.trouble = fault_of(met)
            return None
        return decision

    def _remember(self, row: FlowRow, work: Work, decision: Decision, recorded: set[int]) -> None:
        """What of this flow would be otherwise for those behind."""
        now = {d.piece.ordinal: d for d in decision.pieces if d.verdict.kind is VerdictKind.ACCEPTED}
        self._lost |= {(row.flow.id, ordinal) for ordinal in recorded - now.keys()}
        at = row.decided_at or work.flow.received_at
        if new := {ordinal for ordinal, d in now.items() if ordinal not in recorded and not d.line}:
            for d in (now[ordinal] for ordinal in sorted(new)):
                self._gained[identity(d.piece)] = Deposited(row.flow.id, d.piece.ordinal, d.sha256, at)
            begun, _ = standings(work.flow, decision, at, self._world.kit.tables)
            for one in (one for one in begun if one.ref.ordinal in new):
                self._begun.setdefault(one.piece.number, []).append(one)
        if bool(now) != (row.verdict in WENT_IN):
            self._otherwise[row.flow.id] = bool(now)

    # -- what was known -------------------------------------------------------------------------------------------------------------------

    def _deposited(self, place: int, work: Work) -> dict[str, Deposited]:
        """Who held these identities when the journal stood at *place*."""
        keys = {identity(j.piece) for j in work.judged if j.piece and not j.line}
        held = {
            key: one
            for key, one in self._ledger.deposited(keys).items()
            if one.flow != work.flow.id and (one.flow, one.ordinal) not in self._lost and self._decided(one.flow)[0] < place
        }
        return held | {key: self._gained[key] for key in keys & self._gained.keys()}

    def _standing(self, place: int, at: datetime, work: Work) -> dict[str, tuple[Standing, ...]]:
        """The pieces before, and those of status lines, as they stood, by the name under which they are asked for (see Worker)."""
        judged = [j for j in work.judged if j.piece and not j.closed]
        named = {j.piece.previous for j in judged if j.piece and j.piece.deposit == "association"}
        numbers = {j.piece.number for j in judged if j.piece and j.line and not j.line.flow}
        if not named | numbers:
            return {}
        found = dict(self._ledger.standings(named | numbers))
        refs = {name: ref for name in named - found.keys() if (ref := Ref.of(name))}
        found |= {name: (one,) for name, ref in refs.items() if (one := self._ledger.standing(ref))}
        known = {name: tuple(filter(None, (self._as_it_stood(one, place, at) for one in some))) for name, some in found.items()}
        for name in (named | numbers) & self._begun.keys():
            known[name] = (*known.get(name, ()), *self._begun[name])
        return {name: some for name, some in known.items() if some}

    def _as_it_stood(self, one: Standing, place: int, at: datetime) -> Standing | None:
        """The piece with the steps that it had made; None when it was not in yet: a commit's flows do not know one another's pieces."""
        decided = self._decided(one.ref.flow)[1]
        if decided is None or decided >= at or (one.ref.flow, one.ref.ordinal) in self._lost:
            return None
        return replace(one, moves=one.moves[: OPENING + self._ledger.moves_before(one.ref, place)])


def lowered(policy: Policy, severities: dict[str, Severity]) -> Policy:
    """The policy with these severities instead, whatever is in quarantine."""
    if not severities:
        return policy
    kept = {code: one for code, one in policy.lowered.items() if code not in severities}
    return replace(policy, severities=policy.severities | severities, lowered=kept)

