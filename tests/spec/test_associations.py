"""Associations: each link of the chain holds, and each way to break it is refused with its code while its twin passes."""

from datetime import timedelta

import pytest
from lives import MOE, NOON, PARTIES, PIECE, SUPPLIER, TABLES, a_standing, standing_in
from msgspec.structs import replace

from flux.dossier import Ref
from flux.model import Known
from flux.piece import Actor, Party
from flux.policy import Policy
from flux.validators import Context
from flux.validators.dossier import association, carry, depositor, openers, previous
from flux.when import day_of

LINKS = [(row, before) for row in TABLES.life.chain for before in row.after]
FIRST = {"moe": ("MISE_A_DISPOSITION_MOE", "PRISE_EN_COMPTE_MOE"), "moa": ("MISE_A_DISPOSITION_MOA",), "fournisseur": ("A_ASSOCIER_FOURNISSEUR",)}


def deposited(cadre, by, **changes):
    """A piece of this cadre that names nothing but the piece before."""
    blank = replace(PIECE, cadre=cadre, number="050", deposit="association", previous="SIT-1", mode="service", depositor=Actor(by, PARTIES[by].id),
                    market="", engagement="", supplier=SUPPLIER if by == "fournisseur" else Party(), recipient=Party(), moe=None, moa=None, valideur=None)  # fmt: skip
    return replace(blank, **changes)


def on(days, **policy):
    """What a rule may look at beside the piece, so many days after the deposit of the piece before."""
    return Context(TABLES, Policy(**policy), "FSO1116A", day_of(NOON + timedelta(days=days)))


def findings(piece, *standings, context):
    known = Known(standing={one.piece.number: (one,) for one in standings})
    meant = previous(piece, known, TABLES)
    completed, _ = carry(piece, meant, TABLES)
    return [*depositor(completed, TABLES), *association(completed, meant, known, context)]


LATER = on(60)


def found(piece, *standings, context=LATER):
    """The codes for this piece where these are known."""
    return [f.code for f in findings(piece, *standings, context=context)]


@pytest.mark.parametrize(("link", "cadre"), LINKS, ids=[f"{before} → {row.cadre}" for row, before in LINKS])
def test_each_link_of_the_chain_lets_its_piece_pass(link, cadre):
    status = "MISE_A_DISPOSITION_MOE" if link.act == "remplacer_par_a22" or cadre == "A22" else "MISE_A_DISPOSITION_MOE" if link.by == "moe" else FIRST[link.by][0]
    assert found(deposited(link.cadre, link.by), standing_in(a_standing(cadre), status)) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"previous": "SIT-2"}, "FLX-W10"),
        ({"cadre": "A17"}, "FLX-W12"),
        ({"depositor": Actor("moe", "99913107100014")}, "FLX-W13"),
        ({"depositor": Actor("moa", PARTIES["moa"].id)}, "FLX-W15"),
        ({"market": "2026-MT-0117"}, "FLX-W14"),
        ({"supplier": Party("1", "99914061200038")}, "FLX-W14"),
        ({"recipient": Party("1", "21990117000015")}, "FLX-W14"),
    ],
    ids=["a piece that is not there", "out of order", "another MOE", "the MOA in the MOE's place", "another market", "another supplier", "another recipient"],
)  # fmt: skip
def test_an_association_that_does_not_fit_is_refused_and_its_twin_is_not(change, code):
    sound = deposited("A15", "moe")
    a4 = a_standing("A4", market="2026-MT-0042")
    moe = change.get("depositor", Actor("moe", MOE.id))
    wrong = replace(sound, **change, **({"moe": Party("1", moe.id)} if code == "FLX-W13" else {}))
    assert code in found(wrong, a4)
    assert found(sound, a4) == []


@pytest.mark.parametrize("status", sorted(TABLES.life.statuses))
def test_only_a_piece_that_is_at_its_actors_may_be_continued(status):
    open_ = status in {"MISE_A_DISPOSITION_MOE", "PRISE_EN_COMPTE_MOE", "MISE_A_DISPOSITION_MOA", "PRISE_EN_COMPTE_MOA", "A_ASSOCIER_FOURNISSEUR", "COMPLETEE"}
    assert found(deposited("A15", "moe"), standing_in(a_standing("A4"), status)) == ([] if open_ else ["FLX-W11"])


def test_what_the_piece_does_not_say_is_carried_over_and_named():
    before = (a_standing("A4"),)
    completed, carried = carry(deposited("A15", "moe"), before, TABLES)
    assert carried == ("market", "engagement", "supplier", "recipient", "valideur", "moe", "moa")
    assert (completed.market, completed.supplier, completed.moa) == (PIECE.market, PIECE.supplier, PIECE.moa)
    said, fewer = carry(deposited("A15", "moe", market="2026-MT-0042"), before, TABLES)
    assert (said.market, "market" in fewer) == ("2026-MT-0042", False)


