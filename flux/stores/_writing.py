"""How the ledger is written: one transaction at a time, with the write lock from its first statement."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from flux.faults import Fault
from flux.stores import _seal
from flux.stores._chain import append
from flux.stores._reading import Reading, known_trouble


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
