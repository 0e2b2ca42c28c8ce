"""A shelf is a list whose length memory does not follow: what it cannot hold lies in a file, and is read from there as it was."""

import errno
import gc
import weakref
from io import BytesIO

import pytest

from flux import shelf
from flux.shelf import Shelf, beside


class Drawer(BytesIO):
    """A file that takes a few bytes at once, as one without a buffer may."""

    def write(self, block):
        return super().write(block[:7])


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(shelf, "HELD", 3)
    monkeypatch.setattr(shelf, "READ_TOGETHER", 2)


WORDS = [f"word {n} é" * n for n in range(20)]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 6, 7, 20])
@pytest.mark.parametrize("drawer", [None, Drawer])
def test_it_is_read_as_the_list_that_it_was_given(count, drawer):
    words, one = WORDS[:count], Shelf(str, drawer, WORDS[:count])
    assert (list(one), len(one), bool(one)) == (words, count, bool(words))
    assert [one[n] for n in range(-count, count)] == words * 2
    assert (one[2:9:3], list(reversed(one))) == (words[2:9:3], words[::-1])
    assert list(zip(one, one, strict=True)) == list(zip(words, words, strict=True)), "two may go over it at a time"
    with pytest.raises(IndexError):
        one[count]


def test_no_more_than_some_are_held_and_without_a_drawer_all_are():
    assert len(Shelf(str, Drawer, WORDS)._held) <= 3
    assert len(Shelf(str, None, WORDS)._held) == 20


def test_a_file_is_asked_for_when_there_is_too_much_and_not_before():
    asked = []

    def drawer():
        asked.append(1)
        return Drawer()

    one = Shelf(str, drawer, WORDS[:3])
    assert asked == []
    one.extend(WORDS[3:])
    assert (asked, list(one)) == ([1], WORDS)


def test_what_is_made_of_what_may_lie_in_a_file_may_lie_in_one_too():
    assert beside(Shelf(str, Drawer), bytes, [b"a"]).drawer is Drawer
    assert beside(("a", "b"), bytes, [b"a"]).drawer is None


def test_the_file_is_gone_with_its_shelf_at_once():
    files = []

    def drawer():
        files.append(Drawer())
        return files[0]

    gc.disable()
    try:
        one = Shelf(str, drawer, WORDS)
        gone = weakref.ref(one)
        del one
        assert (gone(), files[0].closed) == (None, True)
    finally:
        gc.enable()


def test_a_disk_that_takes_no_more_is_told_as_what_it_is():
    class Full(BytesIO):
        def write(self, _block):
            raise OSError(errno.ENOSPC, "No space left on device")

    one = Shelf(str, Full, WORDS[:3])
    with pytest.raises(OSError, match="No space left"):
        one.append("one more")
