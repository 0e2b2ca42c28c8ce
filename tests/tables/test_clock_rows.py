"""The table of the delays is checked whole: each thing that a row may not say is refused under its name."""

import pytest
from msgspec.structs import replace

from flux import tables as flux_tables
from flux.tables.clocks import faults

TABLES = flux_tables.load()
CADRES = frozenset(TABLES.works.keys() | TABLES.others.keys())
CLOCKS = TABLES.clocks


def told(clocks):
    return [(fault.code, fault.facts["table"], fault.facts["row"]) for fault in faults(clocks, TABLES.life, CADRES)]


def test_the_table_as_it_is_is_sound():
    assert told(CLOCKS) == []


@pytest.mark.parametrize(
    ("name", "change", "row"),
    [
        ("moe", {"starts": ("MISE_A_DISPO",)}, "moe: MISE_A_DISPO, act"),
        ("moe", {"ends": ("ASSOCIE",)}, "moe: ASSOCIE"),
        ("moe", {"ends": ("MISE_A_DISPOSITION_MOE",)}, "moe: starts"),
        ("moe", {"ends": ()}, "moe: starts"),
        ("moe", {"starts": ()}, "moe: starts"),
        ("payment", {"stops": ("REFUSE",)}, "payment: REFUSE"),
        ("acknowledgement", {"acts": ("saluer",)}, "acknowledgement: saluer"),
        ("moe", {"cadres": ("A4", "A26")}, "moe: A26"),
        ("payment", {"without": ("A99",)}, "payment: A99"),
        ("balance", {"on": ("B8",)}, "balance: B8"),
        ("moe", {"without": ("A5",)}, "moe: without"),
        ("moe", {"binds": "notaire"}, "moe: notaire"),
        ("tacit_statement", {"after": "balance"}, "tacit_statement: balance"),  # one that stands below
        ("moe", {"of": "market"}, "moe: of, passes"),
        ("moe", {"on": ("A4",)}, "moe: of"),
        ("moe", {"days": -1}, "moe: days"),
        ("moe", {"days": 0}, "moe: days"),
        ("moe", {"passes": "never"}, "moe: passes"),
        ("signature", {"passes": "tacit"}, "signature: passes"),
        ("validation", {"act": ""}, "validation: passes"),
        ("validation", {"act": "valider"}, "validation: act"),
        ("validation", {"starts": ("MISE_A_DISPOSITION_MOE",)}, "validation: act"),
        ("moe", {"suspends": "dossier"}, "moe: of"),
        ("moe", {"suspends": "always"}, "moe: suspends"),
        ("moe", {"restart": 0}, "moe: suspends"),
        ("signature", {"restart": 30}, "signature: suspends"),
    ],
)
def test_a_row_that_contradicts_itself_or_the_life_of_a_piece_is_refused_under_its_name(name, change, row):
    changed = {**CLOCKS.delays, name: replace(CLOCKS.delays[name], **change)}
    assert told(replace(CLOCKS, delays=changed)) == [("FLX-I30", "clocks.toml", row)]


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"calendar": replace(CLOCKS.calendar, days=frozenset({"01-01", "02-30", "1-1", "25-12"}))}, "calendar 02-30, 1-1, 25-12"),
        ({"suspension": replace(CLOCKS.suspension, ends="COMPLETE")}, "suspension COMPLETE"),
        ({"payers": {}}, "payer"),
        ({"payers": {"etat": replace(CLOCKS.payers["etat"], days=0)}}, "payer etat"),
    ],
)
def test_a_calendar_a_suspension_or_a_payer_that_cannot_be_counted_with_is_refused(change, row):
    assert told(replace(CLOCKS, **change)) == [("FLX-I30", "clocks.toml", row)]


def test_what_is_ours_in_a_row_says_why():
    """Each row cites an article and a source; a suspension's new delay that the law does not give is said to be ours."""
    assert [name for name, row in CLOCKS.delays.items() if not (row.article and row.source)] == []
    assert [name for name, row in CLOCKS.delays.items() if row.suspends and not row.local] == []
