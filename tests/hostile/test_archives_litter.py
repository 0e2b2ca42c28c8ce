"""What Mac and Windows put into an archive on their own: proven like the rest, left out, and told."""

import io
import json
import zipfile

import pytest
from archives import LIMITS, PIECES, Entry, a_zip, gz, tar_of, zip_of
from rig import EXAMPLES, run

from flux.containers import prove
from flux.model import Finding
from flux.policy import Limits

APPLE_DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X"
LITTER = {
    "__MACOSX/._F2026-001.xml": APPLE_DOUBLE, "__MACOSX/lot/info": b"x", "._F2026-002.xml": APPLE_DOUBLE, "lot/._F2026-003.xml": b"",
    ".DS_Store": b"\0\0\0\1Bud1", "lot/.DS_Store": b"\0\0\0\1Bud1", "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "lot/thumbs.DB": b"",
    "desktop.ini": b"[.ShellClassInfo]", "lot/Desktop.ini": "\ufeff[.ShellClassInfo]".encode("utf-16-le"),
}  # fmt: skip
PACKS = pytest.mark.parametrize("pack", [lambda files: gz(tar_of(files)), zip_of], ids=["tar.gz", "zip"])


def proven(archive, limits=LIMITS):
    """The Proof or the Finding, and what was unpacked."""
    sink = io.BytesIO()
    return prove(io.BytesIO(archive), len(archive), sink, limits), sink.getvalue()


@PACKS
@pytest.mark.parametrize("name", LITTER)
def test_a_file_that_the_system_adds_is_no_piece_and_its_bytes_are_left_out(pack, name):
    clean, content = proven(pack(PIECES))
    proof, same = proven(pack({name: LITTER[name]} | PIECES))
    assert (proof.members, proof.sha256, same) == (clean.members, clean.sha256, content)
    assert (proof.left_out, clean.left_out) == ((name,), ())
    assert [(f.code, dict(f.facts)["found"]) for f in proof.findings()] == [("FLX-A11", name)]
    assert clean.findings() == ()


@PACKS
@pytest.mark.parametrize("name", ["F2026._x.xml", "DS_Store", ".DS_Store.xml", "MACOSX/a.xml", "__MACOSX", "thumbs.db.xml", "desktop"])
def test_a_file_of_a_name_that_is_nearly_one_of_these_is_a_piece(pack, name):
    proof, _ = proven(pack({name: b"x"}))
    assert ([member.name for member in proof.members], proof.left_out) == ([name], ())


@PACKS
@pytest.mark.parametrize("content", [b"<Invoice/>", b"\xef\xbb\xbf<Invoice/>", "\ufeff<Invoice/>".encode("utf-16-le"), b"%PDF-1.7"], ids=["xml", "BOM", "UTF-16", "pdf"])
def test_what_could_be_an_invoice_is_a_piece_whatever_its_name(pack, content):
    proof, _ = proven(pack({"._F2026-001.xml": content}))
    assert ([member.name for member in proof.members], proof.left_out) == (["._F2026-001.xml"], ())


@PACKS
def test_an_archive_of_nothing_else_is_empty_and_says_what_it_held(pack):
    finding, _ = proven(pack({name: LITTER[name] for name in (".DS_Store", "Thumbs.db")}))
    assert (finding.code, dict(finding.facts)["names"]) == ("FLX-A10", ".DS_Store, Thumbs.db")


def test_what_is_left_out_is_proven_like_the_rest():
    damaged, _ = proven(a_zip(Entry(), Entry("__MACOSX/._a.xml", APPLE_DOUBLE, crc=1)))
    assert damaged.code == "FLX-A01"
    one_too_many, _ = proven(zip_of({"a.xml": b"<a/>", ".DS_Store": b""}), Limits(members=1))
    assert one_too_many.code == "FLX-A04"
    twice, _ = proven(zip_of({".DS_Store": b"", ".ds_store": b""}))
    assert twice.code == "FLX-A06"
    assert not isinstance(proven(zip_of({"a.xml": b"<a/>", ".DS_Store": b""}))[0], Finding)


def test_of_many_the_first_five_are_named():
    proof, _ = proven(zip_of({f"{n}/.DS_Store": b"" for n in range(6)} | PIECES))
    (finding,) = proof.findings()
    assert dict(finding.facts) == {"count": "6", "found": "0/.DS_Store, 1/.DS_Store, 2/.DS_Store, 3/.DS_Store, 4/.DS_Store, …"}


def test_a_zip_made_on_a_mac_is_accepted_with_a_warning_about_the_flow(tmp_path):
    (document,) = (EXAMPLES / "02-moe-in-the-piece").glob("FSO5116A*.xml")
    file = tmp_path / document.with_suffix(".zip").name
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(document, document.name)
        archive.writestr(f"__MACOSX/._{document.name}", APPLE_DOUBLE)
    done = run(tmp_path, "check", "--json", file)
    (flow,) = json.loads(done.stdout)["flows"]
    assert (done.returncode, flow["state"], len(flow["pieces"])) == (0, "IN_INTEGRE", 1)
    assert [(f["code"], f["severity"]) for f in flow["findings"]] == [("FLX-A11", "warning")]
