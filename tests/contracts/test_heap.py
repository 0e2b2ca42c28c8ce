"""The collector of cycles: what stood at the start is left alone."""

import gc
import weakref

import pytest

from flux import heap


@pytest.fixture(autouse=True)
def as_it_was():
    before = gc.get_threshold()
    gc.disable()  # what is looked through is said here
    yield
    gc.enable()
    gc.unfreeze()
    gc.set_threshold(*before)


class Page:
    """Holds itself, as a template and what it was given do."""

    def __init__(self):
        self.itself = self


def left():
    return weakref.ref(Page())


def test_what_stands_is_never_gone_through_again_and_what_comes_is():
    page = left()
    heap.settle()
    later = left()
    gc.collect()
    assert page() is not None
    assert later() is None


def test_a_process_that_settles_once_more_looks_through_everything_first():
    page = left()
    heap.settle()
    heap.settle(clean=True)
    assert page() is None
