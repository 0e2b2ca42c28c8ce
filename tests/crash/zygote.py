"""
The real command, ready to run: imported once, forked for each run, so that a thousand runs do not import a thousand times.

Reads one JSON request a line, answers one a line. Started with the shim in front of libc; a fork arms it. Orphans of a run come to this
process, which is how it sees what a dead daemon leaves behind. A broken variant of flux is loaded here and nowhere else.

With "quick" the sandbox children are forked too, with their schemas read, instead of started anew: the same code in processes of their
own, the shim disarmed in them. With "anew" nothing is forked: interpreter, imports and children as in production. What is counted and killed, the daemon, is the same either way, and a test holds that its acts are.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import sys
import tempfile
import time
from contextlib import redirect_stderr, suppress
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import jinja2  # noqa: F401 - what a run imports late

from flux import app, cli, config, kit, tables
from flux.sandbox import _process, child

PR_SET_CHILD_SUBREAPER = 36


class Forked:
    """What the daemon needs of subprocess.Popen for a child of its sandbox."""

    ready = None

    def __init__(self, argv, *, pass_fds, **_):
        self.pid = os.fork()
        if self.pid == 0:
            os.environ.update(FAULT_AT="0", FAULT_LOG="")
            ctypes.CDLL(os.environ["LD_PRELOAD"]).fault_arm()
            os.setsid()
            for fd in (0, 1, 2):
                os.dup2(os.open(os.devnull, os.O_RDWR), fd)
            (line,) = pass_fds
            os.closerange(3, line)
            os.closerange(line + 1, 1024)
            sys.argv = argv[argv.index("-m") + 1 :]
            child.build = lambda: Forked.ready
            try:
                child.main()
            finally:
                os._exit(1)

    def wait(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def be_quick():
    """Read once what every run reads alike: modules, tables, schemas."""
    with tempfile.TemporaryDirectory() as folder:
        app.init(Path(folder))
        with suppress(SystemExit), open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):  # noqa: PTH123
            cli.main(["--config", f"{folder}/{config.FILE}", "once"])
    tables.load = lru_cache(tables.load)
    Forked.ready = kit.build()
    Forked.ready.schemas.warm()
    kit.build = lambda: Forked.ready
    gc.freeze()
    _process.subprocess = SimpleNamespace(Popen=Forked, DEVNULL=None)


def start(asked):
    pid = os.fork()
    if pid:
        return {"pid": pid}
    os.chdir(asked["root"])
    os.environ.update(asked["env"])
    for fd, path, flags in ((0, os.devnull, os.O_RDONLY), (1, asked["out"], os.O_WRONLY), (2, asked["err"], os.O_WRONLY | os.O_APPEND)):
        os.dup2(os.open(path, flags | os.O_CREAT, 0o600), fd)
    ctypes.CDLL(os.environ["LD_PRELOAD"]).fault_arm()
    if "anew" in sys.argv:
        os.execv(sys.executable, [sys.executable, "-m", "flux.cli", *asked["words"]])  # noqa: S606
    sys.argv = ["flux", *asked["words"]]
    try:
        cli.main()
    except SystemExit as end:
        if Forked.ready:
            os._exit(end.code or 0)  # the modules that were imported for a thousand runs need not be taken down after each
        raise


def wait(asked):
    """Until it ended or stopped, or the time is over."""
    over = time.monotonic() + asked["seconds"]
    while True:
        found, status = os.waitpid(asked["pid"], os.WNOHANG | os.WUNTRACED)
        if found and os.WIFSTOPPED(status):
            return {"stopped": True}
        if found:
            return {"status": os.waitstatus_to_exitcode(status)}
        if time.monotonic() > over:
            return {"late": True}
        time.sleep(0.002)


def rest(asked):
    """Every process that the runs started must be gone; those that are not are told, and ended."""
    over = time.monotonic() + asked["seconds"]
    while True:
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return {"left": []}
        if time.monotonic() > over:
            break
        time.sleep(0.002)
    left = [int(pid) for task in os.listdir("/proc/self/task") for pid in open(f"/proc/self/task/{task}/children").read().split()]  # noqa: PTH123, PTH208, SIM115
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return {"left": left}


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if "quick" in sys.argv:
        be_quick()
    for variant in set(sys.argv[1:]) - {"quick", "anew"}:
        importlib.import_module("broken").VARIANTS[variant]()
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps({"start": start, "wait": wait, "rest": rest}[asked["do"]](asked)), flush=True)


if __name__ == "__main__":
    main()
