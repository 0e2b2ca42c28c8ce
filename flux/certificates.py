"""
Certificates afterwards: shown again, and verified. What a certificate says of itself is a claim; the ledger and the content store are asked.

verify() reads two things from a file that anybody may have made: its SHA-256, and the number that it claims, which is looked for in its bytes.
It is never parsed.
"""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct

from flux.certificate import marked, number_of, sha256_of
from flux.config import Config
from flux.faults import Fault
from flux.model import WENT_IN, Emission
from flux.ports import ContentStore, Ledger
from flux.rows import FlowRow, Purge
from flux.when import in_paris

READ_MOST = 64 << 20  # bytes of a file in which a number is looked for: a certificate has some 60,000
KINDS = {"pdf": "certificate-pdf", "html": "certificate-html"}
_BLOCK = 1 << 20

Shelves = Callable[..., AbstractContextManager[tuple[Ledger, ContentStore]]]


class Issued(Struct, frozen=True):
    """A certificate that this installation issued, as the ledger has it. pieces: the objects of the contract that went in."""

    number: str
    flow: str
    partner: str
    mode: str
    depositor: dict[str, str] | None
    deposited_at: str
    sha256: str
    state: str
    pieces: tuple[dict[str, Any], ...]


class Proof(Struct, frozen=True):
    """
    What a verification found. number: as given, or as the file claims; "" when it claims none. issued: None when nobody here issued it.

    intact: the stored document still has its hash. as_issued: the file given has the very bytes that were issued, None when a number was given.
    document: the document given is the one, or a file of it, None when none was given. purged: when and by whom the stored document was, "" when it
    was not: its hash is what the ledger still holds against it.
    """

    number: str
    issued: Issued | None = None
    intact: bool = False
    as_issued: bool | None = None
    document: bool | None = None
    purged: str = ""

    @property
    def true(self) -> bool:
        """Whether everything that was asked is so."""
        return self.issued is not None and (self.intact or bool(self.purged)) and self.as_issued is not False and self.document is not False


def show(config: Config, wanted: str, shelves: Shelves) -> Issued:
    """The certificate of this number, or of this flow (any part of its id that no other has). Raises Fault when there is none."""
    with shelves(config, read_only=True) as (ledger, _):
        row, _ = _found(wanted, ledger)
        if row is None:
            raise Fault("FLX-I145", wanted=wanted)
        return _issued(row, ledger)


def copy(config: Config, wanted: str, form: str, shelves: Shelves) -> bytes:
    """The very bytes of the certificate that was issued. form: pdf, html. Raises Fault when there is none."""
    with shelves(config, read_only=True) as (ledger, store):
        _, emissions = _found(wanted, ledger)
        emission = next((one for one in emissions if one.kind == KINDS[form]), None)
        if emission is None:
            raise Fault("FLX-I145", wanted=wanted)
        if gone := _purged(ledger, emission.flow, "returns"):
            raise Fault("FLX-I249", flow=emission.flow, at=in_paris(gone.at).isoformat(timespec="seconds"), who=gone.who, what=gone.what)
        with store.open(emission.blob) as blob:
            blob.seek(emission.offset)
            content = blob.read(emission.size)
    if hashlib.sha256(content).hexdigest() != emission.sha256:
        raise Fault("FLX-I55", blob=emission.blob)
    return content


def verify(config: Config, given: str, document: Path | None, shelves: Shelves) -> Proof:
    """Whether this installation issued that certificate: *given* is its number or its file. Raises Fault when a file cannot be read."""
    number, digest = (given, "") if sha256_of(given) else _claimed(Path(given))
    sent = _hashed(document)[0] if document else ""
    with shelves(config, read_only=True) as (ledger, store):
        row, emissions = _found(number, ledger) if number else (None, ())
        if row is None:
            return Proof(number, as_issued=False if digest else None, document=False if document else None)
        issued, gone = _issued(row, ledger), _purged(ledger, row.flow.id, "content")
        return Proof(
            number=number, issued=issued, intact=_intact(row.flow.sha256, store),
            as_issued=any(one.sha256 == digest for one in emissions) if digest else None,
            document=sent in _files(issued) if document else None,
            purged=f"{in_paris(gone.at).isoformat(timespec='seconds')} {gone.who}" if gone else "",
        )  # fmt: skip


def told(issued: Issued) -> dict[str, Any]:
    """The JSON object of ``flux certificate show``."""
    return {name: getattr(issued, name) for name in issued.__struct_fields__}


def _files(issued: Issued) -> set[str]:
    """The hashes by which its depositor may know it: of the document that flux made of the deposit, and of the files that he gave."""
    return {issued.sha256, *(file["sha256"] for piece in issued.pieces for file in piece["attachments"] or () if file["sha256"])}


def _found(wanted: str, ledger: Ledger) -> tuple[FlowRow | None, tuple[Emission, ...]]:
    """The flow whose certificate was issued, and the emissions that it is; None and nothing when there is none."""
    sha256 = sha256_of(wanted)
    rows = ledger.with_bytes(sha256) if sha256 else [row] if (row := ledger.flow(wanted)) else []
    for row in rows:
        if row.verdict in WENT_IN:
            emissions = tuple(one for one in ledger.emissions(row.flow.id) if one.kind in KINDS.values())
            if emissions:
                return row, emissions
    return None, ()


def _issued(row: FlowRow, ledger: Ledger) -> Issued:
    flow = row.flow
    pieces = (orjson.loads(piece.told) for piece in ledger.pieces(flow=flow.id))
    return Issued(
        number=number_of(flow.sha256), flow=flow.id, partner=flow.partner, mode=flow.mode,
        depositor={"role": flow.depositor.role, "id": flow.depositor.id} if flow.depositor else None,
        deposited_at=in_paris(flow.received_at).isoformat(timespec="milliseconds"), sha256=flow.sha256, state=row.verdict,
        pieces=tuple(piece for piece in pieces if piece["verdict"] == "accepted"),
    )  # fmt: skip


def _claimed(file: Path) -> tuple[str, str]:
    """The number that a file claims, and the file's own hash."""
    digest, head = _hashed(file)
    return marked(head), digest


def _hashed(file: Path) -> tuple[str, bytes]:
    """The hash of a file, and its beginning."""
    digest, head = hashlib.sha256(), bytearray()
    try:
        with file.open("rb") as source:
            while block := source.read(_BLOCK):
                digest.update(block)
                if len(head) < READ_MOST:
                    head += block
    except OSError as error:
        raise Fault("FLX-I144", file=str(file), detail=error.strerror or str(error)) from error
    return digest.hexdigest(), bytes(head)


def _purged(ledger: Ledger, flow: str, what: str) -> Purge | None:
    return next((one for one in ledger.purged(flow) if one.what == what), None)


def _intact(sha256: str, store: ContentStore) -> bool:
    try:
        return store.intact(sha256)
    except Fault:
        return False
