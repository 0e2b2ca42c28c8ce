"""What the worker does with trouble of ours. Asked of a real ledger, a real store and real children."""

import errno
import json
import re
from collections import deque
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from deposit_case import DATA, written
from msgspec.structs import replace
from rig import EXAMPLES, GOOD
from workroom import NOON, Workroom, at_one_time

from flux import kit, log, owing, told, worker
from flux.depot import Who
from flux.faults import Fault
from flux.model import Judged, Plumbing, Severity
from flux.piece import Actor
from flux.policy import Brief, Policy
from flux.precheck import precheck
from flux.sandbox import child
from flux.sandbox.pool import Job, Sandbox, _result
from flux.sandbox.wire import Item, Judge, Lost, Result
from flux.worker import Settings

NOBODY = Path(__file__).resolve().parents[2] / "examples" / "13-unknown-recipient" / "FSO4100A_ABC001_ABC0014100000000000001301.tar.gz"
STRICT = Policy()
TOLERANT = Policy(severities={"FLX-P20": Severity.WARNING})  # the piece whose MOE nobody knows is refused by no rule any more


class House(Workroom):
    """A workroom with the one flow that is asked about, and a clock that is moved to when it is due."""

    def receive(self, name, content):
        super().receive("f1", name, content)

    def work(self, policy=STRICT, times=3, partner="batipro"):
        one = self.worker(policy, partner)
        for _ in range(times):
            one.step()
            self.now += timedelta(minutes=1)
        return self.ledger.flow("f1")


@pytest.fixture
def house(tmp_path):
    with closing(House(tmp_path)) as house:
        house.receive(NOBODY.name, NOBODY.read_bytes())
        yield house


def test_a_verdict_of_an_attempt_that_another_has_overtaken_is_thrown_away(house):
    """While the child judges, the lease is given up and taken by somebody else: as after a worker that was stopped for long."""
    settings = Settings("me", "FLUX01", {"batipro": STRICT}, (), dict, 3, [1, 10, 60])
    stolen = []

    def steal():
        if not stolen:
            house.ledger.release_leases("")
            stolen.extend(house.ledger.take("other", 10, NOON))

    worker.Worker(house.ledger, house.content, house.sandbox, kit.build(), settings, now=lambda: NOON).step(meanwhile=steal)
    assert [flow.fence for flow in stolen] == [2]
    row = house.ledger.flow("f1")
    assert (row.state, row.flow.fence, house.ledger.pieces(flow="f1"), house.ledger.emissions("f1")) == (Plumbing.PROCESSING, 2, [], [])
    house.ledger.release_leases("")
    assert house.work(times=1).state is Plumbing.DECIDED


def test_a_piece_that_nobody_refuses_and_nobody_acts_on_is_held_and_its_sender_is_told_nothing(house):
    row = house.work(TOLERANT)
    assert (row.state, row.verdict, row.reason.code) == (Plumbing.HELD, "", "FLX-I67")
    assert "piece 4 (number “SIT-2026-1304”)" in row.reason.en
    assert "la pièce 4 (numéro « SIT-2026-1304 »)" in row.reason.fr
    assert (house.ledger.pieces(flow="f1"), house.ledger.emissions("f1")) == ([], [])


def test_the_same_flow_is_decided_where_the_rule_refuses_that_piece(house):
    row = house.work(times=1)
    assert (row.state, row.verdict, row.reason) == (Plumbing.DECIDED, "IN_INTEGRE_PARTIEL", None)
    assert len(house.ledger.emissions("f1")) > 0


def test_the_journal_counts_the_attempts_and_the_row_tells_the_reason_from_the_first_on(house):
    assert house.work(TOLERANT, times=1).reason.code == "FLX-I67"
    row = house.work(TOLERANT, times=2)
    english = row.reason.en
    assert [(e.what, e.detail) for e in house.ledger.events("f1")[1:]] == [
        ("postponed", "1/3 FLX-I67 ordinal=4 number=SIT-2026-1304"),
        ("postponed", "2/3 FLX-I67 ordinal=4 number=SIT-2026-1304"),
        ("held", "3/3 FLX-I67 ordinal=4 number=SIT-2026-1304"),
    ]
    assert told.recorded(row, (), (), ())["reason"] == {"code": "FLX-I67", "fr": row.reason.fr, "en": english}


def test_a_flow_whose_setting_was_mended_before_the_last_attempt_is_decided_and_has_no_reason_left(house):
    house.work(TOLERANT, times=2)
    row = house.work(times=1)
    assert (row.state, row.reason) == (Plumbing.DECIDED, None)


def test_the_pre_check_tells_the_piece_as_not_evaluated(house):
    (flow,) = precheck([NOBODY], TOLERANT, {}, None, NOON, "check")
    assert flow["state"] == "NOT_EVALUATED"
    assert [piece["verdict"] for piece in flow["pieces"]].count("not_evaluated") == 1
    assert flow["reason"]["code"] == "FLX-I67"


