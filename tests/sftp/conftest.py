"""A partner's server, and an installation that has an endpoint in it."""

from datetime import UTC, datetime

import pytest
from rig import CONFIG, Site
from sshd import Sshd

from flux import app, config, doors, endpoints


class Near(Site):
    """An installation that is served from within the test: the same calls as the commands', without a start of Python for each."""

    @property
    def config(self):
        return config.load(self.root / "flux.toml")

    def once(self):
        """One pass; gives whether everything that could be handled was."""
        return app.once(self.config).clean

    def flows(self):
        if doors.fresh(self.config):
            return []
        with doors.open_reader(self.config) as ledger:
            return ledger.flows()

    def told(self):
        """What flux endpoints tells, by name."""
        ends = self.config.endpoints
        return {end.name: endpoints.told(end, endpoints.known(self.root / "spool", end.name)) for end in ends}

    def release(self, name):
        endpoints.release(self.root / "spool", name, "claire", datetime.now(UTC))


@pytest.fixture
def server(tmp_path):
    with Sshd(tmp_path / "server") as one:
        yield one


@pytest.fixture
def site(tmp_path, server):
    """Fetches from /in, delivers the partner's return flows to /out."""
    return Near(tmp_path / "site", CONFIG + server.both())
