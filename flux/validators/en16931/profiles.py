"""Which rules a document brings into force by the profile that it declares (BT-24): tables/en16931/profiles.toml."""

from functools import lru_cache

from msgspec import Struct

from flux.tables._reading import read, shaped

TABLE = "en16931/profiles.toml"
ALL, NONE = "all", "none"


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """begins: how BT-24 begins; rules: all, none, or their ids."""

    label: str
    begins: tuple[str, ...]
    rules: str


class Profiles(Struct, frozen=True, forbid_unknown_fields=True):
    """version, since: of the official artefacts whose verdicts the rules give."""

    version: str
    since: str
    profiles: dict[str, Profile]


class Pack(Struct, frozen=True):
    """The rules that are in force. rules: None for all."""

    name: str
    rules: frozenset[str] | None

    def has(self, rule: str) -> bool:
        """Whether this one is; those of flux itself (FLX-E) always are."""
        return self.rules is None or rule in self.rules or rule.startswith("FLX-")


@lru_cache(1)
def profiles() -> Profiles:
    """The table."""
    return shaped(TABLE, read(TABLE), Profiles)


@lru_cache(100)
def pack_of(declared: str) -> Pack | None:
    """The rules that this BT-24 brings into force; None where it brings none."""
    plain = declared.strip()
    for name, row in profiles().profiles.items():
        if plain.startswith(row.begins):
            return None if row.rules == NONE else Pack(name, None if row.rules == ALL else frozenset(row.rules.split()))
    return None
