"""A partner's server, and an installation that has an endpoint in it."""

import pytest
from rig import CONFIG, Site
from sshd import Sshd


@pytest.fixture
def server(tmp_path):
    with Sshd(tmp_path / "server") as one:
        yield one


@pytest.fixture
def site(tmp_path, server):
    """Fetches from /in, delivers the partner's return flows to /out."""
    return Site(tmp_path / "site", CONFIG + both(server))


def both(server, **more):
    return server.row("there", "in", "/in", partner="batipro", **more) + server.row("back", "out", "/out", partner="batipro", **more)
