"""The alarms as a table: their names, whether flux is ready while one is raised, the faults that they may carry. Words of a row: alarms.toml."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from flux.faults import Fault
from flux.tables._reading import Text, read, shaped


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """A row of alarms.toml."""

    red: bool
    faults: tuple[str, ...]
    label: Text


def load() -> dict[str, Row]:
    """Every alarm by name, in the order of the table. Raises Fault when a row has not its shape."""
    return shaped("alarms.toml", read("alarms.toml"), dict[str, Row])


def faults(rows: dict[str, Row], known: Iterable[str]) -> Iterator[Fault]:
    """A row that names a fault that there is not; no row at all."""
    codes = set(known)
    if not rows:
        yield Fault("FLX-I30", table="alarms.toml", row="—", expected="stalled, …")
    for name, row in rows.items():
        if unknown := set(row.faults) - codes:
            yield Fault("FLX-I30", table="alarms.toml", row=f"{name}: {', '.join(sorted(unknown))}", expected="faults.toml")
