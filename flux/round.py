"""
One round in the sandbox over some flows: from flows in custody to flows whose every piece is judged.

The worker runs it before it records; the pre-check (``flux check``) runs it and records nothing: the same judgement.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count
from time import perf_counter
from typing import BinaryIO, Self

from msgspec import Struct, field
from msgspec.structs import replace

from flux import faults
from flux.containers import CONTAINERS, Proof, kind_of
from flux.facts import sized
from flux.faults import Fault, fault_of
from flux.kit import Kit
from flux.model import Envelope, Finding, Flow, Judged, Member, Stage
from flux.owing import Content, Excerpts, Files
from flux.policy import Brief, Policy
from flux.ports import ContentStore
from flux.sandbox.beside import Jobs
from flux.sandbox.pool import Job, Sandbox
from flux.sandbox.wire import LARGE_MEMORY_BYTES, Item, Judge, Lost, Prove, Result
from flux.shelf import Shelf
from flux.weighing import refuses

RECORD = 100           # decisions in one commit,
RECORD_AFTER_S = 0.02  # or what is ready after so long
BEAT_AFTER_S = 0.05    # between two looks around: files are taken into custody no more often
CHUNK = 64             # files in one task of a child,
CHUNK_BYTES = 4 << 20  # or so many bytes
HEAD_BYTES = 512       # enough to tell a container by its magic: telling is not parsing


class Work(Struct):
    """A flow under way: what is known of it so far. trouble: ours; it ends the attempt."""

    flow: Flow
    policy: Policy
    envelope: Envelope
    brief: Brief
    findings: list[Finding]
    started: float
    files: Files = field(default_factory=dict)
    excerpts: Excerpts = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    judged: Shelf[Judged] = field(default_factory=lambda: Shelf(Judged))
    owed: int = 0
    trouble: Fault | None = None
    intact: set[str] = field(default_factory=set)  # contents whose hash was proven again


class Parts:
    """The pieces of one document that came so far, and what was taken out of it: of all documents together that may be as large as the flow."""

    def __init__(self, content: ContentStore) -> None:
        self._content = content
        self.judged = Shelf(Judged, content.drawer)
        self._sizes: list[int] = []
        self._stack = ExitStack()
        self._scratch: BinaryIO | None = None

    def add(self, one: Judged) -> None:
        """The next piece; piece 1 begins anew."""
        if one.index == 1:
            self.drop()
        self._sizes.append(len(one.extracted or b""))
        if one.extracted is not None:
            self._scratch = self._scratch or self._stack.enter_context(self._content.scratch())
            self._scratch.write(one.extracted)
            one = replace(one, extracted=b"" if one.extracted else None)
        self.judged.append(one)

    def keep(self) -> Files:
        """All have come: what was taken out becomes content."""
        if self._scratch is None:
            return {}
        with self._stack:
            blob, _ = self._content.keep(self._scratch)
        files: Files = {}
        at = 0
        for one, size in zip(self.judged, self._sizes, strict=True):
            files[one.document, one.index] = Content(blob, at, size)
            at += size
        return files

    def drop(self) -> None:
        """None of this counts: the document is asked again, or nobody waits for it."""
        self._stack.close()
        self._scratch = None
        self.judged = Shelf(Judged, self._content.drawer)
        self._sizes.clear()


class Round:
    """
    A round in the sandbox: containers are proven, then their files are judged beside the single ones.

    Flows may join while it runs, so that none waits for a slow neighbour; a context manager, whose end throws away what was half unpacked.
    """

    def __init__(self, content: ContentStore, sandbox: Sandbox, kit: Kit) -> None:
        self._content, self._sandbox, self._kit = content, sandbox, kit
        self._keys: dict[int, tuple[Work, Member | None]] = {}
        self._serial = count(1)
        self._proving: dict[int, tuple[ExitStack, BinaryIO]] = {}
        self._parts: dict[int, Parts] = {}
        self._sinks: dict[int, tuple[ExitStack, BinaryIO]] = {}  # for the excerpts of a document
        self._jobs = Jobs()
        self._ready: list[Work] = []
        self.open = 0  # flows that joined and were not handed over

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stack, _scratch in (*self._proving.values(), *self._sinks.values()):
            stack.close()
        for parts in self._parts.values():
            parts.drop()
        self._jobs.bell.release()

    def run(self, settle: Callable[[Sequence[Work]], object], beat: Callable[[], bool] = lambda: True) -> bool:
        """
        Until every flow is ready. *settle* is called with groups of ready flows; *beat* many times a second, where flows may join.

        Ends early, and gives False, when *beat* does: what is not ready then is not judged.
        """
        since = beaten = perf_counter()
        with self._sandbox.beside(self._jobs) as said:
            while self._keys and not said.over:
                result = said.next()
                if not (idle := result is None):
                    self._take_in(result)
                    del result  # it may hold a large piece, and the next is on its way
                now = perf_counter()
                if self._ready and (idle or len(self._ready) >= RECORD or now - since > RECORD_AFTER_S):
                    settle(self._handed_over())
                    since = perf_counter()
                if idle or now - beaten > BEAT_AFTER_S:
                    if not beat():
                        return False
                    beaten = perf_counter()
            said.finish()
        settle(self._handed_over())
        return True

    def _handed_over(self) -> list[Work]:
        ready, self._ready = self._ready, []
        self.open -= len(ready)
        return ready

    def add(self, works: Sequence[Work]) -> None:
        """These flows join. What needs no sandbox is ready; single files are members of themselves; containers are proven first."""
        self.open += len(works)
        single: list[tuple[Work, Member]] = []
        for work in works:
            flow, work.judged = work.flow, Shelf(Judged, self._content.drawer, work.judged)
            if work.trouble or refuses(work.findings, work.policy, self._kit.tables):
                self._ready.append(work)
                continue
            try:
                with self._content.open(flow.sha256) as file:
                    kind = kind_of(file.read(HEAD_BYTES))
            except (Fault, OSError) as trouble:
                work.trouble = fault_of(trouble)
                self._ready.append(work)
                continue
            if kind in CONTAINERS:
                self._prove(work)
            else:
                member = Member(1, flow.display_name, 0, flow.size, flow.sha256)
                self._expect(work, flow.sha256, (member,), 1)
                single.append((work, member))
        self._judge(single)

    def _prove(self, work: Work) -> None:
        stack = ExitStack()
        scratch = stack.enter_context(self._content.scratch())
        key = self._key(work, None)
        self._proving[key] = stack, scratch
        sha = work.flow.sha256
        self._jobs.add(Job(Prove(key, work.flow.size, work.policy.limits), (partial(self._content.open, sha), partial(_again, scratch))))

    def _expect(self, work: Work, blob: str, members: tuple[Member, ...], judged: int) -> None:
        work.members, work.owed = members, judged
        work.files = {(m.index, 0): Content(blob, m.offset, m.size) for m in members}

    def _judge(self, files: Sequence[tuple[Work, Member]]) -> None:
        """
        Tasks of up to CHUNK files, so many that no child is idle, each file with the brief of its own flow.

        One whose pivot may be wanted goes alone, with a file for what only the document holds: up to as much as the document itself.
        """
        for work, member in (pair for pair in files if pair[0].brief.pivot):
            self._judge_with_sink(work, member)
        files = [pair for pair in files if not pair[0].brief.pivot]
        for chunk in _chunks(files, min(CHUNK, -(-len(files) // self._sandbox.children))):
            blobs = sorted({work.files[member.index, 0].blob for work, member in chunk})
            briefs = list(dict.fromkeys(id(work) for work, _ in chunk))
            by_id = {id(work): work.brief for work, _ in chunk}
            items = tuple(
                Item(self._key(work, m), blobs.index(work.files[m.index, 0].blob), m.offset, m.size, m.index, m.name, briefs.index(id(work)))
                for work, m in chunk
            )
            self._jobs.add(Job(Judge(items, tuple(by_id[i] for i in briefs)), tuple(partial(self._content.open, blob) for blob in blobs)))

    def _judge_with_sink(self, work: Work, member: Member) -> None:
        stack, key, file = ExitStack(), self._key(work, member), work.files[member.index, 0]
        scratch = stack.enter_context(self._content.scratch())
        self._sinks[key] = stack, scratch
        item = Item(key, 0, member.offset, member.size, member.index, member.name, 0, sink=1)
        self._jobs.add(Job(Judge((item,), (work.brief,)), (partial(self._content.open, file.blob), partial(_again, scratch))))

    def _take_in(self, result: Result) -> None:
        work, member = self._keys[result.key]
        if member is None:
            self._take_proof(work, result)
        elif isinstance(result.value, Judged):
            self._parts.setdefault(result.key, Parts(self._content)).add(result.value)
        if result.more:
            return
        del self._keys[result.key]
        if member is not None:
            self._take_judgement(work, member, result)
        if work.owed == 0:
            self._ready.append(work)

    def _take_proof(self, work: Work, result: Result) -> None:
        stack, scratch = self._proving.pop(result.key)
        with stack:
            if isinstance(result.value, Proof):
                self._proven(work, result.value, scratch)
            elif isinstance(result.value, Finding):
                work.findings.append(result.value)
                self._suspect(work, work.flow.sha256)
            elif isinstance(result.value, Lost):
                _lost(work, None, result.value)

    def _take_judgement(self, work: Work, member: Member, result: Result) -> None:
        work.owed -= 1
        parts = self._parts.pop(result.key, None)
        if result.key in self._sinks:
            self._take_excerpts(work, parts.judged if parts and not isinstance(result.value, Lost) else (), *self._sinks.pop(result.key))
        if isinstance(result.value, Lost):
            if parts:
                parts.drop()
            _lost(work, member, result.value)
        elif parts:
            work.files |= parts.keep()
            work.judged.extend(parts.judged)
            if any(judged.closed == Stage.FORMAT for judged in parts.judged):
                self._suspect(work, work.files[member.index, 0].blob)

    def _take_excerpts(self, work: Work, judged: Iterable[Judged], stack: ExitStack, scratch: BinaryIO) -> None:
        """What the child wrote down becomes content, when there is any: where each piece's stands is what it said."""
        told = [((one.document, one.index), one.excerpt) for one in judged if one.excerpt is not None]
        with stack:
            if not told:
                return
            blob, _ = self._content.keep(scratch)
        for place, at in told:
            work.excerpts[place] = Content(blob, at.offset, at.vat), Content(blob, at.offset + at.vat, at.files)

    def _suspect(self, work: Work, blob: str) -> None:
        """Before a sender is told that what he sent cannot be read: it must be what he sent. Asked once a content."""
        if blob not in work.intact:
            work.intact.add(blob)
            try:
                if not self._content.intact(blob):
                    work.trouble = Fault("FLX-I55", blob=blob)
            except (Fault, OSError) as trouble:
                work.trouble = fault_of(trouble)

    def _proven(self, work: Work, proof: Proof, scratch: BinaryIO) -> None:
        """The container is whole: what it unpacked to becomes content, and its members are judged, unless there are too many."""
        work.findings += proof.findings()
        if len(proof.members) > (most := work.policy.limits.pieces_per_flow):
            work.findings.append(Finding("FLX-L03", facts=(("found", str(len(proof.members))), ("expected", str(most)))))
            return
        blob, size = self._content.keep(scratch)
        if (blob, size) != (proof.sha256, proof.size):  # what a child says of bytes is never taken for the bytes
            work.trouble = Fault("FLX-I71", where=_where(work.flow, None))
            return
        chosen, others = _chosen(work.flow, proof.members)
        work.judged.extend(Judged(m.index, 1, m.name, m.sha256) for m in others)  # they keep their place, and so the others their ordinals
        self._expect(work, blob, proof.members, len(chosen))
        self._judge([(work, member) for member in chosen])

    def _key(self, work: Work, member: Member | None) -> int:
        key = next(self._serial)
        self._keys[key] = (work, member)
        return key


