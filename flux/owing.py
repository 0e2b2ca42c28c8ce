"""What a decision owes, pure: its return flows and routed pieces as emissions with derived names, its identities, its lines of the journal."""

import hashlib
import re
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from io import BufferedReader, RawIOBase
from typing import Any, BinaryIO, TypeAlias

import orjson
from msgspec import Struct

from flux import told
from flux.decision import effective_severity
from flux.emitters import Told
from flux.kit import Kit
from flux.model import Answer, Decision, Emission, Event, Finding, Flow, Severity, VerdictKind
from flux.piece import Actor, identity
from flux.policy import Policy
from flux.ports import Outcome
from flux.process import render

WHO = "flux"


class Content(Struct, frozen=True):
    """Where the bytes of a file stand: in the blob of this hash."""

    blob: str
    offset: int
    size: int


Files: TypeAlias = "dict[tuple[int, int], Content]"  # by index of the member, and of the part that was taken out of it, else 0


class Pack(Struct, frozen=True):
    """The bytes that a decision makes, one after the other: one durable blob a decision, whatever it owes. places: by emission key."""

    parts: tuple[bytes, ...]
    places: dict[str, tuple[int, int]]

    def open(self) -> BinaryIO:
        """The blob, for reading."""
        return BufferedReader(_Joined(self.parts))


class _Joined(RawIOBase):
    """Parts read one after the other as one file: to join them would be to have them twice."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = deque(memoryview(part) for part in parts if part)

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:  # noqa: ANN401 - whatever can be written into; typing has no name for it
        """The next bytes, as many as one part has of them; 0 at the end."""
        if not self._parts:
            return 0
        part = self._parts.popleft()
        count = min(len(into), len(part))
        into[:count] = part[:count]
        if count < len(part):
            self._parts.appendleft(part[count:])
        return count


class Draft(Struct, frozen=True):
    """A decision with its answers rendered, before its blob is stored. told: by piece, the JSON object."""

    flow: Flow
    decision: Decision
    told: tuple[bytes, ...]
    told_flow: bytes
    answers: tuple[Answer, ...]
    files: Files

    def pack(self) -> Pack:
        """Everything that this decision made: its answers."""
        places, at = {}, 0
        for answer in self.answers:
            places[answer_key(self.flow, answer)] = (at, len(answer.content))
            at += len(answer.content)
        return Pack(tuple(answer.content for answer in self.answers), places)


def tell(flow: Flow, decision: Decision, policy: Policy, installation: str, at: datetime, kit: Kit, files: Files) -> Draft:
    """Put a decision into words: the JSON objects of the contract, and every return flow that it owes."""

    def severity(finding: Finding) -> Severity:
        return effective_severity(finding, policy, kit.tables)

    pieces, lines = [], []
    for d in decision.pieces:  # one after the other: 250,000 attachments as objects would be a hundred megabytes
        piece = told.piece(d, kit.tables, severity)
        lines.append(orjson.dumps(piece))
        pieces.append({**piece, "attachments": None})
    findings = [told.finding(f, kit.tables, severity) for f in decision.findings]
    letter = Told(flow, decision, kit.tables, tuple(pieces), tuple(lines), tuple(findings), installation, at, policy.certificates)
    return Draft(
        flow=flow,
        decision=decision,
        told=tuple(lines),
        told_flow=orjson.dumps(findings),
        answers=tuple(render(letter, kit)),
        files=files,
    )


def answer_key(flow: Flow, answer: Answer) -> str:
    """The key of a return flow: derived, so that owing it twice is impossible."""
    return f"{flow.id}.{answer.kind}"


def piece_key(flow: Flow, ordinal: int) -> str:
    """The key of a routed piece."""
    return f"{flow.id}.piece.{ordinal:05d}"


def who(actor: Actor) -> str:
    """The folder name of an actor: role and identifier. Whatever is not a letter, a digit or a hyphen in it becomes an underscore."""
    return f"{actor.role}-{re.sub(r'[^A-Za-z0-9-]', '_', actor.id)}"


def who_matches(name: str, pattern: str) -> bool:
    """Whether a route's actor means this folder name: the whole of it, the role alone, or with an asterisk at its end."""
    return pattern in (name, name.partition("-")[0]) or (pattern.endswith("*") and name.startswith(pattern[:-1]))


def outcome(draft: Draft, blob: str, pack: Pack, now: datetime) -> Outcome:
    """What record writes. *blob*: the hash under which the pack is stored."""
    accepted = {identity(d.piece): d.piece.ordinal for d in draft.decision.pieces if d.verdict.kind is VerdictKind.ACCEPTED}
    return Outcome(
        flow=draft.flow,
        decision=draft.decision,
        told=draft.told,
        told_flow=draft.told_flow,
        identities=accepted,
        emissions=(*_returns(draft, blob, pack), *_routed(draft)),
        events=(Event(draft.flow.id, "decided", now, WHO, detail=summary(draft.decision)),),
    )


def summary(decision: Decision) -> str:
    """One line for the journal, in no language: the verdict, accepted of all, the codes that condemned the flow itself, the rules."""
    accepted = sum(d.verdict.kind is VerdictKind.ACCEPTED for d in decision.pieces)
    codes = " ".join(sorted({f.code for f in decision.findings}))
    return " ".join(part for part in (decision.verdict, f"{accepted}/{len(decision.pieces)}", codes, decision.pack) if part)


def _returns(draft: Draft, blob: str, pack: Pack) -> list[Emission]:
    owed = []
    for answer in draft.answers:
        key = answer_key(draft.flow, answer)
        offset, size = pack.places[key]
        sha256 = hashlib.sha256(answer.content).hexdigest()
        owed.append(Emission(key, draft.flow.id, 0, answer.kind, f"returns/{draft.flow.partner}", answer.name, sha256, blob, offset, size))
    return owed


def _routed(draft: Draft) -> list[Emission]:
    """The accepted pieces, as received: the very bytes of the file, or the document made for one piece of several."""
    owed = []
    for d in draft.decision.pieces:
        if d.verdict.kind is not VerdictKind.ACCEPTED or d.verdict.next_actor is None:
            continue
        key, number = piece_key(draft.flow, d.piece.ordinal), d.piece.ordinal
        file = draft.files[d.member, d.part]
        extension = "pdf" if d.piece.syntax == "FACTURX" else "xml"
        name = f"{draft.flow.id}-{number:05d}.{extension}"
        target = f"pieces/{who(d.verdict.next_actor)}"
        owed.append(Emission(key, draft.flow.id, number, "piece", target, name, d.sha256, file.blob, file.offset, file.size))
    return owed
