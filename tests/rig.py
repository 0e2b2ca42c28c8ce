"""The rig of the tests that drive flux from outside: the real command on a real installation in a folder."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from unittest.mock import patch

import forked

from flux import cli

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FLUX = (sys.executable, "-m", "flux.cli")
CONFIG = 'settle_s = 0.0\nscan_s = 0.2\nchildren = 1\nlog_format = "json"\n\n[[partner]]\nname = "batipro"\nnaming = "chorus"\n'
# Commands that only ask, or that write one file of their own.
TYPED_HERE = {
    "check", "clocks", "doctor", "dossier", "flows", "matrix", "piece", "reinjections", "restored", "runs", "search", "show", "synthesis",
    ("config", "show"), ("directory", "import"), ("directory", "show"), ("directory", "status"),
    ("market", "check"), ("market", "import"), ("market", "list"), ("market", "show"), ("schedule", "list"), ("schedule", "show"),
}  # fmt: skip


def run(folder, *words, env=None):
    """The command in a folder, to its end."""
    return forked.run([*map(str, words)], folder, dict(os.environ if env is None else env))


def run_anew(folder, *words, env=None):
    """The same in an interpreter that is started for it: half a second of imports, for tests of a start and of this rig."""
    return subprocess.run([*FLUX, *map(str, words)], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300)


def wait_for(condition, seconds=60):
    """What *condition* gives, once it is true: a busy machine takes its time, and a test that waits for a sign waits no longer than it must."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return found


def fill(folder, leave=0):
    """Fill a file system but for *leave* bytes."""
    with (folder / "fill").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(0, file.tell() - leave))


class Site:
    """An installation in a folder, and the command that serves it."""

    def __init__(self, root, config=CONFIG):
        self.root = root
        self.inbox, self.outbox = root / "inbox" / "batipro", root / "outbox"
        self.inbox.mkdir(parents=True)
        self.configure(config)
        shutil.copy(EXAMPLES / "markets.toml", root)

    @classmethod
    def at(cls, root):
        """The installation that stands in a folder."""
        site = cls.__new__(cls)
        site.root, site.inbox, site.outbox = root, root / "inbox" / "batipro", root / "outbox"
        return site

    def configure(self, config):
        (self.root / "flux.toml").write_text(config, "utf-8")

    def environment(self, **more):
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("FLUX_", "LC_", "LANG"))}
        return {**plain, "COLUMNS": "200", **more}

    def flux(self, *words, **env):
        return run(self.root, *words, env=self.environment(**env))

    def json(self, *words):
        """What a command tells as JSON. Some are typed in this process: the very command, without half a second of imports."""
        ended, told, said = (self.typed_here if words[0] in TYPED_HERE or words[:2] in TYPED_HERE else self._typed)(*words, "--json")
        assert ended in (0, 1), said
        return json.loads(told)

    def _typed(self, *words):
        done = self.flux(*words)
        return done.returncode, done.stdout, done.stderr

    def typed_here(self, *words):
        """A command in this process: how it ended, what it told and what it said beside."""
        told, said = TextIOWrapper(BytesIO(), "utf-8"), StringIO()
        with chdir(self.root), patch.dict(os.environ, self.environment(), clear=True), redirect_stdout(told), redirect_stderr(said):
            try:
                cli.main(list(map(str, words)))
            except SystemExit as end:
                return end.code, told.buffer.getvalue(), said.getvalue()
        raise AssertionError(words)

    def start(self):
        return subprocess.Popen([*FLUX, "run"], cwd=self.root, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @contextmanager
    def running(self):
        """The daemon while the block lasts; gives what it has logged so far, when called."""
        log = self.root / "daemon.log"
        with log.open("w") as file:
            daemon = subprocess.Popen([*FLUX, "run"], cwd=self.root, env=self.environment(), stdout=file, stderr=file)
        try:
            yield lambda: [json.loads(line) for line in log.read_text("utf-8").splitlines() if line.endswith("}")]
        finally:
            daemon.terminate()
            assert daemon.wait(timeout=30) == 0

    def drop(self, *patterns):
        """Drop examples, by folder and file pattern."""
        for pattern in patterns:
            found = sorted(EXAMPLES.glob(pattern))
            assert found, pattern
            for path in found:
                shutil.copyfile(path, self.inbox / path.name)  # a mode set behind the last byte would find a file that is gone already


def copied(made, to):
    """An installation of its own, as that one stands."""
    shutil.copytree(made.root, to)
    return Site.at(to)


GOOD = "03-moe-of-the-market/*.xml"
REFUSED = "04-a5-in-edi/*.xml"
