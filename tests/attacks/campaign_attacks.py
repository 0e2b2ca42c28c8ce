"""The campaign of the attacks: every file of ``every.py`` against a real daemon, and a crowd of files that wait."""

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path += [str(Path(__file__).resolve().parents[1] / "hostile")]

from attack import good
from campaign import Row
from every import every
from runner import Target, figures, run

TITLE = "Attacks on a real daemon"
CROWD, CROWD_S = 100_000, 30


def rows(options):
    """Of the attacks, every Nth; the crowd is smaller by the same measure."""
    with tempfile.TemporaryDirectory() as folder:
        target = Target(Path(folder))
        result = run(target, list(every())[:: options.every], lambda line: print(line, file=sys.stderr))
        trouble = target.end()
        for line in trouble:
            print(line, file=sys.stderr)
        yield from (Row(*figure) for figure in figures(target, result, trouble))
    with tempfile.TemporaryDirectory() as folder:
        yield from crowded(Path(folder), CROWD // options.every)


def crowded(folder, count):
    """So many files waiting at once: how long until the first is answered, how fast they go, what the daemon takes."""
    target = Target(folder)
    target.process.send_signal(19)  # SIGSTOP: they are all there before it looks
    for n in range(count):
        (target.site.inbox / f"{n:06d}.xml").write_bytes(b"<a>%d</a>" % n)
    last = target.site.inbox / "z.xml"
    last.write_bytes(good(0))
    os.utime(last, (0, 0))  # the oldest
    began = time.monotonic()
    target.process.send_signal(18)  # SIGCONT
    before, told = 0, []
    while last.name not in told:
        before += len(told)
        time.sleep(0.02)
        told = [report["file"] for report in target.collect()]
    seconds = time.monotonic() - began
    time.sleep(CROWD_S)
    done = len(list(target.returns.glob("*.json")))
    trouble = target.end()
    crowd = f"{count:,} files waiting"
    yield Row(f"{crowd}: the oldest is answered", "≤ 10 s, in the first hundred", f"{seconds:.1f} s, {before} before it", seconds <= 10 and before < 100)
    yield Row(f"{crowd}: memory of the daemon", "≤ 300 MB", f"{target.daemon_mb} MB, {done // CROWD_S} answered a second", target.daemon_mb <= 300)
    yield Row(f"{crowd}: trouble", "0", str(len(trouble)), not trouble)
