"""
The journal's chain: each line carries the hash of the one before. How a line is hashed, and the walk that proves them all.

A line is hashed in two steps, its words and then that with the line before: so the lines of others between one's own and a head can be handed out
as bare hashes, and tell nothing of what they say (proof.py). Lines before version 3 of the ledger were hashed in one; either counts.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, exists, insert, select, true

from flux.model import Event, Plumbing
from flux.rows import Journal
from flux.stores import _schema as t
from flux.stores import _seal
from flux.when import moment

BATCH = 5000  # lines held at once
WHO = "flux"
FEW = 5       # flows named when lines are missing
WORDS = ("flow", "piece", "what", "at", "who", "detail", "rows")

Read = Callable[[], AbstractContextManager[Connection]]

# What a flow's row says must have a line: the chain itself cannot tell that its end was cut off.
_TOLD = (
    (true(), "received"), (t.flow.c.decided_at.is_not(None), "decided"), (t.flow.c.state == Plumbing.CLOSED, "closed"),
    (t.flow.c.state == Plumbing.HELD, "held"),
)  # fmt: skip


def event_hash(row: Mapping[str, object]) -> str:
    """The hash of a line of the journal: over the hash of the line before and that of every word of its own."""
    return linked(str(row["before"]), words_hash(row))


def words_hash(row: Mapping[str, object]) -> str:
    """The hash of a line's own words."""
    return _sha256("\x1f".join(str(row.get(name, "")) for name in WORDS))


def linked(before: str, words: str) -> str:
    """The hash of a line whose words have this hash, behind a line of that."""
    return _sha256(f"{before}\x1f{words}")


def follows(row: Mapping[str, Any], head: str) -> bool:
    """Whether this line stands behind the line of that hash, as it was written."""
    return row["before"] == head and (row["hash"] == event_hash(row) or (row["hash"] == _of_old(row) and not row["rows"]))


def redactable(row: Mapping[str, Any]) -> bool:
    """Whether its place in the chain can be shown without its words."""
    return bool(row["hash"] == event_hash(row))


def append(connection: Connection, events: Sequence[Event]) -> None:
    """
    Write events behind the last: each line carries the hash of the one before, so that an edit by hand shows.

    The last line of a flow carries the seal of what this transaction wrote for it; rows of a flow without a line here have one of their own.
    """
    noted = _seal.noted(connection)
    at = events[-1].at if events else datetime.now(UTC)
    last = {e.flow: n for n, e in enumerate(events)}
    events = [*events, *(Event(flow, "sealed", at, WHO) for flow in noted if flow not in last)]
    if not events:
        return
    seals = {n: _seal.seal(noted[flow]) for flow, n in {e.flow: n for n, e in enumerate(events)}.items() if flow in noted}
    before = connection.scalar(select(t.event.c.hash).order_by(t.event.c.seq.desc()).limit(1)) or ""
    rows = []
    for n, e in enumerate(events):
        row = {"flow": e.flow, "piece": e.piece, "what": e.what, "at": moment(e.at), "who": e.who, "detail": e.detail, "rows": seals.get(n, ""), "before": before}
        row["hash"] = before = event_hash(row)
        rows.append(row)
    connection.execute(insert(t.event), rows)


def lines(read: Read, after: int = 0) -> Iterator[dict[str, Any]]:
    """The journal from a line on, in batches: *read* opens a transaction each time, so that no writer's log grows meanwhile."""
    seq = after
    while True:
        with read() as connection:
            query = select(t.event).where(t.event.c.seq > seq).order_by(t.event.c.seq).limit(BATCH)
            rows = [dict(row) for row in connection.execute(query).mappings()]
        yield from rows
        if len(rows) < BATCH:
            return
        seq = rows[-1]["seq"]


def walk(read: Read, met: Callable[[Mapping[str, Any]], object] = lambda _: None) -> Journal:
    """Prove every line, to the first that is broken. *met* is handed each that holds."""
    count, head = 0, ""
    for row in lines(read):
        if not follows(row, head):
            return Journal(count, head, broken=row["seq"])
        count, head = count + 1, row["hash"]
        met(row)
    return Journal(count, head, missing=_missing(read))


def _missing(read: Read) -> tuple[str, ...]:
    """Flows, a few at most, whose own row says more than the journal."""
    with read() as connection:
        for state, what in _TOLD:
            line = exists().where(t.event.c.flow == t.flow.c.id, t.event.c.what == what)
            if some := connection.scalars(select(t.flow.c.id).where(state, ~line).order_by(t.flow.c.seq).limit(FEW)).all():
                return tuple(some)
    return ()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _of_old(row: Mapping[str, Any]) -> str:
    """How a line was hashed before version 3."""
    return _sha256("\x1f".join(str(row[name]) for name in ("before", "flow", "piece", "what", "at", "who", "detail")))
