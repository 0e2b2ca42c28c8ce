"""Installations for the tests of the command."""

import pytest
from rig import GOOD, REFUSED, Site


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site")


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """An installation that has handled a good flow, a refused one and a mixed archive. For reading only."""
    made = Site(tmp_path_factory.mktemp("seen") / "site")
    made.drop(GOOD, REFUSED, "06-one-bad-in-forty/*.gz")
    done = made.flux("once")
    assert done.returncode == 0, done.stderr
    return made
