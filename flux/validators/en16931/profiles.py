"""Which rules a document brings into force by the profile that it declares (BT-24): tables/en16931/profiles.toml, and of BR-FR-CPRO cpro.toml."""

from functools import lru_cache

from msgspec import Struct

from flux.tables._reading import read, shaped
from flux.tables.rulesets import CPRO
from flux.validators.en16931.cpro import table as cpro

TABLE = "en16931/profiles.toml"
ALL, NONE = "all", "none"
EXTENDED = "extended_ctc_fr"  # the profile of the reform, which alone has terms of its own


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """begins: how BT-24 begins; rules: all, none, or their ids."""

    label: str
    begins: tuple[str, ...]
    rules: str


class Profiles(Struct, frozen=True, forbid_unknown_fields=True):
    """The profiles by name; the first that a BT-24 begins with counts."""

    profiles: dict[str, Profile]


class Pack(Struct, frozen=True):
    """The rules that a profile brings into force. rules: those of EN 16931, None for all; with any of them go those of BR-FR-CPRO."""

    name: str
    rules: frozenset[str] | None

    def has(self, rule: str) -> bool:
        """Whether this one is; those of flux itself (FLX-E) always are."""
        if rule.startswith(CPRO):
            return rule not in cpro().extended or self.name == EXTENDED
        return self.rules is None or rule in self.rules or rule.startswith("FLX-")


@lru_cache(1)
def profiles() -> Profiles:
    """The table."""
    return shaped(TABLE, read(TABLE), Profiles)


@lru_cache(100)
def pack_of(declared: str) -> Pack | None:
    """The rules that this BT-24 brings into force; None where it brings none."""
    plain = declared.strip()
    return next((brought(name) for name, row in profiles().profiles.items() if plain.startswith(row.begins)), None)


def brought(name: str) -> Pack | None:
    """The rules that the profile of this name brings into force."""
    rules = profiles().profiles[name].rules
    return None if rules == NONE else Pack(name, None if rules == ALL else frozenset(rules.split()))
