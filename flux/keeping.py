"""The custody of data: what its commands ask of ledger and content store beyond what the loops do, and the values that come back. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from flux.model import Event
from flux.owing import PIECE
from flux.ports import ContentStore, Ledger
from flux.rows import Journal

CONTENT, RETURNS, TOLD = "content", "returns", "told"
WHAT = (CONTENT, RETURNS, TOLD)


def part_of(kind: str) -> str:
    """With what the bytes of an emission of this kind go."""
    return CONTENT if kind == PIECE else RETURNS


class Trouble(Struct, frozen=True):
    """One thing that does not agree. table, row: where; why: a name in words.toml [audit]; line: of the journal that says otherwise, 0 when none."""

    table: str
    row: str
    why: str
    line: int = 0


class Audit(Struct, frozen=True):
    """
    What an audit found. flows: how many were compared; unsealed: decided before the ledger sealed its rows, and not to be proven.

    known: whether a head that was given is a line of the journal. more: troubles beyond those that are told. contents: proven, None when not asked.
    """

    journal: Journal
    flows: int
    unsealed: int
    troubles: tuple[Trouble, ...]
    more: int = 0
    known: bool | None = None
    contents: int | None = None

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not (self.troubles or self.journal.missing or self.known is False) and self.journal.broken is None


class Doubt(Struct, frozen=True):
    """
    In a restored ledger, something that the original may have done since.

    kind: flow (under way), held, emission (owed), run (owed or under way), mail (of a run, owed). flow: under what the journal keeps it, a flow's id or
    schedule/NAME. told: partner and file, target and name, or schedule, number and instant.
    """

    item: str
    kind: str
    flow: str
    told: str


class Keeper(Ledger, Protocol):
    """The ledger, as custody asks it."""

    def audit(self, head: str = "") -> Audit:
        """Everything, once through. head: the hash of a line that somebody kept elsewhere. met: is shown each flow's row."""

    def head(self) -> tuple[int, str]:
        """How many lines the journal has, and the hash of the last; 0 and "" when there is none."""

    def sealed(self, flow: str) -> list[tuple[Event, dict[str, bytes]]]:
        """The lines of a flow, each with the documents whose hashes its seal has, by letter, made again of the rows."""

    def links(self, flow: str, head: str) -> Iterator[tuple[str, Event | None]]:
        """The lines from the first of this flow to the head: hash of the words, and the line itself where it is the flow's own. Raises Fault."""

    def ripe(self, what: str, verdicts: Sequence[str], until: datetime, finals: Sequence[str], limit: int) -> list[str]:
        """Closed flows of these verdicts, over before *until*, of which this was not purged yet and nothing forbids it; oldest first."""

    def purge(self, flows: Sequence[str], what: Sequence[str], who: str, now: datetime, finals: Sequence[str] = ()) -> int:
        """Note that this is purged of these flows, as far as they are over, and let go of what was told where that is asked; gives of how many."""

    def would_free(self, plan: Mapping[str, Sequence[str]]) -> list[str]:
        """The contents that nobody would need any more if this were purged: flows by what. Nothing is changed."""

    def claims(self, shas: Sequence[str]) -> dict[str, bool]:
        """Those of these contents that rows refer to, and whether one of them still needs it."""

    def acknowledge(self, flows: Sequence[str], who: str, reason: str, now: datetime) -> list[str]:
        """Those of these flows that were not acknowledged before are now."""

    def wanted(self) -> Iterator[str]:
        """Every content that some row needs, once, in the order of their hashes."""

    def note(self, events: Sequence[Event]) -> None:
        """A line of the journal that is of no flow."""

    def drop(self, shas: Sequence[str], forget: Callable[[Sequence[str]], tuple[int, int]]) -> tuple[int, int]:
        """Ask again, under the write lock, which of these nobody needs, and have those forgotten; gives what *forget* gives."""

    def shrink(self) -> int | None:
        """Give free pages of the ledger back to the file system; how many bytes, None where it was made before that was possible: vacuum()."""

    def vacuum(self) -> int:
        """Write the ledger anew, without its free pages; how many bytes smaller it is. Nobody else may be at work."""

    def doubt(self, event: Event) -> list[Doubt]:
        """A restored ledger: what was owed, held or under way is in doubt from now on, and no re-injection goes on."""

    def doubts(self) -> list[Doubt]:
        """What nobody decided yet."""

    def settle(self, items: Iterable[str], event: Callable[[Doubt], Event], reason: str, *, sent: bool) -> int:
        """Decide these: *sent*, they are done as far as this ledger is concerned; else the loops do them again. Gives how many are left."""


class Shelf(ContentStore, Protocol):
    """The content store, as custody asks it."""

    def held(self) -> Iterator[list[tuple[str, int, float]]]:
        """Every content, folder by folder: sha256, bytes, and when it was last written."""

    def forget(self, shas: Sequence[str], before: float) -> tuple[int, int]:
        """Remove these contents, but those that were written again since *before*; how many that were, and their bytes."""
