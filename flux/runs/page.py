"""A run as one self-contained page, in one language, made to be read and printed. Pure."""

from functools import lru_cache
from typing import TYPE_CHECKING

from flux.runs.telling import Report
from flux.words import Words

if TYPE_CHECKING:
    from jinja2 import Template


def page(told: Report, say: Words) -> str:
    """The page. Every value is escaped: file names are a stranger's."""
    return _template().render(r=told, say=say)


@lru_cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # late: 20 ms; most commands write no page

    rooms = Environment(loader=PackageLoader("flux.runs", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return rooms.get_template("page.html.j2")
