"""Mutated documents under flux and under the official sheet: make campaign PARTS=rules."""

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context

from beside import compared, seeds
from campaign import CORPUS, Row

TITLE = "Rules of EN 16931"
DOCUMENTS = 100_000  # a syntax
BATCH = 2_000        # handed to one process of the sheet
SHOWN = 20


def batch(given):
    """What became of one batch: how many agree, how many are explained, how many the sheet stopped on, and the others."""
    syntax, start, count = given
    cases = list(compared(seeds(CORPUS, syntax), start, count))
    other = [case for case in cases if not case.agrees]
    return Counter(documents=len(cases), explained=sum(case.explained for case in cases), stopped=sum(bool(case.stopped) for case in cases)), other


def rows(options):
    """One row a syntax; what does not agree is printed, the least mutated first."""
    for syntax in ("UBL", "CII"):
        count, found, others = DOCUMENTS // options.every, Counter(), []
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            for counted, other in pool.map(batch, [(syntax, start, min(BATCH, count - start)) for start in range(0, count, BATCH)]):
                found += counted
                others += other
        for case in islice(sorted(others, key=lambda case: len(case.done)), SHOWN):
            print(f"    {case}")
        said = f"{len(others)} disagree; {found['explained']} differ as docs/rules.md explains; on {found['stopped']} the sheet stopped, and flux had a finding"
        yield Row(f"mutated documents, {syntax}: {found['documents']}, of {len(seeds(CORPUS, syntax))} real ones", "no disagreement that is not explained", said, not others)
