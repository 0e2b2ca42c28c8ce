"""Attachments: extensions and the sum of sizes (domain, section 2). What is wrong with one alone is found where it is unpacked. Stage generic."""

from collections.abc import Iterator

from flux.facts import sized
from flux.gate import quoted
from flux.model import Finding, Known, Stage
from flux.piece import Piece
from flux.validators import Check, Context


def extensions(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """The name has an extension, and it is one of AIFE's list; so has the name that the file bears inside its ZIP."""
    allowed = context.tables.codes.attachment_extensions
    expected = ("expected", ", ".join(sorted(allowed)))
    for position, attachment in enumerate(piece.attachments, 1):
        field = f"attachments[{position}].name"
        if not _has_one_of(allowed, attachment.name):
            yield Finding("FLX-L12", field, facts=(("found", quoted(attachment.name) or "—"), expected))
        if attachment.zipped and not _has_one_of(allowed, attachment.inner):
            yield Finding("FLX-L16", field, facts=(("found", quoted(attachment.inner)), ("name", quoted(attachment.name)), expected))


def together(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """All attachments of a piece stay within the limit."""
    most = context.policy.limits.attachments_mb
    if (size := sum(attachment.bytes for attachment in piece.attachments)) > most << 20:
        yield Finding("FLX-L15", "attachments", facts=(*sized("found", f"{size / (1 << 20):.1f}"), *sized("expected", str(most))))


def _has_one_of(allowed: frozenset[str], name: str) -> bool:
    _, dot, extension = name.rpartition(".")
    return bool(dot) and extension.upper() in allowed


CHECKS = (Check(Stage.GENERIC, ("FLX-L12", "FLX-L16"), extensions), Check(Stage.GENERIC, ("FLX-L15",), together))
