"""The audit finds what somebody changed with a database shell, in each table, and says where; a ledger that nobody touched it calls sound."""

# ruff: noqa: S608 - statements of this file's own constants

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from rig import GOOD, REFUSED, Site

from flux import audit
from flux.faults import Fault
from flux.stores import _chain
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """An installation with a good flow whose piece was moved, a refused flow that was acknowledged and whose told JSON was purged, and a mixed one."""
    site = Site(tmp_path_factory.mktemp("lived") / "site")
    site.drop(GOOD, REFUSED, "06-one-bad-in-forty/*.gz")
    assert site.flux("once").returncode == 0
    (site.root / "markets.toml").unlink()  # which says who the MOE is
    number = site.json("flows", "--state", "IN_INTEGRE")["flows"][0]["pieces"][0]["number"]
    assert site.flux("act", number, "refuser", "--as", "moe:99913225100029", "--motive", "MAUVAISE_MOE", "--comment", "pas nous", "--who", "claire").returncode == 0
    assert site.flux("act", number, "recycler", "--as", "fournisseur:99912040500017", "--moe", "99913107100014").returncode == 0
    assert site.flux("once").returncode == 0
    refused = site.json("flows", "--state", "IN_REJETE")["flows"][0]["id"]
    with closing(SqlLedger(f"sqlite:///{site.root}/spool/ledger.db")) as ledger:
        ledger.acknowledge([refused], "claire", "le fournisseur est prévenu", AT)
        ledger.purge([refused], ("content", "told"), "claire", AT)
    return site.root / "spool"


@pytest.fixture
def spool(lived, tmp_path):
    shutil.copytree(lived, tmp_path / "spool")
    return tmp_path / "spool"


def audited(spool, forgery="", head="", *, content=False):
    """The audit, after somebody with the pen did this."""
    with closing(sqlite3.connect(spool / "ledger.db")) as raw:
        raw.executescript(f"DROP TRIGGER IF EXISTS event_is_never_changed; DROP TRIGGER IF EXISTS event_is_never_deleted; {forgery}")
    with closing(SqlLedger(f"sqlite:///{spool}/ledger.db", read_only=True)) as ledger:
        return audit.verify(ledger, FileStore(spool), head, content=content)


def test_a_ledger_that_nobody_touched_is_sound(spool):
    found = audited(spool, content=True)
    assert (found.sound, found.flows, found.unsealed, found.troubles) == (True, 3, 0, ())
    assert found.contents >= 6


