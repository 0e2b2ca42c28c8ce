"""The rig: an installation in a folder, the real command driven from outside, a library that pulls the plug, and the independent checker."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FLUX = (sys.executable, "-m", "flux.cli")


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """The library, built from its source. Without a C compiler the tests that need it are skipped and counted."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("needs a C compiler (apt-get install gcc libc6-dev)")
    target = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(target), str(HERE / "shim.c"), "-ldl"], check=True)
    return target


def flux(root, *words, env=None, check=True):
    done = subprocess.run([*FLUX, *words], cwd=root, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=120, check=False)
    if check:
        assert done.returncode in (0, 1), done.stderr
    return done
