"""
The worker: take flows, prove and judge them in the sandbox, conclude beside the ledger, record. Holds the house's one net.

Three roads that never cross: what is wrong with theirs is a finding and becomes an answer; what is wrong with ours is a Fault, retried
and then held; a limit that a sender reached is a finding that names the limit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from time import perf_counter
from typing import BinaryIO

from msgspec import Struct
from msgspec.structs import replace

from flux.decision import unevaluated
from flux.dossier import Ref, Standing
from flux.faults import Fault, fault_of, netted
from flux.kit import Kit
from flux.log import get
from flux.market import Market
from flux.model import Decision, Deposited, Emission, Envelope, Event, Flow, Judged, Known, Plumbing, VerdictKind
from flux.ops import Office, with_reopened
from flux.owing import WHO, Content, Draft, Written, moved_event, outcome, pivots, steps_of, tell
from flux.piece import Piece, identity
from flux.policy import Brief, Policy, Route
from flux.ports import SUSPECT, ContentStore, Ledger
from flux.process import conclude, flow_findings, wanted
from flux.quarantine import Quarantine, in_force, under
from flux.round import Round, Work
from flux.rows import Outcome
from flux.sandbox.pool import Sandbox
from flux.shelf import Shelf, beside
from flux.structures import Lookup, nobody
from flux.tables import Tables
from flux.validators import Context
from flux.validators.dossier import openers
from flux.validators.status import put
from flux.when import day_of

TAKE = 100      # flows leased at once
PIECES = 500    # recorded at once, of whole flows: what is held of each while it is told is some 12 kB
BLOCK_BYTES = 1 << 20

Doing = Callable[[], object]


class Settings(Struct, frozen=True):
    """
    What the worker is told at start. policies: by partner. markets: by number, as they are when it is called.

    retry_s: the wait after each attempt that met trouble which passes. attempts: before a flow is held on which a program of ours breaks.
    """

    owner: str
    installation: str
    policies: Mapping[str, Policy]
    routes: Sequence[Route]
    markets: Callable[[], Mapping[str, Market]]
    attempts: int
    retry_s: Sequence[float]


class Attempt(Struct, frozen=True):
    """One attempt at one flow, as it ended: what the log tells and a monitor counts. size: bytes of the flow."""

    partner: str
    ended: str
    accepted: int
    refused: int
    size: int
    seconds: float


class Worker:
    """One worker. Everything it needs is handed in; it keeps nothing of a flow between two steps."""

    def __init__(
        self, ledger: Ledger, content: ContentStore, sandbox: Sandbox, kit: Kit, settings: Settings, *, now: Callable[[], datetime],
        directory: Lookup = nobody, counted: Callable[[Attempt], object] = lambda _: None,
    ) -> None:
        self._ledger, self._content, self._sandbox, self._kit = ledger, content, sandbox, kit
        self._set, self._now, self._directory, self._counted = settings, now, directory, counted
        self._office = Office(ledger, content, kit, settings.policies, settings.routes, settings.installation)

    def step(self, recorded: Doing = lambda: None, meanwhile: Doing = lambda: None, stopped: Callable[[], bool] = lambda: False) -> int:
        """
        Take what is due and bring each flow to its decision, or to its next attempt. Gives how many were taken.

        *recorded* is called after each commit, *meanwhile* many times a second: what comes due then joins, so that nobody waits for a slow
        neighbour. Once *stopped*, what is not decided yet is given back as if it had never been taken.
        """
        in_hand: dict[str, Work] = {}
        taken, met = 0, None

        def settle(ready: Sequence[Work]) -> None:
            for some in _in_turn(ready):
                self._settle(some)
                for work in some:  # at once: trouble with those behind is none of theirs
                    del in_hand[work.flow.id]
                recorded()

        def beat() -> bool:
            nonlocal taken
            meanwhile()
            taken += self._join(judging, in_hand)
            return not stopped()

        try:
            with Round(self._content, self._sandbox, self._kit) as judging:
                taken = self._join(judging, in_hand)
                if taken and not judging.run(settle, beat):
                    self._ledger.give_back([work.flow for work in in_hand.values()])
        except (Fault, OSError) as trouble:  # a disk that is full, a content that is gone: ours, and no reason to stop the daemon
            met = fault_of(trouble)
        if met is not None:  # behind the trouble: as long as that is there, so is all that it met, and a full disk has no room to tell of it
            for work in in_hand.values():
                work.trouble = work.trouble or met
            self._give_up_all(in_hand.values())
        return taken

    def _join(self, judging: Round, in_hand: dict[str, Work]) -> int:
        """Take what is due, as far as there is room for it; nothing joins a flow that was leased alone. Gives how many."""
        if judging.open > TAKE // 2 or any(flow.attempt > SUSPECT for flow in (work.flow for work in in_hand.values())):
            return 0
        now, due = self._now(), self._ledger.next_due()
        if due is None or due > now:  # asked many times a second: one read, and no write lock
            return 0
        holding = in_force(self._ledger.quarantines(), day_of(now))  # before anything is leased
        works = [self._prepared(flow, holding) for flow in self._ledger.take(self._set.owner, TAKE - judging.open, now, alone=not in_hand)]
        in_hand.update({work.flow.id: work for work in works})
        judging.add(works)
        return len(works)

    # -- before: what the flow's own name and size say ------------------------------------------------------------------------------------

    def _prepared(self, flow: Flow, holding: Mapping[tuple[str, str], Quarantine]) -> Work:
        policy = self._set.policies.get(flow.partner)
        if policy is None:
            return unjudged(flow, Fault("FLX-I65", partner=flow.partner))
        if flow.attempt > max(self._set.attempts, len(self._set.retry_s) + 1):  # counted before the work: the attempts before this one never came to an end
            return unjudged(flow, Fault("FLX-I69", attempts=str(flow.attempt - 1)))
        return prepared(flow, under(policy, flow.partner, holding, self._kit.tables), self._set.routes, self._kit)

    # -- after: decide, record, or try again ----------------------------------------------------------------------------------------------

    def _settle(self, works: Sequence[Work]) -> None:
        """Record a group; think again about what somebody else's piece overtook; retry or hold what failed."""
        met, thinking = set[str](), [work for work in works if not work.trouble]
        while thinking:
            done = self._record(thinking, met)
            met |= {why.partition(" ")[2] for why in done.values() if why.startswith("identity")}
            thinking = [work for work in thinking if done.get(work.flow.id, "").startswith("identity")]
        self._give_up_all(works)

    def _record(self, works: Sequence[Work], met: Iterable[str]) -> Mapping[str, str]:
        """
        One group: conclude, render, store the packs, commit. Returns what the ledger refused, and why.

        *met*: identities that it refused before; one that a piece has only of what it carries over cannot be asked for in advance.
        """
        taken = dict(self._ledger.deposited([*identities(works), *met]))
        standing = before(self._ledger, works, self._kit.tables)
        known = Known(taken, dict(self._set.markets()), standing)
        with self._content.scratches(len(works)) as files:
            drafted = [(work, file, *made) for work, file in zip(works, files, strict=True) if (made := self._drafted(work, known, file)) is not None]
            stored = self._content.keep_all([file for _, file, _, _ in drafted])
        now = self._now()
        outcomes = [
            self._with_what_it_moved(outcome(draft, blob, pack, now, self._kit.tables), now)
            for (_, _, draft, pack), (blob, _) in zip(drafted, stored, strict=True)
        ]
        refused = self._ledger.record(outcomes, now)
        for work, _, draft, _ in drafted:
            if (why := refused.get(work.flow.id, "")) == "" or why == "fence":
                self._log(work, draft.decision, why or "decided")
        return refused

    def _with_what_it_moved(self, done: Outcome, now: datetime) -> Outcome:
        """The pieces before, on which these were deposited, and those that a status line moved, are told of as any act is."""
        if not done.moved:
            return done
        moved = with_reopened(self._office, done.moved, now)
        told = self._office.tell_all([(one.standing, steps_of(one)) for one in moved], now)
        events = [moved_event(one.standing, step) for one in moved[len(done.moved) :] for step in steps_of(one)]
        return replace(done, moved=tuple(moved), emissions=beside(done.emissions, Emission, chain(done.emissions, told)), events=(*done.events, *events))

    def _read(self, content: Content) -> Iterator[bytes]:
        """A range of a content, some at a time: it may be as large as the largest piece."""
        with self._content.open(content.blob) as file:
            left = content.size
            try:
                file.seek(content.offset)
                while left and (block := file.read(min(left, BLOCK_BYTES))):
                    left -= len(block)
                    yield block
            except OSError as error:  # a bad sector under it is its own flow's trouble; what it is written to fails elsewhere
                raise Fault("FLX-I55", blob=content.blob) from error
        if left:
            raise Fault("FLX-I55", blob=content.blob)

    def _drafted(self, work: Work, known: Known, into: BinaryIO) -> tuple[Draft, Sequence[Written]] | None:
        """
        The decision, and what it owes, which is written; accepted pieces take their identity in *known*, for the flows behind.

        The one net is here: a bug costs an attempt. A disk that cannot be written to is no bug, and everybody's trouble.
        """
        context = Context(self._kit.tables, work.policy, work.brief.interface, work.brief.today)
        try:
            with netted(OSError):
                known = replace(known, directory=self._directory(wanted(work.judged, self._kit.tables), work.brief.today))
                decision = conclude(work.flow, work.envelope, work.findings, work.judged, known, context, self._kit)
                if trouble := unevaluated(decision):
                    raise trouble
                now = self._now()
                draft = tell(work.flow, decision, work.policy, self._set.installation, now, self._kit, work.files)
                draft = pivots(draft, work.excerpts, self._set.routes, self._set.installation, now, self._kit)
                pack = draft.write(into, self._read)
        except Fault as fault:
            work.trouble = fault_of(fault)
            return None
        for d in decision.pieces:
            if d.acted is not None:
                put(known.standing, d.acted)
            elif d.verdict.kind is VerdictKind.ACCEPTED:
                known.deposited[identity(d.piece)] = Deposited(work.flow.id, d.piece.ordinal, d.sha256, work.flow.received_at)
        return draft, pack

    def _give_up_all(self, works: Iterable[Work]) -> None:
        """Those of these that met trouble. What any of them has in files makes room before the first is told of."""
        troubled = [(work, work.trouble) for work in works if work.trouble]
        for work, _ in troubled:
            work.judged = Shelf(Judged)
        for work, trouble in troubled:
            self._give_up(work, trouble)

    def _give_up(self, work: Work, trouble: Fault) -> None:
        """Another attempt later, or HELD with the reason after the last. The sender is told nothing: it is not his fault."""
        flow, now, reason = work.flow, self._now(), trouble.reason()
        facts = " ".join(f"{name}={fact}" for name, fact in trouble.facts.items())
        most = len(self._set.retry_s) + 1 if trouble.passes else self._set.attempts
        met = f"{flow.attempt}/{most} {trouble.code} {facts}".rstrip()
        if flow.attempt >= most:
            event = Event(flow.id, "held", now, WHO, detail=met)
            self._ledger.hold(flow, Plumbing.HELD, reason, event)
            self._log(work, None, "held")
            return
        wait = self._set.retry_s[min(flow.attempt, len(self._set.retry_s)) - 1]
        event = Event(flow.id, "postponed", now, WHO, detail=met)
        self._ledger.postpone(flow, now + timedelta(seconds=wait), reason, event)
        self._log(work, None, "postponed")

    def _log(self, work: Work, decision: Decision | None, ended: str) -> None:
        """The canonical line of an attempt, and its count."""
        flow = work.flow
        pieces, accepted = (len(decision.pieces), decision.accepted) if decision else (0, 0)
        seconds = perf_counter() - work.started
        get().info(
            "attempt", flow=flow.id, partner=flow.partner, attempt=flow.attempt, interface=work.brief.interface, bytes=flow.size,
            pieces=pieces, accepted=accepted, refused=pieces - accepted, verdict=decision.verdict if decision else "", ended=ended,
            trouble=work.trouble.code if work.trouble else "", ms=round(seconds * 1000),
        )  # fmt: skip
        self._counted(Attempt(flow.partner, ended, accepted, pieces - accepted, flow.size, seconds))


