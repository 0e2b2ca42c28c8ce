"""The daemon at whatever moment: killed, asked to end, stopped and resumed, fed again; and what it leaves behind."""

import os
import random
import signal
import time

import pytest
from daemon import READY_S, House, flows, soak
from plug import Plug
from scenario import documents, install, survive


@pytest.fixture
def anew(shim):
    """Started as in production: what it takes to be ready is measured."""
    with Plug(shim, "anew") as plug:
        yield plug


@pytest.mark.slow
def test_a_daemon_killed_at_random_moments_answers_all_once_and_is_ready_again_in_time(ground, anew):
    house, starts, _ = soak(anew, ground, kills=5, a_round=3, pieces=3, seed=1)
    report = house.check()
    assert (report.clean, report.attempted, house.wrong, house.verdicts()) == (True, 15, [], {"IN_INTEGRE"}), report
    assert max(starts) < READY_S * 2  # the machine of a test may be busy; the campaign holds the figure


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "eio"])
def test_a_daemon_that_meets_a_fault_at_its_nth_call_answers_all_once(ground, plug, known, how):
    wrong = []
    for n in random.Random(11).sample(range(1, len(known.acts)), 5):
        result = survive(plug, install(ground / str(n) / "root", known.dropped), known, (n, how, ""), daemon=True)
        wrong += [] if result.good else [(n, result)]
    assert wrong == []


@pytest.mark.slow
def test_a_daemon_asked_to_end_at_random_moments_ends_with_0_and_loses_nothing(ground, plug):
    house, _, ends = soak(plug, ground, kills=5, a_round=3, pieces=3, seed=2, asked=signal.SIGTERM)
    report = house.check()
    assert (report.clean, house.wrong, house.verdicts()) == (True, [], {"IN_INTEGRE"}), report
    assert max(ends) < 30


@pytest.mark.slow
@pytest.mark.parametrize("who", ["daemon", "child"])
def test_a_process_that_is_stopped_and_resumed_costs_nobody_anything(ground, plug, known, who):
    house = House(plug, ground / "root")
    house.start()
    for (partner, name), content in documents().items():
        house.drop(name, content, partner)
    time.sleep(0.1)
    stopped = house.pid if who == "daemon" else house.children()[0]
    os.kill(stopped, signal.SIGSTOP)
    time.sleep(1)
    os.kill(stopped, signal.SIGCONT)
    assert house.settled()
    house.end()
    report = house.check(known.answers)
    assert (report.clean, house.wrong) == (True, []), report


@pytest.mark.slow
def test_descriptors_and_memory_come_back_to_what_they_were(ground, plug):
    house = House(plug, ground / "root")
    house.start()
    source = flows(40, 5, ground, 3)
    for n in (10, 30):
        for _ in range(n):
            house.drop(*next(source))
        assert house.settled()
        time.sleep(0.3)
        if n == 10:
            descriptors, resident = house.descriptors(), house.resident_mb()
    assert house.descriptors() == descriptors
    assert house.resident_mb() < resident + 10
    house.end()
    assert (house.check().clean, house.wrong) == (True, [])
