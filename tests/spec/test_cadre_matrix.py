"""Cadre × mode × kind of deposit against AIFE's own matrix, and who acts next on what may be deposited."""

import csv
from datetime import date
from itertools import product
from pathlib import Path

import pytest
from msgspec.structs import replace

from flux import kit as flux_kit
from flux.decision import next_actor
from flux.market import Market, MarketActor
from flux.model import Finding, Known, Stage
from flux.parsers._reading import deposit_kind
from flux.piece import Actor, Party, Piece
from flux.policy import Policy
from flux.tables import DEPOSITS, MODES
from flux.validators import Context
from flux.validators.market import complete

OFFICIAL = Path(__file__).resolve().parents[3] / "shared" / "domain" / "cadre-mode-matrix.csv"
WORKS = [f"A{n}" for n in (4, 5, 6, 7, 8, 10, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25)]
IN_EDI = ["A4", "A6", "A7", "A8", "A10", "A13", "A14", "A22"]
PARTNERS_CHOICE, NEVER = ["A1", "A2", "A9", "A12"], ["A3", "A11", "A21"]
CODES = {  # (kind of deposit, cell) -> the code
    ("initial", "allowed"): [], ("initial", "forbidden"): ["FLX-C01"], ("initial", "not_applicable"): ["FLX-C04"],
    ("association", "allowed"): [], ("association", "forbidden"): ["FLX-C02"], ("association", "not_applicable"): ["FLX-C03"],
}  # fmt: skip
ROUTE, REFUSE = Policy(non_works="route"), Policy(non_works="refuse")
ANY, ONLY = "FSO1116A", "FSO5116A"  # an interface for whatever it is, and one for works only


@pytest.fixture(scope="session")
def official():
    """The matrix as AIFE shows it: (cadre, mode, deposit) -> cell, and the labels."""
    if not OFFICIAL.exists():
        pytest.skip("needs ../shared/domain/cadre-mode-matrix.csv, AIFE's matrix, which is not here")
    with OFFICIAL.open(encoding="utf-8", newline="") as file:
        rows = {row["cadre"]: row for row in csv.DictReader(file)}
    cells = {(cadre, mode, deposit): rows[cadre][f"{mode}_{deposit}"].replace("-", "_") for cadre, mode, deposit in product(rows, MODES, DEPOSITS)}
    return cells, {cadre: row["libelle"] for cadre, row in rows.items()}


@pytest.fixture(scope="module")
def refused(tables):
    """The exact codes of stage cadre, once their texts were told with the facts that came with them."""
    checks = [check for check in flux_kit.build().checks if check.stage is Stage.CADRE]

    def ask(cadre, mode="edi", deposit="initial", policy=ROUTE, interface=ANY):
        piece = Piece(cadre=cadre, mode=mode, deposit=deposit, previous="F1" if deposit == "association" else "")
        context = Context(tables, policy, interface, date(2026, 8, 7))
        findings = [finding for check in checks for finding in check.run(piece, Known(), context)]
        for finding in findings:
            entry = tables.catalogue[finding.code]
            for text in (entry.fr, entry.en, entry.fix_fr, entry.fix_en):
                text.format(**dict(finding.facts))
        return findings

    return ask


def codes(findings):
    return [finding.code for finding in findings]


# -- the matrix ---------------------------------------------------------------------------------------------------------------------------


def test_every_cell_of_the_official_matrix_is_ours(official, tables):
    cells, labels = official
    assert len(cells) == 18 * 3 * 2
    assert {(c, m, d): tables.works[c].cell(m, d) for c, m, d in product(tables.works, MODES, DEPOSITS)} == cells
    assert {cadre: row.label.fr for cadre, row in tables.works.items()} == labels


def test_every_cell_of_the_official_matrix_gives_its_exact_code(official, refused):
    cells, _ = official
    assert {cell: codes(refused(*cell)) for cell in cells} == {cell: CODES[cell[2], word] for cell, word in cells.items()}


@pytest.mark.parametrize(("cadre", "mode", "deposit"), list(product(WORKS, MODES, DEPOSITS)))
def test_every_cadre_mode_and_deposit_gives_what_its_cell_says(refused, tables, cadre, mode, deposit):
    cell = tables.works[cadre].cell(mode, deposit)
    assert codes(refused(cadre, mode, deposit)) == CODES[deposit, cell]


