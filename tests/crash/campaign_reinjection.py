"""The campaign of re-injection: ten thousand pieces with their preview; killed at random moments; killed before each call that changes the disk."""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from campaign import Row
from disks import memory
from plug import Plug, build_shim
from scenario import acts
from test_reinjection_killed import WORDS, after, fill, mend, stands

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
from reinjection import measure

TITLE = "Re-injection"
PIECES, MOST_S, KILLS = 10_000, 120, 50


def rows(options):
    with TemporaryDirectory() as folder:
        found = measure(Path(folder), PIECES, 20)
    told = f"{found.seconds:.0f} s, of which the preview {found.preview_s:.0f} s; {found.doubled} doubled, {found.lost} lost"
    yield Row(f"{PIECES:,} pieces in 20 flows: previewed, taken up, judged, delivered", f"< {MOST_S} s", told, found.good and found.seconds < MOST_S)
    kills = max(1, KILLS // options.every)
    with TemporaryDirectory() as folder:
        found = measure(Path(folder), PIECES, 500, kills=kills)
    told = f"{found.doubled} doubled, {found.lost} lost; {found.hit} kills found it at work, {found.released} flows were held by them and released"
    yield Row(f"{kills} random kills of one re-injection of {PIECES:,} pieces in 500 flows", "0 doubled, 0 lost", told, found.good)
    with memory() as folder, Plug(build_shim(folder), "quick") as plug:
        yield by_number(Path(folder), plug, options.every)


def by_number(folder, plug, every):
    """Before each call: asked again with its key it is done once."""
    refused = fill(folder / "refused" / "root")
    plug.once(refused)
    mend(refused)
    whole = folder / "whole" / "root"
    shutil.copytree(refused, whole)
    plug.wait(plug.start(whole, *WORDS, log=folder / "log"))
    expected = {**stands(whole), "ended": (0, 0), "traces": []}
    number, wrong = len(acts(folder / "log")), []
    some = range(1, number + 1, every)
    for at in some:
        root = folder / f"at-{at}" / "root"
        shutil.copytree(refused, root)
        if (found := after(plug, root, at)) != expected:
            wrong.append((at, found))
        shutil.rmtree(root.parent)
    if wrong:
        print("re-injection", wrong, file=sys.stderr)
    return Row(f"kill -9 before the Nth call of `flux reinject`: {len(some)} of {number}", "as undisturbed", f"{len(wrong)} other than undisturbed", not wrong)
