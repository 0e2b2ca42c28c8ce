"""What a judgement touches, told by strace: no connection, and no file but the program's own once a sender's bytes are near."""

import json
import os
import re
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest
from archives import GOOD, a_member, a_tar, gz, zip_of
from hostile_documents import every
from rig import EXAMPLES, FLUX

import flux

CALLS = "execve,connect,open,openat,openat2,creat,landlock_restrict_self"
PROGRAM = [Path(sys.prefix), Path(os.__file__).parent, *map(Path, site.getsitepackages()), Path(flux.__file__).parent]
OURS = (*map(str, (*PROGRAM, PROGRAM[-1].parent / "schemas")), "/lib", "/usr/lib", "/usr/local/lib", "/etc/ld.so.cache")


@pytest.fixture
def traced(tmp_path):
    """Run ``flux check`` on files under strace: what it says, and the calls of each process, those of the children apart."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace, which is not here")

    def run(files):
        trace = tmp_path / "trace"
        command = ["strace", "-f", "-qq", "-y", "-s", "4096", "-e", f"trace={CALLS}", "-o", trace, *FLUX, "check", "--json", *files]
        done = subprocess.run(command, env={**os.environ, "HOME": "/"}, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode in (1, 2), done.stderr
        calls = [m.groups() for line in trace.read_text("utf-8", "replace").splitlines() if (m := re.match(r"(\d+) +(\w+)\((.*)", line))]
        children = {pid for pid, call, rest in calls if call == "execve" and '"flux.sandbox.child"' in rest}
        return json.loads(done.stdout), calls, children

    return run


def confined(calls, child):
    """Paths that a child opened, or tried to, once its walls stood."""
    mine = [(call, rest) for pid, call, rest in calls if pid == child]
    at = next(n for n, (call, _) in enumerate(mine) if call == "landlock_restrict_self")
    return [re.search(r'"([^"]*)"', rest)[1] for call, rest in mine[at:] if call != "landlock_restrict_self"]


@pytest.mark.slow
def test_the_hostile_corpus_causes_no_connection_and_no_open_outside_the_program(traced, tmp_path):
    folder = tmp_path / "sent"
    folder.mkdir()
    expected = {}
    batch = {}
    for n, (what, content, code) in enumerate(every()):
        (folder / f"{n:03}.xml").write_bytes(content)
        expected[f"{n:03}.xml"] = "FLX-A01" if what == "gzip" else code  # alone it is an archive, and no whole one
        if len(content) < 10_000 and what != "gzip":
            batch[f"{n:03}.xml"] = content
    archives = {"batch.tar.gz": gz(a_tar(*(a_member(name, content) for name, content in batch.items()))), "batch.zip": zip_of(batch)}
    archives |= {"out.tar": a_tar(a_member("../out.xml")), "link.tar": a_tar(a_member("a", b"", b"2", linkname="/etc/passwd")), "cut.zip": GOOD["zip"][:-9]}
    for name, content in archives.items():
        (folder / name).write_bytes(content)
    corpus = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "hostile"
    given = [*sorted(folder.iterdir()), *(sorted(corpus.iterdir()) if corpus.is_dir() else [])]

    told, calls, children = traced(given)

    got = {flow["file"]: codes(flow) for flow in told["flows"]}
    assert {name: got[name] for name in expected} == {name: [code] for name, code in expected.items()}
    assert got["batch.zip"] == got["batch.tar.gz"] == sorted({expected[name] for name in batch})
    assert [call for call in calls if call[1] == "connect"] == []
    assert children
    outside = [path for child in children for path in confined(calls, child) if not path.startswith(OURS)]
    assert outside == []
    assert [rest for _, call, rest in calls if call != "execve" and '"/etc/passwd"' in rest] == []


def codes(flow):
    return sorted({finding["code"] for found in (flow, *flow["pieces"]) for finding in found["findings"] if finding["severity"] == "error"})


@pytest.mark.slow
def test_nor_do_good_documents_of_every_kind_and_explained_errors(traced, tmp_path):
    """The twin: what is judged to the end loads more of the program, and nothing else."""
    wrong = tmp_path / "wrong.xml"
    wrong.write_bytes(re.sub(rb"<cbc:IssueDate>.*?</cbc:IssueDate>", b"", next(EXAMPLES.glob("03*/*.xml")).read_bytes()))
    files = [*EXAMPLES.glob("*/*.pdf"), *EXAMPLES.glob("0*/*.xml"), *EXAMPLES.glob("0*/*.tar.gz"), wrong]
    told, calls, children = traced(files)
    assert any("FLX-S01" in codes(flow) for flow in told["flows"])
    assert [call for call in calls if call[1] == "connect"] == []
    opened = [path for child in children for path in confined(calls, child)]
    assert any("pikepdf" in path for path in opened)
    assert any("xmlschema" in path for path in opened)
    assert [path for path in opened if not path.startswith(OURS)] == []
