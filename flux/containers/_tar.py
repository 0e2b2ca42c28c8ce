"""
tar and tar.gz, read to the very end: ustar with GNU long names and pax paths. POSIX.1-2017 pax, section "ustar Interchange Format".

Every header's checksum is proven, the two zero blocks at the end are demanded, only zeros may follow them, and a gzip must be one member
whose CRC and length agree and behind which nothing comes.
"""

import zlib
from typing import BinaryIO

from flux.containers._shared import SET_ID, Refused, Unpacking, shown

BLOCK = 512
CHUNK = 1 << 16
LONG_MOST = 64 << 10  # a name record longer than this is no name
DIGITS_MOST = 6       # and its length has no more digits than this
_REGULAR, _FOLDER = (b"0", b"\x00", b"7"), b"5"
_LINKS = {b"1": "hard_link", b"2": "symbolic_link", b"3": "device", b"4": "device", b"6": "fifo", b"K": "link"}  # why FLX-A03 says no


class _Bytes:
    """The tar's bytes, inflated when they are gzipped: exactly as many as are asked for, bounded as they come."""

    def __init__(self, source: BinaryIO, into: Unpacking, *, gzipped: bool) -> None:
        self._source, self._into = source, into
        self._inflate = zlib.decompressobj(wbits=31) if gzipped else None
        self._ready = bytearray()
        self._packed = self._expanded = 0

    def read(self, count: int) -> bytes:
        """*count* bytes, or fewer at the end."""
        while len(self._ready) < count and self._more():
            pass
        taken = bytes(self._ready[:count])
        del self._ready[:count]
        return taken

    def exactly(self, count: int, why: str, name: str = "") -> bytes:
        """*count* bytes; fewer is a truncated archive, for the reason *why*."""
        taken = self.read(count)
        if len(taken) < count:
            raise Refused("FLX-A02", "after_gzip") if self._followed() else Refused("FLX-A01", why, name=name)
        return taken

    def finish(self) -> None:
        """Only zeros may follow the end mark; then the gzip must be whole, and nothing may come behind it."""
        while rest := self.read(CHUNK):
            if rest.strip(b"\x00"):
                raise Refused("FLX-A02", "after_tar")
        if self._inflate is None:
            return
        if not self._inflate.eof:
            raise Refused("FLX-A01", "gzip_cut")
        if self._followed():
            raise Refused("FLX-A02", "after_gzip")

    def _followed(self) -> bool:
        """Whether something comes behind the end of the gzip: a second member, whose bytes would be no part of this tar."""
        return self._inflate is not None and self._inflate.eof and bool(self._inflate.unused_data or self._source.read(1))

    def _more(self) -> bool:
        if self._inflate is None:
            block = self._source.read(CHUNK)
            self._ready += block
            self._expanded += len(block)
            return bool(block)
        if self._inflate.eof:
            return False
        packed = self._inflate.unconsumed_tail or self._source.read(CHUNK)
        if not packed:
            return False
        if not self._inflate.unconsumed_tail:
            self._packed += len(packed)
        try:
            block = self._inflate.decompress(packed, CHUNK)
        except zlib.error as error:
            raise Refused("FLX-A01", "gzip_says", detail=shown(str(error))) from error
        self._ready += block
        self._expanded += len(block)
        self._into.bound(self._expanded, self._packed)
        return True


def read_tar(source: BinaryIO, size: int, into: Unpacking, *, gzipped: bool) -> None:
    """Every member of the tar into *into*. Raises Refused."""
    if not gzipped:
        into.bound(size, size)
    stream = _Bytes(source, into, gzipped=gzipped)
    long_name: bytes | None = None
    while True:
        header = stream.exactly(BLOCK, "tar_cut")
        if not header.strip(b"\x00"):
            if stream.exactly(BLOCK, "end_cut").strip(b"\x00"):
                raise Refused("FLX-A01", "end_half")
            break
        length, kind = _checked(header)
        if kind in (b"L", b"x", b"g"):
            record = _record(stream, length)
            if kind == b"g" and _pax_path(record, None) is not None:
                raise Refused("FLX-A07", "pax_path")
            long_name = _pax_path(record, long_name) if kind == b"x" else record.rstrip(b"\x00") if kind == b"L" else long_name
            continue
        name = into.meet(long_name if long_name is not None else _name(header), folder=kind == _FOLDER)
        long_name = None
        if kind == _FOLDER:
            if length:
                raise Refused("FLX-A09", "folder_content", name=name)
        elif kind in _REGULAR:
            if _octal(header[100:108]) & SET_ID:
                raise Refused("FLX-A03", "set_id", name=name)
            _copy(stream, length, name, into)
        elif kind in _LINKS:
            raise Refused("FLX-A03", _LINKS[kind], name=name)
        else:
            raise Refused("FLX-A07", "tar_type", name=name, type=shown(kind))
    stream.finish()


def _copy(stream: _Bytes, length: int, name: str, into: Unpacking) -> None:
    file, left = into.file(name), length
    while left:
        block = stream.exactly(min(left, CHUNK), "file_cut", name)
        file.write(block)
        left -= len(block)
    stream.exactly(_padded(length) - length, "file_cut", name)
    file.end()


def _checked(header: bytes) -> tuple[int, bytes]:
    """Size and type of a header whose checksum is right."""
    large = header[124] & 0x80
    length = int.from_bytes(header[124:136], "big") & ((1 << 94) - 1) if large else _octal(header[124:136])
    if _octal(header[148:156]) != sum(header[:148]) + 8 * 32 + sum(header[156:]):
        raise Refused("FLX-A01", "header_checksum")
    if length < 0:
        raise Refused("FLX-A09", "negative_size")
    return length, header[156:157]


def _octal(field: bytes) -> int:
    try:
        return int(field.strip(b" \x00") or b"0", 8)
    except ValueError as error:
        raise Refused("FLX-A01", "header_unreadable") from error


def _name(header: bytes) -> bytes:
    name, prefix = header[:100].split(b"\x00")[0], header[345:500].split(b"\x00")[0]
    ustar = header[257:262] == b"ustar" and header[257:265] != b"ustar  \x00"  # the GNU form keeps other things in the prefix
    return prefix + b"/" + name if prefix and ustar else name


def _record(stream: _Bytes, length: int) -> bytes:
    if length > LONG_MOST:
        raise Refused("FLX-A09", "record_long")
    return stream.exactly(_padded(length), "record_cut")[:length]


def _pax_path(record: bytes, before: bytes | None) -> bytes | None:
    """The path of a pax record; a size or a sparse map there would be a second truth beside the header, and is refused."""
    path = before
    at = 0
    while at < len(record):
        size, _, _ = record[at : at + DIGITS_MOST + 1].partition(b" ")
        if not size.isdigit() or not 0 < int(size) <= len(record) - at:
            raise Refused("FLX-A09", "record_unreadable")
        key, _, value = record[at + len(size) + 1 : at + int(size)].removesuffix(b"\n").partition(b"=")
        if key == b"path":
            path = value
        elif key in (b"size", b"linkpath") or key.startswith(b"GNU.sparse"):
            raise Refused("FLX-A07", "pax_key", key=shown(key))
        at += int(size)
    return path


def _padded(length: int) -> int:
    return -(-length // BLOCK) * BLOCK
