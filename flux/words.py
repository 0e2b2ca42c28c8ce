"""The words of the command line: looked up by group and name, in the reader's language, in the number that a count wants. Pure."""

import tomllib
from functools import lru_cache
from importlib.resources import files
from string import Formatter
from typing import Any

LANGUAGES = ("fr", "en")


class Words:
    """The words in one language. A name that is missing is a KeyError: a test walks every use."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._filler = _Filler(language)

    def __call__(self, name: str, **facts: object) -> str:
        """The word ``group.name`` with its braces filled; ``{count:piece|pieces}`` is the one that this count wants."""
        group, _, key = name.partition(".")
        return self._filler.vformat(_table()[group][key][self.language], (), facts)


class _Filler(Formatter):
    """Fills braces. A number of things below 2 is singular in French, and a decimal point is a comma; in English only 1 is singular."""

    def __init__(self, language: str) -> None:
        self._french = language == "fr"

    def format_field(self, value: Any, format_spec: str) -> str:  # noqa: ANN401 - as in Formatter
        one, several, many = format_spec.partition("|")
        if not several:
            told = str(super().format_field(value, format_spec))
            return told.replace(".", ",") if self._french and isinstance(value, float) else told
        count = int(value)
        return one if count == 1 or (self._french and count == 0) else many


def kinds() -> tuple[str, ...]:
    """The kinds of deliveries."""
    return tuple(_table()["kind"])


@lru_cache
def _table() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(files("flux.tables").joinpath("words.toml").read_text("utf-8"))