def _chosen(flow: Flow, members: Sequence[Member]) -> tuple[Sequence[Member], Sequence[Member]]:
    """The members that are judged, and the others: of a re-injected flow those of the pieces that it takes up, where each holds one piece."""
    again = flow.again
    if again is None or not again.ordinals or again.of != len(members):
        return members, ()
    wanted = set(again.ordinals)
    return [m for n, m in enumerate(members, 1) if n in wanted], [m for n, m in enumerate(members, 1) if n not in wanted]


def _chunks(files: Sequence[tuple[Work, Member]], most: int) -> Iterable[list[tuple[Work, Member]]]:
    chunk: list[tuple[Work, Member]] = []
    size = 0
    for work, member in files:
        if chunk and (len(chunk) >= most or size + member.size > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append((work, member))
        size += member.size
    if chunk:
        yield chunk


def _lost(work: Work, member: Member | None, lost: Lost) -> None:
    """No judgement came back. Time and memory are limits that the document reached: told. Whatever else is ours: another attempt."""
    if member is None and lost.why == "time":
        work.findings.append(Finding("FLX-A13", facts=(("limit", lost.detail),)))
    elif member is not None and lost.why in ("time", "memory"):
        slow, heavy = (("limit", lost.detail),), sized("limit", str(LARGE_MEMORY_BYTES >> 30), "GB")
        finding = Finding("FLX-L01", facts=slow) if lost.why == "time" else Finding("FLX-L02", facts=heavy)
        work.judged.append(Judged(member.index, 1, member.name, member.sha256, findings=(finding,), closed="format"))
    else:  # an archive is read in some megabytes whatever it holds: one that needs more met a bug of ours
        work.trouble = _ours(lost, _where(work.flow, member))


def _ours(lost: Lost, where: str) -> Fault:
    if lost.why == "fault" and lost.detail in faults.table():
        return Fault(lost.detail, **lost.facts)
    if lost.why == "crash":
        return Fault("FLX-I62", where=where, status=lost.detail)
    if lost.why == "start":
        return Fault("FLX-I72", status=lost.detail)
    if lost.why == "stalled":
        return Fault("FLX-I70", where=where, seconds=lost.detail)
    return Fault("FLX-I63", where=where, detail=lost.detail)


def _where(flow: Flow, member: Member | None) -> str:
    """The file that was being read: the flow's own, or a member of it with its number."""
    if member is None or member.sha256 == flow.sha256:
        return flow.display_name
    return f"{flow.display_name} [{member.index}: {member.name}]"


def _again(file: BinaryIO) -> BinaryIO:
    """The same open file under another descriptor: the job closes what it was given."""
    return os.fdopen(os.dup(file.fileno()), "r+b", buffering=0)
