"""
Containers that are damaged or were written to hurt: each refused whole with its exact code, beside an accepted twin one change away.

Everything is made here, from a seed or by hand; the good ones are also made by the standard library, as a partner's tool makes them.
"""

import bz2
import gzip
import hashlib
import io
import lzma
import random
import resource
import struct
import tarfile
import time
import unicodedata
import zipfile
import zlib

import pytest

from flux.containers import kind_of, prove
from flux.model import Finding
from flux.policy import Limits

LIMITS = Limits()
BLOCK = 512
END_MARK = bytes(2 * BLOCK)
MEBIBYTE = 1 << 20
SEED = 20260807
POSITIONS = 200  # where not every position is tried; all eight bits of each


def seeded():
    """The same luck for everybody."""
    return random.Random(SEED)  # noqa: S311 - it is to be foreseen


def some_pieces(count=6):
    """Names and contents like those of a batch: no two alike, none a whole number of blocks."""
    luck = seeded()
    return {f"F2026-{n:03d}.xml": b"<Invoice>%d %s</Invoice>" % (n, luck.randbytes(40 * n).hex().encode()) for n in range(1, count + 1)}


PIECES = some_pieces()
A = {"a.xml": b"<a/>"}


# -- makers of archives -------------------------------------------------------------------------------------------------------------------


def a_member(name="a.xml", content=b"<a/>", type_=b"0", form=tarfile.USTAR_FORMAT, size=None, **fields):
    """One member of a tar: its header, as the standard library writes it, and its content. *size*: what the header says of it."""
    info = tarfile.TarInfo(name)
    info.type, info.size = type_, len(content) if size is None else size
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(form, "utf-8", "surrogateescape") + content + bytes(-len(content) % BLOCK)