def _in_turn(ready: Sequence[Work]) -> Iterator[list[Work]]:
    """What met trouble by itself; the others together, PIECES at once, but for pieces that are deposited on those of another flow at hand: these wait until that one stands in the ledger."""
    if troubled := [work for work in ready if work.trouble]:
        yield troubled
    works = [work for work in ready if not work.trouble]
    if len(works) == 1:  # it waits for nobody, and may have many
        yield works
        return
    brings = {work.flow.id: {j.piece.number for j in work.judged if j.piece} for work in works}
    names = {work.flow.id: {j.piece.previous for j in work.judged if j.piece and j.piece.deposit == "association"} for work in works}
    while works:
        waits = {id_ for id_, named in names.items() if any(named & numbers for other, numbers in brings.items() if other != id_)} if any(names.values()) else set()
        group = [work for work in works if work.flow.id not in waits] or works  # pieces that name each other: each finds what it finds
        yield from _together(group)
        works = [work for work in works if work.flow.id in waits and group is not works]
        brings, names = ({work.flow.id: found[work.flow.id] for work in works} for found in (brings, names))


def _together(works: Iterable[Work]) -> Iterator[list[Work]]:
    """As many flows as have PIECES together, one at least: each piece is told in several ways, and all of a group is held until it is recorded."""
    some: list[Work] = []
    pieces = 0
    for work in works:
        if some and pieces + len(work.judged) > PIECES:
            yield some
            some, pieces = [], 0
        some.append(work)
        pieces += len(work.judged)
    if some:
        yield some


