"""
The whole of the attacks: ``python tests/attacks/campaign.py``. Prints one table and writes it into docs/reliability.md.

rows() is what a common runner calls.
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS), str(TESTS / "attacks"), str(TESTS / "hostile")]

from attack import good  # noqa: E402 - found on the path that was just added
from every import every  # noqa: E402 - as above
from runner import Target, rows, run  # noqa: E402 - as above

CROWD, CROWD_S = 100_000, 30
PAGE = TESTS.parent / "docs" / "reliability.md"
BEGIN, END = "<!-- attacks: written by tests/attacks/campaign.py -->", "<!-- attacks: end -->"


def attacked(folder, tell):
    """Every attack that is a file, against one daemon."""
    target = Target(folder)
    result = run(target, every(), tell)
    trouble = target.end()
    for line in trouble:
        tell(line)
    return rows(target, result, trouble)


def crowded(folder, count=CROWD):
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
    return [
        (f"{count:,} files waiting: the oldest is answered", "≤ 10 s, in the first hundred", f"{seconds:.1f} s, {before} before it"),
        (f"{count:,} files waiting: memory of the daemon", "≤ 300 MB", f"{target.daemon_mb} MB, {done // CROWD_S} answered a second"),
        (f"{count:,} files waiting: trouble", "0", str(len(trouble))),
    ]


def campaign(tell=lambda _line: None):
    """The table: (what, aim, found)."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        return attacked(Path(one), tell) + crowded(Path(two))


def written(table):
    """The table into its own section of the page; the rest of the page is not touched."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True, cwd=PAGE.parent).stdout.strip()
    lines = "\n".join(f"| {what} | {aim} | {found} |" for what, aim, found in table)
    section = f"{BEGIN}\n{datetime.now(UTC):%Y-%m-%d}, commit {commit}.\n\n| | aim | found |\n|---|---|---|\n{lines}\n{END}"
    page = PAGE.read_text("utf-8")
    PAGE.write_text(page[: page.index(BEGIN)] + section + page[page.index(END) + len(END) :], "utf-8")


if __name__ == "__main__":
    table = campaign(print)
    for what, aim, found in table:
        print(f"{what:60} {aim:22} {found}")
    written(table)
    sys.exit(0)
