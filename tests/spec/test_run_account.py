"""The account of a run: counts, times, what is usual, who is missing; and the page, the text and the mail that tell it."""

import re
from datetime import datetime, timedelta

import orjson
import pytest
from msgspec.structs import replace
from nights import paris

from flux.model import FlowVerdict, Plumbing
from flux.runs import account as accounts
from flux.runs import telling
from flux.runs.account import Around, Cut, Sender
from flux.runs.book import FlowSeen, Run, RunState, Seen
from flux.runs.letter import letter
from flux.runs.page import page
from flux.runs.text import text
from flux.words import Words

THURSDAY = paris("2026-11-26 02:30")
CUT = paris("2026-11-25 22:00")
BATIPRO = Sender("batipro", "BATIPRO SA", "22:00")
RUN = Run(
    9, "nuit", THURSDAY, "planned", "flux", RunState.DONE, started_at=THURSDAY, taken_at=THURSDAY, ended_at=THURSDAY + timedelta(minutes=4),
    since=THURSDAY - timedelta(days=1), first=0, last=9,
)  # fmt: skip


def a_flow(pieces=10, accepted=10, at="2026-11-25 21:00", took=2.0, **changes):
    received = paris(at)
    flow = FlowSeen("f1", "batipro", "a.xml", 100, Plumbing.CLOSED, FlowVerdict.INTEGRATED, pieces, accepted, received, received + timedelta(seconds=took))
    return replace(flow, **changes)


def a_run(pieces, days_ago, flows=1, partner="batipro", **totals):
    """A run on time of so many days ago, in which this partner had sent so much."""
    row = {"partner": partner, "by_cut_off_pieces": pieces, "by_cut_off_flows": flows}
    told = {"totals": {"flows": flows, "pieces": pieces, "accepted": pieces, "refused": 0, "held": 0} | totals, "times": {"busy_s": 2.0, "pieces_per_s": 5.0}, "partners": [row]}
    return replace(RUN, seq=100 - days_ago, planned=THURSDAY - timedelta(days=days_ago), told=told)


WEEKS = [a_run(100, 7 * n) for n in (1, 2, 3, 4)]


def told(*flows, history=WEEKS, cut=None, senders=(BATIPRO,), run=RUN, refused=(), **around):
    by = [f for f in flows if f.received_at <= CUT]
    cuts = {"batipro": cut or Cut(CUT, len(by), sum(f.pieces for f in by))} if cut is not False else {}
    known = Around(senders, THURSDAY - timedelta(days=1), tuple(history), cuts, (), frozenset(), {}.get, 0.33, "FLUX01")
    return accounts.account(run, Seen(tuple(flows), tuple(refused)), replace(known, **around))


def arrival(*flows, **given):
    (row,) = told(*flows, **given)["partners"]
    return row["arrival"]


@pytest.mark.parametrize(("pieces", "expected"), [(0, "nothing"), (32, "less"), (33, "fine"), (100, "fine"), (900, "fine")])
def test_less_than_a_third_of_the_usual_is_far_less_and_a_third_is_not(pieces, expected):
    assert arrival(*([a_flow(pieces, pieces)] if pieces else [])) == expected


def test_the_part_that_is_far_less_is_a_setting():
    assert arrival(a_flow(49, 49), less_than=0.5) == "less"
    assert arrival(a_flow(50, 50), less_than=0.5) == "fine"


def test_what_comes_after_the_cut_off_is_late_and_not_missing():
    assert arrival(a_flow(100, 100, at="2026-11-25 22:01")) == "late"
    assert arrival(a_flow(100, 100, at="2026-11-25 22:00")) == "fine"


def test_too_little_that_comes_late_is_too_little():
    assert arrival(a_flow(10, 10, at="2026-11-25 23:00")) == "less"


def test_where_nothing_is_usual_nothing_is_fine():
    """The night after a Sunday, for who never sends on Sundays."""
    assert arrival(history=[a_run(0, 7 * n, flows=0) for n in (1, 2, 3, 4)]) == "fine"


def test_with_three_runs_nobody_knows_what_is_usual_and_with_four_they_do():
    assert arrival(history=WEEKS[:3]) == "unknown"
    assert arrival(history=WEEKS) == "nothing"
    assert told(history=WEEKS[:3])["usual"] == {"of": None, "runs": [], "known": 3, "least": 4}
    assert told(history=WEEKS[:3])["alerts"] == []


def test_a_partner_of_whom_three_of_the_runs_tell_has_no_usual_yet():
    assert arrival(history=[*WEEKS[:3], a_run(100, 28, partner="other")]) == "unknown"


