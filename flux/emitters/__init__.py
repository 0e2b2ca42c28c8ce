"""
One module per return-flow format: a Decision in, bytes out. Pure: the same decision gives the same bytes for ever.

Each public module offers ``EMITTER``. Emitters never import each other; what they share is in modules with a leading underscore.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec import Struct

from flux.model import Answer, Decision, Flow
from flux.tables import Tables


class Told(Struct, frozen=True):
    """What an emitter is handed: the flow, what was decided, the tables, the JSON objects of the contract, and the answering installation."""

    flow: Flow
    decision: Decision
    tables: Tables
    told: tuple[dict[str, Any], ...]       # by piece: the object of docs/formats.md, findings with texts, without its attachments
    lines: tuple[bytes, ...]               # by piece: the whole object, written
    told_flow: tuple[dict[str, Any], ...]  # findings about the flow
    installation: str                      # our partner id in the envelopes of return flows, 3 to 8 characters
    at: datetime                           # when it was decided
    certificates: bool = False             # a certificat de dépôt for EDI flows too: the partner's setting


class Emitter(Struct, frozen=True):
    """
    A return flow: its kind, and the function that renders it. None: nothing of this kind is owed for this flow.

    schema: family of the schema that every answer of this kind must satisfy before it is owed; "" when there is none.
    """

    kind: str
    render: Callable[[Told], Answer | None]
    schema: str = ""
