"""A content store beside another, for a rehearsal: what is asked for may lie in either, what is written is gone at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from flux.stores.content import FileStore


class Aside(FileStore):
    """The store in *spool* over the one beneath, which is only read."""

    def __init__(self, spool: Path, beneath: FileStore) -> None:
        super().__init__(spool)
        self._beneath = beneath

    def open(self, sha256: str) -> BinaryIO:
        """The content, for reading. Raises Fault when neither has it."""
        return super().open(sha256) if self._path(sha256).exists() else self._beneath.open(sha256)


@contextmanager
def aside(beneath: FileStore) -> Iterator[Aside]:
    """One for a while, in a folder of its own: a daemon that starts meanwhile looks through none but its own."""
    with TemporaryDirectory(prefix="flux-rehearsal-") as folder:
        for name in ("tmp", "store"):
            (Path(folder) / name).mkdir()
        yield Aside(Path(folder), beneath)
