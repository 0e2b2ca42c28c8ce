"""What endpoints ask of the ledger: whether what they fetched is in custody, and a line of the journal for what a person did to one."""

from collections.abc import Sequence

from sqlalchemy import select

from flux.model import Event
from flux.stores import _schema as t
from flux.stores._chain import append
from flux.stores._reading import chunks
from flux.stores._writing import Writing


class Custody(Writing):
    """The part of the ledger that knows what was received."""

    def received(self, ids: Sequence[str]) -> set[str]:
        """Which of these flows are in custody: their bytes are durable here, and flux is answerable for them."""
        found: set[str] = set()
        with self._read() as connection:
            for some in chunks(ids):
                found |= set(connection.scalars(select(t.flow.c.id).where(t.flow.c.id.in_(some))))
        return found

    def note(self, events: Sequence[Event]) -> None:
        """Lines of the journal that belong to no flow."""
        with self._write() as connection:
            append(connection, events)
