"""A run as one self-contained page, in one language, made to be read and printed. Pure."""

from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from flux.runs.telling import Report
from flux.words import Words


def page(told: Report, say: Words) -> str:
    """The page. Every value is escaped: file names are a stranger's."""
    return _template().render(r=told, say=say)


@lru_cache
def _template() -> Template:
    rooms = Environment(loader=PackageLoader("flux.runs", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return rooms.get_template("page.html.j2")
