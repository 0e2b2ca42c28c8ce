"""The life of a piece: each row of transitions.toml leads where it says, and nothing that no row says is done."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lives import MOA, MOE, NOON, PARTIES, SUPPLIER, TABLES, a_standing, an_act, as_role, standing_in
from msgspec.structs import replace

from flux.dossier import Routing
from flux.lifecycle import after, allowed, associated, current, moved, party_of, reopened, reopens
from flux.model import Finding
from flux.piece import Actor, Party
from flux.tables.life import INITIAL

LATER = NOON + timedelta(days=1)
ASKED = [row for row in TABLES.life.transitions if not row.deposit]
CASES = [(row, status) for row in ASKED for status in row.from_]


def cadre_of(row, status):
    """A cadre whose pieces may stand there."""
    if row.cadres:
        return row.cadres[0]
    if status.endswith(("MOA", "REFUSEE_MOA")):
        return "A15"
    return {"A_VALIDER_1": "A10", "REFUSEE_1": "A10", "A_ASSOCIER_FOURNISSEUR": "A20"}.get(status, "A4")


def asked_of(row, standing):
    """This row's act, with all that it demands, as whoever may do it."""
    role = standing.depositor.role if row.by[0] == "deposant" else next(r for r in row.by if row.out_of_turn or not standing.waits or r in (standing.waits.role, "systeme"))
    routing = Routing(moe=Party("1", "99913107100014")) if row.routing == "must" else None
    return an_act(row.act, role, motive=row.motives[0] if row.motives else "", comment="la pièce jointe 3 manque" if row.comment else "", routing=routing)


def a_case(row, status):
    standing = a_standing(cadre_of(row, status))
    if row.waits == "suspendant":
        standing = standing_in(standing, "PRISE_EN_COMPTE_MOE")
        standing = after(standing, moved(standing, an_act("suspendre", "moe", comment="?"), LATER, TABLES))
    else:
        standing = standing_in(standing, status)
    if (standing.waits or status == "COMPLETEE") and row.by != ("systeme",) and not row.out_of_turn and row.by[0] != "deposant":
        standing = replace(standing, moves=(*standing.moves[:-1], replace(standing.last, waits=as_role(row.by[0]))))
    return standing


@pytest.mark.parametrize(("row", "status"), CASES, ids=[f"{row.act} by {row.by[0]} from {status}{'' if not row.cadres else ' ' + row.cadres[0]}" for row, status in CASES])
def test_each_act_of_the_table_leads_where_the_table_says(row, status):
    standing = a_case(row, status)
    steps = moved(standing, asked_of(row, standing), LATER, TABLES)
    assert not isinstance(steps, Finding), steps
    reached = [step.status for step in steps]
    to = TABLES.life.initial["moe"] if row.to == INITIAL and standing.piece.cadre == "A4" else TABLES.life.initial[steps[-1].waits.role] if row.to == INITIAL else row.to or status
    assert reached == [to, row.then] if row.then else reached == [to]
    assert [step.seq for step in steps] == list(range(standing.last.seq + 1, standing.last.seq + 1 + len(steps)))
    assert (steps[-1].waits is None) == (row.waits == "")
    assert row.by == ("systeme",) or (row.act, asked_of(row, standing).actor.role) in allowed(standing, TABLES)


@pytest.mark.parametrize(
    ("cadre", "status", "good", "wrong", "code"),
    [
        ("A4", "MISE_A_DISPOSITION_MOE", ("prendre_en_compte", "moe"), ("danser", "moe"), "FLX-W01"),
        ("A4", "MISE_A_DISPOSITION_MOE", ("prendre_en_compte", "moe"), ("mandater", "service_financier"), "FLX-W02"),
        ("A6", "MISE_A_DISPOSITION", ("mandater", "service_financier"), ("prendre_en_compte", "moe"), "FLX-W02"),
        ("A4", "PRISE_EN_COMPTE_MOE", ("suspendre", "moe", "", "?"), ("prendre_en_compte", "moe"), "FLX-W02"),
        ("A4", "MISE_A_DISPOSITION_MOE", ("suspendre", "moe", "", "la pièce jointe 3 manque"), ("suspendre", "moe", "", "  "), "FLX-W04"),
        ("A4", "MISE_A_DISPOSITION_MOE", ("refuser", "moe", "MAUVAISE_MOE", "?"), ("refuser", "moe", "AUTRE", "?"), "FLX-W05"),
        ("A4", "MISE_A_DISPOSITION_MOE", ("refuser", "moe", "MAUVAISE_MOA", "?"), ("refuser", "moe", "", "?"), "FLX-W05"),
        ("A4", "MISE_A_DISPOSITION_MOE", ("refuser", "moe", "MAUVAIS_VALIDEUR", "?"), ("refuser", "moe", "ERREUR_DE_MONTANT", "?"), "FLX-W06"),
        ("A17", "MISE_A_DISPOSITION_MOA", ("refuser", "moa", "AUTRE", "?"), ("refuser", "moa", "ERREUR_DE_MONTANT", "?"), "FLX-W06"),
        ("A20", "A_ASSOCIER_FOURNISSEUR", ("refuser", "fournisseur", "AUTRE", "?"), ("refuser", "fournisseur", "MAUVAISE_MOA", "?"), "FLX-W05"),
        ("A15", "MISE_A_DISPOSITION_MOA", ("refuser", "moa", "MAUVAISE_MOA", "?"), ("refuser", "moa", "AUTRE", "?"), "FLX-W05"),
    ],
)  # fmt: skip
def test_what_the_table_does_not_say_is_refused_with_its_code_and_its_twin_is_done(cadre, status, good, wrong, code):
    standing = standing_in(a_standing(cadre), status)

    def tried(act, role, motive="", comment=""):
        return moved(standing, an_act(act, role, motive=motive, comment=comment), LATER, TABLES)

    assert tried(*wrong).code == code
    assert not isinstance(tried(*good), Finding)


