"""
The market file (Fiche d'Identité du Marché): TOML or XLSX in, markets out, and the form for people to fill. Pure: bytes and values.

It comes from the operator, not from a sender: what is wrong in it is a Fault with its place. All are told at once, and a file with one gives nothing.
"""

from typing import Any

from msgspec import Struct

from flux.faults import Fault
from flux.market import Market
from flux.marketfile import _toml
from flux.marketfile._form import build, twice
from flux.tables import Tables

MOST_BYTES = 4 << 20  # of a file, before anything in it is read
_ZIP = b"PK"

written = _toml.written
quoted = _toml.quoted


class Read(Struct, frozen=True):
    """What was read of a file. markets: empty when there are faults. beside: what stood in TOML beside the markets."""

    markets: tuple[Market, ...] = ()
    faults: tuple[Fault, ...] = ()
    beside: dict[str, Any] = {}


def read(content: bytes, name: str, tables: Tables) -> Read:
    """The markets of a file, whichever form it has. name: of the file, for a person. Never raises on content."""
    if len(content) > MOST_BYTES:
        return Read(faults=(Fault("FLX-I112", path=name, found=f"{len(content) / (1 << 20):.1f} MiB", expected=f"≤ {MOST_BYTES >> 20} MiB"),))
    return _workbook(content, name, tables) if content.startswith(_ZIP) else _text(content, name, tables)


def template(tables: Tables, market: Market | None = None) -> bytes:
    """The XLSX form, empty or with *market* in it."""
    from flux.marketfile import _template  # openpyxl takes 0.2 s to load: a daemon never does

    return _template.workbook(tables, market)


def _text(content: bytes, name: str, tables: Tables) -> Read:
    try:
        rows, beside = _toml.read(content.decode("utf-8-sig"), name)
    except Fault as fault:
        return Read(faults=(fault,))
    except (ValueError, RecursionError) as error:  # ValueError: bytes that are no UTF-8, text that is no TOML, a number of 5,000 figures
        return Read(faults=(Fault("FLX-I111", path=name, detail=str(error)),))
    faults: list[Fault] = []
    markets: list[tuple[Market, str]] = []
    for n, row in enumerate(rows, 1):
        where = f"{name} [[market]] {n}"
        form = _toml.form(row, where, tables, faults)
        market, wrong = build(form, tables)
        faults += wrong
        markets.append((market, where))
    faults += twice(markets)
    return Read((), tuple(faults), beside) if faults else Read(tuple(market for market, _ in markets), (), beside)


def _workbook(content: bytes, name: str, tables: Tables) -> Read:
    from flux.marketfile import _xlsx  # as above

    faults: list[Fault] = []
    form = _xlsx.form(content, name, tables, faults)
    if form is None:
        return Read(faults=tuple(faults))
    market, wrong = build(form, tables)
    faults += wrong
    return Read(faults=tuple(faults)) if faults else Read((market,))
