"""
The campaign: every part of it, one table each, written into docs/reliability.md with the date and the commit.

    python tests/campaign.py                 every part
    python tests/campaign.py crash           some
    python tests/campaign.py crash --every 5 every fifth point of those that are many; the table says how many of how many

A part is a file tests/<folder>/campaign_<name>.py with a TITLE and a function rows(options) that yields Rows as they are found. The script
rewrites its section of the page, between the marks of its name, and no other word; an unfinished campaign leaves the rows that it has.
"""

import argparse
import importlib.util
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "reliability.md"
CORPUS = TESTS.parents[1] / "shared" / "corpus"


@dataclass(frozen=True)
class Row:
    """One figure: what it is, what is aimed at, what was found, and whether that is good enough."""

    name: str
    aim: str
    found: str
    good: bool


def parts():
    """{name: file} of every part."""
    return {path.stem.removeprefix("campaign_"): path for path in sorted(TESTS.glob("*/campaign_*.py"))}


def load(path):
    sys.path[:0] = [str(path.parent), str(TESTS)]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def found(part, options):
    """The rows of a part; what the machine lacks for the rest of them is a row too, and not met."""
    try:
        yield from part.rows(options)
    except pytest.skip.Exception as lacking:
        yield Row("whatever follows", "measured", f"not measured: {lacking}", good=False)


def section(title, rows, seconds, commit):
    """A part's section as Markdown."""
    kernel = ".".join(platform.release().split(".")[:2])
    machine = f"{os.cpu_count()} cores, {platform.system()} {kernel}, Python {platform.python_version()}"
    return "\n".join([
        f"### {title}", "",
        f"Measured on {datetime.now(UTC):%Y-%m-%d} at commit {commit}, {machine}, in {seconds / 60:.0f} minutes.", "",
        "| figure | aimed at | found | |", "|---|---|---|---|",
        *(f"| {row.name} | {row.aim} | {row.found} | {'met' if row.good else '**not met**'} |" for row in rows),
    ])  # fmt: skip


def write(page, name, text):
    """Put *text* between the marks of *name*; a part that is new comes last."""
    begin, end = f"<!-- campaign:{name} -->", f"<!-- /campaign:{name} -->"
    old = page.read_text("utf-8")
    if begin not in old:
        old = f"{old.rstrip()}\n\n{begin}\n{end}\n"
    before, _, rest = old.partition(begin)
    page.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}", "utf-8")


def commit_of(root):
    """The commit, and whether anything that it does not know was there."""
    def git(*words):
        return subprocess.run(["git", *words], cwd=root, check=False, capture_output=True, text=True).stdout.strip()

    return (git("rev-parse", "--short=10", "HEAD") or "unknown") + (" with changes" if git("status", "--porcelain", "--", "flux", "tests") else "")


def main():
    known = parts()
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("parts", nargs="*", metavar="PART", help=", ".join(known))
    asked.add_argument("--every", type=int, default=1, metavar="N", help="every Nth point of those that are many")
    options = asked.parse_args()
    if unknown := set(options.parts) - known.keys():
        asked.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    commit, bad = commit_of(TESTS.parent), 0
    for name in options.parts or known:
        part, began, rows = load(known[name]), time.monotonic(), []
        print(f"\n{part.TITLE}")
        for row in found(part, options):
            print(f"  {'met    ' if row.good else 'NOT MET'} {row.name}: {row.found} (aimed at {row.aim})", flush=True)
            rows.append(row)
            write(PAGE, name, section(part.TITLE, rows, time.monotonic() - began, commit))
        bad += sum(not row.good for row in rows)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
