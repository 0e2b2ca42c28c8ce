"""
What a backup is on disk: a folder that several share.

``store/<two digits>/<sha256>`` holds every content once, whichever backups need it; ``backups/<instant>/`` is one backup: ``ledger.db``, ``files/`` (what
stands beside flux.toml), ``spool/`` (market files, structure directory, what other rooms keep there), ``claim/``, ``contents.txt``, and ``MANIFEST.json``
with the hash of each. A backup has its name only when all of it is durable; what begins with a dot is none.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from msgspec import Struct, ValidationError, convert, to_builtins

from flux.durable import COPY_BYTES, sync_file_system
from flux.faults import Fault

MANIFEST, CONTENTS, LEDGER = "MANIFEST.json", "contents.txt", "ledger.db"
POOL, BACKUPS = "store", "backups"
FORMAT = 1
GROUP = 500  # contents made durable with one sync


class Stamp(Struct, frozen=True):
    """A file of a backup."""

    sha256: str
    size: int


class Manifest(Struct, frozen=True):
    """
    What a backup says of itself. files: by path in it; contents: how many, and their bytes; lines, head: of the journal in its ledger.

    staged: keys in the staged folder after the ledger was copied. waiting: what stood in the inboxes. unread: claimed files that somebody still
    wrote. masked: settings whose values were left out, since they look like secrets.
    """

    format: int
    flux: str
    installation: str
    made_at: str
    lines: int
    head: str
    contents: int
    contents_bytes: int
    files: dict[str, Stamp]
    staged: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()

    def text(self) -> bytes:
        """As it is written: ASCII, so that a file name of any bytes comes back as it was."""
        return json.dumps(to_builtins(self), indent=1).encode("ascii")


class Backup(Struct, frozen=True):
    """A finished backup: its folder, the pool of contents beside it, its manifest."""

    path: Path
    pool: Path
    manifest: Manifest

    def contents(self) -> Iterator[tuple[str, int]]:
        """Every content that it needs: hash and size."""
        with (self.path / CONTENTS).open("r", encoding="ascii") as lines:
            for line in lines:
                sha256, size = line.split()
                yield sha256, int(size)


def finished(folder: Path) -> list[Backup]:
    """The backups of a folder, oldest first. Raises Fault when one cannot be read."""
    home = folder / BACKUPS
    paths = sorted(path for path in home.iterdir() if not path.name.startswith(".")) if home.is_dir() else []
    return [read(path) for path in paths]


def named(path: Path) -> Backup:
    """The backup at *path*, or the newest of the folder *path*. Raises Fault when there is none."""
    if (path / MANIFEST).is_file() and not path.name.startswith("."):
        return read(path)
    if not (found := finished(path)):
        raise Fault("FLX-I243", path=str(path))
    return found[-1]


def read(path: Path) -> Backup:
    """Raises Fault when it is no finished backup."""
    try:
        manifest = convert(json.loads((path / MANIFEST).read_bytes()), Manifest)
    except (OSError, ValueError, ValidationError) as error:
        raise Fault("FLX-I243", path=str(path)) from error
    if manifest.format != FORMAT:
        raise Fault("FLX-I243", path=str(path))
    return Backup(path, path.parent.parent / POOL, manifest)


def place(store: Path, sha256: str) -> Path:
    """Where a content stands in a store or a pool."""
    return store / sha256[:2] / sha256


def stamp(path: Path) -> Stamp:
    """The hash and the size of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(COPY_BYTES):
            digest.update(block)
            size += len(block)
    return Stamp(digest.hexdigest(), size)


def copied(source: Path, target: Path, *, link: bool = False) -> Stamp:
    """A copy of a file, hashed on the way; with *link* a second name of it where the file system has that, read to be hashed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if link:
        with suppress(OSError):
            os.link(source, target)
            return stamp(target)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as file, target.open("wb") as into:
        while block := file.read(COPY_BYTES):
            digest.update(block)
            into.write(block)
            size += len(block)
    return Stamp(digest.hexdigest(), size)


class Shelf:
    """
    Contents on their way into a store or a pool: a group is written, then durable, then named.

    A name that is there is trusted by the next backup, so it must not come before the bytes, whatever the power does. A context manager: what is
    left at its end is settled, unless it ends badly; then what has no name is thrown away by whoever comes next.
    """

    def __init__(self, store: Path, *, link: bool) -> None:
        self._store, self._link = store, link
        self._written: list[tuple[Path, Path]] = []
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in store.glob("*/.*"):
            left.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._settle()

    def add(self, source: Path, sha256: str) -> int:
        """A content, its bytes proven on the way; its size. Raises Fault when they are others."""
        target = place(self._store, sha256)
        scratch = target.with_name(f".{sha256}")
        found = copied(source, scratch, link=self._link)
        if found.sha256 != sha256:
            scratch.unlink()
            raise Fault("FLX-I55", blob=sha256)
        self._written.append((scratch, target))
        if len(self._written) >= GROUP:
            self._settle()
        return found.size

    def _settle(self) -> None:
        sync_file_system(self._store)
        for scratch, target in self._written:
            scratch.rename(target)
        sync_file_system(self._store)
        self._written.clear()


def removed(path: Path) -> None:
    """A folder and all that is in it."""
    shutil.rmtree(path, ignore_errors=True)


def told(backup: Backup) -> dict[str, Any]:
    """The object of ``flux backup --json``."""
    m = backup.manifest
    return {
        "backup": str(backup.path), "made_at": m.made_at, "installation": m.installation, "lines": m.lines, "head": m.head or None,
        "contents": m.contents, "bytes": m.contents_bytes, "files": len(m.files), "waiting": list(m.waiting), "masked": list(m.masked),
        "manifest": hashlib.sha256((backup.path / MANIFEST).read_bytes()).hexdigest(),
    }  # fmt: skip
