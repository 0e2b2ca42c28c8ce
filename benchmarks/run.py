"""
The whole pipeline against the floor, in one run, interleaved: ``make bench``.

The pipeline is the real daemon (``flux run``, every sync on, no rest before a file is taken: settle_s = 0) from the rename into the inbox to the last return flow in the outbox. The
floor is what the same bytes cost at the least: lxml parse and XSD of each piece in a loop, and a bare durable grouped write of the same
bytes (groups of 100: write, one syncfs, rename, sync the folder). Medians of the rounds; the ratio is the ratio of medians.
"""

import ctypes
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from benchmarks_table import asked, write_table
from generate import archive, big_invoice, singles
from lxml import etree

from flux.stores import schemas

HERE = Path(__file__).parent
CONFIG = """
settle_s = 0.0
scan_s = 1.0
log_level = "error"

[limits]
pieces_per_flow = 5000

[[partner]]
name = "bench"
naming = "free"
"""
LIBC = ctypes.CDLL(None)


class Daemon:
    """The real program on a scratch installation."""

    def __init__(self, root, config=CONFIG):
        self.root, self.inbox = root, root / "inbox" / "bench"
        (root / "flux.toml").write_text(config)
        self.log = (root / "daemon.log").open("wb")
        self.process = subprocess.Popen([sys.executable, "-m", "flux.cli", "run"], cwd=root, stderr=self.log, stdout=self.log)
        self.wanted, self.largest = 0, 0.0
        while not (root / "spool" / "ledger.db").exists():
            time.sleep(0.05)
        settled(self.process.pid)
        self.ledger = sqlite3.connect(f"file:{root / 'spool' / 'ledger.db'}?mode=ro", uri=True)

    def answer(self, files, timeout_s=300):
        """Rename *files* into the inbox; seconds until each is CLOSED: answered, every piece routed, and both known to the ledger."""
        start = time.perf_counter()
        for file in files:
            file.rename(self.inbox / file.name)
        self.wanted += len(files)
        while (closed := self.closed()) < self.wanted:
            if time.perf_counter() - start > timeout_s:
                raise SystemExit(f"no answer after {timeout_s} s: {self.wanted - closed} of {len(files)}")
            time.sleep(0.001 if len(files) == 1 else 0.005)
        return time.perf_counter() - start

    def closed(self):
        """Flows that owe nothing more, as the ledger says."""
        return self.ledger.execute("select count(*) from flow where state = 'CLOSED'").fetchone()[0]

    def all_accepted(self):
        """Whether nothing was refused: a benchmark of refusals would measure another program."""
        return self.ledger.execute("select count(*) from flow where pieces <> accepted or pieces = 0").fetchone()[0] == 0

    def memory_mb(self):
        """Peak resident memory of the daemon, and of the largest child that it had when this was asked: one is replaced after 20,000 pieces."""
        self.largest = max((self.largest, *(status_mb(pid, "VmHWM") for pid in children_of(self.process.pid))))
        return status_mb(self.process.pid, "VmHWM"), self.largest

    def stop(self):
        assert self.all_accepted(), "something was refused: see the ledger"
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.close()


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def settled(pid, seconds=3.0):
    """The children of a daemon, once they have compiled their schemas."""
    time.sleep(seconds)
    return children_of(pid)


