"""
The market file as a workbook. Sheets and columns are found by their names, wherever they stand.

Its size is proven before anything parses it, and its cells are streamed: what a person never writes by hand (a million rows, merged plains,
entities) costs nothing.
"""

import warnings
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from zipfile import BadZipFile, ZipFile

from lxml.etree import LxmlError
from openpyxl import load_workbook
from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from flux.faults import Fault
from flux.marketfile._form import Cell, Form, Row
from flux.tables import Tables
from flux.tables._reading import Text

MOST_EXPANDED = 16 << 20  # bytes that the workbook may unpack to
MOST_MEMBERS = 200
MOST_ROWS = 2_000         # of one sheet that say something
MOST_COLUMNS = 30         # that are looked at
LAST_ROW = 1 << 20        # of any sheet, as spreadsheets have it
# What openpyxl and what it stands on give for a file that is no workbook: it has no exception of its own for most of them.
_BROKEN = (
    ArithmeticError, AssertionError, AttributeError, BadZipFile, EOFError, InvalidFileException, LookupError, LxmlError, OSError, RuntimeError,
    StopIteration, SyntaxError, TypeError, ValueError, zlib.error,
)  # fmt: skip


def form(content: bytes, name: str, tables: Tables, faults: list[Fault]) -> Form | None:
    """The form in a workbook, None when it is none; what is wrong goes to *faults*."""
    try:
        if (bounds := _bounds(content, name)) is not None:
            faults.append(bounds)
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what openpyxl does not support (drawings, extensions of Excel) is not read here
            book = load_workbook(BytesIO(content), read_only=True, keep_links=False)
            sheets = {_key(sheet): list(_lines(book[sheet], sheet, faults)) for sheet in book.sheetnames if _wanted(sheet, tables)}
    except Fault as fault:
        faults.append(fault)
        return None
    except _BROKEN as error:
        faults.append(Fault("FLX-I111", path=name, detail=f"{type(error).__name__}: {error}"))
        return None
    found: dict[str, tuple[str, list[list[Cell]]]] = {}
    for sheet, text in tables.market.sheets.items():
        lines = next((sheets[_key(title)] for title in (text.fr, text.en) if _key(title) in sheets), None)
        if lines is None:
            faults.append(Fault("FLX-I113", path=name, sheet=f"{text.fr} / {text.en}", known=", ".join(book.sheetnames)))
        else:
            found[sheet] = (_title(text, book.sheetnames), lines)
    if len(found) < len(tables.market.sheets):
        return None
    names = {sheet: {field: f"{row.fr} / {row.en}" for field, row in fields.items()} for sheet, fields in tables.market.fields.items()}
    market = _down(*found["market"], tables, faults)
    actors, references = (list(_across(*found[sheet], sheet, tables, faults)) for sheet in ("actors", "references"))
    return Form(market, actors, references, short=False, names=names)


def _bounds(content: bytes, name: str) -> Fault | None:
    """Why the workbook is not opened. A member cannot unpack to more than the directory says: zipfile stops there."""
    with ZipFile(BytesIO(content)) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            return Fault("FLX-I112", path=name, found=str(len(members)), expected=f"≤ {MOST_MEMBERS}")
        if (size := sum(member.file_size for member in members)) > MOST_EXPANDED:
            return Fault("FLX-I112", path=name, found=f"{size >> 20} MiB", expected=f"≤ {MOST_EXPANDED >> 20} MiB")
        for member in members:
            if b"<!DOCTYPE" in archive.read(member).replace(b"\0", b"").upper():  # in UTF-16 too: no workbook has one
                return Fault("FLX-I111", path=name, detail=f"{member.filename}: <!DOCTYPE")
    return None


def _wanted(sheet: str, tables: Tables) -> bool:
    return any(_key(sheet) in (_key(text.fr), _key(text.en)) for text in tables.market.sheets.values())


def _title(text: Text, sheets: list[str]) -> str:
    return next(sheet for sheet in sheets if _key(sheet) in (_key(text.fr), _key(text.en)))


