"""A code of the catalogue."""

from collections.abc import Iterable
from string import Formatter

from msgspec import Struct

from flux.model import Severity, Stage
from flux.tables._reading import Text


class _Gap(dict[str, str]):
    """Facts that a text about many pieces does not have."""

    def __missing__(self, _name: str) -> str:
        return "…"


def unquoted(text: str) -> str:
    """A text of the catalogue about no piece: … for each fact that it would quote."""
    return text.format_map(_Gap())


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """
    A code of the catalogue.

    fr, en: one sentence that says what was found and what was expected, with the finding's facts in braces.
    fix_fr, fix_en: one sentence that says how to mend it. source: article, annex or rule; "local" when it is ours.
    why: reasons that a finding may name by its fact ``why``: in the reader's language, that is what was found. terms: business terms of EN 16931 that
    it is about, the most important first.
    """

    severity: Severity
    stage: Stage
    source: str
    fr: str
    en: str
    fix_fr: str
    fix_en: str
    label: str = ""  # short French label, for LibelleErreur; "" takes the first words of fr
    why: dict[str, Text] = {}
    terms: tuple[str, ...] = ()

    def facts(self, given: Iterable[tuple[str, str]], language: str) -> dict[str, str]:
        """A finding's facts as a reader of this language is told them."""
        facts = dict(given)
        if "why" in facts:
            reason: str = getattr(self.why[facts["why"]], language)
            facts["found"] = reason.format_map(facts)
        french = {name.removesuffix("_fr"): fact for name, fact in facts.items() if name.endswith("_fr")}
        return facts | french if language == "fr" else facts

    def placeholders(self) -> set[str]:
        """The facts that the texts quote."""
        texts = (self.fr, self.en, self.fix_fr, self.fix_en)
        return {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}
