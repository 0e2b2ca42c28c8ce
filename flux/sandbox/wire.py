"""What goes over the socket between the daemon and a child: messages, and the frames that carry them."""

import zlib

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from flux.containers import Proof
from flux.model import Finding, Judged
from flux.policy import Brief, Limits

READY, DONE = -2, -1  # keys of what a child says of itself and of its task
HEADER = 8  # length and CRC-32 of the body, four bytes each, big-endian


class Item(Struct, frozen=True):
    """One file to judge: bytes [offset, offset + size) of descriptor *fd* (an index in the message's list), under brief *brief*."""

    key: int
    fd: int
    offset: int
    size: int
    index: int
    name: str
    brief: int


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


class Answer(Struct, frozen=True):
    """
    What a child says. key: of the item or the proof; DONE: the task is; READY, under number 0: it may be given one.

    One of proof, finding, judged, failed is there; failed is "memory", "bug: ..." with where, or a fault's code with its facts beside it.
    """

    number: int
    key: int
    proof: Proof | None = None
    finding: Finding | None = None
    judged: tuple[Judged, ...] | None = None
    failed: str = ""
    facts: dict[str, str] = {}


class Lost(Struct, frozen=True):
    """
    Why there is no judgement: time, memory, stalled, crash, bug or fault. The first two are limits reached, the others are ours.

    detail: the seconds or megabytes that were allowed, how a child ended, what the bug is, or the fault's code, whose facts stand beside it.
    """

    why: str
    detail: str = ""
    facts: dict[str, str] = {}


class Result(Struct, frozen=True):
    """What the sandbox hands back for one key."""

    key: int
    value: Proof | Finding | tuple[Judged, ...] | Lost


_encoder = Encoder()
task_decoder = Decoder(Task)
answer_decoder = Decoder(Answer)


def frame(message: Task | Answer) -> bytes:
    """A message with its length and its checksum before it."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body


def split(buffer: bytearray) -> list[bytes]:
    """Take the whole frames off *buffer* and give their bodies. ValueError when a checksum is wrong: its writer is not to be believed."""
    bodies = []
    at = 0
    while len(buffer) - at >= HEADER:
        size = int.from_bytes(buffer[at : at + 4], "big")
        if len(buffer) - at < HEADER + size:
            break
        with memoryview(buffer) as view:  # one copy, not two: a frame may be as large as the largest document
            body = bytes(view[at + HEADER : at + HEADER + size])
        if zlib.crc32(body) != int.from_bytes(buffer[at + 4 : at + HEADER], "big"):
            raise ValueError("checksum")
        bodies.append(body)
        at += HEADER + size
    del buffer[:at]
    return bodies
