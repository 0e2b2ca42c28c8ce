"""A re-injection is begun once, by somebody who says who and why, at his pace, and ends when he says."""

import hashlib

import pytest
from again_room import market_known, refused, refused_batch

from flux import reinjection
from flux.again import Named, State, Wanted
from flux.reinjection import Asked


@pytest.fixture
def room(tmp_path, children):
    """A batch whose first four pieces are refused: three for their recipient, the fourth for a market that nobody knows."""
    with refused_batch(tmp_path, children) as room:
        yield room


@pytest.fixture
def three(room):
    return room.three_more()


# -- once ------------------------------------------------------------------------------------------------------------------------------------


def test_two_re_injections_of_the_same_at_once_make_it_once(room):
    room.markets = market_known()
    one, other = room.preview("f1"), room.preview(cause="FLX-P20")
    for seen in (one, other):
        room.begin(seen)
    assert [reinjection.run(room.desk(), seen.id).pieces for seen in (one, other)] == [4, 0]
    assert room.ledger.results(other.id).skipped == 1
    room.work()
    assert sum("accepted" in room.pieces(row.flow.id).values() for row in room.ledger.flows()) == 2  # piece 5 before, piece 4 now


def test_what_overlaps_in_part_is_taken_up_for_the_rest(room):
    one, other = room.preview(Named("f1", (1, 2))), room.preview(Named("f1", (2, 3)))
    for seen in (one, other):
        room.begin(seen)
        reinjection.run(room.desk(), seen.id)
    room.work()
    assert (room.pieces("c3"), room.pieces("c4")) == ({1: "rejected", 2: "rejected"}, {3: "rejected"})


def test_a_re_injection_that_is_begun_twice_makes_its_flows_once(room):
    seen = room.preview("f1")
    for _ in range(2):
        room.begin(seen)
    assert [reinjection.run(room.desk(), seen.id).pieces for _ in range(2)] == [4, 0]
    assert refused(room.begin, seen) == "FLX-I208"


def test_what_is_asked_again_with_its_key_is_the_same(room):
    first, second = (room.preview("f1", key="form-7") for _ in range(2))
    assert (first.id, second.id, len(room.ledger.reinjections(10))) == ("K-form-7", "K-form-7", 1)


def test_a_key_is_of_one_request_and_never_of_another(room):
    room.preview("f1", key="form-7", file=("mended.xml", b"<a/>"))
    assert refused(room.preview, "f1", key="form-7", cause="FLX-P20") == "FLX-I236"
    assert refused(room.preview, "f1", key="form-7", file=("mended.xml", b"<b/>")) == "FLX-I236"
    assert room.preview("f1", key="form-7", file=("mended.xml", b"<a/>")).id == "K-form-7"


def test_while_it_is_being_judged_it_is_told_so(room):
    seen = room.preview("f1")
    room.begin(seen)
    reinjection.run(room.desk(), seen.id)
    assert {one.why for one in room.ledger.candidates(Wanted((Named("f1"),)))} == {"under_way", "accepted"}
    assert room.ledger.candidates(Wanted(cause="FLX-P20")) == []


# -- who and why -----------------------------------------------------------------------------------------------------------------------------


def test_author_reason_and_second_person_are_in_the_journal_of_both_flows(room):
    seen = room.preview("f1")
    room.begin(seen, second="bob")
    reinjection.run(room.desk(), seen.id)
    parent, child = ({e.what: e for e in room.ledger.events(id_)} for id_ in ("f1", "c2"))
    assert (parent["reinjected"].who, parent["reinjected"].detail) == ("anne", "c2 pieces=1,2,3,4 R-c1 second=bob reason=the market file came late")
    assert child["received"].detail.endswith("R-c1 f1 pieces=1,2,3,4")
    assert [e.detail.split()[0] for e in room.ledger.events("R-c1")] == ["PREVIEWED", "RUNNING", "DONE"]
    assert room.ledger.journal().broken is None


@pytest.mark.parametrize(("by", "reason"), [("", "why"), ("anne", " ")])
def test_nobody_asks_without_a_name_or_a_reason(room, by, reason):
    assert refused(reinjection.preview, room.desk(), Asked(Wanted(cause="FLX-P20"), by, reason)) == "FLX-I209"


def test_above_the_threshold_a_second_person_must_agree_who_is_another(room):
    room.above = 3
    seen = room.preview("f1")
    assert seen.second
    assert refused(room.begin, seen) == "FLX-I205"
    assert refused(room.begin, seen, second="Anne") == "FLX-I206"
    assert refused(room.begin, seen, by="bob", second="anne") == "FLX-I206"
    assert room.begin(seen, second="bob").state is State.RUNNING


def test_whoever_agreed_may_let_it_go_on(room):
    room.above = 3
    seen = room.preview("f1")
    room.begin(seen, second="bob")
    for who in ("bob", "carl"):
        reinjection.pause(room.desk(), seen.id, "anne")
        assert room.begin(seen, by=who).second == "bob"


def test_at_the_threshold_one_person_is_enough(room):
    room.above = 4
    assert not room.preview("f1").second


def test_the_count_is_typed_back(room):
    seen = room.preview("f1")
    assert refused(reinjection.begin, room.desk(), seen.id, 5, "anne") == "FLX-I204"
    assert room.ledger.reinjection(seen.id).state is State.PREVIEWED
    assert reinjection.begin(room.desk(), seen.id, 4, "anne").state is State.RUNNING


# -- pace ------------------------------------------------------------------------------------------------------------------------------------


def test_a_rate_makes_so_many_a_minute(room, three):
    seen = room.preview(**three)
    room.begin(seen, rate=6)
    assert reinjection.run(room.desk(), seen.id).state is State.DONE
    assert room.waited == [10.0, 10.0]  # six a minute: one in ten seconds


def test_what_is_paused_makes_nothing_more_until_it_is_resumed(room, three):
    seen = room.preview(**three)
    room.begin(seen, rate=6)

    def pause(room):
        reinjection.pause(room.desk(), seen.id, "bob")
        return True

    assert reinjection.run(room.desk(pause), seen.id).state is State.PAUSED
    assert (room.ledger.results(seen.id).made, room.ledger.results(seen.id).left) == (1, 2)
    room.begin(seen)
    reinjection.run(room.desk(), seen.id)
    assert (room.ledger.results(seen.id).made, room.ledger.reinjection(seen.id).state) == (3, State.DONE)


def test_a_corrected_file_is_kept_for_as_long_as_it_may_be_taken_up(room):
    seen = room.preview(Named("f1", (4,)), file=("mended.tar.gz", b"mended"))
    sha = hashlib.sha256(b"mended").hexdigest()
    assert room.ledger.claims([sha]) == {sha: True}
    reinjection.abort(room.desk(), seen.id, "anne")
    assert room.ledger.claims([sha]) == {}


def test_what_is_aborted_is_judged_as_far_as_it_was_made_and_is_over(room, three):
    seen = room.preview(**three)
    room.begin(seen, rate=6)

    def abort(room):
        reinjection.abort(room.desk(), seen.id, "bob")
        return True

    reinjection.run(room.desk(abort), seen.id)
    room.work()
    found = room.ledger.results(seen.id)
    assert (found.made, found.left, found.refused, found.open) == (1, 2, 1, 0)
    assert refused(room.begin, seen) == "FLX-I208"
    assert room.preview(again=True, **three).count == 3
