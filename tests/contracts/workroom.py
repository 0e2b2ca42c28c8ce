"""A worker with all that it needs, for the tests that ask what it does: a real ledger, a real store, real children, and a clock to move."""

import os
import sys
import zipfile
from datetime import UTC, datetime
from io import BytesIO

from flux import kit
from flux.model import EmissionState, Event, Flow, Judged
from flux.round import Round
from flux.sandbox import _process
from flux.sandbox.pool import Sandbox
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger
from flux.worker import Settings, Worker

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Workroom:
    """One installation's inner half: what is received here was never in an inbox."""

    def __init__(self, folder, children=1):
        for name in ("tmp", "store"):
            (folder / name).mkdir()
        self.ledger = SqlLedger(f"sqlite:///{folder / 'ledger.db'}")
        self.content, self.sandbox = FileStore(folder), Sandbox(children)
        self.now = NOON

    def receive(self, id_, name, content, **more):
        sha, size = self.content.add(BytesIO(content))
        self.ledger.receive([Flow(id_, "batipro", name.encode(), sha, size, NOON, **more)], [Event(id_, "received", NOON, "test")])

    def worker(self, policy, partner="batipro", retry_s=(1, 10, 60), routes=()):
        return Worker(self.ledger, self.content, self.sandbox, kit.build(), Settings("me", "FLUX01", {partner: policy}, routes, dict, 3, retry_s), now=lambda: self.now)

    def deliver(self, id_):
        """What it owes goes out, and it is closed."""
        owed = [e.key for e in self.ledger.emissions(id_) if e.state is EmissionState.PENDING]
        self.ledger.staged(owed)
        self.ledger.emitted(owed, [Event(id_, "closed", self.now, "test")])

    def state(self, id_):
        return self.ledger.flow(id_).state

    def close(self):
        self.sandbox.close()
        self.ledger.close()


def at_one_time(monkeypatch):
    """What is judged is settled when all of it is, for sure."""
    run, ready = Round.run, []
    monkeypatch.setattr(Round, "run", lambda judging, settle, _beat: (run(judging, ready.extend), settle(ready)))


def run_instead(script, monkeypatch):
    """Children that run *script* with the arguments of a child."""
    popen = _process.subprocess.Popen

    def start(command, **rest):
        given = command[command.index("-m") + 2 :]
        return popen([sys.executable, str(script), *given], **{**rest, "env": {**rest["env"], "PYTHONPATH": os.pathsep.join(sys.path)}})

    monkeypatch.setattr(_process.subprocess, "Popen", start)


def zip_of(files):
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def gathered(results):
    """What a sandbox gave, by key: the pieces of a document, or what came in their place."""
    values = {}
    for key, value in ((result.key, result.value) for result in results if result):
        values[key] = (*(values.get(key, ()) if value.index > 1 else ()), value) if isinstance(value, Judged) else value
    return values
