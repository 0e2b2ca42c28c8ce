"""
One module per syntax: bytes that passed the XML gate, in; the Piece and where each field stands, out. Pure.

Each public module offers ``PARSER``. Parsers never import each other; what they share is in modules with a leading underscore.
"""

from collections.abc import Callable

from lxml import etree
from msgspec import Struct

from flux.model import Parsed

Read = Callable[["Source"], tuple[Parsed, ...]]


class Source(Struct, frozen=True):
    """One gated document: root element, its own bytes, and what the gate noted. default_cadre: the partner's setting."""

    root: etree._Element
    content: bytes
    stylesheet: str = ""
    default_cadre: str = ""


class Parser(Struct, frozen=True):
    """
    A syntax: its name as in ``Piece.syntax``, the root elements it claims (Clark notation) and the function that reads it.

    read(source) -> one Parsed a piece, in document order; never raises on content: what cannot be read is a Finding.
    kind(root) -> the schema family of the document ("ubl-invoice", "ubl-creditnote", "cii", "cpp-mixte", "cpp-pivot").
    """

    syntax: str
    roots: dict[str, str]  # Clark root -> schema family
    read: Read
