"""The certificat de dépôt as a page: French with English beside it, made to be read and printed. Owed for what went in of a deposit."""

from functools import lru_cache, partial
from typing import TYPE_CHECKING

from flux.certificate import certificate, owed
from flux.emitters import Emitter, Told
from flux.emitters._names import CERTIFICATE, stem
from flux.emitters._page import rooms, written
from flux.model import Answer

if TYPE_CHECKING:
    from jinja2 import Template


def render(letter: Told) -> tuple[Answer, ...]:
    """The page; () when no certificate is owed."""
    if not owed(letter):
        return ()
    return (Answer("certificate-html", f"{stem(letter, CERTIFICATE)}.html", partial(written, _template(), c=certificate(letter))),)


@lru_cache
def _template() -> "Template":
    return rooms().get_template("certificate.html.j2")


EMITTER = Emitter("certificate-html", render)
