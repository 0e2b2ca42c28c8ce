"""
The backup of a living installation.

The order is the promise. Claimed files first: what is taken into custody meanwhile is in the ledger or in the copy of the claims, and in both does
no harm, since the id of a flow follows from its claim. Then the ledger, in one read of SQLite's own backup. Then the staged folder: what the copy
calls STAGED and is not there was published. Then every content that the copy needs: it was durable before the row that names it, and a purge waits.
"""

import os
import re
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct

from flux import config as settings
from flux import durable, folders
from flux.backup import _shape as shape
from flux.config import Config
from flux.faults import Fault
from flux.keeping import Keeper
from flux.stores.aside import PREFIX

PATIENCE_S = 5.0  # for a received file on its way from its claim into the store
OWN = ("tmp", "store", "claim", "staged", "fetch", "lock", "knock", "paused", "keep.lock")  # of the spool: copied in their own way, or of no use elsewhere
_SECRET = re.compile(r"""^(\s*[\w.-]*(?:password|passphrase|secret|token|api_?key)[\w.-]*\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE | re.MULTILINE)

LedgerOf = Callable[[Path], AbstractContextManager[Keeper]]


class Made(Struct, frozen=True):
    """A backup that was made. copied: contents that were not there yet, and their bytes; pruned: older backups that went."""

    backup: shape.Backup
    copied: int
    copied_bytes: int
    pruned: int = 0


def make(config: Config, target: Path, now: datetime, ledger_of: LedgerOf, *, link: bool = False, keep: int = 0) -> Made:
    """Back up into *target*, beside a daemon or without one. keep: how many backups stay, 0 for all. Raises Fault; then there is no new backup."""
    ledger = config.ledger_file
    if ledger is None:
        raise Fault("FLX-I241")
    if not ledger.exists():
        raise Fault("FLX-I21", path=str(ledger))
    _proven_target(config, target)
    with folders.alone(config):
        for folder in (target, target / shape.POOL, target / shape.BACKUPS):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = durable.lock(target / "lock")
        if fd is None:
            raise Fault("FLX-I248")
        try:
            for left in (target / shape.BACKUPS).glob(".*"):
                shape.removed(left)
            done = _made(config, ledger, target, now, ledger_of, link=link)
            return Made(done.backup, done.copied, done.copied_bytes, prune(target, keep) if keep else 0)
        finally:
            os.close(fd)


def _made(config: Config, ledger: Path, target: Path, now: datetime, ledger_of: LedgerOf, *, link: bool) -> Made:
    name = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    half = target / shape.BACKUPS / f".{name}"
    half.mkdir(mode=0o700)
    waiting = tuple(f"{p.name}/{os.fsdecode(path.name)}" for p in config.partners for path in _listed(config.inbox_of(p)))
    unread = tuple(_claims(config, half))
    _ledger(ledger, half / shape.LEDGER)
    staged = tuple(path.name for path in _listed(config.spool / "staged") if not path.name.startswith("."))
    masked = tuple(_files(config, half, ledger))
    with ledger_of(half / shape.LEDGER) as copy:
        contents, size, fresh, fresh_bytes = _contents(config, copy, half, target / shape.POOL, link=link)
        lines, head = copy.head()
    files = {path.relative_to(half).as_posix(): shape.stamp(path) for path in sorted(half.rglob("*")) if path.is_file()}
    manifest = shape.Manifest(
        shape.FORMAT, version("flux"), config.installation, now.astimezone(UTC).isoformat(timespec="seconds"), lines, head, contents, size, files,
        staged, waiting, unread, masked,
    )  # fmt: skip
    (half / shape.MANIFEST).write_bytes(manifest.text())
    durable.sync_file_system(target)
    durable.move(half, target / shape.BACKUPS / name)
    durable.sync_folder(target / shape.BACKUPS)
    return Made(shape.Backup(target / shape.BACKUPS / name, target / shape.POOL, manifest), fresh, fresh_bytes)


def _proven_target(config: Config, target: Path) -> None:
    """Raises Fault when the backup would lie in what it backs up, or among what flux delivers or takes."""
    wanted = target.resolve()
    for mine in (config.spool, *folders.shared(config)):
        if mine.resolve() in (wanted, *wanted.parents) or wanted in mine.resolve().parents:
            raise Fault("FLX-I242", path=str(target), detail=str(mine))


def _listed(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(path for path in folder.iterdir() if path.is_file())
    return []


def _claims(config: Config, half: Path) -> Iterator[str]:
    """
    The claimed files; gives those that somebody still writes, which are not taken into custody yet either. One that goes meanwhile is custody's.

    A copy must not have changed under our hands: a lease tells of writers only where the file is ours.
    """
    for path in sorted((config.spool / "claim").glob("*/*/*")):
        name = path.relative_to(config.spool / "claim")
        with suppress(FileNotFoundError):
            before = path.lstat()
            if not stat.S_ISREG(before.st_mode):
                continue
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                written = bool(durable.has_writer(fd))
            finally:
                os.close(fd)
            target = half / "claim" / name
            if not written:
                shape.copied(path, target)
                after = path.lstat()
                written = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
            if written:
                target.unlink(missing_ok=True)
                yield name.as_posix()


def _ledger(ledger: Path, copy: Path) -> None:
    """
    SQLite's own online backup, in one step: readers do not wait, and a writer in WAL does not either. The copy is one file, without a WAL.

    Opened for writing, since after a crash whoever comes first brings the WAL home; nothing else is written.
    """
    try:
        with closing(sqlite3.connect(f"{ledger.resolve().as_uri()}?mode=rw", uri=True, timeout=30)) as source, closing(sqlite3.connect(copy)) as into:
            source.backup(into)
            into.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise Fault("FLX-I27", detail=str(error)) from error


def _files(config: Config, half: Path, ledger: Path) -> Iterator[str]:
    """Configuration, market files, structure directory, and whatever else is kept in the spool; gives the settings that were masked."""
    for name in (settings.FILE, settings.MARKETS):
        if (source := config.root / name).is_file():
            text = source.read_text("utf-8-sig")
            for met in _SECRET.finditer(text):
                yield f"{name}: {met[1].partition('=')[0].strip()}"
            (half / "files").mkdir(exist_ok=True)
            (half / "files" / name).write_text(_SECRET.sub(r'\1"***"', text), "utf-8")
    skipped = {ledger.resolve().with_name(ledger.name + end) for end in ("", "-wal", "-shm", "-journal")}
    for path in sorted(config.spool.rglob("*")):
        kept = path.relative_to(config.spool)
        if kept.parts[0] in OWN or kept.parts[0].startswith(PREFIX) or kept.name.startswith(".") or not path.is_file() or path.is_symlink() or path.resolve() in skipped:
            continue
        with suppress(FileNotFoundError):
            shape.copied(path, half / "spool" / kept)


def _contents(config: Config, copy: Keeper, half: Path, pool: Path, *, link: bool) -> tuple[int, int, int, int]:
    """Every content that the copy needs, into the pool: how many and how large, and of these the new ones. Raises Fault when one is nowhere."""
    count = size = fresh = fresh_bytes = 0
    with (half / shape.CONTENTS).open("w", encoding="ascii") as lines, shape.Shelf(pool, link=link) as shelf:
        for sha256 in copy.wanted():
            target = shape.place(pool, sha256)
            if target.exists():
                found = target.stat().st_size
            else:
                found = _content(config, sha256, shelf)
                fresh, fresh_bytes = fresh + 1, fresh_bytes + found
            lines.write(f"{sha256} {found}\n")
            count, size = count + 1, size + found
    return count, size, fresh, fresh_bytes


def _content(config: Config, sha256: str, shelf: shape.Shelf) -> int:
    """
    From the store, or from its claim: the receipt is written while a file still stands there.

    Between the two it is on its way for an instant; after a crash, until the next start.
    """
    give_up = time.monotonic() + PATIENCE_S
    while True:
        with suppress(FileNotFoundError):
            return shelf.add(shape.place(config.spool / "store", sha256), sha256)
        for path in (config.spool / "claim").glob("*/*/*"):
            with suppress(FileNotFoundError):
                if shape.stamp(path).sha256 == sha256:
                    return shelf.add(path, sha256)
        if time.monotonic() > give_up:
            raise Fault("FLX-I247", sha256=sha256)
        time.sleep(0.05)


def prune(target: Path, keep: int) -> int:
    """Let only the newest backups stay, and of the contents those that one of them needs: how many went. First the backups, then what is left over."""
    found = shape.finished(target)
    old, stay = found[:-keep], found[-keep:]
    if not old:
        return 0
    for backup in old:
        hidden = backup.path.with_name(f".{backup.path.name}")
        backup.path.rename(hidden)
        durable.sync_folder(hidden.parent)
        shape.removed(hidden)
    needed = {sha256 for backup in stay for sha256, _ in backup.contents()}
    for path in (target / shape.POOL).glob("*/*"):
        if path.name not in needed:
            path.unlink()
    return len(old)


def told(made: Made) -> dict[str, object]:
    """The object of ``flux backup make --json``."""
    return {**shape.told(made.backup), "copied": made.copied, "copied_bytes": made.copied_bytes, "pruned": made.pruned}

