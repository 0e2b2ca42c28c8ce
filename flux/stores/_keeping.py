"""Custody in SQL: what was acknowledged and purged, and who still needs which content."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from heapq import merge
from itertools import groupby
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, and_, exists, insert, or_, select, update
from sqlalchemy.exc import DBAPIError

from flux.faults import Fault
from flux.keeping import CONTENT, RETURNS, TOLD
from flux.model import Emission, EmissionState, Event, FlowVerdict, Plumbing
from flux.owing import PIECE
from flux.rows import Purge
from flux.stores import _schema as t
from flux.stores import _seal
from flux.stores._chain import append
from flux.stores._reading import chunks, emission_of
from flux.stores._writing import Writing
from flux.when import instant, moment

SOME = 5000   # contents looked up at once
_STEP = 1000  # pages given back in one step: others write in between
KEPT = (  # of what was told of a piece: what it is and what became of it
    "ordinal", "document", "sha256", "number", "cadre", "mode", "deposit", "type", "issued", "currency", "supplier", "verdict", "next_actor", "next_id",
    "status_line", "amounts",
)  # fmt: skip


class Keeping(Writing):
    """The part of the ledger that knows what was let go."""

    # -- what is over ---------------------------------------------------------------------------------------------------------------------

    def acknowledge(self, flows: Sequence[str], who: str, reason: str, now: datetime) -> list[str]:
        """Those of these flows that were not acknowledged before are now: each with its line."""
        with self._write() as connection:
            known = set(connection.scalars(select(t.acknowledged.c.flow).where(t.acknowledged.c.flow.in_(flows))))
            new = [flow for flow in dict.fromkeys(flows) if flow not in known]
            for flow in new:
                row = {"flow": flow, "at": moment(now), "who": who, "reason": reason}
                connection.execute(insert(t.acknowledged), row)
                _seal.note(connection, flow, _seal.acknowledged(row))
            append(connection, [Event(flow, "acknowledged", now, who, detail=reason) for flow in new])
        return new

    def acknowledged(self, flow: str) -> tuple[datetime, str, str] | None:
        """When, by whom and why."""
        with self._read() as connection:
            row = connection.execute(select(t.acknowledged).where(t.acknowledged.c.flow == flow)).first()
        return (instant(row.at), row.who, row.reason) if row else None

    def ripe(self, what: str, verdicts: Sequence[str], until: datetime, finals: Sequence[str], limit: int) -> list[str]:
        """
        Closed flows of these verdicts, over before *until*, of which this was not purged yet and nothing forbids it; oldest first.

        A flow of which something was refused must be acknowledged, and no re-injection that was begun may still take it up. A flow of a dossier is
        over with it: when its every piece stands in one of *finals*, the last since before *until*.
        """
        mine, theirs = t.standing.alias(), t.standing.alias()
        young = exists().where(mine.c.flow == t.flow.c.id, theirs.c.first == mine.c.first, theirs.c.since >= moment(until))
        asked = (t.flow.c.verdict.in_(verdicts), t.flow.c.decided_at < moment(until), ~young, ~gone(t.flow.c.id, what))
        with self._read() as connection:
            return list(connection.scalars(select(t.flow.c.id).where(*_over(finals), *asked).order_by(t.flow.c.seq).limit(limit)))

    # -- letting go -----------------------------------------------------------------------------------------------------------------------

    def purge(self, flows: Sequence[str], what: Sequence[str], who: str, now: datetime, finals: Sequence[str] = ()) -> int:
        """
        Note that this is purged of these flows, and let go of what was told where that is asked: one transaction, before any content goes.

        A flow that somebody set going again since it was found ripe is left as it is. Gives how many were not.
        """
        with self._write() as connection:
            over = list(connection.scalars(select(t.flow.c.id).where(t.flow.c.id.in_(flows), *_over(finals)).order_by(t.flow.c.seq)))
            for flow in over:
                rows = [{"flow": flow, "what": one, "at": moment(now), "who": who, "sha256": ""} for one in what]
                left = []
                if TOLD in what:
                    rows[what.index(TOLD)]["sha256"] = _seal.told_hash(connection.scalar(select(t.flow.c.told).where(t.flow.c.id == flow)) or b"")
                    connection.execute(update(t.flow).where(t.flow.c.id == flow), {"told": b"[]"})
                    left = _shortened(connection, flow, rows[0])
                connection.execute(insert(t.purge), rows)
                _seal.note(connection, flow, _seal.purged(rows, left))
            append(connection, [Event(flow, "purged", now, who, detail=" ".join(what)) for flow in over])
        return len(over)

    def purged(self, flow: str) -> list[Purge]:
        """What was purged of a flow."""
        with self._read() as connection:
            rows = connection.execute(select(t.purge).where(t.purge.c.flow == flow).order_by(t.purge.c.what)).all()
        return [Purge(row.what, instant(row.at), row.who) for row in rows]

    def would_free(self, plan: Mapping[str, Sequence[str]]) -> list[str]:
        """The contents that nobody would need any more if this were purged: flows by what. It is done, looked at, and undone."""
        with self._write() as connection:
            rows = [{"flow": flow, "what": what, "at": "", "who": ""} for what, flows in plan.items() for flow in flows]
            if rows:
                connection.execute(insert(t.purge), rows)
            flows = sorted({flow for of in plan.values() for flow in of})
            shas: set[str] = set()
            for some in chunks(flows):
                shas |= set(connection.scalars(select(t.flow.c.sha256).where(t.flow.c.id.in_(some))))
                shas |= set(connection.scalars(select(t.emission.c.blob).where(t.emission.c.flow.in_(some)).distinct()))
            claimed = _claims(connection, sorted(shas))
            connection.rollback()
        return sorted(sha for sha in shas if not claimed.get(sha))

    def claims(self, shas: Sequence[str]) -> dict[str, bool]:
        """Those of these contents that rows refer to, and whether one of them still needs it."""
        with self._read() as connection:
            return _claims(connection, shas)

    def wanted(self) -> Iterator[str]:
        """Every content that some row needs, once, in the order of their hashes."""
        with self._read() as connection:
            corrected = _corrected(connection)
        yield from (sha for sha, _ in groupby(merge(self._referred_to(), sorted(corrected))))

    def _referred_to(self) -> Iterator[str]:
        """What flows and emissions need, some at a time: no writer's log grows while each is read and hashed."""
        after = ""
        while True:
            received = select(t.flow.c.sha256.label("sha")).where(t.flow.c.sha256 > after, ~gone(t.flow.c.id, CONTENT))
            owed = select(t.emission.c.blob.label("sha")).where(t.emission.c.blob > after, _still())
            with self._read() as connection:
                some = list(connection.scalars(received.union(owed).order_by("sha").limit(SOME)))
            yield from some
            if len(some) < SOME:
                return
            after = some[-1]

    def drop(self, shas: Sequence[str], forget: Callable[[Sequence[str]], tuple[int, int]]) -> tuple[int, int]:
        """Ask again which of these nobody needs, and have those forgotten, while no other transaction can come to need one."""
        with self._write() as connection:
            claimed = _claims(connection, shas)
            return forget([sha for sha in shas if not claimed.get(sha)])

    def rest(self) -> None:
        """While nothing waits: what commits have left in the log beside the database goes into it, so that none has to stop for that."""
        with self._raw() as raw:
            if raw is not None:
                raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def shrink(self) -> int | None:
        """Free pages go back, some at a time; None where the ledger was made before that was possible."""
        with self._raw() as raw:
            if raw is None or _asked(raw, "auto_vacuum") != 2:  # noqa: PLR2004 - SQLite's number for incremental
                return None
            before, free = _asked(raw, "page_count"), _asked(raw, "freelist_count")
            while free:
                raw.executescript(f"PRAGMA incremental_vacuum({_STEP})")  # execute() would take one step of it, hence one page
                free, last = _asked(raw, "freelist_count"), free
                if free >= last:
                    break
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            return (before - _asked(raw, "page_count")) * _asked(raw, "page_size")

    def vacuum(self) -> int:
        """Write the ledger anew, without its free pages; from then on shrink() does."""
        with self._raw() as raw:
            if raw is None:
                return 0
            before = _asked(raw, "page_count")
            raw.execute("PRAGMA auto_vacuum = INCREMENTAL")
            raw.execute("VACUUM")
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            return (before - _asked(raw, "page_count")) * _asked(raw, "page_size")

    @contextmanager
    def _raw(self) -> Iterator[sqlite3.Connection | None]:
        """SQLite itself, outside a transaction; None where the ledger is a server's."""
        try:
            with self._engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                yield raw if isinstance(raw, sqlite3.Connection) else None
        except (sqlite3.Error, DBAPIError) as error:
            raise Fault("FLX-I26", detail=str(error)) from error

    def owed_of(self, flow: str) -> list[Emission]:
        """What a flow owed, in order."""
        with self._read() as connection:
            return [emission_of(row) for row in connection.execute(select(t.emission).where(t.emission.c.flow == flow).order_by(t.emission.c.seq))]


