"""Kill the daemon before every act that changes the disk, start it again, and find every deposit answered once."""

import shutil
import sys
from pathlib import Path

import pytest
from rig import EXAMPLES, GOOD, Site

sys.path.insert(0, str(Path(__file__).parent))
from checker import check

CONFIG = """
settle_s = 0.0
children = 1
log_level = "error"

[[partner]]
name = "batipro"
naming = "chorus"
"""


@pytest.fixture(scope="module")
def dropped():
    """A good flow, a mixed archive, a damaged archive, a duplicate with its first, and another document under that number."""
    found = {}
    for pattern in (GOOD, "13-unknown-recipient/*.gz", "10-damaged-archive/*1001.tar.gz", "11-duplicates/*.xml"):
        for path in sorted(EXAMPLES.glob(pattern)):
            found[path.name] = path.read_bytes()
    assert len(found) == 6
    return found


def installed(root, dropped):
    site = Site(root, CONFIG)
    for name, content in dropped.items():
        (site.inbox / name).write_bytes(content)
    return site


@pytest.fixture(scope="module")
def acts(tmp_path_factory, shim, dropped):
    """What a run does to the disk, counted: the length of the road along which the plug is pulled."""
    site = installed(tmp_path_factory.mktemp("count") / "root", dropped)
    log = site.root / "acts.log"
    done = site.flux("once", LD_PRELOAD=str(shim), CRASH_LOG=str(log))
    assert done.returncode == 0, done.stderr
    report = check(site.root, dropped)
    assert report.clean, report
    return log.read_text().splitlines()


def test_the_laws_hold_without_a_crash_and_the_rig_sees_every_kind_of_act(acts):
    assert {line.split()[1] for line in acts} >= {"mkdir", "rename", "renameat2", "fsync", "fdatasync", "unlink", "pwrite"}


def survive(site, shim, dropped, at):
    """Kill before act *at*, then run to the end. Returns the checker's report and whether the plug was really pulled."""
    killed = site.flux("once", LD_PRELOAD=str(shim), CRASH_AT=str(at))
    again = site.flux("once")
    assert again.returncode == 0, again.stderr
    return check(site.root, dropped), killed.returncode == -9


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_a_kill_before_any_durable_act_loses_nothing_and_doubles_nothing(tmp_path, shim, dropped, acts, part):
    """Every act that makes something durable or visible; writes into the journal of the ledger are sampled: its commits are acts too."""
    durable = [i for i, line in enumerate(acts, 1) if line.split()[1] != "pwrite"]
    writes = [i for i, line in enumerate(acts, 1) if line.split()[1] == "pwrite"]
    points = sorted({*durable, *writes[:: max(1, len(writes) // 12)]})[part::4]
    wrong = []
    for at in points:
        report, pulled = survive(installed(tmp_path / f"at-{at}", dropped), shim, dropped, at)
        if not (report.clean and pulled):
            wrong.append((at, acts[at - 1], pulled, report))
        shutil.rmtree(tmp_path / f"at-{at}")
    assert wrong == []


def test_the_checker_sees_a_lost_a_doubled_and_a_strange_delivery(tmp_path, dropped):
    """A rig that cannot fail proves nothing: each broken law is seen."""
    site = installed(tmp_path / "root", dropped)
    root = site.root
    site.flux("once")
    assert check(root, dropped).clean
    some = next(p for p in (root / "outbox" / "returns" / "batipro").iterdir())
    content = some.read_bytes()
    some.unlink()
    assert [s.partition(": ")[2] for s in check(root, dropped).lost] == ["owed and not delivered"]
    some.write_bytes(content)
    assert len(check(root, dropped, taken=[("returns/batipro", some.name, content)]).duplicated) == 1
    some.write_bytes(content + b" ")
    assert [s.partition(": ")[2] for s in check(root, dropped).unexpected] == ["other bytes than recorded"]
    some.write_bytes(content)
    (some.parent / "strange.xml").write_bytes(b"")
    assert [s.partition(": ")[2] for s in check(root, dropped).unexpected] == ["delivered and not owed"]
