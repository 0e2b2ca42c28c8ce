"""A purge and a backup are killed, or fail, at each call that changes the disk; and a backup is taken of an installation that was killed at each."""

import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from checker import check, delivered
from scenario import CONFIG, acts, documents, install

from flux import audit, config, doors
from flux.backup import check as proven
from flux.backup import make, restore
from flux.when import instant

RETENTION = "\n[retention]\nintegrated_days = 30\nrefused_days = 30\nreturns_days = 30\ntold_days = 30\n"
OLD = "2026-01-01T00:00:00.000000Z"


@pytest.fixture(scope="module")
def calm(tmp_path_factory, plug):
    """An installation at rest."""
    root = install(tmp_path_factory.mktemp("calm") / "root", documents(), CONFIG + RETENTION)
    assert plug.once(root).status == 0
    return root


@pytest.fixture(scope="module")
def over(tmp_path_factory, plug, calm):
    """The same, in which all is over, acknowledged and old."""
    root = tmp_path_factory.mktemp("over") / "root"
    shutil.copytree(calm, root)
    assert plug.wait(plug.start(root, "acknowledge", "--all", "--by", "claire", "--reason", "vu")).status == 0
    with closing(sqlite3.connect(root / "spool" / "ledger.db")) as db, db:
        db.execute("UPDATE standing SET status = 'MISE_EN_PAIEMENT', since = ?", (OLD,))
        db.execute("UPDATE flow SET decided_at = ?", (OLD,))
        db.commit()
    for path in (root / "spool" / "store").glob("*/*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return root


def unexplained(root):
    """Contents that a row needs and that are not there; of what is purged no row needs any."""
    known = config.load(root / "flux.toml")
    with doors.custody(known, read_only=True) as (ledger, store):
        found = audit.verify(ledger, store, "", content=True)
    return [one for one in found.troubles if one.table == "store"] + [found.journal.broken] * (found.journal.broken is not None)


def count(plug, ready, folder, *words):
    shutil.copytree(ready, folder / "root", copy_function=shutil.copy2)
    assert plug.wait(plug.start(folder / "root", *words, log=folder / "log")).status == 0
    return len(acts(folder / "log"))


def some(number, most):
    """Calls spread over all of them, the first and the last among them."""
    step = max(1, number // most)
    return sorted({*range(1, number + 1, step), number})


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "eio"])
def test_a_purge_that_meets_a_fault_at_any_call_leaves_no_row_that_misses_a_content_and_the_next_one_ends_it(plug, over, ground, how):
    number = count(plug, over, ground, "purge")
    reached = {path.name for path in (ground / "root" / "spool" / "store").glob("*/*")}
    assert number > 20
    wrong = []
    for at in some(number, 24 if how == "kill" else 8):
        root = ground / str(at) / "root"
        shutil.copytree(over, root, copy_function=shutil.copy2)
        hit = plug.wait(plug.start(root, "purge", at=at, fault=how))
        between = unexplained(root)
        again = plug.wait(plug.start(root, "purge"))
        there = {path.name for path in (root / "spool" / "store").glob("*/*")}
        if "Traceback" in hit.said or between or again.status or there != reached or unexplained(root):
            wrong.append((at, hit.status, between, again.said, there ^ reached))
        shutil.rmtree(root.parent)
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "eio", "enospc"])
def test_a_backup_that_meets_a_fault_at_any_call_is_whole_or_none_and_the_next_one_is_whole(plug, calm, ground, how):
    number = count(plug, calm, ground, "backup", str(ground / "kept"))
    wrong = []
    for at in some(number, 8):
        home = ground / f"kept-{at}"
        hit = plug.wait(plug.start(ground / "root", "backup", str(home), at=at, fault=how))
        finished = list((home / "backups").glob("2*")) if home.exists() else []
        sound = [proven.check(path, doors.ledger_at).wrong for path in finished]
        again = plug.wait(plug.start(ground / "root", "backup", str(home)))
        last = proven.check(home, doors.ledger_at).wrong
        if "Traceback" in hit.said or any(sound) or again.status or last:
            wrong.append((at, hit.status, sound, again.said, last))
        shutil.rmtree(home)
    assert wrong == []


@pytest.mark.slow
def test_a_backup_of_an_installation_killed_at_any_call_brings_each_flow_to_its_end_once_where_the_original_did_nothing_more(plug, known, ground):
    """The original is lost at that instant but for its inboxes: whatever it had taken is answered by the restored one, once, and nothing twice."""
    wrong = []
    for at in some(len(known.acts), 16):
        root = install(ground / str(at) / "root", known.dropped)
        plug.once(root, at=at, fault="kill")
        if (found := _restored(root, ground / str(at))) is None:
            continue
        last = plug.once(found)
        report = check(found, known.dropped, delivered(root), known.answers)
        if last.status or not report.clean:
            wrong.append((at, last.said[-400:], report))
        shutil.rmtree(ground / str(at))
    assert wrong == []


def _restored(root, folder):
    now = instant("2026-11-26T12:00:00.000000Z")
    if doors.fresh(known := config.load(root / "flux.toml")):
        return None  # killed while the ledger was being made: nothing was received
    done = make.make(known, folder / "kept", now, doors.ledger_at)
    assert proven.check(folder / "kept", doors.ledger_at).wrong == ()
    target = folder / "copy" / "root"
    target.parent.mkdir()
    restore.restore(folder / "kept", target, now, doors.ledger_of, "claire")
    copy = config.load(target / "flux.toml")
    with doors.custody(copy) as (ledger, _):
        restore.settle(ledger, [one.item for one in ledger.doubts()], now, "claire", "perdu", sent=False)
    (target / "spool" / "paused").unlink()
    shutil.copytree(root / "inbox", target / "inbox", dirs_exist_ok=True, copy_function=shutil.copy2)
    assert json.loads((done.backup.path / "MANIFEST.json").read_text())["format"] == 1
    return target
