"""Attachments: extensions and the sum of sizes (domain, section 2). What is wrong with one alone is found where it is unpacked. Stage generic."""

from collections.abc import Iterator

from flux.facts import sized
from flux.model import Finding, Known, Piece, Stage
from flux.validators import Check, Context


def extensions(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """The name has an extension, and it is one of AIFE's list."""
    allowed = context.tables.codes.attachment_extensions
    for position, attachment in enumerate(piece.attachments, 1):
        if attachment.name.rpartition(".")[2].upper() not in allowed or "." not in attachment.name:
            facts = (("found", attachment.name or "—"), ("expected", ", ".join(sorted(allowed))))
            yield Finding("FLX-L12", f"attachments[{position}].name", facts=facts)


def together(piece: Piece, _known: Known, context: Context) -> Iterator[Finding]:
    """All attachments of a piece stay within the limit."""
    most = context.policy.limits.attachments_mb
    if (size := sum(attachment.bytes for attachment in piece.attachments)) > most << 20:
        yield Finding("FLX-L15", "attachments", facts=(*sized("found", f"{size / (1 << 20):.1f}"), *sized("expected", str(most))))


CHECKS = (Check(Stage.GENERIC, ("FLX-L12",), extensions), Check(Stage.GENERIC, ("FLX-L15",), together))
