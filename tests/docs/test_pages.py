"""The pages hold: generated ones are current, links lead somewhere, and what the README promises can be typed."""

import re
from pathlib import Path

import pytest

from flux import cli, docs, words

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
    promised = set(re.findall(r"^\$ flux (\w+)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE))
    assert promised <= {command.callback.__name__ for command in cli.main.registered_commands}
    assert len(promised) >= 7


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