def test_a_check_that_a_lowered_severity_left_half_done_is_held_and_names_the_finding(tmp_path):
    with closing(House(tmp_path)) as house:
        house.receive("a.xml", b"<x/>")
        row = house.work(Policy(naming="free", severities={"FLX-X07": Severity.WARNING}))
    assert (row.state, row.reason.code) == (Plumbing.HELD, "FLX-I68")
    assert "piece 1 (number “—”)" in row.reason.en
    assert "FLX-X07" in row.reason.en


@pytest.mark.parametrize(
    ("policy", "interface"),
    [(Policy(naming="free"), "FSO1110A"), (Policy(naming="free", interface="FSO5110A"), "FSO5110A")],
    ids=["the document's own", "the partner's"],
)
def test_the_interface_under_which_a_flow_was_judged_is_told_whatever_its_name_says(tmp_path, policy, interface):
    with closing(House(tmp_path)) as house:
        house.receive("facture.xml", next(EXAMPLES.glob(GOOD)).read_bytes())
        row = house.work(policy, times=1)
        assert row.interface == interface
        assert house.ledger.emissions("f1")[0].name == f"CSO{interface[3:]}_FLUX01_f1.xml"


def test_a_document_of_another_syntax_than_its_flow_is_refused_under_its_number(tmp_path):
    with closing(House(tmp_path)) as house:
        house.receive("facture.xml", next(EXAMPLES.glob(GOOD)).read_bytes())
        house.work(Policy(naming="free", interface="FSO1116A"), times=1)
        (piece,) = [json.loads(row.told) for row in house.ledger.pieces(flow="f1")]
        assert [finding["code"] for finding in piece["findings"]] == ["FLX-T15"]
        assert piece["number"]
        assert "lifecycle" in {emission.kind for emission in house.ledger.emissions("f1")}


def test_a_flow_whose_partner_is_gone_is_held_under_his_name(house):
    row = house.work(partner="somebody-else")
    assert (row.state, row.reason.code) == (Plumbing.HELD, "FLX-I65")
    assert "The partner batipro" in row.reason.en


def test_a_content_that_is_gone_and_a_disk_that_refuses_have_their_own_codes(house, tmp_path):
    (tmp_path / "tmp").rmdir()
    assert house.work(times=1).reason.code == "FLX-I66"
    for path in (tmp_path / "store").glob("*/*"):
        path.unlink()
    assert house.work(times=1).reason.code == "FLX-I50"


def test_a_bug_beside_the_ledger_costs_an_attempt_and_is_told_with_its_place(house, monkeypatch):
    def conclude(*_):
        raise KeyError("gone")

    monkeypatch.setattr(worker, "conclude", conclude)
    row = house.work(times=1)
    assert (row.state, row.reason.code) == (Plumbing.RECEIVED, "FLX-I64")
    assert "KeyError: 'gone' (faults.py:" in row.reason.en


@pytest.mark.parametrize(
    ("raised", "states", "code"),
    [
        (None, ["DECIDED", "DECIDED"], ""),
        (KeyError("gone"), ["RECEIVED", "DECIDED"], "FLX-I64"),
        (Fault("FLX-I61", name="x.xml", detail="-"), ["RECEIVED", "DECIDED"], "FLX-I61"),
        (OSError(errno.ENOSPC, "No space left on device"), ["RECEIVED", "RECEIVED"], "FLX-I66"),
    ],
    ids=["nothing", "a bug", "an answer that is unsound", "a full disk"],
)
def test_what_is_met_half_way_through_an_answer_is_its_flows_alone_and_a_full_disk_everybodys(house, monkeypatch, raised, states, code):
    write = owing.Draft.write

    def halfway(draft, into, read):
        pack = write(draft, into, read)
        if raised and draft.flow.id == "f1":
            raise raised
        return pack

    at_one_time(monkeypatch)
    monkeypatch.setattr(owing.Draft, "write", halfway)
    Workroom.receive(house, "f2", "other.xml", next(EXAMPLES.glob(GOOD)).read_bytes())
    house.worker(Policy(naming="free")).step()
    rows = [house.ledger.flow(id_) for id_ in ("f1", "f2")]
    assert [row.state for row in rows] == states
    assert (rows[0].reason.code if rows[0].reason else "") == code


class Broken(Sandbox):
    """A sandbox that proves containers, and loses what was judged."""

    def __init__(self, lost):
        super().__init__(1)
        self.lost = lost

    def run(self, jobs):
        for result in super().run(jobs):
            yield Result(result.key, self.lost) if result and isinstance(result.value, Judged) else result


