"""A re-injection is killed at each call that changes the disk: asked again with its key it goes on, and each piece is taken up and sent once."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from rig import EXAMPLES
from scenario import CONFIG, acts

BATCH = "FSO4100A_ABC001_ABC0014100000000000001301.tar.gz"  # piece 4 is refused: nobody knows its market
WORDS = ("reinject", "--cause", "FLX-P20", "--reason", "market file", "--by", "anne", "--yes", "--key", "night-7")
EVERY = 16  # of the points; the campaign takes all of them
GOES_TO = "moe-99913225100029"


def fill(root):
    """An installation where piece 4 was refused for a market that is known by now."""
    (root / "inbox" / "batipro").mkdir(parents=True)
    (root / "flux.toml").write_text(CONFIG, "utf-8")
    shutil.copy(EXAMPLES / "13-unknown-recipient" / BATCH, root / "inbox" / "batipro")
    return root


def mend(root):
    text = (EXAMPLES / "markets.toml").read_text("utf-8")
    (root / "markets.toml").write_text(text.replace("2025-EP-0308", "2026-MT-0999"), "utf-8")


@pytest.fixture(scope="module")
def refused(tmp_path_factory, plug):
    root = fill(tmp_path_factory.mktemp("again") / "root")
    assert plug.once(root).status == 0
    mend(root)
    return root


def stands(root):
    """What is there: flows made, pieces accepted of them, pieces and answers that were delivered, what waits."""
    with closing(sqlite3.connect(root / "spool" / "ledger.db")) as db:
        made = db.execute("SELECT count(*), sum(accepted) FROM flow WHERE again != ''").fetchone()
        state = db.execute("SELECT state FROM reinjection").fetchall()
        left = db.execute("SELECT count(*) FROM flow WHERE state != 'CLOSED'").fetchone()[0]
    outbox = root / "outbox"
    pieces = len(list((outbox / "pieces" / GOES_TO).glob("*.xml")))
    return {"made": made, "state": state, "left": left, "pieces": pieces, "answers": len(list(outbox.rglob("CSO*-2.xml")))}


def after(plug, root, at, how="kill"):
    hit = plug.wait(plug.start(root, *WORDS, at=at, fault=how))
    again = plug.wait(plug.start(root, *WORDS))
    last = plug.once(root)
    traces = [ended.said for ended in (hit, again, last) if "Traceback" in ended.said]
    return {**stands(root), "ended": (again.status, last.status), "traces": traces}


@pytest.mark.slow
def test_a_re_injection_that_is_killed_at_any_call_takes_up_each_piece_once(plug, refused, ground):
    shutil.copytree(refused, ground / "whole" / "root")
    undisturbed = plug.wait(plug.start(ground / "whole" / "root", *WORDS, log=ground / "log"))
    expected = {**stands(ground / "whole" / "root"), "ended": (0, 0), "traces": []}
    assert (undisturbed.status, expected["made"], expected["state"], expected["answers"]) == (0, (1, 1), [("DONE",)], 1)
    number = len(acts(ground / "log"))
    assert number > 20
    wrong = []
    for at in range(1, number + 1, EVERY):
        root = ground / str(at) / "root"
        shutil.copytree(refused, root)
        if (found := after(plug, root, at)) != expected:
            wrong.append((at, found))
        shutil.rmtree(root.parent)
    assert wrong == [], f"{len(wrong)}: {wrong[:3]} {wrong[-1]}"
