"""
What binds rows to the journal: the line that is written in the same transaction carries the hash of what that wrote.

A seal is a word a part, ``<part>[<emissions>]:<sha256>``, of the JSON array of its rows in a fixed order and form. part is a letter (PARTS): a
receipt, a decision with its pieces, identities and standings, what is owed, an acknowledgement, a purge. How many emissions it covers lets each
be found again, since those of a flow are only ever added. Columns that change by themselves (where an emission stands, leases, attempts) are not covered.
Only what a later version of flux can make again of the same rows is covered: texts, numbers and hashes, never an encoded object.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection

from flux.dossier import Move, Standing
from flux.lifecycle import OPENING
from flux.when import moment

RECEIVED = ("id", "partner", "name", "sha256", "size", "received_at", "duplicate_of", "mode", "depositor", "again")
DECIDED = ("verdict", "interface", "syntax", "pack", "decided_at", "pieces", "accepted")
PIECE = ("ordinal", "number", "cadre", "supplier", "verdict")
IDENTITY = ("key", "ordinal", "sha256", "at")
EMISSION = ("key", "ordinal", "kind", "target", "name", "sha256", "blob", "offset", "size")
PARTS = ("received", "decided", "pieces", "identities", "standings", "owed", "acknowledged", "gone")
LETTERS = {name: name[0] for name in PARTS}
_PENDING = "flux_rows"

Row = Mapping[str, Any]


def received(flow: Row) -> list[Any]:
    """A receipt."""
    return ["received", *(_plain(flow[name]) for name in RECEIVED)]


def decided(row: Row, told: str) -> list[Any]:
    """A decision on a flow. told: the hash of the findings about the flow itself, as they were told."""
    return ["decided", *(_plain(row[name]) for name in DECIDED), told]


def pieces(rows: Sequence[tuple[Row, str]]) -> list[Any]:
    """The pieces of a decision, each with the hash of the JSON that was told of it."""
    return ["pieces", *(piece(row, told) for row, told in sorted(rows, key=lambda one: one[0]["ordinal"]))]


def piece(row: Row, told: str) -> list[Any]:
    """One of them."""
    return [*(row[name] for name in PIECE), told]


def identities(rows: Sequence[Row]) -> list[Any]:
    """The identities that its accepted pieces hold."""
    return ["identities", *(identity(one) for one in sorted(rows, key=lambda one: str(one["key"])))]


def identity(row: Row) -> list[Any]:
    """One of them."""
    return [row[name] for name in IDENTITY]


def standings(rows: Sequence[Standing]) -> list[Any]:
    """Its accepted pieces, as they were when they were accepted."""
    return ["standings", *(standing(one) for one in sorted(rows, key=lambda one: one.ref))]


def owed(emissions: Sequence[Row]) -> list[Any]:
    """What a decision or an act owes, in the order in which it was written."""
    return ["owed", *(emission(one) for one in emissions)]


def emission(row: Row) -> list[Any]:
    """One of them."""
    return [row[name] for name in EMISSION]


def acknowledged(row: Row) -> list[Any]:
    """That somebody looked at what was refused."""
    return ["acknowledged", row["at"], row["who"], row["reason"]]


def purged(rows: Sequence[Row], left: Sequence[tuple[int, str]]) -> list[Any]:
    """What was purged of a flow. left: of each piece whose told JSON went, the hash of what stands in its place."""
    return ["gone", [[row["what"], row["at"], row["who"], row["sha256"]] for row in sorted(rows, key=lambda row: str(row["what"]))], [list(one) for one in sorted(left)]]


def document(part: Sequence[Any]) -> bytes:
    """What is hashed of a part."""
    return orjson.dumps(part)


class Part:
    """A part that is being written: the hash of its document as far as that is there, and how many rows it has. Nobody has them all."""

    def __init__(self, name: str) -> None:
        self.name, self.rows = name, 0
        self._hash = hashlib.sha256(b"[" + orjson.dumps(name))

    def add(self, row: Any) -> None:  # noqa: ANN401 - whatever a part is made of
        """The next row, in the order that the part has."""
        self._hash.update(b"," + orjson.dumps(row))
        self.rows += 1

    @property
    def word(self) -> str:
        """What the seal says of it."""
        whole = self._hash.copy()
        whole.update(b"]")
        return f"{LETTERS[self.name]}{self.rows if self.name == 'owed' else ''}:{whole.hexdigest()}"


def seal(parts: Iterable[Part]) -> str:
    """The seal of these parts, in the order of PARTS; "" when there are none."""
    return " ".join(part.word for part in sorted(parts, key=lambda part: PARTS.index(part.name)))


def read(text: str) -> list[tuple[str, int, str]]:
    """The parts of a seal: letter, how many emissions, and hash."""
    words = (word.partition(":") for word in text.split())
    return [(head[:1], int(head[1:]) if head[1:].isdigit() else 0, sha256) for head, _, sha256 in words]


def told_hash(told: bytes) -> str:
    """The hash of what was told of a piece or a flow; of what was purged since, the hash of what was told before."""
    return hashlib.sha256(told).hexdigest()


def part(connection: Connection, flow: str, name: str) -> Part:
    """For rows that are written in this transaction: the line of the journal that follows them seals them. What is owed goes on, another part begins anew."""
    parts: list[Part] = connection.info.setdefault(_PENDING, {}).setdefault(flow, [])
    begun = next((one for one in parts if one.name == name == "owed"), None)
    if begun is None:
        parts.append(begun := Part(name))
    return begun


def note(connection: Connection, flow: str, whole: Sequence[Any]) -> None:
    """A part, of which all rows are there."""
    name, *rows = whole
    noting = part(connection, flow, name)
    for row in rows:
        noting.add(row)


def noted(connection: Connection) -> dict[str, list[Part]]:
    """What was written so far and has no seal, by flow; it counts as sealed from now on."""
    return dict(connection.info.pop(_PENDING, {}))


def standing(one: Standing) -> list[Any]:
    """One of them: what no later step changes."""
    said, amounts = one.piece, one.piece.amounts
    parties = (said.supplier, said.recipient, said.valideur, said.moe, said.moa)
    return [
        str(one.ref), one.partner, one.sha256, str(one.first), one.dossier, str(one.previous or ""),
        f"{one.depositor.role}:{one.depositor.id}", said.number, said.cadre, said.type, said.market, said.engagement, said.currency,
        said.recipient.service, *(party.id if party else "" for party in parties),
        *("" if amount is None else format(amount, "f") for amount in (amounts.ht, amounts.tva, amounts.ttc, amounts.net)),
        [_move(move) for move in one.moves[:OPENING]],
    ]  # fmt: skip


def _move(move: Move) -> list[str]:
    return [move.act, move.status, moment(move.at), move.role, move.who, f"{move.waits.role}:{move.waits.id}" if move.waits else ""]


def _plain(value: Any) -> Any:  # noqa: ANN401 - a column
    return value.hex() if isinstance(value, bytes) else value
