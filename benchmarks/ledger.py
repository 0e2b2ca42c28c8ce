"""
Lists over a ledger of a million pieces: how long until the first page, for whoever calls flux and for whoever types a command.

``python benchmarks/ledger.py [FOLDER] [PIECES] [PIECES A FLOW]`` makes the ledger there (a scratch folder where none is given; one that exists is used again) and
prints the table of docs/operations.md. 40 partners, 90 days, 40 pieces a flow, one piece in eight refused, by 60 codes at some places each; told
pieces and standings are real ones under other numbers. What is made is what record() writes: the same rows, tables and indexes.
"""

import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import partial
from io import StringIO
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp

import orjson
from generate import unique
from msgspec.structs import replace
from rich.console import Console

from flux import asking, causes, config, dossiers, kit, rules, screen, tables, told
from flux.cause import Met, Sought
from flux.doors import open_reader
from flux.model import Envelope, Flow, Known, Severity
from flux.owing import standings
from flux.policy import Brief, Policy
from flux.process import conclude, judge
from flux.rows import Asked
from flux.stores._causes import Noted, note
from flux.stores._chain import event_hash
from flux.stores._standings import standing_row
from flux.stores.sql import SqlLedger
from flux.validators import Context
from flux.when import moment
from flux.words import Words

PARTNERS, DAYS, REFUSED, GROUP, ROUNDS = 40, 90, 8, 200, 9
IN_FLOW = int(sys.argv[3]) if len(sys.argv) > 3 else 40
END = datetime(2026, 11, 26, 6, tzinfo=UTC)
LUCK = random.Random(7)  # noqa: S311 - the same ledger each time
FLUX = (sys.executable, "-m", "flux.cli")


def site(folder):
    folder.mkdir(parents=True, exist_ok=True)
    partners = "".join(f'[[partner]]\nname = "p{n:02d}"\nnaming = "free"\n' for n in range(PARTNERS))
    (folder / "flux.toml").write_text(f"settle_s = 0.0\n{partners}", "utf-8")
    (folder / "spool").mkdir(exist_ok=True)
    return config.load(folder / "flux.toml")


def pattern():
    """A real piece, judged: its decision, and what is told of it."""
    whole = kit.build()
    (content,) = islice(unique(1, 5), 1)
    flow = Flow("f", "p00", b"a.xml", "s", len(content), END)
    judged = judge(1, "a.xml", content, Brief("", Policy(), END.date()), whole)
    decision = conclude(flow, Envelope(), (), judged, Known(), Context(whole.tables, Policy(), "", END.date()), whole)
    (piece,) = decision.pieces
    assert piece.verdict.kind == "accepted", piece.verdict.findings
    (standing,), _ = standings(flow, decision, END, whole.tables)
    return told.piece(piece, told.wording(whole.tables, lambda _: Severity.ERROR)), standing


def refusals():
    """60 codes of the catalogue, some of them far more frequent, each at up to 12 places."""
    codes = sorted(code for code, entry in tables.load().catalogue.items() if entry.severity is Severity.ERROR)[:60]
    fields = sorted(tables.load().fields)
    return [(code, fields[(n * 7 + k) % len(fields)]) for n, code in enumerate(codes) for k in range(1 + n % 12)], codes


def flows(pieces):
    count = pieces // IN_FLOW
    for n in range(count):
        at = END - timedelta(days=DAYS) * (1 - n / count)
        yield n, Flow(f"{at:%Y%m%dT%H%M%S}000Z-{n:010x}", f"p{LUCK.randrange(PARTNERS):02d}", b"batch.tar.gz", f"{n:064x}", 200_000, at)


