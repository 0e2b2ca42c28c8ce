"""
Re-injection of many pieces, with its preview, by the real command: how long it takes; and, with --kills, whether any is doubled or lost.

Every piece is refused first (the file of its market is missing, and the setting unknown_market refuses that), then the setting is mended, and
``flux reinject --cause FLX-F09`` takes all of them up. With --kills N the command is killed at N random moments, seeded, each time resumed.

    python benchmarks/reinjection.py                            10,000 pieces in 20 flows: the figure
    python benchmarks/reinjection.py --flows 500 --kills 50     the same in 500 flows, killed 50 times
"""

import argparse
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from generate import archive, flow_name

FLUX = (sys.executable, "-m", "flux.cli")
CONFIG = 'settle_s = 0.0\nlog_level = "error"\nunknown_market = "{unknown}"\n\n[[partner]]\nname = "bench"\nnaming = "free"\n'
ASK = ("reinject", "--cause", "FLX-F09", "--reason", "market files came late", "--by", "anne", "--second", "bob", "--key", "bench", "--no-wait")
RESUME = ("reinject", "--resume", "bench", "--second", "bob", "--yes")
SOONEST_S, LATEST_S = 0.4, 6.0  # between the start of the command and its kill


@dataclass
class Found:
    """What stands at the end. hit: kills that found something left to do; released: flows that were held after so many kills, and tried again."""

    seconds: float
    preview_s: float
    pieces: int
    accepted: int
    delivered: int
    doubled: int
    lost: int
    held: int
    hit: int = 0
    released: int = 0
    whole: bool = False

    @property
    def good(self) -> bool:
        """Each piece was accepted once and delivered once, and the ledger is whole."""
        return self.accepted == self.delivered == self.pieces and not (self.doubled or self.lost or self.held) and self.whole


def measure(root: Path, pieces: int, flows: int, kilobytes: int = 5, kills: int = 0, seed: int = 7) -> Found:
    """One re-injection of *pieces* in an installation that is made in *root*."""
    _refused(root, pieces, flows, kilobytes)
    started = time.perf_counter()
    _flux(root, *ASK, "--preview")
    previewed = time.perf_counter() - started
    hit = 0
    luck = random.Random(seed)  # noqa: S311 - no secret: the same seed, the same moments
    for _ in range(kills):
        hit += _killed(root, luck.uniform(SOONEST_S, LATEST_S))
    _flux(root, *RESUME)
    seconds = time.perf_counter() - started
    _flux(root, "once")
    released = _held(root)
    if released:  # as is intended for a flow that was in hand at so many ends in a row; a person lets it try again
        _flux(root, "reinject", "--cause", "FLX-I69", "--reason", "killed by hand", "--by", "anne", "--second", "bob", "--yes")
    return _found(root, pieces, seconds, previewed, hit, released)


def _refused(root: Path, pieces: int, flows: int, kilobytes: int) -> None:
    inbox = root / "inbox" / "bench"
    inbox.mkdir(parents=True)
    (root / "flux.toml").write_text(CONFIG.format(unknown="error"), "utf-8")
    for n in range(flows):
        archive(inbox / flow_name(n + 1, ".tar.gz"), pieces // flows, kilobytes, seed=n)
    _flux(root, "once")
    (root / "flux.toml").write_text(CONFIG.format(unknown="off"), "utf-8")


def _flux(root: Path, *words: str) -> None:
    done = subprocess.run([*FLUX, *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}")


def _killed(root: Path, after_s: float) -> bool:
    """Resumed, and killed so long after; whether it was still at work."""
    with subprocess.Popen([*FLUX, *RESUME], cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(after_s)
        at_work = process.poll() is None
        process.kill()
    return at_work


def _held(root: Path) -> int:
    with closing(sqlite3.connect(root / "spool" / "ledger.db")) as db:
        return int(db.execute("SELECT count(*) FROM flow WHERE state = 'HELD'").fetchone()[0])


def _found(root: Path, pieces: int, seconds: float, previewed: float, hit: int, released: int) -> Found:
    """Counted by a reader that shares no code with flux."""
    with closing(sqlite3.connect(root / "spool" / "ledger.db")) as db:
        accepted = Counter(number for (number,) in db.execute("SELECT number FROM piece WHERE verdict = 'accepted'"))
        children = Counter(parent for (parent,) in db.execute("SELECT json_extract(again, '$.parent') FROM flow WHERE again != ''"))
        held = db.execute("SELECT count(*) FROM flow WHERE state != 'CLOSED'").fetchone()[0]
        whole = db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        owed = db.execute("SELECT count(*) FROM emission WHERE kind = 'piece'").fetchone()[0]
    delivered = sum(1 for path in (root / "outbox" / "pieces").rglob("*.xml") if not path.name.startswith("FEN"))
    doubled = sum(n - 1 for n in accepted.values()) + sum(n - 1 for n in children.values()) + abs(owed - delivered)
    return Found(seconds, previewed, pieces, len(accepted), delivered, doubled, pieces - len(accepted), held, hit, released, whole)


def main() -> None:
    """The command line."""
    asked = argparse.ArgumentParser(description="Re-injection of many pieces")
    asked.add_argument("--pieces", type=int, default=10_000)
    asked.add_argument("--flows", type=int, default=20)
    asked.add_argument("--kilobytes", type=int, default=5)
    asked.add_argument("--kills", type=int, default=0)
    asked.add_argument("--seed", type=int, default=7)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given.pieces, given.flows, given.kilobytes, given.kills, given.seed)
    print(
        f"{found.pieces} pieces in {given.flows} flows: preview {found.preview_s:.1f} s, with making, judging and delivering {found.seconds:.1f} s; "
        f"{found.accepted} accepted, {found.delivered} delivered, {found.doubled} doubled, {found.lost} lost, {found.held} held"
        + (f"; {given.kills} kills, {found.hit} of them at work; {found.released} flows were held by them and released" if given.kills else "")
    )
    raise SystemExit(0 if found.good else 1)


if __name__ == "__main__":
    main()
