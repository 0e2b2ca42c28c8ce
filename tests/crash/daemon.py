"""The daemon under way: fed, killed, stopped and asked to end at whatever moment; what it costs to be there again."""

import os
import random
import signal
import sys
import time
from pathlib import Path

from checker import answers, check
from scenario import CONFIG, install, rests

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

# Kills follow one another faster than any flow is judged: what is tried again so often is held for a person, as one that kills the daemon.
OFTEN = CONFIG.replace("children = 1", "children = 1\nattempts = 20")
READY_S = 5
PATIENCE_S = 180


class House:
    """An installation with its daemon, and all that was dropped into it."""

    def __init__(self, plug, root, config=CONFIG):
        self._plug, self.root, self.dropped = plug, install(root, {}, config), {}
        self.pid, self.wrong = 0, []

    def start(self):
        """Gives how many seconds it took until it was at work."""
        began = time.monotonic()
        self.pid = self._plug.start(self.root, "run")
        while '"event":"started"' not in self._plug.heard():
            if time.monotonic() - began > PATIENCE_S:
                raise TimeoutError("never started")
            time.sleep(0.005)
        return time.monotonic() - began

    def drop(self, name, content, partner="batipro"):
        folder = self.root / "inbox" / partner
        (folder / f".{name}").write_bytes(content)
        (folder / f".{name}").rename(folder / name)
        self.dropped[partner, name] = content

    def kill(self):
        self._blame(self._plug.end(self.pid), -signal.SIGKILL)

    def end(self):
        """SIGTERM; gives how many seconds it took."""
        began = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        self._blame(self._plug.wait(self.pid, 60), 0)
        return time.monotonic() - began

    def _blame(self, ended, status):
        if ended.status != status or ended.left or "Traceback" in ended.said:
            self.wrong.append((ended.status, ended.left, ended.said[-2000:]))

    def settled(self, seconds=PATIENCE_S):
        """Wait until every deposit is answered and delivered."""
        over = time.monotonic() + seconds
        while time.monotonic() < over:
            if rests(self.root, self):
                return True
            time.sleep(0.05 + len(self.dropped) / 5000)
        return False

    def check(self, expected=None):
        return check(self.root, self.dropped, answers=expected)

    def verdicts(self):
        """What was answered, each verdict once."""
        return {verdict for *_, verdict, _ in answers(self.root, self.dropped)}

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208

    def resident_mb(self):
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def children(self):
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]


def flows(count, pieces, folder, seed):
    """Archives of good pieces, whose numbers meet no others."""
    import generate  # benchmarks: the builders of as many documents as are wanted

    for n in range(count):
        path = generate.archive(folder / "one.tar.gz", pieces, 4, seed * 100_000 + n)
        yield generate.flow_name(seed * 100_000 + n, ".tar.gz"), path.read_bytes()


def soak(plug, folder, *, kills, a_round, pieces, seed, asked=signal.SIGKILL):
    """
    Kill (or ask to end) the daemon again and again at random moments while flows come in; then let it finish.

    Gives the house, how many seconds each start took, and how many each end.
    """
    luck, house = random.Random(seed), House(plug, folder / "root", OFTEN)
    source = flows(kills * a_round, pieces, folder, seed)
    starts, ends = [], []
    for _ in range(kills):
        starts.append(house.start())
        for _ in range(a_round):
            house.drop(*next(source))
        time.sleep(luck.random() * 3)
        ends.append(house.end() if asked == signal.SIGTERM else house.kill() or 0.0)
    starts.append(house.start())
    if not house.settled(600):
        house.wrong.append("never settled")
    ends.append(house.end())
    return house, starts, ends

