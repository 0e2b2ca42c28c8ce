"""What a decision owes, pure: its return flows and routed pieces as emissions with derived names, its identities, its lines of the journal."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import BinaryIO, TypeAlias

import orjson
from lxml import etree
from msgspec import Struct
from msgspec.structs import replace

from flux import pivot, told
from flux.cause import Met, met
from flux.decision import effective_severity
from flux.dossier import Move, Ref, Routing, Standing
from flux.emitters import Told
from flux.kit import Kit
from flux.lifecycle import after, associated, link_of, opened, party_of
from flux.model import Answer, Decision, Emission, Event, Finding, Flow, Severity, VerdictKind
from flux.piece import Actor, Party, Piece, identity
from flux.policy import Policy, Route
from flux.process import render
from flux.rows import Moved, Outcome
from flux.shelf import beside
from flux.tables import Tables

WHO = "flux"
PIECE = "piece"  # kind of the emission of a routed piece


class Content(Struct, frozen=True):
    """Where the bytes of a file stand: in the blob of this hash."""

    blob: str
    offset: int
    size: int


Excerpts: TypeAlias = "dict[tuple[int, int], tuple[Content, Content]]"  # VAT rows and attachments, by index of the member, and of the piece in it from 1
Read: TypeAlias = "Callable[[Content], Iterable[bytes]]"  # the bytes of a content, some at a time
Files: TypeAlias = "dict[tuple[int, int], Content]"  # by index of the member, and of the part that was taken out of it, else 0


class Part(Struct, frozen=True):
    """Something that is owed, before it is written: the key of its emission, its kind, its final name. blocks: its bytes, some at a time."""

    key: str
    kind: str
    name: str
    blocks: Iterable[bytes]


class Written(Struct, frozen=True):
    """The same, as it stands in the blob: offset and size in bytes, SHA-256."""

    key: str
    kind: str
    name: str
    offset: int
    size: int
    sha256: str


def written(parts: Iterable[Part], into: BinaryIO) -> Iterator[Written]:
    """Write these one behind the other: each is made while it is written, and nobody has it whole. Raises Fault when one is unsound."""
    at = 0
    for part in parts:
        digest, size = hashlib.sha256(), 0
        for block in part.blocks:
            digest.update(block)
            into.write(block)
            size += len(block)
        yield Written(part.key, part.kind, part.name, at, size, digest.hexdigest())
        at += size


class Draft(Struct, frozen=True):
    """
    A decision with what it owes, before any of it is written. told: by piece, the JSON object.

    answers, pivots: give what is owed in return, and the pieces that go as pivot; each is made when it is asked for.
    """

    flow: Flow
    decision: Decision
    told: Sequence[bytes]
    told_flow: bytes
    answers: Callable[[], Iterable[Answer]]
    files: Files
    pivots: Callable[[], Iterable["Pivot"]] = tuple
    met: Sequence[Met] = ()

    def write(self, into: BinaryIO, read: Read = lambda _: ()) -> Sequence[Written]:
        """Write all that this decision makes: its answers, then its pieces as pivot, by ordinal. *read*: gives the content of which pivots are made."""
        answers = (Part(answer_key(self.flow, answer), answer.kind, answer.name, answer.blocks()) for answer in self.answers())
        pivots = (Part(piece_key(self.flow, one.ordinal), PIECE, one.name, one.blocks(read)) for one in self.pivots())
        return beside(self.told, Written, written(chain(answers, pivots), into))


class Pivot(Struct, frozen=True):
    """An accepted piece as pivot: its name, and the five parts that make it."""

    ordinal: int
    name: str
    parts: tuple[bytes | Content, ...]

    def blocks(self, read: Read) -> Iterator[bytes]:
        """Its bytes, some at a time: what is content may be as large as the largest piece."""
        for part in self.parts:
            yield from (part,) if isinstance(part, bytes) else read(part)


def tell(flow: Flow, decision: Decision, policy: Policy, installation: str, at: datetime, kit: Kit, files: Files) -> Draft:
    """Put a decision into words: the JSON objects of the contract, and every return flow that it owes."""

    def severity(finding: Finding) -> Severity:
        return effective_severity(finding, policy, kit.tables)

    worded = told.wording(kit.tables, severity)
    lines = beside(decision.pieces, bytes, (orjson.dumps(told.piece(d, worded)) for d in decision.pieces))
    findings = tuple(worded(f) for f in decision.findings)
    letter = Told(flow, decision, kit.tables, worded, lines, findings, installation, at, policy.lifecycle, policy.certificates)
    return Draft(
        flow=flow,
        decision=decision,
        told=lines,
        told_flow=orjson.dumps(findings),
        answers=partial(render, letter, kit),
        files=files,
        met=beside(decision.pieces, Met, met(decision, severity)),
    )


def pivots(draft: Draft, excerpts: Excerpts, routes: Sequence[Route], installation: str, at: datetime, kit: Kit) -> Draft:
    """
    With the accepted pieces whose recipients want the pivot, as far as it can hold them: one that cannot goes as it was received (local).

    It has no place for a recipient who is no SIRET, for a number of 40 figures; whoever must act on such a piece gets it all the same.
    """
    if not excerpts:
        return draft

    def made() -> Iterator[Pivot]:
        schema = kit.schemas.get("cpp-pivot", "full").xsd
        for d in draft.decision.pieces:
            actor, found = d.verdict.next_actor, excerpts.get((d.member, d.part or 1))
            if actor is None or found is None or not _wants_pivot(actor, routes):
                continue
            ref = Ref(draft.flow.id, d.piece.ordinal)
            standing = opened(d.piece, ref, draft.flow.partner, d.sha256, actor, (draft.flow.received_at, at), kit.tables)
            head, middle = pivot.head(standing, installation, at, kit.tables), pivot.middle(d.piece)
            if schema.validate(etree.fromstring(b"".join((head, middle, pivot.A_FILE, pivot.END)))):
                yield Pivot(d.piece.ordinal, f"{pivot.name_of(standing, installation)}.xml", (head, found[0], middle, found[1], pivot.END))

    return replace(draft, pivots=made)


def _wants_pivot(actor: Actor, routes: Sequence[Route]) -> bool:
    return next((route.form for route in routes if who_matches(who(actor), route.actor)), "") == "pivot"


def answer_key(flow: Flow, answer: Answer) -> str:
    """The key of a return flow: derived, so that owing it twice is impossible."""
    return ".".join(filter(None, (flow.id, answer.kind, answer.part)))


def piece_key(flow: Flow, ordinal: int) -> str:
    """The key of a routed piece."""
    return f"{flow.id}.piece.{ordinal:05d}"


def copies_of(piece: Piece, tables: Tables) -> Iterator[Actor]:
    """Who is handed this piece although another acts on it: the matrix says it of the cadre."""
    works = tables.works.get(piece.cadre)
    for role in works.copies if works else ():
        if (party := party_of(piece, role)) is not None and party.id:
            yield Actor(role, party.id)


def copied(first: Emission, actor: Actor, mark: str) -> Emission:
    """The piece to one more actor, in the bytes and the form of whoever had it first. The name bears a *mark*: two actors may share a folder."""
    stem, dot, extension = first.name.rpartition(".")
    return Emission(
        f"{first.key}.{mark}", first.flow, first.ordinal, PIECE, f"pieces/{who(actor)}", f"{stem}-{mark}{dot}{extension}",
        first.sha256, first.blob, first.offset, first.size,
    )  # fmt: skip


def who(actor: Actor) -> str:
    """The folder name of an actor: role and identifier. Whatever is not a letter, a digit or a hyphen in it becomes an underscore."""
    return f"{actor.role}-{re.sub(r'[^A-Za-z0-9-]', '_', actor.id)}"


def who_matches(name: str, pattern: str) -> bool:
    """Whether a route's actor means this folder name: the whole of it, the role alone, or with an asterisk at its end."""
    return pattern in (name, name.partition("-")[0]) or (pattern.endswith("*") and name.startswith(pattern[:-1]))


