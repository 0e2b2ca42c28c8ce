"""
A flow of only the rejected pieces, for the supplier to correct: the documents as he named them, and beside them what to correct, piece by piece.

The documents are read from the sealed original, by children, as every document is. The list is what was told: nothing is judged anew.
"""

import gzip
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any, BinaryIO, TypeAlias

import orjson
from msgspec import Struct
from msgspec.structs import replace

from flux.again import Named, Wanted, Why
from flux.export import as_csv
from flux.faults import Fault
from flux.keeping import TOLD
from flux.model import Again, FlowVerdict, Judged, VerdictKind
from flux.process import chosen
from flux.rehearsal import Rehearsed, Stage, rehearse
from flux.words import Words

COLUMNS = ("document", "ordinal", "number", "code", "severity", "field", "line", "found", "expected", "text")


Into: TypeAlias = "Callable[[str], AbstractContextManager[BinaryIO]]"  # a file of this name, to be written


class Rejects(Struct, frozen=True):
    """What was handed back. name: of the file; pieces: the objects of the contract."""

    name: str
    documents: int
    pieces: tuple[dict[str, Any], ...]

    def listed(self, say: Words) -> bytes:
        """What to correct, for a spreadsheet."""
        return as_csv([[say(f"reject.{name}") for name in COLUMNS], *_rows(self.pieces, say)])


def rejects(stage: Stage, what: Named, into: Into, to: str = "") -> Rejects:
    """
    The rejected pieces of a flow that no re-injection has accepted since, or those of them that are named. Raises Fault when there are none.

    *into* is given the one document as it is, or a .tar.gz of several, one held at a time. *to*: the name that is wanted, which says what it is.
    """
    row = stage.office.ledger.flow(what.flow)
    assert row is not None, "it was named"  # noqa: S101 - an invariant of Named
    told = _told(stage, what)
    before = row.flow.again
    of = before.of if before and before.ordinals else row.pieces
    flow = replace(row.flow, duplicate_of="", again=Again(row.flow.id, row.flow.id, "", tuple(one["ordinal"] for one in told), of))
    for rehearsed in rehearse([flow], stage):
        if rehearsed.work.trouble:
            raise rehearsed.work.trouble
        documents = [rehearsed.work.judged[place] for _, place in chosen(flow, rehearsed.work.judged)]
        archive = to.lower().endswith((".tar.gz", ".tgz")) if to else len(documents) > 1
        if len(documents) > 1 and not archive:
            raise Fault("FLX-I219", count=str(len(documents)), name=to)
        stem = row.flow.display_name.removesuffix(".gz").rpartition(".")
        name = to or f"{stem[0] or stem[2]}-rejets.{'tar.gz' if archive else documents[0].name.rpartition('.')[2]}"
        with into(name) as file:
            if archive:
                _pack(documents, rehearsed, file)
            else:
                file.write(_read(documents[0], rehearsed))
    return Rejects(name, len(documents), tuple(told))


def _told(stage: Stage, what: Named) -> list[dict[str, Any]]:
    if any(one.what == TOLD for one in stage.office.ledger.purged(what.flow)):
        raise Fault("FLX-I231", flow=what.flow)
    since = _accepted_since(stage, what)
    rows = stage.office.ledger.pieces(flow=what.flow)
    told = [orjson.loads(one.told) for one in rows if one.verdict == VerdictKind.REJECTED and one.ordinal not in since]
    told = [one for one in told if not what.ordinals or one["ordinal"] in what.ordinals]
    if not told:
        raise Fault("FLX-I217", flow=what.flow)
    return told


def _accepted_since(stage: Stage, what: Named) -> set[int]:
    """Ordinals that a re-injection has accepted, or in whose place a corrected file went in."""
    ledger = stage.office.ledger
    later = [one for one in ledger.candidates(Wanted(named=(what,), again=True)) if one.why == Why.ACCEPTED and one.flow != what.flow]
    rows = {id_: ledger.flow(id_) for id_ in {one.flow for one in later}}
    found: set[int] = set()
    for one in later:
        row = rows[one.flow]
        again = row.flow.again if row else None
        if row and again and not again.corrected:
            found.add(one.ordinal)
        elif row and again and row.verdict == FlowVerdict.INTEGRATED:
            found |= set(again.pieces)
    return found


def _read(one: Judged, rehearsed: Rehearsed) -> bytes:
    """A document whole; of one that holds several pieces, the one that was made of this piece."""
    file = rehearsed.work.files[one.document, 0 if one.extracted is None else one.index]
    with rehearsed.content.open(file.blob) as blob:
        blob.seek(file.offset)
        return blob.read(file.size)


def _pack(documents: Sequence[Judged], rehearsed: Rehearsed, into: BinaryIO) -> None:
    """The same documents give the same bytes. A name never leads out of the archive, whatever its sender wrote."""
    names = set[str]()
    with gzip.GzipFile(filename="", mode="wb", fileobj=into, mtime=0) as squeezed, tarfile.TarFile(fileobj=squeezed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for n, one in enumerate(documents, 1):
            stem, dot, ending = one.name.rpartition(".")
            told = one.name if one.extracted is None else f"{stem}-{one.index}{dot}{ending}"
            name = "/".join(part for part in told.split("/") if part not in ("", ".", "..")) or f"{n}.xml"
            row, data = tarfile.TarInfo(f"{n}-{name}" if name in names else name), _read(one, rehearsed)
            row.size, row.mode = len(data), 0o644
            names.add(name)
            tar.addfile(row, BytesIO(data))


def _rows(pieces: Sequence[dict[str, Any]], say: Words) -> Iterator[list[str]]:
    for piece in pieces:
        for one in piece["findings"]:
            told = (piece["document"], piece["ordinal"], piece["number"], one["code"], say(f"severity.{one['severity']}"), one["field"], one["line"],
                    one["found"], one["expected"], one["text"][say.language])  # fmt: skip
            yield ["" if cell is None else str(cell) for cell in told]
