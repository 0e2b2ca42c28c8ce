"""A piece against its market's file: one that agrees, the one change that matters, and the exact codes that the change must raise."""

from datetime import UTC, date, datetime

import pytest
from cases import MOE, RECIPIENT, SUPPLIER, TITULAIRE, TODAY, a_piece, changed
from msgspec.structs import replace

from flux.decision import effective_severity
from flux.market import Market, MarketActor
from flux.model import Envelope, Finding, Flow, Judged, Known, Severity, Stage, VerdictKind
from flux.piece import Party
from flux.policy import Policy
from flux.process import conclude
from flux.validators import Context
from flux.validators.market import complete

COTRAITANT, SOUS_TRAITANT, STRANGER, CHECKER = (Party("1", id_, name) for id_, name in (
    ("99912118900016", "Cotraitant"), ("99912236900021", "Sous-traitant"), ("99912354000018", "Inconnu"), ("99913107100014", "Contrôle"),
))  # fmt: skip
MARKET = Market(
    "M1", notified=date(2026, 1, 15), engagements=("EJ1", "EJ2"),
    actors=(
        MarketActor("titulaire", TITULAIRE), MarketActor("cotraitant", COTRAITANT), MarketActor("sous-traitant", SOUS_TRAITANT),
        MarketActor("moe", MOE, services=("MOE-1",)), MarketActor("moa", RECIPIENT),
        MarketActor("service_financier", RECIPIENT, services=("TRX", "BAT")), MarketActor("valideur", CHECKER),
    ),
)  # fmt: skip
SHORT = Market("M1", actors=(MarketActor("moe", MOE), MarketActor("moa", RECIPIENT)))


def known(market=MARKET):
    return Known(markets={market.number: market})


def agreed(**changes):
    """An A4 of the titulaire that says nothing which its market's file does not."""
    piece = replace(a_piece(), supplier=TITULAIRE, valideur=None, recipient=replace(RECIPIENT, service="TRX"))
    for path, value in changes.items():
        piece = changed(piece, path.replace("__", "."), value)
    return piece


@pytest.fixture
def kit():
    from flux import kit as flux_kit

    return flux_kit.build()


@pytest.fixture
def asked(kit, told):
    """What stage market says of a piece, once its market completed it."""

    def ask(piece, market=MARKET):
        context, there = Context(kit.tables, Policy(), "FSO1116A", TODAY), known(market)
        piece = complete(piece, there, kit.tables)
        found = []
        for check in (check for check in kit.checks if check.stage is Stage.MARKET):
            given = [told(finding) for finding in check.run(piece, there, context)]
            assert {finding.code for finding in given} <= set(check.codes), "a rule gives a code that it does not declare"
            found += given
        return found

    return ask


TWINS = [  # (what is not refused, the one change, the exact codes)
    ({}, {"supplier": STRANGER}, ["FLX-F01"]),
    ({"supplier": SOUS_TRAITANT, "cadre": "A10"}, {"cadre": "A4"}, ["FLX-F02"]),
    ({"supplier": COTRAITANT, "cadre": "A13"}, {"cadre": "A10"}, ["FLX-F02"]),
    ({"cadre": "A7"}, {"cadre": "A13"}, ["FLX-F02"]),
    ({}, {"supplier": CHECKER}, ["FLX-F02"]),
    ({}, {"moe": STRANGER}, ["FLX-F03"]),
    ({"moe": None, "valideur": MOE}, {"valideur": STRANGER}, ["FLX-F03"]),
    ({}, {"moa": STRANGER}, ["FLX-F04"]),
    ({}, {"recipient": MOE}, ["FLX-F05"]),
    ({"supplier": SOUS_TRAITANT, "cadre": "A10", "valideur": TITULAIRE}, {"valideur": STRANGER}, ["FLX-F06"]),
    ({"supplier": SOUS_TRAITANT, "cadre": "A10", "valideur": COTRAITANT}, {"valideur": MOE}, ["FLX-F06"]),
    ({"supplier": COTRAITANT, "cadre": "A14", "valideur": CHECKER}, {"valideur": SOUS_TRAITANT}, ["FLX-F06"]),
    ({"recipient__service": "BAT"}, {"recipient__service": "EAU"}, ["FLX-F07"]),
    ({"moe__service": "MOE-1"}, {"moe__service": "MOE-2"}, ["FLX-F07"]),
    ({"engagement": "EJ2"}, {"engagement": "EJ3"}, ["FLX-F08"]),
    ({"issued": date(2026, 1, 15)}, {"issued": date(2026, 1, 14)}, ["FLX-F10"]),
    ({}, {"market": "M2"}, ["FLX-F09"]),
    ({}, {"supplier": STRANGER, "engagement": "EJ3"}, ["FLX-F01", "FLX-F08"]),
]


