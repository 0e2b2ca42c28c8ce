"""Kill the daemon before every act that changes the disk, start it again, and find every deposit answered once."""

import random
import sqlite3
from contextlib import closing

import pytest
from checker import check
from plug import Plug
from scenario import CONFIG, acts, documents, install, named, survive

STATES = {
    "dropped", "claimed", "RECEIVED, claimed", "RECEIVED", "PROCESSING", "PENDING, staged file absent", "PENDING, staged file there",
    "STAGED, staged file there", "STAGED, staged file absent", "CLOSED",
}  # fmt: skip


def test_the_shim_sees_every_kind_of_act_of_the_daemon_and_none_of_its_children(ground, plug, known):
    kinds = {"mkdir", "open", "write", "rename", "renameat2", "fsync", "fdatasync", "unlink", "rmdir", "pwrite64", "syncfs", "ftruncate64"}
    assert {act.call for act in known.acts} == kinds
    log = ground / "log"
    assert plug.once(install(ground / "root", known.dropped), log=log).status == 0
    assert len({line.split()[1] for line in log.read_text().splitlines()}) == 1


def places(some):
    return {act.place for act in some if act.call not in {"fsync", "syncfs"}}


def test_a_flux_that_is_started_anew_with_children_started_anew_does_the_same_acts(ground, shim, known):
    """Flows may meet in other groups, by their children's pace, and groups decide what is synced at once; all other acts are the same."""
    with Plug(shim, "anew") as slow:
        log = ground / "log"
        root = install(ground / "root", known.dropped)
        assert slow.once(root, log=log).status == 0
    assert places(acts(log)) == places(known.acts)
    assert check(root, known.dropped, answers=known.answers).clean


def trials(plug, known, ground, points):
    """{point: what went wrong}, and the lines of the state table that were met."""
    wrong, seen = {}, set()
    for n, point in enumerate(points):
        result = survive(plug, install(ground / str(n) / "root", known.dropped), known, *point, consumes=n % 2)
        seen |= result.states
        if not result.good:
            wrong[point] = (result.report, result.wrong)
    return wrong, seen


@pytest.mark.slow
def test_a_kill_at_every_line_of_the_state_table_loses_nothing_and_doubles_nothing(ground, plug, known):
    wrong, seen = trials(plug, known, ground, [(point,) for point in named(known)])
    assert wrong == {}
    assert seen >= STATES


@pytest.mark.slow
def test_a_second_kill_during_recovery_changes_nothing(ground, plug, known):
    luck = random.Random(3)
    points = [((luck.randint(1, len(known.acts)), "kill", ""), (luck.randint(1, 300), luck.choice(["kill", "exit"]), "")) for _ in range(8)]
    assert trials(plug, known, ground, points)[0] == {}


def test_the_checker_sees_every_broken_law(ground, plug, known):
    """A rig that cannot fail proves nothing."""
    root = install(ground / "root", known.dropped)
    assert plug.once(root).status == 0
    report = check(root, known.dropped, answers=known.answers)
    assert (report.attempted, report.acknowledged, report.ok, report.clean) == (8, 8, 8, True)
    some = next(p for p in sorted((root / "outbox" / "returns" / "batipro").iterdir()))
    content = some.read_bytes()

    def said(**more):
        found = check(root, known.dropped, **more)
        return [s.partition(": ")[2] or s for s in (*found.lost, *found.duplicated, *found.unexpected)]

    some.unlink()
    assert said() == ["owed and not delivered"]
    some.write_bytes(content)
    assert said(taken=[("returns/batipro", some.name, content)]) == ["delivered 2 times"]
    some.write_bytes(content + b" ")
    assert said() == ["other bytes than recorded"]
    some.write_bytes(content)
    (some.parent / "strange.xml").write_bytes(b"")
    assert said() == ["delivered and not owed"]
    (some.parent / "strange.xml").unlink()
    (root / "spool" / "tmp" / "half").write_bytes(b"")
    assert said(left=(7,)) == ["half", "process 7 runs on"]
    (root / "spool" / "tmp" / "half").unlink()
    never = {**known.dropped, ("batipro", "never.xml"): b""}
    assert [s.partition(": ")[2] for s in check(root, never).lost] == ["no receipt"]


@pytest.mark.parametrize(
    ("edit", "law"),
    [
        ("update flow set verdict = '' where seq = 1", "CLOSED, no verdict"),
        ("update piece set verdict = 'not_evaluated' where rowid = 1", "1 pieces without a verdict"),
        ("delete from piece where rowid = 1", "0 pieces up to None, not 1"),
        ("drop trigger event_is_never_changed; update event set detail = 'x' where seq = 3", "the journal breaks at 3"),
        ("insert into identity select key || 'x', flow, ordinal, sha256, at from identity limit 1", "1 accepted, 1 pieces say so, 2 identities, 1 to deliver"),
    ],
)
def test_the_checker_reads_the_ledger(ground, plug, known, edit, law):
    root = install(ground / "root", known.dropped)
    assert plug.once(root).status == 0
    with closing(sqlite3.connect(root / "spool" / "ledger.db")) as db:
        db.executescript(edit)
    report = check(root, known.dropped)
    assert law in [s.partition(": ")[2] or s for s in (*report.lost, *report.unexpected)]


def test_the_scenario_is_what_it_says():
    assert len(documents()) == 8
    assert CONFIG.count("[[partner]]") == 2


@pytest.mark.slow
def test_a_flow_that_kills_the_daemon_each_time_is_held_and_takes_none_of_its_neighbours_along(ground, shim, known):
    """Their leases die with it, and each death counts an attempt: from the third on the suspects are tried one by one."""
    root = install(ground / "root", known.dropped)
    with Plug(shim, "quick", "poisoned") as deadly:
        ends = [deadly.once(root).status for _ in range(6)]
    assert ends == [-9, -9, -9, -9, -9, 1]
    with closing(sqlite3.connect(root / "spool" / "ledger.db")) as db:
        held = db.execute("select name, state from flow where state != 'CLOSED'").fetchall()
        kept = db.execute("select count(*) from flow where state = 'CLOSED'").fetchone()[0]
    assert [state for _, state in held] == ["HELD"], held
    assert (held[0][0][-8:], kept) == (b"0301.xml", 7)
