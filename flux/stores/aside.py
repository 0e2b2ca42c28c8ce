"""A content store beside another, for a rehearsal: what is asked for may lie in either, what is written is gone at the end."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import BinaryIO

from flux.ports import ContentStore
from flux.stores.content import FileStore

PREFIX = "rehearsal-"
KEPT_S = 86_400.0


class Aside(FileStore):
    """The store in *spool* over the one beneath, which is only read."""

    def __init__(self, spool: Path, beneath: ContentStore) -> None:
        super().__init__(spool)
        self._beneath = beneath

    def open(self, sha256: str) -> BinaryIO:
        """The content, for reading. Raises Fault when neither has it."""
        return super().open(sha256) if self._path(sha256).exists() else self._beneath.open(sha256)


@contextmanager
def aside(beneath: ContentStore, spool: Path, now_s: float) -> Iterator[Aside]:
    """
    One for a while, in a folder of its own beside the store: an archive may unpack to gigabytes, which a /tmp in memory has not.

    What a kill left of an earlier one is removed after a day.
    """
    for left in spool.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if left.stat().st_mtime < now_s - KEPT_S:
                rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=PREFIX, dir=spool) as folder:
        yield laid(Path(folder), beneath)


def laid(folder: Path, beneath: ContentStore) -> Aside:
    """One in an empty folder that somebody else removes."""
    for name in ("tmp", "store"):
        (folder / name).mkdir()
    return Aside(folder, beneath)
