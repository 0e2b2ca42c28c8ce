"""
What flux makes of more cores and of more pieces, and what its start costs: python benchmarks/scale.py [--rounds 5] [--no-table].

Two children against one on the same archives, one and a few at once, interleaved; the peak of the daemon's memory and of its largest child over 100, 1,000 and 10,000 pieces, in one
archive and in as many as the limit of a flow makes by default, a fresh daemon each; the time from the exec of ``flux run`` to its READY=1, and what it and its children hold then.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks_table import asked, measured, write_section
from generate import archive
from run import CONFIG, HERE, Daemon, settled, status_mb

CASES = ((1, 1_000, 5), (1, 1_000, 48), (6, 500, 5), (4, 500, 48))  # archives at once, pieces of each, kB of a piece
GROWING = ((1, 100), (1, 1_000), (1, 10_000), (20, 500))  # archives, pieces of each
MANY = CONFIG.replace("pieces_per_flow = 5000", "pieces_per_flow = 20000")


def two_against_one(scratch, rounds):
    """{case: [medians in s of one child, of two]}."""
    daemons = {}
    for children in (1, 2):
        (scratch / f"of-{children}").mkdir()
        daemons[children] = Daemon(scratch / f"of-{children}", f"children = {children}\n{CONFIG}")
    took = {(case, children): [] for case in CASES for children in daemons}
    for n in range(rounds):
        for at, case in enumerate(CASES):
            archives, pieces, kilobytes = case
            for children, daemon in daemons.items():
                paths = [scratch / f"of-{children}" / f"{at}-{n}-{one}.tar.gz" for one in range(archives)]
                for one, path in enumerate(paths):
                    archive(path, pieces, kilobytes, seed=at * 100_000 + n * 100 + one)
                took[case, children].append(daemon.answer(paths))
    for daemon in daemons.values():
        daemon.stop()
    return {case: [statistics.median(took[case, children]) for children in daemons] for case in CASES}


def memory(scratch):
    """{(archives, pieces of each): (peak of the daemon, of its largest child), in MB}."""
    found = {}
    for archives, pieces in GROWING:
        root = scratch / f"{archives}-of-{pieces}"
        root.mkdir()
        daemon = Daemon(root, MANY)
        daemon.answer([archive(root / f"{n}.tar.gz", pieces, 5, seed=n) for n in range(archives)], timeout_s=900)
        found[archives, pieces] = daemon.memory_mb()
        daemon.stop()
    return found


def start(scratch, rounds):
    """Median seconds to READY=1; then, at rest, MB of the daemon and of each child."""
    took = []
    for n in range(rounds):
        root = scratch / f"start-{n}"
        root.mkdir()
        (root / "flux.toml").write_text(CONFIG)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(str(root / "told"))
            told.settimeout(60)
            began = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "flux.cli", "run"], cwd=root, env={**os.environ, "NOTIFY_SOCKET": str(root / "told")}, stderr=subprocess.DEVNULL
            )
            while b"READY=1" not in told.recv(4096):
                pass
            took.append(time.perf_counter() - began)
        children = settled(process.pid)
        held = status_mb(process.pid, "VmRSS"), [status_mb(pid, "VmRSS") for pid in children]
        process.terminate()
        process.wait(30)
    return statistics.median(took), held


def shown(workers, grown, begun, rounds):
    """The section of the page."""
    ready, (daemon, children) = begun
    lines = [
        measured(rounds), "", "| archives at once | one child | two children | two against one | pieces/s of two |", "|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {archives} of {pieces:,} pieces of {kilobytes} kB | {1e3 * one:.0f} ms | {1e3 * two:.0f} ms | {one / two:.2f} times | {archives * pieces / two:.0f} |"
        for (archives, pieces, kilobytes), (one, two) in workers.items()
    ]
    lines += ["", "| archives, pieces of 5 kB in each | daemon, peak | largest child, peak |", "|---|---|---|"]
    lines += [f"| {archives} of {pieces:,} | {daemon_mb:.0f} MB | {child_mb:.0f} MB |" for (archives, pieces), (daemon_mb, child_mb) in grown.items()]
    lines += ["", f"Ready {ready:.2f} s after its exec; at rest the daemon holds {daemon:.0f} MB and each child {max(children):.0f} MB."]
    return "\n".join(lines)


def main():
    options = asked(__doc__, 5).parse_args()
    with tempfile.TemporaryDirectory(dir=HERE.parent, prefix=".bench-") as folder:
        scratch = Path(folder)
        table = shown(two_against_one(scratch, options.rounds), memory(scratch), start(scratch, options.rounds), options.rounds)
    print(table)
    if not options.no_table:
        write_section("scale", table)


if __name__ == "__main__":
    main()