def unjudged(flow: Flow, trouble: Fault) -> Work:
    """A flow that is not judged at all, for trouble of ours."""
    return Work(flow, Policy(), Envelope(), Brief("", Policy(), day_of(flow.received_at)), [], perf_counter(), trouble=trouble)


def prepared(flow: Flow, policy: Policy, routes: Iterable[Route], kit: Kit) -> Work:
    """A flow before its first stage: what its own name and size say."""
    envelope, findings = flow_findings(flow, policy, kit)
    interface = envelope.interface or (policy.interface if flow.mode == "edi" else "")  # the setting is of his EDI flows
    pivot = any(route.form == "pivot" for route in routes)
    brief = Brief(interface, policy, day_of(flow.received_at), flow.mode, flow.depositor, pivot=pivot)
    return Work(flow, policy, envelope, brief, list(findings), perf_counter())


def before(ledger: Ledger, works: Sequence[Work], tables: Tables) -> dict[str, tuple[Standing, ...]]:
    """The pieces on which those at hand are deposited, as these name them: by number, or as flow/ordinal; those of status lines, by number."""
    def read() -> Iterator[tuple[Judged, Piece]]:
        return ((j, j.piece) for work in works for j in work.judged if j.piece and not j.closed)

    named, numbers = set[str](), set[str]()
    for judged, piece in read():
        if piece.deposit == "association":
            named.add(piece.previous)
        if judged.line and not judged.line.flow:
            numbers.add(piece.number)
    found = dict(ledger.standings(named | numbers)) if named or numbers else {}
    refs = {name: ref for name in named - found.keys() if (ref := Ref.of(name))}  # a number may hold a slash as well
    found |= {name: (one,) for name, ref in refs.items() if (one := ledger.standing(ref))}
    first = {number for _, piece in read() for number in openers(piece, found.get(piece.previous, ()), tables)}
    return found | dict(ledger.standings(first - found.keys())) if first else found


def identities(works: Iterable[Work]) -> list[str]:
    """Of the pieces that these works may bring."""
    return [identity(judged.piece) for work in works for judged in work.judged if judged.piece and not judged.closed and not judged.line]
