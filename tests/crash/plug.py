"""The plug of a running flux, and the hand that pulls it: starts the real command in an installation and lets its Nth act go wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PATIENCE_S = 120
REST_S = 20


def build_shim(folder):
    """The library that lets calls go wrong. Without a C compiler what needs it is skipped and counted."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("needs a C compiler (apt-get install gcc libc6-dev)")
    target = Path(folder) / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", target, HERE / "shim.c", "-ldl"], check=True)
    return target


@dataclass
class Ended:
    """status: as subprocess says it, "stopped" when it waits at its Nth act. said: its standard error. left: processes it left behind."""

    status: int | str
    said: str
    left: tuple[int, ...] = ()


class Plug:
    """One flux at a time, in whatever folder. words: "quick" or "anew" (see zygote), the name of a broken variant."""

    def __init__(self, shim, *words):
        self._folder = tempfile.TemporaryDirectory()
        self._said = Path(self._folder.name) / "said"
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("FLUX_", "LC_", "LANG", "FAULT"))}
        self._zygote = subprocess.Popen(
            [sys.executable, HERE / "zygote.py", *words],
            env={**plain, "LD_PRELOAD": str(shim), "COLUMNS": "200"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._zygote.stdin.close()
        self._zygote.wait(10)
        self._zygote.stdout.close()
        self._folder.cleanup()

    def _ask(self, **asked):
        print(json.dumps(asked), file=self._zygote.stdin, flush=True)
        return json.loads(self._zygote.stdout.readline())

    def start(self, root, *words, at=0, fault="kill", on="", log=""):
        """Start the command; gives its process id. at: its Nth act, or its Nth of one kind: on, a call and a part of its path."""
        self._said.unlink(missing_ok=True)
        env = {"FAULT_AT": str(at), "FAULT": fault, "FAULT_ON": on, "FAULT_LOG": str(log)}
        return self._ask(do="start", root=str(root), words=words, env=env, out=os.devnull, err=str(self._said))["pid"]

    def wait(self, pid, seconds=PATIENCE_S):
        """Until it ended or stands at its Nth act. Raises TimeoutError."""
        found = self._ask(do="wait", pid=pid, seconds=seconds)
        if "late" in found:
            raise TimeoutError(f"{pid} still runs after {seconds} s")
        if "stopped" in found:
            return Ended("stopped", "")
        left = self._ask(do="rest", seconds=5)["left"]
        return Ended(found["status"], self.heard(), tuple(left))

    def heard(self):
        """What the running one said so far."""
        return self._said.read_text("utf-8", "replace") if self._said.exists() else ""

    def end(self, pid):
        """Kill it, and see that nothing of it is left."""
        os.kill(pid, signal.SIGKILL)
        return self.wait(pid)

    def once(self, root, **fault):
        """``flux once`` to its end."""
        return self.wait(self.start(root, "once", **fault))

    def under_way(self, root, rests, **fault):
        """``flux run`` to its end, which is asked of it when *rests* says so, or after some seconds."""
        pid, over = self.start(root, "run", **fault), time.monotonic() + REST_S
        while not rests(root) and time.monotonic() < over:
            with suppress(TimeoutError):
                return self.wait(pid, 0.05)
        os.kill(pid, signal.SIGTERM)
        return self.wait(pid)
