"""What an inbox, an outbox and a content store must do. Asked of real folders."""

import hashlib
import os
import re
import sys
from io import BytesIO

import pytest
from msgspec.structs import replace

from flux.faults import Fault
from flux.model import Emission
from flux.ports import Busy, Why
from flux.stores.content import FileStore
from flux.transports.folder import FolderInbox, FolderOutbox


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def place(tmp_path):
    for name in ("in", "claim", "staged", "out", "tmp", "store"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def inbox(place, clock):
    return FolderInbox("p", place / "in", place / "claim", settle_s=2.0, clock=clock)


def drop(place, name="a.xml", content=b"<a/>"):
    (place / "in" / name).write_bytes(content)


def settled(inbox, clock, wait=2.0):
    inbox.waiting(10)
    clock.now += wait
    return inbox.waiting(10)


def test_a_file_that_has_rested_is_taken_and_one_second_earlier_it_is_not(place, inbox, clock):
    drop(place)
    assert settled(inbox, clock, 1.0) == []
    assert [(u.name, u.why) for u in inbox.unsettled()] == [(b"a.xml", Why.RESTING)]
    clock.now += 1.0
    assert inbox.waiting(10) == [b"a.xml"]


def test_a_file_that_grew_rests_from_anew(place, inbox, clock):
    drop(place)
    inbox.waiting(10)
    clock.now += 1.9
    drop(place, content=b"<a></a>")
    assert inbox.waiting(10) == []
    clock.now += 1.9
    assert inbox.waiting(10) == []
    clock.now += 0.1
    assert inbox.waiting(10) == [b"a.xml"]


def test_a_file_that_somebody_still_writes_into_is_left_however_long_it_rests(place, inbox, clock):
    with (place / "in" / "a.xml").open("wb") as writer:
        writer.write(b"<a")
        writer.flush()
        assert settled(inbox, clock, 3600) == []
        assert [u.why for u in inbox.unsettled()] == [Why.WRITING]
    assert inbox.waiting(10) == [b"a.xml"]


@pytest.mark.parametrize("name", [".a.xml", "a.xml.part", "a.xml.tmp", "a.xml.FILEPART"])
def test_an_upload_under_way_is_known_by_its_name(place, inbox, clock, name):
    drop(place, name)
    drop(place, "a.xml")
    assert settled(inbox, clock) == [b"a.xml"]


def test_what_is_not_a_regular_file_of_one_name_is_reported_and_never_opened(place, inbox, clock):
    os.mkfifo(place / "in" / "fifo.xml")
    (place / "in" / "link.xml").symlink_to("/etc/passwd")
    (place / "in" / "folder.xml").mkdir()
    drop(place, "one.xml")
    os.link(place / "in" / "one.xml", place / "in" / "two.xml")
    assert settled(inbox, clock) == []
    assert {u.name for u in inbox.unsettled()} == {b"fifo.xml", b"link.xml", b"folder.xml", b"one.xml", b"two.xml"}


@pytest.mark.parametrize("name", [b"new\nline.xml", b"\xff\xfe.xml", b"-rf.xml", b"a b \xe2\x80\xae.xml", b"x" * 251 + b".xml"])
def test_a_hostile_name_is_bytes_and_travels_whole(place, inbox, clock, name):
    (os.fsencode(place / "in") + b"/" + name)
    with open(os.fsencode(place / "in") + b"/" + name, "wb") as file:  # noqa: PTH123 - pathlib takes no bytes
        file.write(b"<a/>")
    (taken,) = inbox.claim(settled(inbox, clock), "20261125T093000000Z-7k3q9x2m4b")
    assert taken.name == name
    with inbox.open(taken) as file:
        assert file.read() == b"<a/>"


BATCH = "20261125T093000000Z-7k3q9x2m4b"
OPENED = []
sys.addaudithook(lambda event, told: OPENED.append(told[0]) if event == "open" and isinstance(told[0], bytes) else None)


def test_a_crowd_is_taken_oldest_first_and_each_file_of_it_is_opened_twice_at_most(place, clock):
    """A scan a call would open 500 files fifty times over; and 100,000 a thousand times."""
    inbox = FolderInbox("p", place / "in", place / "claim", settle_s=0.0, clock=clock)
    for n in range(500):
        drop(place, f"{n:03d}.xml")
        os.utime(place / "in" / f"{n:03d}.xml", (n, n))
    OPENED.clear()
    taken = []
    while names := inbox.waiting(10):
        taken += inbox.claim(names, BATCH.replace("7k3q", f"{len(taken):04d}"))
    assert [d.name for d in taken] == [b"%03d.xml" % n for n in range(500)]
    assert len([path for path in OPENED if b"/in/" in path]) <= 1000


def test_what_changed_or_went_since_the_scan_is_not_served_from_it(place, clock):
    inbox = FolderInbox("p", place / "in", place / "claim", settle_s=0.0, clock=clock)
    for n in range(9):
        drop(place, f"{n}.xml")
        os.utime(place / "in" / f"{n}.xml", (n, n))
    assert inbox.claim(inbox.waiting(2), BATCH)
    drop(place, "2.xml", b"<another/>")
    (place / "in" / "3.xml").unlink()
    os.link(place / "in" / "4.xml", place / "in" / "4.bis")
    (place / "in" / "5.xml").unlink()
    os.mkfifo(place / "in" / "5.xml")
    with (place / "in" / "6.xml").open("ab"):
        assert inbox.waiting(2) == [b"7.xml", b"8.xml"]
    assert {one.name: one.why for one in inbox.unsettled()} == {
        b"2.xml": Why.RESTING, b"3.xml": Why.GONE, b"4.xml": Why.SECOND_NAME, b"5.xml": Why.NOT_REGULAR, b"6.xml": Why.WRITING,
    }  # fmt: skip
    assert inbox.waiting(9) == [b"6.xml", b"7.xml", b"8.xml", b"2.xml"]


def test_a_claim_survives_a_crash_with_its_ids_and_an_empty_one_never_happened(place, inbox, clock):
    drop(place)
    drop(place, "b.xml")
    taken = inbox.claim(settled(inbox, clock), BATCH)
    (place / "claim" / "20261125T093000001Z-0000000000").mkdir()
    again = FolderInbox("p", place / "in", place / "claim", settle_s=2.0)
    assert again.recover() == [replace(one, again=True) for one in taken]
    assert [path.name for path in (place / "claim").iterdir()] == [BATCH]
    again.discard(again.recover())
    assert again.recover() == []
    assert list((place / "claim").iterdir()) == []


def test_each_file_of_a_batch_has_an_id_of_its_own_that_begins_with_the_time_of_the_claim(place, inbox, clock):
    for n in range(100):
        drop(place, f"{n}.xml")
    settled(inbox, clock)
    ids = [deposit.id for deposit in inbox.claim(inbox.waiting(100), BATCH)]
    assert len(set(ids)) == 100
    assert all(re.fullmatch(r"20261125T093000000Z-[0-9a-hjkmnp-tv-z]{10}", one) for one in ids)


def test_a_file_that_is_gone_when_it_is_claimed_is_left_out(place, inbox):
    drop(place)
    assert [d.name for d in inbox.claim([b"gone.xml", b"a.xml"], BATCH)] == [b"a.xml"]
    assert inbox.claim([b"gone.xml"], BATCH.replace("7k", "8k")) == []
    assert [path.name for path in (place / "claim").iterdir()] == [BATCH]


def test_a_writer_that_came_back_after_the_claim_keeps_the_file_out_of_custody(place, inbox):
    drop(place)
    writer = (place / "in" / "a.xml").open("ab")
    (taken,) = inbox.claim([b"a.xml"], BATCH)
    with pytest.raises(Busy):
        inbox.open(taken)
    writer.close()
    inbox.open(taken).close()


def test_a_link_that_took_the_place_of_a_file_before_the_claim_goes_back_and_is_told(place, inbox, clock):
    drop(place)
    settled(inbox, clock)
    (place / "in" / "a.xml").unlink()
    (place / "in" / "a.xml").symlink_to("/etc/passwd")
    assert inbox.claim([b"a.xml"], BATCH) == []
    assert list((place / "claim").iterdir()) == []
    assert settled(inbox, clock) == []
    assert [(u.name, u.why) for u in inbox.unsettled()] == [(b"a.xml", Why.NOT_REGULAR)]


def test_a_link_that_a_crash_left_claimed_goes_back_or_where_its_name_is_taken_away(place, inbox):
    for name in ("a.xml", "b.xml"):
        (place / "claim" / BATCH).mkdir(exist_ok=True)
        (place / "claim" / BATCH / name).symlink_to("/etc/passwd")
    drop(place, "b.xml")
    assert inbox.recover() == []
    assert list((place / "claim").iterdir()) == []
    assert (place / "in" / "a.xml").is_symlink()
    assert (place / "in" / "b.xml").read_bytes() == b"<a/>"


def test_a_file_that_got_a_second_name_meanwhile_is_copied_and_its_sender_can_change_the_copy_no_more(place, inbox):
    drop(place)
    os.link(place / "in" / "a.xml", place / "in" / ".mine")
    (taken,) = inbox.claim([b"a.xml"], BATCH)
    with inbox.open(taken) as file:
        (place / "in" / ".mine").write_bytes(b"<changed/>")
        assert file.read() == b"<a/>"
    assert (place / "claim" / BATCH / "a.xml").read_bytes() == b"<a/>"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_file_of_another_user_is_copied_since_he_can_open_it_again_through_a_descriptor_that_he_kept(place, inbox):
    drop(place)
    os.chown(place / "in" / "a.xml", 12345, 12345)
    kept = os.open(place / "in" / "a.xml", os.O_RDONLY)
    (taken,) = inbox.claim([b"a.xml"], BATCH)
    with inbox.open(taken) as file:
        again = os.open(f"/proc/self/fd/{kept}", os.O_WRONLY | os.O_TRUNC)
        os.write(again, b"<changed/>")
        assert file.read() == b"<a/>"
    assert (place / "claim" / BATCH / "a.xml").stat().st_uid == os.geteuid()
    os.close(kept)
    os.close(again)


def test_a_file_that_was_claimed_before_is_copied_since_its_sync_may_have_failed_and_a_fresh_one_is_not(place, inbox):
    drop(place)
    (fresh,) = inbox.claim([b"a.xml"], BATCH)
    written = (place / "claim" / BATCH / "a.xml").stat().st_ino
    inbox.open(fresh).close()
    assert (place / "claim" / BATCH / "a.xml").stat().st_ino == written
    (again,) = inbox.recover()
    with inbox.open(again) as file:
        assert (os.fstat(file.fileno()).st_ino == written, file.read()) == (False, b"<a/>")


def test_half_a_copy_that_a_crash_left_is_no_claim(place, inbox):
    drop(place)
    (taken,) = inbox.claim([b"a.xml"], BATCH)
    (place / "claim" / BATCH / ".half").write_bytes(b"<")
    assert inbox.recover() == [replace(taken, again=True)]
    assert [path.name for path in (place / "claim" / BATCH).iterdir()] == ["a.xml"]


def test_a_sealed_file_becomes_content_without_a_copy_and_taking_it_in_twice_is_taking_it_in_once(place):
    store, path = FileStore(place), place / "claim" / "a.xml"
    path.write_bytes(b"abc")
    inode = path.stat().st_ino
    with path.open("rb") as file:
        ((sha, size),) = store.seal([file])
    assert (sha, size) == (hashlib.sha256(b"abc").hexdigest(), 3)
    for _ in range(2):
        store.adopt([os.fsencode(path)], [sha])
    assert not path.exists()
    assert (place / "store" / sha[:2] / sha).stat().st_ino == inode


def test_content_is_named_by_its_hash_and_adding_twice_is_adding_once(place):
    store = FileStore(place)
    sha = hashlib.sha256(b"abc").hexdigest()
    with store.scratches(2) as files:
        for file in files:
            file.write(b"abc")
        assert store.keep_all(files) == [(sha, 3), (sha, 3)]
    with store.open(sha) as file:
        assert file.read() == b"abc"
    assert list((place / "tmp").iterdir()) == []
    with pytest.raises(Fault, match="missing from the store"):
        store.open("0" * 64)


def test_content_whose_scratch_a_start_beside_us_threw_away_is_not_promised(place):
    store = FileStore(place)

    class Source(BytesIO):
        """Read to its end while another flux starts."""

        def read(self, size=-1):
            store.clean()
            return super().read(size)

    with pytest.raises(Fault) as trouble:
        store.add(Source(b"abc"))
    assert trouble.value.code == "FLX-I66"
    assert store.add(BytesIO(b"abc"))[1] == 3


def an_emission(key="k1", content=b"payload", **changes):
    sha = hashlib.sha256(content).hexdigest()
    return Emission(key, "f", 0, "k", "returns/p", changes.get("name", "n.xml"), sha, "blob", changes.get("offset", 0), len(content))


def staged(place, outbox, emission, content=b"payload"):
    (place / "blob").write_bytes(content)
    with (place / "blob").open("rb") as blob:
        outbox.stage([(emission, blob)])


@pytest.fixture
def outbox(place):
    return FolderOutbox(place / "staged", lambda target: place / "out" / target.partition("/")[2])


def test_what_is_staged_is_unseen_and_what_is_published_is_whole(place, outbox):
    staged(place, outbox, an_emission())
    assert list((place / "out").rglob("*.xml")) == []
    assert outbox.publish([an_emission()]) == {}
    assert (place / "out" / "p" / "n.xml").read_bytes() == b"payload"
    assert list((place / "staged").iterdir()) == []


def test_publishing_again_after_the_consumer_took_the_file_publishes_nothing(place, outbox):
    staged(place, outbox, an_emission())
    outbox.publish([an_emission()])
    (place / "out" / "p" / "n.xml").unlink()
    assert outbox.publish([an_emission()]) == {}
    assert list((place / "out" / "p").iterdir()) == []


def test_a_name_that_somebody_planted_is_never_replaced_and_the_neighbour_is_published(place, outbox):
    (place / "out" / "p").mkdir()
    (place / "out" / "p" / "n.xml").write_bytes(b"planted")
    staged(place, outbox, an_emission())
    staged(place, outbox, an_emission("k2", name="m.xml"))
    assert list(outbox.publish([an_emission(), an_emission("k2", name="m.xml")])) == ["k1"]
    assert (place / "out" / "p" / "n.xml").read_bytes() == b"planted"
    assert (place / "out" / "p" / "m.xml").read_bytes() == b"payload"


def test_an_emission_takes_its_own_bytes_out_of_the_blob(place, outbox):
    staged(place, outbox, an_emission(content=b"load", offset=3))
    outbox.publish([an_emission(content=b"load", offset=3)])
    assert (place / "out" / "p" / "n.xml").read_bytes() == b"load"


def test_bytes_that_rotted_since_the_decision_are_a_fault_and_are_not_delivered(place, outbox):
    with pytest.raises(Fault, match="does not hold the bytes owed"):
        staged(place, outbox, an_emission(), content=b"pAyload")
    assert outbox.publish([an_emission()]) == {}
    assert list((place / "out" / "p").iterdir()) == []


def test_a_file_that_cannot_be_read_to_its_end_is_told_and_its_neighbours_are_sealed(place, tmp_path):
    store = FileStore(place)
    good = tmp_path / "good"
    good.write_bytes(b"abc")
    with good.open("rb", buffering=0) as file, open("/proc/self/mem", "rb", buffering=0) as sick:  # noqa: PTH123 - its first page is not there
        found, error = store.seal([file, sick])
    assert found == (hashlib.sha256(b"abc").hexdigest(), 3)
    assert isinstance(error, OSError)
