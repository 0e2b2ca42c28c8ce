"""
SFTP, version 3, over a channel (draft-ietf-secsh-filexfer-02, and OpenSSH's extensions posix-rename and fsync).

Written here and not taken from paramiko's own client, because of three things that one cannot have from it: names as bytes (it decodes
them, and one file of a stranger's in Latin-1 ends its whole listing), what the server offers beyond version 3, and requests in groups: a
thousand small files cost the round trips of a few. Nothing that a server says is believed beyond its bounds: the size of a packet, the
number of entries, the number of an answer, the time that it takes.
"""

import errno
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from flux.transports.sftp import packets as p
from flux.transports.sftp.packets import Entry, Found, Listing, Lost

CHUNK = 32_768           # bytes in one read or write: what every server takes
DEPTH = 32               # requests under way at once: with CHUNK, half of the window of a channel, so that nobody waits for himself
MOST_PACKET = 1 << 18    # bytes of one answer; OpenSSH's own limit
MOST_LISTED = 50_000     # entries of one folder that are looked at; the others have their turn when these are gone
RECEIVE = 1 << 17

T = TypeVar("T")


class Channel(Protocol):
    """What is asked of a channel: paramiko's, or anything that carries bytes."""

    def settimeout(self, seconds: float, /) -> None:
        """How long one call may take."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of it."""

    def recv(self, most: int, /) -> bytes:
        """Some bytes; none when the other end is gone."""


class Fetch(Struct):
    """One file to fetch: from where, how large it was said to be, and what takes its bytes. trouble: why it did not come whole."""

    path: bytes
    found: Found
    put: Callable[[bytes, int], object]
    trouble: OSError | None = None
    handle: bytes = b""
    got: int = 0


class Store(Struct):
    """One file to write: where to, and its bytes in order, *size* of them in all."""

    path: bytes
    size: int
    blocks: Iterator[bytes]
    handle: bytes = b""


class Changed(OSError):  # noqa: N818 - as Lost
    """A file is not what it was said to be: it grew, or shrank, or was written to under our hands."""


