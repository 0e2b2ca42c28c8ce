"""
Makers of archives, true and false, byte by byte, and what is asked of them.

Everything is made here, from a seed or by hand; the good ones are also made by the standard library, as a partner's tool makes them.
"""

import gzip
import hashlib
import io
import random
import struct
import tarfile
import zipfile
import zlib

from flux.containers import prove
from flux.model import Finding
from flux.policy import Limits

LIMITS = Limits()
BLOCK = 512
END_MARK = bytes(2 * BLOCK)
MEBIBYTE = 1 << 20
SEED = 20260807


def seeded():
    """The same luck for everybody."""
    return random.Random(SEED)  # noqa: S311 - it is to be foreseen


def some_pieces(count=6):
    """Names and contents like those of a batch: no two alike, none a whole number of blocks."""
    luck = seeded()
    return {f"F2026-{n:03d}.xml": b"<Invoice>%d %s</Invoice>" % (n, luck.randbytes(40 * n).hex().encode()) for n in range(1, count + 1)}


PIECES = some_pieces()
A = {"a.xml": b"<a/>"}
DIRTY = b"<Invoice/>"


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
    """A file of a zip. Whatever is given is what is written, true or not; *local*, *central*: what one header says otherwise."""

    def __init__(self, name="a.xml", content=b"<a/>", method=8, **fields):
        raw = name if isinstance(name, bytes) else name.encode()
        deflate = zlib.compressobj(wbits=-15)
        self.data = fields.pop("data", deflate.compress(content) + deflate.flush() if method == 8 else content)
        self.gap, self.tail = fields.pop("gap", b""), fields.pop("tail", b"")
        self.local, self.central = fields.pop("local", {}), fields.pop("central", {})
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
        s, at = {**self.said, "extra": b"", **self.central}, at if self.at is None else self.at
        made = struct.pack("<4s6H3I", b"PK\1\2", 0x314, 20, s["flags"], s["method"], 0, 33, s["crc"], s["packed"], s["plain"])
        return made + struct.pack("<5H2I", len(s["name"]), len(s["extra"]), 0, 0, 0, s["mode"] << 16, at) + s["name"] + s["extra"]


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
TAR_A, ZIP_A = tar_of(A), zip_of(A)


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


def accepted(content, limits=LIMITS):
    answer = unpacked(content, limits)
    assert not isinstance(answer, Finding), answer
    return answer
