"""
Whole markets, played from their first statement to their last payment on the real thing: every chain, status, delay and flow.

``FLUX_GOLDEN=write .venv/bin/pytest tests/scenario`` writes the golden files anew, to be reviewed as a diff; a file that is missing is a failure.
"""

import os
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from examples_of import BATIPRO, COUVERTURE, EARTH, GYM, ROAD, ROOF, SCHOOL, SHELL, TERRASSEMENTS, name, paper
from msgspec.structs import replace
from rig import EXAMPLES
from site_works import HOLDER, PAYER, SiteWorks

from flux import config as settings
from flux.dossier import Routing
from flux.piece import Party
from flux.replay import Replay, World
from flux.rows import Asked
from flux.structures import nobody

pytestmark = pytest.mark.slow
GOLDEN = Path(__file__).with_name("golden")
MOE, NEXT_MOE = "quatre-vents", "rives"
SUSPENDED, SILENT, HANDED_OVER = 3, 5, 7  # months


def held_to_golden(told, folder):
    """Every target's lines against its file, no file too many and none too few."""
    if os.environ.get("FLUX_GOLDEN") == "write":
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for file, text in told.items():
            (folder / file).write_text(text, "utf-8")
    assert sorted(told) == sorted(path.name for path in folder.glob("*"))
    for file, text in told.items():
        assert text.splitlines() == (folder / file).read_text("utf-8").splitlines(), file


# -- twelve months and the final statement -------------------------------------------------------------------------------------------------------


def first_of(month):
    """The first day after this month of 2026."""
    return date(2026 + month // 12, month % 12 + 1, 1)


def statement(site, month, cadre, supplier, partner, works):
    """A month's statement by one of the three, by EDI; gives its number."""
    prefix = {"A4": "SIT", "A13": "COT", "A10": "SST"}[cadre]
    one = paper(f"{prefix}-2026-{month:02d}", cadre, GYM, works, (first_of(month) - timedelta(days=1)).isoformat(), supplier)
    site.edi(partner, one, name("FSO4100A", 50 + month, int(cadre[1:]), ".xml"))
    return one.number


def accounted(site, number, moe):
    """A15 by the MOE; gives its number."""
    site.act(number, "prendre_en_compte", moe)
    return site.deposit(moe, "A15", f"A15-{number}", number).piece.number


def paid(site, number):
    site.act(number, "mandater", PAYER)
    site.act(number, "mettre_en_paiement", PAYER)


def handed_over(site):
    """The MOE's mission is taken over; from now on the market's file says so."""
    market, moe = site.markets[GYM.number], Party("1", ROAD.moe.id, ROAD.moe.name)
    actors = tuple(replace(actor, party=moe) if actor.role == "moe" else actor for actor in market.actors)
    site.markets = site.markets | {GYM.number: replace(market, actors=actors)}


def month_of(site, month):
    """One month: three statements, validated, accounted by the MOE, accepted by the MOA, paid."""
    start, moe = first_of(month), MOE if month < HANDED_OVER else NEXT_MOE
    site.until(start)
    a4 = statement(site, month, "A4", BATIPRO, "batipro", SHELL)
    site.until(start + timedelta(days=2))
    if month == SUSPENDED:
        site.act(a4, "suspendre", MOE, comment="l'attachement n° 3 manque")
    if month == HANDED_OVER:
        site.act(a4, "refuser", MOE, motive="MAUVAISE_MOE", comment="mission reprise au 31 juillet par Ingénierie des Rives")
        handed_over(site)
    others = [statement(site, month, "A13", TERRASSEMENTS, "terrassements", EARTH), statement(site, month, "A10", COUVERTURE, "couverture", ROOF)]
    site.until(start + timedelta(days=4))
    if month == SUSPENDED:
        site.act(a4, "completer", "batipro")
    if month == HANDED_OVER:
        site.act(a4, "recycler", "batipro", routing=Routing(moe=Party("1", ROAD.moe.id)))
    for number in others:
        if month != SILENT:
            site.act(number, "valider", HOLDER)
    drafts = [accounted(site, a4, moe)]
    if month == SILENT:
        site.until(start + timedelta(days=20))
    drafts += [accounted(site, number, moe) for number in others]
    site.until(site.now.date() + timedelta(days=3))
    accepted = [site.deposit("valmorin", "A19", f"A19-{number[4:]}", number) for number in drafts]
    site.until(site.now.date() + timedelta(days=4))
    for one in accepted:
        paid(site, one.piece.number)
    return [a4, *others]


def final_statement(site):
    """A7 by EDI, A17, A20, A8, and the balance is paid."""
    site.until(date(2027, 2, 1))
    site.edi("batipro", paper("PDF-2027-01", "A7", GYM, SHELL, "2027-01-29"), name("FSO4100A", 70, 7, ".xml"))
    site.act("PDF-2027-01", "prendre_en_compte", NEXT_MOE)
    for day, partner, cadre, number, previous in (
        (date(2027, 2, 12), NEXT_MOE, "A17", "PDG-2027-01", "PDF-2027-01"),
        (date(2027, 2, 24), "valmorin", "A20", "DG-2027-01", "PDG-2027-01"),
        (date(2027, 3, 10), "batipro", "A8", "DGD-2027-01", "DG-2027-01"),
    ):
        site.until(day)
        site.deposit(partner, cadre, number, previous)
    site.until(date(2027, 3, 30))
    paid(site, "DGD-2027-01")
    return "PDF-2027-01"


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """The gymnasium, from January 2026 to the balance. Gives the installation, the first numbers of the months by month, and of the final statement."""
    with closing(SiteWorks(tmp_path_factory.mktemp("gym"), (EXAMPLES / "markets.toml").read_text("utf-8"), date(2026, 1, 15))) as site:
        months = {month: month_of(site, month) for month in range(1, 13)}
        yield site, months, final_statement(site)


def test_each_month_has_three_dossiers_of_three_pieces_that_end_paid(market):
    site, months, _ = market
    for firsts in months.values():
        for number, cadre in zip(firsts, ("A4", "A13", "A10"), strict=True):
            assert site.dossier(number) == [(cadre, number, "ASSOCIEE"), ("A15", f"A15-{number}", "ASSOCIEE"), ("A19", f"A19-{number}", "MISE_EN_PAIEMENT")]


@pytest.mark.parametrize("which", ["market", "tacit"])
def test_judged_again_under_the_same_rules_not_one_verdict_of_a_market_changes(which, request):
    """Pieces on pieces before, each against how those stood then: acts of people, delays that fell due, what was not there yet."""
    site = request.getfixturevalue(which)[0]
    world = World(site.kit, settings.policies(site.config), site.markets_at, lambda _at: nobody)
    replay = Replay(site.ledger, site.content, world, site.sandbox)
    tally = replay.run(datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC), "", lambda _done, _all: None)
    assert tally.pieces == sum(row.pieces for row in site.ledger.flows(limit=1000)) > 2
    assert (tally.listed, dict(tally.trouble)) == ([], {})


