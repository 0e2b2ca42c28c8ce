"""Archives: each holds a good piece and one thing that is wrong, in every carrier that can say it."""

import bz2
import lzma
import unicodedata

from archives import BLOCK, END_MARK, Entry, a_member, a_record, a_tar, a_zip, gz, pax, with_field
from attack import attack, good

TAR = {"suffix": ".tar", "document": False}
TGZ = {"suffix": ".tar.gz", "document": False}
ZIP = {"suffix": ".zip", "document": False}


def beside(*members):
    """A tar of a good piece and these members."""
    return lambda serial: a_tar(a_member("good.xml", good(serial)), *members)


def zipped(*entries, **end):
    return lambda serial: a_zip(Entry("good.xml", good(serial)), *entries, **end)


def gzipped(make):
    return lambda serial: gz(make(serial))


ABOVE = (b"../x.xml", b"../../../../../../etc/cron.d/x", b"a/../../x", b"a/b/../../../x", b"./../x", b"..", b"a/..", b".././x", b"a//..//x", b"x/.././../y")
BACKSLASHES = (b"..\\x.xml", b"..\\..\\windows\\x", b"a\\..\\x", b"\\x", b"\\\\host\\share\\x", b"a\\b", b"x\\", b"..\\/x", b"../\\x")
ROOTS = (b"/etc/passwd", b"//etc/passwd", b"/", b"///x", b"/tmp/../x", b"/dev/shm/x", b"/proc/self/mem", b"./\0/x", b"/./x")
DRIVES = (b"C:/x.xml", b"c:x", b"C:\\x", b"Z:/", b"a:../x", b"C:..\\x")
NULS = (b"x\0.xml", b"\0", b"x.xml\0/../../y", b"\0\0\0x")
HARMLESS = {
    "dots": (b"...", b"....//x", b"..a/x.xml", b"a/..b/x", b"x..", b" ..", b".. "), "percent": (b"%2e%2e%2fx", b"..%2fx", b"%c0%ae%c0%ae/x", b"%00.xml"),
    "overlong": (b"\xc0\xae\xc0\xae\xc0\xafx", b"\xe0\x80\xae/x", b"\xff\xfe.xml"), "look-alikes": ("．．／x".encode(), "‥/x".encode(), "..∕x".encode()),
    "control signs": (b"a\nb.xml", b"a\rb", b"a\x1b[2J.xml", b"\x07.xml", b"\x7f.xml", "a\x9b2J".encode(), b"\t", b"a\x08b"),
    "bidi": ("a\u202excod.xml".encode(), "\u2066a.xml".encode(), "\u200f.xml".encode(), "\u200b.xml".encode(), "\ufeff.xml".encode()),
    "shell": (b"$(reboot).xml", b"`id`.xml", b"; rm -rf ~", b"-rf", b"--help", b"|x", b"a'b\"c", b"*", b"?", b"~/x", b"&x"),
    "formula": (b"=cmd|'/c calc'!A0", b"@SUM(1)", b"+1", b"-1"), "markup": (b"<script>alert(1)<script>.xml", b'"><img src=x onerror=alert(1)>', b"]]>", b"&lt;", b"<!--"),
    "reserved": (b"CON", b"NUL.xml", b"aux", b"COM1", b"desktop.ini:x"), "long": (b"n" * 255, b"n" * 256, b"n" * 4000, b"d/" * 500 + b"x", b"\xc3\xa9" * 2000),
}  # fmt: skip


def named():
    """Every name in each carrier: pax, GNU, zip."""
    bad = {"above": ABOVE, "backslash": BACKSLASHES, "absolute": ROOTS, "drive": DRIVES, "NUL": NULS}
    for kind, names in (*bad.items(), *HARMLESS.items()):
        codes = ("FLX-A03",) if kind in bad else ("FLX-X01", "FLX-A01") if kind == "overlong" else ("FLX-X01",)  # its content is no XML: the archive is taken, the piece is not
        for n, name in enumerate(names):
            content = b"no document"
            rows = (
                ("pax", beside(pax(a_record(b"path", name)), a_member("x", content)), TAR),
                ("GNU", gzipped(beside(a_member("././@LongLink", name + b"\0", b"L"), a_member("x", content))), TGZ),
                ("zip", zipped(Entry(name, content)), ZIP),
            )
            for carrier, make, how in rows:
                if carrier == "GNU" and name.endswith(b"\0"):
                    continue  # there it ends at its last NUL
                yield attack(f"archive name, {kind} {n}, {carrier}", make, *codes, **how)


