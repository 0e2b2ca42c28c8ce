"""
The walls around a child. Each is raised as far as the kernel offers it; whether it stands is told, never supposed.

Limits, privileges and the network come first, before anything is loaded. Folders and system calls are closed when everything is loaded,
before the first byte of a sender's is read: then nothing can be opened but the program's own files, and those only for reading.
"""

import ctypes
import errno
import os
import resource
import signal
import site
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from struct import pack, unpack

from flux.sandbox._syscalls import program
from flux.sandbox.wire import LARGE_MEMORY_BYTES, MEMORY_BYTES, Wall

DESCRIPTORS = 1024
TIMES, SPARE_S = 10, 60  # so many times the processor time that a task may take, and so much more: the daemon ends it long before

_PDEATHSIG, _SECCOMP, _NO_NEW_PRIVS, _FILTER = 1, 22, 38, 2
_NEWUSER, _NEWNET = 0x1000_0000, 0x4000_0000
_CAPABILITIES, _READ_SEARCH = 0x2008_0522, 1 << 2  # version 3; the one that is kept, by root: to read the program's own files whoever owns them
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # of landlock, on every architecture
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}  # version -> how many it knows
_TCP_SINCE, _SCOPES_SINCE = 4, 6  # bind and connect; abstract sockets and signals of others
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_BENEATH = 1
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def enter(unpack_bytes: int) -> tuple[Wall, ...]:
    """Limits, no privileges, no network. *unpack_bytes*: the largest file that any task of this child may write."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the daemon's to handle
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, DESCRIPTORS), (resource.RLIMIT_NPROC, 0)):
        _limit(what, most, most)
    _limit(resource.RLIMIT_DATA, MEMORY_BYTES, LARGE_MEMORY_BYTES)
    _limit(resource.RLIMIT_FSIZE, 0, unpack_bytes)
    network = _raised("network", _leave_network)
    privileges = _raised("privileges", _drop_privileges)
    _libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # last: a change of privileges forgets it
    return privileges, network


def close(folders: Iterable[Path]) -> tuple[Wall, ...]:
    """From now on nothing is opened but what lies beneath *folders*, the interpreter and its libraries, for reading; no calls that lead out."""
    return _raised("landlock", lambda: _restrict_files([*folders, *_interpreter()])), _raised("seccomp", _filter_calls)


def grant(*, memory: int, seconds: float, file_bytes: int) -> None:
    """The limits of one task. *seconds*: what it may take by its published limits; the kernel's own end comes far above."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_DATA, memory)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + TIMES * seconds) + SPARE_S)
    _limit(resource.RLIMIT_FSIZE, file_bytes)


def _limit(what: int, soft: int, hard: int = resource.RLIM_INFINITY) -> None:
    """Set a limit, never above what the service was given itself: that it could not, and need not, raise."""
    _, most = resource.getrlimit(what)
    if hard == resource.RLIM_INFINITY or (most != resource.RLIM_INFINITY and most < hard):
        hard = most
    resource.setrlimit(what, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _raised(name: str, raise_it: Callable[[], str]) -> Wall:
    try:
        return Wall(name, stands=True, detail=raise_it())
    except OSError as error:
        return Wall(name, stands=False, detail=errno.errorcode.get(error.errno or 0, str(error.errno)))


def _done(result: int) -> int:
    """What a call of libc gave. Raises OSError."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _leave_network() -> str:
    """A network namespace of its own, in which not even the loopback is up; by way of a user namespace where that takes a privilege."""
    if _libc.unshare(_NEWNET) != 0:
        _done(_libc.unshare(_NEWUSER | _NEWNET))
    return ""


def _drop_privileges() -> str:
    _done(_libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    header, data = ctypes.create_string_buffer(pack("=Ii", _CAPABILITIES, 0)), ctypes.create_string_buffer(24)
    _done(_libc.capget(header, data))
    _, permitted, *_ = unpack("=6I", data.raw[:24])
    kept = permitted & _READ_SEARCH
    _done(_libc.capset(header, ctypes.create_string_buffer(pack("=6I", kept, kept, 0, 0, 0, 0))))
    return ""


def _restrict_files(readable: Iterable[Path]) -> str:
    """Landlock: what the kernel knows to restrict is restricted, in files, in TCP and in signals. Gives the version of its interface."""
    version = _landlock(_CREATE_RULESET, None, 0, 1)
    rights = max(bits for since, bits in _FILE_RIGHTS.items() if since <= version)
    fields = [(1 << rights) - 1, *(0b11 for since in (_TCP_SINCE, _SCOPES_SINCE) if since <= version)]
    handled = pack(f"={len(fields)}Q", *fields)
    ruleset = _landlock(_CREATE_RULESET, handled, len(handled), 0)
    try:
        for path in readable:
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):  # nothing is loaded from there either
                _allow_reading(ruleset, path)
        _landlock(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return str(version)


def _allow_reading(ruleset: int, path: Path) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _landlock(_ADD_RULE, ruleset, _BENEATH, pack("=Qi", _READ_FILE | _READ_DIR if path.is_dir() else _READ_FILE, fd), 0)
    finally:
        os.close(fd)


def _landlock(number: int, *arguments: bytes | int | None) -> int:
    plain = (ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments)
    return _done(_libc.syscall(ctypes.c_long(number), *plain))


def _interpreter() -> list[Path]:
    """Where modules and libraries are that are loaded late: most children never meet an archive, a PDF or a schema error."""
    maps = Path("/proc/self/maps").read_text("utf-8", "surrogateescape").splitlines()
    libraries = {Path(line.split(maxsplit=5)[5]).parent for line in maps if ".so" in line}
    modules = [path for path in map(Path, filter(None, sys.path)) if not (path / "flux").is_dir()]  # a checkout may hold more than the program
    return [*modules, *map(Path, site.getsitepackages()), *libraries, Path("/etc/ld.so.cache")]


def _filter_calls() -> str:
    code = program()
    if not code:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    kept = ctypes.create_string_buffer(code)
    descriptor = pack("@HP", len(code) // 8, ctypes.addressof(kept))
    _done(_libc.prctl(_SECCOMP, _FILTER, ctypes.create_string_buffer(descriptor), 0, 0))
    return ""
