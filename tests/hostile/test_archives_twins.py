"""Containers that were written to hurt: each refused whole with its exact code, beside an accepted twin one change away."""

import struct
import zlib

import pytest
from archives import (
    BLOCK,
    DIRTY,
    END_MARK,
    TAR_A,
    ZIP_A,
    Entry,
    a_member,
    a_record,
    a_tar,
    a_zip,
    accepted,
    gz,
    pax,
    tar_of,
    unpacked,
    with_field,
)

from flux import told
from flux.model import Severity

HEADER_END = 30 + len("a.xml")
TWO = (a_member("a.xml"), a_member("b.xml", b"<b/>"))
TWO_ENTRIES = (Entry("a.xml"), Entry("b.xml", b"<b/>"))
HOST = b"<a>" + Entry("b.xml", method=0).local_header() + b"<a/>"  # a file that another stands in
LOCATOR = b"PK\6\7" + bytes(16)
ZIP64 = struct.pack("<2H2Q", 1, 16, 4, 4)


def zip64_size(size):
    """What the directory says of a file whose size is told in zip64's own field."""
    return {"plain": 0xFFFFFFFF, "extra": struct.pack("<2HQ", 1, 8, size)}


def patched(archive, at, value):
    """The same bytes, but for those at a place."""
    return archive[:at] + value + archive[at + len(value) :]


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
    ("a name record that is cut", a_tar(pax(a_record(b"path", b"b.xml")), a_member()), a_tar(a_member("pax", b"", b"x", size=4096)), "FLX-A01"),
    ("a gzip without its checksum", gz(TAR_A), gz(TAR_A)[:-8], "FLX-A01"),
    ("a directory that is none", ZIP_A, ZIP_A.replace(b"PK\1\2", b"PK\1\3"), "FLX-A01"),
    ("a directory that goes on behind its end", ZIP_A, a_zip(Entry(), offset=1000), "FLX-A01"),
    ("a local header beyond the file", a_zip(Entry("lot/", b"", 0), Entry()), patched(a_zip(Entry("lot/", b"", 0), Entry(at=34 + 0xFFFF)), 28, b"\xff\xff"), "FLX-A01"),
    # -- A02
    ("bytes behind a tar", TAR_A + bytes(1), TAR_A + b"\1", "FLX-A02"),
    ("a tar behind a tar", a_tar(*TWO), TAR_A + tar_of({"b.xml": b"<b/>"}), "FLX-A02"),
    ("bytes behind a tar, inside the gzip", gz(TAR_A + bytes(9)), gz(TAR_A + bytes(8) + b"\1"), "FLX-A02"),
    ("a byte behind a gzip", gz(TAR_A), gz(TAR_A) + b"\1", "FLX-A02"),
    ("a zero behind a gzip", gz(TAR_A), gz(TAR_A) + b"\0", "FLX-A02"),
    ("a gzip of several members", gz(a_member() + END_MARK), gz(a_member() + END_MARK[1:]) + gz(END_MARK[:1]), "FLX-A02"),
    ("a gzip whose second member is cut", gz(a_member() + END_MARK), gz(a_member()) + gz(END_MARK)[:-9], "FLX-A02"),
    ("a whole gzip of a tar that is cut", gz(a_member() + END_MARK), gz(a_member() + END_MARK[1:]), "FLX-A01"),
    ("a gzip behind a gzip", gz(a_tar(*TWO)), gz(TAR_A) + gz(TAR_A), "FLX-A02"),
    ("a byte behind a zip", ZIP_A, ZIP_A + b"\1", "FLX-A02"),
    ("a comment longer than it says", a_zip(Entry(), comment=b"lot 2"), a_zip(Entry(), comment=b"lot 2") + b"!", "FLX-A02"),
    ("a byte more behind a zip than its comment may have", a_zip(Entry(), comment=bytes(65_535)), a_zip(Entry(), comment=bytes(65_535)) + b"\0", "FLX-A02"),
    ("100 kB behind a zip", ZIP_A, ZIP_A + bytes(100_000), "FLX-A02"),
    ("3 MB behind a zip", ZIP_A, ZIP_A + bytes(3 << 20), "FLX-A02"),
    ("100 kB behind a zip without its end", ZIP_A, ZIP_A[:-1] + bytes(100_000), "FLX-A02"),
    ("100 kB behind what only looks like the end of a zip", a_zip(Entry("a.xml", b"<PK\5\6", 0)), a_zip(Entry("a.xml", b"<PK\5\6" + bytes(100_000), 0))[:99_000], "FLX-A01"),
    ("a zip behind a zip", a_zip(*TWO_ENTRIES), ZIP_A + ZIP_A, "FLX-A02"),
    ("an invoice behind a zip", ZIP_A, ZIP_A + DIRTY, "FLX-A02"),
    ("bytes before the first file of a zip", ZIP_A, b"PK\3\4" + ZIP_A, "FLX-A02"),
    # -- A03: more names are in a file of their own
    ("a name that goes above", a_tar(a_member("..a.xml")), a_tar(a_member("../a.xml")), "FLX-A03"),
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
    ("a program that runs as its owner", a_tar(a_member(mode=0o1755)), a_tar(a_member(mode=0o4755)), "FLX-A03"),
    ("a program that runs as its group", a_tar(a_member("lot/", b"", b"5", mode=0o2755), a_member()), a_tar(a_member("lot/", b"", b"5", mode=0o2755), a_member(mode=0o2755)), "FLX-A03"),
    ("a program that runs as its owner, in a zip", a_zip(Entry(mode=0o100755)), a_zip(Entry(mode=0o104755)), "FLX-A03"),
    # -- A04: more is among the limits
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
    ("a zip64 whose size is in the directory alone", a_zip(Entry(central=zip64_size(4))), a_zip(Entry(central=zip64_size(4), local={"packed": 0xFFFFFFFF, "plain": 0xFFFFFFFF})), "FLX-A07"),
    # -- A09
    ("a zip64 that lies about its size", a_zip(Entry(central=zip64_size(4))), a_zip(Entry(central=zip64_size(5))), "FLX-A09"),
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
    ("a tar of nothing but what Mac adds", a_tar(a_member(".DS_Store", b"\0\0\0\1Bud1"), a_member()), a_tar(a_member(".DS_Store", b"\0\0\0\1Bud1")), "FLX-A10"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "code"), [row[1:] for row in TWINS], ids=[row[0] for row in TWINS])
def test_each_refusal_has_an_accepted_twin_one_change_away(refused, good, bad, code):
    assert accepted(good)
    assert refused(bad) == code


def test_every_reason_of_a_refusal_is_given_above_and_told_in_the_readers_language(tables):
    given = set()
    for *_, bad, code in TWINS:
        finding = unpacked(bad)
        why = dict(finding.facts).get("why")
        given |= {(code, why)} if why else set()
        text = told.finding(finding, tables, lambda _: Severity.ERROR)["text"]
        if why:
            assert tables.catalogue[code].facts(finding.facts, "fr")["found"] in text["fr"]
            assert tables.catalogue[code].facts(finding.facts, "en")["found"] in text["en"]
            assert tables.catalogue[code].facts(finding.facts, "fr")["found"] != tables.catalogue[code].facts(finding.facts, "en")["found"]
    assert given == {(code, why) for code, entry in tables.catalogue.items() if code < "FLX-A20" for why in entry.why}


def test_what_zlib_says_is_quoted_as_such(tables):
    text = told.finding(unpacked(gz(TAR_A)[:-8] + bytes(8)), tables, lambda _: Severity.ERROR)["text"]
    assert "illisible (message de zlib : « Error -3 while decompressing data: incorrect data check »)." in text["fr"]
