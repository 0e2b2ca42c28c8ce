"""Attachments, where they are unpacked: each refusal has an accepted twin one change away."""

import base64
import io
import zipfile

import pytest
from cases import MEBIBYTE
from msgspec.structs import replace

from flux.attachments import unpack
from flux.model import Severity
from flux.policy import Limits
from flux.told import finding as tell

SMALL = Limits(attachment_mb=1)
PDF = b"%PDF-1.7 "


def encoded(content):
    return base64.b64encode(content).decode()


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    carrier = io.BytesIO()
    with zipfile.ZipFile(carrier, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return carrier.getvalue()


@pytest.fixture
def unpacked(told):
    def take(text, name="metre.pdf"):
        attachment, findings = unpack(name, text, mime="application/pdf", kind="02", position=2, limits=SMALL)
        assert {told(f).field for f in findings} <= {"attachments[2].name", "attachments[2].bytes"}
        return attachment, {finding.code for finding in findings}

    return take


def broken(archive, at):
    """The same bytes, but one."""
    return archive[:at] + bytes([archive[at] ^ 0xFF]) + archive[at + 1 :]


STORED, LZMA = zipped(("a", PDF), method=zipfile.ZIP_STORED), zipped(("a", PDF), method=zipfile.ZIP_LZMA)
CONTENT_AT, LZMA_OPTIONS_AT = 31, 35  # behind the local header of a name of one letter


ATTACHED = [  # (what, the accepted text and name, the refused ones, the exact codes)
    ("a file of the limit", (encoded(bytes(MEBIBYTE - 1)), "a.pdf"), (encoded(bytes(MEBIBYTE)), "a.pdf"), {"FLX-L10"}),
    ("a file of the limit in a zip", (encoded(zipped(("a", bytes(MEBIBYTE - 1)))), "a.pdf"), (encoded(zipped(("a", bytes(MEBIBYTE)))), "a.pdf"), {"FLX-L10"}),
    ("a bomb in a zip", (encoded(zipped(("a", b"x"))), "a.pdf"), (encoded(zipped(("a", bytes(50 * MEBIBYTE)))), "a.pdf"), {"FLX-L10"}),
    ("a name of 51", (encoded(PDF), "m" * 46 + ".pdf"), (encoded(PDF), "m" * 47 + ".pdf"), {"FLX-L11"}),
    ("an empty file", (encoded(PDF[:1]), "a.pdf"), ("", "a.pdf"), {"FLX-L13"}),
    ("an empty file in a zip", (encoded(zipped(("a", b"x"))), "a.pdf"), (encoded(zipped(("a", b""))), "a.pdf"), {"FLX-L13"}),
    ("base64 cut short", (encoded(PDF + b"1"), "a.pdf"), (encoded(PDF + b"1")[:-1], "a.pdf"), {"FLX-L14"}),
    ("base64 with an accent", (encoded(PDF), "a.pdf"), ("é" + encoded(PDF), "a.pdf"), {"FLX-L14"}),
    ("base64 with a sign beyond its alphabet", (encoded(PDF), "a.pdf"), ("*" + encoded(PDF), "a.pdf"), {"FLX-L14"}),
    ("base64 that goes on behind its end", (encoded(PDF + b"1"), "a.pdf"), (encoded(PDF + b"1") + encoded(PDF), "a.pdf"), {"FLX-L14"}),
    ("a zip whose content is damaged", (encoded(STORED), "a.pdf"), (encoded(broken(STORED, CONTENT_AT)), "a.pdf"), {"FLX-L14"}),
    ("a zip cut short", (encoded(zipped(("a", PDF))), "a.pdf"), (encoded(zipped(("a", PDF))[:-1]), "a.pdf"), {"FLX-L14"}),
    ("a zip of the LZMA method that is damaged", (encoded(LZMA), "a.pdf"), (encoded(broken(LZMA, LZMA_OPTIONS_AT)), "a.pdf"), {"FLX-L14"}),
    ("a name of 51 around nothing", (encoded(PDF), "a.pdf"), ("", "m" * 51), {"FLX-L11", "FLX-L13"}),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "expected"), [row[1:] for row in ATTACHED], ids=[row[0] for row in ATTACHED])
def test_each_attachment_that_is_refused_has_an_accepted_twin(unpacked, good, bad, expected):
    assert unpacked(*good)[1] == set()
    assert unpacked(*bad)[1] == expected


@pytest.mark.parametrize(
    ("content", "found"),
    [(bytes(2 * MEBIBYTE), "2.0 MB"), (zipped(("a", bytes(MEBIBYTE))), "1.0 MB"), (zipped(("a", bytes(9 * MEBIBYTE))), "≥ 1 MB")],
    ids=["plain", "in a zip", "a bomb, which is not read to its end"],
)
def test_a_file_that_is_too_large_is_told_with_its_size_as_far_as_it_was_read(content, found):
    _, (finding,) = unpack("a.pdf", encoded(content), mime="", kind="", position=1, limits=SMALL)
    french = found.replace(".", ",").replace("MB", "Mo")
    assert dict(finding.facts) == {"name": "a.pdf", "found": found, "found_fr": french, "expected": "1 MB", "expected_fr": "1 Mo"}


def test_white_space_in_base64_means_nothing(unpacked):
    assert unpacked("\n  " + encoded(PDF)[:4] + "\r\n\t " + encoded(PDF)[4:] + "\n") == unpacked(encoded(PDF))


def test_an_attachment_is_measured_as_the_file_itself_and_not_as_the_zip_around_it(unpacked):
    plain, _ = unpacked(encoded(PDF))
    inside, _ = unpacked(encoded(zipped(("metre.pdf", PDF))))
    assert (plain.bytes, plain.zipped) == (len(PDF), False)
    assert inside == replace(plain, zipped=True, inner="metre.pdf")


def test_a_zip_that_is_the_file_itself_is_left_as_it_is(unpacked):
    assert unpacked(encoded(zipped(("a", PDF))), "plans.ZIP")[0].zipped is False
    assert unpacked(encoded(zipped(("a", PDF), ("b", PDF))), "plans.docx")[0].zipped is False


def test_the_attachment_that_is_too_large_empty_or_unreadable_is_named(tables):
    for text, code in ((encoded(bytes(MEBIBYTE)), "FLX-L10"), ("", "FLX-L13"), ("*", "FLX-L14")):
        _, (finding,) = unpack("metre.pdf", text, mime="", kind="", position=1, limits=SMALL)
        words = tell(finding, tables, lambda _: Severity.ERROR)["text"]
        assert finding.code == code
        assert words["fr"].startswith("La pièce jointe « metre.pdf »")
        assert words["en"].startswith("The attachment “metre.pdf”")
