"""
Factur-X: a PDF that carries the invoice as XML (domain, interface FSO1117A). The PDF is a carrier: it is opened in memory, never rendered.

The XML goes by several names: ``factur-x.xml``, ``zugferd-invoice.xml``, ``ZUGFeRD-invoice.xml``, ``xrechnung.xml``. A PDF that holds two
invoices is read by the first of these names: the one that the current standard prescribes.
"""

from io import BytesIO
from itertools import islice

from flux.facts import own_words, pair, sized
from flux.model import Finding
from flux.parsers import Parser
from flux.policy import Limits

NAMES = ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml")  # compared without case
ORDERS = ("order-x.xml",)
ATTACHMENTS_READ = 200  # names looked at: no invoice has more, and a name tree can be made endless


def unwrap(content: bytes, limits: Limits) -> bytes | Finding:
    """The XML inside. FLX-A21: there is none; FLX-A22: it is another document; FLX-A23: the PDF cannot be read."""
    import pikepdf  # late: 60 ms that a batch of XML never spends

    try:
        with pikepdf.open(BytesIO(content), suppress_warnings=True, attempt_recovery=False) as pdf:
            return _embedded(pdf, limits)
    except pikepdf.PasswordError:
        return Finding("FLX-A23", facts=pair("found", "it is encrypted with a password", "il est chiffré par un mot de passe"))
    except (pikepdf.PdfError, pikepdf.DependencyError, ValueError, RuntimeError, RecursionError, KeyError, TypeError, AttributeError) as error:
        # A PDF is a heap of references that may be of any type: whatever the reader stumbles over is the document's.
        return Finding("FLX-A23", facts=own_words("the reader says", "le lecteur dit", str(error) or type(error).__name__))


def _embedded(pdf: object, limits: Limits) -> bytes | Finding:
    attachments = pdf.attachments  # type: ignore[attr-defined]
    found = {str(name): name for name in islice(attachments, ATTACHMENTS_READ)}
    by_name = {text.lower(): name for text, name in sorted(found.items(), reverse=True)}
    wanted = next((by_name[name] for name in NAMES if name in by_name), None)
    listed = ", ".join(sorted(found)) or "—"
    if wanted is None:
        code = "FLX-A22" if any(name in by_name for name in ORDERS) else "FLX-A21"
        return Finding(code, facts=(("found", listed), ("expected", ", ".join(NAMES))))
    file = attachments[wanted].get_file()
    most = limits.xml_mb << 20
    if int(file.size or 0) > most:  # what the PDF announces; the XML gate measures what it is
        return Finding("FLX-X06", facts=(*sized("found", str(int(file.size) >> 20)), *sized("expected", str(limits.xml_mb))))
    return bytes(file.read_bytes())


PARSER = Parser(syntax="FACTURX", magic=b"%PDF-", unwrap=unwrap)
