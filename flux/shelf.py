"""
Shelves: many values of one kind, of which few are in memory.

The daemon's memory must not follow the largest flow that somebody sends. A shelf is a list as long as it has HELD values; whatever more it is given lies
packed in a file without a name, which is gone when the shelf is. What goes over it has one value at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, BinaryIO, TypeVar, overload
from weakref import finalize

from msgspec.msgpack import Decoder, Encoder

HELD = 1_000        # values; a piece as it is judged, decided and told takes some 12 kB
READ_TOGETHER = 64  # of those in the file

T = TypeVar("T")
Drawer = Callable[[], BinaryIO]  # a file that nobody else sees, unbuffered

_encoder = Encoder()


class Shelf(Sequence[T]):
    """
    Values of one kind, in the order in which they came. *drawer*: gives the file for what is too many; None: all are held.

    What lies in the file is read anew each time: it equals what was put there and is not the same object. Raises OSError where the file does.
    """

    def __init__(self, kind: type[T], drawer: Drawer | None = None, values: Iterable[T] = ()) -> None:
        self.drawer = drawer
        self._kind = kind
        self._decoder: Decoder[T] | None = None
        self._held: list[T] = []
        self._ends = [0]  # in the file: where each value ends, and the first begins
        self._file: BinaryIO | None = None
        self.extend(values)

    def append(self, value: T) -> None:
        """One more."""
        if self.drawer is not None and len(self._held) == HELD:
            self._put_away(self.drawer)
        self._held.append(value)

    def extend(self, values: Iterable[T]) -> None:
        """Some more."""
        for value in values:
            self.append(value)

    def __len__(self) -> int:
        return len(self._ends) - 1 + len(self._held)

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> list[T]: ...

    def __getitem__(self, place: int | slice) -> T | list[T]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        place, away = range(len(self))[place], len(self._ends) - 1
        return self._held[place - away] if place >= away else next(self._read(place, place + 1))

    def __iter__(self) -> Iterator[T]:
        away = len(self._ends) - 1
        for first in range(0, away, READ_TOGETHER):
            yield from self._read(first, min(first + READ_TOGETHER, away))
        yield from self._held

    def _put_away(self, drawer: Drawer) -> None:
        if self._file is None:
            self._file = drawer()
            finalize(self, self._file.close)
        packed = [_encoder.encode(value) for value in self._held]
        self._file.seek(self._ends[-1])
        _write(self._file, b"".join(packed))
        for one in packed:
            self._ends.append(self._ends[-1] + len(one))
        self._held.clear()

    def _read(self, first: int, behind: int) -> Iterator[T]:
        assert self._file is not None, "what was put away is in the file"  # noqa: S101 - _ends says so
        decoder = self._decoder = self._decoder or Decoder(self._kind)
        ends = self._ends[first : behind + 1]
        self._file.seek(ends[0])
        block = memoryview(self._file.read(ends[-1] - ends[0]))
        for start, end in pairwise(ends):
            yield decoder.decode(block[start - ends[0] : end - ends[0]])


def beside(those: Sequence[Any], kind: type[T], values: Iterable[T] = ()) -> Shelf[T]:
    """A shelf for what is made of *those*: where they may lie in a file, so may these."""
    return Shelf(kind, those.drawer if isinstance(those, Shelf) else None, values)


def _write(file: BinaryIO, block: bytes) -> None:
    """All of it: a file without a buffer may take less at once."""
    left = memoryview(block)
    while left:
        left = left[file.write(left) :]
