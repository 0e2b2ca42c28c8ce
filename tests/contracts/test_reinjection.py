"""What is taken up again: once, from the sealed original, with who and why, and its answer says which one it replaces."""

import io
import json
import re
from contextlib import nullcontext

import pytest
from again_room import BATCH, by_ordinal, market_known, marketfile_of_the_examples, refused, refused_batch
from rig import EXAMPLES

from flux import reinjection
from flux.again import Named, Wanted
from flux.faults import Fault
from flux.model import Event, Flow, Plumbing, Severity
from flux.piece import Actor
from flux.policy import Limits, Policy
from flux.rejects import rejects


@pytest.fixture
def room(tmp_path, children):
    """A batch whose first four pieces are refused: three for their recipient, the fourth for a market that nobody knows."""
    with refused_batch(tmp_path, children) as room:
        yield room


# -- what is taken up ------------------------------------------------------------------------------------------------------------------------


def test_a_piece_out_of_a_batch_is_judged_alone_under_the_ordinal_and_the_name_that_its_sender_knows(room):
    room.markets = market_known()
    seen, results = room.again(Named("f1", (4,)))
    assert by_ordinal(seen) == {4: ("accepted", ())}
    assert (results.accepted, results.refused, room.pieces("c2")) == (1, 0, {4: "accepted"})
    told = json.loads(room.ledger.pieces(flow="c2")[0].told)
    assert (told["ordinal"], told["document"]) == (4, "SIT-2026-1304.xml")
    assert room.pieces("f1")[4] == "rejected"  # the old rows never change


def test_the_answer_says_which_answer_it_replaces_in_each_format_and_counts_on(room):
    room.markets = market_known()
    room.again(Named("f1", (4,)))
    names = {kind: room.said("c2", kind) for kind in ("report-json", "report-html", "integration", "lifecycle")}
    assert {name.rpartition(".")[0] for name, _ in names.values()} == {"CSO4100A_FLUX01_c2-2", "FEN1201A_FLUX01_c2-2"}
    told = json.loads(names["report-json"][1])
    assert told["sequence"] == 2
    assert told["replaces"] == {"flow": "f1", "root": "f1", "reinjection": "R-c1", "answer": "CSO4100A_FLUX01_f1", "pieces": [4], "corrected": False}
    words = "Réponse n° 2 au flux f1 : remplace CSO4100A_FLUX01_f1, pour la pièce 4."
    assert words in names["integration"][1]
    assert names["lifecycle"][1].count(words) == 2
    assert "CSO4100A_FLUX01_f1" in names["report-html"][1]


def test_a_life_cycle_as_cdar_says_it_in_its_note(room):
    room.policies, room.markets = {"batipro": Policy(lifecycle="both")}, market_known()
    room.again(Named("f1", (3, 4)))
    _, note = room.said("c2", "cdar")
    owed = [e for e in room.ledger.emissions("c2") if e.kind == "cdar"]
    assert len(owed) == 3  # 213 of the refused one, 200 and 202 of the accepted one: each held to its schema before it was owed
    assert re.search("<ram:Content>.*remplace CSO4100A_FLUX01_f1, pour les pièces 3, 4.</ram:Content>", note)


def test_what_was_refused_again_is_listed_with_its_mark(room):
    seen, _ = room.again(Named("f1", (1, 4)))
    assert [(one.flow, one.ordinal, one.codes, one.why) for one in room.ledger.refused(seen.id)] == [
        ("c2", 1, ("FLX-P01",), "same"), ("c2", 4, ("FLX-P20",), "same"),
    ]  # fmt: skip


def test_the_first_answer_replaces_none(room):
    told = json.loads(room.said("f1", "report-json")[1])
    assert (told["sequence"], told["replaces"]) == (1, None)


def test_a_whole_flow_takes_up_what_was_refused_of_it_and_leaves_what_was_accepted(room):
    room.markets = market_known()
    seen, results = room.again("f1")
    assert by_ordinal(seen) == {1: ("same", ("FLX-P01",)), 2: ("same", ("FLX-P02",)), 3: ("same", ("FLX-P03",)), 4: ("accepted", ())}
    assert [(one.ordinal, one.why) for one in seen.skipped] == [(5, "accepted")]
    assert (results.accepted, results.refused, results.same) == (1, 3, 3)
    assert room.pieces("c2") == {1: "rejected", 2: "rejected", 3: "rejected", 4: "accepted"}


def test_a_piece_that_was_accepted_is_not_taken_up_though_it_is_named(room):
    seen, _ = room.again(Named("f1", (5,)))
    assert (seen.id, seen.count, [one.why for one in seen.skipped]) == ("", 0, ["accepted"])


def test_its_parents_bytes_make_it_no_duplicate(room):
    room.again("f1")
    assert room.ledger.flow("c2").flow.duplicate_of == ""
    assert "FLX-D03" not in room.said("c2", "integration")[1]


