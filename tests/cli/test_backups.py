"""Backup and restore through the real command: what a backup is, and how a restored installation begins; and a pause."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from kept import NUMBER, flow_of, stored
from msgspec.structs import asdict, replace
from rig import EXAMPLES, GOOD, REFUSED, Site, wait_for

from flux import app, asking, audit, config, doors, pause
from flux.again import State
from flux.backup import check, make, restore
from flux.faults import Fault
from flux.model import Event, Plumbing
from flux.runs.book import Mailing, NewRun, RunState


def kept(site):
    return site.root.parent / "kept"


def backed_up(site, **how):
    """A backup, by the call behind the command."""
    return make.told(make.make(config.load(site.root / "flux.toml"), kept(site), datetime.now(UTC), doors.ledger_at, **how))


def wrong(home):
    return check.check(home, doors.ledger_at).wrong


def restored(site, target, **how):
    restore.restore(kept(site), target, datetime.now(UTC), doors.ledger_of, "claire", **how)
    return Site.at(target)


def decided(site, *, sent):
    """Every doubt decided, by the call behind the command; gives them."""
    with doors.custody(config.load(site.root / "flux.toml")) as (ledger, _):
        doubts = ledger.doubts()
        restore.settle(ledger, [one.item for one in doubts], datetime.now(UTC), "claire", "vu", sent=sent)
    (site.root / "spool" / "paused").unlink()
    return doubts


def staged(site, via=None):
    """The good flow as it was before its piece went out, or while an endpoint was at it; gives the key of the piece."""
    with closing(sqlite3.connect(site.root / "spool" / "ledger.db")) as db, db:
        (key,) = db.execute("SELECT key FROM emission WHERE kind = 'piece' AND flow = (SELECT id FROM flow WHERE verdict = 'IN_INTEGRE')").fetchone()
        db.execute("UPDATE emission SET state = 'STAGED', via = coalesce(?, via) WHERE key = ?", (via, key))
        db.execute("UPDATE flow SET state = 'DECIDED' WHERE verdict = 'IN_INTEGRE'")
    return key


def test_a_backup_is_sound_and_the_next_one_copies_only_what_is_new(done):
    first = done.json("backup", kept(done))
    assert (first["contents"], first["copied"]) == (len(stored(done)), len(stored(done)))
    done.drop("08-credit-note/*.xml")
    assert done.flux("once").returncode == 0
    second = done.json("backup", kept(done))
    assert 0 < second["copied"] < second["contents"]
    assert done.json("backup", "verify", kept(done)) == {
        "sound": True, "backup": second["backup"], "made_at": second["made_at"], "contents": second["contents"], "wrong": [],
    }  # fmt: skip


def test_of_several_only_the_newest_stay_when_that_is_asked(done):
    for _ in range(3):
        backed_up(done)
    assert backed_up(done, keep=2)["pruned"] == 2
    assert wrong(kept(done)) == ()


def test_whatever_of_a_backup_is_changed_is_found_and_not_restored(done, tmp_path):
    made = backed_up(done)
    for path in sorted(path for path in kept(done).rglob("*") if path.is_file() and path.name not in ("lock", "MANIFEST.json")):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert [what for what in wrong(kept(done)) if path.name in what], path
        with pytest.raises(Fault):
            restored(done, tmp_path / "none")
        assert not list(tmp_path.glob("*none*"))
        path.write_bytes(content)
    assert wrong(Path(made["backup"])) == ()


def test_one_that_was_not_finished_is_none(done):
    made = backed_up(done)
    shutil.move(made["backup"], kept(done) / "backups" / ".20261126T000000000000Z")
    with pytest.raises(Fault, match="no finished backup"):
        restored(done, done.root.parent / "new")
    assert backed_up(done)["copied"] == 0
    assert [path.name[0] for path in (kept(done) / "backups").iterdir()] == ["2"]


def test_a_content_that_rotted_stops_the_backup(done):
    rotten = max((done.root / "spool" / "store").glob("*/*"), key=lambda path: path.stat().st_size)
    rotten.write_bytes(b"?" + rotten.read_bytes()[1:])
    assert done.flux("backup", kept(done)).stderr.startswith("FLX-I55")
    assert list((kept(done) / "backups").glob("2*")) == []


def test_a_secret_in_the_configuration_stays_out_of_it(done):
    markets = done.root / "markets.toml"
    markets.write_text('# sftp_password = "in a comment"\n' + markets.read_text())
    assert backed_up(done)["masked"] == []
    markets.write_text('sftp_password = "canary-7731"\n' + markets.read_text())
    assert backed_up(done)["masked"] == ["markets.toml: sftp_password"]
    assert [path for path in kept(done).rglob("*") if path.is_file() and b"canary-7731" in path.read_bytes()] == []


@pytest.mark.parametrize("where", ["spool/kept", "inbox/batipro/kept", "outbox", "."])
def test_a_backup_never_lies_in_what_it_backs_up(done, where):
    with pytest.raises(Fault, match="cannot go to"):
        make.make(config.load(done.root / "flux.toml"), done.root / where, datetime.now(UTC), doors.ledger_at)


def test_a_restored_installation_starts_only_when_all_that_it_might_do_twice_is_decided(done):
    assert done.flux("act", NUMBER, "prendre_en_compte", "--as", "moe:99913225100029").returncode == 0
    done.drop("08-credit-note/*.xml")  # stands in the inbox at the cut
    backed_up(done)
    copy = Site.at(done.root.parent / "copy")
    assert done.flux("restore", kept(done), copy.root).returncode == 0
    refused = copy.flux("once")
    assert (refused.returncode, refused.stderr[:8]) == (2, "FLX-I240")
    assert any(line.check == "pause" for line in app.examine(copy.root / "flux.toml"))
    told = copy.json("restored")
    assert len(told["doubts"]) == 1
    assert told["paused"]["waiting"][0].startswith("batipro/FSO")
    assert copy.flux("resume", "--by", "c", "--reason", "r").stderr.startswith("FLX-I253")
    assert copy.flux("restored", "nothing", "--send", "--by", "c", "--reason", "r").stderr.startswith("FLX-I254")
    assert copy.flux("restored", "--all", "--already-sent", "--by", "claire", "--reason", "vu chez eux").returncode == 0
    assert copy.flux("once").returncode == 0
    assert list(copy.outbox.rglob("*.xml")) == []
    with doors.custody(config.load(copy.root / "flux.toml"), read_only=True) as (ledger, store):
        assert audit.verify(ledger, store, "", content=True).sound


def test_what_was_not_sent_is_sent_by_the_restored_one(done):
    assert done.flux("act", NUMBER, "prendre_en_compte", "--as", "moe:99913225100029").returncode == 0
    backed_up(done)
    copy = restored(done, done.root.parent / "copy", link=True)
    (item,) = decided(copy, sent=False)
    assert copy.flux("once").returncode == 0
    assert [path.name for path in copy.outbox.rglob("*.xml")] == [item.told.rpartition("/")[2]]


def test_what_was_published_while_the_backup_was_taken_is_done_and_in_no_doubt(done):
    key = staged(done)
    backed_up(done)
    assert decided(restored(done, done.root.parent / "gone"), sent=False) == []
    (done.root / "spool" / "staged" / key).write_bytes(b"<piece/>")
    backed_up(done)
    assert [one.item for one in decided(restored(done, done.root.parent / "there"), sent=False)] == [key]


def test_what_stands_uploaded_at_a_partners_is_in_doubt_since_only_his_server_knows(done):
    key = staged(done, "bati-out#12345678")
    backed_up(done)
    assert [one.item for one in decided(restored(done, done.root.parent / "copy"), sent=False)] == [key]


def test_a_re_injection_that_was_not_over_goes_no_further_where_it_is_restored(done):
    told = done.json("reinject", flow_of(done, "IN_REJETE")["id"], "--reason", "why", "--by", "anne", "--preview")
    backed_up(done)
    copy = restored(done, done.root.parent / "copy")
    with doors.custody(config.load(copy.root / "flux.toml")) as (ledger, _):
        assert ledger.reinjection(told["id"]).state is State.ABORTED
        assert [event.detail for event in ledger.events(told["id"])][1:] == ["ABORTED restored"]
        assert ledger.journal().broken is None


def test_what_is_only_of_use_while_it_is_made_is_in_no_backup(done):
    for litter in ("rehearsal-x/store/aa/y", "fetch/there/half"):
        (done.root / "spool" / litter).parent.mkdir(parents=True)
        (done.root / "spool" / litter).write_bytes(b"z")
    assert not [path for path in Path(backed_up(done)["backup"]).rglob("*") if path.name in ("y", "half")]


def test_a_flow_under_way_is_answered_once_by_whoever_is_said_to(done):
    with closing(sqlite3.connect(done.root / "spool" / "ledger.db")) as db, db:
        db.execute("UPDATE flow SET state = 'PROCESSING', owner = 'dead' WHERE verdict = 'IN_REJETE'")
    backed_up(done)
    copy = restored(done, done.root.parent / "copy")
    (item,) = decided(copy, sent=True)
    assert item.kind == "flow"
    with doors.open_reader(config.load(copy.root / "flux.toml")) as ledger:
        assert ledger.flow(item.flow).reason.code == "FLX-I258"


@pytest.mark.parametrize(("sent", "code", "line"), [(True, "FLX-I258", "already_sent"), (False, "FLX-I65", "still_held")])
def test_a_held_flow_waits_for_a_person_and_says_so_where_the_original_let_it_go(done, sent, code, line):
    with closing(sqlite3.connect(done.root / "spool" / "ledger.db")) as db, db:
        db.execute("UPDATE flow SET state = 'HELD', reason = ? WHERE verdict = 'IN_REJETE'", (orjson.dumps(asdict(Fault("FLX-I65", partner="x").reason())).decode(),))
    backed_up(done)
    copy = restored(done, done.root.parent / "copy")
    (item,) = decided(copy, sent=sent)
    with doors.open_reader(config.load(copy.root / "flux.toml")) as ledger:
        row, last = ledger.flow(item.flow), ledger.events(item.flow)[-1]
    assert (item.kind, row.state, row.reason.code, last.what) == ("held", Plumbing.HELD, code, line)


@pytest.mark.parametrize(("sent", "state", "mail"), [(True, RunState.SKIPPED, "sent"), (False, RunState.TAKING, "owed")])
def test_a_run_and_a_mail_of_one_are_the_originals_or_go_on_here(done, sent, state, mail):
    at = datetime(2026, 11, 26, 2, tzinfo=UTC)
    with doors.custody(config.load(done.root / "flux.toml")) as (ledger, _):
        for how in ("night", "noon"):
            ledger.ask(NewRun(how, at, "planned", "flux", RunState.OWED), Event(f"schedule/{how}", "run_owed", at, "flux"))
        night, noon = (ledger.run(seq) for seq in (1, 2))
        ledger.change(replace(night, state=RunState.DONE, ended_at=at, mail=Mailing("owed", due_at=at)), RunState.OWED)
        ledger.change(replace(noon, state=RunState.TAKING, started_at=at), RunState.OWED)
    backed_up(done)
    copy = restored(done, done.root.parent / "copy")
    assert [(one.item, one.kind, one.flow) for one in decided(copy, sent=sent)] == [("run/2", "run", "schedule/noon"), ("mail/1", "mail", "schedule/night")]
    with doors.open_reader(config.load(copy.root / "flux.toml")) as ledger:
        assert (ledger.run(2).state, ledger.run(1).mail.state) == (state, mail)
        assert ledger.journal().broken is None


def test_a_restore_writes_over_nothing_and_never_works_in_the_folders_of_the_original(done):
    text = (done.root / "flux.toml").read_text()
    backed_up(done)
    with pytest.raises(Fault, match="not empty"):
        restored(done, done.root)
    done.configure(f'inbox = "{done.root}/inbox"\n{text}')
    backed_up(done)
    with pytest.raises(Fault, match="outside the installation: inbox"):
        restored(done, done.root.parent / "copy")
    (done.root.parent / "own.toml").write_text(text)
    assert (restored(done, done.root.parent / "copy", instead=done.root.parent / "own.toml").root / "spool" / "paused").exists()
    assert not list(done.root.parent.glob(".copy*"))


def test_market_files_come_back_with_their_versions(done):
    assert done.flux("market", "import", done.root / "markets.toml", "--who", "claire").returncode == 0
    backed_up(done)
    copy = restored(done, done.root.parent / "copy")
    assert {p.name: p.read_bytes() for p in (copy.root / "spool" / "markets").glob("*.toml")} == {p.name: p.read_bytes() for p in (done.root / "spool" / "markets").glob("*.toml")}
    assert (copy.root / "markets.toml").read_bytes() == (EXAMPLES / "markets.toml").read_bytes()


def test_a_backup_taken_beside_a_daemon_at_work_is_sound_whenever_it_is_taken(site):
    site.drop(GOOD)
    assert site.flux("once").returncode == 0
    known = config.load(site.root / "flux.toml")
    with site.running() as log:
        wait_for(lambda: any(line["event"] == "started" for line in log()))
        site.drop(REFUSED, "06-one-bad-in-forty/*.gz", "08-credit-note/*.xml", "11-duplicates/*.xml")
        states, taken = set(), 0
        while taken < 3 or "CLOSED" not in states or len(states) > 1:
            backed_up(site)
            taken += 1
            assert wrong(kept(site)) == (), taken
            with doors.open_reader(known) as ledger:
                states = {row.state for row in ledger.flows()}


def test_a_pause_holds_a_running_daemon_and_its_end_lets_it_go_on(site):
    site.drop(GOOD)
    assert site.flux("once").returncode == 0
    known = config.load(site.root / "flux.toml")
    flows = lambda: len(asking.listed(known, whole=False, limit=9).rows)  # noqa: E731 - asked twice
    with site.running() as log:
        wait_for(lambda: any(line["event"] == "started" for line in log()))
        assert site.flux("pause", "--by", "claire", "--reason", "travaux").returncode == 0
        site.drop(REFUSED)
        assert flows() == 1
        with pytest.raises(Fault, match="travaux"):
            pause.proven(known)
        assert site.flux("resume", "--by", "claire", "--reason", "fini").returncode == 0
        wait_for(lambda: flows() == 2)


def test_a_pause_waits_for_no_turn_to_end(site):
    """Somebody asks for it when a turn has just begun: what is in hand is given back, no attempt is counted, nothing is decided."""
    site.drop("15-five-thousand-lines/*.gz")
    known = config.load(site.root / "flux.toml")
    mark = lambda: pause.mark(known.spool, pause.begun("claire", "travaux", datetime.now(UTC)))  # noqa: E731 - handed over
    with app.opened(known, beat=mark) as house:
        house.step()
        (row,) = house.ledger.flows()
    assert (row.state, row.flow.attempt) == (Plumbing.RECEIVED, 0)
    pause.lift(known)
    assert site.flux("once").returncode == 0


def test_a_pass_ends_where_a_pause_begins(site, monkeypatch):
    site.drop(GOOD)
    known = config.load(site.root / "flux.toml")
    step = app.Installation.step
    monkeypatch.setattr(app.Installation, "step", lambda house: (pause.mark(known.spool, pause.begun("claire", "travaux", datetime.now(UTC))), step(house))[1])
    with pytest.raises(Fault, match="travaux"):
        app.once(known)
