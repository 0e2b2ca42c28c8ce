"""The journal's chain: each line carries the hash of the one before. How a line is hashed, and the walk that proves them all."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import Connection, exists, insert, select, true

from flux.model import Event, Plumbing
from flux.ports import Journal
from flux.stores import _schema as t
from flux.when import moment

BATCH = 5000  # lines held at once
FEW = 5       # flows named when lines are missing

# What a flow's row says must have a line: the chain itself cannot tell that its end was cut off.
_TOLD = (
    (true(), "received"), (t.flow.c.decided_at.is_not(None), "decided"), (t.flow.c.state == Plumbing.CLOSED, "closed"),
    (t.flow.c.state == Plumbing.HELD, "held"),
)  # fmt: skip


def event_hash(row: Mapping[str, object]) -> str:
    """The hash of a line of the journal: over the hash of the line before and every word of its own."""
    words = (row["before"], row["flow"], row["piece"], row["what"], row["at"], row["who"], row["detail"])
    return hashlib.sha256("\x1f".join(str(word) for word in words).encode("utf-8", "surrogatepass")).hexdigest()


def append(connection: Connection, events: Sequence[Event]) -> None:
    """Write events behind the last: each line carries the hash of the one before, so that an edit by hand shows."""
    if not events:
        return
    before = connection.scalar(select(t.event.c.hash).order_by(t.event.c.seq.desc()).limit(1)) or ""
    rows = []
    for e in events:
        row = {"flow": e.flow, "piece": e.piece, "what": e.what, "at": moment(e.at), "who": e.who, "detail": e.detail, "before": before}
        row["hash"] = before = event_hash(row)
        rows.append(row)
    connection.execute(insert(t.event), rows)


def walk(read: Callable[[], AbstractContextManager[Connection]]) -> Journal:
    """Prove every line, to the first that is broken. *read* opens a transaction: one a batch, so that no writer's log grows meanwhile."""
    count, seq, head = 0, 0, ""
    while True:
        with read() as connection:
            query = select(t.event).where(t.event.c.seq > seq).order_by(t.event.c.seq).limit(BATCH)
            rows = [dict(row) for row in connection.execute(query).mappings()]
        for row in rows:
            if row["before"] != head or row["hash"] != event_hash(row):
                return Journal(count, head, broken=row["seq"])
            count, seq, head = count + 1, row["seq"], row["hash"]
        if len(rows) < BATCH:
            return Journal(count, head, missing=_missing(read))


def _missing(read: Callable[[], AbstractContextManager[Connection]]) -> tuple[str, ...]:
    """Flows, a few at most, whose own row says more than the journal."""
    with read() as connection:
        for state, what in _TOLD:
            line = exists().where(t.event.c.flow == t.flow.c.id, t.event.c.what == what)
            if some := connection.scalars(select(t.flow.c.id).where(state, ~line).order_by(t.flow.c.seq).limit(FEW)).all():
                return tuple(some)
    return ()
