"""
The ledger in SQL: the truth of flux. Implements ``ports.Ledger`` through SQLAlchemy Core, on SQLite by default.

Each method that changes something is one transaction that holds the write lock from its first statement and is durable on return:
on SQLite WAL with synchronous FULL, proven at start (with NORMAL a power cut loses acknowledged work: reliability F7).
What people read is in ``_reading``.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import orjson
from msgspec.structs import asdict, replace
from sqlalchemy import Connection, create_engine, func, insert, select, update
from sqlalchemy import event as sa_event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import ArgumentError, DBAPIError

from flux.cause import Met
from flux.faults import Fault, Reason
from flux.model import STUCK, WENT_IN, Deposited, Emission, EmissionState, Event, Flow, Plumbing
from flux.ports import SUSPECT
from flux.rows import Journal, Moved, Outcome, Piled, Pressure
from flux.stores import _schema as t
from flux.stores import _seal
from flux.stores._audit import Auditing
from flux.stores._causes import Causes, Noted, note
from flux.stores._chain import append, walk
from flux.stores._custody import Custody
from flux.stores._doubts import Doubts
from flux.stores._emissions import Emissions, owe
from flux.stores._keeping import Keeping
from flux.stores._past import Past
from flux.stores._quarantines import Quarantines
from flux.stores._reading import READS, chunks, emission_of, flow_of, known_trouble
from flux.stores._reinjections import Reinjections
from flux.stores._runs import Runs
from flux.stores._standings import Standings, change_standings, overtaken, standing_row
from flux.stores._writing import fill, take_in
from flux.when import instant, moment

SHOWN = 3  # undeliverable emissions that are told with the count of them
LOG_PAGES = 8_000  # of 4 kB in the log beside a SQLite ledger, synced at each commit: from there on a commit stops to bring them home, else rest() does


class SqlLedger(Auditing, Causes, Custody, Doubts, Emissions, Keeping, Past, Quarantines, Reinjections, Runs, Standings):
    """The ledger behind a database URL. One writer: the daemon, under the installation's lock. Readers are many."""

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._engine = _engine(url)
        if self._engine.dialect.name == "sqlite":
            _tune_sqlite(self._engine, read_only=read_only)
        try:
            with self._engine.connect() as connection:
                self._prepare(connection, read_only=read_only)
        except DBAPIError as error:
            raise known_trouble(error) or Fault("FLX-I23", url=self._engine.url.render_as_string(), detail=str(error.orig)) from error

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    # -- custody and leases -----------------------------------------------------------------------------------------------------------

    def receive(self, flows: Sequence[Flow], events: Sequence[Event]) -> list[Flow]:
        """T1. A flow whose id is known is left as it is: a crash between custody and housekeeping brings it here again."""
        with self._write() as connection:
            ids = [flow.id for flow in flows]
            known = set(connection.scalars(select(t.flow.c.id).where(t.flow.c.id.in_(ids))))
            first = _firsts(connection, [(flow.partner, flow.sha256) for flow in flows])
            new = [replace(flow, duplicate_of=first.get((flow.partner, flow.sha256), "")) for flow in flows if flow.id not in known]
            if new:
                take_in(connection, new)
                fresh = {flow.id for flow in new}
                append(connection, [e for e in events if e.flow in fresh])
            return new

    def take(self, owner: str, limit: int, now: datetime, *, alone: bool = True) -> list[Flow]:
        """T2: the attempt is counted before the work, so that a crash counts too."""
        due = (t.flow.c.state == Plumbing.RECEIVED, t.flow.c.due_at <= moment(now))
        with self._write() as connection:
            rows = connection.execute(select(t.flow).where(*due).order_by(t.flow.c.seq).limit(limit)).all()
            rows = rows[:1] if alone and rows and _suspect(rows[0]) else list(takewhile(lambda row: not _suspect(row), rows))
            if not rows:
                return []
            connection.execute(
                update(t.flow)
                .where(t.flow.c.id.in_([row.id for row in rows]), *due)
                .values(state=Plumbing.PROCESSING, owner=owner, fence=t.flow.c.fence + 1, attempt=t.flow.c.attempt + 1)
            )
            return [replace(flow_of(row), fence=row.fence + 1, attempt=row.attempt + 1) for row in rows]

    def give_back(self, flows: Sequence[Flow]) -> None:
        """Leases that were not used: due at once, and the attempt does not count; only their present owner may."""
        with self._write() as connection:
            for flow in flows:
                connection.execute(_mine(flow), {"state": Plumbing.RECEIVED, "owner": "", "attempt": flow.attempt - 1})

    def release_leases(self, owner: str) -> int:
        """At start, under the installation's lock: nobody else can be at work, so every other lease is a dead one."""
        with self._write() as connection:
            done = connection.execute(
                update(t.flow).where(t.flow.c.state == Plumbing.PROCESSING, t.flow.c.owner != owner), {"state": Plumbing.RECEIVED, "owner": "", "reason": ""}
            )
            return done.rowcount

    def postpone(self, flow: Flow, until: datetime, reason: Reason, event: Event) -> None:
        """Give a flow back after a Fault; only its present owner may."""
        self._give_back(flow, {"state": Plumbing.RECEIVED, "due_at": moment(until)}, reason, event)

    def hold(self, flow: Flow, state: Plumbing, reason: Reason, event: Event) -> None:
        """HELD or QUARANTINED, until a person acts; only its present owner may."""
        self._give_back(flow, {"state": state}, reason, event, (Noted(flow.partner, flow.id, event.at, "", Met(0, reason.code, "", alone=True), ours=True),))

    def _give_back(self, flow: Flow, changes: dict[str, object], reason: Reason, event: Event, noted: Sequence[Noted] = ()) -> None:
        with self._write() as connection:
            row = {"owner": "", "reason": orjson.dumps(asdict(reason)).decode(), **changes}
            if connection.execute(_mine(flow), row).rowcount:
                append(connection, [event])
                note(connection, noted)

    # -- decisions --------------------------------------------------------------------------------------------------------------------

    def deposited(self, identities: Iterable[str]) -> dict[str, Deposited]:
        """Which of these identities an accepted piece already holds."""
        keys = sorted(set(identities))
        found: dict[str, Deposited] = {}
        with self._read() as connection:
            for some in chunks(keys):
                for row in connection.execute(select(t.identity).where(t.identity.c.key.in_(some))):
                    found[row.key] = Deposited(row.flow, row.ordinal, row.sha256, instant(row.at))
        return found

    def first_with(self, partner: str, sha256: str) -> str:
        """The id of the first flow in which this partner brought these bytes and of which something went in; "" when there is none."""
        with self._read() as connection:
            return _firsts(connection, [(partner, sha256)]).get((partner, sha256), "")

    def record(self, outcomes: Sequence[Outcome], now: datetime) -> dict[str, str]:
        """T3: one transaction for the group, each outcome whole or not at all, only under its fence."""
        refused: dict[str, str] = {}
        stand: list[Outcome] = []
        with self._write() as connection:
            held = _held(connection, (key for outcome in outcomes for key in outcome.identities))
            for outcome in outcomes:
                if lost := min(held & outcome.identities.keys(), default="") or overtaken(connection, outcome.moved):
                    refused[outcome.flow.id] = f"identity {lost}"
                elif not connection.execute(_mine(outcome.flow), _decided_row(outcome, now)).rowcount:
                    refused[outcome.flow.id] = "fence"
                else:
                    held |= outcome.identities.keys()
                    change_standings(connection, outcome.moved)  # at once: the next outcome may move the same piece
                    stand.append(outcome)
            _write_outcomes(connection, stand, now)
            note(connection, (Noted(one.flow.partner, one.flow.id, now, one.decision.pack, met) for one in stand for met in one.met))
        return refused

    # -- the life of a piece ----------------------------------------------------------------------------------------------------------

    def move(self, moved: Sequence[Moved], emissions: Sequence[Emission], events: Sequence[Event]) -> str:
        """An act, whole or not at all. Gives the piece that somebody moved meanwhile, "" when it is done."""
        with self._write() as connection:
            if late := overtaken(connection, moved):
                return late
            change_standings(connection, moved)
            owe(connection, emissions)
            append(connection, events)
        return ""

    def give_up(self, outcome: Outcome, now: datetime) -> bool:
        """End a flow that waits for a person: decided without an attempt, under no fence but its state. One that owes nothing is closed at once."""
        here = (t.flow.c.id == outcome.flow.id, t.flow.c.state.in_(STUCK))
        closed = {} if outcome.emissions else {"state": Plumbing.CLOSED}
        with self._write() as connection:
            if not connection.execute(update(t.flow).where(*here), {**_decided_row(outcome, now), **closed}).rowcount:
                return False
            change_standings(connection, outcome.moved)
            _write_outcomes(connection, [outcome], now)
        return True

    # -- the machine ------------------------------------------------------------------------------------------------------------------

    def next_due(self) -> datetime | None:
        """When the next postponed flow is due, if any waits."""
        with self._read() as connection:
            at = connection.scalar(select(func.min(t.flow.c.due_at)).where(t.flow.c.state == Plumbing.RECEIVED))
        return instant(at) if at else None

    def piled(self) -> Piled:
        """What stands where."""
        with self._read() as connection:
            states = connection.execute(select(t.flow.c.state, func.count().label("many")).group_by(t.flow.c.state)).all()
            owed = connection.scalar(select(func.count()).where(t.emission.c.state != EmissionState.EMITTED)) or 0
            dead = (t.emission.c.state != EmissionState.EMITTED, t.emission.c.problem != "")
            stuck = connection.scalar(select(func.count()).where(*dead)) or 0
            some = connection.execute(select(t.emission).where(*dead).order_by(t.emission.c.seq).limit(SHOWN)).all()
        return Piled({row.state: row.many for row in states}, owed, stuck, tuple(emission_of(row) for row in some))

    def pressure(self) -> Pressure:
        """What presses now, by the indexes over what is open alone."""
        undecided = (Plumbing.RECEIVED, Plumbing.PROCESSING)
        with self._read() as connection:
            at_work = t.flow.c.state.in_([state for state in Plumbing if state is not Plumbing.CLOSED])
            states = connection.execute(select(t.flow.c.state, func.count().label("many")).where(at_work).group_by(t.flow.c.state)).all()
            due = connection.scalar(select(func.min(t.flow.c.due_at)).where(t.flow.c.state.in_(undecided)))
            waiting = t.emission.c.state.in_((EmissionState.PENDING, EmissionState.STAGED))
            owed = connection.scalar(select(func.count()).where(waiting)) or 0
            stuck = connection.scalar(select(func.count()).where(waiting, t.emission.c.problem != "")) or 0
            some = connection.execute(select(t.emission).where(waiting, t.emission.c.problem != "").order_by(t.emission.c.seq).limit(SHOWN)).all()
            mails = connection.scalar(select(func.count()).select_from(t.run).where(t.run.c.mail == "owed", t.run.c.mail_problem != "")) or 0
        return Pressure({row.state: row.many for row in states}, instant(due) if due else None, owed, stuck, tuple(map(emission_of, some)), mails)

    def journal(self) -> Journal:
        """The journal, proven line by line."""
        return walk(self._read)

    def _prepare(self, connection: Connection, *, read_only: bool) -> None:
        if read_only:
            version = connection.scalar(select(t.meta.c.value).where(t.meta.c.key == "version"))
        else:
            t.metadata.create_all(connection, checkfirst=True)
            version = connection.scalar(select(t.meta.c.value).where(t.meta.c.key == "version"))
            for statement in t.APPEND_ONLY.get(self._engine.dialect.name, ()) if version != t.VERSION else ():
                connection.exec_driver_sql(statement)
            if version is None:
                connection.execute(insert(t.meta), {"key": "version", "value": t.VERSION})
                version = t.VERSION
            while version in t.UPGRADES:  # one transaction for all of them: a ledger is of one version or of another
                for statement in t.UPGRADES[version]:
                    connection.exec_driver_sql(statement)
                version = str(int(version) + 1)
                connection.execute(update(t.meta).where(t.meta.c.key == "version"), {"value": version})
            connection.commit()
        if version != t.VERSION:
            raise Fault("FLX-I24", found=str(version), expected=t.VERSION)