def _lines(sheet: Any, title: str, faults: list[Fault]) -> Iterator[list[Cell]]:  # noqa: ANN401 - openpyxl has no types
    """The rows of a sheet in which something stands, as cells that hold something. A formula is told: what it gives nobody has agreed to."""
    count, blank = 0, None
    for row in sheet.iter_rows(max_row=LAST_ROW, max_col=MOST_COLUMNS):
        if row is blank:
            continue  # openpyxl gives the same one for every row that is not there, and some programs write the last of a million
        cells = [cell for cell in row if isinstance(cell, ReadOnlyCell) and cell.value is not None and str(cell.value).strip()]
        if not cells:
            blank = row
            continue
        count += 1
        if count > MOST_ROWS:
            raise Fault("FLX-I112", path=title, found=f"> {MOST_ROWS}", expected=f"≤ {MOST_ROWS}")
        line = []
        for cell in cells:
            where = f"{title}!{get_column_letter(cell.column)}{cell.row}"
            if cell.data_type in ("f", "e"):
                faults.append(Fault("FLX-I115", where=where, value=str(cell.value)))
            else:
                line.append(Cell(_value(cell.value), where))
        yield line


def _value(value: object) -> object:
    """A figure as text: a spreadsheet makes one of every SIRET that is not told to be text."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | float) else value


def _down(title: str, lines: list[list[Cell]], tables: Tables, faults: list[Fault]) -> Row:
    """The sheet of the market: a field a row, its name in the first cell and its value beside it."""
    cells: dict[str, list[Cell]] = {}
    names = _names("market", tables)
    for line in lines:
        if not line:
            continue
        name, beside = _key(str(line[0].value)), [cell for cell in line[1:] if _column(cell) == _column(line[0]) + 1]
        if names.get(name) in cells:
            faults.append(Fault("FLX-I120", where=line[0].where, value=_first_line(line[0])))
        elif name in names:
            cells[names[name]] = beside or [Cell(None, _beside(line[0]))]
        elif beside:
            faults.append(_unknown(line[0], "market", tables))
    return Row(title, cells)


def _across(title: str, lines: list[list[Cell]], sheet: str, tables: Tables, faults: list[Fault]) -> Iterator[Row]:
    """A sheet of rows: the first names the columns, and a field that has several has a number behind its name."""
    names, heads = _names(sheet, tables), lines[0] if lines else []
    columns: dict[int, str] = {}
    for head in heads:
        if (field := names.get(_key(str(head.value)).rstrip(" 0123456789"))) is None:
            faults.append(_unknown(head, sheet, tables))
        elif field in columns.values() and tables.market.fields[sheet][field].columns == 1:
            faults.append(Fault("FLX-I120", where=head.where, value=_first_line(head)))
        else:
            columns[_column(head)] = field
    for field, row in tables.market.fields[sheet].items():
        if row.needed and field not in columns.values():
            faults.append(Fault("FLX-I116", where=heads[0].where if heads else title, name=f"{row.fr} / {row.en}"))
    for line in lines[1:]:
        if not line:
            continue
        cells: dict[str, list[Cell]] = {}
        for cell in line:
            if (name := columns.get(_column(cell))) is not None:
                cells.setdefault(name, []).append(cell)
            elif _column(cell) not in {_column(head) for head in heads}:
                faults.append(Fault("FLX-I114", where=cell.where, name=str(cell.value), known=_known(sheet, tables)))
        if cells:
            yield Row(line[0].where, cells)


def _names(sheet: str, tables: Tables) -> dict[str, str]:
    """What a field may be called: in French, in English, or as in TOML."""
    fields = tables.market.fields[sheet].items()
    return {_key(name): field for field, row in fields for name in (row.fr, row.en, field)}


def _unknown(cell: Cell, sheet: str, tables: Tables) -> Fault:
    return Fault("FLX-I114", where=cell.where, name=_first_line(cell), known=_known(sheet, tables))


def _first_line(cell: Cell) -> str:
    return str(cell.value).strip().partition("\n")[0]


def _known(sheet: str, tables: Tables) -> str:
    return ", ".join(f"{row.fr} / {row.en}" for row in tables.market.fields[sheet].values())


def _key(text: str) -> str:
    """The first line of a name, without regard to case, space or the star of what is needed: the second line is the same in English."""
    return " ".join(text.strip().partition("\n")[0].split()).casefold().removesuffix(" *")


def _column(cell: Cell) -> int:
    letters = cell.where.rpartition("!")[2].rstrip("0123456789")
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return column


def _beside(cell: Cell) -> str:
    sheet, _, place = cell.where.rpartition("!")
    return f"{sheet}!{get_column_letter(_column(cell) + 1)}{place.lstrip('ABCDEFGHIJKLMNOPQRSTUVWXYZ')}"
