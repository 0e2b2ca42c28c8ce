"""The power goes while flux writes, on real file systems: what was promised is there when it comes back. Needs root and mkfs."""

import random

import pytest
from checker import consume
from disks import Disk, power_cut
from scenario import install, named, survive


@pytest.fixture(params=["ext4", "xfs"])
def disk(request, tmp_path, known):
    return Disk(request.param, tmp_path, lambda folder: install(folder / "root", known.dropped))


def cuts(plug, known, disk, points, then=0):
    wrong, reached = [], 0
    for at, on in points:
        reached += power_cut(plug, disk, disk.mounted / "root", at, on, then=then)
        result = survive(plug, disk.mounted / "root", known)
        disk.off()
        if not result.good:
            wrong.append((at, on, result.report, result.wrong))
    assert wrong == []
    return reached


@pytest.mark.slow
def test_a_power_cut_in_a_sample_of_places_loses_nothing_and_doubles_nothing(plug, known, disk):
    places = random.Random(7).sample([on for _, _, on in named(known)], 8)  # the same at every run
    assert cuts(plug, known, disk, [(1, on) for on in places]) >= 6  # how flows meet in groups decides whether all are reached


@pytest.mark.slow
def test_a_power_cut_and_another_during_recovery_lose_nothing_and_double_nothing(plug, known, disk):
    assert cuts(plug, known, disk, [(at, "") for at in (90, 180, 270)], then=40) == 3


@pytest.mark.slow
def test_what_a_consumer_took_within_the_instant_may_come_again_and_is_told_apart_from_a_loss(plug, known, disk):
    """The residual of docs/INTERNALS.md: the same name with the same bytes, once more."""
    root, taken = disk.mounted / "root", []
    assert power_cut(plug, disk, root, 6, "renameat2 outbox", meanwhile=lambda: taken.extend(consume(root)))
    assert len(taken) >= 5
    result = survive(plug, root, known, unsynced=taken)
    disk.off()
    assert result.good, result
    assert result.report.again > 0