def unborn(path: Path) -> bool:
    """Whether there is no ledger at this path yet: no file, or one that holds no table, since the flux that makes it is at it right now."""
    if not path.exists():
        return True
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("PRAGMA schema_version").fetchone()[0] == 0)
    except sqlite3.Error:  # what ails it is told by whoever opens it
        return False


def _engine(url: str) -> Engine:
    """The engine for a database URL. Raises Fault for one that cannot be understood, and where the database's driver is missing."""
    try:
        return create_engine(url)
    except ImportError as error:
        raise Fault("FLX-I83", driver=error.name or str(error)) from error
    except (ArgumentError, ValueError) as error:  # the URL itself is not told: it may hold a password
        raise Fault("FLX-I82", detail=str(error).partition("\n")[0]) from error


def _tune_sqlite(engine: Engine, *, read_only: bool) -> None:
    """WAL, synchronous FULL, one writer at a time; refuses to go on when the database will not have it."""

    @sa_event.listens_for(engine, "connect")
    def connected(raw, _record) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        raw.isolation_level = None  # transactions are begun by us, below: the driver would begin them deferred
        raw.execute("PRAGMA busy_timeout = 30000")
        if not read_only:
            raw.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a ledger that is only being made: what a purge frees can be given back
        raw.execute("PRAGMA foreign_keys = ON")
        if read_only:
            raw.execute("PRAGMA query_only = ON")
            return
        mode = raw.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        full = raw.execute("PRAGMA synchronous").fetchone()[0]
        if mode != "wal" or full != 2:  # noqa: PLR2004 - SQLite's number for FULL
            raise Fault("FLX-I25", mode=str(mode), synchronous=str(full))

    @sa_event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        reads = read_only or connection.get_execution_options().get(READS)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _firsts(connection: Connection, brought: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """
    The first flow in which a partner brought these bytes (partner, sha256) and of which something went in, where there is one.

    What was refused may be sent again under a better name or when a limit was raised, and what is held was answered nothing: no duplicates.
    """
    wanted = set(brought)
    with_bytes = select(t.flow.c.partner, t.flow.c.sha256, t.flow.c.id).where(t.flow.c.sha256.in_({sha256 for _, sha256 in wanted}), t.flow.c.verdict.in_(WENT_IN))
    newest_first = connection.execute(with_bytes.order_by(t.flow.c.seq.desc()))
    return {(row.partner, row.sha256): row.id for row in newest_first if (row.partner, row.sha256) in wanted}


def _suspect(row: Any) -> bool:  # noqa: ANN401 - a database row
    """Whether its last attempts never came to an end, as far as the ledger knows: one that came to an end left its reason."""
    return bool(row.attempt >= SUSPECT and not row.reason)


def _mine(flow: Flow):  # type: ignore[no-untyped-def]  # noqa: ANN202 - SQLAlchemy's own type says no more
    """The update that only the present owner's fence allows."""
    return update(t.flow).where(t.flow.c.id == flow.id, t.flow.c.state == Plumbing.PROCESSING, t.flow.c.fence == flow.fence)


def _decided_row(outcome: Outcome, now: datetime) -> dict[str, object]:
    decision = outcome.decision
    return {
        "state": Plumbing.DECIDED, "owner": "", "reason": "", "verdict": decision.verdict, "interface": decision.interface,
        "syntax": decision.syntax, "pack": decision.pack, "decided_at": moment(now), "told": outcome.told_flow,
        "pieces": len(decision.pieces), "accepted": decision.accepted,
    }  # fmt: skip


def _held(connection: Connection, identities: Iterable[str]) -> set[str]:
    """Those of these identities that an accepted piece holds."""
    keys = sorted(identities)
    return {key for some in chunks(keys) for key in connection.scalars(select(t.identity.c.key).where(t.identity.c.key.in_(some)))}


def _write_outcomes(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """
    What stands, each table once for the whole group: a statement a flow costs more than its rows. Their lines of the journal seal it.

    Rows are made as they are written, and sealed by the way: of a flow of 10,000 pieces they would be forty megabytes.
    """
    for outcome in outcomes:
        _seal.note(connection, outcome.flow.id, _seal.decided(_decided_row(outcome, now), _seal.told_hash(outcome.told_flow)))
    fill(connection, t.piece, (row for outcome in outcomes for row in _pieces(outcome, _seal.part(connection, outcome.flow.id, "pieces"))))
    fill(connection, t.identity, (row for outcome in outcomes for row in _identities(outcome, now, _seal.part(connection, outcome.flow.id, "identities"))))
    fill(connection, t.standing, (row for outcome in outcomes for row in _standings(outcome, _seal.part(connection, outcome.flow.id, "standings"))))
    owe(connection, (emission for outcome in outcomes for emission in outcome.emissions))
    append(connection, [event for outcome in outcomes for event in outcome.events])


def _pieces(outcome: Outcome, sealed: _seal.Part) -> Iterator[dict[str, object]]:
    for d, told in zip(outcome.decision.pieces, outcome.told, strict=True):  # by ordinal, as they are sealed
        row = {"flow": outcome.flow.id, "ordinal": d.piece.ordinal, "number": d.piece.number, "cadre": d.piece.cadre, "supplier": d.piece.supplier.id,
               "verdict": d.verdict.kind, "told": told}  # fmt: skip
        sealed.add(_seal.piece(row, _seal.told_hash(told)))
        yield row


def _identities(outcome: Outcome, now: datetime, sealed: _seal.Part) -> Iterator[dict[str, object]]:
    shas, at = {d.piece.ordinal: d.sha256 for d in outcome.decision.pieces}, moment(now)
    for key, n in sorted(outcome.identities.items()):  # as they are sealed
        row = {"key": key, "flow": outcome.flow.id, "ordinal": n, "sha256": shas[n], "at": at}
        sealed.add(_seal.identity(row))
        yield row


def _standings(outcome: Outcome, sealed: _seal.Part) -> Iterator[dict[str, object]]:
    for one in outcome.standings:  # by ordinal, as they are sealed
        sealed.add(_seal.standing(one))
        yield standing_row(one)
