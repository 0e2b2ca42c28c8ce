"""A flow of more pieces than memory holds is decided, told and recorded as one that fits. Asked of a real ledger, a real store and real children."""

import errno
import gc
import json
import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from io import FileIO

import pytest
from lxml import etree
from rig import EXAMPLES, Site
from workroom import NOON, Workroom, at_one_time, zip_of

from flux import asking, config, kit, ops, owing, process, shelf, whatif
from flux.cause import Sought
from flux.dossier import Act
from flux.emitters import _xml
from flux.lifecycle import after
from flux.lifecycle import moved as steps
from flux.model import Plumbing
from flux.policy import Policy, Route
from flux.round import Round
from flux.stores import _causes, _writing
from flux.when import day_of

SOUND = next(EXAMPLES.glob("02-moe-in-the-piece/FSO5116A*")).read_bytes()
NUMBER = b"SIT-2026-0201"
PIECES = 9


@cache  # a ZIP tells when it was made
def an_archive():
    """Some pieces that go in, one that is there twice, one that is refused by itself, one that cannot be read."""
    pieces = {f"{n}.xml": SOUND.replace(NUMBER, b"SIT-%d" % n) for n in range(PIECES)}
    assert len(set(pieces.values())) == PIECES
    twice = pieces["3.xml"] + b" "
    return zip_of(pieces | {"twice.xml": twice, "long.xml": SOUND.replace(NUMBER, b"N" * 30), "torn.xml": SOUND[:900]})


@pytest.fixture
def few(monkeypatch):
    """As if memory held two values."""
    for where, most in ((shelf, "HELD"), (process, "HELD"), (_writing, "TOGETHER"), (_causes, "TOGETHER")):
        monkeypatch.setattr(where, most, 2)


PIVOT = (Route("moe", "", form="pivot"),)


def decided(folder, routes=()):
    """What the ledger and the store have of that archive, which the audit finds whole."""
    folder.mkdir()
    with closing(Workroom(folder, children=2)) as room:
        room.receive("f1", "some.zip", an_archive())
        room.worker(Policy(naming="free", lifecycle="both", certificates=True), routes=routes).step()
        row, owed = room.ledger.flow("f1"), room.ledger.emissions("f1")
        answers = {}
        for one in owed:
            with room.content.open(one.blob) as file:
                file.seek(one.offset)
                answers[one.key] = file.read(one.size)
        assert not room.ledger.audit().troubles
        return {
            "row": (row.state, row.verdict, row.pieces, row.accepted, row.reason),
            "pieces": [json.loads(one.told) for one in room.ledger.pieces(flow="f1")],
            "owed": [(one.key, one.name, one.target, one.sha256, one.size) for one in owed],
            "answers": answers,
            "standings": [(one.ref, one.status, one.piece) for found in room.ledger.standings([f"SIT-{n}" for n in range(PIECES)]).values() for one in found],
            "sealed": [event.rows for event in room.ledger.events("f1")],
            "causes": sorted((one.code, one.count) for one in room.ledger.causes(Sought(), NOON.date())[0]),
        }


@pytest.mark.parametrize("routes", [(), PIVOT], ids=["as received", "as pivot"])
def test_what_does_not_fit_into_memory_is_told_and_recorded_like_what_does(tmp_path, request, routes):
    whole = decided(tmp_path / "whole", routes)
    request.getfixturevalue("few")
    assert decided(tmp_path / "few", routes) == whole
    assert len([name for _, name, *_ in whole["owed"] if name.startswith("FEN0036A")]) == (PIECES if routes else 0)
    assert whole["row"] == (Plumbing.DECIDED, "IN_INTEGRE_PARTIEL", PIECES + 3, PIECES, None)
    assert (len(whole["standings"]), sum(count for _, count in whole["causes"])) == (PIECES, 3)
    assert len([key for key in whole["answers"] if ".cdar." in key]) == 2 * PIECES + 2, "of each that went in two, of one that did not one, and of what cannot be read none"


def test_a_pre_check_tells_it_alike(tmp_path, request):
    file = tmp_path / "some.zip"
    file.write_bytes(an_archive())

    def told():
        return asking.check([file], None, "", "", None)

    whole = told()
    request.getfixturevalue("few")
    assert (told(), len(whole[0]["pieces"])) == (whole, PIECES + 3)


def test_a_replay_finds_no_change_where_there_is_none(tmp_path, few):
    site = Site(tmp_path)
    (site.inbox / "FSO5116A_ABC001_ABC0015116000000000000201.zip").write_bytes(an_archive())
    assert site.flux("once").returncode in (0, 1)
    today = day_of(datetime.now(UTC))
    told = whatif.replay(config.load(site.root / "flux.toml"), whatif.Asked(today - timedelta(days=1), today), datetime.now(UTC), lambda _done, _all: None)
    assert (told["pieces"], told["changes"], told["not_evaluated"]) == (PIECES + 3, [], [])


