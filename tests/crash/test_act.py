"""An act is killed, or fails, at each call that changes the disk: afterwards it was done or it was not, and what is owed of it comes once."""

import shutil

import pytest
from rig import EXAMPLES
from scenario import CONFIG, acts

WORDS = ("act", "PDF-2026-0301", "prendre_en_compte", "--as", "moe:99913225100029")
STEP = "-00001-3.xml"  # how the life-cycle flow of the third step ends


@pytest.fixture(scope="module")
def waiting(tmp_path_factory, plug):
    """An installation with one piece that waits for its MOE."""
    root = tmp_path_factory.mktemp("act") / "root"
    (root / "inbox" / "batipro").mkdir(parents=True)
    (root / "flux.toml").write_text(CONFIG, "utf-8")
    shutil.copy(EXAMPLES / "markets.toml", root)
    for path in EXAMPLES.glob("03-moe-of-the-market/*.xml"):
        shutil.copy(path, root / "inbox" / "batipro")
    assert plug.once(root).status == 0
    return root


def calls(plug, waiting, folder):
    shutil.copytree(waiting, folder / "root")
    assert plug.wait(plug.start(folder / "root", *WORDS, log=folder / "log")).status == 0
    return len(acts(folder / "log"))


def after(plug, root, at, how):
    """What stands there once the act was asked again after a fault at its Nth call, and everything was delivered."""
    hit = plug.wait(plug.start(root, *WORDS, at=at, fault=how))
    again = plug.wait(plug.start(root, *WORDS))
    last = plug.once(root)
    told = [path.name for path in (root / "outbox" / "returns").rglob(f"*{STEP}")]
    traces = [ended.said for ended in (hit, again, last) if "Traceback" in ended.said]
    return {"once": last.status, "told": len(told), "traces": traces, "asked twice": again.status in (0, 1)}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "eio", "enospc"])
def test_an_act_that_meets_a_fault_at_any_call_is_done_once_and_told_once(plug, waiting, ground, how):
    number = calls(plug, waiting, ground)
    assert number > 5
    wrong = []
    for at in range(1, number + 1):
        root = ground / str(at) / "root"
        shutil.copytree(waiting, root)
        found = after(plug, root, at, how)
        if found != {"once": 0, "told": 1, "traces": [], "asked twice": True}:
            wrong.append((at, found))
        shutil.rmtree(root.parent)
    assert wrong == []
