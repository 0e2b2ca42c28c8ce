"""Retention through the real command: what goes, what stays, and what is said of what went."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from kept import KEPT, NUMBER, flow_of, stored
from older import as_version
from rig import CONFIG, GOOD

from flux import asking, audit, config, doors, folders, retention, tables
from flux.faults import Fault
from flux.night import Night
from flux.policy import Retention

LATER = datetime.now(UTC) + timedelta(days=40)


def purged(site, now=LATER):
    """A purge as it would be 40 days from now."""
    known = config.load(site.root / "flux.toml")
    with doors.custody(known) as (ledger, store):
        *_, gone = retention.purging(ledger, store, known.retention, now, tables.load(), "claire")
        ledger.shrink()
    return gone


def ended(site, state="MISE_EN_PAIEMENT"):
    """Every dossier ended, as if each piece had gone its whole way."""
    with closing(sqlite3.connect(site.root / "spool" / "ledger.db")) as db, db:
        db.execute("UPDATE standing SET status = ?", (state,))


def test_by_default_nothing_ever_goes(done):
    done.configure(CONFIG)
    before = stored(done)
    assert done.flux("acknowledge", "--all", "--by", "claire", "--reason", "vu").returncode == 0
    ended(done)
    assert purged(done).flows == {}
    assert stored(done) == before


def test_what_was_refused_is_kept_until_it_is_acknowledged(done):
    refused = flow_of(done, "IN_REJETE")
    assert purged(done).flows == {}
    told = done.json("acknowledge", refused["id"], "--by", "claire", "--reason", "le fournisseur est prévenu")
    assert told == {"acknowledged": [refused["id"]]}
    assert purged(done).flows == {"content": 1, "returns": 1, "told": 1}
    assert refused["sha256"] not in stored(done)


def test_what_a_dossier_needs_that_is_not_ended_is_kept_and_goes_when_it_is(done):
    good = flow_of(done, "IN_INTEGRE")
    assert purged(done).flows == {}
    ended(done)
    assert purged(done).flows == {"content": 1, "returns": 1, "told": 1}  # the mixed flow is not acknowledged
    assert good["sha256"] not in stored(done)


def test_what_is_younger_is_kept(done):
    ended(done)
    assert purged(done, datetime.now(UTC) + timedelta(days=29)).flows == {}


def test_what_refused_a_flow_is_counted_before_a_purge_lets_go_of_it(done):
    """A ledger of a version before causes were kept: the daemon counts them in the background, and the purge may be quicker."""
    causes = lambda: [(one["code"], one["place"], one["count"]) for one in done.json("causes")["causes"]]  # noqa: E731 - asked twice
    before = causes()
    as_version(done.root / "spool" / "ledger.db", 2)
    assert done.flux("acknowledge", "--all", "--by", "claire", "--reason", "vu").returncode == 0
    assert purged(done).flows["told"] > 0
    assert (causes(), len(before) > 0) == (before, True)


def test_a_dry_run_says_what_goes_and_changes_nothing(done):
    ended(done)
    known, before = config.load(done.root / "flux.toml"), stored(done)
    with doors.custody(known) as (ledger, store):
        foreseen = retention.foreseen(ledger, store, known.retention, LATER, tables.load())
    assert stored(done) == before
    gone = purged(done)
    assert (foreseen.flows, foreseen.contents, foreseen.size) == (gone.flows, gone.contents, gone.size)
    assert gone.contents == 2


def test_show_piece_and_proof_say_that_it_was_purged_when_and_by_whom(done):
    good = flow_of(done, "IN_INTEGRE")
    ended(done)
    purged(done)
    known = config.load(done.root / "flux.toml")
    told = flow_of(done, "IN_INTEGRE")
    assert {(one["what"], one["who"]) for one in told["purged"]} == {("content", "claire"), ("returns", "claire"), ("told", "claire")}
    assert told["events"][-1]["what"] == "purged"
    assert (told["pieces"][0]["number"], told["pieces"][0]["verdict"]) == (NUMBER, "accepted")
    with doors.custody(known, read_only=True) as (ledger, store):
        assert {one["what"] for piece in asking.tell_pieces(ledger, NUMBER) for one in piece["flow_purged"]} == {"content", "returns", "told"}
        assert {one.table for one in audit.verify(ledger, store, "", content=True).troubles} == {"standing"}  # which this test set by hand
    assert "purgés le" in done.flux("show", good["id"], FLUX_LANG="fr").stdout
    assert done.flux("proof", good["id"]).stderr.startswith("FLX-I249")


def test_what_was_purged_is_known_as_a_duplicate_for_ever(done):
    ended(done)
    purged(done)
    done.drop(GOOD)
    assert done.flux("once").returncode == 0
    again = flow_of(done, "IN_REJETE")
    assert again["duplicate_of"]
    assert again["sha256"] in stored(done)  # of the new flow, which is kept until it is acknowledged


def test_a_held_flow_and_one_that_is_owed_something_are_never_purged(done):
    ended(done)
    with closing(sqlite3.connect(done.root / "spool" / "ledger.db")) as db, db:
        db.execute("UPDATE flow SET state = 'HELD' WHERE verdict = 'IN_INTEGRE'")
        db.execute("UPDATE emission SET state = 'STAGED' WHERE flow = (SELECT id FROM flow WHERE verdict = 'IN_REJETE')")
    done.flux("acknowledge", flow_of(done, "IN_REJETE")["id"], "--by", "claire", "--reason", "vu")
    assert purged(done).flows == {}


@pytest.mark.parametrize(
    ("words", "code"), [(("{good}", "--by", "c", "--reason", "r"), "FLX-I251"), (("{refused}", "--by", "c"), "FLX-I259"), (("nobody", "--by", "c", "--reason", "r"), "no flow")]
)
def test_what_is_not_to_be_acknowledged_is_told(done, words, code):
    known = {"good": flow_of(done, "IN_INTEGRE")["id"], "refused": flow_of(done, "IN_REJETE")["id"]}
    assert done.flux("acknowledge", *(word.format(**known) for word in words)).stderr.startswith(code)


def test_contents_that_no_flow_came_to_need_go_after_some_days(done):
    orphan = done.root / "spool" / "store" / "ab" / ("ab" * 32)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"left by a crash")
    assert purged(done, datetime.now(UTC) + timedelta(days=6)).orphans == 0
    assert purged(done, datetime.now(UTC) + timedelta(days=8)).orphans >= 1
    assert not orphan.exists()


def test_the_command_purges_and_writes_the_ledger_anew(done):
    told = done.json("purge", "--vacuum")
    assert (told["dry_run"], told["flows"], told["contents"]) == (False, {}, 0)
    assert done.flux("purge", "--dry-run").returncode == 0


@pytest.mark.parametrize("at", ["2:30", "24:00", "noon"])
def test_an_hour_that_is_none_is_told(site, at):
    site.configure(f'{CONFIG}\n[retention]\nat = "{at}"\n')
    with pytest.raises(Fault, match="is no hour"):
        config.load(site.root / "flux.toml")


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-26T00:00:00+00:00", "2026-11-26T02:30:00+01:00"), ("2026-11-26T01:30:00+00:00", "2026-11-27T02:30:00+01:00"),
        ("2026-06-30T23:00:00+00:00", "2026-07-01T02:30:00+02:00"),
    ],
)  # fmt: skip
def test_the_night_s_purge_is_due_once_a_day_at_its_hour_of_paris(now, due):
    hour = datetime.fromisoformat("2026-01-01T02:30:00").time()
    assert retention.next_night(Retention(at=hour), datetime.fromisoformat(now)) == datetime.fromisoformat(due)
    assert retention.next_night(Retention(), datetime.fromisoformat(now)) is None


def test_the_daemon_purges_at_its_hour_some_at_a_time_and_not_while_a_backup_is_made(done):
    ended(done)
    done.configure(f'{CONFIG}{KEPT}at = "02:30"\n')
    known = config.load(done.root / "flux.toml")
    due = retention.next_night(known.retention, LATER)
    with doors.custody(known) as (ledger, store):
        night = Night(known, ledger, store, LATER)
        assert night.step(due - timedelta(seconds=1)) == 0
        with folders.alone(known):
            assert night.step(due) == 0
        assert night.step(due + timedelta(minutes=59)) == 0
        steps = 0
        while night.step(due + timedelta(hours=1)):
            steps += 1
            if steps == 1:  # a house that is closed in the midst of it leaves the lock, and what is left is done at the next start
                night.close()
                with folders.alone(known):
                    pass
        assert steps > 1
        assert [purge.who for purge in ledger.purged(flow_of(done, "IN_INTEGRE")["id"])] == ["flux"] * 3
        assert night.step(due + timedelta(hours=2)) == 0
