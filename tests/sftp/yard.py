"""An installation's outer half in one process: what a pull or a push needs, real but for the line, which a test may cut."""

from datetime import UTC, datetime
from io import BytesIO
from secrets import randbits

from flux.dispatch import Dispatch
from flux.endpoints import Endpoint, known
from flux.ids import new_id
from flux.intake import Intake
from flux.model import Decision, Emission, Envelope, Event, Flow, FlowVerdict
from flux.rows import Outcome
from flux.sharing import Share
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger
from flux.transports.folder import FolderInbox
from flux.transports.sftp.inbox import SftpInbox
from flux.transports.sftp.packets import Lost
from flux.transports.sftp.pull import Hands, Pull
from flux.transports.sftp.push import SftpOutbox
from flux.transports.sftp.wire import Wire

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
_PLAIN = {
    "partner": "batipro", "actor": "", "kinds": (), "host": "127.0.0.1", "port": 22, "user": "flux", "host_keys": ("SHA256:x",), "key_file": "key",
    "password_file": "", "password_env": "", "claim": ".flux-claim", "done": "", "settle_s": 0.0, "poll_s": 0.1, "rate_kb_s": 0, "connections": 2,
}  # fmt: skip


def endpoint(name="there", direction="in", folder="/in", **more):
    return Endpoint(**{**_PLAIN, "name": name, "direction": direction, "folder": folder, **more})


def fresh_id():
    return new_id(datetime.now(UTC), randbits)


class Yard:
    """One partner, one endpoint each way."""

    def __init__(self, folder, pull_kind=Pull, outbox_kind=SftpOutbox, **more):
        self._kinds = pull_kind, outbox_kind
        self.folder, self.claims = folder, folder / "claim" / "batipro"
        for path in (folder / "tmp", folder / "store", folder / "inbox", self.claims):
            path.mkdir(parents=True)
        self.end, self.back = endpoint(**more), endpoint("back", "out", "/out")
        self.content, self.ledger = FileStore(folder), SqlLedger(f"sqlite:///{folder / 'ledger.db'}")
        self.room, self.time, self._line, self.paused = 1 << 30, 0.0, None, False
        self.begin()

    def begin(self):
        """As a process that starts: whatever was only in memory is gone."""
        self.inbox = SftpInbox("batipro", self.claims)
        hands = Hands(self.ledger.received, fresh_id, lambda: self.room, 1 << 20, lambda: self.time)
        local = FolderInbox("batipro", self.folder / "inbox", self.claims, settle_s=0.0)
        self.intake = Intake([local, self.inbox], self.content, self.ledger, now=lambda: NOON, new_id=fresh_id)
        self.intake.recover()
        self.pull = self._kinds[0](self.end, self.inbox, self.claims, self.folder / "fetch", hands)
        self.outbox = self._kinds[1](self.back)
        self.dispatch = Dispatch(self.outbox, self.content, Share(self.ledger, [self.back], self.back), now=lambda: NOON)

    def wire(self, liar, answer_s=2.0):
        """A connection; the one before is over."""
        self._hang_up()
        self._line = liar.connect()
        return Wire(self._line, answer_s=answer_s)

    def _hang_up(self):
        if self._line is not None:
            self._line.close()

    def turn(self, liar, *, dies=False):
        """Fetch, receive, remove there. Gives whether the line held; *dies*: where it did not, nothing more is done by this process."""
        self.time += 2.0
        try:
            wire = self.wire(liar)
            self.pull.step(wire, lambda: False)
            self.intake.step()
            self.pull.finish(wire)
        except Lost:
            if not dies:
                self.intake.step()
            return False
        return True

    def settle(self, make, turns=6):
        """Turns on good lines, some of them late enough for what is tried again."""
        for _ in range(turns):
            self.time += 120.0
            self.turn(make())

    def deliver(self, liar):
        self.outbox.wire = self.wire(liar)
        return self.dispatch.step()

    def received(self):
        """{name: [content]} of every flow."""
        found = {}
        for row in self.ledger.flows(limit=10_000):
            with self.content.open(row.flow.sha256) as file:
                found.setdefault(row.flow.name, []).append(file.read())
        return found

    def owe(self, id_, contents):
        """A flow decided with a delivery of each of these."""
        sha, size = self.content.add(BytesIO(b"".join(contents)))
        self.ledger.receive([Flow(id_, "batipro", id_.encode(), sha, size, NOON)], [Event(id_, "received", NOON, "test")])
        (flow,) = self.ledger.take("me", 1, NOON)
        owed, at = [], 0
        for n, content in enumerate(contents):
            one, _ = self.content.add(BytesIO(content))
            owed.append(Emission(f"{id_}.{n}", id_, 0, "integration", "returns/batipro", f"{id_}-{n}.xml", one, sha, at, len(content)))
            at += len(content)
        decision = Decision(FlowVerdict.INTEGRATED, Envelope())
        assert not self.ledger.record([Outcome(flow, decision, (), b"[]", {}, tuple(owed), (Event(id_, "decided", NOON, "test"),))], NOON)

    def states(self, id_):
        return {emission.key.rpartition(".")[2]: str(emission.state) for emission in self.ledger.emissions(id_)}

    def known(self, name="there"):
        return known(self.folder, name)

    def close(self):
        self._hang_up()
        self.ledger.close()
