"""
The structure directory on disk: a snapshot an import, each an SQLite file of its own below ``spool/directory/``, never changed once it has its name.

``<kind>-<serial>-<day>.db``: kind structures or services, serial counted up by imports of that kind, day that of the extract. In force on a day
is the newest whose day is not after it, else the oldest (local: a directory that came late is better than none); of one day the last imported.
A snapshot is opened for each question and let go: the daemon holds none of it in memory, and needs no word when a new one is there.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from msgspec import Struct

from flux.faults import Fault
from flux.stores._directory_forms import STRUCTURES
from flux.structures import Directory, Service, Structure, Wanted

FOLDER = "directory"
KINDS = ("structures", "services")
SHAPE = 1       # PRAGMA user_version: of the tables below
CACHE_KIB = 256
SOME = 5        # codes that are told to a reader
DETAIL_MOST = 10_000  # services that ``flux directory show`` lists
_NAME = re.compile(r"(structures|services)-([0-9]{6,})-([0-9]{4}-[0-9]{2}-[0-9]{2})\.db")

FLAGS = ("edi_sender", "edi_receiver", "payment_status", "engagement", "service", "either", "moa", "moa_only", "active")
TEXTS = ("address", "address_2", "address_3", "postcode", "city", "telephone", "email", "country", "country_name")
COLUMNS = ("id", "type", "name", *FLAGS, *TEXTS)
assert len(COLUMNS) == len(STRUCTURES), "each column of the public form is kept"  # noqa: S101 - between two constants


class Snapshot(Struct, frozen=True):
    """One import. kind: structures or services; as_of: the day of the extract."""

    kind: str
    serial: int
    as_of: date
    path: Path


class About(Struct, frozen=True):
    """What a snapshot says of itself. source: the file's name; sha256: of its bytes; rows: in all; structures: to how many they belong."""

    source: str
    sha256: str
    imported_at: str
    rows: int
    structures: int


