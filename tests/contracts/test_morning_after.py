"""What else a person may do the morning after: give a held flow up, deliver again, hand the rejected pieces back."""

import io
import json
import tarfile
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from again_room import BATCH, KIT, AgainRoom, market_known
from lxml import etree
from msgspec.structs import replace

from flux import reinjection, retention
from flux.again import Named, Wanted
from flux.faults import Fault
from flux.giving_up import give_up
from flux.model import EmissionState, FlowVerdict, Plumbing
from flux.policy import Retention
from flux.redelivery import redeliver
from flux.rejects import rejects
from flux.words import Words


@pytest.fixture
def room(tmp_path, children):
    """The batch, four of whose pieces are refused and the fifth accepted; and a flow that is held, since its partner left the configuration."""
    with closing(AgainRoom(tmp_path, children)) as room:
        room.receive("f1")
        room.receive("h1", "FSO4100A_ABC001_ABC0014100000000000001303.tar.gz", partner="gone")
        room.work(2)
        assert room.state("h1") is Plumbing.HELD
        yield room


def refused(call, *given, **more):
    with pytest.raises(Fault) as trouble:
        call(*given, **more)
    return trouble.value.code


# -- given up --------------------------------------------------------------------------------------------------------------------------------


def test_a_flow_that_is_given_up_waits_for_nobody_and_its_sender_is_told_an_incident_of_ours(room):
    give_up(room.office, "h1", "sent again by mail", "anne", room.now)
    row = room.ledger.flow("h1")
    assert (row.state, row.verdict, row.pieces) == (Plumbing.DECIDED, FlowVerdict.INCIDENT, 0)
    assert "HELD" not in room.ledger.piled().by_state
    report = etree.fromstring(room.said("h1", "integration")[1].encode())
    assert (report.findtext(".//IdStatut"), report.findtext(".//ComplementStatut"), report.find(".//Details")) == ("93", "Incidenté : à redéposer tel quel", None)
    assert "une raison qui n'est pas de votre fait" in report.findtext(".//Commentaire")
    told = json.loads(room.said("h1", "report-json")[1])
    assert (told["state"], told["findings"], told["pieces"]) == ("IN_INCIDENTE", [], [])
    assert "not of your making" in room.said("h1", "report-html")[1]
    assert "sent again by mail" not in "".join(room.said("h1", kind)[1] for kind in ("integration", "report-json", "report-html"))


def test_who_gave_it_up_and_why_is_in_the_journal_which_is_whole(room):
    give_up(room.office, "h1", "sent again by mail", "anne", room.now)
    line = next(e for e in room.ledger.events("h1") if e.what == "abandoned")
    assert (line.who, line.detail) == ("anne", "reason=sent again by mail")
    journal = room.ledger.journal()
    assert (journal.broken, journal.missing) == (None, ())


def test_a_sender_may_be_left_untold(room):
    give_up(room.office, "h1", "an attack", "anne", room.now, untold=True)
    assert (room.ledger.flow("h1").state, room.ledger.emissions("h1")) == (Plumbing.CLOSED, [])
    assert room.ledger.journal().missing == ()
    assert (room.ledger.audit().sound, room.ledger.audit().unsealed) == (True, 0)


def test_what_was_given_up_goes_with_what_was_refused_and_needs_no_second_acknowledgement(room):
    room.deliver("f1")
    give_up(room.office, "h1", "an attack", "anne", room.now, untold=True)
    ripe = retention.ripe(room.ledger, Retention(refused_days=30), room.now + timedelta(days=31), KIT.tables, 9)
    assert ripe == {"content": ["h1"]}  # and not f1, of which pieces were refused and nobody acknowledged it


@pytest.mark.parametrize(("flow", "reason", "code"), [("f1", "why", "FLX-I213"), ("h1", " ", "FLX-I209"), ("h2", "why", "FLX-I201")])
def test_only_a_flow_that_waits_for_a_person_is_given_up_with_a_reason(room, flow, reason, code):
    assert refused(give_up, room.office, flow, reason, "anne", room.now) == code


