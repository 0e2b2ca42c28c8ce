"""Pages: templates in which every value is escaped, and a name that is missing is an error, not a blank."""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from flux.chunks import in_chunks

if TYPE_CHECKING:
    from jinja2 import Environment, Template

PARTS = 1000  # of a template, some fifty characters each, that are written at once


@cache
def rooms() -> "Environment":
    """Where the templates of the emitters are found."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # late: 20 ms, and a child of the sandbox writes no page

    class Rooms(Environment):
        """What is told are objects of JSON: a key is looked for first. To be told by an exception that there is no attribute costs half a page."""

        def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - as in Environment
            return obj[attribute] if isinstance(obj, dict) and attribute in obj else super().getattr(obj, attribute)

    return Rooms(loader=PackageLoader("flux.emitters", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def written(template: "Template", **given: Any) -> Iterator[bytes]:  # noqa: ANN401 - whatever a page is made of
    """
    The page, some at a time.

    What it was given is let go of: a template's macros hold one another and all that stands around them, until a collector of cycles comes.
    """
    context = template.new_context(given)
    parts = template.root_render_func(context)
    try:
        for some in in_chunks(parts, PARTS):
            yield "".join(some).encode()
    finally:
        context.parent.clear()
        context.vars.clear()
