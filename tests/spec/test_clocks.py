"""The delays of a piece and its dossier: from what to what, who is bound, and what a suspension does to them."""

from datetime import UTC, date, timedelta

import pytest
from cases import MOE, TITULAIRE
from filing import FIRST, IDS, MINUTE, ROWS, TABLES, File, at, refused, suspended

from flux.clocks import clocks
from flux.dossier import Act, Routing
from flux.faults import Fault
from flux.lifecycle import moved
from flux.piece import Actor

# -- each row ---------------------------------------------------------------------------------------------------------------------------------




def test_every_row_of_the_table_has_its_case():
    assert ROWS.keys() == TABLES.clocks.delays.keys()


@pytest.mark.parametrize("name", ROWS)
def test_a_delay_runs_until_midnight_of_its_last_day(name):
    begin, due, _ = ROWS[name]
    file, midnight = begin(), at(due + timedelta(days=1), 0)
    before, after = file.clock(name, midnight - MINUTE), file.clock(name, midnight)
    assert (before.state, before.left, before.ended) == ("running", 0, None)
    assert (after.state, after.left, after.ended) == ("passed", -1, None)
    assert {before.due, after.due} == {due}
    assert before.began == at(FIRST)
    assert file.clock(name, at(FIRST) - MINUTE) is None


@pytest.mark.parametrize("name", ROWS)
def test_what_is_done_the_day_before_or_on_the_last_day_keeps_it_and_the_day_after_does_not(name):
    begin, due, finish = ROWS[name]
    found = []
    for late in (-1, 0, 1):
        day = due + timedelta(days=late)
        clock = finish(begin(), day).clock(name, at(due + timedelta(days=90)), piece=0 if TABLES.clocks.delays[name].of == "piece" else -1)
        found.append((clock.state, clock.left, clock.ended, clock.due))
    assert found == [("kept", 1, at(due - timedelta(days=1)), due), ("kept", 0, at(due), due), ("passed", -1, at(due + timedelta(days=1)), due)]


@pytest.mark.parametrize(
    ("name", "role"),
    [("validation", "valideur"), ("moe", "moe"), ("payment", "service_financier"), ("general_statement", "moa"), ("tacit_statement", "moa"),
     ("signature", "fournisseur"), ("balance", "service_financier"), ("acknowledgement", "fournisseur")],
)  # fmt: skip
def test_a_delay_binds_an_actor_and_cites_its_article(name, role):
    begin, due, _ = ROWS[name]
    clock = begin().clock(name, at(due))
    assert clock.binds == Actor(role, IDS[role])
    assert clock.article.startswith(TABLES.clocks.delays[name].article)


# -- who pays ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payer", "due", "article"),
    [("etat", date(2026, 7, 1), "R2192-10"), ("collectivite", date(2026, 7, 1), "R2192-10"), ("sante", date(2026, 7, 21), "R2192-11"),
     ("sante_armees", date(2026, 7, 21), "R2192-11"), ("entreprise_publique", date(2026, 7, 31), "R2192-11"), ("", date(2026, 7, 1), "R2192-10")],
)  # fmt: skip
def test_a_payer_has_30_50_or_60_days_and_one_that_is_not_known_the_shortest(payer, due, article):
    clock = File("A4", FIRST).clock("payment", at(FIRST), payer)
    assert (clock.due, clock.article.rpartition(", ")[2]) == (due, article)


def test_a_kind_of_payer_that_the_table_does_not_have_is_told_and_not_guessed():
    with pytest.raises(Fault) as raised:
        File("A4", FIRST).clock("payment", at(FIRST), "hopital")
    assert (raised.value.code, raised.value.facts["kind"]) == ("FLX-I125", "hopital")


# -- the dossier ------------------------------------------------------------------------------------------------------------------------------


def test_the_payment_runs_from_the_availability_of_the_first_piece_whatever_follows():
    file = File("A4", FIRST).then("A15", date(2026, 6, 5)).then("A19", date(2026, 6, 12))
    told = {file.clock("payment", at(date(2026, 6, 20)), piece=n) for n in range(3)}
    assert {(clock.began, clock.due) for clock in told} == {(at(FIRST), date(2026, 7, 1))}


