"""
One module per family of rules. A rule is a small pure function; its codes stand in the catalogue with severity and texts.

Each public module offers ``CHECKS``. A rule may assume only what an earlier stage established. Validators never import each other.
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

from msgspec import Struct

from flux.model import Finding, Known, Stage
from flux.piece import Piece
from flux.policy import Policy
from flux.tables import Tables

UNIT = Decimal(1)  # of the currency: the tolerance of EN 16931's own BR-CO-17 for base × rate, since VAT may have been rounded line by line


class Context(Struct, frozen=True):
    """What a rule may look at beside the piece: the tables, what is set, the interface of the flow, the day of reception (Europe/Paris)."""

    tables: Tables
    policy: Policy
    interface: str  # a code of the interface table
    today: date


class Check(Struct, frozen=True):
    """
    A rule: when it is asked, the codes that it may give, and the function.

    run(piece, known, context) yields findings without ordinal or place: process adds them. known is empty before the stage market.
    """

    stage: Stage
    codes: tuple[str, ...]
    run: Callable[[Piece, Known, Context], Iterator[Finding]]
