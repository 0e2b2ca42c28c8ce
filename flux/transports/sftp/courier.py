"""The thread of an endpoint: it connects, fetches or delivers, and writes down how it fares. Nobody else ever waits for its network."""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from flux import endpoints as ends
from flux.dispatch import Dispatch
from flux.endpoints import Endpoint
from flux.faults import Fault, fault_of, netted
from flux.log import get
from flux.model import Event, shown
from flux.ports import ContentStore
from flux.sharing import Share, Shared
from flux.transports.sftp.host import Host, Pace
from flux.transports.sftp.inbox import SftpInbox
from flux.transports.sftp.packets import Lost
from flux.transports.sftp.pull import Hands, Pull
from flux.transports.sftp.push import SftpOutbox
from flux.transports.sftp.session import Secret, Session, Stranger, opened
from flux.transports.sftp.wire import Wire

REFUSED_S = 1200.0   # after a refused secret: three tries an hour, so that no server bans us for it
HELD_S = 2.0         # between two looks for a person's release
AGAIN_S = 30.0       # after trouble that is none of the connection: a folder that is missing, a disk of ours that is full
CUSTODY_S = 0.2      # between two questions whether the intake has taken what was fetched
SUCCESS_S = 30.0     # a success is written down at most so often
ENTER_S = 1.0


class Books(Shared, Protocol):
    """The ledger as an endpoint's thread has it: its own, since the write lock keeps it from the others."""

    def received(self, ids: Sequence[str]) -> set[str]:
        """Which of these flows are in custody."""

    def note(self, events: Sequence[Event]) -> None:
        """Lines of the journal that belong to no flow."""

    def close(self) -> None:
        """Let go of it."""


class House(Struct, frozen=True):
    """
    What every courier has from the installation. secret_of may raise Fault; room gives the bytes that may be fetched, 0 when nothing may.

    most_bytes: of one file of a partner. paused: whether nothing may be taken nor delivered.
    """

    spool: Path
    endpoints: Sequence[Endpoint]
    open_books: Callable[[], Books]
    content: ContentStore
    secret_of: Callable[[Endpoint], Secret]
    claims_of: Callable[[str], Path]
    room: Callable[[], int]
    paused: Callable[[], bool]
    most_bytes: Callable[[str], int]
    now: Callable[[], datetime]
    new_id: Callable[[], str]


