"""
A file of the structure directory as rows of text: CSV in UTF-8 (with or without BOM) or cp1252, or the first sheet of an XLSX.

Whatever the file holds, memory is bounded by its longest line; a workbook is read by a child behind walls, which hands its rows over as CSV.
"""

import codecs
import csv
import errno
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from io import TextIOWrapper
from itertools import count
from pathlib import Path
from typing import BinaryIO, TextIO

from msgspec import Struct

from flux.faults import Fault
from flux.sandbox.workbook import MEMORY_BYTES, TOO_LARGE
from flux.when import day_of

FILE_MOST = 512 << 20      # bytes of the file; the portal's XLSX has 27 MB, its XML 200 (domain 7)
UNPACKED_MOST = 2 << 30    # bytes that the parts of a workbook may have together
LINE_MOST = 1 << 20        # characters
_CHUNK = 1 << 20
_DENIED = (-signal.SIGABRT, -signal.SIGKILL, -signal.SIGXCPU)  # how the child ends when it is denied more memory or time

Row = tuple[int, list[str]]  # its line in the file (in a workbook its row) from 1, its fields


class Sheet(Struct, frozen=True):
    """A file that is open: its rows, the hash of its bytes, and the day in Paris on which it was last changed."""

    rows: Iterator[Row]
    sha256: str
    changed: date


@contextmanager
def opened(path: Path) -> Iterator[Sheet]:
    """The rows of a file. Raises Fault FLX-I100 or FLX-I107, at once or while they are read."""
    with _readable(path) as file:
        try:
            sha256, encoding, size = _looked_through(file, path)
            changed = day_of(datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC))
            file.seek(0)
            zipped = file.read(4) == b"PK\x03\x04"
            file.seek(0)
        except OSError as error:
            raise Fault("FLX-I100", path=str(path), detail=error.strerror or str(error)) from error
        if not size:
            raise Fault("FLX-I100", path=str(path), detail="l. 1: —")
        with closing(_workbook(file, path) if zipped else _csv(file, encoding, path)) as rows:
            yield Sheet(rows, sha256, changed)


def _readable(path: Path) -> BinaryIO:
    """The file, open. A pipe is none: nobody waits for its writer."""
    if path.exists() and not path.is_file():
        raise Fault("FLX-I100", path=str(path), detail=os.strerror(errno.EINVAL))
    try:
        return path.open("rb")
    except OSError as error:
        raise Fault("FLX-I100", path=str(path), detail=error.strerror or str(error)) from error


def _looked_through(file: BinaryIO, path: Path) -> tuple[str, str, int]:
    """Hash, encoding and size of a file: UTF-8 when all of it is, else what Windows calls latin-1."""
    digest, decoder, encoding, size = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")(), "utf-8-sig", 0
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if size > FILE_MOST:
            raise Fault("FLX-I107", path=str(path), where=path.name, found=f"> {FILE_MOST}", expected=str(FILE_MOST))
        if encoding == "cp1252":
            continue
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            encoding = "cp1252"
    if encoding != "cp1252" and decoder.getstate()[0]:
        encoding = "cp1252"  # it ends in the middle of a sign
    return digest.hexdigest(), encoding, size


def _csv(file: BinaryIO, encoding: str, path: Path) -> Generator[Row, None, None]:
    """Rows with the line on which each ends; a row without any field is left out."""
    with TextIOWrapper(file, encoding, newline="") as text:
        reader = csv.reader(_lines(text, path), delimiter=";", strict=True)
        try:
            for row in reader:
                if row:
                    yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError, OSError) as error:
            raise Fault("FLX-I100", path=str(path), detail=f"l. {reader.line_num}: {error}") from error


def _lines(text: TextIO, path: Path) -> Iterator[str]:
    for number in count(1):
        line = text.readline(LINE_MOST)
        if not line:
            return
        if len(line) >= LINE_MOST:
            raise Fault("FLX-I107", path=str(path), where=f"l. {number}", found=f"> {LINE_MOST}", expected=str(LINE_MOST))
        yield line


def _workbook(file: BinaryIO, path: Path) -> Generator[Row, None, None]:
    """The rows that a child reads. A row whose every cell is empty is left out, and counted: lines are those that a spreadsheet shows."""
    with subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
        [sys.executable, "-I", "-m", "flux.sandbox.workbook", str(UNPACKED_MOST)], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"LANG": "C.UTF-8", "HOME": "/"}, cwd="/",
    ) as child:  # fmt: skip
        assert child.stdout is not None and child.stderr is not None, "both are pipes"  # noqa: S101, PT018 - asked for above
        last: Row | None = None  # held back: a child that is ended in the middle of a row leaves half of it
        try:
            with TextIOWrapper(child.stdout, "utf-8", newline="") as text:
                for row in _numbered(csv.reader(text, delimiter=";"), path):
                    if last is not None:
                        yield last
                    last = row
            said = child.stderr.read().decode("utf-8", "replace")
            child.wait()
        finally:
            if child.returncode is None:
                child.kill()  # nobody wants the rest
    if (status := child.returncode) == TOO_LARGE or status in _DENIED:
        most = UNPACKED_MOST if status == TOO_LARGE else MEMORY_BYTES
        raise Fault("FLX-I107", path=str(path), where="XLSX", found=f"> {most}", expected=str(most))
    if status:
        raise Fault("FLX-I100", path=str(path), detail=" ".join(said.split())[-300:] or f"exit {status}")
    if last is not None:
        yield last


def _numbered(rows: Iterable[list[str]], path: Path) -> Iterator[Row]:
    try:
        yield from ((number, row) for number, row in enumerate(rows, 1) if any(row))
    except csv.Error as error:
        raise Fault("FLX-I100", path=str(path), detail=str(error)) from error
