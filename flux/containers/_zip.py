"""
zip, proven whole: PKWARE APPNOTE 6.3, without encryption, without zip64 (a flow is below its sizes), methods stored and deflate.

The central directory is read by the standard library; what it leaves unproven is proven here: the end record is the last thing in the
file, local headers agree with the directory, files stand one behind the other from the first byte to the directory without gap or
overlap, and each inflates to exactly the bytes that were announced, with their CRC.
"""

import stat
import struct
import zlib
from typing import BinaryIO
from zipfile import ZipFile, ZipInfo

from flux.attachments import BAD_ZIP
from flux.containers._shared import SET_ID, Refused, Unpacking, shown
from flux.policy import Limits

CHUNK = 1 << 16
END = struct.Struct("<4s4H2IH")
LOCAL = struct.Struct("<4s5H3I2H")
LOCATOR_SIZE = 20  # of zip64's second end record
ZIP64 = 0xFFFFFFFF
EMPTY_DEFLATE = 2  # bytes
ENCRYPTED, DESCRIPTOR, UTF8 = 0x1, 0x8, 0x800
METHODS = (0, 8)
_COMMENT_MOST = 0xFFFF
_SEARCHED = 1 << 20  # bytes at once


def read_zip(source: BinaryIO, size: int, into: Unpacking, limits: Limits) -> None:
    """Every member of the zip into *into*. Raises Refused."""
    directory_at, count = _end_record(source, size)
    if count > limits.members:
        raise Refused("FLX-A04", expected=str(limits.members))
    try:
        with ZipFile(source) as archive:
            members = sorted(archive.infolist(), key=lambda info: info.header_offset)
    except BAD_ZIP as error:
        raise Refused("FLX-A01", "zip_says", detail=shown(str(error))) from error
    if len(members) != count:
        raise Refused("FLX-A09", "count", announced=str(count), listed=str(len(members)))
    into.bound(sum(info.file_size for info in members), size)
    at = 0
    for info in members:
        at = _member(source, info, at, into)
    if at != directory_at:
        raise Refused("FLX-A09", "directory_gap")


def _end_record(source: BinaryIO, size: int) -> tuple[int, int]:
    """Where the directory begins, and how many files it lists. The record must end the file."""
    tail_at = max(0, size - END.size - _COMMENT_MOST)
    source.seek(tail_at)
    tail = source.read(size - tail_at)
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) - found < END.size:
        raise Refused("FLX-A02", "after_zip") if _ends_earlier(source, tail_at) else Refused("FLX-A01", "zip_end")
    _, disk, start_disk, here, count, length, offset, comment = END.unpack_from(tail, found)
    if len(tail) - found - END.size != comment:
        raise Refused("FLX-A02", "after_zip") if len(tail) - found - END.size > comment else Refused("FLX-A01", "zip_end")
    if disk or start_disk or here != count:
        raise Refused("FLX-A07", "disks")
    if count == 0xFFFF or ZIP64 in (length, offset):  # noqa: PLR2004 - the other mark of zip64
        raise Refused("FLX-A07", "zip64")
    if tail[max(0, found - LOCATOR_SIZE) : found].startswith(b"PK\x06\x07"):
        raise Refused("FLX-A07", "zip64")
    if offset + length != tail_at + found:
        raise Refused("FLX-A02", "before_zip") if offset + length < tail_at + found else Refused("FLX-A01", "directory_cut")
    return offset, count


def _ends_earlier(source: BinaryIO, before: int) -> bool:
    """Whether the last end record before this byte is one, and not four bytes by chance: it tells where it stands."""
    at = before
    while at > 0:
        begin = max(0, at - _SEARCHED)
        source.seek(begin)
        block = source.read(at - begin + END.size)
        if (found := block.rfind(b"PK\x05\x06", 0, len(block) - END.size + 4)) >= 0:
            *_, length, offset, _ = END.unpack_from(block, found)
            return bool(offset + length == begin + found)
        at = begin
    return False


