"""
``flux runs`` over a large ledger: 1,000,000 pieces in 20,000 flows, three years of nights.

By hand: .venv/bin/python benchmarks/runs_over_a_million.py. Prints how long the first page of the list, one report, and the account of a night of 1,000 pieces take, the last also over the whole million.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from msgspec.structs import replace
from sqlalchemy import insert

from flux.runs.account import summary
from flux.runs.book import Run, RunState, Span
from flux.stores import _schema as t
from flux.stores.sql import SqlLedger
from flux.when import moment

FLOWS, PIECES, NIGHTS, EACH = 20_000, 50, 1_095, 20
START = datetime(2024, 1, 1, 1, 30, tzinfo=UTC)
CONFIG = 'settle_s = 0.0\n[[partner]]\nname = "p0"\n[[schedule]]\nname = "nuit"\ncron = "30 2 * * *"\n'
PARTNERS = [f"p{n}" for n in range(EACH)]


def main():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "flux.toml").write_text(CONFIG)
        (root / "spool").mkdir()
        ledger = SqlLedger(f"sqlite:///{root / 'spool' / 'ledger.db'}")
        fill(ledger)
        print(f"{FLOWS * PIECES:,} pieces, {NIGHTS:,} runs, {(root / 'spool' / 'ledger.db').stat().st_size >> 20} MB")
        show("first page of 50 runs", lambda: ledger.runs(limit=51))
        show("first page of one schedule, DONE only", lambda: ledger.runs(schedule="nuit", state="DONE", limit=51))
        show("one run", lambda: ledger.run(NIGHTS))
        show("what the loop asks at each look", ledger.unfinished)
        show("the runs that make the usual", lambda: ledger.done_before("nuit", 81))
        show("what a run of 1,000 pieces saw", lambda: ledger.seen(Span(FLOWS - 20, FLOWS)))
        show("what a run of 1,000,000 pieces saw", lambda: ledger.seen(Span(0, FLOWS)), times=1)
        command = [sys.executable, "-m", "flux.cli", "runs"]
        show("the command flux runs, whole process", lambda: subprocess.run(command, cwd=root, check=True, capture_output=True, env={**os.environ, "COLUMNS": "200"}))
        ledger.close()


def show(what, act, times=7):
    took = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    print(f"{statistics.median(took) * 1000:9.1f} ms  {what}")


def fill(ledger):
    told = orjson.dumps({"findings": [{"code": "FLX-P20", "severity": "error"}], "pad": "x" * 600})
    with ledger._write() as connection:
        for start in range(0, FLOWS, 500):
            flows = [flow_row(n) for n in range(start, start + 500)]
            connection.execute(insert(t.flow), flows)
            connection.execute(insert(t.piece), [piece_row(row["id"], n, told) for row in flows for n in range(1, PIECES + 1)])
            connection.execute(insert(t.emission), [emission_row(row["id"], n) for row in flows for n in range(1, 6)])
        connection.execute(insert(t.run), [run_row(n) for n in range(NIGHTS)])


def flow_row(n):
    at = START + timedelta(minutes=75 * n)
    return {
        "id": f"f{n}", "partner": PARTNERS[n % EACH], "name": b"a.tar.gz", "sha256": f"s{n}", "size": 100_000, "received_at": moment(at), "due_at": moment(at),
        "state": "CLOSED", "verdict": "IN_INTEGRE", "decided_at": moment(at + timedelta(seconds=3)), "pieces": PIECES, "accepted": PIECES - 1,
    }  # fmt: skip


def piece_row(flow, n, told):
    return {"flow": flow, "ordinal": n, "number": f"F{n}", "cadre": "A4", "supplier": "1", "verdict": "rejected" if n == 1 else "accepted", "told": told}


def emission_row(flow, n):
    row = {"key": f"{flow}.{n}", "flow": flow, "ordinal": n, "kind": "piece", "target": "pieces/x", "name": "a", "sha256": "s", "blob": "b", "offset": 0}
    return {**row, "size": 1, "state": "EMITTED"}


def run_row(n):
    at = START + timedelta(days=n)
    partners = [{"partner": p, "by_cut_off_pieces": 50, "by_cut_off_flows": 1, "cut_off_at": None, "flows": 1, "pieces": 50, "arrival": "fine", "label": "x" * 30} for p in PARTNERS]
    totals = dict.fromkeys(("flows", "pieces", "accepted", "refused", "held"), 20)
    told = {"totals": totals, "times": {"duration_s": 3.0, "busy_s": 3.0, "pieces_per_s": 9.0}, "partners": partners, "alerts": [], "pad": "x" * 4000}
    run = replace(Run(0, "nuit", at, "planned", "flux", RunState.DONE), told=told)
    times = dict.fromkeys(("recorded_at", "started_at", "taken_at", "ended_at"), moment(at))
    return {"schedule": "nuit", "planned": moment(at), "how": "planned", "who": "flux", "state": "DONE", **times, "told": orjson.dumps(run.told), "summary": orjson.dumps(summary(told))}


if __name__ == "__main__":
    main()
