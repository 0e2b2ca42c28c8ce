"""The words of the command line: looked up by group and name, in the reader's language. Pure; the table is read once."""

import tomllib
from functools import lru_cache
from importlib.resources import files

LANGUAGES = ("fr", "en")


class Words:
    """The words in one language. A name that is missing is a KeyError: a test walks every use."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, name: str, **facts: object) -> str:
        """The word ``group.name`` with its braces filled."""
        group, _, key = name.partition(".")
        return _table()[group][key][self.language].format_map(facts)


@lru_cache
def _table() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(files("flux.tables").joinpath("words.toml").read_text("utf-8"))
