"""What the tests of the rules ask for."""


import pytest
from cases import TODAY

from flux import kit as flux_kit
from flux.model import (
    JUDGE_STAGES,
    Known,
)
from flux.validators import Context


@pytest.fixture(scope="module")
def kit():
    return flux_kit.build()


@pytest.fixture
def told(tables):
    """The finding, once its four texts were told with the facts that came with it."""

    def tell(finding):
        entry = tables.catalogue[finding.code]
        for language in ("fr", "en"):
            facts = entry.facts(finding.facts, language)
            getattr(entry, language).format(**facts)
            getattr(entry, f"fix_{language}").format(**facts)
        return finding

    return tell


@pytest.fixture
def asked(kit, told):
    """What every rule of every stage that needs only the document says of a case."""

    def ask(case):
        context = Context(kit.tables, case.policy, case.interface, TODAY)
        found = []
        for stage in JUDGE_STAGES:
            for check in (check for check in kit.checks if check.stage is stage):
                given = [told(finding) for finding in check.run(case.piece, Known(), context)]
                assert {finding.code for finding in given} <= set(check.codes), "a rule gives a code that it does not declare"
                found += given
        return found

    return ask
