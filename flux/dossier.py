"""
The nouns of a dossier de facturation: where an accepted piece stands, how it came there, what an actor asks. Frozen values, no I/O, no clock.

A dossier is the chain of pieces of one payment, from the first to the last (domain 4.2); its number is that of its first piece.
"""

from datetime import date, datetime

from msgspec import Struct

from flux.piece import Actor, Party, Piece


class Ref(Struct, frozen=True, order=True):
    """A recorded piece: the flow that brought it, and its ordinal there."""

    flow: str
    ordinal: int

    def __str__(self) -> str:
        return f"{self.flow}/{self.ordinal}"

    @classmethod
    def of(cls, told: str) -> "Ref | None":
        """The piece that ``flow/ordinal`` names, None for anything else."""
        flow, slash, ordinal = told.rpartition("/")
        return cls(flow, int(ordinal)) if slash and flow and ordinal.isascii() and ordinal.isdigit() else None


class Routing(Struct, frozen=True):
    """What a recycling may change, and nothing else (domain 5.3): None where it stays as it is."""

    moe: Party | None = None
    moa: Party | None = None
    valideur: Party | None = None
    recipient: Party | None = None
    service: str | None = None     # of the recipient
    engagement: str | None = None


class Act(Struct, frozen=True):
    """What somebody asks: act, a verb of transitions.toml; actor, as whom (role and identifier); who, the person or program that asks it."""

    act: str
    actor: Actor
    who: str
    motive: str = ""
    comment: str = ""
    routing: Routing | None = None


class StatusLine(Struct, frozen=True):
    """
    A line of an inbound CPPStatut (domain 3.1): what somebody says of a piece, which stands beside it as far as it is named, or of a flow.

    status: IdStatut, 01 to 41, of a flow 90 to 96. at: Horodatage, None when it is no instant of the calendar. producer: Producteur/@Id.
    flow: IdFlux, "" when it is about a piece. issued: DateFacture.
    """

    status: str = ""
    complement: str = ""
    comment: str = ""
    at: datetime | None = None
    producer: str = ""
    flow: str = ""
    issued: date | None = None


class Move(Struct, frozen=True):
    """
    One step of a piece: what was done, by whom, and where it stands since.

    seq: from 1. waits: who must act now, None when nobody. role: of who moved it; who: the person or program, "flux" for the system.
    routing: what a recycling changed.
    """

    seq: int
    act: str
    status: str
    at: datetime
    role: str
    who: str
    waits: Actor | None = None
    motive: str = ""
    comment: str = ""
    routing: Routing | None = None


class Standing(Struct, frozen=True):
    """
    An accepted piece and its life so far. piece: as it was accepted, without lines; depositor: who deposited it, by role and identifier.

    first: of the dossier's pieces; dossier: its number. previous: the piece on which this one was deposited. Moves stand in order, one at least.
    """

    ref: Ref
    partner: str
    sha256: str
    piece: Piece
    depositor: Actor
    first: Ref
    dossier: str
    previous: Ref | None
    moves: tuple[Move, ...]

    @property
    def last(self) -> Move:
        """The step that is in force."""
        return self.moves[-1]

    @property
    def status(self) -> str:
        """API code of the status in force."""
        return self.last.status

    @property
    def waits(self) -> Actor | None:
        """Who must act now."""
        return self.last.waits
