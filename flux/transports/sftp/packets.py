"""The packets of SFTP, version 3 (draft-ietf-secsh-filexfer-02): what they are made of, read within bounds. Nothing here knows a connection."""

import stat
import struct

from msgspec import Struct

MOST_NAMES = 1_000       # entries in one answer

INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT = 1, 2, 3, 4, 5, 6, 7, 8
OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, RENAME = 11, 12, 13, 14, 15, 18
STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED = 101, 102, 103, 104, 105, 200
OK, EOF, NO_SUCH_FILE, DENIED = 0, 1, 2, 3
FOR_READING, FOR_WRITING = 0x01, 0x02 | 0x08 | 0x10  # write, create, truncate
_SIZE, _OWNER, _MODE, _TIMES = 1, 2, 4, 8
_USUAL, _usual = _SIZE | _OWNER | _MODE | _TIMES, struct.Struct(">Q8xI4xI")  # what OpenSSH tells of every file: size, owner, mode, times
POSIX_RENAME, FSYNC = b"posix-rename@openssh.com", b"fsync@openssh.com"


class Lost(Exception):  # noqa: N818 - a state of the world: nothing was decided by it
    """The connection is over: cut, silent for too long, or not what SFTP says. What was asked last may have been done or not."""


class Found(Struct, frozen=True):
    """What a server says of a file; None where it says nothing. mtime: seconds by the server's clock, never compared with ours."""

    size: int | None = None
    mode: int | None = None
    mtime: int | None = None

    @property
    def regular(self) -> bool:
        """Whether it is a plain file, as far as the server says."""
        return self.mode is None or not stat.S_IFMT(self.mode) or stat.S_ISREG(self.mode)

    @property
    def folder(self) -> bool:
        """Whether it is a folder."""
        return self.mode is not None and stat.S_ISDIR(self.mode)


class Entry(Struct, frozen=True):
    """A name in a folder: one component, bytes that a stranger chose."""

    name: bytes
    found: Found


class Listing(Struct, frozen=True):
    """What a folder holds. whole: whether there was no more of it. odd: entries whose names are no names (a path, "..", a NUL)."""

    entries: tuple[Entry, ...]
    whole: bool
    odd: int


class Reader:
    """Reads a packet from its beginning; what is too short is no packet."""

    def __init__(self, told: bytes) -> None:
        self._told, self._at = told, 0

    def number(self, size: int = 4) -> int:
        """A number of so many bytes."""
        return int.from_bytes(self.take(size))

    def text(self) -> bytes:
        """Bytes that tell their length first."""
        return self.take(self.number())

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if size > len(self._told) - self._at:
            raise Lost("a packet that ends too early")
        self._at += size
        return self._told[self._at - size : self._at]

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._told)


def single(name: bytes) -> bool:
    """Whether this is a name: one component that leads nowhere else, and that a file system of ours can hold."""
    return 0 < len(name) <= 255 and name not in (b".", b"..") and b"/" not in name and b"\0" not in name  # noqa: PLR2004 - NAME_MAX


def text(value: bytes) -> bytes:
    """Bytes as a packet holds them."""
    return struct.pack(">I", len(value)) + value


def code(told: bytes) -> int:
    """What a status says."""
    return Reader(told).number()


def is_end(kind: int, told: bytes) -> bool:
    """Whether an answer says that there is no more."""
    return kind == STATUS and code(told) == EOF


def names(told: bytes) -> tuple[list[Entry], int, int]:
    """The entries of one answer, how many had a name that is none, and how many there were in all."""
    reader, entries, odd = Reader(told), list[Entry](), 0
    count = reader.number()
    if count > MOST_NAMES:
        raise Lost(f"{count} names in one answer")
    for _ in range(count):
        name = reader.text()
        reader.text()  # the line that "ls -l" would print
        found = attributes(reader)
        if single(name):
            entries.append(Entry(name, found))
        elif name not in (b".", b".."):
            odd += 1
    return entries, odd, count


def attributes(reader: Reader) -> Found:
    """What is said of a file."""
    flags = reader.number()
    if flags == _USUAL:
        size, mode, mtime = _usual.unpack(reader.take(_usual.size))
        return Found(size, mode, mtime)
    size = reader.number(8) if flags & _SIZE else None
    if flags & _OWNER:
        reader.take(8)
    mode = reader.number() if flags & _MODE else None
    times = reader.take(8) if flags & _TIMES else b""
    for _ in range(reader.number() if flags & 1 << 31 else 0):
        reader.text()
        reader.text()
    return Found(size, mode, int.from_bytes(times[4:]) if times else None)


def extensions(told: bytes) -> dict[bytes, bytes]:
    """What a server offers beyond version 3."""
    reader, found = Reader(told), dict[bytes, bytes]()
    while not reader.over:
        name = reader.text()
        found[name] = reader.text()
    return found
