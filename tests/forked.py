"""
The real command in a process of its own, without half a second of imports: forked from a server that has read what flux reads.

The server has imported the libraries, and nothing of flux: a forked child imports flux anew, as `python -m flux.cli` does, for flux looks
at its environment, its locale and its streams while it is imported. What an interpreter reads before any program, it reads when the server
starts; so each environment that it would read otherwise has a server of its own. A server ends with the process that asked it.
"""

import atexit
import gc
import json
import os
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from importlib import import_module
from io import BytesIO, TextIOWrapper
from pathlib import Path
from threading import Lock
from types import ModuleType

AT_START = ("LC_", "LANG", "LD_", "MALLOC_", "PYTHON", "TZ")  # what an interpreter reads of its environment before any program runs
MOST_BYTES = 1 << 20  # of a request; the system refuses to send as much
STARTING = Lock()  # tests have threads, the servers have none
# What flux imports at its start or for a command, for the time that it takes; whatever is not named here is imported after the fork.
LIBRARIES = (
    "apscheduler.triggers.cron", "attr", "ctypes", "email.generator", "iso4217", "jinja2", "lxml.etree", "msgspec.json", "openpyxl", "orjson", "paramiko",
    "pikepdf", "prometheus_client.core", "pydantic.fields", "pydantic.type_adapter", "python_calamine", "rich.progress", "rich.table", "smtplib",
    "sqlalchemy.dialects.sqlite.pysqlite", "sqlite3", "statistics", "stdnum.iban", "stdnum.luhn", "structlog", "tarfile", "tomllib", "typer",
    "watchdog.observers", "zipfile",
)  # fmt: skip


def run(words, folder, env, seconds=300):
    """What subprocess.run gives of `python -m flux.cli` with these words, this environment and none of ours, both streams captured."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    out, told = os.pipe()
    err, said = os.pipe()
    asked = {"words": words, "folder": str(folder), "env": env, "umask": _umask()}
    with ours, open(out, "rb", buffering=0) as out, open(err, "rb", buffering=0) as err:  # noqa: PTH123 - descriptors
        with theirs, open(told, "wb") as told, open(said, "wb") as said:  # noqa: PTH123 - as above
            with STARTING:
                line = _server(frozenset(_at_start(env).items()))
            socket.send_fds(line, [json.dumps(asked).encode()], [0, told.fileno(), said.fileno(), theirs.fileno()])
        pid = int(_heard(ours))
        try:
            written = _written(out, err, time.monotonic() + seconds)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            _heard(ours)
            raise
        return subprocess.CompletedProcess(words, int(_heard(ours)), *(TextIOWrapper(BytesIO(one)).read() for one in written))


def _at_start(env):
    return {name: value for name, value in env.items() if name.startswith(AT_START)}


def _umask():
    """Ours, read and not set: another thread may be making a file."""
    return int(Path("/proc/self/status").read_text("ascii").partition("Umask:")[2].split()[0], 8)


@cache
def _server(at_start):
    """The line to the server of these settings, started when it is first asked."""
    line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    env = {name: value for name, value in os.environ.items() if not name.startswith(AT_START)} | dict(at_start)
    with theirs:
        # Pipes, as its commands have: the streams that Python makes at its start are made for what they lead to.
        server = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()], cwd="/", env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    atexit.register(_end, server, line)
    return line


def _end(server, line):
    line.close()
    with server:
        pass


def _heard(line):
    """What the server says; it has nothing to say where it is gone."""
    said = line.recv(64)
    assert said, "the server of forked commands is gone"
    return said


def _written(out, err, end):
    """All that is written into two pipes, until nobody holds them open."""
    written = {out: bytearray(), err: bytearray()}
    with selectors.DefaultSelector() as selector:
        for pipe in written:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(max(0, end - time.monotonic())):
                if block := key.fileobj.read(1 << 16):
                    written[key.fileobj] += block
                else:
                    selector.unregister(key.fileobj)
            if time.monotonic() > end:
                raise TimeoutError
    return map(bytes, written.values())


def serve(line):
    """Fork for each request, and tell its asker the process and how it ended. Returns in each child, with what was asked and its streams."""
    running = {}  # descriptor of a process -> the process, and the line to its asker
    poll = select.poll()
    poll.register(line, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd != line.fileno():
                poll.unregister(fd)
                _told_end(fd, *running.pop(fd))
                continue
            asked, streams, _, _ = socket.recv_fds(line, MOST_BYTES, 4)
            if not asked:
                sys.exit()  # who asked is gone
            pid = os.fork()
            if not pid:
                line.close()
                return json.loads(asked), streams[:3]
            *streams, asker = streams
            for stream in streams:
                os.close(stream)
            os.write(asker, b"%d" % pid)
            process = os.pidfd_open(pid)
            running[process] = pid, asker
            poll.register(process, select.POLLIN)


def _told_end(process, pid, asker):
    with suppress(BrokenPipeError):
        os.write(asker, b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os.close(asker)
    os.close(process)


def become(asked, streams):
    """The command, as an interpreter of its own would start it: its streams alone, its folder, its environment and its words."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 1024)
    os.umask(asked["umask"])
    os.chdir(asked["folder"])
    env = asked["env"] | _at_start(os.environ)  # an interpreter may set LC_CTYPE for those whom it starts
    os.environ.clear()
    os.environ.update(env)
    sys.path[0] = os.getcwd()  # noqa: PTH109 - as -m does
    sys.orig_argv = [sys.executable, "-m", "flux.cli", *asked["words"]]
    sys.argv = ["-m", *asked["words"]]
    sys.modules["__main__"] = ModuleType("__main__")
    runpy._run_module_as_main("flux.cli")  # what an interpreter calls for -m


def main():
    for name in LIBRARIES:
        import_module(name)
    assert not any(name.partition(".")[0] == "flux" for name in sys.modules)
    gc.freeze()
    become(*serve(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
