"""What is asked beside the ledger: duplicates, and what the market adds to a piece."""

from datetime import UTC, datetime

import pytest
from cases import MOE, RECIPIENT, SUPPLIER, TITULAIRE, a_piece, siret
from msgspec.structs import replace

from flux.market import Market, MarketActor
from flux.model import Deposited, Known
from flux.piece import Party, identity
from flux.validators.duplicate import duplicate, duplicate_flow
from flux.validators.market import complete

# -- what the ledger knows ----------------------------------------------------------------------------------------------------------------


def known_of(piece, sha256, **changes):
    first = replace(piece, **changes)
    return Known({identity(first): Deposited("a-flow", 3, sha256, datetime(2026, 8, 6, 22, 30, tzinfo=UTC))})


def test_the_same_document_again_and_another_of_its_number_are_told_apart(told):
    piece = a_piece()
    assert [f.code for f in duplicate(piece, "same", Known())] == []
    assert [told(f).code for f in duplicate(piece, "same", known_of(piece, "same"))] == ["FLX-D01"]
    assert [told(f).code for f in duplicate(piece, "other", known_of(piece, "same"))] == ["FLX-D02"]


def test_a_duplicate_is_told_with_the_first_and_its_day_in_paris():
    (finding,) = duplicate(a_piece(), "same", known_of(a_piece(), "same"))
    assert dict(finding.facts) == {"found": "SIT-2026-014", "flow": "a-flow", "ordinal": "3", "date": "2026-08-07"}


@pytest.mark.parametrize(
    "change",
    [{"number": "SIT-2026-015"}, {"supplier": Party("1", siret("552100554"))}, {"supplier": replace(SUPPLIER, type="6")}],
    ids=["number", "supplier", "type of the supplier's identifier"],
)
def test_another_number_or_another_supplier_is_another_piece(change):
    assert list(duplicate(a_piece(), "same", known_of(a_piece(), "same", **change))) == []


def test_a_suppliers_identifier_is_the_same_in_small_letters():
    piece = replace(a_piece(), supplier=Party("2", "de129273398"))
    assert [f.code for f in duplicate(piece, "same", known_of(piece, "same", supplier=Party("2", "DE129273398")))] == ["FLX-D01"]


def test_a_flow_that_was_received_before_is_told_with_the_first(told):
    assert dict(told(duplicate_flow("a-flow")).facts) == {"found": "a-flow"}
    assert duplicate_flow("a-flow").code == "FLX-D03"


# -- the market ---------------------------------------------------------------------------------------------------------------------------

MARKET = Known(markets={"M1": Market("M1", actors=(MarketActor("moe", Party("1", "of the market")), MarketActor("moa", Party("1", "owner of the market"))))})


def completed(tables, **changes):
    piece = complete(replace(a_piece(), **{"moe": None, "moa": None, "valideur": None, **changes}), MARKET, tables)
    return piece.moe and piece.moe.id, piece.moa and piece.moa.id


def test_a_market_names_who_is_not_named_in_the_piece_and_only_him(tables):
    assert completed(tables) == ("of the market", "owner of the market")
    assert completed(tables, moe=MOE) == (MOE.id, "owner of the market")
    assert completed(tables, moa=RECIPIENT) == ("of the market", RECIPIENT.id)


def test_a_market_that_is_not_known_names_nobody(tables):
    assert completed(tables, market="M2") == (None, None)
    assert completed(tables, market="") == (None, None)


@pytest.mark.parametrize(("cadre", "expected"), [("A4", TITULAIRE.id), ("A7", TITULAIRE.id), ("A22", TITULAIRE.id), ("A10", "of the market"), ("A1", "of the market")])
def test_the_valideur_is_the_moe_in_a4_a7_and_a22_alone(tables, cadre, expected):
    assert completed(tables, cadre=cadre, valideur=TITULAIRE)[0] == expected
    assert completed(tables, cadre=cadre, valideur=TITULAIRE, moe=MOE)[0] == MOE.id


def test_who_is_named_without_an_identifier_is_not_named_and_the_market_says_who_he_is(tables):
    nobody = Party(name="Cabinet")
    assert completed(tables, moe=nobody, moa=nobody) == ("of the market", "owner of the market")
    assert completed(tables, valideur=nobody) == ("of the market", "owner of the market")
    assert completed(tables, moe=nobody, valideur=TITULAIRE)[0] == TITULAIRE.id
