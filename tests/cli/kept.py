"""What the tests of retention and of backups both ask of an installation."""

from flux import asking, config

NUMBER = "PDF-2026-0301"
KEPT = "\n[retention]\nintegrated_days = 30\nrefused_days = 30\nreturns_days = 30\ntold_days = 30\n"


def flow_of(site, state):
    return asking.listed(config.load(site.root / "flux.toml"), whole=True, limit=1, state=state).told[0]


def stored(site):
    return {path.name for path in (site.root / "spool" / "store").glob("*/*")}
