"""
The campaign of runs: kills the real daemon, about its planned instants and at any other moment, and asks the ledger whether each minute ran once.

Two schedules, one every minute and one every two; two partners, one of them
taken only in runs; a file about every second. In the end each planned instant has one row, all of them ran, and each flow stands in one account.
"""

import json
import random
import shutil
import sqlite3
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from campaign import Row
from rig import CONFIG, EXAMPLES, GOOD, Site, wait_for

IN_RUNS = '\n[[partner]]\nname = "lisse"\nnaming = "free"\ntaken = "run"\n'
PLANS = {"minute": ("* * * * *", 60), "two": ("*/2 * * * *", 120)}
TITLE = "Runs under kill -9"
MINUTES = 10
NEAR_S, PATIENCE_S = 25, 900  # how near to a minute a life may aim at it; how long the last, undisturbed life may take


def rows(options):
    minutes = max(2, MINUTES // options.every)
    with TemporaryDirectory() as folder:
        try:
            told, good = played(Path(folder) / "site", minutes), True
        except AssertionError as wrong:
            told, good = str(wrong), False
    yield Row(f"kill -9 of `flux run` for {minutes} minutes, with runs each minute and each second one", "each planned instant once, each flow in one account", told, good)


def played(root, minutes):
    """What came of it, in words. Raises AssertionError."""
    site = Site(root, CONFIG.replace('"chorus"', '"free"') + IN_RUNS + "".join(f'\n[[schedule]]\nname = "{n}"\ncron = "{c}"\nmissed = "all"\n' for n, (c, _) in PLANS.items()))
    (root / "inbox" / "lisse").mkdir()
    end, dropped, kills = time.time() + 60 * minutes, 0, 0
    while time.time() < end:
        daemon, until = site.start(), time.time() + a_life()
        while time.time() < until:
            dropped += 1
            shutil.copy(next(EXAMPLES.glob(GOOD)), root / "inbox" / random.choice(("batipro", "lisse")) / f"{dropped}.xml")
            time.sleep(random.uniform(0.3, 1.2))
        daemon.kill()
        daemon.communicate()
        kills += 1
    daemon = site.start()
    with closing(sqlite3.connect(root / "spool" / "ledger.db")) as ledger:
        wait_for(lambda: settled(ledger, dropped), PATIENCE_S)
        daemon.terminate()
        daemon.communicate()
        found = {name: proven(ledger, name, seconds) for name, (_, seconds) in PLANS.items()}
        (flows,) = ledger.execute("SELECT count(*) FROM flow").fetchone()
    assert all(accounted == flows for _, accounted in found.values()), f"{found}, of {flows} flows"
    return f"{kills} kills, {dropped} files, {flows} flows, each in one account; runs: {', '.join(f'{name} {ran}' for name, (ran, _) in found.items())}"


def settled(ledger, dropped):
    """Whether everything came into custody, and nothing but what was planned since is owed or under way: each schedule told of the last flow."""
    time.sleep(1)
    (flows,) = ledger.execute("SELECT count(*) FROM flow").fetchone()
    told = dict(ledger.execute("SELECT schedule, max(last) FROM run WHERE state = 'DONE' GROUP BY schedule"))
    return flows == dropped and set(told.values()) == {flows} and len(told) == len(PLANS)


def a_life():
    """Until about the next minute where it is near, else some seconds."""
    left = 60 - time.time() % 60
    return left + random.uniform(-0.5, 1.5) if left < NEAR_S and random.random() < 0.5 else random.uniform(3, 14)


def proven(ledger, schedule, seconds):
    """How many runs there were, and how many flows they account for, once every planned instant is known to have run once."""
    asked = "SELECT strftime('%s', planned), state, first, last, summary FROM run WHERE schedule = ? ORDER BY planned"
    rows = ledger.execute(asked, (schedule,)).fetchall()
    assert [int(b[0]) - int(a[0]) for a, b in pairwise(rows)] == [seconds] * (len(rows) - 1), "an instant is missing, or there twice"
    done = [row for row in rows if row[1] == "DONE"]
    assert done == rows[: len(done)], "a later one ran before"
    assert not [row for row in rows if row[1] == "SKIPPED"]
    assert all(a[3] == b[2] for a, b in pairwise(done)), "accounts overlap, or leave something out"
    return len(done), sum(json.loads(row[4])["totals"]["flows"] for row in done)
