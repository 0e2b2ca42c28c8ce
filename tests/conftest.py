"""What every test may ask for."""

from pathlib import Path

import pytest

from flux import tables as flux_tables

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"


@pytest.fixture(scope="session")
def corpus():
    """The real documents that nobody here wrote. Absent: the test is skipped, loudly and counted."""
    if not (CORPUS / "REFERENCE.tsv").exists():
        pytest.skip("needs ../shared/corpus, which is not here")
    return CORPUS


@pytest.fixture(scope="session")
def tables():
    return flux_tables.load()
