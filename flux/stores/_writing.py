"""How the ledger is written: one transaction at a time, with the write lock from its first statement."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import json
from sqlalchemy import Connection, Table, insert
from sqlalchemy.exc import DBAPIError

from flux.chunks import in_chunks
from flux.faults import Fault
from flux.model import Flow, Plumbing
from flux.stores import _schema as t
from flux.stores import _seal
from flux.stores._chain import append
from flux.stores._reading import Reading, known_trouble
from flux.when import moment

TOGETHER = 1_000  # rows of one statement


class Writing(Reading):
    """The writing half of the ledger: what every part of it that changes something stands on."""

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        """One transaction that takes the write lock first: a reader that turns writer half-way is how SQLite says busy."""
        try:
            with self._engine.connect() as connection, connection.begin():
                _seal.noted(connection)  # of a transaction that was given up
                yield connection
                append(connection, [])   # what was written behind the last line of this transaction
        except DBAPIError as error:  # the disk is full, the file is gone, a lock is held too long: nothing was committed
            raise known_trouble(error) or Fault("FLX-I26", detail=str(error.orig)) from error


def fill(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """
    Rows of one shape into a table, TOGETHER at once.

    On SQLite by the driver: SQLAlchemy puts the parameters of each together anew, which takes half as long as to write them. Servers are better left to it.
    """
    for some in in_chunks(rows, TOGETHER):
        if connection.dialect.name == "sqlite":
            names = list(some[0])
            statement = insert(table).compile(dialect=connection.dialect, column_keys=names, for_executemany=True)
            connection.exec_driver_sql(str(statement), [tuple(row[name] for name in statement.positiontup or names) for row in some])
        else:
            connection.execute(insert(table), some)


def take_in(connection: Connection, flows: Sequence[Flow]) -> None:
    """Flows come into custody: their rows, which the line of the journal behind them seals."""
    rows = [_row(flow) for flow in flows]
    connection.execute(insert(t.flow), rows)
    for row in rows:
        _seal.note(connection, str(row["id"]), _seal.received(row))


def _row(flow: Flow) -> dict[str, object]:
    return {
        "id": flow.id, "partner": flow.partner, "name": flow.name, "sha256": flow.sha256, "size": flow.size,
        "received_at": moment(flow.received_at), "due_at": moment(flow.received_at), "duplicate_of": flow.duplicate_of,
        "state": Plumbing.RECEIVED, "mode": flow.mode, "depositor": f"{flow.depositor.role}:{flow.depositor.id}" if flow.depositor else "",
        "again": json.encode(flow.again).decode() if flow.again else "",
    }  # fmt: skip
