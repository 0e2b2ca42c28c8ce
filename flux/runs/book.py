"""The runs as the ledger keeps them, and what the loop asks of it. One row a schedule and planned instant: that is what makes it fire once."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from flux.model import Event


class RunState(StrEnum):
    """
    OWED: its row is there, nothing was done. TAKING: inboxes are open for it. WORKING: what came in is fixed, and being decided and delivered.

    DONE: its account is written. SKIPPED: nothing runs for this instant, for the reason that stands beside it.
    """

    OWED = "OWED"
    TAKING = "TAKING"
    WORKING = "WORKING"
    DONE = "DONE"
    SKIPPED = "SKIPPED"


OPEN = (RunState.TAKING, RunState.WORKING)
Stalled = Callable[[str, str], bool]  # of a target and a kind: whether what is owed there cannot be tried now


def nothing(_target: str, _kind: str) -> bool:
    """Nothing is stalled."""
    return False


class Mailing(Struct, frozen=True):
    """Where a run's mail stands. state: "" (none is wanted), owed, sent, given_up. problem: why the last attempt failed, "" when none did."""

    state: str = ""
    attempts: int = 0
    due_at: datetime | None = None
    problem: str = ""


class Run(Struct, frozen=True):
    """
    One run of a schedule. seq: its number, as people name it. planned: the instant; of a run by hand, when it was asked for.

    how: planned, caught_up, hand. who: a person, or flux. why: of a skipped one. partners: names, () is all of them; fixed when it starts.
    first, last: what it accounts for are the flows with first < seq <= last, as the ledger counts them; last is 0 while inboxes are open.
    since: from when on that is; told: its account, once it is DONE; summary: what lists show of it, kept apart since they read no whole accounts.
    """

    seq: int
    schedule: str
    planned: datetime
    how: str
    who: str
    state: RunState
    why: str = ""
    recorded_at: datetime | None = None
    started_at: datetime | None = None
    taken_at: datetime | None = None
    ended_at: datetime | None = None
    deadline: datetime | None = None
    partners: tuple[str, ...] = ()
    first: int = 0
    last: int = 0
    since: datetime | None = None
    told: dict[str, Any] | None = None
    summary: dict[str, Any] | None = None
    mail: Mailing = Mailing()


class Anchor(Struct, frozen=True):
    """How far a schedule was planned: its expression then, every instant up to *until* has its row. first, since: where its first run begins."""

    schedule: str
    cron: str
    until: datetime
    first: int
    since: datetime


class NewRun(Struct, frozen=True):
    """A row to write: see Run."""

    schedule: str
    planned: datetime
    how: str
    who: str
    state: RunState
    why: str = ""


class Span(Struct, frozen=True):
    """Which flows: first < seq <= last, of these partners; () is all of them."""

    first: int
    last: int
    partners: tuple[str, ...] = ()


class FlowSeen(Struct, frozen=True):
    """
    What a run's account needs of a flow. reason: why it is held, as (code, fr, en), () when it is not. codes: of errors about the flow itself.

    again: it was taken up again by one of us, and is none of its partner's deposits.
    """

    id: str
    partner: str
    name: str
    size: int
    state: str
    verdict: str
    pieces: int
    accepted: int
    received_at: datetime
    decided_at: datetime | None
    reason: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    again: bool = False


class Seen(Struct, frozen=True):
    """
    What the ledger holds of a span.

    refused: (partner, codes of its errors) of each piece that is refused; not_evaluated: how many are neither that nor accepted; routed: pieces handed on, undelivered: emissions that are not delivered, both by partner.
    """

    flows: tuple[FlowSeen, ...] = ()
    refused: tuple[tuple[str, tuple[str, ...]], ...] = ()
    not_evaluated: dict[str, int] = {}
    routed: dict[str, int] = {}
    undelivered: dict[str, int] = {}


class RunBook(Protocol):
    """The part of the ledger that the schedule loop writes. Each method that changes something is one transaction, durable on return."""

    def anchor(self, schedule: str) -> Anchor | None:
        """How far this schedule was planned; None when it was never seen."""

    def plan(self, anchor: Anchor, rows: Sequence[NewRun], events: Sequence[Event]) -> int:
        """
        Write these rows, but those whose (schedule, instant) has one already, and how far the schedule is planned now. Gives how many are new.

        Skipped ones of instants behind that are still to come, since the clock went back, and are forgotten.
        """

    def ask(self, row: NewRun, event: Event) -> int:
        """A run that a person asks for. Gives its number."""

    def change(self, run: Run, before: RunState, event: Event | None = None) -> bool:
        """Write this run as it stands now, if it still is in the state *before*. False: somebody else changed it."""

    def unfinished(self) -> Sequence[Run]:
        """The runs that are owed or under way, by number."""

    def last_flow(self) -> int:
        """The number of the newest flow; 0 when there is none."""

    def before(self, schedule: str, *, by_hand: bool) -> Run | None:
        """The newest run of this schedule whose flows are fixed; with those by hand, or without."""

    def waiting(self, span: Span, stalled: Stalled = nothing) -> int:
        """How many flows of a span are neither brought to their end nor held, nor stopped by deliveries that failed or cannot be tried now."""

    def seen(self, span: Span) -> Seen:
        """What the ledger holds of a span."""

    def received_between(self, partner: str, after: datetime, until: datetime) -> tuple[int, int]:
        """Flows and pieces that this partner brought with after < received <= until."""

    def done_before(self, schedule: str, limit: int) -> Sequence[Run]:
        """Runs of this schedule that were planned, on time, and are DONE: the newest first."""

    def mails(self, now: datetime) -> Sequence[Run]:
        """Runs whose mail is owed and due."""

    def watch(self, at: datetime) -> int:
        """A flux begins to run. Gives the number of its row, for still()."""

    def still(self, watch: int, at: datetime) -> None:
        """It still runs."""

    def outages(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, datetime]]:
        """When no flux was running between these, as far as the ledger knows: the stretches, in order."""

    def runs(self, *, schedule: str = "", state: str = "", limit: int = 50, whole: bool = False) -> Sequence[Run]:
        """Newest first; with their accounts only where they are asked for *whole*."""

    def run(self, seq: int) -> Run | None:
        """One run."""

    def anchors(self) -> Iterable[Anchor]:
        """Every schedule that was ever planned."""
