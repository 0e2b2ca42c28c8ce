"""
Fluxes that break the protocol, each in one way: a rig that does not catch them proves nothing.

Loaded by the zygote of the tests and by nobody else: flux itself has no switch.
"""

import os
import signal

from sqlalchemy import event

from flux import dispatch, worker
from flux.stores import content, sql
from flux.transports import folder


def final_then_mark():
    """What is owed is written under its final name, then marked: a crash between the two sends it twice."""

    def step(self):
        done = 0
        while owed := self._ledger.owed(500):
            for emission in owed:
                target = self._outbox._folder_of(emission.target)
                target.mkdir(parents=True, exist_ok=True)
                with self._content.open(emission.blob) as blob, (target / emission.name).open("wb") as file:
                    folder._copy_range(emission, blob, file)
                    os.fsync(file.fileno())
            keys = [emission.key for emission in owed]
            self._ledger.staged(keys)
            self._ledger.emitted(keys, [dispatch.Event(id_, "closed", self._now(), "flux") for id_ in sorted({e.flow for e in owed})])
            done += len(owed)
        return done

    dispatch.Dispatch.step = step


def marked_before_published():
    """What is staged is marked EMITTED, then renamed: a crash between the two never delivers it."""

    def publish(self, waiting):
        if waiting:
            keys = [emission.key for emission in waiting]
            self._ledger.emitted(keys, [dispatch.Event(id_, "closed", self._now(), "flux") for id_ in sorted({e.flow for e in waiting})])
            self._outbox.publish(waiting)
        return len(waiting)

    dispatch.Dispatch._publish_group = publish


def files_unsynced():
    """Names are synced, contents are not."""
    content.sync_files = lambda files, _folder: [file.flush() for file in files]
    folder.sync_written = lambda _paths, _folder: None


def ledger_normal():
    """SQLite's synchronous NORMAL: a commit is durable at the next checkpoint, whenever that is."""
    tune = sql._tune_sqlite

    def tuned(engine, *, read_only):
        tune(engine, read_only=read_only)
        event.listen(engine, "connect", lambda raw, _record: raw.execute("PRAGMA synchronous = NORMAL"))

    sql._tune_sqlite = tuned


def poisoned():
    """Not a broken flux but a document that breaks it: the daemon dies whenever it has judged it."""
    drafted = worker.Worker._drafted

    def deadly(self, work, *given):
        if b"0301." in work.flow.name:
            os.kill(os.getpid(), signal.SIGKILL)
        return drafted(self, work, *given)

    worker.Worker._drafted = deadly


VARIANTS = {each.__name__: each for each in (final_then_mark, marked_before_published, files_unsynced, ledger_normal, poisoned)}

# Where each is caught: by a kill or by a power cut, before the Nth of a kind of act. (A sync of the whole file system, which a large group
# brings, makes an unsynced ledger durable by luck: the instants of the last lie before one.)
CAUGHT = {
    "final_then_mark": ("kill", [(2, "open outbox"), (3, "open outbox"), (2, "fsync outbox")]),
    "marked_before_published": ("kill", [(1, "renameat2 outbox"), (2, "renameat2 outbox"), (3, "renameat2 outbox")]),
    "files_unsynced": ("cut", [(1, "renameat2 outbox"), (2, "renameat2 outbox"), (3, "renameat2 outbox")]),
    "ledger_normal": ("cut", [(1, "unlink spool/claim"), (2, "unlink spool/claim"), (1, "rmdir spool/claim")]),
}