def test_another_establishment_than_the_one_that_the_piece_names_may_not_act_on_it():
    standing = a_standing("A4")
    act = an_act("prendre_en_compte", "moe")
    stranger = replace(act, actor=Actor("moe", "99913107100014"))
    assert moved(standing, stranger, LATER, TABLES).code == "FLX-W03"
    assert not isinstance(moved(standing, act, LATER, TABLES), Finding)


def test_a_piece_is_suspended_once_and_completed_it_returns_to_whoever_suspended_it():
    standing = a_standing("A4")
    suspend = an_act("suspendre", "moe", comment="la pièce jointe 3 manque")
    standing = after(standing, moved(standing, suspend, LATER, TABLES))
    assert standing.waits == Actor("fournisseur", SUPPLIER.id)
    standing = after(standing, moved(standing, an_act("completer", "fournisseur"), LATER, TABLES))
    assert (standing.status, standing.waits) == ("COMPLETEE", Actor("moe", MOE.id))
    assert moved(standing, an_act("prendre_en_compte", "moa"), LATER, TABLES).code == "FLX-W03"
    standing = after(standing, moved(standing, an_act("prendre_en_compte", "moe"), LATER, TABLES))
    assert moved(standing, suspend, LATER, TABLES).code == "FLX-W07"


def test_a_recycling_corrects_the_routing_keeps_the_number_and_leads_to_the_new_moe():
    standing = a_standing("A4")
    standing = after(standing, moved(standing, an_act("refuser", "moe", motive="MAUVAISE_MOE", comment="nous ne suivons pas ce marché"), LATER, TABLES))
    other = Party("1", "99913107100014", "Quatre-Vents")
    assert moved(standing, an_act("recycler", "fournisseur"), LATER, TABLES).code == "FLX-W09"
    for void in (Routing(moe=MOE), Routing(moe=Party("1", "not a siret"))):
        assert moved(standing, an_act("recycler", "fournisseur", routing=void), LATER, TABLES).code == "FLX-W17"
    steps = moved(standing, an_act("recycler", "fournisseur", routing=Routing(moe=other, service="VOIRIE")), LATER, TABLES)
    again = after(standing, steps)
    piece = current(again)
    assert (again.status, again.waits, piece.number) == ("MISE_A_DISPOSITION_MOE", Actor("moe", other.id), standing.piece.number)
    assert (piece.moe, piece.recipient.service, piece.moa, again.piece) == (other, "VOIRIE", MOA, standing.piece)


def test_what_no_recycling_is_carries_no_routing():
    act = an_act("prendre_en_compte", "moe", routing=Routing(moe=MOA))
    assert moved(a_standing("A4"), act, LATER, TABLES).code == "FLX-W09"


def test_a_validated_piece_of_a_subcontractor_goes_to_the_moe_at_once_and_so_does_one_that_nobody_validated():
    standing = a_standing("A10")
    assert standing.status == "A_VALIDER_1"
    for act in (an_act("valider", "valideur"), an_act("valider_tacitement", "systeme")):
        first, second = moved(standing, act, LATER, TABLES)
        assert (first.waits, second.status, second.waits) == (None, "MISE_A_DISPOSITION_MOE", Actor("moe", MOE.id))


