"""The campaign of the daemon under way: killed and asked to end at random moments, and on disks that are too small."""

import signal
import sys
from contextlib import ExitStack

from bench import NOTHING, Bench, Count
from campaign import Row
from daemon import READY_S, soak
from disks import Small
from plug import Plug
from scenario import tight

TITLE = "The daemon under way, and full disks"


def rows(options):
    with ExitStack() as stack:
        bench = Bench(stack, options.every)
        yield from under_way(bench, stack.enter_context(Plug(bench.shim, "anew")))
        yield from by_number(bench)
        yield from full(bench)


def under_way(bench, anew):
    kills_ = max(1, 200 // bench.every)
    house, starts, _ = soak(anew, bench.folder / "soak", kills=kills_, a_round=10, pieces=10, seed=1)
    yield from _soaked(house, f"random kills of `flux run`: {kills_} over {len(house.dropped)} flows of 10 pieces")
    yield Row("ready again after a kill", f"≤ {READY_S} s", f"{max(starts):.1f} s at most, {sorted(starts)[len(starts) // 2]:.1f} s median", max(starts) <= READY_S)
    ends_ = max(1, 50 // bench.every)
    house, _, ends = soak(anew, bench.folder / "terms", kills=ends_, a_round=5, pieces=5, seed=2, asked=signal.SIGTERM)
    yield from _soaked(house, f"SIGTERM at random moments: {ends_} over {len(house.dropped)} flows of 5 pieces")
    yield Row("ended after SIGTERM, with 0", "≤ 30 s", f"{max(ends):.1f} s at most", max(ends) <= 30)


def _soaked(house, name):
    report = house.check()
    found = f"{len(report.lost)} lost, {len(report.duplicated)} duplicated, {len(report.unexpected)} unexpected; {report.ok} of {report.attempted} ok"
    good = report.clean and not house.wrong and house.verdicts() == {"IN_INTEGRE"}
    if not good:
        print(name, report, house.wrong, file=sys.stderr)
    yield Row(name, NOTHING, found + (f", {len(house.wrong)} ended badly" if house.wrong else ""), good)


def by_number(bench):
    """The acts of a daemon are those of one run and, between them, those of its scans: it is hit at the numbers of the one run."""
    calls = range(1, len(bench.known.acts) + 1)
    for how, name in (("kill", "kill -9 before"), ("eio", "EIO at")):
        some, told = bench.some([((n, how, ""),) for n in calls])
        count = bench.trials(some, daemon=True)
        yield Row(f"{name} the Nth call of `flux run`: {told}", NOTHING, str(count), count.good)


def full(bench):
    small = Small(bench.folder / "small")
    for name, sizes in (
        ("ENOSPC by bytes, then enlarged", [f"size={kilobytes}k" for kilobytes in range(190, 790, 12)]),
        ("ENOSPC by inodes, then enlarged", [f"nr_inodes={files}" for files in range(40, 140, 2)]),
    ):
        count, small_ones = Count(), 0
        for options in bench.some(sizes)[0]:
            result, was = tight(bench.plug, small, options, bench.known)
            small_ones += was
            count.add((name, options), result)
        yield Row(f"{name}: {count.runs} sizes, {small_ones} of them too small", "all converge in one clean run", str(count), count.good)
