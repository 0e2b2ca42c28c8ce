"""What people read of the ledger: rows into values, and the lists behind ``flux flows``, ``flux show`` and ``flux piece``."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, TypeVar

import orjson
from msgspec import json
from sqlalchemy import Connection, func, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from flux.chunks import in_chunks
from flux.faults import Fault, Reason
from flux.model import Again, Emission, EmissionState, Event, Flow, FlowVerdict, Plumbing
from flux.piece import Actor
from flux.rows import FlowRow, PieceRow, Tally
from flux.stores import _schema as t
from flux.when import instant, moment, span_of


def actor_of(told: str) -> Actor | None:
    """``role:identifier`` as a value, None for ""."""
    role, _, id_ = told.partition(":")
    return Actor(role, id_) if told else None


def flow_of(row: Any) -> Flow:  # noqa: ANN401 - a database row
    """A flow row as the value that the loops hand around."""
    return Flow(
        id=row.id, partner=row.partner, name=row.name, sha256=row.sha256, size=row.size, received_at=instant(row.received_at),
        duplicate_of=row.duplicate_of, mode=row.mode, depositor=actor_of(row.depositor), attempt=row.attempt, fence=row.fence,
        again=json.decode(row.again, type=Again) if row.again else None,
    )  # fmt: skip


def emission_of(row: Any) -> Emission:  # noqa: ANN401 - a database row
    """An emission row as a value."""
    return Emission(
        key=row.key, flow=row.flow, ordinal=row.ordinal, kind=row.kind, target=row.target, name=row.name, sha256=row.sha256,
        blob=row.blob, offset=row.offset, size=row.size, state=EmissionState(row.state), problem=row.problem,
    )  # fmt: skip


IN = 500  # values in one IN (...): below every database's limit
T = TypeVar("T")


def chunks(values: Iterable[T], most: int = IN) -> Iterator[list[T]]:
    """As many at a time as one IN (...) takes."""
    return in_chunks(values, most)


READS = "flux_reads"  # the execution option that marks a transaction which only reads


_RIGHTS = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)


def known_trouble(error: DBAPIError) -> Fault | None:
    """What ails the ledger, where SQLite says so: no room, or no rights; neither is mended by a backup. None for anything else."""
    code, detail = getattr(error.orig, "sqlite_errorcode", None), str(error.orig)
    if code is None:
        return None
    if code & 0xFF == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE:
        return Fault("FLX-I87", detail=detail)
    return Fault("FLX-I88", detail=detail) if code & 0xFF in _RIGHTS else None


class Reading:
    """The reading half of the ledger: nothing here writes."""

    _engine: Engine

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """One transaction that only reads: it never waits for the writer's lock. Raises Fault when the ledger cannot be read."""
        try:
            with self._engine.connect().execution_options(**{READS: True}) as connection:
                yield connection
        except DBAPIError as error:
            raise known_trouble(error) or Fault("FLX-I27", detail=str(error.orig)) from error

    def decided_since(self, since: datetime) -> Tally:
        """What was decided from *since* on."""
        decided = select(t.flow.c.verdict, func.count().label("many")).where(t.flow.c.decided_at >= moment(since)).group_by(t.flow.c.verdict)
        with self._read() as connection:
            counts = {row.verdict: row.many for row in connection.execute(decided)}
        return Tally(sum(counts.values()), sum(n for verdict, n in counts.items() if verdict != FlowVerdict.INTEGRATED))

    def flows(self, *, partner: str = "", state: str = "", on: date | None = None, limit: int = 50) -> list[FlowRow]:
        """Newest first. *state* is a state of the plumbing or a flow verdict; *on* is a day in Europe/Paris."""
        query = select(t.flow).order_by(t.flow.c.seq.desc()).limit(limit)
        if partner:
            query = query.where(t.flow.c.partner == partner)
        if state in tuple(Plumbing):
            query = query.where(t.flow.c.state == state)
        elif state:
            query = query.where(t.flow.c.verdict.in_((state, "")) if state == FlowVerdict.NOT_EVALUATED else t.flow.c.verdict == state)
        if on:
            start, end = span_of(on)
            query = query.where(t.flow.c.received_at >= moment(start), t.flow.c.received_at < moment(end))
        with self._read() as connection:
            return [_flow_row(row) for row in connection.execute(query)]

    def flow(self, id_: str) -> FlowRow | None:
        """One flow; *id_* may be any part of an id that only one flow has."""
        with self._read() as connection:
            row = connection.execute(select(t.flow).where(t.flow.c.id == id_)).first()
        some = [_flow_row(row)] if row is not None else self.alike(id_, 2)
        return some[0] if len(some) == 1 else None

    def alike(self, part: str, limit: int) -> list[FlowRow]:
        """The flows whose id contains *part*, newest first."""
        like = select(t.flow.c.seq).where(t.flow.c.id.contains(part, autoescape=True))  # of the index of ids alone: the rows are wide
        query = select(t.flow).where(t.flow.c.seq.in_(like)).order_by(t.flow.c.seq.desc()).limit(limit)
        with self._read() as connection:
            return [_flow_row(row) for row in connection.execute(query)]

    def with_bytes(self, sha256: str) -> list[FlowRow]:
        """The flows that brought these bytes, whoever their partner, oldest first."""
        query = select(t.flow).where(t.flow.c.sha256 == sha256).order_by(t.flow.c.seq)
        with self._read() as connection:
            return [_flow_row(row) for row in connection.execute(query)]

    def pieces(self, *, flow: str = "", number: str = "") -> list[PieceRow]:
        """The pieces of a flow, or those with a number across flows, in order of reception."""
        query = select(t.piece, t.flow.c.received_at).join(t.flow, t.flow.c.id == t.piece.c.flow).order_by(t.flow.c.seq, t.piece.c.ordinal)
        if flow:
            query = query.where(t.piece.c.flow == flow)
        if number:
            query = query.where(t.piece.c.number == number)
        with self._read() as connection:
            return [
                PieceRow(r.flow, r.ordinal, r.number, r.cadre, r.supplier, r.verdict, instant(r.received_at), r.told)
                for r in connection.execute(query)
            ]

    def events(self, flow: str) -> list[Event]:
        """The journal of a flow, in order."""
        with self._read() as connection:
            rows = connection.execute(select(t.event).where(t.event.c.flow == flow).order_by(t.event.c.seq))
            return [Event(r.flow, r.what, instant(r.at), r.who, r.piece, r.detail, r.seq, r.before, r.hash, r.rows) for r in rows]

    def emissions(self, flow: str) -> list[Emission]:
        """What the flow owes and owed."""
        with self._read() as connection:
            return [emission_of(r) for r in connection.execute(select(t.emission).where(t.emission.c.flow == flow).order_by(t.emission.c.seq))]


def _flow_row(row: Any) -> FlowRow:  # noqa: ANN401 - a database row
    return FlowRow(
        flow=flow_of(row), state=Plumbing(row.state), verdict=row.verdict, interface=row.interface, syntax=row.syntax,
        reason=Reason(**orjson.loads(row.reason)) if row.reason else None,
        decided_at=instant(row.decided_at) if row.decided_at else None, pieces=row.pieces, accepted=row.accepted,
        findings=tuple(orjson.loads(row.told)), pack=row.pack,
    )  # fmt: skip
