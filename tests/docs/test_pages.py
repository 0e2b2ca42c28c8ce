"""The pages hold: generated ones are current, links lead somewhere, and what the README promises can be typed."""

import os
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from flux import cli, docs, words
from flux.model import FlowVerdict, VerdictKind

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks/README.md", ROOT / "examples/README.md"])


@pytest.mark.parametrize("name", docs.PAGES)
def test_a_generated_page_is_current(name):
    assert (ROOT / "docs" / name).read_text("utf-8") == docs.PAGES[name](), "make docs writes it"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_every_command_of_the_readme_exists():
    promised = set(re.findall(r"^\$ flux ([\w-]+)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE))
    assert promised <= {command.name or command.callback.__name__ for command in cli.main.registered_commands} | {group.name for group in cli.main.registered_groups}
    assert len(promised) >= 7


@pytest.mark.slow
def test_what_the_readme_tells_to_type_works_as_it_is_typed(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    typed = [line[2:] for line in (ROOT / "README.md").read_text("utf-8").split("## Use it")[1].splitlines() if line.startswith("$ ")][1:]
    assert len(typed) >= 9
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-exc", "\n".join(typed)], check=False, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "39 of 40 pieces accepted" in done.stdout or "39 pièces acceptées sur 40" in done.stdout


def test_the_page_of_formats_names_every_command_and_every_word_of_the_json():
    page = (ROOT / "docs/formats.md").read_text("utf-8")
    told = set(re.findall(r"^\| `flux ([\w-]+)` \|", page.split("## Exit codes")[1], re.MULTILINE))
    assert told == {command.name or command.callback.__name__ for command in cli.main.registered_commands}
    told = set(re.findall(r"^\| `flux (\w+ \w+)` \|", page.split("## Exit codes")[1], re.MULTILINE))
    assert told == {f"{group.name} {command.name or command.callback.__name__}" for group in cli.main.registered_groups for command in group.typer_instance.registered_commands}
    table = words._table()
    names = (*table["plumbing"], *table["emission"], *table["kind"], *table["event"], *FlowVerdict, *VerdictKind, "more", "rules")
    assert [name for name in names if f"`{name}`" not in page] == []


def test_the_measured_table_is_headed_as_the_benchmark_writes_it(tmp_path):
    spec = spec_from_file_location("benchmarks_table", ROOT / "benchmarks/benchmarks_table.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.PAGE = tmp_path / "README.md"
    page.write_text("<!-- measured --><!-- /measured -->", "utf-8")
    module.write_table([], [(1, 1)], 9)

    def head(path):
        return re.sub(r"[\d.-]+", "#", next(line for line in path.read_text("utf-8").splitlines() if line.startswith("Measured")))

    assert head(ROOT / "benchmarks/README.md") == head(page)


def test_every_word_of_the_table_is_used_and_every_word_used_is_in_the_table():
    source = "\n".join(p.read_text("utf-8") for p in (ROOT / "flux").rglob("*.py"))
    table = words._table()
    for group, rows in table.items():
        for name, row in rows.items():
            assert set(row) == {"fr", "en"}, (group, name)
            assert all(row.values()), (group, name)
            placeholders = [set(re.findall(r"{(\w+)", text)) for text in row.values()]
            assert placeholders[0] == placeholders[1], (group, name)
    listed = set(re.findall(r"""say\(["'](\w+)\.(\w+)["']""", source))
    assert [pair for pair in listed if pair[1] not in table[pair[0]]] == []
    for group in ("help", "say"):
        assert {(group, name) for name in table[group]} == {pair for pair in listed if pair[0] == group}


def test_the_glossary_names_things_that_exist():
    for name in re.findall(r"`(model|faults)\.(\w+)`", (ROOT / "docs" / "glossary.md").read_text("utf-8")):
        assert f" {name[1]}" in (ROOT / "flux" / f"{name[0]}.py").read_text("utf-8"), name
