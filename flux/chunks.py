"""Many things, some at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_chunks(values: Iterable[T], most: int) -> Iterator[list[T]]:
    """*most* at a time, the last of them fewer; nothing is read before it is asked for."""
    left = iter(values)
    while some := list(islice(left, most)):
        yield some
