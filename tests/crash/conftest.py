"""The plug, pulled: a shim built by the test from its source, a flux that is ready to run, and a run that nothing disturbs."""

from pathlib import Path

import pytest
from disks import memory
from plug import Plug, build_shim
from scenario import reference


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def ground():
    """A folder to work on."""
    with memory() as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def plug(shim):
    with Plug(shim, "quick") as ready:
        yield ready


@pytest.fixture(scope="session")
def known(tmp_path_factory, plug):
    return reference(plug, tmp_path_factory.mktemp("reference"))