def test_the_final_statement_is_a_dossier_of_four_pieces_that_ends_paid(market):
    site, _, number = market
    chain = [("A7", "PDF-2027-01"), ("A17", "PDG-2027-01"), ("A20", "DG-2027-01")]
    assert site.dossier(number) == [*((*one, "ASSOCIEE") for one in chain), ("A8", "DGD-2027-01", "MISE_EN_PAIEMENT")]
    assert site.clock(number, "general_statement") == ("kept", 7)
    assert site.clock("DG-2027-01", "signature") == ("kept", 16)
    assert site.clock(number, "balance") == ("kept", 10)


def test_at_the_end_nothing_waits_for_anybody(market):
    site, _, _ = market
    assert site.ledger.search(Asked(open=True)) == []
    assert len(site.ledger.search(Asked(market=GYM.number, limit=1_000))) == 12 * 9 + 4


def test_every_payment_was_made_in_time(market):
    site, months, _ = market
    states = {number: site.clock(number, "payment") for firsts in months.values() for number in firsts}
    assert {state for state, _ in states.values()} == {"kept"}
    assert {states[months[month][0]][1] for month in range(1, 13) if month not in (SUSPENDED, SILENT, HANDED_OVER)} == {19}


def test_a_suspension_gives_thirty_new_days_and_is_completed(market):
    site, months, _ = market
    number = months[SUSPENDED][0]
    acts = [move.act for move in site.piece(number).moves]
    assert acts == ["deposer", "mettre_a_disposition", "suspendre", "completer", "prendre_en_compte", "associer"]
    assert site.clock(number, "payment") == ("kept", 23)