def test_what_was_given_up_is_not_taken_up_again_and_the_same_bytes_are_no_duplicate_of_it(room):
    give_up(room.office, "h1", "why", "anne", room.now)
    assert refused(give_up, room.office, "h1", "why", "anne", room.now) == "FLX-I213"
    assert [one.why for one in room.ledger.candidates(Wanted((Named("h1"),)))] == ["incident"]
    room.policies = {**room.policies, "gone": room.policies["toitures"]}
    room.receive("h2", partner="gone")
    assert room.ledger.flow("h2").flow.duplicate_of == ""


def test_of_pieces_out_of_a_flow_its_sender_has_an_answer_and_is_told_nothing_more(room):
    """He could not send the whole again: of its bytes something went in."""
    seen = room.preview(Named("f1", (4,)))
    room.begin(seen)
    reinjection.run(room.desk(), seen.id)
    room.policies = {}
    room.work(2)
    (child,) = (unit.child for unit in room.ledger.units(seen.id))
    assert room.state(child) is Plumbing.HELD
    assert refused(give_up, room.office, child, "why", "anne", room.now) == "FLX-I229"
    give_up(room.office, child, "why", "anne", room.now, untold=True)
    assert (room.ledger.flow(child).state, room.ledger.emissions(child)) == (Plumbing.CLOSED, [])


def test_a_flow_that_is_released_just_before_is_not_given_up(room):
    """Two people at once: the second is told how it stands."""
    seen = room.preview("h1")
    room.begin(seen)
    assert room.desk().ledger.make(seen.id, 9, room.now, str).done == 1
    assert refused(give_up, room.office, "h1", "why", "anne", room.now) == "FLX-I213"


# -- delivered again -------------------------------------------------------------------------------------------------------------------------


def test_what_could_not_be_delivered_is_tried_before_what_has_no_trouble(room):
    first = room.ledger.owed(9)[0]
    room.ledger.undeliverable({first.key: "no folder"}, room.now, [])
    assert room.ledger.owed(9)[0].key != first.key
    done = redeliver(room.office, Named("f1"), [first.kind], "the folder is back", "anne", room.now)
    assert (done.tried, room.ledger.owed(9)[0].key, room.ledger.owed(9)[0].problem) == ((first.name,), first.key, "")


def test_what_was_delivered_is_sent_once_more_byte_for_byte_under_another_name(room):
    room.deliver("f1")
    done = redeliver(room.office, Named("f1"), ["integration"], "lost at theirs", "anne", room.now, sent=True)
    assert done.copies == ("CSO4100A_FLUX01_f1-R1.xml",)
    first, copy = (e for e in room.ledger.emissions("f1") if e.kind == "integration")
    assert (copy.sha256, copy.blob, copy.offset, copy.size, copy.target) == (first.sha256, first.blob, first.offset, first.size, first.target)
    assert (copy.state, first.state) == (EmissionState.PENDING, EmissionState.EMITTED)
    line = room.ledger.events("f1")[-1]
    assert (line.what, line.who, line.detail) == ("redelivered", "anne", "f1.integration.again.1 reason=lost at theirs")


def test_a_copy_that_is_under_way_is_not_made_a_second_time_and_the_next_one_counts_on(room):
    room.deliver("f1")
    asked = (room.office, Named("f1"), ["integration"], "lost", "anne", room.now)
    redeliver(*asked, sent=True)
    again = redeliver(*asked, sent=True)
    assert (again.copies, again.waiting) == ((), ("CSO4100A_FLUX01_f1-R1.xml",))
    room.deliver("f1")
    assert redeliver(*asked, sent=True).copies == ("CSO4100A_FLUX01_f1-R2.xml",)


def test_a_piece_that_was_delivered_goes_out_again_only_when_a_second_person_agrees(room):
    room.deliver("f1")
    asked = (room.office, Named("f1", (5,)), ["piece"], "lost", "anne", room.now)
    assert refused(redeliver, *asked, sent=True) == "FLX-I216"
    assert refused(redeliver, *asked, sent=True, second="ANNE") == "FLX-I206"
    assert redeliver(*asked, sent=True, second="bob").copies == ("f1-00005-R1.xml",)


