"""The table of the market file: its fields, roles and sheets, as reader, template, rules and documentation have them."""

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from flux.faults import Fault
from flux.tables._reading import Home, Text, read, shaped


class Role(Struct, frozen=True, forbid_unknown_fields=True):
    """A role in a market file. deposits: words of the matrix's depositor column; least, most: of one market, 0 is any number."""

    fr: str
    en: str
    deposits: tuple[str, ...]
    least: int
    most: int


class MarketField(Struct, frozen=True, forbid_unknown_fields=True):
    """A field of the market file: what reader, template and documentation say of it. most: characters; columns: in XLSX, one value each."""

    fr: str
    en: str
    help_fr: str
    help_en: str
    kind: Literal["text", "date", "choice", "role", "type", "cadres"]
    needed: bool = False
    most: int = 0
    choices: tuple[str, ...] = ()
    columns: int = 1


class MarketTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The market file: roles by name, who may be the valideur of a cadre, sheets, and the fields of each by their TOML name."""

    roles: dict[str, Role]
    valideurs: dict[str, tuple[str, ...]]
    sheets: dict[str, Text]
    fields: dict[str, dict[str, MarketField]]


def load(home: Home = None) -> MarketTable:
    """Read the table. Raises Fault when a row has not its shape; what rows say of one another: see faults()."""
    return shaped("market.toml", read("market.toml", home), MarketTable)


# What the code of the market file and its rules name: a table without it would leave them without words, or without an answer.
_ROLES = ("titulaire", "mandataire", "cotraitant", "sous-traitant", "moe", "moa", "service_financier", "valideur")
_FIELDS = {
    "market": ("number", "label", "notified", "received", "ccag"),
    "actors": ("role", "type", "id", "name", "cadres"),
    "references": ("nature", "code", "actor"),
}


def faults(told: MarketTable, works: Mapping[str, str]) -> Iterator[Fault]:
    """What contradicts itself. works: cadre -> its depositor."""
    depositors = set(works.values())
    if told.roles.keys() != set(_ROLES):
        yield Fault("FLX-I30", table="market.toml", row="roles", expected=", ".join(_ROLES))
    for name, role in told.roles.items():
        if strange := set(role.deposits) - depositors:
            yield Fault("FLX-I30", table="market.toml", row=f"roles.{name} {', '.join(sorted(strange))}", expected=", ".join(sorted(depositors)))
    for cadre, roles in told.valideurs.items():
        if cadre not in works or not roles or set(roles) - told.roles.keys():
            yield Fault("FLX-I30", table="market.toml", row=f"valideurs.{cadre}", expected=", ".join(told.roles))
    for sheet, names in _FIELDS.items():
        if sheet not in told.sheets or tuple(told.fields.get(sheet, ())) != names:
            yield Fault("FLX-I30", table="market.toml", row=f"fields.{sheet}", expected=", ".join(names))
        if twice := [row.fr for row in told.fields.get(sheet, {}).values() if [r.fr for r in told.fields[sheet].values()].count(row.fr) > 1]:
            yield Fault("FLX-I31", table="market.toml", row=", ".join(twice))
