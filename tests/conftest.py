"""What every test may ask for."""

import os
import subprocess
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


@pytest.fixture
def disk():
    """Mounts a small file system of its own: disk(folder, "size=1m"). Where that is not allowed the test is skipped, loudly and counted."""
    mounted = []

    def mount(folder, options):
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False).returncode:
            pytest.skip("needs the right to mount a tmpfs")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)
