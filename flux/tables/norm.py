"""
The rules of EN 16931, BR-FR-CPRO and Factur-X as codes of the catalogue, under their official ids.

Their texts are from en16931/rules.toml, and from the syntaxes' tables what is told by a path.

There are more than a thousand, and most judgements never tell one: they are read when the first is asked for.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct, convert

from flux.model import Severity, Stage
from flux.tables import facturx, rulesets
from flux.tables._entry import Entry
from flux.tables._reading import read, shaped
from flux.tables.rulesets import RuleSet

FOLDER = "en16931"
RULES, WORDS = f"{FOLDER}/rules.toml", "rules.toml"
SYNTAXES = ("ubl", "cii")
LEADS = ("BR-", "UBL-", "CII-", *facturx.LEADS)  # how the ids of the official rules begin
_LIGHT = ("UBL-CR", "UBL-DT", "CII-SR", "CII-DT")  # families whose rules only warn, but for those that their table calls fatal
_SHAPES = {
    "absent": "absent", "attributes": "absent", "needed": "present", "filled": "present", "most": "most_one", "most_in_all": "most_one", "one": "one",
}  # fmt: skip


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule for a reader. terms: the business terms that it is about; untested: its id is known, and nothing can be held against it."""

    fr: str
    en: str
    fix_fr: str
    fix_en: str
    terms: tuple[str, ...] = ()
    untested: bool = False


def official(code: str) -> bool:
    """Whether this is the id of a rule of a norm, by its form."""
    return code.startswith(LEADS)


def weight(rule: str, table: dict[str, Any]) -> Severity:
    """What the official rules make of it in the syntax of this table: fatal is an error. Chorus Pro refuses by BR-FR-CPRO (REJ_CONT_B2G)."""
    light = rule.startswith(_LIGHT) or rule in table.get("warnings", ())
    return Severity.WARNING if light and rule not in table.get("fatal", ()) else Severity.ERROR


@lru_cache(2)
def syntax(name: str) -> dict[str, Any]:
    """The package's table of a syntax, as TOML gives it."""
    return read(f"{FOLDER}/{name}.toml")


@lru_cache(1)
def entries() -> dict[str, Entry]:
    """Every rule, by its id."""
    raw = read(RULES)
    shapes = shaped(f"{RULES} [shape]", raw.pop("shape"), dict[str, dict[str, str]])
    rows = shaped(RULES, raw, dict[str, Row])
    tables, sets = {name: syntax(name) for name in SYNTAXES}, rulesets.load()
    found = {id_: _entry(id_, row, tables, sets) for id_, row in rows.items()}
    for table in tables.values():
        for id_, shape, path in _told_by_path(table):
            if id_ not in found:
                found[id_] = _entry(id_, convert({name: text.format(path=path) for name, text in shapes[shape].items()}, Row), tables, sets)
    return found | dict(facturx.entries(shapes, found))


def _entry(id_: str, row: Row, tables: dict[str, dict[str, Any]], sets: Sequence[RuleSet]) -> Entry:
    of = [table for name, table in tables.items() if not id_.startswith(("UBL-", "CII-")) or id_.lower().startswith(name)]
    severity = Severity.ERROR if any(weight(id_, table) is Severity.ERROR for table in of) else Severity.WARNING
    whose = rulesets.of(sets, id_)
    standard = whose.standard if whose else ""
    label = f"Règle {id_} ({standard})"
    return Entry(severity, Stage.NORM, f"{standard} {id_}", row.fr, row.en, row.fix_fr, row.fix_en, label=label, terms=row.terms)


def _told_by_path(table: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Rule, shape of its text, and the path or term that it is about: the first of several."""
    for section, shape in _SHAPES.items():
        for id_, place in table.get(section, {}).items():
            first = place.partition(" | ")[0].partition(" outside ")[0]
            yield id_, shape, f"@{first}" if section == "attributes" else first.lstrip("/") if section == "absent" else _named(first.split()[1], table)


def _named(word: str, table: dict[str, Any]) -> str:
    """A business term by its number; what has none by the element that holds it."""
    if word.startswith(("BT-", "BG-")):
        return word
    paths = (path for path, words in table["places"].items() if word in (part.lstrip("+=") for part in words.split()))
    return "/".join(next(paths, word).split("/")[-2:])


class Catalogue(dict[str, Entry]):
    """
    The codes of flux, and behind them the rules of the norms: found by their id, and not listed.

    Whoever goes through all codes goes through flux's own; ``rules`` has the others.
    """

    @property
    def rules(self) -> dict[str, Entry]:
        """Those rules, by their id."""
        return entries()

    def __missing__(self, code: str) -> Entry:
        if official(code):
            return self.rules[code]
        raise KeyError(code)

    def __contains__(self, code: object) -> bool:
        return super().__contains__(code) or (isinstance(code, str) and official(code) and code in self.rules)

    def get(self, code: str, default: Any = None) -> Any:  # noqa: ANN401 - as dict
        """The entry, or what is given instead."""
        try:
            return self[code]
        except KeyError:
            return default
