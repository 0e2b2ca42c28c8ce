"""The crash campaign: a kill at every call, a second one in recovery, every call with every error; and the rig on broken fluxes."""

import random
from contextlib import ExitStack

from bench import NOTHING, Bench
from broken import CAUGHT
from campaign import Row
from plug import Plug
from scenario import errors

TITLE = "Crashes and failing calls"
SEED = 20261125
FAILING = {
    "eio": "EIO at the Nth call",
    "eio*30": "EIO at the Nth call and the 29 after it",
    "enospc": "ENOSPC at the Nth call",
    "enospc*100": "ENOSPC at the Nth call and the 99 after it",
    "emfile": "EMFILE at the Nth opening",
    "eintr": "EINTR at the Nth call",
    "eread": "EIO at the Nth reading",
}


def rows(options):
    with ExitStack() as stack:
        bench = Bench(stack, options.every)
        yield from variants(bench)
        yield from kills(bench)
        yield from failing(bench)


def variants(bench):
    from test_variants import caught

    for variant, (by, _) in CAUGHT.items():
        with Plug(bench.shim, "quick", variant) as broken:
            found, of = caught(broken, bench.known, variant, bench.folder / variant)
        yield Row(f"the rig proves itself: `{variant}`, by a {'power cut' if by == 'cut' else 'kill'}", "caught every time", f"{found} of {of}", found == of)


def kills(bench):
    calls = range(1, len(bench.known.acts) + 1)
    some, told = bench.some([((n, "kill", ""),) for n in calls])
    count = bench.trials(some)
    yield Row(f"kill -9 before each call that changes the disk: {told}", NOTHING, str(count), count.good)
    luck = random.Random(SEED)
    some, told = bench.some([((n, "kill", ""), (luck.randint(1, len(calls)), luck.choice(["kill", "exit"]), "")) for n in calls])
    count = bench.trials(some)
    yield Row(f"the same, and a second kill or exit during recovery: {told}", NOTHING, str(count), count.good)


def failing(bench):
    for how, name in FAILING.items():
        some, told = bench.some([(point,) for point in errors(bench.known, how)])
        count = bench.trials(some)
        yield Row(f"{name}: {told}", "all converge in one clean run, no sender blamed, no traceback", str(count), count.good)
