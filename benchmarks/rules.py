"""
The rules of EN 16931 beside the official sheet, on the same documents, in one run: python benchmarks/rules.py [--rounds 9] [--no-table].

(a) flux: lxml parse, XSD, every rule. (b) the floor: parse and XSD. (c) SaxonC with the official sheet, compiled once, text in, report out, in a process of
its own. One core each, rounds interleaved, medians. Then the time a line, from 100 to 10,000 lines.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks_table import asked, measured, write_section
from invoices import cii, ubl
from lxml import etree

from flux.stores import schemas
from flux.validators import en16931

HERE = Path(__file__).resolve().parent
SIZES = (("5 kB", 1), ("48 kB", 40), ("11 MB", 10_000))
LINES = (100, 1_000, 10_000)
LEAST_S = 0.3  # of a measure: a small document is judged over and over
MAKERS = {"UBL": ubl, "CII": cii}
FAMILIES = {"UBL": "ubl-invoice", "CII": "cii"}
PARSER = {"resolve_entities": False, "no_network": True, "huge_tree": True}


def timed(act):
    """Seconds a call, over as many as take long enough."""
    act()
    count, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < LEAST_S:
        act()
        count += 1
    return taken / count


class Sheet:
    """The official sheet in its own process: asked for the time that one document takes it."""

    def __init__(self):
        self._process = subprocess.Popen([sys.executable, HERE / "_sheet.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, syntax, content):
        self._process.stdin.write(json.dumps({"syntax": syntax, "document": content.decode(), "least_s": LEAST_S}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())["seconds"]

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def judged(content, schema):
    def act():
        root = etree.fromstring(content, etree.XMLParser(**PARSER))
        schema.validate(root)
        return en16931.judge(root)

    return act


def floor(content, schema):
    def act():
        schema.validate(etree.fromstring(content, etree.XMLParser(**PARSER)))

    return act


def measure(rounds):
    """Medians by syntax and size, each of flux, the floor, the sheet."""
    known, sheet = schemas.load(), Sheet()
    cases = {(syntax, name): (MAKERS[syntax](lines), known.get(FAMILIES[syntax], "full").xsd) for syntax in MAKERS for name, lines in SIZES}
    for (syntax, name), (content, schema) in cases.items():
        root = etree.fromstring(content, etree.XMLParser(**PARSER))
        assert schema.validate(root), (syntax, name, schema.error_log)
        assert en16931.judge(root) == (), (syntax, name, en16931.judge(root))
    found = {key: ([], [], []) for key in cases}
    for _ in range(rounds):
        for key, (content, schema) in cases.items():
            mine, bare, theirs = found[key]
            mine.append(timed(judged(content, schema)))
            bare.append(timed(floor(content, schema)))
            theirs.append(sheet.seconds(key[0], content))
    sheet.close()
    return {key: (len(cases[key][0]), *(statistics.median(times) for times in several)) for key, several in found.items()}


def a_line(rounds):
    """Microseconds a line, judgement whole, by syntax and number of lines."""
    known = schemas.load()
    rows = {}
    for syntax, make in MAKERS.items():
        schema = known.get(FAMILIES[syntax], "full").xsd
        for lines in LINES:
            content = make(lines)
            rows[syntax, lines] = statistics.median(timed(judged(content, schema)) for _ in range(rounds)) / lines * 1e6
    return rows


def shown(found, lines, rounds):
    out = [
        measured(rounds, cores=f"one core of {os.cpu_count()}"), "",
        "| document | parse + XSD | parse + XSD + every rule | SaxonC, official sheet | faster than the sheet |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for (syntax, name), (_, mine, bare, theirs) in found.items():
        out.append(f"| {syntax}, {name} | {_ms(bare)} | {_ms(mine)} | {_ms(theirs)} | {theirs / mine:.1f} times |")
    out += ["", "| parse + XSD + every rule, a line | " + " | ".join(f"{n:,} lines" for n in LINES) + " |", "|---" * (len(LINES) + 1) + "|"]
    out += [f"| {syntax} | " + " | ".join(f"{lines[syntax, n]:.1f} µs" for n in LINES) + " |" for syntax in MAKERS]
    return "\n".join(out)


def _ms(seconds):
    return f"{seconds * 1e3:.3f} ms" if seconds < 0.01 else f"{seconds * 1e3:.1f} ms"


def main():
    options = asked(__doc__, 9).parse_args()
    table = shown(measure(options.rounds), a_line(options.rounds), options.rounds)
    print(table)
    if not options.no_table:
        write_section("rules", table)


if __name__ == "__main__":
    main()