def _member(source: BinaryIO, info: ZipInfo, at: int, into: Unpacking) -> int:
    """One file; gives where the next must begin."""
    folder = info.orig_filename.endswith("/")  # the other name ends at the first NUL
    name = into.meet(info.orig_filename, folder=folder)
    if info.header_offset != at:
        raise Refused("FLX-A09", "overlap", name=name)
    if info.flag_bits & ENCRYPTED:
        raise Refused("FLX-A07", "encrypted", name=name)
    if info.compress_type not in METHODS:
        raise Refused("FLX-A07", "method", name=name, method=str(info.compress_type))
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused("FLX-A03", "special", name=name)
    if mode & SET_ID and not folder:
        raise Refused("FLX-A03", "set_id", name=name)
    source.seek(at)
    data_at = at + _local(source.read(LOCAL.size), source, info, name)
    source.seek(data_at)
    if not folder:
        _inflate(source, info, name, into)
    elif info.file_size or info.compress_size > EMPTY_DEFLATE:
        raise Refused("FLX-A09", "folder_content", name=name)
    end = data_at + info.compress_size
    return end + (_descriptor(source, end, info, name) if info.flag_bits & DESCRIPTOR else 0)


def _local(head: bytes, source: BinaryIO, info: ZipInfo, name: str) -> int:
    """Length of the local header, which must say what the directory says."""
    if len(head) < LOCAL.size:
        raise Refused("FLX-A01", "local_cut", name=name)
    mark, _, flags, method, _, _, crc, packed, plain, name_len, extra_len = LOCAL.unpack(head)
    if ZIP64 in (packed, plain):
        raise Refused("FLX-A07", "zip64")
    told = (crc, packed, plain)
    right = told == (info.CRC, info.compress_size, info.file_size) or (flags & DESCRIPTOR and not any(told))
    same_name = source.read(name_len) == info.orig_filename.encode("utf-8" if flags & UTF8 else "cp437", "replace")
    if mark != b"PK\x03\x04" or flags != info.flag_bits or method != info.compress_type or not right or not same_name:
        raise Refused("FLX-A09", "local_header", name=name)
    return LOCAL.size + int(name_len) + int(extra_len)


def _inflate(source: BinaryIO, info: ZipInfo, name: str, into: Unpacking) -> None:
    """The file's bytes: as many as announced, with their CRC, and not one more."""
    file, crc, plain, left = into.file(name), 0, 0, info.compress_size
    inflate = zlib.decompressobj(-15) if info.compress_type else None
    pending, held = b"", False  # held: asked for a chunk, deflate may keep some of what it has already read
    while left or pending or held:
        if not pending and left:
            pending = source.read(min(left, CHUNK))
            left -= len(pending)
            if not pending:
                raise Refused("FLX-A01", "file_cut", name=name)
        try:
            block = inflate.decompress(pending, CHUNK) if inflate else pending
        except zlib.error as error:
            raise Refused("FLX-A01", "file_says", name=name, detail=shown(str(error))) from error
        pending = inflate.unconsumed_tail if inflate else b""
        held = inflate is not None and len(block) == CHUNK
        plain += len(block)
        if plain > info.file_size or (inflate and inflate.unused_data):
            raise Refused("FLX-A09", "longer", name=name)
        crc = zlib.crc32(block, crc)
        file.write(block)
    if plain != info.file_size or crc != info.CRC or (inflate and not inflate.eof):
        raise Refused("FLX-A01", "file_wrong", name=name)
    file.end()


def _descriptor(source: BinaryIO, at: int, info: ZipInfo, name: str) -> int:
    """Length of the data descriptor behind a file, which must say what the directory says."""
    source.seek(at)
    read = source.read(16)
    wanted = struct.pack("<3I", info.CRC, info.compress_size, info.file_size)
    if read[:4] == b"PK\x07\x08" and read[4:] == wanted:
        return 16
    if read[:12] == wanted:
        return 12
    raise Refused("FLX-A09", "descriptor", name=name)
