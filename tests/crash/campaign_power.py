"""The power campaign: the power goes at every call, on real file systems."""

import random
from contextlib import ExitStack

from bench import NOTHING, Bench, Count
from campaign import Row
from checker import consume
from disks import Disk, power_cut
from scenario import install, survive

TITLE = "Power cuts"
SEED = 20261126


def rows(options):
    with ExitStack() as stack:
        yield from cuts(Bench(stack, options.every))


def cuts(bench):
    calls = list(range(1, len(bench.known.acts) + 1))
    for kind, least in (("ext4", 1), ("xfs", 3)):
        disk = Disk(kind, bench.folder / kind, lambda folder: install(folder / "root", bench.known.dropped))
        some, told = bench.some(calls, least)
        yield _cuts(bench, disk, some, f"power cut at each call on {kind}: {told}", NOTHING)
        some, told = bench.some(calls, 2 * least)
        luck = random.Random(SEED)
        yield _cuts(bench, disk, some, f"the same, and once more during recovery, {kind}: {told}", NOTHING, then=lambda luck=luck: luck.randint(1, len(calls) // 2))
        some, told = bench.some(calls, 3 * least)
        yield _cuts(bench, disk, some, f"the same, {kind}, while a consumer empties the outbox at that instant: {told}", f"{NOTHING}, apart from the residual", consumes=True)


def _cuts(bench, disk, some, name, aim, *, consumes=False, then=lambda: 0):
    count, root, reached = Count(), disk.mounted / "root", 0
    for at in some:
        taken = []
        reached += power_cut(bench.plug, disk, root, at, meanwhile=lambda taken=taken: taken.extend(consume(root) if consumes else ()), then=then())
        count.add((name, at), survive(bench.plug, root, bench.known, unsynced=taken))
        disk.off()
    residual = f"; residual: {count.again} files stood there once more" if consumes else ""
    return Row(f"{name}, {reached} reached", aim, f"{count}{residual}", count.good)
