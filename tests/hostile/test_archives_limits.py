"""Containers that are too much: members, size and ratio, and the bombs that are stopped while they unpack."""

import io
import resource
import subprocess
import sys
import time
import zlib

import pytest
from archives import (
    BLOCK,
    LIMITS,
    MEBIBYTE,
    TAR_A,
    A,
    Entry,
    a_member,
    a_record,
    a_tar,
    a_zip,
    accepted,
    gz,
    pax,
    seeded,
    some_pieces,
    tar_of,
    zip_of,
)

from flux.containers import prove
from flux.policy import Limits


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


ALONE = """
import io, resource, sys, time
from flux.containers import prove
from flux.policy import Limits
bomb = sys.stdin.buffer.read()
class Sink(io.RawIOBase):
    written = 0
    def write(self, block):
        self.written += len(block)
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
sink = Sink()
answer = prove(io.BytesIO(bomb), len(bomb), sink, Limits())
print(answer.code, time.perf_counter() - began, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10, sink.written >> 20)
"""


def pax_records(count):
    return a_tar(*[pax(a_record(b"path", b"b.xml"))] * count, a_member(type_=b"1"))


CROWDS = {  # what stands in it, and the code: each is answered in less than 2 s and 50 MB
    "1 GB of zeros in 1 MB, in a tar.gz": (lambda: a_gzip_bomb(a_member(content=b"", size=1 << 30), 1), "FLX-A05"),
    "1 GB of zeros in 1 MB, in a zip": (lambda: zip_of({"a.xml": bytes(1 << 30)}), "FLX-A05"),
    "100,000 members of a tar": (lambda: tar_of({f"{n}.xml": b"" for n in range(100_000)}), "FLX-A04"),
    "65,534 members of a zip": (lambda: a_zip(*(Entry(f"{n}", b"", 0) for n in range(0xFFFE))), "FLX-A04"),
    "100,000 members of a zip, which are zip64's": (lambda: a_zip(*(Entry(f"{n}", b"", 0) for n in range(100_000)), here=0xFFFF, count=0xFFFF), "FLX-A07"),
    "100,000 names for one member": (lambda: pax_records(100_000), "FLX-A03"),
}


@pytest.mark.parametrize("what", CROWDS)
def test_a_crowd_or_a_bomb_costs_two_seconds_and_fifty_megabytes_at_most(what):
    """In a process of its own, so that its memory is its own."""
    make, code = CROWDS[what]
    done = subprocess.run([sys.executable, "-c", ALONE], input=make(), capture_output=True, check=True, timeout=60)
    told, seconds, grown, written = done.stdout.decode().split()
    assert told == code
    assert float(seconds) < 2
    assert int(grown) < 50
    assert int(written) < 20
