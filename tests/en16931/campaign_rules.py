"""Mutated documents under flux and under the official sheets: make campaign PARTS=rules."""

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context

from beside import broken_in_one_place, compared, seeds
from campaign import CORPUS, Row
from grouped import RATES, grouped
from whole import Whole, whole

from flux.tables import facturx

TITLE = "Rules of EN 16931"
DOCUMENTS = 100_000     # a syntax
OF_A_PROFILE = 10_000   # of Factur-X
BATCH = 2_000           # handed to one process of the sheet
SHOWN = 20


def documents(syntax, own):
    """The seeds; for a profile of Factur-X also a document that has all that it has a rule for, and invoices in groups of lines."""
    return seeds(CORPUS, syntax) + ([("whole", whole(own)), *((category, grouped(category)) for category in RATES)] if own else [])


def batch(given):
    """What became of one batch: how many agree, how many are explained, how many the sheet stopped on, and the others."""
    syntax, own, start, count = given
    cases = list(compared(documents(syntax, own), start, count, own))
    other = [case for case in cases if not case.agrees]
    return Counter(documents=len(cases), explained=sum(case.explained for case in cases), stopped=sum(bool(case.stopped) for case in cases)), other


def mutated(syntax, own, count):
    """One row; what does not agree is printed, the least mutated first."""
    found, others = Counter(), []
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for counted, other in pool.map(batch, [(syntax, own, start, min(BATCH, count - start)) for start in range(0, count, BATCH)]):
            found += counted
            others += other
    for case in islice(sorted(others, key=lambda case: len(case.done)), SHOWN):
        print(f"    {case}")
    said = f"{len(others)} disagree; {found['explained']} differ as docs/rules.md explains; on {found['stopped']} the sheet stopped, and flux had a finding"
    name = f"Factur-X {own}" if own else syntax
    return Row(f"mutated documents, {name}: {found['documents']}, of {len(documents(syntax, own))} real ones{' and made ones' if own else ''}", "no disagreement that is not explained", said, not others)


def one_by_one(own):
    """One row: each rule of a profile broken by itself, in each of its places."""
    cases = list(broken_in_one_place([(rule, 0, (place,), root) for rule, place, root in Whole(own).broken()], own))
    others = [case for case in cases if not case.agrees]
    for case in islice(others, SHOWN):
        print(f"    {case}")
    said = f"{len(others)} not found alike; on {sum(bool(case.stopped) for case in cases)} the sheet stopped"
    return Row(f"each rule of Factur-X {own} broken by itself: {len(cases)}", "found by both", said, not others)


def rows(options):
    """Both syntaxes, then the profiles of Factur-X."""
    for syntax in ("UBL", "CII"):
        yield mutated(syntax, "", DOCUMENTS // options.every)
    for own in facturx.PROFILES:
        yield mutated("CII", own, OF_A_PROFILE // options.every)
        yield one_by_one(own)
