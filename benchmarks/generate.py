"""
Deposits for measurements: as many valid and acceptable pieces as wanted, of a wanted size, from one template.

The pieces are UBL, cadre A6 (whose next actor needs no market file), built by the examples' own builders and made unique by their
invoice number. The same arguments give the same bytes.

    python benchmarks/generate.py archive OUT.tar.gz --pieces 1000 --kilobytes 5
    python benchmarks/generate.py singles FOLDER --pieces 500 --kilobytes 5
    python benchmarks/generate.py big OUT.xml --lines 10000
"""

import argparse
import gzip
import io
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "examples"))

from actors import ROAD
from documents import ubl_invoice
from packing import MOMENT
from papers import Paper, Work
from scenarios import ASPHALT, EARTH, SHELL, paper

INTERFACE = "FSO4100A"
PROFILE = "urn:cen.eu:en16931:2017"  # so that every rule of EN 16931 is asked
MARK = "N-000000-00000000"  # 17 of the 20 characters that a number may have
KILOBYTE = 1000
_ABOUT_A_LINE = 900  # bytes, to begin the search of the wanted size
_NOTE = 1000  # characters: a longer one breaks BR-FR-CPRO-42

WORKS = (*SHELL, *EARTH, *ASPHALT)


def flow_name(n: int, suffix: str) -> str:
    """The file name of the *n*-th flow of a measurement."""
    return f"{INTERFACE}_ABC001_ABC0014100{n:015d}{suffix}"


def unique(pieces: int, kilobytes: int, seed: int = 0) -> Iterator[bytes]:
    """*pieces* documents of about *kilobytes* kB (of 1,000 bytes). *seed* (0 to 999,999) and the ordinal make the invoice number."""
    before, _, after = ubl_invoice(_template(kilobytes * KILOBYTE), stylesheet="FSO1100A.xsl").partition(MARK.encode())
    for n in range(1, pieces + 1):
        yield before + _number(seed, n).encode() + after


def archive(path: Path, pieces: int, kilobytes: int, seed: int = 0) -> Path:
    """A tar.gz of *pieces* pieces. Returns *path*."""
    with path.open("wb") as raw:
        squeezed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0)
        with squeezed, tarfile.open(fileobj=squeezed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for n, content in enumerate(unique(pieces, kilobytes, seed), 1):
                row = tarfile.TarInfo(f"{_number(seed, n)}.xml")
                row.size, row.mtime = len(content), MOMENT
                tar.addfile(row, io.BytesIO(content))
    return path


def singles(folder: Path, count: int, kilobytes: int, seed: int = 0) -> list[Path]:
    """*count* flows of one piece each, below *folder*, which is made when absent. Returns their paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for n, content in enumerate(unique(count, kilobytes, seed), 1):
        made.append(folder / flow_name(seed * 1_000_000 + n, ".xml"))
        made[-1].write_bytes(content)
    return made


def big_invoice(path: Path, lines: int, seed: int = 0) -> Path:
    """One piece of *lines* lines, about 1.1 kB each: 10,000 lines are about 11 MB. Returns *path*."""
    one = paper(_number(seed, lines), "A6", ROAD, tuple(_works(lines, padding=_PADDING)), "2026-06-30")
    path.write_bytes(ubl_invoice(one, stylesheet="FSO1100A.xsl"))
    return path


_PADDING = ", y compris installation, implantation, contrôles, essais, repliement et toutes sujétions d'exécution ; " * 5


def _number(seed: int, n: int) -> str:
    return f"N-{seed:06d}-{n:08d}"


def _works(lines: int, padding: str = "") -> Iterator[Work]:
    for n in range(1, lines + 1):
        work = WORKS[n % len(WORKS)]
        yield replace(work, label=f"{n:05d} {work.label}{padding}", quantity=Decimal(n % 89 + 1))


def _template(size: int) -> Paper:
    """A paper whose document has about *size* bytes: as many lines as fit (one at least), and labels and a note that fill the rest."""
    one = replace(paper(MARK, "A6", ROAD, tuple(_works(1)), "2026-06-30"), profile=PROFILE)
    lines = max(1, 1 + (size - len(ubl_invoice(one))) // _ABOUT_A_LINE)
    while lines > 1 and len(ubl_invoice(replace(one, works=tuple(_works(lines))))) > size - 100:
        lines -= 1
    full = replace(one, works=tuple(_works(lines)))
    room = max(0, size - len(ubl_invoice(full, stylesheet="FSO1100A.xsl")) - len(" <cbc:Note></cbc:Note>\n"))
    each, rest = divmod(room, lines) if room > _NOTE else (0, room)
    return replace(full, works=tuple(_works(lines, padding=_filler(each))), note=_filler(rest).rstrip())


def _filler(size: int) -> str:
    return ("Situation de travaux du mois. " * (size // 30 + 1))[:size]


def main() -> None:
    """The command line."""
    asked = argparse.ArgumentParser(description="Deposits for measurements")
    asked.add_argument("kind", choices=("archive", "singles", "big"))
    asked.add_argument("path", type=Path)
    asked.add_argument("--pieces", type=int, default=1000)
    asked.add_argument("--kilobytes", type=int, default=5)
    asked.add_argument("--lines", type=int, default=10_000)
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()
    if given.kind == "archive":
        archive(given.path, given.pieces, given.kilobytes, given.seed)
    elif given.kind == "singles":
        singles(given.path, given.pieces, given.kilobytes, given.seed)
    else:
        big_invoice(given.path, given.lines, given.seed)
    print(given.path)


if __name__ == "__main__":
    main()
