"""An installation whose plug can be pulled: real ledger, real folders, the real loops of intake and dispatch; and what a reader sees of it."""

import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from flux import tables
from flux.dispatch import Dispatch
from flux.ids import member_id, new_id
from flux.intake import Intake
from flux.model import Answer, Decided, Decision, Envelope, FlowVerdict, Verdict, VerdictKind
from flux.owing import Content, Draft, outcome
from flux.piece import Actor, Party, Piece
from flux.stores._chain import event_hash
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger
from flux.transports.folder import FolderInbox, FolderOutbox

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a plug that is pulled in a test needs no disk
WENT_IN = ("IN_INTEGRE", "IN_INTEGRE_PARTIEL")


class PulledError(BaseException):
    """The plug: what no handler of ours may catch."""


class Plug:
    """Lets *left* calls through; None: all."""

    left = None

    def spend(self):
        if self.left == 0:
            raise PulledError
        if self.left is not None:
            self.left -= 1


class Fragile:
    """A real part behind the plug: each call may be the one that never happens."""

    def __init__(self, part, plug):
        self._part, self._plug = part, plug

    def __getattr__(self, name):
        found = getattr(self._part, name)
        if not callable(found):
            return found

        def call(*given, **named):
            self._plug.spend()
            return found(*given, **named)

        return call


class Row(NamedTuple):
    """A flow as the ledger has it."""

    state: str
    attempt: int
    fence: int
    due: str
    verdict: str
    twin: str


class House:
    """The folders, and the parts that work on them; the parts die when the plug is pulled, the folders stay."""

    def __init__(self):
        self.root = Path(tempfile.mkdtemp(prefix="flux-machine-", dir=MEMORY))
        for name in ("inbox", "claim", "tmp", "store", "staged", "outbox"):
            (self.root / name).mkdir()
        self.now, self.plug, self.dead, self.starts = NOON, Plug(), [], 0
        self.luck = 0
        self.assemble()
        self.reader = sqlite3.connect(self.root / "ledger.db", isolation_level=None)

    def assemble(self):
        """New parts on the old folders."""
        self.starts += 1
        self.real = SqlLedger(f"sqlite:///{self.root / 'ledger.db'}")
        self.dead.append(self.real)
        self.ledger, self.content = Fragile(self.real, self.plug), Fragile(FileStore(self.root), self.plug)
        inbox = Fragile(FolderInbox("batipro", self.root / "inbox", self.root / "claim", settle_s=0), self.plug)
        self.outbox = Fragile(FolderOutbox(self.root / "staged", lambda target: self.root / "outbox" / target), self.plug)
        self.intake = Intake([inbox], self.content, self.ledger, now=lambda: self.now, new_id=self._id)
        self.dispatch = Dispatch(self.outbox, self.content, self.ledger, now=lambda: self.now)

    def recover(self):
        """What a start does before anything else, in the order of installation.Installation."""
        self.content.clean()
        self.outbox.clean()
        self.ledger.release_leases(self.owner)
        self.intake.recover()

    @property
    def owner(self):
        return f"owner-{self.starts}"

    def _id(self):
        self.luck += 1
        return new_id(self.now, lambda _bits: self.luck)

    def close(self):
        self.reader.close()
        for ledger in self.dead:
            ledger.close()
        shutil.rmtree(self.root)

    # -- what a reader that shares no code with the ledger sees ----------------------------------------------------------------------------

    def ask(self, query):
        return self.reader.execute(query).fetchall()

    def rows(self):
        return {id_: Row(*row) for id_, *row in self.ask("select id, state, attempt, fence, due_at, verdict, duplicate_of from flow order by seq")}

    def receipts(self):
        """Every file that left the inbox: by its row, else by its claim."""
        known = {id_: (bytes(name), sha) for id_, name, sha in self.ask("select id, name, sha256 from flow")}
        for path in (self.root / "claim").glob("*/*"):
            id_ = member_id(path.parent.name, os.fsencode(path.name))
            known.setdefault(id_, (os.fsencode(path.name), sha_of(path.read_bytes())))
        return Counter(known.values())

    def waiting(self):
        return Counter((os.fsencode(path.name), sha_of(path.read_bytes())) for path in (self.root / "inbox").iterdir())

    def emissions(self):
        return {key: rest for key, *rest in self.ask("select key, flow, state, target || '/' || name, sha256 from emission")}

    def delivered(self):
        """path -> bytes of what stands in the outbox."""
        return {path.relative_to(self.root / "outbox").as_posix(): path.read_bytes() for path in (self.root / "outbox").rglob("*") if path.is_file()}

    def journal(self):
        """Every line, once the chain is proven."""
        lines, before = [], ""
        for flow, piece, what, at, who, detail, rows, said, hash_ in self.ask("select flow, piece, what, at, who, detail, rows, before, hash from event order by seq"):
            line = {"flow": flow, "piece": piece, "what": what, "at": at, "who": who, "detail": detail, "rows": rows, "before": said}
            assert (said, event_hash(line)) == (before, hash_), "the chain is broken"
            lines.append((flow, what))
            before = hash_
        return lines


def sha_of(content):
    return hashlib.sha256(content).hexdigest()


def a_draft(flow, pieces):
    """A decision of these (number, accepted), and two answers."""
    decided = tuple(
        Decided(
            Piece(ordinal=n, number=number, supplier=Party("1", "99912040500017"), syntax="UBL"),
            Verdict(VerdictKind.ACCEPTED if taken else VerdictKind.REJECTED, (), Actor("moe", "215") if taken else None),
            "a.xml", 1, flow.sha256,
        )
        for n, (number, taken) in enumerate(pieces, 1)
    )  # fmt: skip
    went_in = {taken for _, taken in pieces}
    verdict = FlowVerdict.INTEGRATED if went_in == {True} else FlowVerdict.PARTIAL if True in went_in else FlowVerdict.REJECTED
    answers = tuple(Answer(kind, f"{kind}_{flow.id}.xml", partial(iter, [f"{kind} of {flow.id}, attempt {flow.attempt}".encode()])) for kind in ("integration", "report-json"))
    decision = Decision(verdict, Envelope(), decided, accepted=sum(d.verdict.kind is VerdictKind.ACCEPTED for d in decided))
    return Draft(flow, decision, tuple(b"{}" for _ in decided), b"[]", lambda: answers, {(1, 0): Content(flow.sha256, 0, flow.size)})


def owed_by(house, draft):
    """As the worker records it: the pack becomes content, then one outcome."""
    with house.content.scratch() as file:
        pack = draft.write(file)
        blob, _ = house.content.keep(file)
    return outcome(draft, blob, pack, house.now, tables.load())
