"""
The certificat de dépôt as a PDF, set by Typst (docs/decisions/0011). The same decision gives the same bytes: its only date is the decision's.

What is printed goes in as data, never as text of the template; fonts are those of the library, whatever the machine has.
"""

from datetime import UTC
from functools import lru_cache
from importlib.resources import files

import orjson

from flux.certificate import certificate, owed
from flux.emitters import Emitter, Told
from flux.emitters._names import CERTIFICATE, stem
from flux.model import Answer


def render(letter: Told) -> tuple[Answer, ...]:
    """The PDF; () when no certificate is owed."""
    if not owed(letter):
        return ()
    import typst  # late: 60 MB of a library that only this needs

    at = letter.at.astimezone(UTC)
    made = {"year": at.year, "month": at.month, "day": at.day, "hour": at.hour, "minute": at.minute, "second": at.second}
    data = orjson.dumps({"c": certificate(letter), "made": made}, default=_plain).decode()
    pdf = typst.compile(_template(), format="pdf", ignore_system_fonts=True, sys_inputs={"data": data})
    return (Answer("certificate-pdf", f"{stem(letter, CERTIFICATE)}.pdf", lambda: (pdf,)),)


def _plain(value: object) -> object:
    return {name: getattr(value, name) for name in value.__struct_fields__}  # type: ignore[attr-defined]


@lru_cache
def _template() -> bytes:
    return files("flux.emitters").joinpath("certificate.typ").read_bytes()


EMITTER = Emitter("certificate-pdf", render)
