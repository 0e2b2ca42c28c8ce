"""
The form as a workbook that people fill: one sheet a part, every field of the table with its name in French and, below it, in English.

Lists stand in a hidden sheet, since a list inside a validation may have 255 characters. Cells are text, so that a SIRET keeps its zeros.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from flux.market import Market
from flux.tables import Tables
from flux.tables.market import MarketField

LISTS = "Listes"
ROWS = 500          # of a sheet that have the lists
_PROMPT_MOST = 255  # characters, Excel's
_HEAD = {"font": Font(bold=True), "fill": PatternFill("solid", fgColor="D9E2F3"), "alignment": Alignment(wrap_text=True, vertical="top")}
_HELP = {"font": Font(italic=True, color="7F7F7F"), "alignment": Alignment(wrap_text=True, vertical="top")}


class _Lists:
    """The hidden sheet of lists: each in a column of its own, once."""

    def __init__(self, book: Any) -> None:  # noqa: ANN401 - openpyxl has no types
        self._sheet = book.create_sheet(LISTS)
        self._sheet.sheet_state = "hidden"
        self._known: dict[tuple[str, ...], str] = {}

    def of(self, values: tuple[str, ...]) -> str:
        """The formula that names a list."""
        if values not in self._known:
            column = get_column_letter(len(self._known) + 1)
            for n, value in enumerate(values, 1):
                self._sheet[f"{column}{n}"] = value
            self._known[values] = f"{LISTS}!${column}$1:${column}${len(values)}"
        return self._known[values]


def workbook(tables: Tables, market: Market | None = None) -> bytes:
    """The workbook's bytes: empty, or with what *market* says."""
    book = Workbook()
    titles = {sheet: text.fr for sheet, text in tables.market.sheets.items()}
    lists = _Lists(book)
    first = book.active
    first.title = titles["market"]
    _down(first, tables, lists, market)
    for n, name in enumerate(("actors", "references"), 1):
        sheet = book.create_sheet(titles[name], n)
        _across(sheet, tables.market.fields[name], tables, lists, _rows(name, market, tables))
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _down(sheet: Any, tables: Tables, lists: _Lists, market: Market | None) -> None:  # noqa: ANN401 - openpyxl has no types
    """A field a row: name, value, help."""
    for n, (name, field) in enumerate(tables.market.fields["market"].items(), 1):
        _styled(sheet.cell(n, 1, f"{field.fr}{_star(field)}\n{field.en}"), _HEAD)
        _styled(sheet.cell(n, 3, f"{field.help_fr}\n{field.help_en}"), _HELP)
        value = sheet.cell(n, 2, getattr(market, name) or None if market else None)
        value.number_format = "yyyy-mm-dd" if field.kind == "date" else "@"
        value.alignment = Alignment(vertical="top")
        if (rule := _validation(field, tables, lists)) is not None:
            rule.add(f"B{n}")
            sheet.add_data_validation(rule)
        sheet.row_dimensions[n].height = 32
    for column, width in zip("ABC", (34, 48, 70), strict=True):
        sheet.column_dimensions[column].width = width


def _across(sheet: Any, fields: dict[str, MarketField], tables: Tables, lists: _Lists, rows: Sequence[Sequence[str]]) -> None:  # noqa: ANN401
    """A field a column, or several of them."""
    column = 0
    for field in fields.values():
        for n in range(1, field.columns + 1):
            column += 1
            number = f" {n}" if field.columns > 1 else ""
            _styled(sheet.cell(1, column, f"{field.fr}{number}{_star(field)}\n{field.en}{number}"), _HEAD)
            letter = get_column_letter(column)
            sheet.column_dimensions[letter].width = 10 if number else 30
            if (rule := _validation(field, tables, lists)) is not None:
                rule.add(f"{letter}2:{letter}{ROWS}")
                sheet.add_data_validation(rule)
            for line in range(2, ROWS + 1):
                sheet.cell(line, column).number_format = "@"
    for line, row in enumerate(rows, 2):
        for at, value in enumerate(row, 1):
            sheet.cell(line, at).value = value or None
    sheet.row_dimensions[1].height = 32
    sheet.freeze_panes = "A2"


def _rows(name: str, market: Market | None, tables: Tables) -> list[list[str]]:
    if market is None:
        return []
    if name == "actors":
        roles, types = tables.market.roles, dict(zip(tables.codes.identifier_types, _types(tables), strict=True))
        return [[roles[a.role].fr, types[a.party.type], a.party.id, a.party.name, *a.cadres] for a in market.actors]
    services = dict.fromkeys((code, actor.party.id) for actor in market.actors for code in actor.services)
    return [*(["engagement", code, ""] for code in market.engagements), *(["service", code, owner] for code, owner in services)]


def _validation(field: MarketField, tables: Tables, lists: _Lists) -> Any:  # noqa: ANN401 - openpyxl has no types
    """What a spreadsheet allows in a cell of the field, and says when it is chosen; None where anything goes."""
    listed = {
        "choice": field.choices, "role": tuple(role.fr for role in tables.market.roles.values()),
        "type": _types(tables), "cadres": tuple(tables.works),
    }.get(field.kind, ())  # fmt: skip
    prompt = f"{field.help_fr}\n{field.help_en}"[:_PROMPT_MOST]
    told = {"promptTitle": field.fr[:32], "prompt": prompt, "showInputMessage": True, "showErrorMessage": True, "allow_blank": True}
    if listed:
        return DataValidation(type="list", formula1=lists.of(listed), **told)
    if field.most:
        return DataValidation(type="textLength", operator="lessThanOrEqual", formula1=str(field.most), **told)
    return DataValidation(type="date", operator="greaterThan", formula1="1", **told)


def _types(tables: Tables) -> tuple[str, ...]:
    """The identifier types as the list has them; the reader takes what stands before the first space."""
    return tuple(f"{number} {row.name}" for number, row in tables.codes.identifier_types.items())


def _star(field: MarketField) -> str:
    return " *" if field.needed else ""


def _styled(cell: Any, style: dict[str, Any]) -> None:  # noqa: ANN401 - openpyxl has no types
    for name, value in style.items():
        setattr(cell, name, value)