def kinds():
    """What is no plain file."""
    for kind, target in ((b"1", "good.xml"), (b"1", "/etc/passwd"), (b"2", "/etc/passwd"), (b"2", "../../x"), (b"2", "good.xml"), (b"3", ""), (b"4", ""), (b"6", "")):
        for mode in (0o644, 0o777):
            made = beside(a_member("x.xml", b"", kind, linkname=target, mode=mode))
            for what, make, how in (("tar", made, TAR), ("tar.gz", gzipped(made), TGZ)):
                yield attack(f"archive kind {kind.decode()} to {target or 'nothing'} {mode:o}, {what}", make, "FLX-A03", **how)
    for kind in b"SDMVNAXKEIabZ9@":
        yield attack(f"archive kind {kind:c}", beside(a_member("x.xml", b"", bytes([kind]))), "FLX-A03" if kind == ord("K") else "FLX-A07", **TAR)
    for mode in (0o4755, 0o2755, 0o6755, 0o4000, 0o7777):
        yield attack(f"archive mode {mode:o}, tar", beside(a_member("x.xml", mode=mode)), "FLX-A03", **TAR)
        yield attack(f"archive mode {mode:o}, zip", zipped(Entry("x.xml", mode=0o100000 | mode)), "FLX-A03", **ZIP)
    for mode in (0o120777, 0o010644, 0o020644, 0o060644, 0o140644):
        yield attack(f"archive kind {mode:o}, zip", zipped(Entry("x.xml", mode=mode)), "FLX-A03", **ZIP)
    for key in (b"size", b"linkpath", b"GNU.sparse.map", b"GNU.sparse.size", b"GNU.sparse.major", b"GNU.sparse.name", b"GNU.sparse.realsize"):
        yield attack(f"archive pax {key.decode()}", beside(pax(a_record(key, b"1")), a_member("x.xml")), "FLX-A07", **TAR)
        yield attack(f"archive pax {key.decode()} that ends as a path", beside(pax(a_record(b"path", b"y") + a_record(key, b"1")), a_member("x.xml")), "FLX-A07", **TAR)
    yield attack("archive pax path for all", beside(pax(a_record(b"path", b"y"), b"g"), a_member("x.xml")), "FLX-A07", **TAR)


def twins():
    pairs = [
        (b"a.xml", b"a.xml"), (b"a.xml", b"A.XML"), (b"a.xml", b"./a.xml"), (b"d/a", b"d//a"), (b"d/a", b"d/./a"), ("é".encode(), unicodedata.normalize("NFD", "é").encode()),
        (b"x" * 300 + b"a", b"x" * 300 + b"A"), ("ß".encode(), b"ss"), ("ſ".encode(), b"s"), (b"K", b"k"), (b"good.xml", b"q"), (b"GOOD.xml", b"q"), (b"./good.XML", b"q"),
    ]  # fmt: skip
    for n, (one, two) in enumerate(pairs):
        made = beside(pax(a_record(b"path", one)), a_member("x"), pax(a_record(b"path", two)), a_member("y"))
        yield attack(f"archive twins {n}, tar", made, "FLX-A06", **TAR)
        yield attack(f"archive twins {n}, tar.gz", gzipped(made), "FLX-A06", **TGZ)
        yield attack(f"archive twins {n}, zip", zipped(Entry(one), Entry(two)), "FLX-A06", **ZIP)


def nested():
    inner = {
        "tar": a_tar(a_member()), "tar.gz": gz(a_tar(a_member())), "gzip": gz(b"<a/>"), "zip": a_zip(Entry()), "empty zip": a_zip(), "bzip2": bz2.compress(b"<a/>"),
        "xz": lzma.compress(b"<a/>"), "7z": b"7z\xbc\xaf\x27\x1c" + bytes(26), "rar": b"Rar!\x1a\x07\x01\x00", "zstd": b"\x28\xb5\x2f\xfd" + bytes(8),
    }  # fmt: skip
    for what, content in inner.items():
        for name in ("inner.xml", f"inner.{what}", "facture.pdf", "noext"):
            yield attack(f"archive nested {what} as {name}, tar.gz", gzipped(beside(a_member(name, content))), "FLX-A08", **TGZ)
            yield attack(f"archive nested {what} as {name}, zip", zipped(Entry(name, content)), "FLX-A08", **ZIP)
            yield attack(f"archive nested {what} as {name}, stored", zipped(Entry(name, content, 0)), "FLX-A08", **ZIP)
        if what in ("bzip2", "xz", "7z", "rar", "zstd"):
            yield attack(f"archive {what} alone", lambda serial, content=content: content + b"%d" % serial, "FLX-A12", suffix=f".tar.{what}", document=False)


