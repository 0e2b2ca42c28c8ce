"""The ports: what the loops ask of the world. The only Protocols of the house; nothing here is particular to SQLite or to a folder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from enum import StrEnum
from typing import BinaryIO, Protocol

from msgspec import Struct

from flux.again import Candidate, Reinjection, Results, State, Turn, Unit, Wanted
from flux.cause import Blamed, Cause, Sought
from flux.dossier import Ref, Standing
from flux.faults import Reason
from flux.model import Deposited, Emission, Event, Flow, Plumbing
from flux.quarantine import Quarantine
from flux.rows import Asked, FlowRow, Journal, Moved, Outcome, PieceRow, Piled, Pressure, Purge, Tally

SUSPECT = 2  # attempts in a row that never came to an end: from then on a flow is tried alone


class Deposit(Struct, frozen=True):
    """
    A claimed file: from the rename on, flux owns it. id is minted by the claim and is the flow's id for ever; batch: the claim's own.

    again: its claim is not of this scan; whatever stopped it before may have been a sync that failed.
    """

    id: str
    partner: str
    name: bytes
    batch: str
    again: bool = False


class Busy(Exception):  # noqa: N818 - a state of the world, not an error
    """Somebody still writes into a claimed file: it is looked at again later."""


class Why(StrEnum):
    """Why a file that waits is not taken yet; the words for it are in tables/words.toml."""

    UPLOADING = "uploading"
    GONE = "gone"
    NOT_REGULAR = "not_regular"
    SECOND_NAME = "second_name"
    RESTING = "resting"
    UNOPENABLE = "unopenable"
    TOO_LARGE = "too_large"
    WRITING = "writing"


class Unsettled(Struct, frozen=True):
    """A file that waits and is not taken yet, and why."""

    partner: str
    name: bytes
    why: Why

    @property
    def stuck(self) -> bool:
        """Whether it will not be taken until a person acts."""
        return self.why in (Why.NOT_REGULAR, Why.SECOND_NAME, Why.UNOPENABLE, Why.TOO_LARGE)


class Inbox(Protocol):
    """Where a partner drops. claim() is one durable rename; recover() lists what a crash left claimed."""

    partner: str

    def waiting(self, limit: int) -> Sequence[bytes]:
        """Names that have settled and may be claimed, oldest first, at most *limit*."""

    def unsettled(self) -> Sequence[Unsettled]:
        """What is there and not taken, and why."""

    def ask(self) -> None:
        """A run is open for this partner: what he has sent by now is to be looked for, however lately that was done."""

    def looked(self) -> bool:
        """Whether that was done since it was last asked, or cannot be now, and whatever it found was given."""

    def claim(self, names: Sequence[bytes], batch: str) -> Sequence[Deposit]:
        """Take these files as a batch; a name that somebody else took meanwhile is left out. Durable on return."""

    def recover(self) -> Sequence[Deposit]:
        """What stands claimed, from whatever crash."""

    def open(self, deposit: Deposit) -> BinaryIO:
        """The claimed file, regular, and nobody else's to change any more. Raises Busy while somebody still writes into it."""

    def path(self, deposit: Deposit) -> bytes:
        """Where the claimed file stands: the content store takes it from there."""

    def discard(self, deposits: Sequence[Deposit]) -> None:
        """Remove what is left of claims whose bytes are content."""


class Outbox(Protocol):
    """Where flux delivers. staged means durable and invisible; publish is the one rename that consumes the staged file."""

    def stage(self, group: Sequence[tuple[Emission, BinaryIO]]) -> None:
        """Make the staged file of each emission durable. Repeatable: the same key gives the same file."""

    def publish(self, group: Sequence[Emission]) -> Mapping[str, str]:
        """Publish STAGED emissions; absent from staged means done before. Returns, by key, why one could not be published."""


class ContentStore(Protocol):
    """Bytes by their sha256: written once, never changed, checked when read."""

    def add(self, source: BinaryIO) -> tuple[str, int]:
        """Copy to the end, hash while copying. Durable on return. Gives (sha256 in hex, size in bytes)."""

    def seal(self, files: Sequence[BinaryIO]) -> Sequence[tuple[str, int] | OSError]:
        """Hash files that only flux can change, and make their bytes durable where they stand. Gives (sha256, size) of each, or why it cannot be read."""

    def adopt(self, paths: Sequence[bytes], shas: Sequence[str]) -> None:
        """Take sealed files in, without copying: each is renamed to its hash. One that is gone was taken in before. Durable on return."""

    def scratch(self) -> AbstractContextManager[BinaryIO]:
        """A file that nobody sees, for somebody else to fill; keep() it, or it is gone at the end."""

    def scratches(self, count: int) -> AbstractContextManager[Sequence[BinaryIO]]:
        """As many of them."""

    def keep(self, scratch: BinaryIO) -> tuple[str, int]:
        """Make what a scratch file holds content. Durable on return. Gives (sha256 in hex, size in bytes)."""

    def keep_all(self, scratches: Sequence[BinaryIO]) -> Sequence[tuple[str, int]]:
        """The same for a group, with the cost of one sync."""

    def drawer(self) -> BinaryIO:
        """A file that nobody sees and that is gone when it is closed, unbuffered: for what memory has no room for."""

    def open(self, sha256: str) -> BinaryIO:
        """The content, for reading. Raises Fault when it is missing."""

    def intact(self, sha256: str) -> bool:
        """Whether the content still has its hash: asked before anybody is told that what he sent is damaged."""


