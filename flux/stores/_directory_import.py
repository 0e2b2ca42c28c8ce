"""
An import: a file of rows becomes a snapshot, whole or not at all.

The new file is written beside the others under a name that nobody reads, synced, and given its name by one rename that never replaces: the name
holds a serial, so that of two imports at once the second finds it taken and begins again on what the first made.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from tempfile import mkstemp

from msgspec import Struct

from flux import durable
from flux.faults import Fault
from flux.stores._directory_forms import FORMS, At, Values, form_of, read
from flux.stores._directory_rows import Row, Sheet, opened
from flux.stores.directory import COLUMNS, FLAGS, FOLDER, SHAPE, About, Snapshot, about, in_force, snapshots
from flux.when import day_of, moment

HALF = 2            # a new snapshot has at least one structure in so many of the former's
BEGUN = ".import-"  # how a snapshot is called while it is written
CACHE_KIB = 65_536
LEFT_S = 86_400     # what an import that was cut off left is removed after a day

_TYPED = ", ".join(f"{name} {'INTEGER' if name in FLAGS else 'TEXT'} NOT NULL" for name in COLUMNS)
_ABOUT = "CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
_TABLES = {
    "structures": f"{_ABOUT} CREATE TABLE structure ({_TYPED}, PRIMARY KEY (id, type)) WITHOUT ROWID;",
    "services": f"""{_ABOUT}
        CREATE TABLE service (id TEXT NOT NULL, code TEXT NOT NULL, label TEXT NOT NULL, active INTEGER NOT NULL, engagement INTEGER NOT NULL,
            PRIMARY KEY (id, code)) WITHOUT ROWID;
        CREATE TABLE told (id TEXT PRIMARY KEY, as_of TEXT NOT NULL) WITHOUT ROWID;""",
}
_INSERT = {
    "structures": f"INSERT INTO structure VALUES ({', '.join('?' * len(COLUMNS))})",  # noqa: S608 - a number of question marks
    "services": "INSERT INTO service VALUES (?, ?, ?, ?, ?)",
}
_ALL = {"structures": "SELECT count(*) FROM structure", "services": "SELECT count(*) FROM service"}
# What the former snapshot says of structures that this file does not name stays.
_CARRY = (
    "INSERT INTO service SELECT * FROM former.service WHERE id NOT IN (SELECT id FROM told)",
    "INSERT INTO told SELECT * FROM former.told WHERE id NOT IN (SELECT id FROM told)",
)


class Imported(Struct, frozen=True):
    """What an import did. rows: those of the file. fresh: False when this very file was imported for this very day before, and holds."""

    snapshot: Snapshot
    about: About
    rows: int
    fresh: bool = True


def take(spool: Path, path: Path, as_of: date | None, now: datetime, *, force: bool = False) -> Imported:
    """
    Import *path*. Raises Fault, and then nothing has changed.

    as_of: the day of the extract; None for the day in Paris on which the file was last changed. force: also when most of it is gone.
    """
    _sweep(spool / FOLDER, now)
    while True:
        with opened(path) as sheet, suppress(FileExistsError):  # another import was faster: once more, on what it made
            return _taken(spool, path, sheet, as_of or sheet.changed, now, force=force)


def _taken(spool: Path, path: Path, sheet: Sheet, as_of: date, now: datetime, *, force: bool) -> Imported:
    kind = _kind(sheet, path)
    found = snapshots(spool)
    _dated(kind, as_of, day_of(now), found)
    of_kind = [snapshot for snapshot in found if snapshot.kind == kind]
    former = in_force(found, kind, as_of)
    if former is not None and former.as_of == as_of and (known := about(former)).sha256 == sheet.sha256:
        return Imported(former, known, known.rows, fresh=False)
    serial = max((snapshot.serial for snapshot in of_kind), default=0) + 1
    snapshot = Snapshot(kind, serial, as_of, spool / FOLDER / f"{kind}-{serial:06d}-{as_of.isoformat()}.db")
    with _begun(spool / FOLDER) as scratch:
        with _written(scratch, snapshot.path) as db:
            db.executescript(_TABLES[kind])
            db.execute("BEGIN")
            db.executemany(_INSERT[kind], _values(kind, sheet.rows, path))
            rows, structures = _whole(db, kind, former, as_of, path, force=force)
            total = _count(db, _ALL[kind])
            known = About(path.name, sheet.sha256, moment(now), total, structures)
            told = {"source": known.source, "sha256": known.sha256, "imported_at": known.imported_at, "rows": str(total), "structures": str(structures)}
            db.executemany("INSERT INTO about VALUES (?, ?)", told.items())
            db.execute("COMMIT")
        _publish(scratch, snapshot.path)
    return Imported(snapshot, known, rows)


def _kind(sheet: Sheet, path: Path) -> str:
    line, header = next(sheet.rows, (1, []))
    return form_of(header, At(path, line))


def _dated(kind: str, as_of: date, today: date, found: list[Snapshot]) -> None:
    """Raises Fault for a day to come, and for services that are older than what is known: they are added up in the order of their days."""
    newest = max((snapshot.as_of for snapshot in found if snapshot.kind == kind), default=date.min) if kind == "services" else date.min
    if not newest <= as_of <= today:
        expected = f"≤ {today}" if newest == date.min else f"{newest} – {today}"
        raise Fault("FLX-I106", day=as_of.isoformat(), expected=expected)


def _values(kind: str, rows: Iterator[Row], path: Path) -> Iterator[Values]:
    """Row by row, each proven; a key that was met is told with its first line."""
    reading, met = read(kind), dict[Values, int]()
    for line, row in rows:
        values = reading(row, At(path, line))
        if (first := met.setdefault(values[:2], line)) != line:
            column = FORMS[kind][1]
            raise Fault("FLX-I103", path=str(path), line=str(line), column=column, found=" ".join(map(str, reversed(values[:2]))), first=str(first))
        yield values
    if not met:
        raise Fault("FLX-I100", path=str(path), detail="l. 2: —")


def _whole(db: sqlite3.Connection, kind: str, former: Snapshot | None, as_of: date, path: Path, *, force: bool) -> tuple[int, int]:
    """Raises Fault when most of what was there is gone. Gives the rows of the file, and of how many structures something is known then."""
    if kind == "structures":
        rows = structures = _count(db, _ALL[kind])
        before = about(former).rows if former is not None else 0
    else:
        rows, before = _count(db, _ALL[kind]), 0
        db.execute("INSERT INTO told SELECT DISTINCT id, ? FROM service", (as_of.isoformat(),))
        if former is not None:
            before = _carried(db, former)
        structures = _count(db, "SELECT count(*) FROM told")
    if rows * HALF < before and not force:
        raise Fault("FLX-I104", path=str(path), found=str(rows), former=str(before))
    return rows, structures


def _carried(db: sqlite3.Connection, former: Snapshot) -> int:
    """Take over what the former snapshot says of other structures. Gives how many services it had of those that the file names."""
    db.execute("COMMIT")  # nothing can be attached within a transaction
    db.execute("ATTACH ? AS former", (f"{former.path.absolute().as_uri()}?mode=ro&immutable=1",))
    db.execute("BEGIN")
    before = _count(db, "SELECT count(*) FROM former.service WHERE id IN (SELECT id FROM told)")
    for statement in _CARRY:
        db.execute(statement)
    return before


def _count(db: sqlite3.Connection, statement: str) -> int:
    count: int = db.execute(statement).fetchone()[0]
    return count


@contextmanager
def _begun(folder: Path) -> Iterator[Path]:
    """A file beside the snapshots, which is gone at the end unless it was given a name."""
    fd, name = mkstemp(prefix=BEGUN, dir=folder)
    os.close(fd)
    try:
        yield Path(name)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


@contextmanager
def _written(scratch: Path, target: Path) -> Iterator[sqlite3.Connection]:
    """The new database, without a journal of its own: until it has its name nobody reads it."""
    try:
        with closing(sqlite3.connect(scratch.absolute().as_uri(), uri=True, isolation_level=None)) as db:
            db.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{CACHE_KIB}; PRAGMA user_version = {SHAPE}")
            yield db
    except sqlite3.Error as error:
        raise Fault("FLX-I108", path=str(target), detail=str(error)) from error


def _publish(scratch: Path, target: Path) -> None:
    """Durable, then visible. Raises FileExistsError when another import has the serial."""
    with scratch.open("rb") as file:
        durable.sync_files([file], target.parent)
    durable.move(scratch, target)
    durable.sync_folder(target.parent)


def _sweep(folder: Path, now: datetime) -> None:
    for path in folder.glob(f"{BEGUN}*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < now.timestamp() - LEFT_S:
                path.unlink()