def outcome(draft: Draft, blob: str, pack: Sequence[Written], now: datetime, tables: Tables) -> Outcome:
    """What record writes. *pack*: what the draft wrote, *blob*: the hash under which that is stored."""
    accepted = {identity(d.piece): d.piece.ordinal for d in draft.decision.pieces if d.verdict.kind is VerdictKind.ACCEPTED and not d.line}
    opened_, moved = standings(draft.flow, draft.decision, now, tables)
    return Outcome(
        flow=draft.flow,
        decision=draft.decision,
        told=draft.told,
        told_flow=draft.told_flow,
        identities=accepted,
        emissions=beside(draft.told, Emission, chain(_returns(draft, blob, pack), _routed(draft, blob, pack, tables))),
        events=(
            Event(draft.flow.id, "decided", now, WHO, detail=summary(draft.decision)),
            *(moved_event(one.standing, step) for one in moved for step in steps_of(one)),
        ),
        standings=opened_,
        moved=moved,
        met=draft.met,
    )


def steps_of(moved: Moved) -> tuple[Move, ...]:
    """What this adds to the piece."""
    return tuple(step for step in moved.standing.moves if step.seq > moved.after)


def standings(flow: Flow, decision: Decision, now: datetime, tables: Tables) -> tuple[Sequence[Standing], tuple[Moved, ...]]:
    """Where the accepted pieces stand from now on, and what their deposit, or a status line, did to other pieces."""
    begun = beside(decision.pieces, Standing)
    acted: dict[Ref, Moved] = {}  # several lines of one flow may move one piece
    moved: list[Moved] = []
    for d in decision.pieces:
        if d.acted is not None:
            first = acted.get(d.acted.ref)
            acted[d.acted.ref] = Moved(d.acted, first.after if first else d.acted.last.seq - d.steps)
        actor, before = d.verdict.next_actor, d.previous
        if d.verdict.kind is not VerdictKind.ACCEPTED or actor is None:
            continue
        one = opened(d.piece, Ref(flow.id, d.piece.ordinal), flow.partner, d.sha256, actor, (flow.received_at, now), tables, before)
        begun.append(one)
        if before is not None and (link := link_of(d.piece, before, tables)) is not None:
            step = associated(before, link.act, one.depositor, flow.partner, now, tables)
            moved.append(Moved(after(before, [step]), before.last.seq))
    return begun, (*moved, *acted.values())


