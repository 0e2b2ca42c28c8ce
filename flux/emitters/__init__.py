"""
One module per return-flow format: a Decision or the moves of a piece in, bytes out. Pure: the same values give the same bytes for ever.

Each public module offers ``EMITTER``. Emitters never import each other; what they share is in modules with a leading underscore.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from flux.dossier import Move, Standing
from flux.model import Answer, Decision, Flow
from flux.piece import Actor
from flux.tables import Tables
from flux.told import Wording

BOTH = "both"


class Told(Struct, frozen=True):
    """What an emitter is handed: the flow, what was decided, the tables, the words of the contract, and the answering installation."""

    flow: Flow
    decision: Decision
    tables: Tables
    worded: Wording                        # a finding as told: its severity, its place, its texts
    lines: Sequence[bytes]                 # by piece: the object of docs/formats.md, written
    told_flow: tuple[dict[str, Any], ...]  # findings about the flow
    installation: str                      # our partner id in the envelopes of return flows, 3 to 8 characters
    at: datetime                           # when it was decided
    lifecycle: str = "cpp-statut"          # in which form its partner wants the life cycle
    certificates: bool = False             # a certificat de dépôt for EDI flows too: the partner's setting


class Moved(Struct, frozen=True):
    """What an emitter is handed when a piece moved: one flow to one of those concerned."""

    standing: Standing        # with these moves
    moves: tuple[Move, ...]   # the new ones, in order
    to: Actor                 # who is told
    tag: str                  # part of its names: "" for the depositor, else his role
    tables: Tables
    installation: str
    at: datetime              # when it is told


class Emitter(Struct, frozen=True):
    """
    A return flow: its kind, and the function that renders those of a decided flow. (): nothing of this kind is owed for it.

    schema: family of the schema that every answer of this kind must satisfy before it is owed; "" when there is none. unit: the element of which one holds
    as many as it tells things; "" when it tells one.
    lifecycle: the form that this is, "" for what is owed whatever is asked. moved: renders it for the moves of one piece.
    """

    kind: str
    render: Callable[[Told], Iterable[Answer]]
    schema: str = ""
    unit: str = ""
    lifecycle: str = ""
    moved: Callable[[Moved], Iterable[Answer]] | None = None


def wants(lifecycle: str, emitter: Emitter) -> bool:
    """Whether this return flow is owed to somebody with this setting."""
    return emitter.lifecycle in ("", lifecycle) or lifecycle == BOTH
