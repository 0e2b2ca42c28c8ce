"""The delays of a piece and its dossier: from what to what, counted in days of Paris, and what a suspension does to them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from cases import MOE, RECIPIENT, SUPPLIER, TITULAIRE, a_piece
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flux import tables as flux_tables
from flux.clocks import clocks, due_acts
from flux.days import easter, off, working
from flux.decision import next_actor
from flux.dossier import Act, Ref, Routing
from flux.faults import Fault
from flux.lifecycle import associated, moved, opened
from flux.model import Finding
from flux.piece import Actor
from flux.when import PARIS, day_of

TABLES = flux_tables.load()
CALENDAR = TABLES.clocks.calendar
IDS = {"moe": MOE.id, "moa": RECIPIENT.id, "valideur": TITULAIRE.id, "service_financier": RECIPIENT.id, "fournisseur": SUPPLIER.id}
MINUTE = timedelta(minutes=1)
FIRST = date(2026, 6, 1)  # a Monday


def at(day, hour=10, minute=0):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=PARIS).astimezone(UTC)


class File:
    """A dossier under way: each step is what the machine allows, or the test fails."""

    def __init__(self, cadre, day):
        self.pieces = []
        self._open(cadre, day, None)

    def _open(self, cadre, day, previous):
        number = len(self.pieces) + 1
        piece = replace(a_piece(), cadre=cadre, number=f"N{number}", valideur=TITULAIRE if cadre in ("A10", "A13", "A14") else None)
        actor = next_actor(piece, TABLES)
        self.pieces.append(opened(piece, Ref(f"F{number}", 1), "batipro", "", actor, (at(day), at(day)), TABLES, previous))

    def then(self, cadre, day):
        """The next piece, deposited on the last."""
        before = self.pieces[-1]
        link = next(row for row in TABLES.life.follows(before.piece.cadre) if row.cadre == cadre)
        step = associated(before, link.act, Actor(link.by, IDS[link.by]), "batipro", at(day), TABLES)
        self.pieces[-1] = replace(before, moves=(*before.moves, step))
        self._open(cadre, day, before)
        return self

    def does(self, act, role, day, piece=-1, hour=10, **more):
        """An act on a piece of it, the last unless said."""
        standing = self.pieces[piece]
        id_ = standing.depositor.id if role == standing.depositor.role else IDS.get(role, "")
        steps = moved(standing, Act(act, Actor(role, id_), "jo", **more), at(day, hour), TABLES)
        assert not isinstance(steps, Finding), steps
        self.pieces[piece] = replace(standing, moves=(*standing.moves, *steps))
        return self

    def clock(self, name, now, payer="collectivite", piece=-1):
        """The clock of this name as the piece tells it, None when there is none."""
        return {clock.name: clock for clock in clocks(self.pieces[piece], tuple(self.pieces), payer, now, TABLES)}.get(name)


def refused(file, day):
    return file.does("refuser", "moe", day, motive="MAUVAISE_MOA", comment="autre")


def suspended(file, day, role="moe", **more):
    return file.does("suspendre", role, day, comment="le métré manque", **more)


# -- each row ---------------------------------------------------------------------------------------------------------------------------------

ROWS = {  # name -> how it begins on FIRST, its last day, what keeps it
    "validation": (lambda: File("A13", FIRST), date(2026, 6, 16), lambda file, day: file.does("valider", "valideur", day)),
    "moe": (lambda: File("A4", FIRST), date(2026, 6, 8), lambda file, day: file.then("A15", day)),
    "payment": (
        lambda: File("A4", FIRST).then("A15", FIRST).then("A19", FIRST), date(2026, 7, 1),
        lambda file, day: file.does("mettre_en_paiement", "service_financier", day),
    ),
    "general_statement": (lambda: File("A7", FIRST), date(2026, 7, 1), lambda file, day: file.then("A17", day).then("A20", day)),
    "tacit_statement": (lambda: File("A7", date(2026, 4, 20)).then("A22", FIRST), date(2026, 6, 11), lambda file, day: file.then("A20", day)),
    "signature": (lambda: File("A20", FIRST), date(2026, 7, 1), lambda file, day: file.then("A8", day)),
    "balance": (lambda: File("A8", FIRST), date(2026, 7, 1), lambda file, day: file.does("mettre_en_paiement", "service_financier", day)),
    "acknowledgement": (lambda: refused(File("A4", FIRST), FIRST), date(2026, 6, 8), lambda file, day: file.does("acquitter", "fournisseur", day)),
}  # fmt: skip


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


# -- days -------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begun", "due"),
    [
        (date(2024, 1, 30), date(2024, 2, 29)),   # a leap year
        (date(2023, 1, 30), date(2023, 3, 1)),
        (date(2026, 12, 15), date(2027, 1, 14)),  # over the year's end
        (date(2026, 12, 2), date(2027, 1, 1)),    # a holiday stays: a payment does not roll
        (date(2026, 2, 27), date(2026, 3, 29)),   # the day of 23 hours
        (date(2026, 9, 25), date(2026, 10, 25)),  # the day of 25 hours
    ],
)  # fmt: skip
def test_a_payment_is_counted_in_days_of_the_calendar(begun, due):
    file = File("A4", begun)
    midnight = datetime.combine(due + timedelta(days=1), datetime.min.time(), PARIS)
    assert file.clock("payment", midnight - MINUTE).due == due
    assert [file.clock("payment", now).state for now in (midnight - MINUTE, midnight)] == ["running", "passed"]


def test_a_clock_that_was_set_back_changes_no_order_and_shortens_nothing():
    file = suspended(File("A4", FIRST), date(2026, 6, 3)).does("completer", "fournisseur", date(2026, 6, 2))
    for name, due in (("moe", date(2026, 6, 10)), ("payment", date(2026, 7, 3))):
        clock = file.clock(name, at(date(2026, 6, 3)))
        assert (clock.state, clock.due, clock.suspended) == ("running", due, ((at(date(2026, 6, 3)), at(date(2026, 6, 3))),))


def test_instants_are_told_in_utc_whatever_the_moves_have():
    piece = suspended(File("A4", FIRST), date(2026, 6, 3)).pieces[0]
    local = replace(piece, moves=tuple(replace(move, at=move.at.astimezone(PARIS)) for move in piece.moves))
    told = clocks(local, (local,), "etat", at(date(2026, 6, 3)).astimezone(PARIS), TABLES)
    assert {moment.tzinfo for clock in told for moment in (clock.began, *(span[0] for span in clock.suspended))} == {UTC}
    assert told == clocks(piece, (piece,), "etat", at(date(2026, 6, 3)), TABLES)


def test_the_day_of_an_event_is_the_one_of_paris():
    piece = File("A4", FIRST).pieces[0]
    for minute, due in ((29, date(2026, 7, 1)), (30, date(2026, 7, 2))):
        night = datetime(2026, 6, 1, 21, 30, tzinfo=UTC) + timedelta(minutes=minute)  # at 22:00 UTC the 2nd begins in Paris
        late = replace(piece, moves=tuple(replace(move, at=night) for move in piece.moves))
        assert {clock.name: clock.due for clock in clocks(late, (late,), "etat", night, TABLES)}["payment"] == due


@pytest.mark.parametrize(
    ("begun", "due"),
    [
        (date(2026, 3, 29), date(2026, 4, 7)),    # Easter Sunday, then Easter Monday
        (date(2026, 5, 7), date(2026, 5, 15)),    # Ascension
        (date(2026, 12, 18), date(2026, 12, 28)),  # Christmas, then a weekend
        (date(2026, 12, 25), date(2027, 1, 4)),   # New Year, then a weekend
        (date(2026, 6, 6), date(2026, 6, 15)),    # a Saturday
        (date(2026, 6, 5), date(2026, 6, 12)),    # a Friday stays
    ],
)  # fmt: skip
def test_the_seven_days_of_the_moe_go_over_days_off(begun, due):
    assert File("A4", begun).clock("moe", at(begun)).due == due


@pytest.mark.parametrize(
    "day",
    [date(1954, 4, 18), date(1981, 4, 19), date(2049, 4, 18), date(2076, 4, 19), date(2008, 3, 23), date(2024, 3, 31), date(2025, 4, 20), date(2026, 4, 5), date(2027, 3, 28), date(2028, 4, 16), date(2029, 4, 1), date(2038, 4, 25), date(2285, 3, 22)],
)
def test_easter_is_where_it_is(day):
    assert easter(day.year) == day


def test_the_holidays_of_a_year_are_eleven():
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    told = [f"{day:%m-%d}" for day in days if off(day, CALENDAR) and day.weekday() < 5]
    assert told == ["01-01", "04-06", "05-01", "05-08", "05-14", "05-25", "07-14", "11-11", "12-25"]  # Assumption and All Saints: a weekend
    assert [off(date(2027, 8, 15) + timedelta(days=n), CALENDAR) for n in (0, 1)] == [True, False]
    assert off(date(2027, 11, 1), CALENDAR)
    assert working(date(2026, 4, 3), CALENDAR) == date(2026, 4, 3)  # Good Friday: a working day but in Alsace and Moselle


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


# -- whatever happens -------------------------------------------------------------------------------------------------------------------------

DAYS = st.integers(0, 70)
PAYERS = st.sampled_from(["", *TABLES.clocks.payers])
SEEDED = settings(derandomize=True, database=None, deadline=None, max_examples=200)
BEGUN = st.dates(date(2020, 1, 1), date(2040, 12, 31))


@SEEDED
@given(begun=BEGUN, wait=DAYS, away=DAYS, later=DAYS, payer=PAYERS, cadre=st.sampled_from(["A4", "A6", "A7", "A8"]))
def test_no_delay_is_due_before_it_began_and_no_suspension_shortens_one(begun, wait, away, later, payer, cadre):
    plain, file = File(cadre, begun), File(cadre, begun)
    role = "service_financier" if cadre in ("A6", "A8") else "moe"
    on, back = begun + timedelta(days=wait), begun + timedelta(days=wait + away)
    suspended(file, on, role).does("completer", "fournisseur", back)
    now = at(back + timedelta(days=later), 11)
    untouched = {clock.name: clock for clock in clocks(plain.pieces[0], tuple(plain.pieces), payer, now, TABLES)}
    told = {clock.name: clock for clock in clocks(file.pieces[0], tuple(file.pieces), payer, now, TABLES)}
    assert told.keys() == untouched.keys() | {"acknowledgement"}
    for name, clock in told.items():
        assert clock.due > day_of(clock.began)
        if name in untouched:
            assert clock.due >= untouched[name].due
            assert (clock.left, clock.state) == ((clock.due - day_of(now)).days, "running" if clock.due >= day_of(now) else "passed")
        if clock.suspended:
            assert clock.due >= back + timedelta(days=TABLES.clocks.delays[name].restart)


@SEEDED
@given(day=st.dates(date(1990, 1, 1), date(2199, 12, 1)))
def test_a_last_day_never_goes_back_and_never_further_than_over_a_long_weekend(day):
    then = working(day, CALENDAR)
    assert 0 <= (then - day).days <= 4
    assert not off(then, CALENDAR)
    assert working(then, CALENDAR) == then
