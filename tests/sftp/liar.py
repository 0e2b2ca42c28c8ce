"""
A small SFTP server in memory that tells what a test wants it to tell. It speaks over one end of a pair of sockets, or over a channel of SSH.

It counts what appears under a final name, so that a file that is taken at once is still known to have been published.
"""

import socket
import struct
import threading
import time

import paramiko

ATTRS = {"size": 1, "mode": 4, "times": 8}
STATUS, HANDLE, DATA, NAME, ATTR = 101, 102, 103, 104, 105
OK, EOF, MISSING, DENIED, FAILURE, UNSUPPORTED = 0, 1, 2, 3, 4, 8
NAMES = {1: "init", 3: "open", 4: "close", 5: "read", 6: "write", 7: "lstat", 8: "fstat", 11: "opendir", 12: "readdir", 13: "remove", 14: "mkdir", 15: "rmdir", 18: "rename", 200: "extended"}
EXTENSIONS = (b"posix-rename@openssh.com", b"fsync@openssh.com")


class Cut(Exception):  # noqa: N818 - what happens to the line
    """The line ends here."""


class Tree:
    """What lies on the server: files with their bytes, folders. It outlives the connections. taken: a consumer takes what is published at once."""

    def __init__(self, *folders):
        self.files, self.folders, self.published, self.takes = {}, {b".", b"/in", b"/out", *folders}, [], False
        self.stamp = {}

    def put(self, path, content):
        self.files[path], self.stamp[path] = bytearray(content), int(time.time())

    def rename(self, old, new):
        self.files[new], self.stamp[new] = self.files.pop(old), self.stamp.pop(old)
        if new.startswith(b"/out/") and not new.startswith(b"/out/."):
            self.published.append((new, bytes(self.files[new])))
            if self.takes:
                del self.files[new]

    def inside(self, folder):
        return sorted({path[len(folder) + 1 :].split(b"/")[0] for path in (*self.files, *self.folders) if path.startswith(folder + b"/")})


