"""A flow of more pieces than memory holds is decided, told and recorded as one that fits. Asked of a real ledger, a real store and real children."""

import errno
import json
from contextlib import closing
from datetime import timedelta
from functools import cache
from itertools import count

from rig import EXAMPLES
from workroom import Workroom, zip_of

from flux import shelf
from flux.model import Plumbing
from flux.policy import Policy

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


def decided(folder):
    """What the ledger and the store have of that archive, which the audit finds whole."""
    folder.mkdir()
    with closing(Workroom(folder, children=2)) as room:
        room.receive("f1", "some.zip", an_archive())
        room.worker(Policy(naming="free")).step()
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
        }


def test_what_does_not_fit_into_memory_is_told_and_recorded_like_what_does(tmp_path, monkeypatch):
    whole = decided(tmp_path / "whole")
    monkeypatch.setattr(shelf, "HELD", 2)
    assert decided(tmp_path / "few") == whole
    assert whole["row"] == (Plumbing.DECIDED, "IN_INTEGRE_PARTIEL", PIECES + 3, PIECES, None)
    assert len(whole["standings"]) == PIECES


def test_a_disk_without_room_for_it_is_trouble_that_passes(tmp_path, monkeypatch):
    monkeypatch.setattr(shelf, "HELD", 2)
    with closing(Workroom(tmp_path)) as room:
        room.receive("f1", "some.zip", an_archive())
        drawer, asked = room.content.drawer, count()

        def full():
            if next(asked) == 1:  # the second: what was decided
                raise OSError(errno.ENOSPC, "No space left on device")
            return drawer()

        monkeypatch.setattr(room.content, "drawer", full)
        room.worker(Policy(naming="free")).step()
        assert (room.state("f1"), room.ledger.flow("f1").reason.code) == (Plumbing.RECEIVED, "FLX-I66")
        room.now += timedelta(minutes=1)
        room.worker(Policy(naming="free")).step()
        assert room.state("f1") is Plumbing.DECIDED