GOOD_ONE, BAD_ONE = ("(SELECT id FROM flow WHERE verdict = 'IN_INTEGRE')", "(SELECT id FROM flow WHERE verdict = 'IN_REJETE')")
EDITS = {
    "a receipt's size": ("UPDATE flow SET size = size + 1 WHERE verdict = 'IN_REJETE'", {("flow", "other_rows")}),
    "whose a flow is": ("UPDATE flow SET partner = 'other' WHERE verdict = 'IN_REJETE'", {("flow", "other_rows")}),
    "the hour of reception": ("UPDATE flow SET received_at = '2026-01-01T00:00:00.000000Z' WHERE verdict = 'IN_REJETE'", {("flow", "other_rows")}),
    "a flow's verdict": ("UPDATE flow SET verdict = 'IN_INTEGRE_PARTIEL' WHERE verdict = 'IN_REJETE'", {("flow", "other_rows")}),
    "its hour": ("UPDATE flow SET decided_at = received_at WHERE verdict = 'IN_REJETE'", {("flow", "other_rows")}),
    "the findings about a flow": ("UPDATE flow SET told = x'5b315d' WHERE verdict = 'IN_INTEGRE'", {("flow", "other_rows")}),
    "where a flow stands": ("UPDATE flow SET state = 'RECEIVED' WHERE verdict = 'IN_INTEGRE'", {("flow", "other_state")}),
    "a flow that is gone": (f"DELETE FROM flow WHERE id = {BAD_ONE}", {("flow", "row_gone"), ("piece", "no_flow"), ("emission", "no_flow"), ("acknowledged", "no_flow"), ("purge", "no_flow")}),
    "a piece's verdict": ("UPDATE piece SET verdict = 'accepted' WHERE verdict = 'rejected' AND ordinal > 1", {("piece", "other_rows")}),
    "what was told of it": (f"UPDATE piece SET told = CAST(replace(CAST(told AS TEXT), 'rejected', 'accepted') AS BLOB) WHERE flow NOT IN ({GOOD_ONE}, {BAD_ONE})", {("piece", "other_rows")}),
    "a piece that is gone": ("DELETE FROM piece WHERE ordinal = 40", {("piece", "other_rows")}),
    "a piece that was not there": ("INSERT INTO piece SELECT flow, 77, number, cadre, supplier, verdict, told FROM piece WHERE ordinal = 3", {("piece", "other_rows")}),
    "what is left of told JSON": (f"UPDATE piece SET told = CAST(replace(CAST(told AS TEXT), 'rejected', 'accepted') AS BLOB) WHERE flow = {BAD_ONE}", {("purge, piece", "other_rows")}),
    "an identity set free": ("DELETE FROM identity WHERE ordinal = 3", {("identity", "other_rows")}),
    "an identity taken": ("INSERT INTO identity SELECT 'x', flow, 99, sha256, at FROM identity WHERE ordinal = 3", {("identity", "other_rows")}),
    "an identity of nobody": ("INSERT INTO identity SELECT 'x', 'nobody', 1, sha256, at FROM identity WHERE ordinal = 3", {("identity", "no_flow")}),
    "who acts on a piece": (f"UPDATE standing SET waits_id = '1' WHERE flow = {GOOD_ONE}", {("standing", "other_columns")}),
    "a piece's life": (f"UPDATE standing SET kept = (SELECT kept FROM standing WHERE ordinal = 3) WHERE flow = {GOOD_ONE}", {("standing", "other_rows"), ("standing", "other_columns"), ("standing", "other_steps")}),
    "a life that nobody can read": (f"UPDATE standing SET kept = x'c1' WHERE flow = {GOOD_ONE}", {("standing", "unreadable")}),
    "a standing that is gone": (f"DELETE FROM standing WHERE flow = {GOOD_ONE}", {("standing", "other_rows"), ("standing", "row_gone")}),
    "the hash of a return flow": ("UPDATE emission SET sha256 = blob WHERE kind = 'report-html' AND seq < 9", {("emission", "other_rows")}),
    "to whom a piece went": (f"UPDATE emission SET target = 'pieces/moe-1' WHERE kind = 'piece' AND flow = {GOOD_ONE}", {("emission", "other_rows")}),
    "a delivery that is gone": ("DELETE FROM emission WHERE seq = (SELECT max(seq) FROM emission)", {("emission", "other_rows"), ("emission", "untold_emissions")}),
    "a delivery more": ("INSERT INTO emission SELECT 9999, key || 'x', flow, ordinal, kind, target, name || 'x', sha256, blob, offset, size, state, problem, via FROM emission WHERE seq = 1", {("emission", "untold_emissions")}),
    "a delivery made again": ("UPDATE emission SET state = 'PENDING' WHERE seq = 1", {("emission", "undone")}),
    "who acknowledged": ("UPDATE acknowledged SET who = 'nobody'", {("acknowledged", "other_rows")}),
    "an acknowledgement": ("INSERT INTO acknowledged SELECT id, '', 'x', 'y' FROM flow WHERE verdict = 'IN_INTEGRE'", {("acknowledged", "untold")}),
    "an acknowledgement that is gone": ("DELETE FROM acknowledged", {("acknowledged", "other_rows")}),
    "when it was purged": ("UPDATE purge SET who = 'nobody'", {("purge, piece", "other_rows")}),
    "a purge of nobody's": ("INSERT INTO purge SELECT id, 'content', 'x', 'y', '' FROM flow WHERE verdict = 'IN_INTEGRE'", {("purge", "untold")}),
    "a purge that is gone": ("DELETE FROM purge", {("purge, piece", "other_rows")}),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_found_and_named_by_its_table(spool, edit):
    forgery, named = EDITS[edit]
    found = audited(spool, forgery)
    assert found.journal.broken is None
    assert {(one.table, one.why) for one in found.troubles} == named
    assert not found.sound


@pytest.mark.parametrize("forgery", ["UPDATE event SET who = 'nobody' WHERE seq = 2", "UPDATE event SET rows = '' WHERE seq = 2", "DELETE FROM event WHERE seq = 2"])
def test_an_edit_of_a_line_is_found_as_before(spool, forgery):
    assert audited(spool, forgery).journal.broken in {2, 3}


def test_a_head_that_was_kept_is_found_while_its_line_is_there_and_no_longer_once_the_end_was_written_anew(spool):
    with closing(sqlite3.connect(spool / "ledger.db")) as raw:
        ((kept,),) = raw.execute("SELECT hash FROM event ORDER BY seq DESC LIMIT 1").fetchall()
        last = raw.execute("SELECT seq, before, flow, piece, what, at, 'nobody' AS who, detail, rows FROM event ORDER BY seq DESC LIMIT 1")
        names = [column[0] for column in last.description]
        row = dict(zip(names, last.fetchone(), strict=True))
    assert audited(spool, head=kept).known
    with closing(sqlite3.connect(spool / "ledger.db")) as raw, raw:
        raw.execute("UPDATE event SET who = 'nobody', hash = ? WHERE seq = ?", (_chain.event_hash(row), row["seq"]))
        raw.executescript("CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON meta BEGIN SELECT 1; END; CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON meta BEGIN SELECT 1; END;")
    found = audited(spool, head=kept)
    assert (found.journal.broken, found.known, found.sound) == (None, False, False)


def test_a_content_that_rotted_or_is_gone_is_found_and_one_that_was_purged_is_not_missed(spool):
    with closing(sqlite3.connect(spool / "ledger.db")) as raw:
        (good, bad) = (raw.execute(f"SELECT sha256 FROM flow WHERE id = {of}").fetchone()[0] for of in (GOOD_ONE, BAD_ONE))
        (answer,) = raw.execute(f"SELECT blob FROM emission WHERE kind = 'integration' AND flow = {GOOD_ONE}").fetchone()
    for sha in (good, bad, answer):
        (spool / "store" / sha[:2] / sha).unlink()
    blob = max((spool / "store").glob("*/*"), key=lambda path: path.stat().st_size)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    found = audited(spool, content=True)
    assert {(one.row, one.why) for one in found.troubles} == {(good, "content_gone"), (answer, "content_gone"), (blob.name, "content_other")}


def test_what_went_in_two_rounds_of_one_purge_is_told_of_by_each_of_them(spool):
    with closing(SqlLedger(f"sqlite:///{spool}/ledger.db")) as ledger:
        (refused,) = (row.flow.id for row in ledger.flows() if row.verdict == "IN_REJETE")
        assert ledger.purge([refused], ["returns"], "claire", AT) == 1
    assert audited(spool, content=True).sound
    other = audited(spool, "UPDATE purge SET who = 'nobody' WHERE what = 'returns'")
    assert [(one.table, one.why) for one in other.troubles] == [("purge, piece", "other_rows")]


def rewritten(spool, blank):
    """The chain as a version 2 wrote it: lines of which *blank* is true without seal, hashed in one step."""
    with closing(sqlite3.connect(spool / "ledger.db")) as raw, raw:
        raw.executescript(f"DROP TRIGGER event_is_never_changed; UPDATE event SET rows = '' WHERE {blank};")
        before = ""
        for seq, flow, piece, what, at, who, detail, rows in raw.execute("SELECT seq, flow, piece, what, at, who, detail, rows FROM event ORDER BY seq").fetchall():
            words = {"flow": flow, "piece": piece, "what": what, "at": at, "who": who, "detail": detail, "rows": rows, "before": before}
            hashed = _chain.event_hash(words) if rows else _chain._of_old(words)
            raw.execute("UPDATE event SET before = ?, hash = ? WHERE seq = ?", (before, hashed, seq))
            before = hashed
        raw.executescript("CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'no'); END;")


def test_what_was_done_since_to_a_flow_from_before_the_seals_is_held_against_its_own_rows(spool):
    rewritten(spool, "what NOT IN ('moved', 'acknowledged', 'purged')")
    found = audited(spool)
    assert (found.sound, found.unsealed, found.troubles) == (True, 3, ())
    last = audited(spool, f"UPDATE emission SET name = 'x' WHERE seq = (SELECT max(seq) FROM emission WHERE flow = {GOOD_ONE})")
    assert [(one.table, one.why) for one in last.troubles] == [("emission", "other_rows")]


def test_lines_and_rows_of_a_ledger_from_before_are_told_as_unsealed_and_not_as_changed(spool):
    """A ledger of version 2: lines hashed in one step, rows that no line seals."""
    with closing(sqlite3.connect(spool / "ledger.db")) as raw, raw:
        raw.executescript("DELETE FROM acknowledged; DELETE FROM purge;")
    rewritten(spool, "true")
    found = audited(spool)
    assert (found.sound, found.unsealed, found.journal.broken) == (True, 3, None)
    with closing(SqlLedger(f"sqlite:///{spool}/ledger.db", read_only=True)) as ledger, pytest.raises(Fault, match="before version 3"):
        list(ledger.links(ledger.flows()[0].flow.id, ledger.head()[1]))
