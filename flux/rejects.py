"""
A flow of only the rejected pieces, for the supplier to correct: the documents as he named them, and beside them what to correct, piece by piece.

The documents are read from the sealed original, by children, as every document is. The list is what was told: nothing is judged anew.
"""

import gzip
import tarfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

import orjson
from msgspec import Struct
from msgspec.structs import replace

from flux.again import Named, Wanted, Why
from flux.export import as_csv
from flux.faults import Fault
from flux.model import Again, FlowVerdict, VerdictKind
from flux.process import chosen
from flux.rehearsal import Rehearsed, Stage, rehearse
from flux.words import Words

COLUMNS = ("document", "ordinal", "number", "code", "severity", "field", "line", "found", "expected", "text")


class Rejects(Struct, frozen=True):
    """name: for the file; data: the one document as it is, or a .tar.gz of several. rows: what to correct, a line a finding; pieces: of the contract."""

    name: str
    data: bytes
    documents: int
    pieces: tuple[dict[str, Any], ...]

    def listed(self, say: Words) -> bytes:
        """What to correct, for a spreadsheet."""
        return as_csv([[say(f"reject.{name}") for name in COLUMNS], *_rows(self.pieces, say)])


def rejects(stage: Stage, what: Named, to: str = "") -> Rejects:
    """
    The rejected pieces of a flow that no re-injection has accepted since, or those of them that are named. Raises Fault when there are none.

    *to*: the name that is wanted for the file; one that ends as an archive does is one.
    """
    ledger = stage.office.ledger
    row = ledger.flow(what.flow)
    assert row is not None, "it was named"  # noqa: S101 - an invariant of Named
    since = _accepted_since(stage, what)
    told = [orjson.loads(one.told) for one in ledger.pieces(flow=what.flow) if one.verdict == VerdictKind.REJECTED and one.ordinal not in since]
    told = [one for one in told if not what.ordinals or one["ordinal"] in what.ordinals]
    if not told:
        raise Fault("FLX-I217", flow=what.flow)
    before = row.flow.again
    of = before.of if before and before.ordinals else row.pieces
    flow = replace(row.flow, duplicate_of="", again=Again(row.flow.id, row.flow.id, "", tuple(one["ordinal"] for one in told), of))
    documents = [pair for rehearsed in rehearse([flow], stage) for pair in _documents(rehearsed)]
    name = row.flow.display_name.removesuffix(".gz").rpartition(".")
    stem = f"{name[0] or name[2]}-rejets"
    archive = to.lower().endswith((".tar.gz", ".tgz"))
    if to and len(documents) > 1 and not archive:
        raise Fault("FLX-I219", count=str(len(documents)), name=to)
    if len(documents) == 1 and not archive:
        return Rejects(f"{stem}.{documents[0][0].rpartition('.')[2]}", documents[0][1], 1, tuple(told))
    return Rejects(f"{stem}.tar.gz", _packed(documents), len(documents), tuple(told))


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


def _documents(rehearsed: Rehearsed) -> Iterator[tuple[str, bytes]]:
    """Each document once, under the name that the supplier gave it; of one that holds several pieces, those that were taken out of it."""
    work = rehearsed.work
    if work.trouble:
        raise work.trouble
    for _, one in chosen(work.flow, work.judged):
        part = 0 if one.extracted is None else one.index
        file = work.files[one.document, part]
        with rehearsed.content.open(file.blob) as blob:
            blob.seek(file.offset)
            data = blob.read(file.size)
        stem, dot, ending = one.name.rpartition(".")
        yield (f"{stem}-{part}{dot}{ending}" if part else one.name), data


def _packed(documents: Sequence[tuple[str, bytes]]) -> bytes:
    """The same documents give the same bytes. A name never leads out of the archive, whatever its sender wrote."""
    made, names = BytesIO(), set[str]()
    with gzip.GzipFile(filename="", mode="wb", fileobj=made, mtime=0) as squeezed, tarfile.TarFile(fileobj=squeezed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for n, (told, data) in enumerate(documents, 1):
            name = "/".join(part for part in told.split("/") if part not in ("", ".", "..")) or f"{n}.xml"
            row = tarfile.TarInfo(f"{n}-{name}" if name in names else name)
            row.size, row.mode = len(data), 0o644
            names.add(name)
            tar.addfile(row, BytesIO(data))
    return made.getvalue()


def _rows(pieces: Sequence[dict[str, Any]], say: Words) -> Iterator[list[str]]:
    for piece in pieces:
        for one in piece["findings"]:
            told = (piece["document"], piece["ordinal"], piece["number"], one["code"], say(f"severity.{one['severity']}"), one["field"], one["line"],
                    one["found"], one["expected"], one["text"][say.language])  # fmt: skip
            yield ["" if cell is None else str(cell) for cell in told]
