"""
One module per syntax: bytes that passed the XML gate, in; the Piece and where each field stands, out. Pure.

Each public module offers ``PARSER``. Parsers never import each other; what they share is in modules with a leading underscore.
"""

from collections.abc import Callable

from lxml import etree
from msgspec import Struct

from flux.model import Finding, Parsed
from flux.piece import Attachment
from flux.policy import Limits


class Source(Struct, frozen=True):
    """
    One gated document: root element, its own bytes, what the gate noted, and the limits that attachments meet.

    beside, wrong: the files that its carrier holds beside it, which are the piece's first attachments, and what is wrong with them.
    keep: whether the content of attachments is handed on; contents: of those beside.
    """

    root: etree._Element
    content: bytes
    limits: Limits
    stylesheet: str = ""
    default_cadre: str = ""  # the partner's setting: what an absent cadre means
    beside: tuple[Attachment, ...] = ()
    wrong: tuple[Finding, ...] = ()
    keep: bool = False
    contents: tuple[bytes, ...] = ()


class Unwrapped(Struct, frozen=True):
    """What a carrier holds: the XML, and as in Source the files beside it."""

    content: bytes
    files: tuple[Attachment, ...] = ()
    findings: tuple[Finding, ...] = ()
    contents: tuple[bytes, ...] = ()  # of files, in order


Read = Callable[[Source], tuple[Parsed, ...]]
Unwrap = Callable[[bytes, Limits, bool], Unwrapped | Finding]  # the last: whether the content of the files is kept


class Parser(Struct, frozen=True):
    """
    A syntax: its name as in ``Piece.syntax``, the root elements it claims, and the function that reads them.

    roots: Clark name of the root -> schema family ("ubl-invoice", "ubl-creditnote", "cii", "cpp-mixte", "cpp-pivot").
    read(source) -> one Parsed a piece, in document order; never raises on content: what cannot be read is a Finding.
    A carrier (Factur-X) claims no root: its documents begin with *magic*, and unwrap gives the XML inside, which the parser
    of that XML's root then reads.
    edi: whether its documents are EDI flows; else they are deposits in the mode service or portail, and no others are.
    """

    syntax: str
    roots: dict[str, str] = {}
    read: Read | None = None
    magic: bytes = b""
    unwrap: Unwrap | None = None
    edi: bool = True
