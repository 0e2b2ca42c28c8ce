"""What the daemon says of files that it will never take: once when it first sees one, once when it is gone."""

import json
import os
import shutil
import subprocess
import time

import pytest
from rig import FLUX, GOOD, wait_for


def intake(logged):
    """What the log says of the inboxes: file, how it ended, why."""
    lines = logged if isinstance(logged, list) else [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    return [(line["file"], line["ended"], line.get("trouble")) for line in lines if line["event"] == "intake"]


def test_the_daemon_tells_a_file_that_it_will_never_take_once_and_once_that_it_is_gone(site):
    os.mkfifo(site.inbox / "pipe.xml")
    site.drop(GOOD)
    (good,) = site.inbox.glob("FSO*")
    os.link(good, site.inbox / "twice.xml")
    (site.inbox / "later.xml.part").write_text("half")
    with site.running() as logged:
        wait_for(lambda: len(intake(logged())) == 3)
        time.sleep(0.5)  # a few scans more
        (site.inbox / "twice.xml").unlink()
        wait_for(lambda: len(intake(logged())) == 5)
    assert intake(logged()) == [
        (good.name, "stuck", "second_name"), ("pipe.xml", "stuck", "not_regular"), ("twice.xml", "stuck", "second_name"),
        (good.name, "unstuck", None), ("twice.xml", "unstuck", None),
    ]  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs setpriv, and to be root, to take rights away")
def test_a_file_that_flux_may_not_read_is_told_and_one_that_it_may_is_taken(site):
    plain = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
    site.drop(GOOD)
    (file,) = site.inbox.glob("FSO*")
    file.chmod(0o000)
    done = subprocess.run([*plain, *FLUX, "once"], cwd=site.root, env=site.environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, intake(done.stderr)) == (1, [(file.name, "stuck", "unopenable")])
    file.chmod(0o600)
    done = subprocess.run([*plain, *FLUX, "once"], cwd=site.root, env=site.environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, intake(done.stderr), file.exists()) == (0, [], False)