def test_what_is_taken_up_a_second_time_is_the_piece_that_was_refused_last(room):
    room.again(Named("f1", (4,)))
    room.markets = market_known()
    room.again(Named("f1", (4,)))
    last = room.ledger.flow("c4").flow
    assert (last.again.parent, last.again.root, last.again.sequence, last.again.replaces) == ("c2", "f1", 3, "CSO4100A_FLUX01_c2-2")
    assert room.pieces("c4") == {4: "accepted"}


def test_the_preview_is_what_then_happens_also_where_two_flows_bring_the_same_piece(room):
    room.receive("f2", "FSO4100A_ABC001_ABC0014100000000000001302.tar.gz", partner="toitures")
    room.work()
    room.markets = market_known()
    seen, results = room.again(cause="FLX-P20")
    assert [(one.flow, one.what) for one in seen.becomes] == [("f1", "accepted"), ("f2", "refused")]
    assert (results.accepted, results.refused, results.same) == (1, 1, 0)


def test_a_preview_changes_nothing_but_that_it_is_kept(room):
    before = (room.ledger.flows(), room.ledger.piled().by_state)
    room.markets = market_known()
    assert room.preview("f1").count == 4
    assert (room.ledger.flows(), room.ledger.piled().by_state) == before


# -- filters ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ({"cause": "FLX-P20"}, {4}), ({"cause": "FLX-P21"}, set()), ({"partner": "batipro"}, {1, 2, 3, 4}), ({"partner": "toitures"}, set()),
        ({"number": "SIT-2026-1304"}, {4}), ({"number": "ACP-2026-1305"}, set()), ({"cause": "FLX-P20", "partner": "batipro"}, {4}),
        ({"cause": "FLX-P20", "alone": True}, {4}), ({"cause": "FLX-P21", "alone": True}, set()),
    ],
    ids=str,
)  # fmt: skip
def test_a_filter_finds_what_was_refused(room, filter_, found):
    assert {one.ordinal for one in room.ledger.candidates(Wanted(**filter_))} == found


def test_a_filter_by_day_counts_days_of_paris(room):
    today = room.now.date()
    assert len(room.ledger.candidates(Wanted(since=today))) == 4
    assert room.ledger.candidates(Wanted(until=today.replace(day=today.day - 1))) == []


def test_what_was_refused_again_for_the_same_cause_is_left_out_next_time_unless_it_is_asked_for(room):
    room.again(cause="FLX-P20")
    left = room.preview(cause="FLX-P20")
    assert (left.id, [one.why for one in left.skipped]) == ("", ["same"])
    assert room.preview(cause="FLX-P20", again=True).count == 1


def test_what_was_refused_again_for_another_cause_is_not_left_out(room):
    room.again(cause="FLX-P03")
    assert room.preview(partner="batipro").count == 3  # the third is left out
    room.policies = {"batipro": Policy(siret_check=Severity.WARNING, unknown_market=Severity.ERROR)}
    _, results = room.again(Named("f1", (3,)))
    assert (results.refused, results.same) == (1, 0)
    assert room.preview(partner="batipro").count == 4


def test_everything_that_was_ever_refused_is_no_filter(room):
    assert refused(room.preview) == "FLX-I210"


# -- what is held, what is corrected ---------------------------------------------------------------------------------------------------------


def test_a_held_flow_is_tried_again_with_a_new_budget_under_its_own_id(room):
    room.receive("h1", "FSO4100A_ABC001_ABC0014100000000000001303.tar.gz", partner="gone")
    room.work(2)
    assert room.state("h1") is Plumbing.HELD
    room.policies = {**room.policies, "gone": room.policies["toitures"]}
    seen, results = room.again(cause="FLX-I65")
    assert (seen.count, results.made, results.held) == (5, 1, 0)  # the pieces that it holds, which the preview has seen
    row = room.ledger.flow("h1")
    assert (row.state, row.flow.attempt, row.flow.again) == (Plumbing.DECIDED, 1, None)
    assert json.loads(room.said("h1", "report-json")[1])["sequence"] == 1


def test_a_held_flow_that_an_original_answered_is_taken_up_by_its_name_alone(room):
    for id_, code in (("h1", "FLX-I66"), ("h2", "FLX-I258")):
        room.receive(id_, "x.xml", id_.encode(), partner="toitures")
        (flow,) = room.ledger.take("me", 1, room.now)
        room.ledger.hold(flow, Plumbing.HELD, Fault(code, detail="x", who="anne", reason="r").reason(), Event(id_, "held", room.now, "flux", detail=code))
    assert [one.flow for one in room.ledger.candidates(Wanted(partner="toitures"))] == ["h1"]
    assert [one.flow for one in room.ledger.candidates(Wanted((Named("h2"),)))] == ["h2"]


def test_a_part_that_was_refused_whole_is_the_same_part_the_next_time(room):
    known, room.policies = room.policies, {"batipro": Policy(limits=Limits(flow_mb=0))}
    room.again(Named("f1", (4,)))
    assert (room.ledger.flow("c2").pieces, room.ledger.flow("c2").flow.again.pieces) == (0, (4,))
    room.policies, room.markets = known, market_known()
    seen, results = room.again("c2")
    assert (seen.count, results.accepted, room.pieces("c4")) == (1, 1, {4: "accepted"})