@pytest.mark.parametrize(("cadre", "status"), [("A1", "MISE_A_DISPOSITION"), ("A6", "MISE_A_DISPOSITION"), ("A5", "MISE_A_DISPOSITION_MOA"), ("A4", "MISE_A_DISPOSITION_MOE")])
def test_a_first_piece_starts_the_payment_where_it_arrives(cadre, status):
    file = File(cadre, FIRST)
    assert file.pieces[0].status == status
    assert file.clock("payment", at(FIRST)).due == date(2026, 7, 1)


def test_a_subcontractor_is_paid_from_the_valideurs_agreement_on():
    file = File("A10", FIRST)
    assert file.clock("payment", at(date(2026, 6, 9))) is None
    file.does("valider", "valideur", date(2026, 6, 10))
    assert file.clock("payment", at(date(2026, 6, 10))).due == date(2026, 7, 10)


def test_the_balance_runs_from_the_general_and_final_statement_and_not_from_the_draft():
    file = File("A7", FIRST).then("A17", date(2026, 6, 10)).then("A20", date(2026, 6, 20))
    assert file.clock("balance", at(date(2026, 7, 1))) is None
    file.then("A8", date(2026, 7, 2))
    assert file.clock("balance", at(date(2026, 7, 2))).due == date(2026, 8, 1)  # a Saturday stays
    assert file.clock("payment", at(date(2026, 7, 2))) is None


def test_the_balance_runs_from_the_end_of_the_ten_days_when_no_general_statement_came():
    file = File("A7", date(2026, 4, 20)).then("A22", FIRST)
    assert file.clock("balance", at(date(2026, 6, 11), 23)) is None
    clock = file.clock("balance", at(date(2026, 6, 12), 0))
    assert (clock.began, clock.due) == (at(date(2026, 6, 12), 0), date(2026, 7, 11))
    assert clock.began.tzinfo is UTC
    file.then("A23", date(2026, 6, 20))
    assert file.clock("balance", at(date(2026, 6, 20))).due == date(2026, 7, 11)


def test_a_general_statement_in_the_ten_days_leaves_the_balance_to_its_signature():
    file = File("A7", date(2026, 4, 20)).then("A22", FIRST).then("A20", date(2026, 6, 11))
    assert file.clock("balance", at(date(2026, 6, 30))) is None
    assert file.then("A8", date(2026, 7, 1)).clock("balance", at(date(2026, 7, 1))).due == date(2026, 7, 31)


def test_a_dossier_without_its_first_piece_is_an_error_of_ours():
    file = File("A4", FIRST).then("A15", FIRST)
    with pytest.raises(KeyError):
        clocks(file.pieces[1], (file.pieces[1],), "etat", at(FIRST), TABLES)


def test_what_happened_later_is_not_seen():
    file = suspended(File("A4", FIRST), date(2026, 6, 3))
    assert file.clock("payment", at(date(2026, 6, 3)) - MINUTE).state == "running"
    assert file.clock("payment", at(date(2026, 6, 3))).state == "suspended"


# -- refusals ---------------------------------------------------------------------------------------------------------------------------------


def test_a_refusal_stops_the_payment_and_a_recycling_starts_it_anew():
    file = refused(File("A4", FIRST), date(2026, 6, 4))
    stopped = file.clock("payment", at(date(2026, 8, 1)))
    assert (stopped.state, stopped.ended, stopped.left) == ("stopped", at(date(2026, 6, 4)), 27)
    assert file.clock("moe", at(date(2026, 8, 1))).state == "kept"
    file.does("recycler", "fournisseur", date(2026, 6, 10), routing=Routing(moe=TITULAIRE))
    again = file.clock("payment", at(date(2026, 6, 10)))
    assert (again.state, again.began, again.due) == ("running", at(date(2026, 6, 10)), date(2026, 7, 10))
    assert file.clock("moe", at(date(2026, 6, 10))).binds == Actor("moe", TITULAIRE.id)
    assert file.clock("moe", at(date(2026, 6, 9))).binds == Actor("moe", MOE.id)


def test_a_refusal_of_the_moes_own_piece_is_not_the_suppliers():
    file = File("A4", FIRST).then("A15", date(2026, 6, 4))
    file.does("refuser", "moa", date(2026, 6, 5), motive="MAUVAISE_MOA", comment="autre")
    assert file.clock("payment", at(date(2026, 6, 5))).state == "running"


