"""What the passing of a delay does by itself: a silence that validates, a MOE that is late."""

from datetime import UTC, date, datetime, timedelta

import pytest
from filing import FIRST, MINUTE, ROWS, TABLES, File, at
from msgspec.structs import replace

from flux.clocks import clocks, due_acts
from flux.dossier import Act
from flux.lifecycle import moved
from flux.piece import Actor
from flux.when import PARIS

# -- tacit ------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begun", "last"),
    [
        (FIRST, date(2026, 6, 16)),
        (date(2026, 3, 14), date(2026, 3, 30)),   # 29 March, a Sunday of 23 hours: Monday
        (date(2026, 10, 10), date(2026, 10, 26)),  # 25 October, of 25 hours: Monday
        (date(2026, 3, 20), date(2026, 4, 7)),    # Holy Saturday, Easter, its Monday
    ],
)  # fmt: skip
def test_a_valideur_who_says_nothing_accepts_after_midnight_of_the_last_day(begun, last):
    file = File("A10", begun)
    midnight = datetime.combine(last + timedelta(days=1), datetime.min.time(), PARIS).astimezone(UTC)
    assert due_acts(file.pieces[0], midnight - MINUTE, TABLES) is None
    act = due_acts(file.pieces[0], midnight, TABLES)
    assert act == Act("valider_tacitement", Actor("systeme", ""), "flux", comment="validation par le valideur : 15 jours dépassés (CCP R2193-12)")
    steps = moved(file.pieces[0], act, midnight, TABLES)
    assert [step.status for step in steps] == ["ABSENCE_VALIDATION_1_HORS_DELAI", "MISE_A_DISPOSITION_MOE"]
    after = replace(file.pieces[0], moves=(*file.pieces[0].moves, *steps))
    assert due_acts(after, midnight, TABLES) is None
    told = {clock.name: clock for clock in clocks(after, (after,), "etat", midnight, TABLES)}
    assert (told["validation"].state, told["validation"].ended) == ("passed", midnight)
    assert told["payment"].due == last + timedelta(days=31)


def test_a_valideur_who_spoke_is_not_spoken_for():
    later = at(date(2026, 9, 1))
    spoken = due_acts(File("A10", FIRST).does("valider", "valideur", date(2026, 6, 16)).pieces[0], later, TABLES)
    assert spoken.act == "constater_retard_moe"  # which is another silence
    refusal = File("A10", FIRST).does("refuser", "valideur", FIRST, motive="AUTRE", comment="pas nos travaux")
    assert due_acts(refusal.pieces[0], later, TABLES) is None


def test_a_moe_that_is_late_is_told_of_after_midnight_of_the_seventh_day_and_once():
    file = File("A4", FIRST)
    midnight = datetime.combine(date(2026, 6, 9), datetime.min.time(), PARIS).astimezone(UTC)
    assert due_acts(file.pieces[0], midnight - MINUTE, TABLES) is None
    act = due_acts(file.pieces[0], midnight, TABLES)
    assert (act.act, act.comment) == ("constater_retard_moe", "traitement par la MOE : 7 jours dépassés (CCAG 12.2.2, 3.2)")
    after = replace(file.pieces[0], moves=(*file.pieces[0].moves, *moved(file.pieces[0], act, midnight, TABLES)))
    assert (after.status, after.waits) == (file.pieces[0].status, file.pieces[0].waits)
    assert due_acts(after, midnight + timedelta(days=90), TABLES) is None


@pytest.mark.parametrize("name", [name for name, row in TABLES.clocks.delays.items() if not row.act])
def test_no_other_delay_lets_flux_act_by_itself(name):
    file = ROWS[name][0]()
    due = [due_acts(piece, at(date(2027, 1, 1)), TABLES) for piece in file.pieces]
    assert {act.act for act in due if act} <= {"constater_retard_moe"}