def test_the_usual_is_of_the_same_day_of_the_week_where_there_are_enough():
    week = [a_run(5, n) for n in (1, 2, 3, 4, 5, 6)]
    assert told(history=[*week, *WEEKS])["against"]["pieces"]["usual"] == 100
    assert told(history=[*week, *WEEKS])["usual"]["of"] == "weekday"
    few = told(history=[*week, *WEEKS[:3]])
    assert (few["usual"]["of"], few["against"]["pieces"]["usual"]) == ("any", 5)


def test_the_usual_is_a_median_that_one_strange_night_does_not_move():
    assert told(history=[*WEEKS, a_run(100_000, 35)])["against"]["pieces"]["usual"] == 100


def test_of_what_is_held_the_flows_are_counted_since_nobody_knows_its_pieces():
    held = a_flow(0, 0, state=Plumbing.HELD, verdict="", decided_at=None)
    assert arrival(held) == "fine"
    assert [one["what"] for one in told(held)["alerts"]] == ["held"]


def test_where_flux_was_not_running_at_the_cut_off_nobody_is_blamed():
    assert arrival(cut=Cut(CUT, 0, 0, watched=False)) == "unwatched"


def test_a_cut_off_that_does_not_lie_in_the_run_is_not_due():
    assert arrival(cut=False) == "not_due"


def test_an_inbox_that_could_not_be_read_is_told_as_that():
    assert arrival(troubled=frozenset({"batipro"})) == "trouble"


def test_without_a_cut_off_the_run_itself_is_it():
    sender = replace(BATIPRO, cut_off="")
    assert arrival(senders=(sender,), cut=False) == "nothing"
    assert arrival(a_flow(100, 100, at="2026-11-26 02:00"), senders=(sender,), cut=False) == "fine"


def test_without_a_cut_off_a_run_by_hand_or_a_minute_after_another_tells_nobody_missing():
    sender = replace(BATIPRO, cut_off="")
    assert arrival(senders=(sender,), cut=False, run=replace(RUN, how="hand")) == "not_due"
    assert arrival(senders=(sender,), cut=False, run=replace(RUN, since=THURSDAY - timedelta(minutes=1))) == "not_due"


def test_who_is_taken_in_runs_had_sent_by_then_what_the_run_found():
    sender = replace(BATIPRO, in_runs=True)
    assert arrival(a_flow(100, 100, at="2026-11-26 02:31"), senders=(sender,), cut=Cut(CUT, 0, 0)) == "fine"


def test_a_partner_who_is_configured_no_more_is_told_and_not_judged():
    rows = told(a_flow(100, 100), a_flow(partner="gone"))["partners"]
    assert [(row["partner"], row["arrival"]) for row in rows] == [("batipro", "fine"), ("gone", "not_due")]


def test_the_time_in_hand_counts_no_stretch_twice_and_no_pause():
    flows = [a_flow(took=10), a_flow(took=4), a_flow(at="2026-11-25 21:30", took=5)]
    times = told(*flows)["times"]
    assert (times["busy_s"], times["pieces_per_s"], times["wait_median_s"], times["wait_most_s"], times["duration_s"]) == (15.0, 2.0, 5.0, 10.0, 240.0)


def test_causes_count_each_piece_under_each_of_its_codes_and_flows_refused_whole():
    refused = [("batipro", ("FLX-M01", "FLX-P20")), ("batipro", ("FLX-P20",)), ("lisse", ("FLX-P20",))]
    flow = a_flow(0, 0, verdict=FlowVerdict.REJECTED, codes=("FLX-A01",))
    found = told(flow, refused=refused)["causes"]
    assert [(c["code"], c["pieces"], c["flows"], c["partners"]) for c in found] == [
        ("FLX-P20", 3, 0, ["batipro", "lisse"]), ("FLX-A01", 0, 1, ["batipro"]), ("FLX-M01", 1, 0, ["batipro"]),
    ]  # fmt: skip


def test_a_flow_that_was_refused_whole_is_looked_at_since_nobody_knows_what_is_in_it():
    whole, pieces = a_flow(0, 0, verdict=FlowVerdict.REJECTED, codes=("FLX-A01",)), a_flow(2, 0, verdict=FlowVerdict.REJECTED)
    assert [one["what"] for one in told(a_flow(100, 100), whole)["alerts"]] == ["flows_unjudged"]
    assert [one["what"] for one in told(a_flow(100, 100), pieces)["alerts"]] == []


def test_more_refusals_than_usual_are_told_and_a_few_are_not():
    history = [a_run(100, 7 * n, refused=4) for n in (1, 2, 3, 4)]
    alerts = [[one["what"] for one in told(a_flow(100, 90), refused=[("batipro", ("X",))] * n, history=history)["alerts"]] for n in (8, 9)]
    assert alerts == [[], ["refused"]]


