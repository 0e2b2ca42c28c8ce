"""
A child that reads one workbook: ``python -I -m flux.sandbox.workbook UNPACKED``, the bytes that all its parts together may have.

The file is its standard input; the first sheet comes as CSV on its standard output: values alone, no formula is kept or computed.

It stands behind the walls of every child: a spreadsheet can be made to ask for any memory (two cells far apart), and what reads it is a library
that ends the process then. The parent reads the exit status, and the reason on the standard error.
"""

import csv
import sys
import zipfile
import zlib
from datetime import date, time, timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from python_calamine import CalamineError, CalamineWorkbook

import flux
from flux.sandbox import _confine

UNREADABLE, TOO_LARGE = 3, 4  # exit statuses
MEMORY_BYTES, SECONDS = 2 << 30, 60
PARTS = 1_000
_CHUNK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError)  # RuntimeError: encrypted, or packed in a way it does not know

Cell = int | float | str | bool | time | date | timedelta


def main() -> None:
    """Read, write, end."""
    _confine.enter(0)
    _confine.grant(memory=MEMORY_BYTES, seconds=SECONDS, file_bytes=0)
    _confine.close([Path(flux.__file__).parent])
    source = sys.stdin.buffer
    try:
        _prove(source, int(sys.argv[1]))
        source.seek(0)
        _copy(source, sys.stdout.buffer)
    except MemoryError:
        sys.exit(TOO_LARGE)
    except (*_DAMAGED, CalamineError) as error:
        _end(UNREADABLE, f"{error}")


def _prove(source: BinaryIO, most: int) -> None:
    """Unpack every part to nowhere: what its directory says of sizes is not believed, and the checksums must come out."""
    unpacked = 0
    with zipfile.ZipFile(source) as archive:
        parts = archive.infolist()
        if len(parts) > PARTS:
            _end(UNREADABLE, f"zip: {len(parts)} > {PARTS}")
        for part in parts:
            with archive.open(part) as content:
                while chunk := content.read(_CHUNK):
                    unpacked += len(chunk)
                    if unpacked > most:
                        _end(TOO_LARGE, "")


def _copy(source: BinaryIO, sink: BinaryIO) -> None:
    """The first sheet, a row a row, from its first row and column on, so that a row has the number that a spreadsheet shows."""
    with CalamineWorkbook.from_filelike(source) as workbook, TextIOWrapper(sink, "utf-8", "backslashreplace", newline="") as text:
        sheet = workbook.get_sheet_by_index(0)
        above, before = sheet.start or (0, 0)
        writer = csv.writer(text, delimiter=";", lineterminator="\n")
        writer.writerows([] for _ in range(above))
        for row in sheet.iter_rows():
            writer.writerow([""] * before + [_told(cell) for cell in row])


def _told(cell: Cell) -> str:
    """A value as the CSV form has it. A SIRET that is kept as a number has its digits, not its leading zeros: those nobody can know."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _end(status: int, why: str) -> None:
    sys.stderr.write(why[:500])
    sys.exit(status)


if __name__ == "__main__":
    main()
