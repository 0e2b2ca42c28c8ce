"""Containers that are damaged: whatever bit flips or byte is gone, every member comes whole or the batch is refused."""

import io
import tarfile
import zipfile

import pytest
from archives import BLOCK, END_MARK, GOOD, PIECES, accepted, gz, seeded, tar_of, unpacked, zip_of

from flux.model import Finding

POSITIONS = 200  # where not every position is tried; all eight bits of each


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


@pytest.mark.parametrize(("pack", "where"), [
    (lambda pieces: gz(tar_of(pieces)), lambda archive: len(archive) * 9 // 10),
    (zip_of, lambda archive: archive.index(b"899.xml") + 10),
], ids=["tar.gz", "zip"])  # fmt: skip
def test_damage_at_the_nine_hundredth_of_a_thousand_costs_all_of_them(refused, pack, where):
    thousand = pack({f"{n}.xml": seeded().randbytes(50).hex().encode() for n in range(1000)})
    assert len(accepted(thousand)) == 1000
    at = where(thousand)
    assert refused(thousand[:at] + bytes([thousand[at] ^ 0x10]) + thousand[at + 1 :]) == "FLX-A01"
