"""What the tests of contracts share."""

import pytest

from flux.sandbox.pool import Sandbox


@pytest.fixture(scope="module")
def children():
    """One child process, for all the tests of a module."""
    with Sandbox(1) as sandbox:
        yield sandbox
