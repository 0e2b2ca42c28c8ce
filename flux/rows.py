"""What goes into the ledger and comes out of it: outcomes, acts, searches; rows, counts and the journal, as they are read."""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct

from flux.cause import Met
from flux.dossier import Standing
from flux.faults import Reason
from flux.model import Decision, Emission, Event, Flow, Plumbing


class Piled(Struct, frozen=True):
    """
    How many flows stand in each state: what ``flux once`` and the operator's first look need.

    undeliverable: how many of the emissions owed could not be staged or published when that was tried; some: the oldest of them.
    """

    by_state: dict[str, int]
    emissions_owed: int
    undeliverable: int = 0
    some: tuple[Emission, ...] = ()


class Pressure(Struct, frozen=True):
    """
    What presses: flows that are not closed by state, deliveries that are owed, those that could not be made, the oldest of these.

    due_since: since when the oldest flow that is due waits for its decision, None when none does. mails: reports that the mail server did not take.
    """

    by_state: dict[str, int]
    due_since: datetime | None
    emissions_owed: int
    undeliverable: int
    some: tuple[Emission, ...] = ()
    mails: int = 0


class Journal(Struct, frozen=True):
    """
    The journal as it was found. lines: how many follow from one another, from the first on; head: the hash of the last of these.

    broken: the number of the first line that does not, None when all do. missing: flows, a few at most, that say more than the journal.
    """

    lines: int
    head: str
    broken: int | None = None
    missing: tuple[str, ...] = ()


class Purge(Struct, frozen=True):
    """That something of a flow was purged: what (content, returns, told), when, by whom."""

    what: str
    at: datetime
    who: str


class Tally(Struct, frozen=True):
    """How many flows were decided, and how many of them did not go in whole."""

    flows: int
    refused: int


class FlowRow(Struct, frozen=True):
    """A flow as the ledger knows it, for reading."""

    flow: Flow
    state: Plumbing
    verdict: str      # FlowVerdict, or "" while undecided
    interface: str
    syntax: str
    reason: Reason | None  # why it is held, quarantined or tried again
    decided_at: datetime | None
    pieces: int
    accepted: int
    findings: tuple[dict[str, object], ...] = ()  # about the flow itself, as told (see told.py)
    pack: str = ""  # identity of the rules that judged, "" while undecided


class PieceRow(Struct, frozen=True):
    """A piece as recorded: told is the contract's JSON object, rendered once (docs/formats.md)."""

    flow: str
    ordinal: int
    number: str
    cadre: str
    supplier: str
    verdict: str
    received_at: datetime
    told: bytes


class Moved(Struct, frozen=True):
    """A piece that an act moves: the standing as it was thought about, with its new steps. after: how many steps it had."""

    standing: Standing
    after: int


class Asked(Struct, frozen=True):
    """
    What is looked for among accepted pieces; "" and None ask for nothing. The criteria of Chorus Pro's own form (issue: search).

    actor: identifier of whoever is named in the piece; role: as what; waits: role that must act now, of that actor where one is given.
    since, until: days of reception in Europe/Paris. open: only pieces that somebody must act on.
    """

    number: str = ""
    dossier: str = ""
    market: str = ""
    cadre: str = ""
    status: str = ""
    recipient: str = ""
    service: str = ""
    supplier: str = ""
    actor: str = ""
    role: str = ""
    waits: str = ""
    since: date | None = None
    until: date | None = None
    open: bool = False
    limit: int = 200


class Outcome(Struct, frozen=True):
    """What record writes, whole or not at all."""

    flow: Flow
    decision: Decision
    told: Sequence[bytes]            # by piece, the JSON object of the contract
    told_flow: bytes                 # findings about the flow
    identities: dict[str, int]       # identity -> ordinal of the accepted piece that takes it
    emissions: Sequence[Emission]
    events: tuple[Event, ...]
    standings: Sequence[Standing] = ()    # of the pieces that were accepted
    moved: tuple[Moved, ...] = ()         # pieces before, on which these were deposited, and those that a status line moved
    met: Sequence[Met] = ()               # what refused which piece