def test_in_edi_eight_cadres_may_open_a_dossier_and_none_may_be_associated(refused):
    assert [cadre for cadre in WORKS if not refused(cadre, "edi", "initial")] == IN_EDI
    assert [cadre for cadre in WORKS if not refused(cadre, "edi", "association")] == []


def test_on_the_portal_sixteen_cadres_may_open_a_dossier_and_nine_may_be_associated(refused):
    for mode in ("portail", "service"):
        assert [cadre for cadre in WORKS if refused(cadre, mode, "initial")] == ["A23", "A25"]
        assert [cadre for cadre in WORKS if not refused(cadre, mode, "association")] == ["A8", "A15", "A17", "A19", "A20", "A22", "A23", "A24", "A25"]


def test_a16_and_a18_may_be_associated_only_where_a_moe_may_act_for_the_moa(refused):
    for mode, expected in (("service", ["A16", "A18"]), ("portail", ["A16", "A18"]), ("edi", [])):
        plain, more = ({cadre for cadre in WORKS if not refused(cadre, mode, "association", policy)} for policy in (ROUTE, Policy(moe_for_moa=True)))
        assert sorted(more - plain) == expected


def test_a_refused_cadre_is_told_with_those_that_may_be_deposited_so(refused):
    (finding,) = refused("A5")
    assert (finding.field, dict(finding.facts)["expected"]) == ("cadre", ", ".join(IN_EDI))
    (finding,) = refused("A6", deposit="association")
    assert (finding.field, dict(finding.facts)["previous"]) == ("previous", "F1")


def test_the_25_cadres_are_works_or_not_and_never_both(tables):
    assert list(tables.works) == WORKS
    assert list(tables.others) == sorted(PARTNERS_CHOICE + NEVER, key=lambda cadre: int(cadre[1:]))


# -- cadres that are not works ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cadre", PARTNERS_CHOICE)
def test_what_is_not_works_goes_where_the_partner_and_the_interface_say(refused, cadre):
    assert codes(refused(cadre, policy=ROUTE, interface=ANY)) == []
    assert codes(refused(cadre, policy=REFUSE, interface=ANY)) == ["FLX-C06"]
    assert codes(refused(cadre, policy=ROUTE, interface=ONLY)) == ["FLX-C07"]
    assert codes(refused(cadre, policy=REFUSE, interface=ONLY)) == ["FLX-C07"]


@pytest.mark.parametrize("cadre", NEVER)
def test_what_has_a_circuit_of_its_own_is_refused_whatever_is_set(refused, tables, cadre):
    for policy, interface in product((ROUTE, REFUSE), (ANY, ONLY)):
        (finding,) = refused(cadre, policy=policy, interface=interface)
        assert finding.code == "FLX-C05"
        assert dict(finding.facts)["why_fr"] == tables.others[cadre].why.fr


@pytest.mark.parametrize("cadre", IN_EDI)
def test_a_works_cadre_is_at_home_in_every_interface_and_under_either_setting(refused, cadre):
    for policy, interface in product((ROUTE, REFUSE), (ANY, ONLY)):
        assert codes(refused(cadre, policy=policy, interface=interface)) == []


# -- who acts next ------------------------------------------------------------------------------------------------------------------------

RECIPIENT, TITULAIRE, CABINET, OWNER = (Party("1", id_) for id_ in ("recipient", "titulaire", "cabinet", "owner"))
MARKETS = Known(markets={"M1": Market("M1", actors=(MarketActor("moe", Party("1", "moe of the market")), MarketActor("moa", Party("1", "moa of the market"))))})
NEXT = [  # (cadre, with everybody named, without valideur, without MOE, with neither)
    ("A4", "moe cabinet", "moe cabinet", "moe titulaire", "FLX-P20"),
    ("A6", "service_financier recipient", "service_financier recipient", "service_financier recipient", "service_financier recipient"),
    ("A7", "moe cabinet", "moe cabinet", "moe titulaire", "FLX-P20"),
    ("A8", "service_financier recipient", "service_financier recipient", "service_financier recipient", "service_financier recipient"),
    ("A10", "valideur titulaire", "moe cabinet", "valideur titulaire", "FLX-P20"),
    ("A13", "valideur titulaire", "moe cabinet", "valideur titulaire", "FLX-P20"),
    ("A14", "valideur titulaire", "moe cabinet", "valideur titulaire", "FLX-P20"),
    ("A22", "moe cabinet", "moe cabinet", "moe titulaire", "FLX-P20"),
]


