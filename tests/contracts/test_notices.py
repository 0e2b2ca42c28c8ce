"""The bell that wakes the daemon, rung from wherever a ring may come."""

import subprocess
import sys
import time
from threading import Thread

from flux.notices import Bell

RUNG_BETWEEN_ANY_TWO_CALLS = """
import sys
from flux.notices import Bell

bell, ringing = Bell(), False

def between(*_):
    global ringing
    if not ringing:
        ringing = True
        bell.ring()
        ringing = False

sys.setprofile(between)
for _ in range(20):
    bell.wait(0.01)
"""


def seconds(act):
    began = time.monotonic()
    act()
    return time.monotonic() - began


def test_a_handler_that_rings_at_any_instant_of_the_wait_never_waits_for_itself():
    """As a signal's handler does, in the same thread. A daemon that waited with a lock was once asked to end, and never ended."""
    assert subprocess.run([sys.executable, "-c", RUNG_BETWEEN_ANY_TWO_CALLS], timeout=30, check=False).returncode == 0


def test_a_ring_ends_the_wait_and_one_that_came_before_ends_the_next_one_only():
    bell = Bell()
    bell.ring()
    assert seconds(lambda: bell.wait(5)) < 1
    assert seconds(lambda: bell.wait(0.2)) >= 0.19
    Thread(target=bell.ring).start()
    assert seconds(lambda: bell.wait(5)) < 1


def test_a_bell_that_is_rung_more_often_than_it_can_hold_still_rings():
    bell = Bell()
    for _ in range(100_000):
        bell.ring()
    assert seconds(lambda: bell.wait(5)) < 1
    assert not bell.stopped
    bell.stop()
    assert bell.stopped
    assert seconds(lambda: bell.wait(5)) < 1
