"""The targets of the fuzzer, over their seeds: what runs by the million must first run once."""

import sys
from pathlib import Path

import pytest

from flux.validators import schema

sys.path.append(str(Path(__file__).resolve().parents[2] / "fuzz"))
import seeds
from mutators import mutator
from targets import TARGETS


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    """A target has most schema errors unexplained, since that takes long: not so the tests behind it."""
    monkeypatch.setattr(schema, "EXPLAINED_BYTES", schema.EXPLAINED_BYTES)


@pytest.mark.parametrize("name", TARGETS)
def test_each_target_takes_its_seeds(name):
    known = list(seeds.seeds_of(name))
    assert len(known) > 10
    for seed in known:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", ["containers", "xml"])
def test_each_mutation_is_the_same_for_the_same_seed_and_taken(name):
    known = list(seeds.seeds_of(name))
    mutate = mutator(name, lambda data, most: bytes(data[::-1])[:most])
    for seed in range(100):
        data = known[seed % len(known)]
        mutated = mutate(bytearray(data), len(data) + 500, seed)
        assert mutated == mutate(bytearray(data), len(data) + 500, seed)
        TARGETS[name](mutated)
