"""
Writes the deposits of every scenario and the table of README.md. ``python examples/build.py [FOLDER]``: here, or into another folder.

The same bytes on every run: no clock, no luck. expected.toml is written by hand and only read.
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from actors import HERE
from scenarios import SCENARIOS

OPEN, CLOSE = "<!-- table: written by build.py from the expected.toml of each scenario -->\n", "<!-- end of the table -->\n"


def build(target: Path) -> None:
    """Write every deposit below *target*, and README.md with its table."""
    for folder, files in SCENARIOS.items():
        (target / folder).mkdir(parents=True, exist_ok=True)
        for file, content in files().items():
            (target / folder / file).write_bytes(content)
    head, rest = (HERE / "README.md").read_text("utf-8").split(OPEN)
    tail = rest.split(CLOSE)[1]
    (target / "README.md").write_text(head + OPEN + "".join(_table()) + CLOSE + tail, "utf-8")


def _table() -> Iterator[str]:
    yield "\n| scenario | what the supplier drops | what he gets | why |\n| --- | --- | --- | --- |\n"
    for folder in SCENARIOS:
        told = tomllib.loads((HERE / folder / "expected.toml").read_text("utf-8"))
        got = "<br>".join(_got(file) for file in told["file"])
        yield f"| [`{folder}`]({folder}/expected.toml) | {told['title']['en']} | {got} | {told['why']['en']} |\n"
    yield "\n"


def _got(file: dict[str, object]) -> str:
    """One file's state and the codes that it meets."""
    pieces = file.get("piece", [])
    assert isinstance(pieces, list)
    codes = file["codes"]
    assert isinstance(codes, list)
    met = sorted({*codes, *(code for piece in pieces for code in piece["codes"])})
    return " ".join([f"`{file['state']}`", *(f"`{code}`" for code in met)])


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
