"""The rig proves itself: four fluxes, each broken in one way, are caught every time, and the true one passes at the same instants."""

from pathlib import Path

import pytest
from broken import CAUGHT
from disks import Disk, power_cut
from plug import Plug
from scenario import install, survive

import flux


def caught(plug, known, variant, ground):
    """At how many of its instants a variant is caught, of how many."""
    by, instants = CAUGHT[variant]
    disk = Disk("ext4", ground, lambda folder: install(folder / "root", known.dropped)) if by == "cut" else None
    wrong = 0
    for n, (at, on) in enumerate(instants):
        if disk is None:
            result = survive(plug, install(ground / str(n) / "root", known.dropped), known, (at, "kill", on), consumes=True)
        else:
            assert power_cut(plug, disk, disk.mounted / "root", at, on)
            result = survive(plug, disk.mounted / "root", known)
            disk.off()
        wrong += not result.report.clean
    return wrong, len(instants)


@pytest.mark.slow
@pytest.mark.parametrize("variant", CAUGHT)
def test_a_broken_flux_is_caught_every_time(ground, shim, known, variant):
    with Plug(shim, "quick", variant) as broken:
        assert caught(broken, known, variant, ground) == (3, 3)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["marked_before_published", "ledger_normal"])
def test_the_true_flux_is_not(ground, plug, known, variant):
    assert caught(plug, known, variant, ground) == (0, 3)


def test_flux_has_no_switch_for_it():
    assert [path for path in Path(flux.__file__).parent.rglob("*.py") if any(name in path.read_text("utf-8") for name in CAUGHT)] == []
