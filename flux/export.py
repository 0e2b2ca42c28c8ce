"""Lists of pieces as files for a spreadsheet: CSV as French spreadsheets read it, XLSX. No cell is ever a formula."""

import csv
import re
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from flux.durable import put
from flux.words import Words

COLUMNS = (
    "received", "number", "cadre", "dossier", "market", "supplier", "recipient", "service", "engagement", "ht", "tva", "ttc", "net", "currency",
    "status", "label", "since", "waits_role", "waits_id", "piece",
)  # fmt: skip
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_AMOUNTS = ("ht", "tva", "ttc", "net")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of one


def write(pieces: Iterable[dict[str, Any]], to: Path, language: str) -> None:
    """Write *to*, whole or not at all; what it is is told by its ending, CSV where there is none that is known."""
    rows = [list(_cells(one, language)) for one in pieces]
    head = [Words(language)(f"column.{name}") for name in COLUMNS]
    save([head, *rows], to, [COLUMNS.index(name) for name in _AMOUNTS])


def save(rows: Iterable[Iterable[str]], to: Path, numbers: Collection[int] = ()) -> None:
    """Any rows, the first of them the heads, as *to* ends. numbers: columns, from 0, whose texts are decimals."""
    put(to, as_xlsx(rows, numbers) if to.suffix.lower() == ".xlsx" else as_csv(rows))


def as_csv(rows: Iterable[Iterable[str]]) -> bytes:
    """Semicolons, CRLF, and the mark by which a spreadsheet knows UTF-8."""
    text = StringIO()
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows([plain(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def as_xlsx(rows: Iterable[Iterable[str]], numbers: Collection[int] = ()) -> bytes:
    """A workbook of one sheet: every cell is a text but the amounts, whose column is one of *numbers*."""
    from openpyxl import Workbook  # late: it takes a third of a second

    book = Workbook()
    sheet = book.worksheets[0]
    for y, row in enumerate(rows, 1):
        for x, text in enumerate(row, 1):
            cell = sheet.cell(y, x, _shown(text))
            cell.data_type = "s"  # else what begins with = is a formula
            if y > 1 and x - 1 in numbers and text:
                cell.value = Decimal(text)
    sheet.freeze_panes = "A2"
    made = BytesIO()
    book.save(made)
    return made.getvalue()


def plain(cell: str) -> str:
    """A text that no spreadsheet computes: an apostrophe before what would begin a formula, unless it is a number."""
    number = cell.lstrip("+-").replace(".", "", 1)
    return f"'{cell}" if cell.startswith(_FORMULA) and not (cell[0] in "+-" and number.isascii() and number.isdigit()) else cell


def _shown(text: str) -> str:
    """What a workbook can hold of a text: no control characters."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def _cells(one: dict[str, Any], language: str) -> Iterator[str]:
    waits, amounts = one["waits"] or {}, one["amounts"]
    known = {
        **one, **amounts, "received": one["moves"][0]["at"], "supplier": one["supplier"]["id"], "recipient": one["recipient"]["id"],
        "label": one["label"][language], "waits_role": waits.get("role"), "waits_id": waits.get("id"),
    }  # fmt: skip
    for name in COLUMNS:
        yield str(known[name] or "")
