"""
XML as text, escaped.

Text, not a tree: a flow of 1,000 pieces makes 30,000 elements, and a tree of them costs eight times as much. What is written is held to
the schema before it is owed (``process.held``), so a mistake here never leaves.
"""

import re
from collections.abc import Iterable, Iterator

BLOCK = 1 << 16  # characters of a document that are written at once, about

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPECIAL = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"})
# What XML 1.0 cannot carry, not even escaped. Documents never bring it; a file's name and a comment may.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN = re.compile("[\t\n\x20!#-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")  # what stands as it is: nearly all that is ever written


def text(tag: str, value: str, **attributes: str) -> str:
    """An element of text, escaped; "" when there is no text."""
    return f"<{tag}{_attributes(attributes) if attributes else ''}>{_escaped(value)}</{tag}>" if value else ""


def box(tag: str, *children: str, **attributes: str) -> str:
    """An element of elements, one a line; those that are "" are left out."""
    return "\n".join((f"<{tag}{_attributes(attributes)}>", *filter(None, children), f"</{tag}>"))


def laid(tag: str, *children: str | Iterable[str], **attributes: str) -> Iterator[str]:
    """box() for what holds many elements, line by line: *children* that are no text are such lines themselves, and nobody has them all."""
    yield f"<{tag}{_attributes(attributes)}>"
    for child in children:
        yield from (line for line in ([child] if isinstance(child, str) else child) if line)
    yield f"</{tag}>"


def written(lines: Iterable[str]) -> Iterator[bytes]:
    """A document, some lines at a time."""
    some, size = [HEAD.rstrip()], 0
    for line in lines:
        some.append(line)
        size += len(line)
        if size > BLOCK:
            yield _block(some)
            some, size = [], 0
    yield _block(some)


def _block(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def carried(value: str) -> str:
    """A text as XML can carry it: longer than it was, where it held what XML cannot."""
    return _NOT_XML.sub(lambda c: f"\\u{ord(c[0]):04x}", value)


def _attributes(given: dict[str, str]) -> str:
    return "".join([f' {name}="{_escaped(value)}"' for name, value in given.items()])


def _escaped(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else carried(value).translate(_SPECIAL)