@pytest.mark.parametrize(("planned", "expected"), [("2026-11-26 02:30", "2026-11-25 22:00"), ("2026-11-26 22:00", "2026-11-26 22:00"), ("2026-11-26 21:59", "2026-11-25 22:00")])
def test_the_cut_off_of_a_run_is_the_last_one_up_to_it(planned, expected):
    assert accounts.cut_off_of(BATIPRO, paris(planned)) == paris(expected)


def test_a_cut_off_in_an_hour_that_comes_twice_is_the_first_and_in_one_that_is_missing_the_jump():
    sender = replace(BATIPRO, cut_off="02:15")
    assert accounts.cut_off_of(sender, paris("2026-10-25 09:00")).isoformat() == "2026-10-25T00:15:00+00:00"
    assert accounts.cut_off_of(sender, paris("2027-03-28 09:00")).isoformat() == "2027-03-28T01:00:00+00:00"


# -- how it is told ---------------------------------------------------------------------------------------------------------------------

BAD_NIGHT = told(a_flow(11, 8, name="<b>&.xml"), a_flow(0, 0, state=Plumbing.HELD, verdict="", decided_at=None, reason=("FLX-I66", "Le disque est plein.", "The disk is full."), name="<script>"), refused=[("batipro", ("FLX-P20",))] * 3)  # fmt: skip


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("account", [BAD_NIGHT, told(a_flow(100, 100)), told(history=())], ids=["bad", "good", "empty"])
def test_page_and_text_tell_the_same_and_nothing_of_it_is_markup(language, account):
    say = Words(language)
    report = telling.report(account, say)
    seen = page(report, say)
    assert "<script>" not in seen
    assert report.headline in text(report, say)
    for line in (*report.alerts, *(row.arrival for row in report.partners)):
        assert line in text(report, say)
        assert line.replace("'", "&#39;").replace("<", "&lt;").replace(">", "&gt;") in seen
    assert not re.search(r"https?://", seen)


def test_a_night_without_anything_to_look_at_says_so_first():
    say = Words("fr")
    report = telling.report(told(a_flow(100, 100)), say)
    assert (report.alerts, report.headline) == ((), "1 flux reçu, 100 pièces : 100 acceptées, 0 refusée.")
    assert text(report, say).splitlines()[3] == "Rien à signaler."


def test_who_sent_nothing_is_told_with_what_is_usual_and_by_when():
    assert telling.report(told(), Words("fr")).alerts == ("BATIPRO SA (batipro) n'avait rien envoyé le 25/11 à 22:00 ; habituel : 100\u00a0pièces.",)
    assert telling.report(told(), Words("en")).alerts == ("BATIPRO SA (batipro) had sent nothing by 22:00 on 25/11; usual: 100\u00a0pieces.",)


@pytest.mark.parametrize(("seconds", "fr"), [(0.04, "0,0 s"), (9.96, "10,0 s"), (38, "38 s"), (125, "2 min 05 s"), (7500, "2 h 05 min"), (90_000, "1 jour 01 h")])
def test_a_duration_is_told_in_the_units_that_tell(seconds, fr):
    assert telling.duration(seconds, Words("fr")).replace("\u00a0", " ") == fr


def test_numbers_are_grouped_as_each_language_does():
    assert (telling.number(1240.5, Words("fr"), 1), telling.number(1240.5, Words("en"), 1)) == ("1\u202f240,5", "1,240.5")


def test_a_mail_says_in_its_subject_whether_there_is_something_to_look_at_and_brings_all_three_forms():
    run = replace(RUN, told=BAD_NIGHT)
    message = letter(run, "flux@example.org", ("claire@example.org", "omar@example.org"), Words("fr"))
    assert message["Subject"] == "[FLUX01] Exécution nuit, jeudi 26 novembre 2026, 02:30 : 1 point à regarder"
    assert message["To"] == "claire@example.org, omar@example.org"
    parts = [part.get_content_type() for part in message.walk()]
    assert parts == ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/json"]
    (attached,) = message.iter_attachments()
    assert orjson.loads(attached.get_content()) == BAD_NIGHT
    assert datetime.strptime(message["Date"], "%a, %d %b %Y %H:%M:%S %z") == RUN.ended_at


def test_a_mail_of_the_same_run_is_the_same_mail():
    """Sent twice, when a crash came between the server's yes and ours: a reader's program knows it by its Message-ID."""
    first, second = (letter(replace(RUN, told=BAD_NIGHT), "f@x.fr", ("a@x.fr",), Words("fr"))["Message-ID"] for _ in range(2))
    assert first == second == "<run-9-20261126T013000@flux01.flux>"