@pytest.mark.parametrize(("good", "change", "codes"), TWINS, ids=lambda value: " ".join(value) if isinstance(value, dict | list) else None)
def test_each_refusal_has_an_accepted_twin_one_change_away(asked, good, change, codes):
    assert [f.code for f in asked(agreed(**good))] == []
    assert [f.code for f in asked(agreed(**{**good, **change}))] == codes


def test_every_code_of_the_stage_has_a_twin(kit):
    assert {code for check in kit.checks if check.stage is Stage.MARKET for code in check.codes} == {code for *_, codes in TWINS for code in codes}


def test_both_sides_are_quoted(asked):
    (finding,) = asked(agreed(supplier=SOUS_TRAITANT))
    facts = dict(finding.facts)
    assert (facts["found"], facts["expected"], facts["market"], facts["actor"]) == ("A4", "A10", "M1", SOUS_TRAITANT.id)
    assert (facts["role"], facts["role_fr"]) == ("subcontractor", "sous-traitant")
    (finding,) = asked(agreed(moe=STRANGER))
    assert dict(finding.facts) == {"found": STRANGER.id, "expected": f"{MOE.id} (Cabinet)", "market": "M1"}


@pytest.mark.parametrize(("piece", "field"), [({"moe": STRANGER}, "moe.id"), ({"moe": None, "valideur": STRANGER}, "valideur.id")])
def test_a_wrong_moe_is_told_where_the_piece_names_him(asked, piece, field):
    assert [f.field for f in asked(agreed(**piece))] == [field]


@pytest.mark.parametrize("change", [{"supplier": STRANGER}, {"recipient": STRANGER}, {"engagement": "EJ3"}, {"recipient__service": "EAU"}, {"issued": date(2020, 1, 1)}])
def test_what_a_short_file_does_not_say_is_held_against_nobody(asked, change):
    assert asked(agreed(**change), SHORT) == []


@pytest.mark.parametrize(("change", "code"), [({"moe": STRANGER}, "FLX-F03"), ({"moa": STRANGER}, "FLX-F04")])
def test_a_short_file_still_names_its_moe_and_moa(asked, change, code):
    assert [f.code for f in asked(agreed(**change), SHORT)] == [code]


def test_an_actors_own_cadres_go_before_those_of_his_role(asked):
    narrow = replace(MARKET, actors=tuple(replace(a, cadres=("A7",)) if a.role == "titulaire" else a for a in MARKET.actors))
    assert [f.code for f in asked(agreed(cadre="A7"), narrow)] == []
    assert [f.code for f in asked(agreed(cadre="A4"), narrow)] == ["FLX-F02"]


def test_a_piece_of_the_moe_is_held_to_the_cadres_of_the_moe_and_not_of_its_supplier(asked):
    narrow = replace(MARKET, actors=tuple(replace(a, cadres=("A17",)) if a.role == "moe" else a for a in MARKET.actors))
    for how in ({}, {"deposit": "association", "previous": "SIT-1"}):
        assert [f.code for f in asked(agreed(cadre="A15", **how))] == []
        (refused,) = asked(agreed(cadre="A15", **how), narrow)
        assert (refused.code, dict(refused.facts)["actor"], dict(refused.facts)["role"]) == ("FLX-F02", MOE.id, "MOE")
    assert [f.code for f in asked(agreed(cadre="A17"), narrow)] == []


def test_in_a_dossier_the_chain_says_whose_turn_it_is_and_no_role(asked):
    """The A8 of a co-contractor ends the dossier that his A14 began."""
    assert [f.code for f in asked(agreed(supplier=COTRAITANT, cadre="A8"))] == ["FLX-F02"]
    assert [f.code for f in asked(agreed(supplier=COTRAITANT, cadre="A8", deposit="association", previous="DG-1"))] == []


def test_who_has_two_roles_may_deposit_under_either(asked):
    two = replace(MARKET, actors=(*MARKET.actors, MarketActor("sous-traitant", COTRAITANT)))
    assert [f.code for f in asked(agreed(supplier=COTRAITANT, cadre="A10"), two)] == []
    assert [f.code for f in asked(agreed(supplier=COTRAITANT, cadre="A13"), two)] == []


