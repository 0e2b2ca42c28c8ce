"""Containers that are whole: each member is given with its bytes, whoever made the archive and in whatever form."""

import tarfile
import zipfile

import pytest
from archives import (
    BLOCK,
    GOOD,
    PIECES,
    Entry,
    a_member,
    a_record,
    a_tar,
    a_zip,
    accepted,
    by_tarfile,
    by_zipfile,
    gz,
    pax,
    seeded,
    tar_of,
    with_field,
    zip_of,
)

from flux.containers import kind_of

EVERY_FORM = GOOD | {
    "GNU tar": by_tarfile(PIECES, tarfile.GNU_FORMAT),
    "pax tar": by_tarfile(PIECES, tarfile.PAX_FORMAT),
    "tar.gz by tarfile": by_tarfile(PIECES, tarfile.PAX_FORMAT, "w:gz"),
    "tar by hand": tar_of(PIECES),
    "tar with a pax comment for all": a_tar(pax(a_record(b"comment", b"570f596"), b"g"), *(a_member(*piece) for piece in PIECES.items())),
    "tar of contiguous files": a_tar(*(a_member(*piece, b"7") for piece in PIECES.items())),
    "tar of the old kind of files": a_tar(*(a_member(*piece, b"\0") for piece in PIECES.items())),
    "tar with a folder": a_tar(a_member("lot/", b"", b"5"), *(a_member(*piece) for piece in PIECES.items())),
    "tar with zeros behind its end": tar_of(PIECES) + bytes(20 * BLOCK),
    "zip of stored files": by_zipfile(PIECES, zipfile.ZIP_STORED),
    "zip with descriptors": by_zipfile(PIECES, stream=True),
    "zip with a comment": by_zipfile(PIECES, comment=b"lot 2"),
    "zip by hand": zip_of(PIECES),
    "zip with a folder": a_zip(Entry("lot/", b"", 0, mode=0o040755), *(Entry(*piece) for piece in PIECES.items())),
}


@pytest.mark.parametrize("archive", EVERY_FORM.values(), ids=EVERY_FORM)
def test_a_whole_archive_gives_every_member_in_order_with_its_bytes(archive):
    files = accepted(archive)
    assert files == PIECES
    assert list(files) == list(PIECES)


LONG = "lot-2/" + "décompte-" * 11 + ".xml"


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_long_name_is_read_whole_in_every_form_of_tar(form):
    long = {"a" * 60 + "/" + "b" * 50: b"<a/>", "c" * 100: b"<c/>"}
    if form != tarfile.USTAR_FORMAT:
        long |= {LONG: b"<a/>", "short.xml": b"<b/>"}
    assert accepted(by_tarfile(long, form)) == long


def test_what_gnu_keeps_where_others_have_the_beginning_of_a_name_is_no_part_of_it():
    times = b"14212345670\0"
    assert list(accepted(a_tar(with_field(a_member(form=tarfile.GNU_FORMAT), 345, times)))) == ["a.xml"]
    assert list(accepted(a_tar(with_field(a_member(form=tarfile.USTAR_FORMAT), 345, times)))) == ["14212345670/a.xml"]


def test_the_longest_comment_that_a_zip_can_have_is_read_over():
    large = {"a.xml": seeded().randbytes(100_000)}
    assert accepted(by_zipfile(large, comment=b"x" * 65_535)) == large


def test_a_name_of_a_zip_is_utf_8_or_of_the_old_code_page_as_its_flag_says():
    assert accepted(a_zip(Entry("décompte.xml"))) == {"décompte.xml": b"<a/>"}
    assert accepted(a_zip(Entry("décompte.xml".encode("cp437"), flags=0))) == {"décompte.xml": b"<a/>"}


def test_an_empty_file_is_a_member_too():
    empty = {"a.xml": b"", "b.xml": b"<b/>"}
    assert accepted(tar_of(empty)) == accepted(zip_of(empty)) == accepted(zip_of(empty, 0)) == empty


def test_a_file_whose_last_byte_inflates_to_a_thousand_is_read_to_its_end():
    """Deflate keeps output back when it was asked for a block and the input ends inside it: every length around one block."""
    for size in range((1 << 16) - 10, (1 << 16) + 1100):
        long = {"a.xml": bytes(size)}
        assert accepted(zip_of(long)) == long
    assert accepted(gz(tar_of(long))) == long


@pytest.mark.parametrize(
    ("head", "kind"),
    [(GOOD["tar"], "tar"), (GOOD["tar.gz"], "gzip"), (GOOD["zip"], "zip"), (a_zip(), "zip"), (b"%PDF-1.7", "pdf"), (b"\n <a/>", "xml"), (b"GIF89a", ""), (b"", "")],
    ids=["tar", "tar.gz", "zip", "empty zip", "pdf", "xml", "gif", "empty"],
)  # fmt: skip
def test_a_file_is_told_by_its_first_bytes(head, kind):
    assert kind_of(head[:512]) == kind
