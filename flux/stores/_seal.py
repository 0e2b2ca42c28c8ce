"""
What binds rows to the journal: the line that is written in the same transaction carries the hash of what that wrote.

A seal is a word a part, ``<part>[<emissions>]:<sha256>``, of the JSON array of its rows in a fixed order and form. part is a letter (PARTS): a
receipt, a decision with its pieces, identities and standings, what is owed, an acknowledgement, a purge. How many emissions it covers lets each
be found again, since those of a flow are only ever added. Columns that change by themselves (where an emission stands, leases, attempts) are not covered.
Only what a later version of flux can make again of the same rows is covered: texts, numbers and hashes, never an encoded object.
"""

import hashlib
from collections.abc import Mapping, Sequence
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
ORDER = "".join(LETTERS.values())
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
    return ["pieces", *([*(piece[name] for name in PIECE), told] for piece, told in sorted(rows, key=lambda one: one[0]["ordinal"]))]


def identities(rows: Sequence[Row]) -> list[Any]:
    """The identities that its accepted pieces hold."""
    return ["identities", *([one[name] for name in IDENTITY] for one in sorted(rows, key=lambda one: str(one["key"])))]


def standings(rows: Sequence[Standing]) -> list[Any]:
    """Its accepted pieces, as they were when they were accepted."""
    return ["standings", *(_opening(one) for one in sorted(rows, key=lambda one: one.ref))]


def owed(emissions: Sequence[Row]) -> list[Any]:
    """What a decision or an act owes, in the order in which it was written."""
    return ["owed", *([one[name] for name in EMISSION] for one in emissions)]


def acknowledged(row: Row) -> list[Any]:
    """That somebody looked at what was refused."""
    return ["acknowledged", row["at"], row["who"], row["reason"]]


def purged(rows: Sequence[Row], left: Sequence[tuple[int, str]]) -> list[Any]:
    """What was purged of a flow. left: of each piece whose told JSON went, the hash of what stands in its place."""
    return ["gone", [[row["what"], row["at"], row["who"], row["sha256"]] for row in sorted(rows, key=lambda row: str(row["what"]))], [list(one) for one in sorted(left)]]


def document(part: Sequence[Any]) -> bytes:
    """What is hashed of a part."""
    return orjson.dumps(part)


def seal(parts: Sequence[Sequence[Any]]) -> str:
    """The seal of these parts, in the order of PARTS; "" when there are none."""
    words = ((LETTERS[part[0]], len(part) - 1 if part[0] == "owed" else "", hashlib.sha256(document(part)).hexdigest()) for part in parts)
    return " ".join(f"{letter}{count}:{sha256}" for letter, count, sha256 in sorted(words, key=lambda word: ORDER.index(word[0])))


def read(text: str) -> list[tuple[str, int, str]]:
    """The parts of a seal: letter, how many emissions, and hash."""
    words = (word.partition(":") for word in text.split())
    return [(head[:1], int(head[1:]) if head[1:].isdigit() else 0, sha256) for head, _, sha256 in words]


def told_hash(told: bytes) -> str:
    """The hash of what was told of a piece or a flow; of what was purged since, the hash of what was told before."""
    return hashlib.sha256(told).hexdigest()


def note(connection: Connection, flow: str, part: list[Any]) -> None:
    """These rows were written in this transaction: the line of the journal that follows them seals them."""
    parts = connection.info.setdefault(_PENDING, {}).setdefault(flow, [])
    if part[0] == "owed" and (first := next((one for one in parts if one[0] == "owed"), None)):
        first.extend(part[1:])
    else:
        parts.append(part)


def noted(connection: Connection) -> dict[str, list[Any]]:
    """What was written so far and has no seal, by flow; it counts as sealed from now on."""
    return dict(connection.info.pop(_PENDING, {}))


def _opening(standing: Standing) -> list[Any]:
    """An accepted piece as it was when it was accepted: what no later step changes."""
    piece, amounts = standing.piece, standing.piece.amounts
    parties = (piece.supplier, piece.recipient, piece.valideur, piece.moe, piece.moa)
    return [
        str(standing.ref), standing.partner, standing.sha256, str(standing.first), standing.dossier, str(standing.previous or ""),
        f"{standing.depositor.role}:{standing.depositor.id}", piece.number, piece.cadre, piece.type, piece.market, piece.engagement, piece.currency,
        piece.recipient.service, *(party.id if party else "" for party in parties),
        *("" if amount is None else format(amount, "f") for amount in (amounts.ht, amounts.tva, amounts.ttc, amounts.net)),
        [_move(move) for move in standing.moves[:OPENING]],
    ]  # fmt: skip


def _move(move: Move) -> list[str]:
    return [move.act, move.status, moment(move.at), move.role, move.who, f"{move.waits.role}:{move.waits.id}" if move.waits else ""]


def _plain(value: Any) -> Any:  # noqa: ANN401 - a column
    return value.hex() if isinstance(value, bytes) else value