def test_an_acknowledgement_is_no_second_refusal():
    file = refused(File("A4", FIRST), FIRST).does("acquitter", "fournisseur", date(2026, 6, 2)).does("acquitter", "fournisseur", date(2026, 6, 3))
    clock = file.clock("acknowledgement", at(date(2026, 6, 3)))
    assert (clock.state, clock.began, clock.ended) == ("kept", at(FIRST), at(date(2026, 6, 2)))


# -- suspension -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payer", "on", "back", "due"),
    [
        ("collectivite", date(2026, 6, 5), date(2026, 6, 20), date(2026, 7, 20)),  # 26 were left: thirty anew
        ("collectivite", FIRST, FIRST, date(2026, 7, 1)),                          # 30 were left
        ("sante", date(2026, 6, 5), date(2026, 6, 20), date(2026, 8, 5)),          # 46 were left: they stay
        ("sante", date(2026, 6, 21), date(2026, 6, 22), date(2026, 7, 22)),        # 30 were left
        ("sante", date(2026, 6, 22), date(2026, 6, 23), date(2026, 7, 23)),        # 29 were left
        ("entreprise_publique", date(2026, 6, 2), date(2026, 6, 3), date(2026, 8, 1)),
    ],
)  # fmt: skip
def test_a_completion_opens_thirty_days_or_the_balance_when_it_is_longer(payer, on, back, due):
    file = suspended(File("A4", FIRST), on, hour=10)
    waiting = file.clock("payment", at(back, 11), payer)
    left = TABLES.clocks.payers[payer].days - (on - FIRST).days
    assert (waiting.state, waiting.left, waiting.suspended) == ("suspended", left, ((at(on), None),))
    file.does("completer", "fournisseur", back, hour=12)
    clock = file.clock("payment", at(back, 12), payer)
    assert (clock.state, clock.due, clock.suspended) == ("running", due, ((at(on), at(back, 12)),))


def test_a_suspended_delay_does_not_pass_however_long_it_waits():
    file = suspended(File("A4", FIRST), date(2026, 7, 1))
    clock = file.clock("payment", at(date(2027, 1, 1)))
    assert (clock.state, clock.left, clock.due) == ("suspended", 0, date(2026, 7, 1))


def test_what_has_passed_is_not_mended_by_a_suspension():
    file = suspended(File("A4", FIRST), date(2026, 7, 2))
    assert file.clock("payment", at(date(2026, 7, 2))).state == "passed"
    file.does("completer", "fournisseur", date(2026, 7, 3))
    assert (file.clock("payment", at(date(2026, 7, 3))).due, file.clock("payment", at(date(2026, 7, 3))).suspended) == (date(2026, 7, 1), ())


def test_the_days_of_the_moe_are_given_anew_and_go_over_days_off():
    """Suspended before a long weekend, completed on the Monday before Ascension: the last day would be Whit Monday."""
    file = suspended(File("A4", date(2026, 5, 11)), date(2026, 5, 13))
    file.does("completer", "fournisseur", date(2026, 5, 18))
    assert file.clock("moe", at(date(2026, 5, 18))).due == date(2026, 5, 26)
    assert file.clock("payment", at(date(2026, 5, 18))).due == date(2026, 6, 17)


def test_no_piece_is_suspended_twice_and_of_two_pieces_of_a_dossier_the_first_suspension_counts():
    file = suspended(File("A4", FIRST), date(2026, 6, 2)).does("completer", "fournisseur", date(2026, 6, 3))
    file.does("prendre_en_compte", "moe", date(2026, 6, 3), hour=11)
    again = moved(file.pieces[0], Act("suspendre", Actor("moe", MOE.id), "jo", comment="encore"), at(date(2026, 6, 4)), TABLES)
    assert again.code == "FLX-W07"
    suspended(file.then("A15", date(2026, 6, 5)), date(2026, 6, 8), "moa")
    clock = file.clock("payment", at(date(2026, 6, 9)))
    assert (clock.state, clock.due, len(clock.suspended)) == ("running", date(2026, 7, 3), 1)


def test_a_suspension_of_a_later_piece_counts_for_the_payment_and_not_for_the_general_statement():
    file = suspended(File("A4", FIRST).then("A15", FIRST), date(2026, 6, 2), "moa")
    assert file.clock("payment", at(date(2026, 6, 3))).state == "suspended"
    file = suspended(File("A7", FIRST).then("A17", FIRST), date(2026, 6, 2), "moa")
    assert file.clock("general_statement", at(date(2026, 6, 3))).state == "running"