class Deliveries(Protocol):
    """The part of the ledger that a dispatch works from: what is owed, and how far it is. Each change is one transaction, durable on return."""

    def owed(self, limit: int) -> Sequence[Emission]:
        """Emissions PENDING, oldest first, those that cannot be staged last."""

    def staged(self, keys: Sequence[str]) -> None:
        """T4."""

    def unpublished(self, limit: int) -> Sequence[Emission]:
        """Emissions STAGED, oldest first, the undeliverable last."""

    def emitted(self, keys: Sequence[str], events: Sequence[Event]) -> None:
        """T5; flows that owe nothing more are CLOSED."""

    def undeliverable(self, reasons: Mapping[str, str], now: datetime, events: Sequence[Event]) -> None:
        """Note since when, and why, an emission cannot be staged or published; it stays owed, behind the others. *events*: for the journal."""


class Ledger(Deliveries, Protocol):
    """The truth. One writer; each method that changes something is one transaction, durable on return."""

    def receive(self, flows: Sequence[Flow], events: Sequence[Event]) -> Sequence[Flow]:
        """Custody (T1). A flow whose id is known is left as it is. Sets duplicate_of. Returns the flows as recorded."""

    def take(self, owner: str, limit: int, now: datetime, *, alone: bool = True) -> Sequence[Flow]:
        """
        Lease up to *limit* flows that are due, oldest first (T2): fence + 1, attempt + 1, committed before any work.

        A flow whose last attempts never came to an end is suspected of ending whoever has it: it is leased by itself, and only where the
        caller has no other (*alone*), so that the next such end counts against it and against no neighbour.
        """

    def deposited(self, identities: Iterable[str]) -> Mapping[str, Deposited]:
        """Which of these identities an accepted piece already holds."""

    def first_with(self, partner: str, sha256: str) -> str:
        """The id of the first flow in which this partner brought these bytes and of which something went in; "" when there is none."""

    def record(self, outcomes: Sequence[Outcome], now: datetime) -> Mapping[str, str]:
        """Decision and all that it owes, each outcome whole or not at all (T3), only under its fence.

        Returns the flows that were not recorded, each with why: "fence" (somebody else has it) or "identity" (think again).
        """

    def postpone(self, flow: Flow, until: datetime, reason: Reason, event: Event) -> None:
        """Give a flow back after a Fault: it is due again at *until*."""

    def hold(self, flow: Flow, state: Plumbing, reason: Reason, event: Event) -> None:
        """HELD or QUARANTINED, until a person acts."""

    def give_back(self, flows: Sequence[Flow]) -> None:
        """Leases that were not used: due at once, and the attempt does not count."""

    def release_leases(self, owner: str) -> int:
        """At start, under the installation's lock: flows PROCESSING under a dead owner are due again."""

    def move(self, moved: Sequence[Moved], emissions: Sequence[Emission], events: Sequence[Event]) -> str:
        """An act with all that it owes, whole or not at all. Gives the piece that somebody moved meanwhile (think again), "" when it is done."""

    def standing(self, ref: Ref) -> Standing | None:
        """Where this accepted piece stands."""

    def standings(self, numbers: Iterable[str]) -> Mapping[str, tuple[Standing, ...]]:
        """The accepted pieces that have these numbers, by number, the newest last."""

    def dossier(self, first: Ref) -> Sequence[Standing]:
        """Every piece of a dossier, in the order of their deposit."""

    def search(self, asked: Asked) -> Sequence[Standing]:
        """The accepted pieces that fit, the newest first."""

    def causes(self, sought: Sought, today: date) -> tuple[Sequence[Cause], int]:
        """The causes that fit, the most frequent first, and how many they are with those beyond the limit, all together counted."""

    def blamed(self, sought: Sought, *, alone: bool = False) -> Sequence[Blamed]:
        """The pieces and flows behind causes, the newest first; *alone*: those only that no other code refused."""

    def alone(self, code: str, since: date | None = None, partner: str = "") -> Sequence[tuple[str, int]]:
        """Exactly the pieces that this code alone refused, as (flow, ordinal), in the order in which they were decided; ordinal 0: a flow whole."""

    def uncounted(self) -> int:
        """How many lines of the journal are older than the causes, and not yet counted."""

    def count_causes(self, most: int) -> int:
        """Count the causes of *most* decisions that were recorded before causes were kept. Gives how many lines of the journal are left."""

    def quarantine(self, line: Quarantine, event: Event) -> None:
        """Add a line to the book of quarantines, and to the journal."""

    def quarantines(self) -> Sequence[Quarantine]:
        """The book of quarantines, in order."""

    def past(self, start: datetime, end: datetime, partner: str = "") -> Sequence[tuple[int, str]]:
        """The flows received from *start* on and before *end*, by the place of their decision in the journal, in that order; held ones stand behind."""

    def decided(self, flow: str) -> tuple[int, datetime | None]:
        """The place of a flow's decision in the journal, and when that was recorded."""

    def moves_before(self, ref: Ref, place: int) -> int:
        """How many steps the piece had made, beside those of its deposit, when the journal stood at *place*."""

    def next_due(self) -> datetime | None:
        """When the next postponed flow is due, if any waits."""

    def piled(self) -> Piled:
        """What stands where."""

    def pressure(self) -> Pressure:
        """What presses now: asked many times an hour, so that it costs by what is open and never by what is closed."""

    def journal(self) -> Journal:
        """The journal, proven line by line to the first that is broken."""

    def decided_since(self, since: datetime) -> Tally:
        """What was decided from *since* on."""

    def flows(self, *, partner: str = "", state: str = "", on: date | None = None, limit: int = 50) -> Sequence[FlowRow]:
        """Newest first. *state* is a state of the plumbing or a flow verdict; *on* is a day in Europe/Paris."""

    def flow(self, id_: str) -> FlowRow | None:
        """One flow; *id_* may be any part of an id that only one flow has."""

    def alike(self, part: str, limit: int) -> Sequence[FlowRow]:
        """The flows whose id contains *part*, newest first."""

    def with_bytes(self, sha256: str) -> Sequence[FlowRow]:
        """The flows that brought these bytes, whoever their partner, oldest first."""

    def pieces(self, *, flow: str = "", number: str = "") -> Sequence[PieceRow]:
        """The pieces of a flow, or those with a number across flows."""

    def candidates(self, wanted: Wanted) -> Sequence[Candidate]:
        """What may be taken up again, in order of reception; of what was named also that which may not, with why."""

    def preview(self, asked: Reinjection, units: Sequence[Unit], event: Event) -> bool:
        """Keep a preview; False where there is one with this id, which stays."""

    def reinjection(self, id_: str) -> Reinjection | None:
        """One; *id_* may be any part of an id that only one has."""

    def reinjections(self, limit: int) -> Sequence[Reinjection]:
        """The newest first."""

    def turn(self, id_: str, before: Iterable[State], after: Reinjection, event: Event) -> bool:
        """Bring it from one of these states to that of *after*, with its second person and its rate; False when it is in none of them."""

    def units(self, id_: str) -> Sequence[Unit]:
        """What it takes up, in order."""

    def make(self, id_: str, most: int, now: datetime, new_id: Callable[[], str]) -> Turn:
        """Make flows of its next units, up to *most* pieces, in one transaction; nothing unless it is RUNNING."""

    def refused(self, id_: str) -> Sequence[Candidate]:
        """What was refused of what it took up; why is ``same`` where the cause is the same as before."""

    def results(self, id_: str) -> Results:
        """What became of it so far."""

    def give_up(self, outcome: Outcome, now: datetime) -> bool:
        """End a flow that is HELD or QUARANTINED, with what it owes; False when it is neither any more."""

    def redeliver(self, tried: Sequence[str], copies: Sequence[Emission], events: Sequence[Event]) -> Sequence[str]:
        """Emissions that could not be delivered are tried first; *copies* are owed beside theirs. Gives the keys of the copies that were new."""

    def events(self, flow: str) -> Sequence[Event]:
        """The journal of a flow, in order."""

    def emissions(self, flow: str) -> Sequence[Emission]:
        """What the flow owes and owed."""

    def purged(self, flow: str) -> Sequence[Purge]:
        """What was purged of a flow."""

    def acknowledged(self, flow: str) -> tuple[datetime, str, str] | None:
        """When, by whom and why somebody acknowledged that something of this flow was refused."""
