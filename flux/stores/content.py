"""The content store: bytes in files named by their sha256, written once, never changed. Implements ``ports.ContentStore``."""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from flux.durable import COPY_BYTES, sync_files, sync_folders
from flux.faults import Fault


class FileStore:
    """
    ``store/<first two digits>/<sha256>`` beside ``tmp/``, on one file system.

    A file appears under its name only whole and synced. A name that exists already holds the same bytes, so that adding is idempotent.
    """

    def __init__(self, spool: Path) -> None:
        self._store, self._tmp = spool / "store", spool / "tmp"
        self._serial = 0

    def add(self, source: BinaryIO) -> tuple[str, int]:
        """Copy to the end, hash while copying. Durable on return. Gives (sha256 in hex, size in bytes)."""
        with self.scratch() as file:
            sha, size = _copy(source, file)
            self._settle([file], [sha])
        return sha, size

    def seal(self, files: Sequence[BinaryIO]) -> list[tuple[str, int] | OSError]:
        """Hash files that only flux can change, and make their bytes durable where they stand. Gives (sha256, size) of each, or why it cannot be read."""
        sealed = [_readable(file) for file in files]
        sync_files([file for file, found in zip(files, sealed, strict=True) if not isinstance(found, OSError)], self._tmp)
        return sealed

    def adopt(self, paths: Sequence[bytes], shas: Sequence[str]) -> None:
        """Take sealed files in, without copying: each is renamed to its hash. One that is gone was taken in before. Durable on return."""
        self._name(paths, shas, again=True)

    @contextmanager
    def scratch(self) -> Iterator[BinaryIO]:
        """A file that nobody sees, for somebody else to fill; keep() it, or it is gone at the end."""
        with self.scratches(1) as files:
            yield files[0]

    @contextmanager
    def scratches(self, count: int) -> Iterator[list[BinaryIO]]:
        """As many of them."""
        paths: list[Path] = []
        files: list[BinaryIO] = []
        try:
            for _ in range(count):
                self._serial += 1
                path = self._tmp / f"{os.getpid()}-{self._serial}"
                files.append(path.open("x+b"))
                paths.append(path)
            yield files
        finally:
            for file in files:
                with suppress(OSError):  # what somebody kept is synced: this is what a full disk has no room for
                    file.close()
            for path in paths:
                with suppress(FileNotFoundError):
                    path.unlink()

    def drawer(self) -> BinaryIO:
        """A file that nobody sees and that is gone when it is closed, unbuffered: for what memory has no room for."""
        return TemporaryFile(buffering=0, dir=self._tmp)

    def keep(self, scratch: BinaryIO) -> tuple[str, int]:
        """Hash what a scratch file holds and make it content. The hash is taken here: who filled it may be wrong."""
        return self.keep_all([scratch])[0]

    def keep_all(self, scratches: Sequence[BinaryIO]) -> list[tuple[str, int]]:
        """The same for a group: hash all, sync all, rename all, sync the folders."""
        for file in scratches:
            file.seek(0)
        found = [_digest(file) for file in scratches]
        self._settle(scratches, [sha for sha, _ in found])
        return found

    def open(self, sha256: str) -> BinaryIO:
        """The content, for reading. Raises Fault when it is missing."""
        try:
            return self._path(sha256).open("rb", buffering=0)
        except OSError as error:  # gone, unreadable, a bad sector: this content's own trouble, and none of its neighbours'
            raise Fault("FLX-I50", sha256=sha256, folder=str(self._path(sha256).parent)) from error

    def intact(self, sha256: str) -> bool:
        """Whether the content still has its hash: asked before anybody is told that what he sent is damaged."""
        with self.open(sha256) as file:
            return _digest(file)[0] == sha256

    def held(self) -> Iterator[list[tuple[str, int, float]]]:
        """Every content, folder by folder: sha256, bytes, and when it was last written. What has no such name is none of ours."""
        for folder in sorted(path for path in self._store.iterdir() if path.is_dir()):
            with os.scandir(folder) as entries:
                found = [(entry.name, entry.stat()) for entry in entries if re.fullmatch("[0-9a-f]{64}", entry.name)]
            yield [(name, stat.st_size, stat.st_mtime) for name, stat in found]

    def forget(self, shas: Sequence[str], before: float) -> tuple[int, int]:
        """
        Remove these contents; how many, and how many bytes that frees. One that was written since *before* (seconds of the epoch) is kept: somebody wants it again.

        Looking and removing exclude the rename by which content gets its name, so that nothing written meanwhile is ever taken for the old one.
        """
        count, freed, folders = 0, 0, set[Path]()
        with self._alone(fcntl.LOCK_EX):
            for path in map(self._path, shas):
                with suppress(FileNotFoundError):
                    found = path.stat()
                    if found.st_mtime < before:
                        path.unlink()
                        count, freed = count + 1, freed + found.st_size
                        folders.add(path.parent)
        sync_folders(folders)
        return count, freed

    @contextmanager
    def _alone(self, how: int) -> Iterator[None]:
        fd = os.open(self._store, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(fd, how)
            yield
        finally:
            os.close(fd)

    def clean(self) -> int:
        """At start, under the lock: throw away what a crash left half written. Returns how many files."""
        left = list(self._tmp.iterdir())
        for path in left:
            path.unlink(missing_ok=True)  # a deposit beside us may have ended meanwhile
        return len(left)

    def _path(self, sha256: str) -> Path:
        return self._store / sha256[:2] / sha256

    def _settle(self, files: Sequence[BinaryIO], names: Sequence[str]) -> None:
        """From scratch to content: sync what was written, then give each its name. The name is a promise, so it comes last."""
        sync_files(files, self._tmp)
        try:
            self._name([os.fsencode(file.name) for file in files], names)
        except FileNotFoundError as error:  # clean(), of a flux that starts beside us: what was promised is not there
            raise Fault("FLX-I66", detail=str(error)) from error

    def _name(self, paths: Sequence[bytes], names: Sequence[str], *, again: bool = False) -> None:
        """*again*: a path that is gone has its name already."""
        folders = {self._path(name).parent for name in names}
        if new := [folder for folder in folders if not folder.is_dir()]:
            for folder in new:
                folder.mkdir(exist_ok=True)
            sync_folders([self._store])
        with self._alone(fcntl.LOCK_SH):
            for path, name in zip(paths, names, strict=True):
                with suppress(*[FileNotFoundError] if again else []):
                    # Replacing is harmless: a file of this name has these bytes. It also mends one that rotted, and says that it is wanted again.
                    os.rename(path, self._path(name))  # noqa: PTH104 - a claimed file's path is bytes
        sync_folders(folders)


def _copy(source: BinaryIO, target: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while block := source.read(COPY_BYTES):
        digest.update(block)
        target.write(block)
        size += len(block)
    return digest.hexdigest(), size


def _readable(source: BinaryIO) -> tuple[str, int] | OSError:
    """A bad sector is one file's trouble, and none of its neighbours'."""
    try:
        return _digest(source)
    except OSError as error:
        return error


def _digest(source: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while block := source.read(COPY_BYTES):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size
