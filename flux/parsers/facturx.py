"""
Factur-X: a PDF that carries the invoice as XML (domain, interface FSO1117A). The PDF is a carrier: it is opened in memory, never rendered.

The XML goes by several names: ``factur-x.xml``, ``zugferd-invoice.xml``, ``ZUGFeRD-invoice.xml``, ``xrechnung.xml``. A PDF that holds two
invoices is read by the first of these names: the one that the current standard prescribes. Every other file is an attachment of the piece.
"""

import zlib
from collections.abc import Iterable
from io import BytesIO
from itertools import islice
from typing import Any

from flux.attachments import measured, too_many, unreadable
from flux.facts import own_words, sized
from flux.gate import quoted
from flux.model import Finding
from flux.parsers import Parser, Unwrapped
from flux.parsers._places import plain
from flux.parsers._reading import MOST_NAME
from flux.piece import Attachment
from flux.policy import Limits

NAMES = ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml")  # compared without case
ORDERS = ("order-x.xml",)
_LISTED = 300  # characters of the names that are told
_FLATE = "/FlateDecode"


def unwrap(content: bytes, limits: Limits, keep: bool = False) -> Unwrapped | Finding:
    """The XML inside and the files beside it. FLX-A21: there is none; FLX-A22: it is another document; FLX-A23: the PDF cannot be read."""
    import pikepdf  # late: 60 ms that a batch of XML never spends

    if content.rfind(b"PK\x05\x06") > content.rfind(b"%%EOF"):  # what one reader takes for a PDF is a ZIP for another
        return Finding("FLX-A23", facts=(("why", "zip_behind"),))
    try:
        with pikepdf.open(BytesIO(content), suppress_warnings=True, attempt_recovery=False) as pdf:
            return _unwrapped(pdf.attachments, limits, keep)
    except pikepdf.PasswordError:
        return Finding("FLX-A23", facts=(("why", "encrypted"),))
    except (pikepdf.PdfError, pikepdf.DependencyError, ValueError, RuntimeError, RecursionError, KeyError, TypeError, AttributeError) as error:
        # A PDF is a heap of references that may be of any type: whatever the reader stumbles over is the document's.
        return Finding("FLX-A23", facts=own_words("the reader says", "le lecteur dit", str(error) or type(error).__name__))


def _unwrapped(embedded: Any, limits: Limits, keep: bool) -> Unwrapped | Finding:  # noqa: ANN401 - pikepdf has no types
    """*embedded*: specifications of files by name. A name tree can be made endless: no more names are looked at than may be there."""
    found = {str(name): name for name in islice(embedded, limits.attachments + 2)}
    by_name = {text.lower(): name for text, name in sorted(found.items(), reverse=True)}
    wanted = next((by_name[name] for name in NAMES if name in by_name), None)
    if wanted is None:
        code = "FLX-A22" if any(name in by_name for name in ORDERS) else "FLX-A21"
        listed = quoted(", ".join(sorted(found)), _LISTED) or "—"
        return Finding(code, facts=(("found", listed), ("expected", ", ".join(NAMES))))
    most = limits.xml_mb << 20
    xml = _read(embedded[wanted].get_file(), most)
    if len(xml) > most:
        return Finding("FLX-X06", facts=(*sized("found", f"> {limits.xml_mb}"), *sized("expected", str(limits.xml_mb))))
    return _beside(xml, ((text, embedded[name]) for text, name in found.items() if name != wanted), limits, keep)


def _beside(xml: bytes, specifications: Iterable[tuple[str, Any]], limits: Limits, keep: bool) -> Unwrapped:
    """The other files, in the PDF's order; read until they reach the limit of one, or of all together."""
    import pikepdf  # late: as above

    files: list[Attachment] = []
    findings: list[Finding] = []
    contents: list[bytes] = []
    left = limits.attachments_mb << 20
    for position, (name, specification) in enumerate(specifications, 1):
        if position > limits.attachments:
            findings.append(too_many(limits))
            break
        most = max(0, min(left, limits.attachment_mb << 20))
        file, content = Attachment(plain(str(specification.filename) or name, MOST_NAME)), b""
        try:
            embedded = specification.get_file()
            content = _read(embedded, most)
        except (pikepdf.PdfError, RuntimeError, KeyError, TypeError):
            findings.append(unreadable(file.name, "PDF", position))
        else:
            file, wrong = measured(file, content, position=position, limits=limits, whole=len(content) <= most)
            findings += wrong
        files.append(file)
        left -= file.bytes
        if keep:
            contents.append(content if file.sha256 else b"")
    return Unwrapped(xml, tuple(files), tuple(findings), tuple(contents))


def _read(embedded: Any, most: int) -> bytes:  # noqa: ANN401 - as above
    """The bytes of an embedded file: of the two usual forms no more than one beyond *most*, of the others all."""
    import pikepdf  # late: as above

    told = embedded.obj.get("/Filter")
    filters = [str(one) for one in told] if isinstance(told, pikepdf.Array) else [str(told)] if told is not None else []
    if not filters:
        return bytes(embedded.obj.read_raw_bytes()[: most + 1])
    if filters == [_FLATE] and "/DecodeParms" not in embedded.obj:
        inflate = zlib.decompressobj()
        try:
            content = inflate.decompress(embedded.obj.read_raw_bytes(), most + 1)
        except zlib.error:
            content = b""
        if inflate.eof or len(content) > most:
            return content
    return bytes(embedded.read_bytes())


PARSER = Parser(syntax="FACTURX", magic=b"%PDF-", unwrap=unwrap)
