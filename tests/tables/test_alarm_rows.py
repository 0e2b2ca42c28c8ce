"""The table of alarms is checked whole: a row that names a fault that there is not, and a table without a row, stop the start."""

from msgspec.structs import replace

from flux import tables
from flux.faults import table
from flux.tables.alarms import faults

ROWS = tables.load().alarms


def told(rows):
    return [fault.facts["row"] for fault in faults(rows, table())]


def test_the_table_of_alarms_is_sound_and_what_names_no_fault_is_not():
    assert told(ROWS) == []
    assert told(ROWS | {"held": replace(ROWS["held"], faults=("FLX-I999",))}) == ["held: FLX-I999"]
    assert told({}) == ["—"]
