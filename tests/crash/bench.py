"""What the parts of the campaign have in common: plugs side by side, trials by the hundred, and their count."""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from disks import memory
from plug import Plug, build_shim
from scenario import install, reference, survive

SIDE_BY_SIDE = 2  # as many as there are cores on a small machine
NOTHING = "0 lost, 0 duplicated, 0 unexpected"


class Count:
    """What some trials came to. What is wrong is written to the standard error whole, to be looked at."""

    def __init__(self):
        self.runs = self.attempted = self.acknowledged = self.ok = self.recovered = self.again = 0
        self.lost, self.duplicated, self.unexpected, self.wrong = [], [], [], []

    def add(self, what, result):
        self.runs += 1
        for name in ("attempted", "acknowledged", "ok", "recovered", "again", "lost", "duplicated", "unexpected"):
            setattr(self, name, getattr(self, name) + getattr(result.report, name))
        self.wrong += result.wrong
        if not result.good:
            print(what, result, file=sys.stderr, flush=True)

    @property
    def good(self):
        return self.ok == self.attempted and not (self.lost or self.duplicated or self.unexpected or self.wrong)

    def __str__(self):
        told = f"{len(self.lost)} lost, {len(self.duplicated)} duplicated, {len(self.unexpected)} unexpected"
        more = f", {len(self.wrong)} runs that ended badly" if self.wrong else ""
        return f"{told}{more}; {self.attempted} deposits, {self.acknowledged} acknowledged, {self.ok} ok, {self.recovered} of them recovered"


class Bench:
    """Plugs side by side, and a folder for what they work on."""

    def __init__(self, stack, every):
        self.folder = Path(stack.enter_context(memory()))
        self.every, self.shim = every, build_shim(self.folder)
        self.plugs = SimpleQueue()
        for _ in range(SIDE_BY_SIDE):
            self.plugs.put(stack.enter_context(Plug(self.shim, "quick")))
        self.plug = stack.enter_context(Plug(self.shim, "quick"))
        self.known = reference(self.plug, self.folder / "reference")
        self._serial = 0

    def some(self, points, least=1):
        """Of many points as many as were asked for, and of how many."""
        chosen = points[:: max(least, self.every)]
        return chosen, f"{len(chosen)} of {len(points)}"

    def trials(self, points, **how):
        """Each point is a tuple of faults. how: see survive()."""
        count = Count()

        def one(numbered):
            n, faults = numbered
            plug, root = self.plugs.get(), self.folder / f"trial-{n}" / "root"
            try:
                return faults, survive(plug, install(root, self.known.dropped), self.known, *faults, consumes=n % 2, **how)
            finally:
                self.plugs.put(plug)
                shutil.rmtree(root.parent)

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            for faults, result in pool.map(one, enumerate(points)):
                count.add(faults, result)
        return count