class Wire:
    """
    One SFTP session. Raises Lost for what ends it, OSError for what the server refused.

    answer_s: how long one answer may take, from its first byte's being waited for to its last. pace: told of every transfer's bytes, and
    takes the time that a limit on them asks for.
    """

    def __init__(self, channel: Channel, *, answer_s: float, pace: Callable[[int], None] = lambda _: None) -> None:
        self._channel, self._answer_s, self._pace = channel, answer_s, pace
        self._buffer, self._at = b"", 0  # what was received, and how far it is read
        self._answers, self._asked, self._number = dict[int, tuple[int, bytes]](), set[int](), 0
        channel.settimeout(answer_s)
        self._send(struct.pack(">IBI", 5, p.INIT, 3))
        kind, told = self._packet(time.monotonic() + answer_s)
        if kind != p.VERSION:
            raise Lost("no SFTP server answers")
        self.extensions = p.extensions(told[4:])

    # -- what is asked --------------------------------------------------------------------------------------------------------------------

    def listing(self, folder: bytes, most: int = MOST_LISTED) -> Listing:
        """The entries of a folder, at most so many of them, and none whose name leads elsewhere."""
        handle = self._handle(*self._one(p.OPENDIR, p.text(folder)))
        entries: list[Entry] = []
        met = odd = 0
        whole = False
        while met < most:
            kind, told = self._one(p.READDIR, p.text(handle))
            if kind == p.STATUS and p.code(told) == p.EOF:
                whole = True
                break
            if kind != p.NAME:
                raise self._refusal(kind, told)
            found, strange, count = p.names(told)
            if not count:
                raise Lost("an empty list of names")  # for ever, perhaps
            met, odd = met + count, odd + strange
            entries += found
        self._one(p.CLOSE, p.text(handle))
        return Listing(tuple(entries), whole, odd)

    def lstat_all(self, paths: Sequence[bytes]) -> list[Found | None]:
        """What each path is, None where there is nothing."""
        answers: list[Found | None] = []
        for _, kind, told in self._all((p.LSTAT, p.text(path), None) for path in paths):
            if kind == p.ATTRS:
                answers.append(p.attributes(p.Reader(told)))
            elif kind == p.STATUS and p.code(told) == p.NO_SUCH_FILE:
                answers.append(None)
            else:
                raise self._refusal(kind, told)
        return answers

    def rename_all(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[OSError | None]:
        """Rename each, in one atomic step where the server offers that. Gives why one was refused."""
        if p.POSIX_RENAME in self.extensions:
            return self._done((p.EXTENDED, p.text(p.POSIX_RENAME) + p.text(old) + p.text(new), None) for old, new in pairs)
        return self._done((p.RENAME, p.text(old) + p.text(new), None) for old, new in pairs)

    def remove_all(self, paths: Sequence[bytes]) -> list[OSError | None]:
        """Remove each file. Gives why one was refused."""
        return self._done((p.REMOVE, p.text(path), None) for path in paths)

    def mkdir(self, folder: bytes) -> None:
        """Make a folder."""
        kind, told = self._one(p.MKDIR, p.text(folder) + bytes(4))
        if refused := self._trouble(kind, told):
            raise refused

    def rmdir(self, folder: bytes) -> OSError | None:
        """Remove an empty folder. Gives why it was refused."""
        return self._trouble(*self._one(p.RMDIR, p.text(folder)))

    def fetch_all(self, files: Sequence[Fetch]) -> None:
        """Read each file to the size that it was said to have, and prove that it still looks so. What is wrong with one stands in its trouble."""
        for group in _groups(files, DEPTH):
            for file, kind, told in self._all((p.OPEN, p.text(file.path) + struct.pack(">II", p.FOR_READING, 0), file) for file in group):
                file.handle, file.trouble = (p.Reader(told).text(), None) if kind == p.HANDLE else (b"", self._refusal(kind, told))
            opened = [file for file in group if not file.trouble]
            self._read(opened)
            for file, kind, told in self._all((p.FSTAT, p.text(file.handle), file) for file in opened):
                after = p.attributes(p.Reader(told)) if kind == p.ATTRS else Found()
                if not file.trouble and (after.size, after.mtime) != (file.found.size, file.found.mtime):
                    file.trouble = Changed(errno.ESTALE, f"{file.found.size} B, then {after.size} B")
            self._close(opened)

    def store_all(self, files: Sequence[Store]) -> None:
        """Write each file anew, make it durable where the server can, and prove its size. The first that is refused is raised."""
        for group in _groups(files, DEPTH):  # no server lets anybody hold as many files open as he likes
            self._store(group)

    def _store(self, files: Sequence[Store]) -> None:
        opened: list[Store] = []
        refused: list[OSError] = []
        for file, kind, told in self._all((p.OPEN, p.text(file.path) + struct.pack(">II", p.FOR_WRITING, 0), file) for file in files):
            if kind == p.HANDLE:
                file.handle = p.Reader(told).text()
                opened.append(file)
            else:
                refused.append(self._refusal(kind, told))
        if not refused:
            refused += [trouble for _, kind, told in self._all(_writes(opened, self._pace)) if (trouble := self._trouble(kind, told))]
        if not refused and p.FSYNC in self.extensions:
            syncs = ((p.EXTENDED, p.text(p.FSYNC) + p.text(file.handle), file) for file in opened)
            refused += [trouble for _, kind, told in self._all(syncs) if (trouble := self._trouble(kind, told))]
        for file, kind, told in self._all((p.FSTAT, p.text(file.handle), file) for file in opened):
            size = p.attributes(p.Reader(told)).size if kind == p.ATTRS else None
            if not refused and size != file.size:
                refused.append(Changed(errno.EIO, f"{file.size} B were sent, {size} B are there"))
        self._close(opened)
        if refused:
            raise refused[0]

    def read_whole(self, path: bytes, most: int) -> Iterator[bytes]:
        """The bytes of one file in order, at most so many."""
        handle = self._handle(*self._one(p.OPEN, p.text(path) + struct.pack(">II", p.FOR_READING, 0)))
        at = 0
        while at < most:
            kind, told = self._one(p.READ, p.text(handle) + struct.pack(">QI", at, CHUNK))
            if kind != p.DATA:
                break
            block = p.Reader(told).text()
            at += len(block)
            yield block
        self._one(p.CLOSE, p.text(handle))

    # -- how it is asked ------------------------------------------------------------------------------------------------------------------

    def _read(self, files: Sequence[Fetch]) -> None:
        """The bytes of files that are open. A server may answer with less than was asked: the rest is asked again."""
        queue: deque[tuple[int, bytes, tuple[Fetch, int, int]]] = deque()

        def ask(file: Fetch, at: int, size: int) -> tuple[int, bytes, tuple[Fetch, int, int]]:
            return p.READ, p.text(file.handle) + struct.pack(">QI", at, size), (file, at, size)

        def wanted() -> Iterator[tuple[int, bytes, tuple[Fetch, int, int]]]:
            for file in files:
                for at in range(0, file.found.size or 0, CHUNK):
                    if file.trouble:
                        break
                    yield ask(file, at, min(CHUNK, (file.found.size or 0) - at))

        more: Iterable[tuple[int, bytes, tuple[Fetch, int, int]]] = wanted()
        while True:
            for (file, at, size), kind, told in self._all(more):
                if kind != p.DATA:
                    file.trouble = Changed(errno.ESTALE, f"it ends before {at + size} B") if p.is_end(kind, told) else self._refusal(kind, told)
                    continue
                block = p.Reader(told).text()
                if not 0 < len(block) <= size:
                    raise Lost("other bytes than were asked for")
                self._pace(len(block))
                file.trouble = file.trouble or _put(file, block, at)
                if len(block) < size:
                    queue.append(ask(file, at + len(block), size - len(block)))
            if not queue:
                return
            more, queue = queue, deque()

    def _close(self, files: Iterable[Fetch | Store]) -> None:
        for _ in self._all((p.CLOSE, p.text(file.handle), None) for file in files):
            pass

    def _done(self, requests: Iterable[tuple[int, bytes, None]]) -> list[OSError | None]:
        return [self._trouble(kind, told) for _, kind, told in self._all(requests)]

    def _one(self, kind: int, asked: bytes) -> tuple[int, bytes]:
        return next((kind, told) for _, kind, told in self._all([(kind, asked, None)]))

    def _all(self, requests: Iterable[tuple[int, bytes, T]]) -> Iterator[tuple[T, int, bytes]]:
        """Send, so many at a time, and give each answer in the order of the requests, with what stood beside its request."""
        waiting, more = deque[tuple[int, T]](), True
        asked = iter(requests)
        while more or waiting:
            packets = []
            while more and len(waiting) < DEPTH:
                request = next(asked, None)
                if request is None:
                    more = False
                    break
                kind, body, beside = request
                self._number += 1
                self._asked.add(self._number)
                waiting.append((self._number, beside))
                packets.append(struct.pack(">IBI", len(body) + 5, kind, self._number) + body)
            if packets:
                self._send(b"".join(packets))
            for _ in range((len(waiting) + 1) // 2):
                number, beside = waiting.popleft()
                yield (beside, *self._answer(number))

    def _answer(self, number: int) -> tuple[int, bytes]:
        until = time.monotonic() + self._answer_s
        while number not in self._answers:
            kind, told = self._packet(until)
            if len(told) < 4 or (met := int.from_bytes(told[:4])) not in self._asked:  # noqa: PLR2004 - the size of its number
                raise Lost("an answer to what was not asked")
            self._asked.remove(met)
            self._answers[met] = (kind, told[4:])
        return self._answers.pop(number)

    def _packet(self, until: float) -> tuple[int, bytes]:
        self._hold(4, until)
        size = int.from_bytes(self._buffer[self._at : self._at + 4])
        if not 1 <= size <= MOST_PACKET:
            raise Lost(f"a packet of {size} B")
        self._hold(4 + size, until)
        begin, self._at = self._at + 4, self._at + 4 + size
        return self._buffer[begin], self._buffer[begin + 1 : self._at]

    def _hold(self, count: int, until: float) -> None:
        """Wait until so many bytes are there that were not read yet."""
        while len(self._buffer) - self._at < count:
            left = until - time.monotonic()
            if left <= 0:
                raise Lost("no answer in time")
            try:
                self._channel.settimeout(left)
                block = self._channel.recv(RECEIVE)
            except (OSError, EOFError) as error:
                raise Lost(str(error) or "no answer in time") from error
            if not block:
                raise Lost("the other end is gone")
            self._buffer, self._at = self._buffer[self._at :] + block, 0

    def _send(self, data: bytes) -> None:
        try:
            self._channel.settimeout(self._answer_s)
            self._channel.sendall(data)
        except (OSError, EOFError) as error:
            raise Lost(str(error) or "nothing is taken") from error

    def _handle(self, kind: int, told: bytes) -> bytes:
        if kind != p.HANDLE:
            raise self._refusal(kind, told)
        return p.Reader(told).text()

    def _trouble(self, kind: int, told: bytes) -> OSError | None:
        return None if kind == p.STATUS and p.code(told) == p.OK else self._refusal(kind, told)

    @staticmethod
    def _refusal(kind: int, told: bytes) -> OSError:
        if kind != p.STATUS:
            raise Lost(f"an answer of kind {kind}")
        code = p.code(told)
        if code == p.NO_SUCH_FILE:
            return FileNotFoundError(errno.ENOENT, "no such file")
        return PermissionError(errno.EACCES, "permission denied") if code == p.DENIED else OSError(errno.EIO, f"the server refuses ({code})")


def _writes(files: Iterable[Store], pace: Callable[[int], None]) -> Iterator[tuple[int, bytes, Store]]:
    for file in files:
        at = 0
        for block in file.blocks:
            pace(len(block))
            yield p.WRITE, p.text(file.handle) + struct.pack(">Q", at) + p.text(block), file
            at += len(block)


def _put(file: Fetch, block: bytes, at: int) -> OSError | None:
    """Where our own disk refuses, that is this file's trouble, and the session's order is kept."""
    try:
        file.put(block, at)
    except OSError as error:
        return error
    file.got += len(block)
    return None


def _groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
