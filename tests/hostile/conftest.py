"""What the tests of archives ask for."""

import pytest
from archives import LIMITS, unpacked

from flux.model import Finding


@pytest.fixture
def told(tables):
    """The code of a Finding, once its texts were told with the facts that came with it."""

    def tell(answer):
        assert isinstance(answer, Finding), "accepted"
        entry = tables.catalogue[answer.code]
        for language in ("fr", "en"):
            facts = entry.facts(answer.facts, language)
            getattr(entry, language).format(**facts)
            getattr(entry, f"fix_{language}").format(**facts)
        return answer.code

    return tell


@pytest.fixture
def refused(told):
    return lambda content, limits=LIMITS: told(unpacked(content, limits))