@pytest.mark.parametrize(
    ("lost", "code", "quotes"),
    [
        (Lost("crash", "-11"), "FLX-I62", "ended with status -11"),
        (Lost("bug", "KeyError: 'x' (ubl.py:3 read)"), "FLX-I63", "KeyError: 'x' (ubl.py:3 read)"),
        (Lost("fault", "FLX-I61", {"name": "x.xml", "detail": "—"}), "FLX-I61", "x.xml"),
    ],
)
def test_what_a_child_met_is_told_with_the_file_that_it_read(house, lost, code, quotes):
    house.sandbox.close()
    house.sandbox = Broken(lost)
    row = house.work(times=1)
    assert (row.state, row.reason.code) == (Plumbing.RECEIVED, code)
    assert quotes in row.reason.en
    assert code == "FLX-I61" or f"{NOBODY.name} [5: " in row.reason.en


@pytest.mark.parametrize(
    ("raised", "lost"),
    [
        (Fault("FLX-I38", file="a.xsd", found="0"), Lost("fault", "FLX-I38", {"file": "a.xsd", "found": "0"})),
        (ValueError("odd"), Lost("bug", "ValueError: odd (child.py:0 _judged > test_worker.py:0 judge)")),
    ],
    ids=["fault", "bug"],
)
def test_a_fault_in_a_child_comes_over_the_wire_as_what_it_is(monkeypatch, tmp_path, raised, lost):
    def judge(*_):
        raise raised

    monkeypatch.setattr(child, "judge", judge)
    body = Judge((Item(1, 0, 0, 0, 1, "a.xml", 0),), (Brief("", Policy(), date(2026, 11, 23)),))
    with (tmp_path / "empty").open("x+b") as file:
        (answer,) = child._judged(7, body.items[0], body, [file.fileno()], None)
    (result,) = _result(answer, SimpleNamespace(job=Job(body, list)), deque())
    assert re.sub(r":\d+ ", ":0 ", result.value.detail) == lost.detail
    assert (result.value.why, result.value.facts) == (lost.why, lost.facts)


@pytest.mark.parametrize("damage", [lambda content: content[:-20], lambda content: content[:200] + b"?" + content[201:]], ids=["cut", "flipped"])
def test_a_stored_content_that_rotted_is_our_trouble_and_never_the_senders_damaged_archive(house, damage):
    (stored,) = [path for path in (house.content._store).rglob("*") if path.is_file()]
    sound = stored.read_bytes()
    stored.write_bytes(damage(sound))
    row = house.work(times=1)
    assert (row.state, row.reason.code) == (Plumbing.RECEIVED, "FLX-I55")
    stored.write_bytes(sound)
    assert house.work(times=1).state is Plumbing.DECIDED


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A piece, and one that is deposited on it, ready at one time."""
    at_one_time(monkeypatch)
    before, supplier, moe, moa = EXAMPLES / "02-moe-in-the-piece", Who(), Who("99913107100014"), Who("21990117000015")
    data = replace(DATA, number="A15-1", previous="SIT-2026-0201", market="", supplier=supplier, recipient=Who(), moe=moe, moa=moa)
    with closing(Workroom(tmp_path)) as room:
        room.receive("f1", "a.xml", next(before.glob("FSO5116A*")).read_bytes())
        room.receive("f2", "acompte.pdf", written(data), mode="service", depositor=Actor("moe", moe.id))
        yield room


def test_a_piece_that_is_deposited_on_one_of_the_same_group_finds_it_in_the_ledger(pair):
    pair.worker(Policy(naming="free")).step()
    assert [pair.ledger.flow(id_).verdict for id_ in ("f1", "f2")] == ["IN_INTEGRE", "IN_INTEGRE"]


def test_trouble_with_what_waited_is_none_of_what_was_recorded_before_it(pair, monkeypatch, capsys):
    record, asked = pair.ledger.record, []

    def full(outcomes, now):
        asked.append([one.flow.id for one in outcomes])
        if len(asked) > 1:
            raise Fault("FLX-I26", detail="database or disk is full")
        return record(outcomes, now)

    monkeypatch.setattr(pair.ledger, "record", full)
    log.configure("json", "info")
    pair.worker(Policy(naming="free")).step()
    attempts = [(line["flow"], line["ended"]) for line in map(json.loads, capsys.readouterr().err.splitlines()) if line["event"] == "attempt"]
    assert (asked, attempts) == ([["f1"], ["f2"]], [("f1", "decided"), ("f2", "postponed")])


def test_a_flow_whose_attempts_never_came_to_an_end_is_held_without_another_one(house):
    """The daemon was killed each time: only the count, committed before the work, is left of it."""
    for attempt in range(4):
        (taken,) = house.ledger.take(f"dead {attempt}", 10, NOON)
        assert taken.attempt == attempt + 1
        house.ledger.release_leases("me")
    row = house.work(times=1)
    assert (row.state, row.reason.code) == (Plumbing.HELD, "FLX-I69")


def test_flows_are_recorded_together_up_to_five_hundred_pieces_and_a_larger_one_by_itself():
    works = [SimpleNamespace(flow=SimpleNamespace(id=str(n)), trouble=None, judged=[SimpleNamespace(piece=None)] * n) for n in (300, 200, 1, 5_000, 2)]
    assert [[len(work.judged) for work in group] for group in worker._in_turn(works)] == [[300, 200], [1], [5_000], [2]]
