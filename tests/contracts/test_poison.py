"""A poison document under the real daemon: it is held with its evidence after its attempts, and whatever lies beside it passes."""

import os
import signal
import subprocess
import sys
import tarfile
import textwrap
import time
from io import BytesIO

import pytest
from rig import EXAMPLES, GOOD, REFUSED, Site

CONFIG = """\
settle_s = 0.0
scan_s = 0.1
attempts = 3
retry_s = [0]
children = 1
log_format = "json"

[[partner]]
name = "batipro"
naming = "free"
"""
POISON = b"<x><!-- poison --></x>"

DAEMON = """
    # flux as it is, but for its children: one that is given the poison does to itself what a crash in a library does.
    import os, sys
    from flux.sandbox import _process
    if sys.argv[1:2] == ["child"]:
        from flux.sandbox import child
        judge = child.judge
        def poisoned(index, name, content, brief, kit):
            if b"<!-- poison -->" in content:
                os.kill(os.getpid(), {signal})
            return judge(index, name, content, brief, kit)
        child.judge = poisoned
        del sys.argv[1]
        child.main()
    else:
        popen = _process.subprocess.Popen
        _process.subprocess.Popen = lambda command, **rest: popen([command[0], __file__, "child", *command[4:]], **rest | {{"env": {{"PYTHONPATH": {path!r}}}}})
        from flux.cli import main
        main()
"""


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site", CONFIG)


@pytest.fixture
def daemon(site, tmp_path):
    """Start it; what it began is ended with the test."""
    started = []

    def start(by):
        script = tmp_path / "start.py"
        script.write_text(textwrap.dedent(DAEMON).format(signal=int(by), path=os.pathsep.join(filter(None, sys.path))))
        command = [sys.executable, script, "run"]
        started.append(subprocess.Popen(command, cwd=site.root, env=site.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    yield start
    for process in started:
        process.terminate()
        assert process.wait(30) == 0


def flows_at_rest(site, count):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        flows = {flow["file"]: flow for flow in site.json("flows")["flows"]}
        if len(flows) == count and all(flow["plumbing"] in ("CLOSED", "HELD") for flow in flows.values()):
            return flows
        time.sleep(0.1)
    raise AssertionError(flows)


def batch(**members):
    carrier = BytesIO()
    with tarfile.open(fileobj=carrier, mode="w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"{name}.xml")
            info.size = len(content)
            archive.addfile(info, BytesIO(content))
    return carrier.getvalue()


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGSEGV])
def test_a_poison_document_is_held_after_its_attempts_with_its_evidence_and_its_neighbours_pass(site, daemon, by):
    good, refused = next(EXAMPLES.glob(GOOD)), next(EXAMPLES.glob(REFUSED))
    waiting = {"poison.xml": POISON, "good.xml": good.read_bytes(), "refused.xml": refused.read_bytes(), "batch.tar.gz": batch(a=refused.read_bytes(), b=POISON)}
    for name, content in waiting.items():
        (site.inbox / name).write_bytes(content)

    daemon(by)
    flows = flows_at_rest(site, len(waiting))

    assert {name: (flow["plumbing"], flow["state"]) for name, flow in flows.items()} == {
        "poison.xml": ("HELD", "NOT_EVALUATED"), "batch.tar.gz": ("HELD", "NOT_EVALUATED"),
        "good.xml": ("CLOSED", "IN_INTEGRE"), "refused.xml": ("CLOSED", "IN_REJETE"),
    }  # fmt: skip
    for name, where in (("poison.xml", "poison.xml"), ("batch.tar.gz", "batch.tar.gz [2: b.xml]")):
        held = flows[name]
        assert held["reason"]["code"] == "FLX-I62"
        assert f"The process that read {where} ended with status -{int(by)}." in held["reason"]["en"]
        assert [event["what"] for event in held["events"]][-3:] == ["postponed", "postponed", "held"]
        assert held["events"][-1]["detail"] == f"3/3 FLX-I62 where={where} status=-{int(by)}"
        assert (held["pieces"], held["emissions"]) == ([], [])
    for name in ("poison.xml", "batch.tar.gz"):
        sha = flows[name]["sha256"]
        (kept,) = [path for path in (site.root / "spool" / "store").rglob("*") if path.name.startswith(sha) or path.parent.name + path.name == sha]
        assert kept.read_bytes() == waiting[name]


def test_the_daemon_goes_on_behind_a_poison_document(site, daemon):
    (site.inbox / "poison.xml").write_bytes(POISON)
    daemon(signal.SIGKILL)
    assert flows_at_rest(site, 1)["poison.xml"]["plumbing"] == "HELD"
    (site.inbox / "good.xml").write_bytes(next(EXAMPLES.glob(GOOD)).read_bytes())
    assert flows_at_rest(site, 2)["good.xml"]["state"] == "IN_INTEGRE"