def _over(finals: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    """
    Of a flow that nothing keeps open.

    It is closed, owes nothing, no re-injection that was begun wants it; it is acknowledged where something was refused (who gave it up looked at
    it); every dossier of its pieces has ended.
    """
    mine, theirs = t.standing.alias(), t.standing.alias()
    return (
        t.flow.c.state == Plumbing.CLOSED,
        ~exists().where(t.emission.c.flow == t.flow.c.id, t.emission.c.state != EmissionState.EMITTED),
        ~exists().where(t.reinjection_unit.c.parent == t.flow.c.id, _waits()),
        ~exists().where(mine.c.flow == t.flow.c.id, theirs.c.first == mine.c.first, theirs.c.status.not_in(finals)),
        or_(t.flow.c.verdict.in_((FlowVerdict.INTEGRATED, FlowVerdict.INCIDENT)), exists().where(t.acknowledged.c.flow == t.flow.c.id)),
    )


def _asked(raw: sqlite3.Connection, pragma: str) -> int:
    return int(raw.execute(f"PRAGMA {pragma}").fetchone()[0])


def gone(flow: Any, what: str) -> ColumnElement[bool]:  # noqa: ANN401 - a column
    """Whether this was purged of a flow."""
    return exists().where(t.purge.c.flow == flow, t.purge.c.what == what)


def _claims(connection: Connection, shas: Sequence[str]) -> dict[str, bool]:
    """
    Who refers to what, in one place.

    A receipt needs what was received until its content is purged; so does a piece that went out; every other emission until the returns of its
    flow are; and what is not delivered yet is needed whatever was purged.
    """
    found: dict[str, bool] = {}
    for some in chunks(shas):
        for sha, needed in _referred(connection, some):
            found[sha] = found.get(sha, False) or bool(needed)
    return found


def _referred(connection: Connection, shas: Sequence[str]) -> Iterator[tuple[str, bool]]:
    received = select(t.flow.c.sha256, (~gone(t.flow.c.id, CONTENT)).label("needed")).where(t.flow.c.sha256.in_(shas))
    owed = select(t.emission.c.blob, _still().label("needed")).where(t.emission.c.blob.in_(shas)).distinct()
    for query in (received, owed):
        yield from ((row[0], row.needed) for row in connection.execute(query))
    yield from ((sha, True) for sha in _corrected(connection) & set(shas))


def _corrected(connection: Connection) -> set[str]:
    """Corrected files that re-injections are still to take up: no row of a flow knows them yet."""
    unit = t.reinjection_unit.c
    over = exists().where(t.reinjection.c.id == unit.reinjection, t.reinjection.c.state.in_(("ABORTED", "DONE")))
    units = connection.scalars(select(unit.kept).where(unit.stage == "WAITS", unit.kept.contains('"corrected":{'), ~over))
    return {orjson.loads(kept)["corrected"]["sha256"] for kept in units}


def _waits() -> ColumnElement[bool]:
    """Whether a unit of a re-injection that was begun still waits."""
    unit = t.reinjection_unit.c
    return and_(unit.stage == "WAITS", exists().where(t.reinjection.c.id == unit.reinjection, t.reinjection.c.state.in_(("RUNNING", "PAUSED"))))


def _still() -> ColumnElement[bool]:
    """Whether an emission still needs its blob."""
    e = t.emission.c
    return or_(e.state != EmissionState.EMITTED, and_(e.kind == PIECE, ~gone(e.flow, CONTENT)), and_(e.kind != PIECE, ~gone(e.flow, RETURNS)))


def _shortened(connection: Connection, flow: str, row: Mapping[str, str]) -> list[tuple[int, str]]:
    """What was told of each piece, cut down to what it is and what became of it; with the hash of what stood there."""
    left = []
    for piece in connection.execute(select(t.piece.c.ordinal, t.piece.c.told).where(t.piece.c.flow == flow)).all():
        told = orjson.loads(piece.told)
        short = {name: value if name in KEPT else [] if isinstance(value, list) else None for name, value in told.items()}
        short["purged"] = {"at": row["at"], "who": row["who"], "sha256": _seal.told_hash(piece.told)}
        content = orjson.dumps(short)
        connection.execute(update(t.piece).where(t.piece.c.flow == flow, t.piece.c.ordinal == piece.ordinal), {"told": content})
        left.append((piece.ordinal, _seal.told_hash(content)))
    return left