class Liar:
    """
    One connection to a tree. cut_at: after how many requests the line ends; answered: whether the last was carried out before.

    strange: names that a listing of /in has beside the true ones. lie: {request: function(server, arguments) -> packet or None}.
    """

    def __init__(self, tree, *, cut_at=None, carried_out=True, strange=(), extensions=EXTENSIONS, lie=None):
        self.tree, self.cut_at, self.carried_out, self.strange, self.extensions = tree, cut_at, carried_out, strange, extensions
        self.lie, self.handles, self.requests, self.asked = lie or {}, {}, 0, []

    def connect(self):
        """The client's end of a pair of sockets, served by a thread."""
        ours, theirs = socket.socketpair()
        threading.Thread(target=self.serve, args=(theirs,), daemon=True).start()
        return ours

    def serve(self, line):
        try:
            while True:
                size = int.from_bytes(_exactly(line, 4))
                packet = _exactly(line, size)
                line.sendall(self._answer(packet[0], packet[1:]))
        except (Cut, OSError, EOFError):
            pass
        finally:
            line.close()

    def _answer(self, kind, body):
        what = NAMES.get(kind, "?")
        if what == "init":
            told = b"".join(_text(name) + _text(b"1") for name in self.extensions)
            return _packet(2, struct.pack(">I", 3) + told)
        self.requests += 1
        self.asked.append(what)
        last = self.cut_at is not None and self.requests > self.cut_at
        if last and not self.carried_out:
            raise Cut
        number, rest = body[:4], body[4:]
        told = self.lie[what](self, rest) if what in self.lie else None
        if told is None:
            told = getattr(self, f"_{what}")(rest) if hasattr(self, f"_{what}") else status(UNSUPPORTED)
        if last:
            raise Cut
        return told if isinstance(told, bytes) else _packet(told[0], number + told[1])

    # -- what it can do -------------------------------------------------------------------------------------------------------------------

    def _open(self, rest):
        path, rest = _taken(rest)
        flags = int.from_bytes(rest[:4])
        if flags & 0x10:
            self.tree.put(path, b"")
        if path not in self.tree.files:
            return status(MISSING)
        return self._handle(path)

    def _handle(self, path):
        handle = str(len(self.handles)).encode()
        self.handles[handle] = path
        return HANDLE, _text(handle)

    def _close(self, _):
        return status(OK)

    def _read(self, rest):
        handle, rest = _taken(rest)
        at, size = struct.unpack(">QI", rest)
        block = bytes(self.tree.files.get(self.handles[handle], b"")[at : at + size])
        return (DATA, _text(block)) if block else status(EOF)

    def _write(self, rest):
        handle, rest = _taken(rest)
        at, (block, _) = int.from_bytes(rest[:8]), _taken(rest[8:])
        self.tree.files[self.handles[handle]][at : at + len(block)] = block
        return status(OK)

    def _lstat(self, rest):
        path, _ = _taken(rest)
        return (ATTR, self.attributes(path)) if path in self.tree.files or path in self.tree.folders else status(MISSING)

    def _fstat(self, rest):
        return ATTR, self.attributes(self.handles[_taken(rest)[0]])

    def attributes(self, path):
        if path in self.tree.folders:
            return struct.pack(">II", ATTRS["mode"], 0o040755)
        size, at = len(self.tree.files[path]), self.tree.stamp[path]
        return struct.pack(">IQIII", ATTRS["size"] | ATTRS["mode"] | ATTRS["times"], size, 0o100644, at, at)

    def _opendir(self, rest):
        path, _ = _taken(rest)
        if path not in self.tree.folders:
            return status(MISSING)
        kind, handle = self._handle(path)
        self.handles[handle[4:] + b"?"] = [*self.tree.inside(path), *(self.strange if path == b"/in" else ())]
        return kind, handle

    def _readdir(self, rest):
        handle, _ = _taken(rest)
        names = self.handles[handle + b"?"]
        if not names:
            return status(EOF)
        self.handles[handle + b"?"] = names[50:]
        return names_of([(name, self._of(self.handles[handle] + b"/" + name)) for name in names[:50]])

    def _of(self, path):
        return self.attributes(path) if path in self.tree.files or path in self.tree.folders else struct.pack(">IQI", ATTRS["size"] | ATTRS["mode"], 5, 0o100644)

    def _remove(self, rest):
        path, _ = _taken(rest)
        return status(OK if self.tree.files.pop(path, None) is not None else MISSING)

    def _mkdir(self, rest):
        path, _ = _taken(rest)
        if path in self.tree.folders:
            return status(FAILURE)
        self.tree.folders.add(path)
        return status(OK)

    def _rmdir(self, rest):
        path, _ = _taken(rest)
        if self.tree.inside(path):
            return status(FAILURE)
        self.tree.folders.discard(path)
        return status(OK)

    def _rename(self, rest):
        old, rest = _taken(rest)
        new, _ = _taken(rest)
        if old not in self.tree.files:
            return status(MISSING)
        if new in self.tree.files:
            return status(FAILURE)
        self.tree.rename(old, new)
        return status(OK)

    def _extended(self, rest):
        name, rest = _taken(rest)
        if name == b"fsync@openssh.com":
            return status(OK)
        old, rest = _taken(rest)
        new, _ = _taken(rest)
        if old not in self.tree.files:
            return status(MISSING)
        self.tree.rename(old, new)
        return status(OK)


def status(code):
    return STATUS, struct.pack(">I", code) + _text(b"so be it\x1b[31m") + _text(b"")


def names_of(entries):
    return NAME, struct.pack(">I", len(entries)) + b"".join(_text(name) + _text(b"-rw") + told for name, told in entries)


def _packet(kind, body):
    return struct.pack(">IB", len(body) + 1, kind) + body


def _text(value):
    return struct.pack(">I", len(value)) + value


def _taken(rest):
    size = int.from_bytes(rest[:4])
    return rest[4 : 4 + size], rest[4 + size :]


def _exactly(line, count):
    got = b""
    while len(got) < count:
        block = line.recv(count - len(got))
        if not block:
            raise EOFError
        got += block
    return got


class _Door(paramiko.ServerInterface):
    """Lets anybody in, and nothing but the subsystem sftp."""

    def check_auth_publickey(self, *_):
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, *_):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, _channel, name):
        return name == "sftp"


class OverSsh:
    """A liar behind SSH on loopback: what a courier connects to. make() gives the liar of each connection."""

    def __init__(self, key_file, make):
        self.key, self.make, self.connections = paramiko.PKey.from_path(key_file), make, 0
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                line, _ = self.door.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line):
        transport = paramiko.Transport(line)
        transport.add_server_key(self.key)
        try:
            transport.start_server(server=_Door())
            channel = transport.accept(20)
            if channel is not None:
                time.sleep(0.05)  # until the subsystem was granted
                self.make().serve(channel)
        except (paramiko.SSHException, EOFError, OSError):
            pass
        finally:
            transport.close()

    def close(self):
        self.door.close()
