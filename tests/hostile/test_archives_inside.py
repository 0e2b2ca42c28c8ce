"""Archives in archives, and files that are two things at once."""

import bz2
import io
import json
import lzma
import tarfile
import zipfile

import pytest
from archives import DIRTY, LIMITS, TAR_A, ZIP_A, A, Entry, a_member, a_tar, a_zip, accepted, by_tarfile, gz, tar_of, unpacked, zip_of
from rig import run

from flux.containers import kind_of
from flux.gate import admit_xml

NESTED = {
    "tar.gz": gz(TAR_A), "zip": ZIP_A, "an empty zip": a_zip(), "tar": TAR_A, "GNU tar": by_tarfile(A, tarfile.GNU_FORMAT),
    "bz2": bz2.compress(b"<a/>"), "xz": lzma.compress(b"<a/>"), "7z": b"7z\xbc\xaf\x27\x1c" + bytes(26), "rar": b"Rar!\x1a\x07\x01\x00",
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(8),
}  # fmt: skip
NOT_TAKEN = {
    "bzip2": bz2.compress(TAR_A), "xz": lzma.compress(TAR_A), "zstd": b"\x28\xb5\x2f\xfd" + TAR_A,
    "7z": b"7z\xbc\xaf\x27\x1c" + bytes(26), "rar": b"Rar!\x1a\x07\x01\x00",
}  # fmt: skip


@pytest.mark.parametrize("kind", NOT_TAKEN)
def test_a_container_that_is_not_taken_is_told_by_its_name(refused, kind):
    assert accepted(gz(TAR_A))
    assert refused(NOT_TAKEN[kind]) == "FLX-A12"
    assert dict(unpacked(NOT_TAKEN[kind]).facts)["found"] == kind


def test_a_tar_bz2_that_is_dropped_is_refused_as_a_container_and_not_as_a_bad_xml(tmp_path):
    file = tmp_path / "FSO4100A_ABC001_ABC0014100000000000000601.tar.bz2"
    file.write_bytes(NOT_TAKEN["bzip2"])
    (flow,) = json.loads(run(tmp_path, "check", "--json", file).stdout)["flows"]
    assert (flow["state"], flow["pieces"]) == ("IN_REJETE", [])
    assert "FLX-A12" in {finding["code"] for finding in flow["findings"]}


@pytest.mark.parametrize("pack", [tar_of, zip_of, lambda pieces: zip_of(pieces, 0)], ids=["in a tar", "in a zip", "in a stored zip"])
@pytest.mark.parametrize("inner", NESTED.values(), ids=NESTED)
def test_an_archive_in_an_archive_is_refused_whatever_its_name(refused, pack, inner):
    assert accepted(pack({"a.xml": b"<a/>", "b.xml": b"<!-- -->" + inner})), "the same bytes behind something else are no archive"
    assert refused(pack({"a.xml": b"<a/>", "b.xml": inner})) == "FLX-A08"


def test_an_invoice_that_is_a_zip_too_is_what_its_first_bytes_say_and_no_zip(refused):
    polyglot = DIRTY + b"<!--" + ZIP_A + b"-->"
    assert kind_of(polyglot) == "xml"
    assert refused(polyglot) == "FLX-A01"
    assert kind_of(ZIP_A + DIRTY) == "zip"
    assert refused(ZIP_A + DIRTY) == "FLX-A02"
    assert accepted(a_zip(Entry(), comment=DIRTY)) == A


def test_a_picture_that_is_a_zip_too_is_neither_an_archive_nor_a_document():
    polyglot = b"GIF89a\1\0\1\0\0\0\0;" + ZIP_A
    assert zipfile.is_zipfile(io.BytesIO(polyglot))
    assert kind_of(polyglot) == ""
    assert admit_xml(polyglot, LIMITS).code == "FLX-X01"


def test_a_gzip_of_a_zip_and_a_tar_that_begins_as_a_zip_are_no_archives(refused):
    assert refused(gz(ZIP_A)) == "FLX-A01"
    assert refused(a_tar(a_member("PK\3\4.xml"))) == "FLX-A01"
