"""Where the fields of a piece stand: worked out when somebody asks, and of what crosses to the daemon as much as a later stage may name."""

import ast
import inspect

import pytest
from msgspec.msgpack import decode
from test_parsers import CII, UBL, parsed

from flux import decision
from flux.parsers.ubl import PLACES
from flux.validators import directory, dossier, duplicate, market, status
from flux.weighing import LATER, packed, unpacked


def names_in(module):
    """The fields of a piece that a module's own texts name."""
    texts = {node.value for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    parties = {"recipient", "supplier", "moe", "moa", "valideur"}
    ends = {f"{who}{text}" for who in parties for text in texts if text.startswith(".")}  # f"{field}.service"
    return (texts | ends) & PLACES.keys()


@pytest.mark.parametrize("module", [decision, directory, dossier, duplicate, market, status], ids=lambda module: module.__name__)
def test_the_place_of_every_field_that_a_stage_beside_the_ledger_names_crosses(module):
    assert names_in(module) <= set(LATER)


def test_fields_are_found_in_the_modules_that_name_some():
    assert {"issued", "market", "moe.id", "recipient.service"} <= names_in(market)


@pytest.mark.parametrize("document", [UBL, CII], ids=["UBL", "CII"])
def test_what_crosses_is_where_the_parser_found_it(document):
    where = parsed(document).where
    assert set(decode(packed(where))) == set(LATER) & set(where)
    assert unpacked(packed(where))["recipient.id"] == where["recipient.id"]
    assert "amounts.net" not in unpacked(packed(where))
