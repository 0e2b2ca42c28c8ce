"""
One flow as evidence, to be checked by whoever has Python or sha256sum, without flux and without trusting it.

An archive of what was received, told and sent, and of the lines of the journal that bind these. The lines of others between those of the flow and the head are there as bare hashes. What it proves is that all of it was in the ledger when that
head was the last line; so its worth is that of the copy of the head which somebody else has (flux audit head).
"""

import hashlib
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import orjson
from msgspec import Struct

from flux import tables, told
from flux.faults import Fault
from flux.keeping import Keeper, Shelf
from flux.model import Emission, Event, FlowVerdict, shown
from flux.owing import PIECE
from flux.rows import FlowRow, PieceRow
from flux.when import in_paris, moment

if TYPE_CHECKING:
    from jinja2 import Template

MOST_BYTES = 8 << 30  # of the files of a proof that is verified
BLOCK = 1 << 20
WORDS = ("flow", "piece", "what", "at", "who", "detail", "rows")
SUMS, JOURNAL, CHAIN = "SHA256SUMS", "journal.json", "chain.txt"


class Checked(Struct, frozen=True):
    """What a verification found. wrong: in words that name a file or a line; head: the one up to which it holds; lines: of the flow's own."""

    flow: str
    head: str
    lines: int
    files: int
    wrong: tuple[str, ...]