def a_piece(**changes):
    return replace(Piece(cadre="A4", recipient=RECIPIENT, valideur=TITULAIRE, moe=CABINET, moa=OWNER), **changes)


def goes_to(piece, tables, known=MARKETS):
    """Who acts next on the piece, once the market completed it: role and identifier, or the code that says why nobody does."""
    actor = next_actor(complete(piece, known, tables), tables)
    if isinstance(actor, Actor):
        return f"{actor.role} {actor.id}"
    entry = tables.catalogue[actor.code]
    for text in (entry.fr, entry.en, entry.fix_fr, entry.fix_en):
        text.format(**dict(actor.facts))
    return actor.code


def test_every_cadre_of_edi_says_who_acts_next():
    assert [row[0] for row in NEXT] == IN_EDI


@pytest.mark.parametrize(("cadre", "everybody", "no_valideur", "no_moe", "neither"), NEXT)
def test_who_acts_next_is_who_the_piece_names(tables, cadre, everybody, no_valideur, no_moe, neither):
    assert goes_to(a_piece(cadre=cadre), tables) == everybody
    assert goes_to(a_piece(cadre=cadre, valideur=None), tables) == no_valideur
    assert goes_to(a_piece(cadre=cadre, moe=None), tables) == no_moe
    assert goes_to(a_piece(cadre=cadre, moe=None, valideur=None), tables) == neither


@pytest.mark.parametrize("cadre", [row[0] for row in NEXT if row[-1] == "FLX-P20"])
def test_a_moe_that_nobody_names_is_the_markets_when_the_market_is_known(tables, cadre):
    nobody = a_piece(cadre=cadre, moe=None, valideur=None)
    assert goes_to(replace(nobody, market="M1"), tables) == "moe moe of the market"
    assert goes_to(replace(nobody, market="M2"), tables) == "FLX-P20"


@pytest.mark.parametrize("cadre", ["A10", "A13", "A14"])
def test_a_valideur_without_an_identifier_is_none(tables, cadre):
    assert goes_to(a_piece(cadre=cadre, valideur=Party(name="Titulaire")), tables) == "moe cabinet"


def test_a_moe_that_nobody_names_is_told_with_market_and_cadre(tables):
    finding = next_actor(a_piece(moe=None, valideur=None, market="M2"), tables)
    assert isinstance(finding, Finding)
    assert (finding.field, dict(finding.facts)) == ("moe", {"found": "M2", "cadre": "A4", "expected": "MOE"})


@pytest.mark.parametrize(("cadre", "role", "named"), [("A5", "moa", "moa"), ("A15", "moa", "moa"), ("A18", "fournisseur", "supplier"), ("A6", "service_financier", "recipient"), ("A1", "recipient", "recipient")])
def test_any_other_actor_that_nobody_names_is_told_as_such(tables, cadre, role, named):
    there = replace(a_piece(cadre=cadre), **{named: Party("1", "somebody")})
    assert goes_to(there, tables) == f"{role} somebody"
    assert goes_to(replace(there, **{named: Party()}), tables) == "FLX-P21"


@pytest.mark.parametrize("cadre", PARTNERS_CHOICE)
def test_what_is_not_works_goes_to_its_recipient_whoever_else_is_named(tables, cadre):
    assert goes_to(a_piece(cadre=cadre), tables) == "recipient recipient"


@pytest.mark.parametrize(
    ("expected", "cadres"),
    [("moa owner", ["A5", "A15", "A17"]), ("fournisseur supplier", ["A18", "A20"]), ("service_financier recipient", ["A16", "A19", "A23", "A24", "A25"])],
)
def test_the_works_cadres_beyond_edi_have_their_next_actor_too(tables, expected, cadres):
    assert {goes_to(a_piece(cadre=cadre, supplier=Party("1", "supplier")), tables) for cadre in cadres} == {expected}


# -- the kind of deposit ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cadre", [f"A{n}" for n in range(1, 26)])
def test_a_piece_that_names_another_is_an_association_in_works_alone_and_never_a_credit_note(cadre):
    assert deposit_kind("F1", "380", cadre) == ("association" if cadre in WORKS else "initial")
    assert deposit_kind("", "380", cadre) == "initial"
    assert deposit_kind("F1", "381", cadre) == "initial"