def test_a_corrected_file_stays_linked_to_the_flow_in_whose_place_it_comes(room):
    into = io.BytesIO()
    rejects(room.desk().stage, Named("f1", (4,)), lambda _: nullcontext(into))
    wrong = into.getvalue()
    seen = room.preview(Named("f1", (4,)), file=("mended.xml", wrong.replace(b"2026-MT-0999", b"2026-MT-0042")))
    room.markets = marketfile_of_the_examples()
    room.begin(seen)
    reinjection.run(room.desk(), seen.id)
    room.work()
    flow = room.ledger.flow("c2").flow
    assert (flow.again.parent, flow.again.corrected, flow.again.pieces) == ("f1", True, (4,))
    assert flow.display_name == "FSO4100A_ABC001_ABC0014100000000000001301.xml"  # by its name it is known whose it is
    assert room.pieces("c2") == {1: "accepted"}
    assert room.ledger.flow("f1").flow.sha256 != flow.sha256
    assert [one.why for one in room.ledger.candidates(Wanted((Named("f1", (4,)),)))] == ["accepted"]


def test_the_same_bytes_are_no_correction(room):
    assert refused(room.preview, "f1", file=("same.tar.gz", BATCH)) == "FLX-I212"


def test_a_corrected_file_takes_the_place_of_one_flow(room):
    assert refused(room.preview, file=("mended.xml", b"<a/>"), **room.three_more()) == "FLX-I211"


def test_a_flow_that_was_refused_whole_is_taken_up_whole(room):
    room.receive("n1", "bad name.xml", b"<a/>")
    room.work()
    assert room.ledger.flow("n1").pieces == 0
    room.policies = {"batipro": room.policies["toitures"]}  # any name will do now
    seen, results = room.again("n1")
    assert (by_ordinal(seen), results.same) == ({1: ("refused", ("FLX-X07",))}, 0)


@pytest.mark.parametrize(("told", "flow", "ordinals"), [("f1", "f1", ()), ("f1/3", "f1", (3,)), ("f1/3,5-7", "f1", (3, 5, 6, 7))])
def test_a_flow_or_pieces_of_it_are_named(room, told, flow, ordinals):
    assert reinjection.named(room.ledger, told) == Named(flow, ordinals)


@pytest.mark.parametrize(("told", "code"), [("f2", "FLX-I201"), ("f1/", "FLX-I202"), ("f1/0", "FLX-I202"), ("f1/7-5", "FLX-I202"), ("f1/x", "FLX-I202")])
def test_what_names_nothing_is_said(room, told, code):
    assert refused(reinjection.named, room.ledger, told) == code


# -- documents of several pieces, other ways in ----------------------------------------------------------------------------------------------

SEVERAL = next((EXAMPLES / "16-several-pieces-in-one-file").glob("FSO*"))
UNKNOWN_REFUSED = Policy(unknown_market=Severity.ERROR)


def test_a_piece_of_a_document_of_several_is_taken_up_alone_as_the_document_that_was_made_of_it(room):
    room.policies = {"batipro": UNKNOWN_REFUSED}
    room.receive("s1", SEVERAL.name, SEVERAL.read_bytes())
    room.work()
    refused_here = [n for n, verdict in room.pieces("s1").items() if verdict == "rejected"]
    assert len(refused_here) > 1
    room.policies, room.markets = {"batipro": Policy()}, marketfile_of_the_examples()
    good = [one.ordinal for one in room.preview("s1").becomes if one.what == "accepted"][-1]
    _, results = room.again(Named("s1", (good,)))
    assert (good > 1, results.accepted, room.pieces("c3")) == (True, 1, {good: "accepted"})
    routed = next(e for e in room.ledger.emissions("c3") if e.kind == "piece")
    assert (routed.ordinal, routed.sha256) == (good, json.loads(room.ledger.pieces(flow="c3")[0].told)["sha256"])
    assert [piece["ordinal"] for piece in rejects(room.desk().stage, Named("s1"), lambda _: nullcontext(io.BytesIO())).pieces] == [n for n in refused_here if n != good]


def test_a_member_that_is_not_taken_up_is_not_judged_again(room):
    """A file that would cost its limit costs nothing when another of its batch is taken up."""
    asked = []
    run = room.sandbox.run

    def seen(jobs):
        for result in run(jobs):
            if result is not None and hasattr(result.value, "document"):
                asked.append(result.value.document)
            yield result

    room.sandbox.run = seen
    try:
        room.again(Named("f1", (4,)))
    finally:
        del room.sandbox.run
    assert asked == [4, 4]  # once for the preview, once for good


def test_mode_and_depositor_are_those_of_the_parent(room):
    sha, size = room.content.add(io.BytesIO(b"<nothing/>"))
    actor = Actor("moe", "99913225100029")
    flow = Flow("d1", "batipro", b"piece.pdf", sha, size, room.now, mode="service", depositor=actor)
    room.ledger.receive([flow], [Event("d1", "received", room.now, "test")])
    room.work()
    room.again("d1")
    child = room.ledger.flow("c2").flow
    assert (child.mode, child.depositor, child.again.parent) == ("service", actor, "d1")