def status_mb(pid, field):
    """A figure of a process's status: VmHWM, its peak of resident memory; VmRSS, what it holds now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


def floor_s(contents, folder):
    """Seconds of the bare work on the same bytes."""
    schema = schemas.load().get("ubl-invoice", "minimal").xsd
    start = time.perf_counter()
    for content in contents:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=len(content) > 10_000_000))
        assert schema.validate(root), schema.error_log
    parsed = time.perf_counter() - start
    folder.mkdir()
    fd = os.open(folder, os.O_RDONLY)
    start = time.perf_counter()
    for at in range(0, len(contents), 100):
        group = contents[at : at + 100]
        for n, content in enumerate(group, at):
            (folder / f".{n}").write_bytes(content)
        LIBC.syncfs(fd)
        for n in range(at, at + len(group)):
            (folder / f".{n}").rename(folder / str(n))
        os.fsync(fd)
    written = time.perf_counter() - start
    os.close(fd)
    return parsed + written


def members(path):
    with tarfile.open(path) as tar:
        return [tar.extractfile(m).read() for m in tar.getmembers()]


class Case:
    """One row of the table."""

    def __init__(self, name, pieces, make, rest_s=0.0):
        self.name, self.pieces, self.make, self.rest_s = name, pieces, make, rest_s
        self.floors, self.whole = [], []

    def round(self, n, scratch, daemon):
        folder = scratch / f"{self.name.replace(' ', '-')}-{n}"
        folder.mkdir()
        files, contents = self.make(folder, n)
        self.floors.append(floor_s(contents, folder / "floor"))
        time.sleep(self.rest_s)
        self.whole.append(daemon.answer(files))

    def row(self):
        base, whole = statistics.median(self.floors), statistics.median(self.whole)
        return {
            "case": self.name, "pieces": self.pieces, "floor_ms": base * 1e3, "pipeline_ms": whole * 1e3,
            "pieces_per_s": self.pieces / whole, "ratio": whole / base, "spread": [min(self.whole) * 1e3, max(self.whole) * 1e3],
        }  # fmt: skip


def an_archive(pieces, kilobytes):
    def make(folder, n):
        path = folder / f"batch-{kilobytes}-{n}.tar.gz"
        archive(path, pieces, kilobytes, seed=n * 1000 + kilobytes)
        return [path], members(path)

    return make


def a_night(archives, pieces, kilobytes):
    def make(folder, n):
        paths = [folder / f"night-{kilobytes}-{n}-{one}.tar.gz" for one in range(archives)]
        for one, path in enumerate(paths):
            archive(path, pieces, kilobytes, seed=100_000 + n * 1_000 + one * 100 + kilobytes)
        return paths, [content for path in paths for content in members(path)]

    return make


def some_singles(count, series):
    def make(folder, n):
        singles(folder, count, 5, seed=series + n)  # a series of its own: the same number twice would be refused
        files = sorted(folder.iterdir())
        return files, [file.read_bytes() for file in files]

    return make


def a_big_one(folder, n):
    path = folder / f"big-{n}.xml"
    big_invoice(path, 10_000, seed=900_000 + n)
    return [path], [path.read_bytes()]


def main():
    parser = asked(__doc__, 9)
    parser.add_argument("--pieces", type=int, default=1000)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    cases = [
        Case(f"archive of {args.pieces} pieces of 5 kB", args.pieces, an_archive(args.pieces, 5)),
        Case(f"archive of {args.pieces} pieces of 48 kB", args.pieces, an_archive(args.pieces, 48)),
        Case("10 archives of 500 pieces of 5 kB", 5_000, a_night(10, 500, 5)),
        Case("4 archives of 500 pieces of 48 kB", 2_000, a_night(4, 500, 48)),
        Case("500 single files of 5 kB", 500, some_singles(500, 500_000)),
        Case("one single file of 5 kB, idle daemon", 1, some_singles(1, 700_000), rest_s=1.5),
        Case("one invoice of 10,000 lines, 11 MB", 1, a_big_one),
    ]
    cases = [case for case in cases if args.only in case.name]
    with tempfile.TemporaryDirectory(dir=HERE.parent, prefix=".bench-") as folder:
        scratch = Path(folder)
        (scratch / "root").mkdir()
        daemon = Daemon(scratch / "root")
        memory = []
        try:
            for n in range(args.rounds):
                for case in cases:
                    case.round(n, scratch, daemon)
                memory.append(daemon.memory_mb())
                print(f"round {n + 1} of {args.rounds}", file=sys.stderr)
        finally:
            daemon.stop()
    rows = [case.row() for case in cases]
    print(json.dumps({"rows": rows, "memory_mb": memory}, indent=2))
    if not args.no_table:
        write_table(rows, memory, args.rounds)


if __name__ == "__main__":
    main()