class Courier(threading.Thread):
    """One endpoint at work. wake: rings when there is something for the main loops."""

    def __init__(self, endpoint: Endpoint, host: Host, house: House, inbox: SftpInbox | None, wake: Callable[[], None]) -> None:
        super().__init__(name=f"sftp-{endpoint.name}", daemon=True)
        self._end, self._host, self._house, self._inbox, self._wake = endpoint, host, house, inbox, wake
        self._stopped, self._rung = threading.Event(), threading.Event()
        self._session: Session | None = None
        self._known = ends.known(house.spool, endpoint.name)
        self._look_at = 0.0  # when the next look is due; this and the next by the host's clock
        self._until = 0.0    # before that, nothing is tried after trouble of this endpoint's own
        self._turned = self._well = False
        self._told = ""      # the trouble that is in the log and not over
        self._wanted, self._seen = 1, 0
        self.done = 0  # how much was done, ever
        self._pull: Pull | None = None
        if inbox is not None:
            inbox.call = self.ring

    # -- what the main thread asks --------------------------------------------------------------------------------------------------------

    def ring(self) -> None:
        """There may be something new to deliver, or to remove there."""
        self._wanted += 1
        self._rung.set()

    @property
    def quiet(self) -> bool:
        """Whether it looked since the last ring and found nothing to do, or cannot."""
        return self._turned and (self._seen >= self._wanted or self.troubled)

    @property
    def troubled(self) -> bool:
        """Whether it could not do what it had to."""
        return self._turned and not self._well

    def stop(self) -> None:
        """Ask it to end, whatever it waits for."""
        self._stopped.set()
        self._rung.set()
        if session := self._session:
            session.close()

    # -- the thread -----------------------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Turn after turn, until it is stopped."""
        self._resume()
        while not self._stopped.is_set():
            try:
                with closing(self._house.open_books()) as books:
                    work = self._puller(books) if self._inbox is not None else self._pusher(books)
                    while not self._stopped.is_set():
                        self._rung.wait(self._round(books, work))
                        self._rung.clear()
            except (Fault, OSError) as error:  # the ledger, the spool: the main loops meet it too
                self._fail(fault_of(error), AGAIN_S, self._known.failures + 1)
                self._turned = True
                self._stopped.wait(AGAIN_S)
            finally:
                self._let_go()

    def _round(self, books: Books, work: Callable[[Callable[[], Wire]], tuple[float, int]]) -> float:
        """A turn, and what the main thread may know of it. Gives how long to wait."""
        wanted, inbox = self._wanted, self._inbox
        asked = inbox.asked if inbox else 0
        pause, done = self._turn(books, work)
        self._turned = True
        if inbox and (self._known.state in ("trouble", "held") or self._host.breaker.left_s > 0.0):
            inbox.answer(asked)  # a run waits for no server that is ill
        if done:
            self.done += done
            self._wake()
        elif not (self._pull and (self._pull.resting or self._pull.pending)):
            self._seen = max(self._seen, wanted)
        return pause

    def _turn(self, books: Books, work: Callable[[Callable[[], Wire]], tuple[float, int]]) -> tuple[float, int]:
        """Gives how long to wait before the next, and how much was done. Every trouble ends here, and is told once."""
        if self._house.paused():
            return HELD_S, 0
        if (who := ends.released(self._house.spool, self._end.name)) is not None:
            self._release(books, who)
        if self._known.state == "held" and set(self._known.pinned) == set(self._end.host_keys):
            return HELD_S, 0
        if (left := max(self._host.breaker.left_s, self._until - self._host.breaker.clock())) > 0.0:
            return min(left, HELD_S), 0
        entered, reused = False, self._session is not None
        try:
            def wire() -> Wire:
                nonlocal entered
                entered = entered or self._entered()
                return self._wired()

            with netted(Lost, Stranger, OSError):
                pause, done = work(wire)
        except Stranger as stranger:
            return self._hold(stranger), 0
        except Lost as lost:
            self._let_go()
            if reused or self._stopped.is_set():
                return 0.0, 0  # a server may end what it likes: whether it lets us in again is what counts
            self._host.breaker.failed()
            trouble = Fault("FLX-I168", server=self._end.server, detail=str(lost))
            return self._fail(trouble, self._host.breaker.left_s, self._host.breaker.failures), 0
        except (Fault, OSError) as error:
            trouble = fault_of(error)
            if trouble.code == "FLX-I64":  # the net's
                trouble = Fault("FLX-I178", detail=trouble.facts["detail"])
            return self._fail(trouble, REFUSED_S if trouble.code == "FLX-I169" else AGAIN_S, self._known.failures + 1), 0
        finally:
            if entered:
                self._leave()
        return self._fared(pause, done, connected=entered)

    def _entered(self) -> bool:
        while not self._host.enter(ENTER_S):
            if self._stopped.is_set():
                raise Lost("stopped")
        return True

    def _leave(self) -> None:
        if not self._host.keeps:
            self._let_go()
        self._host.leave()

    def _wired(self) -> Wire:
        if self._session is not None and not self._session.alive:
            self._let_go()
        if self._session is None:
            pace = Pace(self._end.rate_kb_s, self._stopped.wait)
            self._session = opened(self._end, self._house.secret_of(self._end), pace)
            if self._stopped.is_set():  # meanwhile: its installation may be closed, and another at work
                raise Lost("stopped")
        return self._session.wire

    def _let_go(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    # -- the two kinds of work ------------------------------------------------------------------------------------------------------------

    def _puller(self, books: Books) -> Callable[[Callable[[], Wire]], tuple[float, int]]:
        end, house, clock = self._end, self._house, self._host.breaker.clock
        inbox = self._inbox
        assert inbox is not None  # noqa: S101 - run() looked
        hands = Hands(books.received, house.new_id, house.room, house.most_bytes(end.partner))
        scratch = house.spool / "fetch" / end.name
        pull = self._pull = Pull(end, inbox, house.claims_of(end.partner), scratch, hands)

        def work(wire: Callable[[], Wire]) -> tuple[float, int]:
            asked = inbox.asked
            if clock() < self._look_at and not inbox.wanted:
                done = pull.finish(wire()) if pull.due else 0
            else:
                done = pull.step(wire(), self._stopped.is_set)
                if not done and pull.emptied:
                    inbox.answer(asked)
                rest = max(0.05, end.settle_s / 2) if pull.resting else end.poll_s
                self._look_at = clock() + (0.0 if done else min(rest, end.poll_s))
            if pull.trouble:
                self._tell(pull.trouble)
            return (CUSTODY_S if pull.pending else max(0.0, min(HELD_S, self._look_at - clock()))), done

        return work

    def _pusher(self, books: Books) -> Callable[[Callable[[], Wire]], tuple[float, int]]:
        share = Share(books, self._house.endpoints, self._end)
        outbox = SftpOutbox(self._end)
        dispatch = Dispatch(outbox, self._house.content, share, now=self._house.now)

        def work(wire: Callable[[], Wire]) -> tuple[float, int]:
            waiting = [*share.owed(1), *share.unpublished(1)]
            fresh = any(not emission.problem for emission in waiting)
            ill = self._known.state == "trouble"  # then it is tried again even where nothing is owed: what is known of it is to be true
            if not ill and (not waiting or (not fresh and self._host.breaker.clock() < self._look_at)):
                return HELD_S, 0
            outbox.wire = wire()
            self._proven(outbox.wire)
            done = dispatch.step()
            self._look_at = self._host.breaker.clock() + AGAIN_S
            return HELD_S, done

        return work

    def _proven(self, wire: Wire) -> None:
        """Raises Fault when the folder there is none: that is no trouble of any delivery."""
        folder = self._end.folder.encode() or b"."
        found = wire.lstat_all([folder])[0]
        if found is None:
            raise Fault("FLX-I171", endpoint=self._end.name, folder=shown(folder), detail="no such file")

    # -- what is known --------------------------------------------------------------------------------------------------------------------

    def _resume(self) -> None:
        """Go on where the process before was: its failures count, and its waits are waited out."""
        known = self._known
        if known.state == "trouble" and known.next_at and known.trouble:
            left = min(REFUSED_S, (known.next_at - self._house.now()).total_seconds())
            if known.trouble.code == "FLX-I168":
                self._host.breaker.resume(known.failures, left)
            else:
                self._until = self._host.breaker.clock() + left

    def _fared(self, pause: float, done: int, *, connected: bool) -> tuple[float, int]:
        now, known = self._house.now(), self._known
        self._well = True
        if connected:
            self._host.breaker.worked()
            if self._pull is None or self._pull.trouble is None:
                self._told = ""
        moved = known.moved + (done if self._pull is None else self._pull.received)
        if self._pull:
            self._pull.received = 0
        left = {shown(name): why.value for name, why in self._pull.left.items()} if self._pull else {}
        stale = known.last_success is None or (now - known.last_success).total_seconds() > SUCCESS_S
        if connected and (known.state != "ok" or stale or done or left != known.left):
            if known.state == "trouble":
                get().info("endpoint", endpoint=self._end.name, ended="well")
            since = known.since if known.state == "ok" else now
            self._keep(state="ok", since=since, last_success=now, failures=0, next_at=None, moved=moved, left=left, shown=())
        return pause, done

    def _fail(self, trouble: Fault, wait_s: float, failures: int) -> float:
        self._well = False
        self._tell(trouble)
        now = self._house.now()
        if trouble.code != "FLX-I168":
            self._until = self._host.breaker.clock() + wait_s
        since = self._known.since if self._known.state == "trouble" else now
        self._keep(state="trouble", since=since, failures=failures, next_at=now + timedelta(seconds=wait_s))
        return min(wait_s, HELD_S)

    def _hold(self, stranger: Stranger) -> float:
        """Another host key than the pinned: nobody tries again until a person says so, or pins another."""
        pinned, shown_ = ", ".join(self._end.host_keys), ", ".join(stranger.shown) or "—"
        self._well = False
        self._tell(Fault("FLX-I170", endpoint=self._end.name, server=self._end.server, pinned=pinned, shown=shown_))
        self._keep(state="held", since=self._house.now(), shown=stranger.shown, pinned=self._end.host_keys, next_at=None)
        return HELD_S

    def _release(self, books: Books, who: str) -> None:
        now = self._house.now()
        books.note([Event("", "released", now, who, detail=f"endpoint {self._end.name}, {self._known.state}")])
        get().info("endpoint", endpoint=self._end.name, ended="released", who=who)
        self._host.breaker.worked()
        self._look_at = self._until = 0.0
        self._keep(state="new", since=now, failures=0, next_at=None, shown=(), released_by=who)

    def _tell(self, trouble: Fault) -> None:
        """In the log, and written down, once, until it is another one or was over."""
        if self._told == str(trouble):
            return
        self._told = str(trouble)
        get().error("endpoint", endpoint=self._end.name, ended="fault", trouble=self._told)
        self._keep(trouble=trouble.reason(), trouble_at=self._house.now())

    def _keep(self, **changes: object) -> None:
        """Written down; a disk that refuses costs a memory, never the work."""
        self._known = replace(self._known, **changes)
        try:
            ends.keep(self._house.spool, self._known)
        except OSError as error:
            get().warning("endpoint", endpoint=self._end.name, ended="unwritten", trouble=str(fault_of(error)))

