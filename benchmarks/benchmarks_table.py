"""Writes the measured table between the two marks of benchmarks/README.md."""

import os
import platform
from datetime import UTC, datetime

BEGIN, END = "<!-- measured -->", "<!-- /measured -->"


def write_table(path, rows, memory, rounds):
    """Replace what stands between the marks; the words around it stay."""
    text = path.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    kernel = ".".join(platform.release().split(".")[:2])
    lines = [
        f"Measured on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.system()} {kernel}, Python {platform.python_version()}, "
        f"{rounds} rounds interleaved, medians, `settle_s = 0`.",
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
    path.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}", "utf-8")
