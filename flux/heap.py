"""
The collector of cycles, as a batch needs it.

Left alone it goes through everything that is alive each time that it grew by a quarter: what a process built at its start, and each piece of a
flow while that is decided. Of 1,000 pieces it took an eighth of the daemon's time. A decided flow leaves no cycle behind: what would, a page, lets go of
what it was given (``emitters._page``).
"""

import gc

YOUNG, OLDER, ALL = 50_000, 10, 20  # objects between two looks at the young ones; such looks between two at the older; such again between two at all


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
