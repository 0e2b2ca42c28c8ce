"""Writes what was measured between two marks of benchmarks/README.md."""

import argparse
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "README.md"


def asked(about, rounds):
    """What every one of them is asked."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--no-table", action="store_true", help="print, and leave benchmarks/README.md as it is")
    return parser


def measured(rounds, cores="", more=""):
    """When, on what, and how often. *cores*: in words, all of them where nothing is said."""
    kernel = ".".join(platform.release().split(".")[:2])
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}, {cores or f'{os.cpu_count()} cores'}, {platform.system()} {kernel}, Python {platform.python_version()}, "
        f"{rounds} rounds interleaved, medians{more}."
    )


def write_section(name, text):
    """Replace what stands between the marks of this name; the words around it stay."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = PAGE.read_text("utf-8").partition(begin)
    PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}", "utf-8")


def write_table(rows, memory, rounds):
    """The table of the whole pipeline."""
    lines = [
        measured(rounds, more=", `settle_s = 0`"),
        "",
        "| case | floor | pipeline (fastest to slowest round) | pieces/s | pipeline / floor |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        low, high = row["spread"]
        lines.append(
            f"| {row['case']} | {row['floor_ms']:.1f} ms | {row['pipeline_ms']:.1f} ms ({low:.1f} to {high:.1f}) | {row['pieces_per_s']:.0f} | {row['ratio']:.2f} |"
        )
    first, last = memory[0], memory[-1]
    lines += ["", f"Peak resident memory: daemon {first[0]:.0f} MB after the first round, {last[0]:.0f} MB after the last; largest child {last[1]:.0f} MB."]
    write_section("measured", "\n".join(lines))