def zip_lies():
    for field in ("local", "central"):
        lies = [("crc", 1), ("packed", 3), ("plain", 3), ("plain", 5), ("method", 0), ("flags", 0x801), ("flags", 0x808), ("name", b"b.xml"), ("name", b"a.xm"), ("packed", 9999), ("plain", 1 << 30)]
        for key, value in lies:
            codes = ("FLX-A01", "FLX-A02", "FLX-A05", "FLX-A07", "FLX-A09")
            yield attack(f"archive zip, {field} {key} {value!r}", zipped(Entry(**{field: {key: value}})), *codes, **ZIP)
    for method in (1, 2, 3, 4, 5, 6, 9, 10, 12, 14, 18, 19, 20, 93, 95, 96, 97, 98, 99, 65535):
        yield attack(f"archive zip method {method}", zipped(Entry(data=b"data", method=method)), "FLX-A07", **ZIP)
    for flags in (0x801, 0x841, 0x2801, 0x1):
        yield attack(f"archive zip encrypted {flags:x}", zipped(Entry(flags=flags)), "FLX-A07", "FLX-A01", **ZIP)
    ends = [({"count": 1}, "A07"), ({"here": 1}, "A07"), ({"here": 3, "count": 3}, "A09"), ({"here": 1, "count": 1}, "A09"), ({"disk": 1}, "A07"), ({"start": 1}, "A07"), ({"count": 0xFFFF, "here": 0xFFFF}, "A07"),
            ({"offset": 0xFFFFFFFF}, "A07"), ({"size": 0xFFFFFFFF}, "A07"), ({"offset": 0}, "A02"), ({"size": 1}, "A02"), ({"offset": 1 << 30}, "A01"), ({"count": 0, "here": 0}, "A09")]  # fmt: skip
    for end, code in ends:
        yield attack(f"archive zip end {end}", zipped(Entry(), **end), f"FLX-{code}", **ZIP)
    odd = {
        "overlap": zipped(Entry("x.xml", at=0)), "overlap of one byte": zipped(Entry("x.xml", at=29)), "gap": zipped(Entry("x.xml", gap=b"gap")), "tail": zipped(Entry("x.xml", tail=b"tail")),
        "gap before the directory": zipped(before_directory=b"PK\3\4"), "folder of content": zipped(Entry("x/", b"content")),
    }  # fmt: skip
    for what, make in odd.items():
        yield attack(f"archive zip {what}", make, "FLX-A09", **ZIP)
    yield attack("archive zip64 locator", zipped(before_end=b"PK\x06\x07" + bytes(16)), "FLX-A07", **ZIP)
    for wrong in (b"", b"\x07", b"\xff" * 9, b"\x00\x05\x00"):
        yield attack(f"archive zip deflate {wrong.hex()}", zipped(Entry(data=wrong, plain=4, packed=len(wrong))), "FLX-A01", **ZIP)


def tar_lies():
    base = a_member("x.xml", b"<a/>")
    lies = {
        "negative size": (124, b"\xff" * 12, "A01"), "huge size": (124, b"\x80" + b"\x7f" * 11, "A01"), "octal with a nine": (124, b"00000000009\0", "A01"), "letters": (124, b"size unknown", "A01"),
        "minus": (124, b"-0000000001\0", "A09"), "size of 1 TB": (124, b"\x80" + bytes(5) + (1 << 40).to_bytes(6, "big"), "A01"), "mode of letters": (100, b"zzzzzzz\0", "A01"),
    }  # fmt: skip
    for what, (at, value, code) in lies.items():
        for kind, wrap, how in (("tar", lambda make: make, TAR), ("tar.gz", gzipped, TGZ)):
            yield attack(f"archive tar {what}, {kind}", wrap(beside(with_field(base, at, value))), f"FLX-{code}", **how)
    for n, record in enumerate((b"", b"x", b"5", b"999999999 path=x\n", b"0 path=x\n", b"-9 path=x\n", b"9 path", b"\xff\xff", b"1 ", b"12 path=x\n" * 3)):
        yield attack(f"archive pax record {n}", beside(pax(record), a_member("x.xml")), "FLX-A09" if record else "FLX-X07", **TAR)
    for kind in (b"x", b"L", b"g"):
        yield attack(f"archive record of 1 MB, {kind.decode()}", beside(a_member("r", b"n" * (1 << 20), kind), a_member("x.xml")), "FLX-A09", **TAR)
        yield attack(f"archive ends behind a record {kind.decode()}", lambda serial, kind=kind: a_tar(a_member("good.xml", good(serial)))[: -len(END_MARK)] + a_member("r", b"", kind), "FLX-A01", **TAR)


def before_and_after():
    tails = {"a byte": b"x", "a zero": b"\0", "an archive": a_tar(a_member()), "a gzip": gz(b"x"), "a zip": a_zip(Entry()), "an invoice": b"<Invoice/>", "a block": b"y" * BLOCK, "a script": b"#!/bin/sh\n"}
    whole = {"tar": (beside(), TAR), "tar.gz": (gzipped(beside()), TGZ), "zip": (zipped(), ZIP)}
    for kind, (make, how) in whole.items():
        for what, tail in tails.items():
            yield attack(f"archive {what} behind a {kind}", lambda serial, make=make, tail=tail: make(serial) + tail, "FLX-A02", harmless=kind == "tar" and what == "a zero", **how)
            if what not in ("an archive", "a zero"):
                yield attack(f"archive {what} before a {kind}", lambda serial, make=make, tail=tail: tail + make(serial), *BEFORE, **how)


BEFORE = ("FLX-A01", "FLX-A02", "FLX-X01", "FLX-X07", "FLX-A09")


def families():
    for family in (named, kinds, twins, nested, zip_lies, tar_lies, before_and_after):
        yield from family()