def make(house, pieces):
    began, (like, standing), (places, _) = time.perf_counter(), pattern(), refusals()
    ledger = SqlLedger(house.ledger_url)
    number, weights = like["number"], [1 / (1 + n % 29) for n in range(len(places))]
    text, before = orjson.dumps(like), ""
    with closing(sqlite3.connect(house.ledger_file, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        group = []
        for n, flow in flows(pieces):
            group.append((n, flow))
            if len(group) == GROUP or n == pieces // IN_FLOW - 1:
                before = write(db, ledger, group, (text, number, standing, places, weights), before)
                group = []
    ledger.close()
    print(f"made in {time.perf_counter() - began:.0f} s, {house.ledger_file.stat().st_size / 1e9:.1f} GB", flush=True)


def insert(db, table, rows):
    if rows:
        names = list(rows[0])
        marks = ", ".join("?" for _ in names)
        quoted = ", ".join(f'"{name}"' for name in names)
        db.executemany(f'INSERT INTO "{table}" ({quoted}) VALUES ({marks})', [tuple(row.values()) for row in rows])  # noqa: S608 - names of ours


def write(db, ledger, group, like, before):
    text, number, standing, places, weights = like
    rows = {name: [] for name in ("flow", "piece", "identity", "standing", "emission", "event")}
    noted = []
    for n, flow in group:
        at, accepted = moment(flow.received_at), 0
        for ordinal in range(1, IN_FLOW + 1):
            mine = f"N-{n:07d}-{ordinal:03d}"
            refused = LUCK.randrange(REFUSED) == 0
            supplier = f"999120405{LUCK.randrange(200):05d}"
            rows["piece"].append({"flow": flow.id, "ordinal": ordinal, "number": mine, "cadre": "A6", "supplier": supplier, "verdict": "rejected" if refused else "accepted", "told": text.replace(number.encode(), mine.encode())})
            if refused:
                some = LUCK.choices(places, weights, k=1 if LUCK.random() < 0.8 else 2)
                noted += (Noted(flow.partner, flow.id, flow.received_at, "rules", Met(ordinal, code, place, len(some) == 1)) for code, place in dict(some).items())
                continue
            accepted += 1
            piece = replace(standing.piece, number=mine, ordinal=ordinal, supplier=replace(standing.piece.supplier, id=supplier), market=f"M-{LUCK.randrange(2000)}")
            ref = replace(standing.ref, flow=flow.id, ordinal=ordinal)
            moves = tuple(replace(move, at=flow.received_at) for move in standing.moves)
            rows["standing"].append(standing_row(replace(standing, ref=ref, partner=flow.partner, piece=piece, first=ref, dossier=mine, moves=moves)))
            rows["identity"].append({"key": f"1\x1f{supplier}\x1f{mine}", "flow": flow.id, "ordinal": ordinal, "sha256": "s", "at": at})
            rows["emission"].append(emission(flow.id, ordinal, "piece"))
        rows["emission"] += (emission(flow.id, 0, kind) for kind in ("integration", "lifecycle", "report-json", "report-html"))
        held = n % 1000 == 999
        rows["flow"].append({
            "id": flow.id, "partner": flow.partner, "name": flow.name, "sha256": flow.sha256, "size": flow.size, "received_at": at, "due_at": at,
            "state": "HELD" if held else "CLOSED", "verdict": "" if held else "IN_INTEGRE_PARTIEL" if accepted < IN_FLOW else "IN_INTEGRE", "decided_at": None if held else at, "pieces": IN_FLOW,
            "accepted": accepted, "told": b"[]", "pack": "rules",
        })  # fmt: skip
        for what in ("received", "held" if held else "decided", "closed"):
            row = {"flow": flow.id, "piece": 0, "what": what, "at": at, "who": "flux", "detail": "3/3 FLX-I66" if what == "held" else "", "before": before}
            row["hash"] = before = event_hash(row)
            rows["event"].append(row)
        if held:
            noted.append(Noted(flow.partner, flow.id, flow.received_at, "", Met(0, "FLX-I66", "", True), ours=True))
    db.execute("BEGIN")
    for name, some in rows.items():
        insert(db, name, some)
    db.execute("COMMIT")
    with ledger._write() as connection:
        note(connection, noted)
    return before


def emission(flow, ordinal, kind):
    return {
        "key": f"{flow}.{kind}.{ordinal}", "flow": flow, "ordinal": ordinal, "kind": kind, "target": "returns/p", "name": f"{kind}-{flow}-{ordinal}.xml",
        "sha256": "s", "blob": "b", "offset": 0, "size": 1, "state": "EMITTED",
    }  # fmt: skip


def measured(call):
    """Milliseconds, the middle of some rounds: by the clock, and of the processor, which a machine that others use does not lengthen."""
    clock, processor = [], []
    for _ in range(ROUNDS):
        began, used = time.perf_counter(), cpu()
        call()
        clock.append((time.perf_counter() - began) * 1000)
        processor.append((cpu() - used) * 1000)
    return statistics.median(clock), statistics.median(processor)


def cpu():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def calls(house, some):
    """The first page of each list as a library gives it: a connection, the query, the values of the contract, the table."""
    say, today = Words("en"), END.date()
    out = Console(file=StringIO(), width=160)

    def listed(**asked):
        return lambda: screen.flow_list(out, asking.listed(house, whole=False, limit=50, **asked).rows, say, more=True)

    def piece():
        with open_reader(house) as ledger:
            return asking.tell_pieces(ledger, some)

    return {
        "flux causes": lambda: causes.listed(house, Sought(), today),
        "flux causes --since (30 days)": lambda: causes.listed(house, Sought(since=today - timedelta(days=30)), today),
        "flux causes --partner p07": lambda: causes.listed(house, Sought("p07"), today),
        "flux causes CODE": lambda: causes.one(house, Sought(code=refusals()[1][11]), today),
        "flux rule pieces CODE (all of them)": lambda: rules_pieces(house),
        "flux flows": listed(),
        "flux flows --partner p07": listed(partner="p07"),
        "flux flows --state HELD": listed(state="HELD"),
        "flux flows --state IN_REJETE (none)": listed(state="IN_REJETE"),
        "flux flows --on DAY": listed(on=date(2026, 9, 20)),
        "flux flows --partner p07 --on DAY": listed(partner="p07", on=date(2026, 9, 20)),
        "flux show (part of an id)": lambda: shown(house, some),
        "flux piece NUMBER": piece,
        "flux search --number": lambda: found(house, number=some),
        "flux search (everything)": lambda: found(house),
        "flux search --market": lambda: found(house, market="M-77"),
        "flux search --supplier": lambda: found(house, supplier="99912040500017"),
        "flux search --actor": lambda: found(house, actor="99912040500017"),
        "flux search --waits": lambda: found(house, actor=waiting(house), waits="service_financier"),
        "flux search --status": lambda: found(house, status="MISE_A_DISPOSITION_MOA"),
        "flux search --open --since DAY": lambda: found(house, open=True, since=date(2026, 11, 20)),
    }  # fmt: skip


def rules_pieces(house):
    return rules.pieces(house, refusals()[1][11], "p07", None)


def shown(house, some):
    with open_reader(house) as ledger:
        (row,) = ledger.pieces(number=some)
        return asking.tell(ledger, ledger.flow(row.flow.rpartition("-")[2]))


def waiting(house):
    with open_reader(house) as ledger:
        (one,) = ledger.search(Asked(limit=1))
    return one.waits.id


def found(house, **asked):
    with open_reader(house) as ledger:
        return dossiers.found(ledger, Asked(**asked))


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(mkdtemp(prefix="flux-ledger-"))
    pieces = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    house = site(folder)
    if not house.ledger_file.exists():
        make(house, pieces)
    some = f"N-{pieces // IN_FLOW // 2:07d}-005"
    with closing(sqlite3.connect(house.ledger_file)) as db:
        (some,) = db.execute("SELECT number FROM standing WHERE number >= ? ORDER BY number LIMIT 1", (some,)).fetchone()
    print("| first page, as a call | by the clock | processor |\n|---|---|---|")
    for name, call in calls(house, some).items():
        print("| `{}` | {:.0f} ms | {:.0f} ms |".format(name, *measured(call)), flush=True)
    print("\n| the command whole, with the start of Python | by the clock | processor |\n|---|---|---|")
    for words in (("--version",), ("causes",), ("flows",), ("piece", some), ("search", "--number", some)):
        run = partial(subprocess.run, [*FLUX, *words], cwd=folder, capture_output=True, check=True, env={**os.environ, "COLUMNS": "160"})
        print("| `flux {}` | {:.0f} ms | {:.0f} ms |".format(words[0], *measured(run)), flush=True)


if __name__ == "__main__":
    main()
