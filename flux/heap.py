"""
The collector of cycles, as a batch needs it.

Left alone it goes through everything that is alive each time that it grew by a quarter: what a process built at its start, and each piece of a
flow while that is decided. Of 1,000 pieces it took an eighth of the daemon's time. What makes cycles are pages (a template and what it was given), and
these are let go of between two groups of flows, when little is alive.
"""

import gc

YOUNG, OLDER, ALL = 50_000, 10, 20  # objects between two looks at the young ones; such looks between two at the older; such again between two at all
SWEEP = 500  # pieces decided between two sweeps


def settle(*, clean: bool = False) -> None:
    """
    What stands now stays, and is never gone through again; what comes is looked at more rarely.

    clean: look through it a last time, 50 ms, which pays for a process that lives long and may do this again.
    """
    gc.unfreeze()
    if clean:
        gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, ALL)


class Broom:
    """Sweeps out what decided flows left, once there is some."""

    def __init__(self) -> None:
        self._left = 0

    def leave(self, pieces: int) -> None:
        """So many pieces were decided."""
        self._left += pieces

    def sweep(self) -> None:
        """To be called when nothing of them is needed any more."""
        if self._left >= SWEEP:
            self._left = 0
            gc.collect()