@pytest.mark.parametrize("change", [{"depositor": Actor("moe", "99913107100014")}, {"cadre": "A17"}], ids=["a stranger", "a cadre that does not follow"])
def test_who_may_not_deposit_on_a_piece_learns_nothing_of_it(change):
    meant = (a_standing("A4"),)
    completed, carried = carry(replace(deposited("A15", "moe"), **change), meant, TABLES)
    assert (carried, completed.market, completed.supplier.id) == ((), "", "")
    facts = [fact for finding in association(completed, meant, Known(), on(60)) for fact in finding.facts]
    assert not {MOE.id, SUPPLIER.id, PIECE.market} & {fact for _, fact in facts}


def test_of_several_pieces_of_one_number_the_one_that_is_meant_is_found_or_asked_for():
    one, other = a_standing("A4", flow="f1"), a_standing("A4", flow="f2", market="2026-MT-0117", supplier=Party("1", "99914061200038"))
    known = Known(standing={"SIT-1": (one, other)})

    def meant(**said):
        return previous(deposited("A15", "moe", **said), known, TABLES)

    assert meant(market="2026-MT-0042") == (one,)
    assert meant(supplier=Party("1", "99914061200038")) == (other,)
    assert [f.code for f in association(deposited("A15", "moe"), meant(), known, on(60))] == ["FLX-W16"]
    known.standing["SIT-1"] = (one, standing_in(other, "ASSOCIEE"))
    assert meant() == (one,)
    known.standing["SIT-1"] = (one, replace(other, piece=replace(other.piece, moe=Party("1", "99913107100014"))))
    assert meant() == (one,)


def test_a_piece_that_names_nobody_in_a_role_is_continued_by_nobody():
    a22 = a_standing("A22", moa=None)
    assert "FLX-W13" in found(deposited("A25", "moa"), a22)
    assert found(deposited("A25", "moa"), a_standing("A22")) == []


def test_only_where_it_is_set_is_a_moe_who_acts_for_the_moa_named_among_those_who_may_go_on():
    wrong = deposited("A17", "moe")
    (plain,), (set_,) = (findings(wrong, a_standing("A4"), context=on(60, moe_for_moa=value)) for value in (False, True))
    assert [dict(f.facts)["expected"] for f in (plain, set_)] == ["A15 (moe)", "A15 (moe), A16 (moe)"]


DRAFT = deposited("A22", "fournisseur")


@pytest.mark.parametrize(("days", "codes"), [(29, ["FLX-W18"]), (30, ["FLX-W18"]), (31, [])], ids=["a day left", "the last day", "the day after"])
def test_a_tacit_draft_before_the_thirty_days_are_over_is_told(days, codes):
    assert found(DRAFT, a_standing("A7"), context=on(days)) == codes  # the 23rd of December 2026 is a Wednesday


def test_on_a_draft_of_the_moe_the_thirty_days_are_those_of_the_first_piece():
    first = a_standing("A7", flow="f0", number="PDF-1")
    draft = replace(a_standing("A17"), first=first.ref, dossier="PDF-1", previous=first.ref)
    assert list(openers(DRAFT, (draft,), TABLES)) == ["PDF-1"]
    assert [found(DRAFT, draft, first, context=on(days)) for days in (30, 31)] == [["FLX-W18"], []]
    assert found(DRAFT, draft, context=on(30)) == []  # of a delay that is not known nothing is said


@pytest.mark.parametrize(("days", "codes"), [(10, ["FLX-W18"]), (11, [])], ids=["the last day", "the day after"])
def test_a_tacit_general_statement_comes_once_the_ten_days_of_its_draft_are_over(days, codes):
    first = a_standing("A7", flow="f0", number="PDF-1")
    draft = replace(a_standing("A22"), first=first.ref, dossier="PDF-1", previous=first.ref)
    assert found(deposited("A23", "fournisseur"), draft, first, context=on(days)) == codes  # the tenth day is the 3rd of December, a Thursday


def test_the_first_piece_is_asked_for_only_where_a_delay_counts():
    draft = replace(a_standing("A17"), first=Ref("f0", 1), dossier="PDF-1")
    assert list(openers(deposited("A20", "moa"), (draft,), TABLES)) == []
    assert list(openers(DRAFT, (a_standing("A7"),), TABLES)) == []


def test_a_first_piece_looks_for_no_piece_before_it():
    assert found(replace(PIECE, mode="service")) == []
