"""Reports that are owed by mail: offered one at a time beside the loops, again after a while when the server does not take them. No run waits."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Thread

from msgspec.structs import replace

from flux.faults import Fault
from flux.log import get
from flux.model import Event
from flux.runs.book import Mailing, Run, RunBook, RunState

GIVE_UP = timedelta(days=3)  # a report of so long ago is told by flux runs, and by mail no more
LOOK_S = 1.0


class _Attempt:
    """One report on its way, in a thread of its own that touches nothing of the ledger. trouble: why it did not go out; None: it did, but for whom *note* names."""

    def __init__(self, run: Run, send: Callable[[Run], str]) -> None:
        self.run, self._send, self.note = run, send, ""
        self.trouble: Fault | None = Fault("FLX-I186", host="flux", detail="bug")  # should the thread die of anything else
        self.thread = Thread(target=self._go, name=f"mail-{run.seq}", daemon=True)  # a server that hangs never keeps flux from ending
        self.thread.start()

    def _go(self) -> None:
        try:
            self.note = self._send(self.run)
            self.trouble = None
        except Fault as trouble:
            self.trouble = trouble


class Mailer:
    """The mails of an installation. *send* hands one report over, or raises Fault; *retry_s*: before each next attempt, the last for all others."""

    def __init__(
        self, book: RunBook, send: Callable[[Run], str] | None, retry_s: Sequence[float], *, now: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._book, self._send, self._retry_s, self._now, self._monotonic = book, send, retry_s, now, monotonic
        self._under_way: _Attempt | None = None
        self._look_at = 0.0

    def step(self) -> int:
        """Note how the last attempt ended, begin the next that is due. Gives how many went out."""
        if self._send is None:
            return 0
        done = 0
        if self._under_way and not self._under_way.thread.is_alive():
            done, self._under_way = self._note(self._under_way), None
            self._look_at = 0.0
        if self._under_way is None and self._monotonic() >= self._look_at:
            self._look_at = self._monotonic() + LOOK_S
            if owed := self._book.mails(self._now()):
                self._under_way = _Attempt(owed[0], self._send)
        return done

    def finish(self, seconds: float) -> None:
        """Wait for the one that is on its way, and for those that are due: for a command that is about to end."""
        give_up = self._monotonic() + seconds
        self._look_at = 0.0
        self.step()
        while self._under_way and (left := give_up - self._monotonic()) > 0:
            self._under_way.thread.join(left)
            self._look_at = 0.0
            self.step()

    def end(self, seconds: float) -> None:
        """Note how the one that is on its way ended, where it does in so many seconds; begin none."""
        if self._under_way:
            self._under_way.thread.join(seconds)
            if not self._under_way.thread.is_alive():
                self._note(self._under_way)
            self._under_way = None

    def _note(self, attempt: _Attempt) -> int:
        """
        What became of it, in the ledger.

        Killed between the server's yes and this line, the report is offered again at the next start: under the same Message-ID.
        """
        run, now, trouble = attempt.run, self._now(), attempt.trouble
        tried = run.mail.attempts + 1
        if trouble is None:
            mail, what, detail = Mailing("sent", tried, problem=attempt.note), "mail_sent", attempt.note
        elif run.ended_at and now - run.ended_at > GIVE_UP:
            mail, what, detail = replace(run.mail, state="given_up", attempts=tried, problem=str(trouble)), "mail_given_up", str(trouble)
        else:
            wait = self._retry_s[min(tried, len(self._retry_s)) - 1]
            mail, what, detail = Mailing("owed", tried, now + timedelta(seconds=wait), str(trouble)), "mail_failed", str(trouble)
        news = run.mail.problem != mail.problem or mail.state != "owed"
        event = Event(f"schedule/{run.schedule}", what, now, "flux", detail=f"n° {run.seq} {detail}".strip())
        self._book.change(replace(run, mail=mail), RunState.DONE, event if news else None)
        (get().info if trouble is None else get().error)("mail", run=run.seq, ended=mail.state, attempt=tried, trouble=detail)
        return int(trouble is None)
