"""Installations for the tests of the command."""

import pytest
from kept import KEPT
from rig import CONFIG, GOOD, REFUSED, Site, copied


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site")


@pytest.fixture(scope="session")
def first_turn(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("begun") / "site")
    assert made.flux("once").returncode == 0
    return made


@pytest.fixture
def begun(first_turn, tmp_path):
    """An installation that has its folders and its ledger, and nothing in them."""
    return copied(first_turn, tmp_path / "site")


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """An installation that has handled a good flow, a refused one and a mixed archive. For reading only."""
    made = Site(tmp_path_factory.mktemp("seen") / "site")
    made.drop(GOOD, REFUSED, "06-one-bad-in-forty/*.gz")
    done = made.flux("once")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def done(seen, tmp_path):
    """That installation, to be changed, with days after which things go."""
    (tmp_path / "done").mkdir()
    site = copied(seen, tmp_path / "done" / "site")
    site.configure(CONFIG + KEPT)
    return site