def test_one_establishment_in_two_roles_acts_in_the_role_whose_turn_it_is():
    """The usual commune is MOA and recipient: what waits for the MOA is not the financial service's to pay."""
    standing = a_standing("A15")
    standing = after(standing, moved(standing, an_act("suspendre", "moa", comment="?"), LATER, TABLES))
    standing = after(standing, moved(standing, an_act("completer", "moe"), LATER, TABLES))
    assert standing.waits == Actor("moa", MOA.id)
    assert moved(standing, an_act("mettre_en_paiement", "service_financier"), LATER, TABLES).code == "FLX-W03"
    assert not isinstance(moved(standing, an_act("prendre_en_compte", "moa"), LATER, TABLES), Finding)


def test_nobody_acts_as_the_system_but_flux():
    standing = a_standing("A10")
    stranger = replace(an_act("valider_tacitement", "systeme"), actor=Actor("systeme", "x"))
    assert moved(standing, stranger, LATER, TABLES).code == "FLX-W02"
    assert not isinstance(moved(standing, an_act("valider_tacitement", "systeme"), LATER, TABLES), Finding)


def test_a_piece_is_never_handed_to_nobody_and_who_validates_may_say_to_whom():
    standing = a_standing("A10", moe=None)
    assert moved(standing, an_act("valider", "valideur"), LATER, TABLES).code == "FLX-P20"
    assert moved(standing, an_act("valider_tacitement", "systeme"), LATER, TABLES).code == "FLX-P20"
    steps = moved(standing, an_act("valider", "valideur", routing=Routing(moe=MOE)), LATER, TABLES)
    assert steps[-1].waits == Actor("moe", MOE.id)


def test_what_is_refused_for_good_is_never_recycled_and_what_is_refused_for_its_routing_may_be():
    """Another is issued in its place: if it came back, both would stand."""
    a17, other = a_standing("A17"), Routing(moa=Party("1", "21990117000015"))
    codes = {}
    for motive in ("AUTRE", "MAUVAISE_MOA"):
        refused = after(a17, moved(a17, an_act("refuser", "moa", motive=motive, comment="?"), LATER, TABLES))
        steps = moved(refused, an_act("recycler", "moe", routing=other), LATER, TABLES)
        codes[motive] = steps.code if isinstance(steps, Finding) else steps[-1].status
        assert ("recycler" in {act for act, _ in allowed(refused, TABLES)}) == (motive != "AUTRE")
    assert codes == {"AUTRE": "FLX-W02", "MAUVAISE_MOA": "MISE_A_DISPOSITION_MOA"}


@pytest.mark.parametrize(
    ("cadre", "act", "open_"),
    [
        ("A6", an_act("rejeter", "service_financier", comment="?"), True),
        ("A20", an_act("refuser", "fournisseur", motive="AUTRE", comment="?"), True),
        ("A17", an_act("refuser", "moa", motive="AUTRE", comment="?"), True),
        ("A17", an_act("refuser", "moa", motive="MAUVAISE_MOE", comment="?"), False),
        ("A6", an_act("suspendre", "service_financier", comment="?"), False),
    ],
)
def test_what_is_refused_for_good_opens_the_piece_before_again(cadre, act, open_):
    assert reopens(moved(a_standing(cadre), act, LATER, TABLES)[-1], TABLES) == open_
    before = standing_in(a_standing("A7"), "PRISE_EN_COMPTE_MOE")
    gone = after(before, [associated(before, "associer", as_role("moe"), "rives", LATER, TABLES)])
    again = after(gone, [reopened(gone, LATER)])
    assert (again.status, again.waits, again.last.seq) == (before.status, before.waits, gone.last.seq + 1)


roles = st.sampled_from([role for role in PARTIES if role != "systeme"])
acts = st.builds(
    an_act, st.sampled_from(TABLES.life.acts), roles, motive=st.sampled_from(["", *TABLES.life.motives]), comment=st.sampled_from(["", "x"]),
    routing=st.sampled_from([None, Routing(moe=MOA), Routing(service="S")]),
)  # fmt: skip


@given(st.sampled_from(list(TABLES.works)), st.lists(acts, max_size=60))
@settings(max_examples=200, deadline=None)
def test_a_life_at_random_never_leaves_the_table(cadre, asked):
    standing = a_standing(cadre)
    for act in asked:
        before, may = standing, allowed(standing, TABLES)
        steps = moved(standing, act, LATER, TABLES)
        if isinstance(steps, Finding):
            assert steps.code in TABLES.catalogue
            continue
        standing = after(standing, steps)
        assert act.act in {name for name, _ in may}
        row = next(r for r in TABLES.life.transitions if r.act == act.act and before.status in r.from_)
        assert standing.status in TABLES.life.statuses
        assert not TABLES.life.statuses[before.status].final
        assert standing.waits is None or not standing.waits.role or party_of(current(standing), standing.waits.role).id == standing.waits.id
        assert row.act != "suspendre" or sum(step.act == "suspendre" for step in standing.moves) == 1
        assert [step.seq for step in standing.moves] == list(range(1, len(standing.moves) + 1))
