"""What is owed and what was delivered, in SQL: emissions from PENDING over STAGED to EMITTED."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, tuple_, update

from flux.keeping import part_of
from flux.model import Emission, EmissionState, Event, Plumbing
from flux.stores import _schema as t
from flux.stores import _seal
from flux.stores._chain import append
from flux.stores._reading import IN, chunks, emission_of
from flux.stores._writing import Writing, fill
from flux.when import moment

Wanted = Callable[[str, str], bool]  # of a target and a kind


class Emissions(Writing):
    """The part of the ledger that knows what is owed."""

    def owed(self, limit: int, wanted: Wanted | None = None) -> list[Emission]:
        """Emissions PENDING, all or those that are *wanted*: those without a known problem first, so that a lost content never blocks the others."""
        if wanted is None:
            return self._waiting(EmissionState.PENDING, limit)
        pending = select(t.emission.c.target, t.emission.c.kind).where(t.emission.c.state == EmissionState.PENDING).distinct()
        with self._read() as connection:
            fit = [(row.target, row.kind) for row in connection.execute(pending) if wanted(row.target, row.kind)]
        return self._waiting(EmissionState.PENDING, limit, tuple_(t.emission.c.target, t.emission.c.kind).in_(fit[:IN])) if fit else []

    def unpublished(self, limit: int, via: str = "") -> list[Emission]:
        """Emissions STAGED there: those without a known problem first, so that one dead target never blocks the others."""
        return self._waiting(EmissionState.STAGED, limit, t.emission.c.via == via)

    def staged(self, keys: Sequence[str], via: str = "") -> None:
        """T4: from now on, absent from where it was staged means published. *via*: the endpoint where that is; "" for the staged folder."""
        with self._write() as connection:
            _change(connection, keys, EmissionState.PENDING, EmissionState.STAGED, via)

    def staged_at(self) -> dict[str, int]:
        """How many emissions stand STAGED at each endpoint's."""
        counted = select(t.emission.c.via, func.count().label("many")).where(t.emission.c.state == EmissionState.STAGED).group_by(t.emission.c.via)
        with self._read() as connection:
            return {row.via: row.many for row in connection.execute(counted) if row.via}

    def emitted(self, keys: Sequence[str], events: Sequence[Event]) -> None:
        """T5, and the flows that owe nothing more are CLOSED; *events*: one a flow, written when it closes."""
        with self._write() as connection:
            _change(connection, keys, EmissionState.STAGED, EmissionState.EMITTED)
            touched = {event.flow: event for event in events}
            still = select(t.emission.c.flow).where(t.emission.c.flow.in_(touched), t.emission.c.state != EmissionState.EMITTED).distinct()
            closing = touched.keys() - set(connection.scalars(still))
            decided = select(t.flow.c.id).where(t.flow.c.id.in_(closing), t.flow.c.state == Plumbing.DECIDED)
            closed = list(connection.scalars(decided))
            connection.execute(update(t.flow).where(t.flow.c.id.in_(closed)), {"state": Plumbing.CLOSED})
            append(connection, [touched[id_] for id_ in sorted(closed)])

    def undeliverable(self, reasons: Mapping[str, str], now: datetime, events: Sequence[Event]) -> None:
        """Note since when, and why, an emission cannot be staged or published; it stays owed, behind the others. *events*: for the journal."""
        if reasons:
            with self._write() as connection:
                connection.execute(
                    update(t.emission).where(t.emission.c.key == bindparam("k")).values(problem=bindparam("why")),
                    [{"k": key, "why": f"{moment(now)} {why}"} for key, why in reasons.items()],
                )
                append(connection, events)

    def redeliver(self, tried: Sequence[str], copies: Sequence[Emission], events: Sequence[Event]) -> list[str]:
        """Emissions that could not be delivered are tried first; *copies* are owed beside theirs. Gives the keys of the copies that were new."""
        with self._write() as connection:
            for some in chunks(tried):
                due = (t.emission.c.key.in_(some), t.emission.c.state != EmissionState.EMITTED)
                connection.execute(update(t.emission).where(*due), {"problem": ""})
            keys = [copy.key for copy in copies]
            known = set(connection.scalars(select(t.emission.c.key).where(t.emission.c.key.in_(keys)))) if keys else set()
            let_go = {(row.flow, row.what) for row in connection.execute(select(t.purge).where(t.purge.c.flow.in_({copy.flow for copy in copies})))}
            new = [copy for copy in copies if copy.key not in known and (copy.flow, part_of(copy.kind)) not in let_go]
            owe(connection, new)
            append(connection, events)
        return [copy.key for copy in new]

    def _waiting(self, state: EmissionState, limit: int, *only: ColumnElement[bool]) -> list[Emission]:
        found = select(t.emission).where(t.emission.c.state == state, *only)
        return self._emissions(found.order_by(t.emission.c.problem, t.emission.c.seq).limit(limit))

    def _emissions(self, query: object) -> list[Emission]:
        with self._read() as connection:
            return [emission_of(row) for row in connection.execute(query)]  # type: ignore[call-overload]


def owe(connection: Connection, emissions: Iterable[Emission]) -> None:
    """A closed flow that owes again, since one of its pieces was moved, is open until that is delivered."""
    flows: dict[str, _seal.Part] = {}

    def rows() -> Iterator[dict[str, object]]:
        for emission in emissions:
            if emission.flow not in flows:
                flows[emission.flow] = _seal.part(connection, emission.flow, "owed")
            row = _emission_row(emission)
            flows[emission.flow].add(_seal.emission(row))
            yield row

    fill(connection, t.emission, rows())
    if flows:
        connection.execute(update(t.flow).where(t.flow.c.id.in_(flows), t.flow.c.state == Plumbing.CLOSED), {"state": Plumbing.DECIDED})


def _emission_row(e: Emission) -> dict[str, object]:
    return {
        "key": e.key, "flow": e.flow, "ordinal": e.ordinal, "kind": e.kind, "target": e.target, "name": e.name, "sha256": e.sha256,
        "blob": e.blob, "offset": e.offset, "size": e.size, "state": e.state,
    }  # fmt: skip


def _change(connection: Connection, keys: Sequence[str], before: EmissionState, after: EmissionState, via: str | None = None) -> None:
    where = {} if via is None else {"via": via}
    for some in chunks(keys):
        connection.execute(
            update(t.emission).where(t.emission.c.key.in_(some), t.emission.c.state == before), {"state": after, "problem": "", **where}
        )
