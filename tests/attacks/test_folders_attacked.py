"""An inbox as a stranger can make it: each deposit beside a good one, in a daemon that must take the good one and live."""

import hashlib
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
from attack import good
from rig import FLUX
from runner import Target


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    target = Target(tmp_path_factory.mktemp("folders"))
    yield target
    assert target.end() == []


@pytest.fixture
def inbox(target):
    return target.site.inbox


def goes_in(target, **others):
    """A good flow is dropped and accepted, and these too: by name the state that each is told."""
    target.serial += 1
    name = f"good-{target.serial}.xml"
    told = target.drop({name: good(target.serial), **others})
    assert told[name][1]["state"] == "IN_INTEGRE"
    return {name: told[name][1]["state"] for name in others}


def answers(target, count, seconds=20.0):
    """As many JSON reports as are awaited, carried away."""
    until, reports = time.monotonic() + seconds, []
    while len(reports) < count and time.monotonic() < until:
        reports += target.collect()
        time.sleep(0.02)
    return reports


def test_what_is_no_plain_file_is_left_where_it_is_and_nobody_waits_for_it(target, inbox, tmp_path):
    (tmp_path / "secret").write_bytes(good(10**6))
    os.mkfifo(inbox / "fifo.xml")
    (inbox / "link.xml").symlink_to(tmp_path / "secret")
    (inbox / "loop.xml").symlink_to(inbox / "loop.xml")
    (inbox / "folder.xml").mkdir()
    (tmp_path / "other").write_bytes(good(10**6 + 1))
    os.link(tmp_path / "other", inbox / "second name.xml")
    with socket.socket(socket.AF_UNIX) as line:
        line.bind(os.path.relpath(inbox / "socket.xml"))
    left = {"fifo.xml", "link.xml", "loop.xml", "folder.xml", "second name.xml", "socket.xml"}
    if os.geteuid() == 0:
        os.mknod(inbox / "device.xml", 0o020600, os.makedev(1, 5))  # /dev/zero
        left.add("device.xml")
    goes_in(target)
    assert {path.name for path in inbox.iterdir()} == left
    for name in left - {"folder.xml"}:
        (inbox / name).unlink()
    (inbox / "folder.xml").rmdir()


NAMES = [b"\xff\xfe\xc0.xml", b"n" * 250 + b".xml", "é".encode() * 124 + b".xml", b"a\nb\rc\x1b[2J.xml", b"-rf", b"a b.xml ", b"=cmd.xml", b"<script>.xml", "\u202elmx.exe".encode(), b"'\";|&$(x)", b"%s%n.xml"]


def test_a_hostile_name_is_answered_under_a_name_that_is_ours(target, inbox):
    for n, name in enumerate(NAMES):
        (inbox / os.fsdecode(name)).write_bytes(good(2 * 10**6 + n))
    reports = answers(target, len(NAMES))
    assert [report["state"] for report in reports] == ["IN_INTEGRE"] * len(NAMES)
    assert all(report["file"].isprintable() for report in reports if "\u202e" not in report["file"])
    goes_in(target)


def test_a_file_that_is_still_written_is_not_taken_before_its_last_byte(target, inbox):
    content = good(3 * 10**6)
    with (inbox / "slow.xml").open("wb", buffering=0) as writer:
        for start in range(0, len(content), 1000):
            writer.write(content[start : start + 1000])
            time.sleep(0.05)
            assert (inbox / "slow.xml").exists()
    (report,) = answers(target, 1)
    assert (report["state"], report["sha256"]) == ("IN_INTEGRE", hashlib.sha256(content).hexdigest())


def test_a_writer_that_comes_back_again_and_again_changes_nothing_that_was_received(target, inbox):
    for n in range(60):
        path = inbox / f"again-{n}.xml"
        path.write_bytes(good(4 * 10**6 + n))
        for _ in range(5):
            try:
                with path.open("r+b", buffering=0) as writer:
                    writer.seek(0, os.SEEK_END)
                    writer.write(b"\n")
            except FileNotFoundError:
                break
    reports = answers(target, 60, 40.0)
    assert len(reports) == 60
    for report in reports:
        content = (target.site.root / "spool" / "store" / report["sha256"][:2] / report["sha256"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == report["sha256"]
        assert report["state"] == "IN_INTEGRE"


def test_the_same_name_again_while_the_first_is_in_process_is_another_deposit(target, inbox):
    for n in range(8):
        (inbox / ".next").write_bytes(good(5 * 10**6 + n))
        (inbox / ".next").rename(inbox / "same.xml")
        while (inbox / "same.xml").exists():
            time.sleep(0.002)
    reports = answers(target, 8)
    assert [report["state"] for report in reports] == ["IN_INTEGRE"] * 8
    assert len({report["sha256"] for report in reports}) == 8


def test_a_name_that_is_now_a_file_and_now_a_link_never_leads_outside(target, inbox, tmp_path):
    secret = good(6 * 10**6)
    (tmp_path / "secret").write_bytes(secret)
    over = threading.Event()

    def swap():
        n = 0
        while not over.is_set():
            n += 1
            (tmp_path / "link").symlink_to(tmp_path / "secret")
            (tmp_path / "link").rename(inbox / "swap.xml")
            (tmp_path / "file").write_bytes(b"<no invoice %d/>" % n)
            (tmp_path / "file").rename(inbox / "swap.xml")

    thread = threading.Thread(target=swap)
    thread.start()
    time.sleep(3)
    over.set()
    thread.join()
    time.sleep(1)
    target.collect()
    digest = hashlib.sha256(secret).hexdigest()
    assert not (target.site.root / "spool" / "store" / digest[:2] / digest).exists()
    goes_in(target)


def test_an_inbox_that_is_gone_for_a_while_is_missed_and_taken_up_again(target, inbox):
    inbox.rmdir()
    time.sleep(1)
    inbox.mkdir()
    goes_in(target)
    assert target.forgive("The inbox of partner batipro cannot be read") > 0, "it is told to the operator"


def test_notices_that_are_lost_cost_a_scan_and_no_flow(target, inbox):
    """While it is stopped its queue of notices runs over: 16,384 of them in a kernel as it is shipped."""
    os.kill(target.process.pid, signal.SIGSTOP)
    for _ in range(9_000):
        (inbox / ".noise").write_bytes(b"")
    (inbox / "late.xml").write_bytes(good(7 * 10**6))
    os.kill(target.process.pid, signal.SIGCONT)
    (report,) = answers(target, 1)
    assert report["state"] == "IN_INTEGRE"
    (inbox / ".noise").unlink()


def test_a_second_daemon_is_turned_away_and_the_first_goes_on(target):
    second = subprocess.run([*FLUX, "run"], cwd=target.site.root, env=target.site.environment(), capture_output=True, text=True, timeout=30, check=False)
    assert (second.returncode, "FLX-I20" in second.stderr) == (2, True)
    goes_in(target)


@pytest.mark.parametrize("age", [0, 1, 4_000_000_000], ids=["1970", "a second later", "2096"])
def test_a_date_that_a_sender_set_decides_nothing(target, inbox, age):
    (inbox / ".dated").write_bytes(good(8 * 10**6 + age))
    os.utime(inbox / ".dated", (age, age))
    (inbox / ".dated").rename(inbox / "dated.xml")
    (report,) = answers(target, 1)
    assert report["state"] == "IN_INTEGRE"