def test_a_cadre_that_is_not_works_is_not_held_to_the_roles(asked):
    assert [f.code for f in asked(agreed(supplier=SOUS_TRAITANT, cadre="A9"))] == []
    assert [f.code for f in asked(agreed(supplier=STRANGER, cadre="A9"))] == ["FLX-F01"]


# -- what the file adds -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cadre", "supplier", "expected"), [("A10", SOUS_TRAITANT, TITULAIRE), ("A13", COTRAITANT, TITULAIRE), ("A14", COTRAITANT, TITULAIRE), ("A4", TITULAIRE, None), ("A8", TITULAIRE, None)])
def test_the_valideur_of_a10_a13_and_a14_is_the_markets_when_the_piece_names_nobody(tables, cadre, supplier, expected):
    piece = agreed(cadre=cadre, supplier=supplier)
    assert complete(piece, known(), tables).valideur == expected
    assert complete(replace(piece, valideur=CHECKER), known(), tables).valideur == CHECKER
    assert complete(replace(piece, market="M2"), known(), tables).valideur is None


def test_the_mandataire_goes_before_the_titulaire_for_a_co_contractor_alone(tables):
    led = replace(MARKET, actors=(*MARKET.actors, MarketActor("mandataire", COTRAITANT)))
    assert complete(agreed(cadre="A13"), known(led), tables).valideur == COTRAITANT
    assert complete(agreed(cadre="A10"), known(led), tables).valideur == TITULAIRE


def test_whom_the_file_has_as_a_valideur_is_not_taken_for_the_moe(tables):
    piece = agreed(moe=None, valideur=CHECKER)
    assert complete(piece, known(), tables).moe == MOE
    assert complete(piece, known(SHORT), tables).moe == CHECKER


# -- whether it refuses -------------------------------------------------------------------------------------------------------------------

SET = [  # market_check, unknown_market -> a contradiction, a date, a market without a file
    ("error", "off", "error", "warning", "off"),
    ("warning", "off", "warning", "warning", "off"),
    ("off", "error", "off", "off", "error"),
    ("error", "warning", "error", "warning", "warning"),
]


@pytest.mark.parametrize(("check", "unknown", "contradiction", "day", "without"), SET)
def test_the_settings_say_what_refuses(tables, check, unknown, contradiction, day, without):
    policy = Policy(market_check=Severity(check), unknown_market=Severity(unknown))
    assert [effective_severity(Finding(code), policy, tables) for code in ("FLX-F03", "FLX-F10", "FLX-F09")] == [contradiction, day, without]
    assert effective_severity(Finding("FLX-F03"), replace(policy, severities={"FLX-F03": Severity.WARNING}), tables) == "warning"


def concluded(kit, piece, **policy):
    flow = Flow("a-flow", "p", b"f.xml", "0" * 64, 1, datetime(2026, 8, 7, tzinfo=UTC))
    context = Context(kit.tables, Policy(**policy), "FSO1116A", TODAY)
    decision = conclude(flow, Envelope(), [], [Judged(1, 1, "f.xml", "1" * 64, piece)], known(), context, kit)
    return decision.pieces[0].verdict


def test_a_piece_that_contradicts_its_market_is_refused_before_its_number_is_looked_up(kit):
    assert concluded(kit, agreed()).kind is VerdictKind.ACCEPTED
    verdict = concluded(kit, agreed(moe=STRANGER))
    assert (verdict.kind, [f.code for f in verdict.findings]) == (VerdictKind.REJECTED, ["FLX-F03"])
    assert verdict.skipped == (Stage.DUPLICATE, Stage.DOSSIER, Stage.ROUTING)


def test_a_piece_that_contradicts_its_market_is_told_or_passed_over_when_the_setting_says_so(kit):
    told = concluded(kit, agreed(supplier=STRANGER), market_check=Severity.WARNING)
    assert (told.kind, [f.code for f in told.findings]) == (VerdictKind.ACCEPTED, ["FLX-F01"])
    passed = concluded(kit, agreed(supplier=STRANGER), market_check=Severity.OFF)
    assert (passed.kind, passed.findings) == (VerdictKind.ACCEPTED, ())


def test_a_supplier_is_known_whatever_the_case_of_his_number_and_by_its_type(asked):
    foreign = replace(MARKET, actors=(*MARKET.actors, MarketActor("cotraitant", Party("2", "DE129273398"))))
    assert [f.code for f in asked(agreed(supplier=Party("2", "de129273398"), cadre="A13"), foreign)] == []
    assert [f.code for f in asked(agreed(supplier=Party("3", "DE129273398"), cadre="A13"), foreign)] == ["FLX-F01"]
    assert SUPPLIER not in [actor.party for actor in MARKET.actors]
