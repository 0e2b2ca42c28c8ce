"""A flow as evidence: the archive holds, whoever checks it sees what was changed, and it says nothing of others."""

import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from io import BytesIO

import pytest
from rig import GOOD, REFUSED, Site

from flux import config, doors, proof
from flux.faults import Fault

NUMBER = "PDF-2026-0301"


@pytest.fixture(scope="module")
def proven(tmp_path_factory):
    """An installation, the id of its good flow, whose piece was moved after others came, and that flow's proof."""
    site = Site(tmp_path_factory.mktemp("proven") / "site")
    site.drop(GOOD)
    assert site.flux("once").returncode == 0
    site.drop(REFUSED, "06-one-bad-in-forty/*.gz")
    assert site.flux("once").returncode == 0
    assert site.flux("act", NUMBER, "prendre_en_compte", "--as", "moe:99913225100029", "--who", "claire").returncode == 0
    assert site.flux("once").returncode == 0
    flow = site.json("flows", "--state", "IN_INTEGRE")["flows"][0]["id"]
    done = site.flux("proof", "make", flow, "-o", "proof.zip")
    assert done.returncode == 0, done.stderr
    return site, flow, site.root / "proof.zip"


def unpacked(path, folder):
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def checked(folder, *head):
    """What the program inside says, run by a Python that knows nothing of flux."""
    return subprocess.run([sys.executable, "-I", folder / "check.py", *head], capture_output=True, text=True, check=False)


def changed(path, name, to, target):
    """The proof again, with one file changed and its sum set right."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w") as other:
        for entry in archive.infolist():
            content = archive.read(entry)
            other.writestr(entry.filename, to(content) if entry.filename == name else content)
    return target


def test_a_proof_holds_up_to_the_head_and_both_programs_say_so(proven, tmp_path):
    site, flow, path = proven
    _, head = site.flux("audit", "head").stdout.split()
    found = site.json("proof", "verify", path, "--head", head)
    assert (found["holds"], found["flow"], found["head"], found["lines"]) == (True, flow, head, 5)
    assert checked(unpacked(path, tmp_path), head).stdout == f"All of it holds, up to the head {head}\n"


def test_it_holds_what_was_received_told_and_sent_to_the_byte(proven):
    site, _, path = proven
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        (received,) = (name for name in names if name.startswith("received/"))
        store = {file.read_bytes() for file in (site.root / "spool" / "store").glob("*/*")}
        assert archive.read(received) in store
        for file in (site.outbox / "returns" / "batipro").iterdir():
            name = f"sent/returns/batipro/{file.name}"
            assert (name in names) == (file.name in str(names))
            assert name not in names or archive.read(name) == file.read_bytes()
    assert sum(name.startswith("sent/returns/") for name in names) == 5


def test_it_says_nothing_of_others(proven):
    site, flow, path = proven
    others = [one for one in site.json("flows")["flows"] if one["id"] != flow]
    words = [word.encode() for one in others for word in (one["id"], one["sha256"], *(piece["number"] for piece in one["pieces"]))]
    with zipfile.ZipFile(path) as archive:
        assert [(name, word) for name in archive.namelist() for word in words if word in archive.read(name)] == []


def test_the_issue_s_own_form_writes_the_same(proven):
    site, flow, path = proven
    assert site.flux("flows", "--proof", flow).returncode == 0
    assert (site.root / f"{flow}.zip").read_bytes() == path.read_bytes()


def test_whatever_file_is_changed_both_programs_say_which(proven, tmp_path):
    _, _, path = proven
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    for n, name in enumerate(names):
        if name in ("SHA256SUMS", "journal.json", "check.py"):
            continue
        forged = changed(path, name, lambda content: content[:-2] + bytes([content[-2] ^ 1]) + content[-1:], tmp_path / f"{n}.zip")
        assert f"file {name}" in proof.verify(forged, "").wrong
        assert f"WRONG  file {name}" in checked(unpacked(forged, tmp_path / str(n))).stdout


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("journal.json", b'"who": "claire"', b'"who": "jeanne"'),
        ("journal.json", b"IN_INTEGRE 1/1", b"IN_REJETE 0/1 "),
        ("journal.json", b'\\"accepted\\"', b'\\"rejected\\"'),
        ("chain.txt", b"*\n", b"\n"),
    ],
)
def test_a_forged_line_is_found_whatever_the_sums_say(proven, tmp_path, name, before, after):
    """Whoever forges also writes the sums anew."""
    _, _, path = proven

    def forge(content):
        assert before in content
        return content.replace(before, after, 1)

    forged = changed(path, name, forge, tmp_path / "one.zip")
    with zipfile.ZipFile(forged) as archive:
        sums = "".join(f"{proof._hash_of(archive, entry)}  {entry.filename}\n" for entry in archive.infolist() if entry.filename != "SHA256SUMS")
    forged = changed(forged, "SHA256SUMS", lambda _: sums.encode(), tmp_path / "two.zip")
    wrong = proof.verify(forged, "").wrong
    assert wrong
    assert not any(what.startswith("file") for what in wrong)


def test_another_head_is_told(proven, tmp_path):
    site, _, path = proven
    assert site.flux("proof", "verify", path, "--head", "0" * 64).returncode == 1
    assert checked(unpacked(path, tmp_path), "0" * 64).returncode == 1


def test_a_former_head_is_proven_up_to_and_one_from_before_the_flow_is_not(proven):
    site, flow, _ = proven
    with closing(sqlite3.connect(site.root / "spool" / "ledger.db")) as db:
        (decided,) = db.execute("SELECT hash FROM event WHERE flow = ? AND what = 'decided'", (flow,)).fetchone()
    assert site.flux("proof", "make", flow, "-o", "then.zip", "--head", decided).returncode == 0
    assert site.json("proof", "verify", "then.zip", "--head", decided)["lines"] == 2
    refused = site.flux("proof", "make", flow, "-o", "none.zip", "--head", "0" * 64)
    assert (refused.returncode, refused.stderr[:8]) == (2, "FLX-I256")
    assert not (site.root / "none.zip").exists()


def test_what_is_no_proof_is_told_as_such(proven):
    site, _, _ = proven
    (site.root / "none.zip").write_bytes(b"PK not a zip")
    assert site.flux("proof", "verify", "none.zip").stderr.startswith("FLX-I252")
    (site.root / "none.zip").unlink()


def test_a_flow_of_which_something_is_missing_or_was_changed_has_no_proof(proven, tmp_path):
    site, flow, _ = proven
    copy = tmp_path / "site"
    shutil.copytree(site.root, copy)
    with doors.custody(config.load(copy / "flux.toml")) as (ledger, store):
        row = ledger.flow(flow)
        (copy / "spool" / "store" / row.flow.sha256[:2] / row.flow.sha256).write_bytes(b"other")
        with pytest.raises(Fault, match="no longer has its hash"):
            proof.build(ledger, store, row, "", BytesIO(), "FLUX01")
    with closing(sqlite3.connect(copy / "spool" / "ledger.db")) as db, db:
        db.execute("UPDATE piece SET verdict = 'rejected' WHERE flow = ?", (flow,))
    with doors.custody(config.load(copy / "flux.toml")) as (ledger, store), pytest.raises(Fault, match="not the one that its journal tells of"):
        proof.build(ledger, store, ledger.flow(flow), "", BytesIO(), "FLUX01")
