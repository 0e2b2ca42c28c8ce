"""What goes over the socket between the daemon and a child: messages, and the frames that carry them."""

import zlib
from collections.abc import Iterable
from typing import TypeVar

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from flux.containers import Proof
from flux.model import Finding, Judged
from flux.policy import Brief, Limits

READY, DONE = -2, -1  # keys of what a child says of itself and of its task
MEMORY_BYTES = 1 << 30        # what a child may use: the tree of the largest document that the limits allow
LARGE_MEMORY_BYTES = 4 << 30  # for a document that failed at the first, asked again alone
PROVE_S = 30                  # for a container, and one second more for each MB of it
STRICT = ("network", "landlock")  # walls without which a strict sandbox judges nothing
FRAME_MOST = 1 << 29  # bytes: a piece of the largest document that the limits allow
HEADER = 8  # length and CRC-32 of the body, four bytes each, big-endian

M = TypeVar("M")


class Item(Struct, frozen=True):
    """
    One file to judge: bytes [offset, offset + size) of descriptor *fd* (an index in the message's list), under brief *brief*.

    sink: the descriptor of the file into which its excerpts go, -1 when none are wanted.
    """

    key: int
    fd: int
    offset: int
    size: int
    index: int
    name: str
    brief: int
    sink: int = -1


class Prove(Struct, frozen=True, tag="prove"):
    """Prove the container on descriptor 0 whole and unpack it into descriptor 1; *large*: with the larger memory, after a first try failed."""

    key: int
    size: int
    limits: Limits
    large: bool = False


class Judge(Struct, frozen=True, tag="judge"):
    """Judge these files, in order; *large*: with the larger memory, alone, after a first try failed."""

    items: tuple[Item, ...]
    briefs: tuple[Brief, ...]
    large: bool = False


class Task(Struct, frozen=True):
    """A numbered message. The number binds every answer to it."""

    number: int
    body: Prove | Judge


class Wall(Struct, frozen=True):
    """One wall around a child: privileges, network, landlock or seccomp. detail: the version of it, or the error that kept it from standing."""

    name: str
    stands: bool
    detail: str = ""


class Answer(Struct, frozen=True):
    """
    What a child says. key: of the item or the proof; DONE: the task is; READY, under number 0: it may be given one, behind these walls.

    One of proof, finding, judged, failed is there; failed is "memory", "bug: ..." with where, or a fault's code with its facts beside it.
    more: other pieces of the same document follow: a document of several is answered piece by piece, so that none holds them all.
    """

    number: int
    key: int
    proof: Proof | None = None
    finding: Finding | None = None
    judged: Judged | None = None
    more: bool = False
    failed: str = ""
    facts: dict[str, str] = {}
    walls: tuple[Wall, ...] = ()


class Lost(Struct, frozen=True):
    """
    Why there is no judgement: time, memory, stalled, start, crash, bug or fault. The first two are limits reached, the others are ours.

    detail: the seconds or megabytes that were allowed, how a child ended, what the bug is, or the fault's code, whose facts stand beside it.
    """

    why: str
    detail: str = ""
    facts: dict[str, str] = {}


class Result(Struct, frozen=True):
    """
    What the sandbox hands back for one key; more: other pieces of its document follow.

    Where a child was lost between two pieces, the document is asked again: its piece 1 comes anew, and what came before counts no more.
    """

    key: int
    value: Proof | Finding | Judged | Lost
    more: bool = False


def missing(walls: Iterable[Wall]) -> list[str]:
    """Those of STRICT that do not stand."""
    standing = {wall.name for wall in walls if wall.stands}
    return [name for name in STRICT if name not in standing]


def allowed(body: Prove | Judge) -> dict[int, float]:
    """How long each key may take, in seconds of processor time."""
    if isinstance(body, Prove):
        return {body.key: PROVE_S + body.size / 1e6}
    limits = [brief.policy.limits for brief in body.briefs]
    return {i.key: limits[i.brief].judge_s + limits[i.brief].judge_s_per_mb * i.size / 1e6 for i in body.items}


_encoder = Encoder()
_task_decoder = Decoder(Task)
_answer_decoder = Decoder(Answer)


def frame(message: Task | Answer) -> bytes:
    """A message with its length and its checksum before it."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body


def read_tasks(buffer: bytearray) -> list[Task]:
    """Take the whole tasks off *buffer*. ValueError when a frame is wrong."""
    return _read(buffer, _task_decoder)


def read_answers(buffer: bytearray) -> list[Answer]:
    """Take the whole answers off *buffer*. ValueError when a frame is wrong: its writer is not to be believed."""
    return _read(buffer, _answer_decoder)


def _read(buffer: bytearray, decoder: Decoder[M]) -> list[M]:
    messages: list[M] = []
    at = 0
    while len(buffer) - at >= HEADER:
        size = int.from_bytes(buffer[at : at + 4], "big")
        if size > FRAME_MOST:
            raise ValueError("length")
        if len(buffer) - at < HEADER + size:
            break
        with memoryview(buffer) as whole, whole[at + HEADER : at + HEADER + size] as body:  # read where it stands: it may be large
            if zlib.crc32(body) != int.from_bytes(buffer[at + 4 : at + HEADER], "big"):
                raise ValueError("checksum")
            messages.append(decoder.decode(body))
        at += HEADER + size
    del buffer[:at]
    return messages
