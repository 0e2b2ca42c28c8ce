"""An act is killed, or fails, at each call that changes the disk: afterwards it was done or it was not, and what is owed of it comes once."""

import shutil
from types import SimpleNamespace

import pytest
from rig import EXAMPLES
from scenario import CONFIG, acts, named

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


@pytest.fixture(scope="module")
def undisturbed(plug, waiting, tmp_path_factory):
    """The calls of an act that nothing disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(waiting, folder / "root")
    assert plug.wait(plug.start(folder / "root", *WORDS, log=folder / "log")).status == 0
    return SimpleNamespace(acts=acts(folder / "log"))


def after(plug, root, at, how, on):
    """What stands there once the act was asked again after a fault at its Nth call, and everything was delivered."""
    hit = plug.wait(plug.start(root, *WORDS, at=at, fault=how, on=on))
    again = plug.wait(plug.start(root, *WORDS))
    last = plug.once(root)
    told = [path.name for path in (root / "outbox" / "returns").rglob(f"*{STEP}")]
    traces = [ended.said for ended in (hit, again, last) if "Traceback" in ended.said]
    return {"once": last.status, "told": len(told), "traces": traces, "asked twice": again.status in (0, 1)}


@pytest.fixture
def trials(plug, waiting, ground):
    """What went wrong where, of faults (at, how, on) each in an installation of its own."""

    def tried(points):
        wrong = []
        for n, point in enumerate(points):
            root = ground / str(n) / "root"
            shutil.copytree(waiting, root)
            found = after(plug, root, *point)
            if found != {"once": 0, "told": 1, "traces": [], "asked twice": True}:
                wrong.append((point, found))
            shutil.rmtree(root.parent)
        return wrong

    return tried


@pytest.mark.slow
def test_an_act_that_is_killed_at_any_call_is_done_once_and_told_once(undisturbed, trials):
    assert len(undisturbed.acts) > 5
    assert trials((at, "kill", "") for at in range(1, len(undisturbed.acts) + 1)) == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["eio", "enospc"])
def test_an_act_that_meets_an_error_in_any_place_is_done_once_and_told_once(undisturbed, trials, how):
    assert len(named(undisturbed, how)) > 5
    assert trials(named(undisturbed, how)) == []
