"""
The runner: ``make fuzz [TARGET=xml] [RUNS=1000000] [SECONDS=60]``. One line a target; with a number of runs, its row in docs/reliability.md too.

Ends with 1 when a target met an exception, a hang or a memory without bounds; the input is then in fuzz/found/.
"""

import argparse
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import seeds
from targets import TARGETS

ROOT = Path(__file__).parent
PAGE = ROOT.parent / "docs" / "reliability.md"
TITLE = "## Fuzzing"
ABOUT = """
`make fuzz` runs the four targets of `fuzz/` under atheris, a minute each; `make fuzz TARGET=xml RUNS=1000000` runs one for longer and writes its
row here. The seeds are made of `examples/`; the mutations know the forms (an archive whose checksums are right again, a tree that is still
well-formed). A failure is any exception but a limit of memory that is told as one, a promise that is broken (fewer members than the standard
library reads, a return flow that its schema refuses), more than 10 s, or more than 2 GB. The goal is 1,000,000 runs a target; the last run of each:

| target | what runs | runs | a second | exceptions | hangs | day, commit |
|---|---|---|---|---|---|---|
"""
WHAT = {
    "containers": "`prove`, against the standard library's readers",
    "xml": "gate, parsers, judge, decision, return flows; one schema error in 256 is explained by xmlschema",
    "returns": "a decision of any text, to all four return flows",
    "config": "`flux.toml` and `markets.toml`",
}
HANG_S, MEMORY_MB = 10, 2048


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("target", nargs="?", choices=tuple(TARGETS))
    asked.add_argument("--runs", type=int, default=0, help="how many; without it, --seconds")
    asked.add_argument("--seconds", type=int, default=60)
    given = asked.parse_args()
    seeds.build()
    rows = {name: _run(name, given.runs, given.seconds) for name in ([given.target] if given.target else TARGETS)}
    if given.runs:
        _write(rows)
    sys.exit(any(row["exceptions"] or row["hangs"] for row in rows.values()))


def _run(name, runs, seconds):
    """One target to its end; what its output says of it."""
    grown = ROOT / "grown" / name
    for folder in (grown, ROOT / "found"):
        folder.mkdir(parents=True, exist_ok=True)
    when = f"{datetime.now(UTC):%Y-%m-%d}, {_commit()}"
    most = f"-runs={runs}" if runs else f"-max_total_time={seconds}"
    words = ROOT / "corpus" / f"{name}.dict"
    options = [most, f"-timeout={HANG_S}", f"-rss_limit_mb={MEMORY_MB}", f"-max_len={seeds.MOST[name]}", "-print_final_stats=1", f"-artifact_prefix={ROOT}/found/{name}-"]
    options += [f"-dict={words}"] if words.exists() else []
    command = [sys.executable, ROOT / "one.py", name, *options, grown, ROOT / "corpus" / name]
    done = subprocess.run(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, errors="replace", check=False)
    (ROOT / "found" / f"{name}.log").write_text(done.stderr, "utf-8")
    row = _told(done.stderr, done.returncode) | {"when": when}
    print(f"{name:11} {row['runs']:>9} runs {row['speed']:>6}/s {row['exceptions']:>3} exceptions {row['hangs']:>2} hangs", flush=True)
    return row


def _told(said, code):
    """The figures of a run. One that ended before its end met something, unless somebody interrupted it."""
    hangs = len(re.findall(r"ERROR: libFuzzer", said))
    exceptions = len(re.findall(r"^EXCEPTION ", said, re.MULTILINE))
    broken = code != 0 and not hangs and "run interrupted" not in said
    runs, speed = _figure(r"number_of_executed_units:\s+(\d+)", said), _figure(r"average_exec_per_sec:\s+(\d+)", said)
    return {"runs": runs, "speed": speed, "exceptions": exceptions + broken, "hangs": hangs}


def _commit():
    """What is fuzzed, as git calls it."""
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() or "—"


def _figure(pattern, text):
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def _write(rows):
    """The rows of the targets that ran, in our section of the page; the others stay as they are."""
    text = PAGE.read_text("utf-8") if PAGE.exists() else "# Reliability\n"
    before, _, rest = text.partition(f"\n{TITLE}\n")
    ours, mark, after = rest.partition("\n## ")
    kept = {name: line for line in ours.splitlines() for name in TARGETS if line.startswith(f"| {name} |")}
    for name, row in rows.items():
        kept[name] = f"| {name} | {WHAT[name]} | {row['runs']:,} | {row['speed']:,} | {row['exceptions']} | {row['hangs']} | {row['when']} |"
    table = "\n".join(kept[name] for name in TARGETS if name in kept)
    PAGE.write_text(f"{before.rstrip()}\n\n{TITLE}\n{ABOUT}{table}\n{mark}{after}", "utf-8")


if __name__ == "__main__":
    main()