def test_a_wrong_moe_refuses_and_the_recycled_piece_goes_to_the_right_one_under_its_number(market):
    site, months, _ = market
    one = site.piece(months[HANDED_OVER][0])
    turns = [(move.act, move.status, move.waits.id if move.waits else "") for move in one.moves[1:]]
    assert turns == [
        ("mettre_a_disposition", "MISE_A_DISPOSITION_MOE", GYM.moe.id),
        ("refuser", "REFUSEE_MOE", BATIPRO.id),
        ("recycler", "MISE_A_DISPOSITION_MOE", ROAD.moe.id),
        ("prendre_en_compte", "PRISE_EN_COMPTE_MOE", ROAD.moe.id),
        ("associer", "ASSOCIEE", ""),
    ]
    assert site.piece(f"A15-{one.piece.number}").piece.moe.id == ROAD.moe.id
    assert site.clock(one.piece.number, "payment") == ("kept", 23)  # the refusal stopped it, the recycling began it anew


def test_a_silence_of_fifteen_days_validated_and_the_moe_was_told_at_once(market):
    site, months, _ = market
    for number in months[SILENT][1:]:
        tacit = site.piece(number).moves[2]
        assert (tacit.act, tacit.status, tacit.role) == ("valider_tacitement", "ABSENCE_VALIDATION_1_HORS_DELAI", "systeme")
        assert tacit.at.date() == date(2026, 6, 19)  # the 18th was the fifteenth day
    others = [site.piece(number).moves[2].act for month, firsts in months.items() if month != SILENT for number in firsts[1:]]
    assert set(others) == {"valider"}


def test_what_each_party_was_told_is_what_the_golden_files_say(market):
    held_to_golden(market[0].told(), GOLDEN / "gymnasium")


# -- a final statement that nobody answers ---------------------------------------------------------------------------------------------------------


def tacit_market(site):
    """A7 on which the MOE is silent for thirty days, A22 on which the MOA is for ten, A23, payment. Gives the chain after each deposit."""
    chains = []
    site.edi("batipro", paper("PDF-2026-31", "A7", SCHOOL, SHELL, "2026-08-31"), name("FSO4100A", 80, 1, ".xml"))
    site.until(date(2026, 10, 2))
    chains.append((site.clock("PDF-2026-31", "general_statement"), site.deposit("batipro", "A22", "PDG-2026-31", "PDF-2026-31"), site.dossier("PDF-2026-31")))
    site.until(date(2026, 10, 13))
    chains.append((site.clock("PDG-2026-31", "tacit_statement"), site.deposit("batipro", "A23", "DGD-2026-31", "PDG-2026-31"), site.dossier("PDF-2026-31")))
    site.until(date(2026, 11, 3))
    paid(site, "DGD-2026-31")
    return chains


@pytest.fixture(scope="module")
def tacit(tmp_path_factory):
    with closing(SiteWorks(tmp_path_factory.mktemp("school"), (EXAMPLES / "markets.toml").read_text("utf-8"), date(2026, 9, 1))) as site:
        yield site, tacit_market(site)


def test_a_draft_that_nobody_answers_is_replaced_by_the_holders_own_once_thirty_days_have_passed(tacit):
    clock, draft, chain = tacit[1][0]
    assert clock == ("passed", -1)
    assert chain == [("A7", "PDF-2026-31", "REMPLACEE_PAR_A22"), ("A22", "PDG-2026-31", "MISE_A_DISPOSITION_MOE")]
    assert draft.waits.id == SCHOOL.moe.id


def test_the_draft_of_the_holder_is_handed_to_the_moa_as_well(tacit):
    site, ((_, draft, _), _) = tacit
    flow = draft.ref.flow
    pieces = {emission.target: emission for emission in site.ledger.emissions(flow) if emission.kind == "piece"}
    assert pieces.keys() == {f"pieces/moe-{SCHOOL.moe.id}", f"pieces/moa-{SCHOOL.moa.id}"}
    assert len({emission.sha256 for emission in pieces.values()}) == 1


def test_after_ten_more_days_it_is_the_general_statement_and_the_balance_is_paid(tacit):
    site, (_, (clock, last, _)) = tacit
    assert clock == ("passed", -1)
    assert last.waits == PAYER
    chain = [("A7", "PDF-2026-31", "REMPLACEE_PAR_A22"), ("A22", "PDG-2026-31", "ASSOCIEE"), ("A23", "DGD-2026-31", "MISE_EN_PAIEMENT")]
    assert site.dossier("DGD-2026-31") == chain
    assert site.clock("DGD-2026-31", "balance")[0] == "kept"
    assert site.ledger.search(Asked(open=True)) == []


def test_what_each_party_was_told_of_the_tacit_procedure_is_what_the_golden_files_say(tacit):
    held_to_golden(tacit[0].told(), GOLDEN / "tacit")
