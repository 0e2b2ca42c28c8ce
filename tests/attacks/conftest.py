"""The makers of archives stand in the tests of hostile files; the attacks use the same."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "hostile"))
