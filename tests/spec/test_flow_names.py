"""The name of a flow, and what it says."""


import pytest

from flux.model import (
    Envelope,
)
from flux.policy import Policy
from flux.validators.envelope import read_name

NUMBER = "ABC0011116" + "0" * 14 + "1"
NAME = f"FSO1116A_ABC001_{NUMBER}.xml"
CHORUS, FREE = Policy(naming="chorus"), Policy(naming="free")

NAMES = [  # (the good name's one change, the exact codes, what the free naming makes of it)
    (("", ""), set(), Envelope("FSO1116A", "ABC001", NUMBER)),
    ((".xml", ".tar.gz"), set(), Envelope("FSO1116A", "ABC001", NUMBER)),
    ((".xml", ".TGZ"), set(), Envelope("FSO1116A", "ABC001", NUMBER)),
    ((".xml", ".zip"), set(), Envelope("FSO1116A", "ABC001", NUMBER)),
    ((".xml", ".pdf"), set(), Envelope("FSO1116A", "ABC001", NUMBER)),
    ((".xml", ""), {"FLX-T10"}, Envelope("FSO1116A", "ABC001", NUMBER)),
    ((".xml", ".json"), {"FLX-T10"}, Envelope("FSO1116A")),
    ((".xml", "_2.xml"), {"FLX-T10"}, Envelope("FSO1116A")),
    ((NAME, "Facture BATIPRO.xml"), {"FLX-T10"}, Envelope()),
    ((NAME, "FSO1116A.xml"), {"FLX-T10"}, Envelope("FSO1116A")),
    (("FSO1116A", "FSO1115A"), {"FLX-T11"}, Envelope()),
    (("FSO1116A", "fso1116a"), {"FLX-T11"}, Envelope()),
    (("_ABC001_", "_ABC01_"), {"FLX-T12"}, Envelope("FSO1116A")),
    (("_ABC001_", "_abc001_"), {"FLX-T12"}, Envelope("FSO1116A")),
    (("1.xml", ".xml"), {"FLX-T13"}, Envelope("FSO1116A")),
    (("1.xml", "11.xml"), {"FLX-T13"}, Envelope("FSO1116A")),
    (("1.xml", "A.xml"), {"FLX-T13"}, Envelope("FSO1116A")),
    (("_ABC001_", "_ABC002_"), {"FLX-T14"}, Envelope("FSO1116A")),
    (("FSO1116A", "FSO1106A"), {"FLX-T14"}, Envelope("FSO1106A")),
    ((NAME, "FSO1115A_ABC01_ABC.xml"), {"FLX-T11", "FLX-T12", "FLX-T13"}, Envelope()),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected", "_free"), NAMES, ids=[NAME.replace(*row[0]) for row in NAMES])
def test_a_name_of_the_chorus_naming_is_held_to_its_shape(tables, told, change, expected, _free):
    name = NAME.replace(*change) if change[0] else NAME
    envelope, findings = read_name(name, CHORUS, tables)
    assert {told(finding).code for finding in findings} == expected
    assert envelope == (Envelope() if expected == {"FLX-T10"} else Envelope(*name.rpartition(".x")[0].split("_")) if expected else Envelope("FSO1116A", "ABC001", NUMBER))


def test_a_flow_number_that_contradicts_the_name_is_told_with_how_it_should_begin(tables):
    _, (finding,) = read_name(NAME.replace("_ABC001_", "_ABC002_"), CHORUS, tables)
    assert dict(finding.facts) == {"found": NUMBER, "expected": "ABC0021116…"}


@pytest.mark.parametrize(("change", "_codes", "expected"), NAMES, ids=[NAME.replace(*row[0]) for row in NAMES])
def test_a_name_of_the_free_naming_is_used_for_what_it_says_and_never_refused(tables, change, _codes, expected):
    name = NAME.replace(*change) if change[0] else NAME
    assert read_name(name, FREE, tables) == (expected, ())