def moved_event(standing: Standing, step: Move) -> Event:
    """A line of the journal for a step of a piece, in no language."""
    ref = standing.ref
    waits = f"waits={step.waits.role}:{step.waits.id}" if step.waits else ""
    told = (
        step.act, step.status, f"role={step.role}", step.motive and f"motive={step.motive}", waits, _rerouted(step.routing),
        step.comment and f"comment={step.comment}",
    )  # fmt: skip
    return Event(ref.flow, "moved", step.at, step.who, ref.ordinal, " ".join(filter(None, told)))


def _rerouted(routing: Routing | None) -> str:
    """What a recycling changed, as words: parties by their identifiers."""
    said = ((name, getattr(routing, name)) for name in Routing.__struct_fields__) if routing else ()
    return " ".join(f"{name}={value.id if isinstance(value, Party) else value}" for name, value in said if value is not None)


def summary(decision: Decision) -> str:
    """One line for the journal, in no language: the verdict, accepted of all, the codes that condemned the flow itself, the rules."""
    codes = " ".join(sorted({f.code for f in decision.findings}))
    return " ".join(part for part in (decision.verdict, f"{decision.accepted}/{len(decision.pieces)}", codes, decision.pack) if part)


def _returns(draft: Draft, blob: str, pack: Iterable[Written]) -> Iterator[Emission]:
    for one in pack:
        if one.kind != PIECE:
            yield Emission(one.key, draft.flow.id, 0, one.kind, f"returns/{draft.flow.partner}", one.name, one.sha256, blob, one.offset, one.size)


def _routed(draft: Draft, blob: str, pack: Iterable[Written], tables: Tables) -> Iterator[Emission]:
    """The accepted pieces: as pivot, or as received, the very bytes of the file, or the document made for one piece of several; and their copies."""
    pivots = (one for one in pack if one.kind == PIECE)  # by ordinal, as the pieces are
    made = next(pivots, None)
    for d in draft.decision.pieces:
        if d.verdict.kind is not VerdictKind.ACCEPTED or d.verdict.next_actor is None:
            continue
        key, number = piece_key(draft.flow, d.piece.ordinal), d.piece.ordinal
        target = f"pieces/{who(d.verdict.next_actor)}"
        if made is not None and made.key == key:
            first = Emission(key, draft.flow.id, number, PIECE, target, made.name, made.sha256, blob, made.offset, made.size)
            made = next(pivots, None)
        else:
            file = draft.files[d.member, d.part]
            extension = "pdf" if d.piece.syntax == "FACTURX" else "xml"
            name = f"{draft.flow.id}-{number:05d}.{extension}"
            first = Emission(key, draft.flow.id, number, PIECE, target, name, d.sha256, file.blob, file.offset, file.size)
        yield first
        yield from (copied(first, actor, actor.role) for actor in copies_of(d.piece, tables))
