"""Status flows and the ledger: what a line does is recorded with the decision, whole or not at all, whoever acts or dies meanwhile."""

import zipfile
from datetime import timedelta

import pytest
from rig import EXAMPLES
from status_flow import NUMBER, RECIPIENT, a_flow, a_line
from workroom import Workroom, zip_of

from flux import kit as flux_kit
from flux.dossier import Act
from flux.model import FlowVerdict
from flux.ops import Office, act
from flux.piece import Actor
from flux.policy import Policy

POLICY = Policy(naming="free", speaks_for=(RECIPIENT,))
SERVICE = Actor("service_financier", RECIPIENT)


class Died(BaseException):
    """As if the process ended here."""


@pytest.fixture
def room(tmp_path):
    """One accepted A6 that waits for its financial service."""
    room = Workroom(tmp_path)
    with zipfile.ZipFile(next(EXAMPLES.glob("07-*/*.zip"))) as archive:
        room.receive("P1", "piece.xml", archive.read(f"{NUMBER}.xml"))
    room.worker(POLICY).step()
    yield room
    room.close()


def moves(room):
    (one,) = room.ledger.standings([NUMBER])[NUMBER]
    return [move.act for move in one.moves[2:]]


def told(room, flow):
    return [e.name for e in room.ledger.emissions(flow) if ".move." in e.key]


def codes(room, flow):
    return [[code for code in ("FLX-W02", "FLX-N01", "FLX-N07") if code.encode() in row.told] for row in room.ledger.pieces(flow=flow)]


def test_two_status_flows_of_one_group_go_on_from_one_another(room):
    room.receive("S1", "one.xml", a_flow(a_line()))
    room.receive("S2", "two.xml", a_flow(a_line(status="08")))
    room.receive("S3", "three.xml", a_flow(a_line(comment="encore")))
    room.worker(POLICY).step()
    assert moves(room) == ["constater_service_fait", "mandater"]
    assert [codes(room, flow) for flow in ("S1", "S2", "S3")] == [[[]], [[]], [["FLX-W02"]]]
    assert len(told(room, "P1")) == 2


def test_two_lines_on_one_piece_are_two_steps_and_one_flow_to_its_supplier(room):
    room.receive("S1", "one.xml", a_flow(a_line(), a_line(status="08")))
    room.worker(POLICY).step()
    assert moves(room) == ["constater_service_fait", "mandater"]
    (name,) = told(room, "P1")
    assert name.endswith("-4.xml")
    assert [event.what for event in room.ledger.events("P1")].count("moved") == 2


OTHER = "20990042200012"


def test_the_status_of_a_refused_duplicate_is_not_that_of_the_first_copy(room):
    """The duplicate names another recipient: what he says of it is of no piece. What names the first copy in everything is the first copy's."""
    with zipfile.ZipFile(next(EXAMPLES.glob("07-*/*.zip"))) as archive:
        room.receive("P2", "again.xml", archive.read(f"{NUMBER}.xml").replace(RECIPIENT.encode(), OTHER.encode()))
    both = Policy(naming="free", speaks_for=(RECIPIENT, OTHER))
    room.worker(both).step()
    assert b"FLX-D02" in room.ledger.pieces(flow="P2")[0].told
    room.receive("S1", "one.xml", a_flow(a_line(recipient=OTHER, status="05", comment="doublon")))
    room.worker(both).step()
    assert (moves(room), codes(room, "S1")) == ([], [["FLX-N01"]])
    room.receive("S2", "two.xml", a_flow(a_line()))
    room.worker(both).step()
    assert (moves(room), codes(room, "S2")) == (["constater_service_fait"], [[]])


def test_pieces_and_status_lines_of_one_archive_have_each_their_answer_and_only_pieces_a_certificate(room):
    policy = Policy(naming="free", speaks_for=(RECIPIENT,), certificates=True)
    room.receive("S1", "one.xml", a_flow(a_line(), a_line(number="MEN-9999")))
    with zipfile.ZipFile(next(EXAMPLES.glob("07-*/*.zip"))) as archive:
        room.receive("S2", "both.zip", zip_of({"1.xml": archive.read("MEN-2026-0704.xml"), "2.xml": a_flow(a_line(status="08"))}))
    room.worker(policy).step()
    assert moves(room) == ["constater_service_fait", "mandater"]
    assert [row.verdict for row in room.ledger.pieces(flow="S2")] == ["accepted", "accepted"]
    kinds = {flow: {e.kind for e in room.ledger.emissions(flow)} for flow in ("S1", "S2")}
    assert kinds["S1"] == {"integration", "report-json", "report-html"}
    assert kinds["S2"] == {*kinds["S1"], "lifecycle", "piece", "certificate-pdf", "certificate-html"}


def test_what_somebody_did_meanwhile_is_thought_about_again(room, monkeypatch):
    room.receive("S1", "one.xml", a_flow(a_line()))
    record = room.ledger.record

    def overtaken(outcomes, now):
        monkeypatch.setattr(room.ledger, "record", record)
        (one,) = room.ledger.standings([NUMBER])[NUMBER]
        office = Office(room.ledger, room.content, flux_kit.build(), {}, (), "FLUX01")
        act(office, one.ref, Act("mandater", SERVICE, "claire"), room.now)
        return record(outcomes, now)

    monkeypatch.setattr(room.ledger, "record", overtaken)
    room.worker(POLICY).step()
    assert moves(room) == ["mandater"]
    assert codes(room, "S1") == [["FLX-W02"]]
    assert room.ledger.flow("S1").verdict == FlowVerdict.REJECTED


@pytest.mark.parametrize("committed", [False, True], ids=["before the commit", "after it"])
def test_a_death_at_the_record_neither_doubles_nor_loses_the_step(room, monkeypatch, committed):
    room.receive("S1", "one.xml", a_flow(a_line()))
    record = room.ledger.record

    def dying(outcomes, now):
        if committed:
            record(outcomes, now)
        raise Died

    monkeypatch.setattr(room.ledger, "record", dying)
    with pytest.raises(Died):
        room.worker(POLICY).step()
    assert moves(room) == ["constater_service_fait"] * committed
    monkeypatch.setattr(room.ledger, "record", record)
    room.ledger.release_leases("another life")
    room.now += timedelta(hours=1)
    room.worker(POLICY).step()
    assert moves(room) == ["constater_service_fait"]
    assert len(told(room, "P1")) == 1
    assert len([e for e in room.ledger.emissions("S1") if e.kind == "integration"]) == 1