class _Archive:
    """The proof while it is written: each file with its hash."""

    def __init__(self, target: BinaryIO, at: datetime) -> None:
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED)
        self._at = in_paris(at).timetuple()[:6]
        self.sums: dict[str, str] = {}

    def add(self, name: str, blocks: Iterator[bytes]) -> str:
        """A file; gives its hash."""
        digest = hashlib.sha256()
        entry = zipfile.ZipInfo(name, self._at)
        entry.compress_type = zipfile.ZIP_DEFLATED
        with self._zip.open(entry, "w", force_zip64=True) as into:
            for block in blocks:
                digest.update(block)
                into.write(block)
        self.sums[name] = digest.hexdigest()
        return self.sums[name]

    def close(self) -> None:
        """The sums come last, since they are of all others."""
        text = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(self.sums.items()))
        self.add(SUMS, iter([text.encode()]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()


def build(ledger: Keeper, store: Shelf, row: FlowRow, head: str, target: BinaryIO, installation: str) -> str:
    """
    Write the proof of this flow into *target*; gives the head up to which it proves: the one that is given, else the last line. Raises Fault.

    Nothing is written of a flow whose rows are not those that its lines sealed: it would prove that the ledger was changed.
    """
    flow = row.flow
    if gone := ledger.purged(flow.id):
        raise Fault("FLX-I249", flow=flow.id, at=told.instant(gone[0].at), who=gone[0].who, what=", ".join(one.what for one in gone))
    lines, head = ledger.sealed(flow.id), head or ledger.head()[1]
    for event, documents in lines:
        for word in event.rows.split():
            if hashlib.sha256(documents[word[0]]).hexdigest() != word.partition(":")[2]:
                raise Fault("FLX-I257", flow=flow.id, detail=f"{event.seq} {event.what} ({word[0]})")
    with _Archive(target, flow.received_at) as archive:
        _written(archive, ledger, store, row, lines, head, installation)
    return head


def _written(
    archive: _Archive, ledger: Keeper, store: Shelf, row: FlowRow, lines: Sequence[tuple[Event, Mapping[str, bytes]]], head: str, installation: str
) -> None:
    """Each file of the proof, the sums last."""
    flow, emissions, pieces = row.flow, ledger.emissions(row.flow.id), ledger.pieces(flow=row.flow.id)
    received = f"received/{_safe(flow.display_name)}"
    if archive.add(received, _range(store, flow.sha256, 0, flow.size)) != flow.sha256:
        raise Fault("FLX-I55", blob=flow.sha256)
    archive.add("flow.json", iter([_json(told.recorded(row, pieces, [event for event, _ in lines], emissions, (), ledger.acknowledged(flow.id)))]))
    for piece in pieces:
        archive.add(f"told/piece-{piece.ordinal:05d}.json", iter([piece.told]))
    for one in emissions:
        if one.kind != PIECE and archive.add(f"sent/{one.target}/{one.name}", _range(store, one.blob, one.offset, one.size)) != one.sha256:
            raise Fault("FLX-I55", blob=one.blob)
    last = _chain(archive, ledger, flow.id, head)
    shown_lines = [line for line in lines if line[0].seq <= last]
    archive.add(JOURNAL, iter([_json(_journal(shown_lines, received, head))]))
    archive.add("check.py", iter([_text("check.py.txt").encode()]))
    archive.add("index.html", iter([_page(row, pieces, emissions, [event for event, _ in shown_lines], received, head, installation)]))
    archive.close()


def _chain(archive: _Archive, ledger: Keeper, flow: str, head: str) -> int:
    """The links from the first line of the flow to the head, a line each; gives the number of the flow's last line among them."""
    last = 0

    def links() -> Iterator[bytes]:
        nonlocal last
        for digest, own in ledger.links(flow, head):
            last = own.seq if own else last
            yield f"{digest}{'*' if own else ''}\n".encode()

    archive.add(CHAIN, links())
    return last


def _journal(lines: Sequence[tuple[Event, Mapping[str, bytes]]], received: str, head: str) -> dict[str, Any]:
    rows = []
    for event, documents in lines:
        words = {name: getattr(event, name) for name in ("seq", *WORDS, "hash")}  # "at" as the journal has it, below
        rows.append({**words, "at": moment(event.at), "sealed": {letter: content.decode() for letter, content in documents.items()}})
    return {"before": lines[0][0].before if lines else "", "head": head, "received": received, "lines": rows}


def _range(store: Shelf, blob: str, offset: int, size: int) -> Iterator[bytes]:
    with store.open(blob) as file:
        file.seek(offset)
        while size and (block := file.read(min(size, BLOCK))):
            size -= len(block)
            yield block


def _safe(name: str) -> str:
    """A sender's file name as one that any system unpacks."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".")[:120] or "file"


def _json(value: Any) -> bytes:  # noqa: ANN401 - a JSON value
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def _text(name: str) -> str:
    return files("flux.proof").joinpath(name).read_text("utf-8")


def _page(row: FlowRow, pieces: Sequence[PieceRow], emissions: Sequence[Emission], events: Sequence[Event], received: str, head: str, installation: str) -> bytes:
    known = tables.load()
    return _template().render(
        flow=row.flow, row=row, file=shown(row.flow.name), received=received, head=head, installation=installation,
        at=in_paris(row.flow.received_at), decided=in_paris(row.decided_at) if row.decided_at else None,
        status=known.flow_statuses[FlowVerdict(row.verdict)] if row.verdict else None, pieces=[orjson.loads(piece.told) for piece in pieces], events=events, in_paris=in_paris,
        sent=[one for one in emissions if one.kind != PIECE], script=_text("check.py.txt"),
    ).encode()  # fmt: skip


@lru_cache
def _template() -> "Template":
    """Every value is escaped; a name that is missing is an error, not a blank."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # late: 20 ms; most commands write no page

    rooms = Environment(loader=PackageLoader("flux.proof", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return rooms.get_template("page.html.j2")


# -- checking it ----------------------------------------------------------------------------------------------------------------------------


def verify(file: Path, head: str) -> Checked:
    """What check.py does, without unpacking. *head*: the one that somebody kept, "" for none. Raises Fault when it is no proof at all."""
    try:
        with file.open("rb") as source, zipfile.ZipFile(source) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise Fault("FLX-I252", file=str(file), detail=f"> {MOST_BYTES} B")
            return _checked(archive, head)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, IndexError, StopIteration, AttributeError, RuntimeError, NotImplementedError) as error:
        raise Fault("FLX-I252", file=str(file), detail=f"{type(error).__name__} {error}") from error


def _checked(archive: zipfile.ZipFile, wanted: str) -> Checked:
    hashes = {entry.filename: _hash_of(archive, entry) for entry in archive.infolist()}
    sums = {name: sha256 for sha256, _, name in (line.partition("  ") for line in archive.read(SUMS).decode().splitlines())}
    wrong = [f"file {name}" for name, sha256 in sums.items() if hashes.get(name) != sha256]
    wrong += [f"file {name}" for name in hashes.keys() - sums.keys() - {SUMS}]
    journal = orjson.loads(archive.read(JOURNAL))
    lines, head, met = iter(journal["lines"]), journal["before"], 0
    for word in archive.read(CHAIN).decode("ascii").split():
        digest, own, _ = word.partition("*")
        head = _joined(head, digest)
        if own:
            line, met = next(lines), met + 1
            if (_joined(*(line[name] for name in WORDS)), head) != (digest, line["hash"]):
                wrong.append(f"line {line['seq']}")
            wrong += _sealed(line, hashes, journal["received"])
    if next(lines, None) is not None or head != journal["head"]:
        wrong.append(CHAIN)
    if wanted and head != wanted:
        wrong.append(f"head {wanted}")
    return Checked(str(journal["lines"][0]["flow"]), head, met, len(hashes), tuple(dict.fromkeys(wrong)))


def _sealed(line: Mapping[str, Any], hashes: Mapping[str, str], received: str) -> Iterator[str]:
    """What a line sealed, and the files that stand for it, as far as they are not what they were."""
    for word in line["rows"].split():
        document = line["sealed"][word[0]].encode()
        if hashlib.sha256(document).hexdigest() != word.partition(":")[2]:
            yield f"line {line['seq']} ({word[0]})"
        rows = orjson.loads(document)[1:]
        if word[0] == "r" and hashes.get(received) != rows[3]:
            yield f"file {received}"
        if word[0] == "p":
            names = {f"told/piece-{row[0]:05d}.json": row[5] for row in rows}
            yield from (f"file {name}" for name, sha256 in names.items() if hashes.get(name) != sha256)
        if word[0] == "o":
            names = {f"sent/{row[3]}/{row[4]}": row[5] for row in rows if row[2] != PIECE}
            yield from (f"file {name}" for name, sha256 in names.items() if hashes.get(name) != sha256)


def _hash_of(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    digest = hashlib.sha256()
    with archive.open(entry) as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _joined(*words: object) -> str:
    return hashlib.sha256("\x1f".join(map(str, words)).encode("utf-8", "surrogatepass")).hexdigest()
