"""A call fails at an exact instant: the flow goes on or waits, nobody is blamed, and one clean run afterwards brings everything to its answer."""

import random

import pytest
from scenario import errors, install, named, survive


@pytest.fixture
def trial(ground, plug, known):
    def one(n, point):
        result = survive(plug, install(ground / str(n) / "root", known.dropped), known, point)
        return [] if result.good else [(point, result.report, result.wrong)]

    return one


@pytest.mark.slow
@pytest.mark.parametrize("how", ["eio", "enospc"])
def test_an_error_in_every_place_is_followed_by_a_full_answer(trial, known, how):
    assert [wrong for n, point in enumerate(named(known, how)) for wrong in trial(n, point)] == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["eintr", "emfile", "eread", "eio*30", "enospc*100"])
def test_an_interruption_a_lack_of_descriptors_a_bad_sector_and_a_bad_minute_are_followed_by_a_full_answer(trial, known, how):
    some = random.Random(5).sample(errors(known, how), 8)
    assert [wrong for n, point in enumerate(some) for wrong in trial(n, point)] == []