def snapshots(spool: Path) -> list[Snapshot]:
    """Every snapshot, in the order of kind and serial; none when nothing was ever imported. Raises Fault FLX-I108 when the system refuses."""
    folder = spool / FOLDER
    try:
        names = [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Fault("FLX-I108", path=str(folder), detail=error.strerror or str(error)) from error
    found = filter(None, (_snapshot(folder, name) for name in names))
    return sorted(found, key=lambda s: (s.kind, s.serial))


def _snapshot(folder: Path, name: str) -> Snapshot | None:
    """The snapshot of this name, None when it is that of something else."""
    if (met := _NAME.fullmatch(name)) is None:
        return None
    try:
        return Snapshot(met[1], int(met[2]), date.fromisoformat(met[3]), folder / name)
    except ValueError:  # a day that there is not
        return None


def in_force(found: Sequence[Snapshot], kind: str, on: date) -> Snapshot | None:
    """The snapshot of this kind that holds on a day; None when there is none of the kind."""
    of_kind = [snapshot for snapshot in found if snapshot.kind == kind]
    before = [snapshot for snapshot in of_kind if snapshot.as_of <= on]
    if before:
        return max(before, key=lambda s: (s.as_of, s.serial))
    return min(of_kind, key=lambda s: (s.as_of, -s.serial), default=None)


@contextmanager
def opened(snapshot: Snapshot) -> Iterator[sqlite3.Connection]:
    """A snapshot for reading. Raises Fault FLX-I108 when it is damaged or gone."""
    try:
        with closing(sqlite3.connect(f"{snapshot.path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            (shape,) = db.execute("PRAGMA user_version").fetchone()
            if shape != SHAPE:
                raise Fault("FLX-I108", path=str(snapshot.path), detail=f"user_version {shape}, {SHAPE}")
            yield db
    except sqlite3.Error as error:
        raise Fault("FLX-I108", path=str(snapshot.path), detail=str(error)) from error


def about(snapshot: Snapshot) -> About:
    """What it says of itself. Raises Fault FLX-I108."""
    with opened(snapshot) as db:
        told = dict(db.execute("SELECT name, value FROM about"))
    return About(told["source"], told["sha256"], told["imported_at"], int(told["rows"]), int(told["structures"]))


class Snapshots:
    """The lookup of an installation: ``structures.Lookup``. *among*: which of its snapshots there are, for a replay; every one of them, else."""

    def __init__(self, spool: Path, among: Callable[[], Sequence[Snapshot]] | None = None) -> None:
        self._found = among or (lambda: snapshots(spool))

    def __call__(self, wanted: Iterable[Wanted], on: date) -> Directory | None:
        """The structures asked for, as they are in force on a day; None when no structures were ever imported."""
        found = self._found()
        structures, services = in_force(found, "structures", on), in_force(found, "services", on)
        if structures is None:
            return None
        codes: dict[str, set[str]] = {}
        for siret, code in wanted:
            codes.setdefault(siret, set()).add(code)
        if not codes:
            return Directory(structures.as_of)
        with opened(structures) as db:
            rows = {siret: row for siret in codes if (row := db.execute(_STRUCTURE, (siret,)).fetchone())}
        told: dict[str, tuple[dict[str, Service], tuple[str, ...]]] = {}
        if services is not None:
            with opened(services) as db:
                told = {siret: _services(db, siret, codes[siret]) for siret in rows if db.execute(_TOLD, (siret,)).fetchone()}
        return Directory(structures.as_of, {siret: _structure(row, *told.get(siret, (None, ()))) for siret, row in rows.items()})


_RULED = ("active", "engagement", "service", "either", "moa", "moa_only")  # the flags that rules read
_STRUCTURE = f"SELECT id, name, {', '.join(_RULED)} FROM structure WHERE id = ? AND type = '1'"  # noqa: S608 - names of ours
_TOLD = "SELECT as_of FROM told WHERE id = ?"
_SERVICE = "SELECT code, label, active, engagement FROM service WHERE id = ? AND code = ?"


def _structure(row: Sequence[Any], services: dict[str, Service] | None, some: tuple[str, ...]) -> Structure:
    return Structure(row[0], row[1], **dict(zip(_RULED, map(bool, row[2:]), strict=True)), services=services, some=some)


def _services(db: sqlite3.Connection, siret: str, codes: Iterable[str]) -> tuple[dict[str, Service], tuple[str, ...]]:
    met = [row for code in codes if code and (row := db.execute(_SERVICE, (siret, code)).fetchone())]
    some = tuple(code for (code,) in db.execute("SELECT code FROM service WHERE id = ? AND active ORDER BY code LIMIT ?", (siret, SOME)))
    return {code: Service(code, label, bool(active), bool(engagement)) for code, label, active, engagement in met}, some


def detail(spool: Path, siret: str, on: date) -> dict[str, Any] | None:
    """Everything that is known of a SIRET on a day: each column, each service; None when no directory, or it is not in it."""
    found = snapshots(spool)
    structures, services = in_force(found, "structures", on), in_force(found, "services", on)
    if structures is None:
        return None
    with opened(structures) as db:
        row = db.execute(f"SELECT {', '.join(COLUMNS)} FROM structure WHERE id = ? AND type = '1'", (siret,)).fetchone()  # noqa: S608 - as above
    if row is None:
        return None
    whole = {name: bool(value) if name in FLAGS else value for name, value in zip(COLUMNS, row, strict=True)}
    whole |= {"as_of": structures.as_of.isoformat(), "services": None, "services_as_of": None}
    if services is not None:
        with opened(services) as db:
            if told := db.execute(_TOLD, (siret,)).fetchone():
                rows = db.execute("SELECT code, label, active, engagement FROM service WHERE id = ? ORDER BY code LIMIT ?", (siret, DETAIL_MOST))
                listed = [{"code": c, "label": label, "active": bool(a), "engagement": bool(e)} for c, label, a, e in rows]
                whole |= {"services": listed, "services_as_of": told[0]}
    return whole
