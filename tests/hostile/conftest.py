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
        for text in (entry.fr, entry.en, entry.fix_fr, entry.fix_en):
            text.format(**dict(answer.facts))
        return answer.code

    return tell


@pytest.fixture
def refused(told):
    return lambda content, limits=LIMITS: told(unpacked(content, limits))