def with_field(member, at, value):
    """A member whose header says something else at a place, under a checksum that is right again."""
    header = bytearray(member[:BLOCK])
    header[at : at + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + member[BLOCK:]


def a_record(key, value):
    """One record of a pax header: its length, counted with its own digits, key and value."""
    rest = b" " + key + b"=" + value + b"\n"
    length = next(n for n in range(len(rest), len(rest) + 9) if n == len(rest) + len(str(n)))
    return str(length).encode() + rest


def pax(records, type_=b"x"):
    return a_member("pax", records, type_)


def a_tar(*members):
    return b"".join(members) + END_MARK


def tar_of(pieces):
    return a_tar(*(a_member(name, content) for name, content in pieces.items()))


def gz(content):
    return gzip.compress(content, mtime=0)


class Entry:
    """A file of a zip. Whatever is given is what is written, true or not; *local*: what its local header says otherwise."""

    def __init__(self, name="a.xml", content=b"<a/>", method=8, **fields):
        raw = name if isinstance(name, bytes) else name.encode()
        deflate = zlib.compressobj(wbits=-15)
        self.data = fields.pop("data", deflate.compress(content) + deflate.flush() if method == 8 else content)
        self.gap, self.local, self.tail = fields.pop("gap", b""), fields.pop("local", {}), fields.pop("tail", b"")
        self.at = fields.pop("at", None)
        self.said = {
            "name": raw, "flags": 0x800, "method": method, "crc": zlib.crc32(content), "packed": len(self.data), "plain": len(content),
            "extra": b"", "mode": 0o100644, **fields,
        }  # fmt: skip

    def local_header(self):
        s = {**self.said, **self.local}
        head = struct.pack("<4s5H3I2H", b"PK\3\4", 20, s["flags"], s["method"], 0, 33, s["crc"], s["packed"], s["plain"], len(s["name"]), len(s["extra"]))
        return head + s["name"] + s["extra"]

    def listed(self, at):
        s, at = self.said, at if self.at is None else self.at
        made = struct.pack("<4s6H3I", b"PK\1\2", 0x314, 20, s["flags"], s["method"], 0, 33, s["crc"], s["packed"], s["plain"])
        return made + struct.pack("<5H2I", len(s["name"]), 0, 0, 0, 0, s["mode"] << 16, at) + s["name"]


def a_zip(*entries, before_directory=b"", before_end=b"", comment=b"", **end):
    """A zip of these entries. *end*: what its end record says otherwise."""
    files, listed, at = [], [], 0
    for entry in entries:
        files.append(entry.gap + entry.local_header() + entry.data + entry.tail)
        listed.append(entry.listed(at + len(entry.gap)))
        at += len(files[-1])
    body, directory = b"".join((*files, before_directory)), b"".join(listed)
    said = {"disk": 0, "start": 0, "here": len(entries), "count": len(entries), "size": len(directory), "offset": len(body), **end}
    return body + directory + before_end + struct.pack("<4s4H2IH", b"PK\5\6", *said.values(), len(comment)) + comment


def zip_of(pieces, method=8):
    return a_zip(*(Entry(name, content, method) for name, content in pieces.items()))


# -- what is asked of them ----------------------------------------------------------------------------------------------------------------


def unpacked(content, limits=LIMITS):
    """The members with their bytes, or the Finding that refuses the archive whole."""
    sink = io.BytesIO()
    answer = prove(io.BytesIO(content), len(content), sink, limits)
    if isinstance(answer, Finding):
        return answer
    whole = sink.getvalue()
    assert (answer.size, answer.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert [member.index for member in answer.members] == list(range(1, len(answer.members) + 1))
    files = {member.name: whole[member.offset : member.offset + member.size] for member in answer.members}
    assert [member.sha256 for member in answer.members] == [hashlib.sha256(file).hexdigest() for file in files.values()]
    return files


@pytest.fixture
def told(tables):
    """The code of a Finding, once its texts were told with the facts that came with it."""

    def tell(answer):
        assert isinstance(answer, Finding), "accepted"
        entry = tables.catalogue[answer.code]
        for text in (entry.fr, entry.en, entry.fix_fr, entry.fix_en):
            text.format(**dict(answer.facts))
        return answer.code

    return tell


@pytest.fixture
def refused(told):
    return lambda content, limits=LIMITS: told(unpacked(content, limits))


def accepted(content, limits=LIMITS):
    answer = unpacked(content, limits)
    assert not isinstance(answer, Finding), answer
    return answer


# -- what is whole is accepted ------------------------------------------------------------------------------------------------------------


def by_tarfile(pieces, form, mode="w"):
    carrier = io.BytesIO()
    with tarfile.open(fileobj=carrier, mode=mode, format=form) as archive:
        for name, content in pieces.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return carrier.getvalue()


def by_zipfile(pieces, method=zipfile.ZIP_DEFLATED, *, stream=False, comment=b""):
    carrier = io.BytesIO()
    if stream:
        carrier.seekable = lambda: False
    with zipfile.ZipFile(carrier, "w", method) as archive:
        for name, content in pieces.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
        archive.comment = comment
    return carrier.getvalue()


GOOD = {
    "tar": by_tarfile(PIECES, tarfile.USTAR_FORMAT),
    "tar.gz": gz(by_tarfile(PIECES, tarfile.USTAR_FORMAT)),
    "zip": by_zipfile(PIECES),
}
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


# -- damage -------------------------------------------------------------------------------------------------------------------------------


def flips(archive, positions):
    """Each of these bytes with each of its bits flipped: where, which, and the archive."""
    for at in positions:
        for bit in range(8):
            damaged = bytearray(archive)
            damaged[at] ^= 1 << bit
            yield at, bit, bytes(damaged)


def sample(positions):
    positions = sorted(positions)
    return sorted(seeded().sample(positions, min(POSITIONS, len(positions))))


def whole_or_refused(archive):
    """The law of damage: every member with its bytes (True), or one Finding about the archive for the whole batch (False)."""
    answer = unpacked(archive)
    if isinstance(answer, Finding):
        assert answer.code.startswith("FLX-A"), answer
        return False
    assert answer == PIECES
    return True


def header_bytes(tar):
    """Where the headers of a tar and its end mark stand, and where its contents and their padding do."""
    headers = set()
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for info in archive:
            headers |= set(range(info.offset, info.offset + BLOCK))
    headers |= set(range(len(tar_of(PIECES)) - len(END_MARK), len(tar)))
    return headers, set(range(len(tar))) - headers


def test_any_flipped_bit_of_a_tar_gz_costs_the_batch_unless_it_says_nothing_of_it():
    """Harmless are, in the gzip header, the time, the two hints and the kind of system, and the hint that it is text."""
    survived = {(at, bit) for at, bit, damaged in flips(GOOD["tar.gz"], range(len(GOOD["tar.gz"]))) if whole_or_refused(damaged)}
    assert survived == {(3, 0)} | {(at, bit) for at in range(4, 10) for bit in range(8)}


def test_any_flipped_bit_of_a_header_or_the_end_of_a_plain_tar_costs_the_batch_or_nothing():
    headers, _ = header_bytes(GOOD["tar"])
    headers = {at for at in headers if at < len(tar_of(PIECES)) + 2 * BLOCK}  # and two blocks of the zeros behind the end mark
    survived = {at for at, _, damaged in flips(GOOD["tar"], sorted(headers)) if whole_or_refused(damaged)}
    assert {at % BLOCK for at in survived} <= set(range(148, 156)), "only in how a checksum is written"


def test_a_flipped_bit_in_the_content_of_a_plain_tar_changes_that_byte_and_loses_no_member():
    """
    A plain tar has no checksum over its contents: nobody can see this damage, and the law of damage does not hold here.

    What can be promised: the same members, of the same lengths, and no other byte than the damaged one.
    """
    _, contents = header_bytes(GOOD["tar"])
    whole = b"".join(PIECES.values())
    changed = 0
    for *_, damaged in flips(GOOD["tar"], sample(contents)):
        files = accepted(damaged)
        assert [(name, len(file)) for name, file in files.items()] == [(name, len(file)) for name, file in PIECES.items()]
        unlike = sum(a != b for a, b in zip(b"".join(files.values()), whole, strict=True))
        assert unlike <= 1
        changed += unlike
    assert changed > POSITIONS


def test_any_flipped_bit_of_a_zip_costs_the_batch_unless_it_says_nothing_of_it():
    """Harmless are the bits behind the end of a deflate, and the fields of a header that tell neither name, nor length, nor place, nor CRC."""
    archive = GOOD["zip"]
    with zipfile.ZipFile(io.BytesIO(archive)) as listed:
        local = [info.header_offset for info in listed.infolist()]
        ends = {info.header_offset + 30 + len(info.filename) + info.compress_size - 1 for info in listed.infolist()}
    central = [at for at in range(len(archive)) if archive.startswith(b"PK\1\2", at)]
    idle = {at + field for at in local for field in (4, 5, *range(10, 14))}  # version, time
    idle |= {at + field for at in central for field in (4, 5, 6, 7, *range(12, 16), *range(34, 42))}  # versions, time, disk, attributes
    idle |= set(range(central[-1] + 28, central[-1] + 34))  # lengths in the last entry: behind it there is nothing into which they could run
    survived = {at for at, _, damaged in flips(archive, range(len(archive))) if whole_or_refused(damaged)}
    assert survived - ends - idle == set()
    assert len(survived) > 100, "the idle fields are not all of them checked"


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_a_cut_anywhere_in_a_tar_gz_or_a_zip_costs_the_batch(refused, kind):
    archive = GOOD[kind]
    assert {refused(archive[:at]) for at in range(len(archive))} == {"FLX-A01"}


def test_a_cut_in_a_plain_tar_costs_the_batch_until_its_end_mark_is_whole(refused):
    archive = GOOD["tar"]
    end = len(tar_of(PIECES))
    assert {refused(archive[:at]) for at in {*sample(range(end)), *range(0, end, BLOCK), *range(end - BLOCK, end)}} == {"FLX-A01"}
    assert all(accepted(archive[:at]) == PIECES for at in (end, end + 1, end + BLOCK))


def test_a_block_of_zeros_inside_a_plain_tar_is_no_end_of_it(refused):
    """A lost block that a file system gave back as zeros: the standard reader stops there without a word."""
    archive = GOOD["tar"]
    headers, _ = header_bytes(archive)
    for at in sorted(headers)[: 6 * BLOCK : BLOCK]:
        assert refused(archive[:at] + bytes(BLOCK) + archive[at + BLOCK :]) == "FLX-A01"


def test_several_bytes_gone_wrong_raise_nothing_and_lose_nothing():
    luck = seeded()
    for kind in ("tar.gz", "zip"):
        for _ in range(600):
            damaged = bytearray(GOOD[kind])
            for at in luck.sample(range(len(damaged)), luck.randint(2, 6)):
                damaged[at] = luck.randrange(256)
            whole_or_refused(bytes(damaged))


def test_a_directory_of_a_zip_gone_wrong_raises_nothing_and_loses_nothing():
    luck = seeded()
    directory = range(GOOD["zip"].index(b"PK\1\2"), len(GOOD["zip"]))
    for _ in range(2000):
        damaged = bytearray(GOOD["zip"])
        for at in luck.sample(directory, luck.randint(1, 4)):
            damaged[at] = luck.choice((0, 1, 0x7F, 0x80, 0xFF, luck.randrange(256)))
        whole_or_refused(bytes(damaged))


# -- one change away ----------------------------------------------------------------------------------------------------------------------

DIRTY = b"<Invoice/>"
HEADER_END = 30 + len("a.xml")
TAR_A, ZIP_A = tar_of(A), zip_of(A)
TWO = (a_member("a.xml"), a_member("b.xml", b"<b/>"))
TWO_ENTRIES = (Entry("a.xml"), Entry("b.xml", b"<b/>"))
HOST = b"<a>" + Entry("b.xml", method=0).local_header() + b"<a/>"  # a file that another stands in
LOCATOR = b"PK\6\7" + bytes(16)
ZIP64 = struct.pack("<2H2Q", 1, 16, 4, 4)

TWINS = [  # (what, the accepted archive, the refused one, the exact code)
    # -- A01
    ("nothing at all", TAR_A, b"", "FLX-A01"),
    ("a text", TAR_A, b"Facture de travaux " * 100, "FLX-A01"),
    ("a gzip of an invoice", gz(TAR_A), gz(b"<a/>" * 1000), "FLX-A01"),
    ("a checksum of a tar", TAR_A, TAR_A.replace(b"a.xml", b"b.xml", 1), "FLX-A01"),
    ("a size that is no number", TAR_A, a_tar(with_field(a_member(), 124, b"0000000000z")), "FLX-A01"),
    ("half an end mark", a_tar(a_member()), a_member() + bytes(BLOCK) + a_member("b.xml") + END_MARK, "FLX-A01"),
    ("no end mark", a_tar(a_member()), a_member(), "FLX-A01"),
    ("a size beyond the tar", a_tar(a_member()), a_tar(a_member(size=1 << 30)), "FLX-A01"),
    ("a size in base 256 beyond the tar", a_tar(with_field(a_member(), 124, b"\x80" + bytes(10) + b"\4")), a_tar(with_field(a_member(), 124, b"\x80" + b"\1" * 11)), "FLX-A01"),
    ("the CRC of a gzip", gz(TAR_A), gz(TAR_A)[:-8] + bytes(4) + gz(TAR_A)[-4:], "FLX-A01"),
    ("the length in a gzip", gz(TAR_A), gz(TAR_A)[:-4] + bytes(4), "FLX-A01"),
    ("the CRC of a zip", a_zip(Entry()), a_zip(Entry(crc=1)), "FLX-A01"),
    ("the length in a zip", a_zip(Entry()), a_zip(Entry(plain=5)), "FLX-A01"),
    ("a deflate that is none", a_zip(Entry()), a_zip(Entry(data=b"\xff" * 6)), "FLX-A01"),
    ("a deflate without its end", a_zip(Entry()), a_zip(Entry(data=Entry().data[:-1])), "FLX-A01"),
    # -- A02
    ("bytes behind a tar", TAR_A + bytes(1), TAR_A + b"\1", "FLX-A02"),
    ("a tar behind a tar", a_tar(*TWO), TAR_A + tar_of({"b.xml": b"<b/>"}), "FLX-A02"),
    ("bytes behind a tar, inside the gzip", gz(TAR_A + bytes(9)), gz(TAR_A + bytes(8) + b"\1"), "FLX-A02"),
    ("a byte behind a gzip", gz(TAR_A), gz(TAR_A) + b"\1", "FLX-A02"),
    ("a zero behind a gzip", gz(TAR_A), gz(TAR_A) + b"\0", "FLX-A02"),
    ("a gzip of several members", gz(a_member() + END_MARK), gz(a_member() + END_MARK[1:]) + gz(END_MARK[:1]), "FLX-A01"),
    ("a gzip behind a gzip", gz(a_tar(*TWO)), gz(TAR_A) + gz(TAR_A), "FLX-A02"),
    ("a byte behind a zip", ZIP_A, ZIP_A + b"\1", "FLX-A02"),
    ("a comment longer than it says", a_zip(Entry(), comment=b"lot 2"), a_zip(Entry(), comment=b"lot 2") + b"!", "FLX-A02"),
    ("a zip behind a zip", a_zip(*TWO_ENTRIES), ZIP_A + ZIP_A, "FLX-A02"),
    ("an invoice behind a zip", ZIP_A, ZIP_A + DIRTY, "FLX-A02"),
    ("bytes before the first file of a zip", ZIP_A, b"PK\3\4" + ZIP_A, "FLX-A02"),
    # -- A03: names are below
    ("a symbolic link", a_tar(a_member()), a_tar(a_member(content=b"", type_=b"2", linkname="/etc/hostname")), "FLX-A03"),
    ("a symbolic link beside a file", a_tar(*TWO), a_tar(TWO[0], a_member("b.xml", b"", b"2", linkname="a.xml")), "FLX-A03"),
    ("a hard link", a_tar(*TWO), a_tar(TWO[0], a_member("b.xml", b"", b"1", linkname="a.xml")), "FLX-A03"),
    ("a device of characters", a_tar(*TWO), a_tar(TWO[0], a_member("b.xml", b"", b"3")), "FLX-A03"),
    ("a device of blocks", a_tar(*TWO), a_tar(TWO[0], a_member("b.xml", b"", b"4")), "FLX-A03"),
    ("a FIFO", a_tar(*TWO), a_tar(TWO[0], a_member("b.xml", b"", b"6")), "FLX-A03"),
    ("a long name of a link", a_tar(*TWO), a_tar(TWO[0], a_member("././@LongLink", b"x" * 101, b"K"), TWO[1]), "FLX-A03"),
    ("a symbolic link in a zip", a_zip(Entry()), a_zip(Entry(mode=0o120777)), "FLX-A03"),
    ("a device in a zip", a_zip(Entry()), a_zip(Entry(mode=0o020666)), "FLX-A03"),
    ("a FIFO in a zip", a_zip(Entry(mode=0)), a_zip(Entry(mode=0o010666)), "FLX-A03"),
    # -- A04: more is below
    ("a zip that announces more files than may be", ZIP_A, a_zip(Entry(), here=10_001, count=10_001), "FLX-A04"),
    # -- A07
    ("a size in a pax record", a_tar(pax(a_record(b"mtime", b"4")), a_member()), a_tar(pax(a_record(b"size", b"4")), a_member()), "FLX-A07"),
    ("a link in a pax record", a_tar(pax(a_record(b"path", b"b.xml")), a_member()), a_tar(pax(a_record(b"linkpath", b"b.xml")), a_member()), "FLX-A07"),
    ("a sparse file of pax", a_tar(pax(a_record(b"GNU.spars", b"1")), a_member()), a_tar(pax(a_record(b"GNU.sparse.major", b"1")), a_member()), "FLX-A07"),
    ("a size in a pax record for all", a_tar(pax(a_record(b"mtime", b"4"), b"g"), a_member()), a_tar(pax(a_record(b"size", b"4"), b"g"), a_member()), "FLX-A07"),
    ("a path in a pax record for all", a_tar(pax(a_record(b"comment", b"b.xml"), b"g"), a_member()), a_tar(pax(a_record(b"path", b"b.xml"), b"g"), a_member()), "FLX-A07"),
    ("a sparse file of GNU", a_tar(a_member()), a_tar(a_member(type_=b"S")), "FLX-A07"),
    ("a kind of member that nobody knows", a_tar(a_member()), a_tar(a_member(type_=b"Z")), "FLX-A07"),
    ("an encrypted zip", a_zip(Entry()), a_zip(Entry(flags=0x801)), "FLX-A07"),
    ("a zip of another method", a_zip(Entry(method=0)), a_zip(Entry(method=12)), "FLX-A07"),
    ("a zip of several disks", ZIP_A, a_zip(Entry(), disk=1), "FLX-A07"),
    ("a zip that begins on another disk", ZIP_A, a_zip(Entry(), start=1), "FLX-A07"),
    ("a zip with files on another disk", ZIP_A, a_zip(Entry(), count=2), "FLX-A07"),
    ("a zip64 by its count", ZIP_A, a_zip(Entry(), here=0xFFFF, count=0xFFFF), "FLX-A07"),
    ("a zip64 by its size", ZIP_A, a_zip(Entry(), size=0xFFFFFFFF), "FLX-A07"),
    ("a zip64 by its offset", ZIP_A, a_zip(Entry(), offset=0xFFFFFFFF), "FLX-A07"),
    ("a zip64 by its local header", a_zip(Entry(local={"extra": ZIP64})), a_zip(Entry(local={"extra": ZIP64, "packed": 0xFFFFFFFF, "plain": 0xFFFFFFFF})), "FLX-A07"),
    ("a zip64 by its second end record", ZIP_A, a_zip(Entry(), before_end=b"PK\6\6" + bytes(52) + LOCATOR), "FLX-A07"),
    # -- A09
    ("a negative size", a_tar(with_field(a_member(), 124, b"00000000004\0")), a_tar(with_field(a_member(), 124, b"-0000000004\0")), "FLX-A09"),
    ("a name record of more than 64 KiB", a_tar(a_member("L", b"b" * 65_536, b"L"), a_member()), a_tar(a_member("L", b"b" * 65_537, b"L"), a_member()), "FLX-A09"),
    ("a pax record that says its length wrong", a_tar(pax(a_record(b"path", b"b.xml")), a_member()), a_tar(pax(b"99" + a_record(b"path", b"b.xml")[2:]), a_member()), "FLX-A09"),
    ("a second pax record that says its length wrong", a_tar(pax(a_record(b"mtime", b"4") + b"14 path=b.xml\n"), a_member()),
     a_tar(pax(a_record(b"mtime", b"4") + b"17 path=b.xml\n"), a_member()), "FLX-A09"),
    ("a pax record of no length", a_tar(pax(a_record(b"path", b"b.xml")), a_member()), a_tar(pax(b"0 path=b.xml\n"), a_member()), "FLX-A09"),
    ("a pax record of a length nobody counts", a_tar(pax(a_record(b"path", b"b.xml")), a_member()), a_tar(pax(b"1" * 5000 + b" path=b.xml\n"), a_member()), "FLX-A09"),
    ("a folder with content in a tar", a_tar(a_member("lot/", b"", b"5"), a_member()), a_tar(a_member("lot/", b"<b/>", b"5"), a_member()), "FLX-A09"),
    ("a folder with content in a zip", a_zip(Entry("lot/", b"", 0), Entry()), a_zip(Entry("lot/", b"<b/>", 0), Entry()), "FLX-A09"),
    ("a folder in a zip with bytes that it does not announce", a_zip(Entry("lot/", b"", 8), Entry()), a_zip(Entry("lot/", b"", 8, data=b"\3\0!"), Entry()), "FLX-A09"),
    ("another name in the local header", a_zip(Entry()), a_zip(Entry(local={"name": b"b.xml"})), "FLX-A09"),
    ("another name in the local header, of the old code page", a_zip(Entry("中.xml")), a_zip(Entry("中.xml", local={"name": b"?.xml"})), "FLX-A09"),
    ("another method in the local header", a_zip(Entry(method=0)), a_zip(Entry(method=0, local={"method": 8})), "FLX-A09"),
    ("other flags in the local header", a_zip(Entry()), a_zip(Entry(local={"flags": 0x802})), "FLX-A09"),
    ("another CRC in the local header", a_zip(Entry()), a_zip(Entry(local={"crc": 1})), "FLX-A09"),
    ("another size in the local header", a_zip(Entry()), a_zip(Entry(local={"plain": 5})), "FLX-A09"),
    ("a local header without sizes", a_zip(Entry(flags=0x808, local={"crc": 0, "packed": 0, "plain": 0}, tail=struct.pack("<3I", zlib.crc32(b"<a/>"), 6, 4))),
     a_zip(Entry(local={"crc": 0, "packed": 0, "plain": 0})), "FLX-A09"),
    ("a descriptor that says otherwise", a_zip(Entry(flags=0x808, tail=b"PK\7\b" + struct.pack("<3I", zlib.crc32(b"<a/>"), 6, 4))),
     a_zip(Entry(flags=0x808, tail=b"PK\7\b" + struct.pack("<3I", zlib.crc32(b"<a/>"), 6, 5))), "FLX-A09"),
    ("a descriptor without its mark that says otherwise", a_zip(Entry(flags=0x808, tail=struct.pack("<3I", zlib.crc32(b"<a/>"), 6, 4))),
     a_zip(Entry(flags=0x808, tail=struct.pack("<3I", zlib.crc32(b"<a/>"), 6, 5))), "FLX-A09"),
    ("a gap between two files", a_zip(*TWO_ENTRIES), a_zip(Entry("a.xml"), Entry("b.xml", gap=b"hidden")), "FLX-A09"),
    ("a gap before the directory", ZIP_A, a_zip(Entry(), before_directory=b"hidden"), "FLX-A09"),
    ("a file that the directory does not list", a_zip(*TWO_ENTRIES), a_zip(Entry("a.xml"), before_directory=Entry("b.xml").local_header()), "FLX-A09"),
    ("two files that are one", a_zip(*TWO_ENTRIES), a_zip(Entry("a.xml"), Entry("b.xml", at=0)), "FLX-A09"),
    ("a file inside another", a_zip(Entry("a.xml", HOST, 0), Entry("b.xml", method=0)), a_zip(Entry("a.xml", HOST, 0), Entry("b.xml", method=0, at=HEADER_END + 3)), "FLX-A09"),
    ("bytes behind a deflate", a_zip(Entry()), a_zip(Entry(data=Entry().data + b"hidden")), "FLX-A09"),
    ("a file longer than announced", a_zip(Entry()), a_zip(Entry(plain=3)), "FLX-A09"),
    ("a directory of fewer files than it lists", a_zip(*TWO_ENTRIES), a_zip(*TWO_ENTRIES, here=1, count=1), "FLX-A09"),
    # -- A10
    ("an empty tar", TAR_A, END_MARK, "FLX-A10"),
    ("an empty tar.gz", gz(TAR_A), gz(END_MARK), "FLX-A10"),
    ("an empty zip", ZIP_A, a_zip(), "FLX-A10"),
    ("a tar of folders", a_tar(a_member("lot/", b"", b"5"), a_member()), a_tar(a_member("lot/", b"", b"5")), "FLX-A10"),
    ("a zip of folders", a_zip(Entry("lot/", b"", 0), Entry()), a_zip(Entry("lot/", b"", 0)), "FLX-A10"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "code"), [row[1:] for row in TWINS], ids=[row[0] for row in TWINS])
def test_each_refusal_has_an_accepted_twin_one_change_away(refused, good, bad, code):
    assert accepted(good)
    assert refused(bad) == code


# -- names --------------------------------------------------------------------------------------------------------------------------------


def tar_named(name):
    return a_tar(pax(a_record(b"path", name)), a_member("x"))


def gnu_named(name):
    return a_tar(a_member("././@LongLink", name + b"\0", b"L"), a_member("x"))


def zip_named(name):
    return a_zip(Entry(name))


NAMED = pytest.mark.parametrize("named", [tar_named, gnu_named, zip_named], ids=["pax", "GNU", "zip"])
NAMES = [  # (what, the accepted name, the refused one)
    ("absolute", b"etc/passwd", b"/etc/passwd"),
    ("above", b"..a/b.xml", b"../b.xml"),
    ("above, in the middle", b"a/..b/c.xml", b"a/../c.xml"),
    ("above, behind a dot", b"./a.xml", b"./../a.xml"),
    ("above, at the end", b"a/b..", b"a/.."),
    ("a backslash", b"a/b.xml", b"a\\b.xml"),
    ("above by backslash", b"..a.xml", b"..\\a.xml"),
    ("a drive", b"C/a.xml", b"C:/a.xml"),
    ("a drive and a name", b"c.a.xml", b"c:a.xml"),
    ("a NUL", b"a.xml", b"a\0xml"),
    ("a NUL before a path", b"a.xml/etc", b"a.xml\0/../../etc"),
]  # fmt: skip


@NAMED
@pytest.mark.parametrize(("good", "bad"), [row[1:] for row in NAMES], ids=[row[0] for row in NAMES])
def test_a_name_that_is_no_plain_relative_path_is_forbidden(refused, named, good, bad):
    assert list(accepted(named(good))) == [good.decode()]
    assert refused(named(bad)) == "FLX-A03"


@pytest.mark.parametrize("name", [b"", b"/", b"./"], ids=["empty", "a slash", "a dot"])
def test_a_file_without_a_name_is_forbidden(refused, name):
    assert accepted(a_tar(with_field(a_member("xx"), 0, b"ab"))) == {"ab": b"<a/>"}
    assert refused(a_tar(with_field(a_member("xx"), 0, name.ljust(2, b"\0")))) == "FLX-A03"


TWIN_NAMES = [
    ("the same", b"b.xml", b"a.xml", b"a.xml"),
    ("small and large letters", b"b.XML", b"a.XML", b"a.xml"),
    ("composed and decomposed", "décomptb".encode(), unicodedata.normalize("NFD", "décompte").encode(), "décompte".encode()),
    ("with and without a dot", b"./b.xml", b"./a.xml", b"a.xml"),
    ("sharp s", b"STRASE", b"STRASSE", "straße".encode()),
]  # fmt: skip


@pytest.mark.parametrize("pack", [
    lambda first, second: a_tar(pax(a_record(b"path", first)), a_member("x"), pax(a_record(b"path", second)), a_member("y")),
    lambda first, second: a_zip(Entry(first), Entry(second)),
], ids=["tar", "zip"])  # fmt: skip
@pytest.mark.parametrize(("other", "twin", "name"), [row[1:] for row in TWIN_NAMES], ids=[row[0] for row in TWIN_NAMES])
def test_two_members_of_one_name_are_refused_up_to_case_and_unicode_form(refused, pack, other, twin, name):
    assert len(accepted(pack(other, name))) == 2
    assert refused(pack(twin, name)) == "FLX-A06"


def test_a_folder_and_a_file_of_one_name_are_two_of_that_name(refused):
    assert len(accepted(a_tar(a_member("a/", b"", b"5"), a_member("b")))) == 1
    assert refused(a_tar(a_member("a/", b"", b"5"), a_member("a"))) == "FLX-A06"


def test_a_control_sign_in_a_name_is_shown_and_never_sent_to_a_terminal():
    assert list(accepted(zip_named(b"a\x1b[2J.xml"))) == ["a\\u001b[2J.xml"]


# -- limits -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [tar_of, lambda pieces: gz(tar_of(pieces)), zip_of], ids=["tar", "tar.gz", "zip"])
def test_a_member_too_many_is_refused(refused, pack):
    assert len(accepted(pack(some_pieces(3)), Limits(members=3))) == 3
    assert refused(pack(some_pieces(4)), Limits(members=3)) == "FLX-A04"


def test_folders_are_counted_too(refused):
    folders = [a_member(f"{n}/", b"", b"5") for n in range(3)]
    assert accepted(a_tar(*folders[:2], a_member()), Limits(members=3)) == A
    assert refused(a_tar(*folders, a_member()), Limits(members=3)) == "FLX-A04"


SMALL = Limits(expanded_mb=1)


def of_size(size):
    return seeded().randbytes(size // 2).hex().encode().ljust(size, b"x")


@pytest.mark.parametrize("pack", [tar_of, lambda pieces: gz(tar_of(pieces)), zip_of, lambda pieces: zip_of(pieces, 0)], ids=["tar", "tar.gz", "zip", "stored zip"])
def test_an_archive_that_unpacks_to_more_than_the_limit_is_refused_even_where_no_file_is_that_large(refused, pack):
    third = of_size(340_000)
    three, four = ({f"{n}.xml": third for n in range(count)} for count in (3, 4))
    assert accepted(pack(three), SMALL) == three
    assert refused(pack(four), SMALL) == "FLX-A05"


def test_a_file_is_bounded_by_the_whole_byte(refused):
    assert accepted(zip_of({"a.xml": bytes(MEBIBYTE)}), SMALL)
    assert refused(zip_of({"a.xml": bytes(MEBIBYTE + 1)}), SMALL) == "FLX-A05"


TEN = 10 * MEBIBYTE
RATIOS = [  # (what, the accepted one: below 10 MiB any ratio is harmless, the refused one)
    ("tar.gz", gz(tar_of({"a.xml": bytes(TEN - 9 * BLOCK)})), gz(tar_of({"a.xml": bytes(TEN)}))),
    ("zip", zip_of({"a.xml": bytes(TEN)}), zip_of({"a.xml": bytes(TEN + 1)})),
    ("zip of many", zip_of({f"{n}": bytes(MEBIBYTE) for n in range(10)}), zip_of({f"{n}": bytes(MEBIBYTE) for n in range(11)})),
    ("tar.gz padded behind its end", gz(TAR_A + bytes(TEN - 9 * BLOCK)), gz(TAR_A + bytes(TEN))),
    ("tar.gz of eleven at a lower ratio", gz(tar_of({"a.xml": of_size(300_000) + bytes(TEN)})), gz(tar_of({"a.xml": of_size(3000) + bytes(TEN)}))),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad"), [row[1:] for row in RATIOS], ids=[row[0] for row in RATIOS])
def test_an_archive_that_unpacks_to_200_times_its_size_is_refused_above_10_mib(refused, good, bad):
    assert accepted(good)
    assert refused(bad) == "FLX-A05"


def a_gzip_bomb(head, gibibytes):
    """A gzip that goes on for so many GiB of zeros behind *head*: one compressed MiB again and again."""
    deflate = zlib.compressobj(wbits=31)
    start = deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH)
    mebibyte = deflate.compress(bytes(MEBIBYTE)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return start + mebibyte * (gibibytes << 10)


BOMBS = {
    "4 GiB in a file": a_gzip_bomb(a_member(content=b"", size=4 << 30), 4),
    "4 GiB behind the end": a_gzip_bomb(TAR_A, 4),
    "a size of 4 GiB in a zip": a_zip(Entry(plain=0xFFFFFFFE)),
    "9,999 files of 1 GiB that overlap": a_zip(*(Entry(f"{n}", b"", data=b"", plain=1 << 30, at=0) for n in range(9_999))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_within_two_seconds_and_with_little_of_it_unpacked(told, name):
    sink, began = io.BytesIO(), time.perf_counter()
    answer = prove(io.BytesIO(BOMBS[name]), len(BOMBS[name]), sink, LIMITS)
    assert time.perf_counter() - began < 2
    assert told(answer) == "FLX-A05"
    assert sink.tell() < 20 * MEBIBYTE


def test_what_is_no_file_is_not_kept_in_memory(refused):
    """A folder of 900 MiB at a ratio that is allowed: read as one piece it would be 900 MiB of memory."""
    block = seeded().randbytes(6000) + bytes(MEBIBYTE - 6000)
    deflate = zlib.compressobj(level=1, wbits=31)
    start = deflate.compress(a_member("lot/", b"", b"5", size=900 * MEBIBYTE)) + deflate.flush(zlib.Z_FULL_FLUSH)
    folder = start + (deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)) * 900
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refused(folder) == "FLX-A09"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


# -- archives in archives, and files that are two things ----------------------------------------------------------------------------------

NESTED = {
    "tar.gz": gz(TAR_A), "zip": ZIP_A, "an empty zip": a_zip(), "tar": TAR_A, "GNU tar": by_tarfile(A, tarfile.GNU_FORMAT),
    "bz2": bz2.compress(b"<a/>"), "xz": lzma.compress(b"<a/>"), "7z": b"7z\xbc\xaf\x27\x1c" + bytes(26), "rar": b"Rar!\x1a\x07\x01\x00",
}  # fmt: skip


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


def test_a_gzip_of_a_zip_and_a_tar_that_begins_as_a_zip_are_no_archives(refused):
    assert refused(gz(ZIP_A)) == "FLX-A01"
    assert refused(a_tar(a_member("PK\3\4.xml"))) == "FLX-A01"
