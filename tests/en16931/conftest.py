import pytest
from beside import seeds


@pytest.fixture(scope="session")
def documents(corpus):
    """The seeds, by syntax."""
    return {syntax: seeds(corpus, syntax) for syntax in ("UBL", "CII")}
