"""Whether a backup would give back what was backed up: every file and content against its hash, the ledger in itself and against its journal."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

from msgspec import Struct

from flux.backup import _shape as shape
from flux.faults import Fault
from flux.keeping import Keeper

LedgerOf = Callable[[Path], AbstractContextManager[Keeper]]


class Checked(Struct, frozen=True):
    """What a verification found. wrong: in words that name a file, a content or a table."""

    backup: shape.Backup
    contents: int
    wrong: tuple[str, ...]


def check(source: Path, ledger_of: LedgerOf) -> Checked:
    """The backup at *source*, or the newest of that folder. Raises Fault when there is none."""
    backup = shape.named(source)
    contents, missing = dict(_listed(backup)), list(_files(backup))
    wrong = [*missing, *_contents(backup, contents)]
    if not any(name == shape.LEDGER for name in missing):
        wrong += _ledger(backup, contents, ledger_of)
    return Checked(backup, len(contents), tuple(wrong))


def _listed(backup: shape.Backup) -> Iterator[tuple[str, int]]:
    try:
        yield from backup.contents()
    except (OSError, ValueError):  # told as a file that is not what it was
        return


def _files(backup: shape.Backup) -> Iterator[str]:
    names = {path.relative_to(backup.path).as_posix() for path in backup.path.rglob("*") if path.is_file()} - {shape.MANIFEST}
    yield from sorted(names ^ backup.manifest.files.keys())
    for name in sorted(names & backup.manifest.files.keys()):
        if _stamp(backup.path / name) != backup.manifest.files[name]:
            yield name


def _stamp(path: Path) -> shape.Stamp | None:
    try:
        return shape.stamp(path)
    except OSError:
        return None


def _contents(backup: shape.Backup, contents: dict[str, int]) -> Iterator[str]:
    for sha256, size in contents.items():
        if _stamp(shape.place(backup.pool, sha256)) != shape.Stamp(sha256, size):
            yield f"{shape.POOL}/{sha256}"


def _ledger(backup: shape.Backup, contents: dict[str, int], ledger_of: LedgerOf) -> Iterator[str]:
    """The database itself, its journal to the head that the manifest names, its rows, and that no content which it needs is missing."""
    path, manifest = backup.path / shape.LEDGER, backup.manifest
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as raw:
            (said,) = raw.execute("PRAGMA integrity_check").fetchone()
        if said != "ok":
            yield f"{shape.LEDGER}: {said}"
            return
        with ledger_of(path) as ledger:
            found = ledger.audit(manifest.head)
            if found.journal.head != manifest.head or found.journal.broken is not None:
                yield f"{shape.LEDGER}: {found.journal.head} ≠ {manifest.head}"
            yield from (f"{shape.LEDGER}: {one.table} {one.row} ({one.why})" for one in found.troubles)
            yield from (f"{shape.CONTENTS}: {sha256}" for sha256 in ledger.wanted() if sha256 not in contents)
    except (sqlite3.Error, Fault) as error:
        yield f"{shape.LEDGER}: {error}"