@pytest.mark.parametrize(
    ("what", "kinds", "reason", "code"),
    [("f1", [], "", "FLX-I209"), ("f1", ["cdar"], "why", "FLX-I214"), ("f1", [], "why", "FLX-I215")],
)
def test_what_cannot_be_delivered_again_is_said(room, what, kinds, reason, code):
    room.deliver("f1")
    assert refused(redeliver, room.office, Named(what), kinds, reason, "anne", room.now) == code


def test_what_was_purged_is_not_sent_once_more(room):
    room.deliver("f1")
    room.ledger.acknowledge(["f1"], "claire", "seen", room.now)
    assert room.ledger.purge(["f1"], ["returns"], "claire", room.now, [*KIT.tables.life.statuses]) == 1
    asked = (room.office, Named("f1"), ["integration"], "lost", "anne", room.now)
    assert refused(redeliver, *asked, sent=True) == "FLX-I230"
    (first,) = (e for e in room.ledger.emissions("f1") if e.kind == "integration")
    assert room.ledger.redeliver([], [replace(first, key="copy")], []) == []  # nor by whoever asked just before
    assert redeliver(room.office, Named("f1", (5,)), ["piece"], "lost", "anne", room.now, sent=True, second="bob").copies == ("f1-00005-R1.xml",)


def test_of_what_was_found_and_purged_since_nothing_is_handed_back(room):
    room.deliver("f1")
    room.ledger.acknowledge(["f1"], "claire", "seen", room.now)
    assert room.ledger.purge(["f1"], ["told"], "claire", room.now, [*KIT.tables.life.statuses]) == 1
    assert refused(rejects, room.desk().stage, Named("f1"), Into()) == "FLX-I231"


class Into:
    """Files that are written, by name."""

    def __init__(self):
        self.files = {}

    @contextmanager
    def __call__(self, name):
        with io.BytesIO() as file:
            yield file
            self.files[name] = file.getvalue()


def handed_back(room, what, *to):
    into = Into()
    made = rejects(room.desk().stage, what, into, *to)
    return made, into.files[made.name]


# -- handed back -----------------------------------------------------------------------------------------------------------------------------


def test_the_rejected_pieces_are_handed_back_under_their_names_with_what_to_correct(room):
    made, data = handed_back(room, Named("f1"))
    assert made.name == "FSO4100A_ABC001_ABC0014100000000000001301-rejets.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(data)) as tar, tarfile.open(fileobj=io.BytesIO(BATCH)) as original:
        assert tar.getnames() == ["ACP-2026-1301.xml", "ACP-2026-1302.xml", "ACP-2026-1303.xml", "SIT-2026-1304.xml"]
        assert all(tar.extractfile(name).read() == original.extractfile(name).read() for name in tar.getnames())
    rows = made.listed(Words("en")).decode("utf-8-sig").splitlines()
    assert len(rows) == 5
    assert rows[4].startswith("SIT-2026-1304.xml;4;SIT-2026-1304;FLX-P20;error;moe;")
    assert handed_back(room, Named("f1"))[1] == data


def test_one_rejected_piece_is_the_document_itself_unless_an_archive_is_asked_for(room):
    made, data = handed_back(room, Named("f1", (4,)))
    assert (made.name, data[:5]) == ("FSO4100A_ABC001_ABC0014100000000000001301-rejets.xml", b"<?xml")
    assert handed_back(room, Named("f1", (4,)), "x.tar.gz")[1][:2] == b"\x1f\x8b"
    assert refused(handed_back, room, Named("f1"), "x.xml") == "FLX-I219"


def test_what_went_in_since_is_not_handed_back(room):
    room.markets = market_known()
    room.again(Named("f1", (4,)))
    assert [piece["ordinal"] for piece in handed_back(room, Named("f1"))[0].pieces] == [1, 2, 3]
    assert refused(handed_back, room, Named("c2")) == "FLX-I217"
