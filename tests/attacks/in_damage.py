"""Damage and bombs: archives that were cut or flipped at every kind of place, and those that are too much."""

import tarfile
import zlib

from archives import Entry, a_member, a_record, a_tar, a_zip, gz, pax, tar_of, zip_of
from attack import MEBIBYTE, attack, good, late, luck
from in_archives import TAR, TGZ, ZIP, beside, gzipped, zipped

CUTS, FLIPS = 60, 90
WRONG = ("FLX-A01", "FLX-A02", "FLX-A03", "FLX-A05", "FLX-A06", "FLX-A07", "FLX-A08", "FLX-A09", "FLX-A10", "FLX-A12")
NO_ARCHIVE = ("FLX-X01", "FLX-X03", "FLX-T01")  # the first bytes told what it is: it is none any more


def whole(serial):
    return {f"{part}.xml": good(serial, part) for part in range(3)}


SOUND = {"tar": (lambda serial: tar_of(whole(serial)), TAR), "tar.gz": (lambda serial: gz(tar_of(whole(serial))), TGZ), "zip": (lambda serial: zip_of(whole(serial)), ZIP)}


def cuts():
    """At a share of its length, and at the ends: a cut costs the batch, whatever it leaves."""
    for kind, (make, how) in SOUND.items():
        shares = sorted({*(luck(kind).random() for _ in range(CUTS - 12))})
        for share in shares:
            yield attack(f"cut {kind} at {share:.5f}", lambda serial, make=make, share=share: (made := make(serial))[: int(len(made) * share)], *WRONG, *NO_ARCHIVE, **how)
        for left in (1, 2, 3, 4, 10, 18, 30, 100, 257, 262, 511, 512):
            yield attack(f"cut {kind} to {left}", lambda serial, make=make, left=left: make(serial)[:left], *WRONG, *NO_ARCHIVE, **how)
        for gone in (1, 2, 4, 8, 9, 21, 22, 23):
            yield attack(f"cut {kind} by {gone}", lambda serial, make=make, gone=gone: make(serial)[:-gone], *WRONG, **how)


def flips():
    """A bit anywhere: refused whole, or every piece went in, or, in the content of a plain tar, that one piece is told."""
    for kind, (make, how) in SOUND.items():
        for n in range(FLIPS):
            share, bit = luck(f"{kind}{n}").random(), n % 8

            def damaged(serial, make=make, share=share, bit=bit):
                made = bytearray(make(serial))
                made[int(len(made) * share)] ^= 1 << bit
                return bytes(made)

            yield attack(f"flip {kind} at {share:.5f} bit {bit}", damaged, *WRONG, *NO_ARCHIVE, *(["*"] if kind == "tar" else []), harmless=True, pieces=3, **how)


def a_gzip_of_zeros(head, gibibytes):
    deflate = zlib.compressobj(wbits=31)
    start = deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH)
    mebibyte = deflate.compress(bytes(MEBIBYTE)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return start + mebibyte * (gibibytes << 10)


def bombs():
    for gibibytes in (1, 2, 4, 8):
        yield attack(f"bomb of {gibibytes} GiB in a tar.gz", lambda _, g=gibibytes: a_gzip_of_zeros(a_member(content=b"", size=g << 30, form=tarfile.GNU_FORMAT), g), "FLX-A05", **TGZ)
        yield attack(f"bomb of {gibibytes} GiB behind a tar's end", lambda s, g=gibibytes: a_gzip_of_zeros(beside()(s), g), "FLX-A05", **TGZ)
    for size in (11, 64, 256):
        yield attack(f"bomb of {size} MiB in a zip", late(lambda size=size: zipped(Entry("x", bytes(size * MEBIBYTE)))), "FLX-A05", **ZIP)
        yield attack(f"bomb of {size} MiB in a tar.gz", late(lambda size=size: gzipped(beside(a_member("x", bytes(size * MEBIBYTE))))), "FLX-A05", **TGZ)
    yield attack("bomb of a zip that says 4 GiB", zipped(Entry("x", plain=0xFFFFFFFE)), "FLX-A05", **ZIP)
    yield attack("bomb of 9,000 files that overlap", lambda _: a_zip(*(Entry(f"{n}", b"", data=b"", plain=1 << 30, at=0) for n in range(9_000))), "FLX-A05", **ZIP)
    for depth in (1, 2, 5):
        yield attack(f"bomb nested {depth}", lambda s, depth=depth: _nest(beside()(s), depth), "FLX-A08", **TGZ)
    yield attack("100,000 members of a tar", lambda _: tar_of({f"{n}.xml": b"" for n in range(100_000)}), "FLX-A04", **TAR)
    yield attack("100,000 members of a tar.gz", lambda _: gz(tar_of({f"{n}.xml": b"" for n in range(100_000)})), "FLX-A04", **TGZ)
    yield attack("65,534 members of a zip", lambda _: a_zip(*(Entry(f"{n}", b"", 0) for n in range(0xFFFE))), "FLX-A04", **ZIP)
    yield attack("100,000 names for one member", late(lambda: beside(*[pax(a_record(b"path", b"b.xml"))] * 100_000, a_member(type_=b"1"))), "FLX-A03", **TAR)
    yield attack("501 pieces", lambda _: gz(tar_of({f"{n}.xml": b"<a/>" for n in range(501)})), "FLX-L03", **TGZ)
    yield attack("nothing but folders", lambda _: a_tar(*(a_member(f"{n}/", b"", b"5") for n in range(50))), "FLX-A10", **TAR)
    yield attack("an empty zip", lambda _: a_zip(), "FLX-A10", **ZIP)
    yield attack("two gzip members", lambda s: gz(beside()(s)[:600]) + gz(beside()(s)[600:]), "FLX-A02", **TGZ)
    yield attack("nothing at all", lambda _: b"", "FLX-T01", **TGZ)


def _nest(inner, depth):
    for level in range(depth):
        inner = gz(a_tar(a_member(f"{level}.tar.gz", inner))) if level else a_tar(a_member("n.tar", inner))
    return gz(inner) if depth == 1 else inner


def families():
    for family in (cuts, flips, bombs):
        yield from family()
