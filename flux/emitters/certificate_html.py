"""The certificat de dépôt as a page: French with English beside it, made to be read and printed. Owed for what went in of a deposit."""

from functools import lru_cache
from typing import TYPE_CHECKING

from flux.certificate import certificate, owed
from flux.emitters import Emitter, Told
from flux.emitters._names import CERTIFICATE, stem
from flux.model import Answer

if TYPE_CHECKING:
    from jinja2 import Template


def render(letter: Told) -> tuple[Answer, ...]:
    """The page; () when no certificate is owed."""
    if not owed(letter):
        return ()
    return (Answer("certificate-html", f"{stem(letter, CERTIFICATE)}.html", _template().render(c=certificate(letter)).encode()),)


@lru_cache
def _template() -> "Template":
    """Every value is escaped; a name that is missing is an error, not a blank."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # late: 20 ms, and a child of the sandbox writes no page

    rooms = Environment(
        loader=PackageLoader("flux.emitters", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return rooms.get_template("certificate.html.j2")


EMITTER = Emitter("certificate-html", render)