def unnamed(folder):
    """How many files without a name this process has open there."""
    links = (os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{fd}"))  # noqa: PTH115, PTH114, PTH208
    return sum(link.startswith(str(folder)) and link.endswith("(deleted)") for link in links)


@pytest.mark.parametrize(
    ("raised", "code", "flows"),
    [(OSError(errno.ENOSPC, "No space left on device"), "FLX-I66", ["f1", "f2"]), (KeyError("gone"), "FLX-I64", ["f2"])],
    ids=["a full disk, with another flow in hand", "a bug"],
)
def test_what_lies_in_files_has_made_room_when_the_trouble_is_told(tmp_path, monkeypatch, few, raised, code, flows):
    at_one_time(monkeypatch)
    with closing(Workroom(tmp_path)) as room:
        for id_ in flows:
            room.receive(id_, f"{id_}.zip", an_archive())
        write, postpone, seen = owing.Draft.write, room.ledger.postpone, []

        def halfway(draft, into, read):
            pack = write(draft, into, read)
            if draft.flow.id == "f2":
                seen.append(unnamed(tmp_path))
                raise type(raised)(*raised.args)  # a new one: it holds all that stands around it
            return pack

        def told(*given):
            seen.append(unnamed(tmp_path))
            return postpone(*given)

        monkeypatch.setattr(owing.Draft, "write", halfway)
        monkeypatch.setattr(room.ledger, "postpone", told)
        gc.disable()
        try:
            room.worker(Policy(naming="free")).step()
        finally:
            gc.enable()
        assert [(room.state(id_), room.ledger.flow(id_).reason.code) for id_ in flows] == [(Plumbing.RECEIVED, code)] * len(flows)
        assert seen[0] > 2
        assert seen[1:] == [0] * len(flows)


def test_a_spool_that_can_no_longer_be_written_to_is_told_of_its_flow_all_the_same(tmp_path, monkeypatch):
    with closing(Workroom(tmp_path)) as room:
        room.receive("f1", "some.zip", an_archive())

        def read_only(*_):
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr(Round, "__exit__", read_only)
        monkeypatch.setattr(Round, "run", read_only)
        room.worker(Policy(naming="free")).step()
        assert (room.state("f1"), room.ledger.flow("f1").reason.code) == (Plumbing.RECEIVED, "FLX-I66")


def test_a_bad_sector_under_what_a_pivot_is_made_of_is_its_flows_alone(tmp_path, monkeypatch):
    write = owing.Draft.write

    class Rotten(FileIO):
        def read(self, _size=-1):
            raise OSError(errno.EIO, "Input/output error")

    with closing(Workroom(tmp_path)) as room:
        room.receive("f1", "some.zip", an_archive())

        def rotten(draft, into, read):
            monkeypatch.setattr(room.content, "open", lambda sha: Rotten(room.content._path(sha)))
            return write(draft, into, read)

        monkeypatch.setattr(owing.Draft, "write", rotten)
        room.worker(Policy(naming="free"), routes=PIVOT).step()
        assert room.ledger.flow("f1").reason.code == "FLX-I55"


def test_the_tree_of_an_answer_that_tells_many_pieces_holds_some_of_them(tmp_path, few, monkeypatch):
    at_once = []

    class Watched(etree.XMLPullParser):
        def read_events(self):
            for event, element in super().read_events():
                yield event, element
                if element.tag == "CPPFactureStatutUnitaire":
                    at_once.append(len(element.getparent()))

    monkeypatch.setattr(etree, "XMLPullParser", Watched)
    monkeypatch.setattr(_xml, "BLOCK", 1)  # a unit or two a block
    decided(tmp_path / "some")
    assert len(at_once) == 2 * PIECES + 2
    assert max(at_once) <= 2


def test_moves_of_many_pieces_are_told_some_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(ops, "TOGETHER", 2)
    with closing(Workroom(tmp_path)) as room:
        room.receive("f1", "some.zip", an_archive())
        worker = room.worker(Policy(naming="free"))
        worker.step()
        ones = [found[0] for found in room.ledger.standings([f"SIT-{n}" for n in range(5)]).values()]
        moved = [(done, done.moves[2:]) for one in ones if (done := after(one, taken_over(one)))]
        names = [emission.name for emission in worker._office.tell_all(moved, NOON)]
        assert len({name for name in names if name.startswith("FEN1201A")}) == 5


def taken_over(standing):
    """The step of a MOE who takes a piece into account."""
    return steps(standing, Act("prendre_en_compte", standing.waits, "moe"), NOON, kit.build().tables)
