"""Which rules a document brings into force by the profile that it declares (BT-24): tables/en16931/profiles.toml, and of BR-FR-CPRO cpro.toml."""

from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from flux.tables import facturx
from flux.tables._reading import read, shaped
from flux.tables.rulesets import CPRO
from flux.validators.en16931.cpro import table as cpro

TABLE = "en16931/profiles.toml"
ALL, NONE = "all", "none"
EXTENDED = "extended_ctc_fr"  # the profile of the reform, which alone has terms of its own


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """
    begins: how BT-24 begins, whole: and ends; carried: only of a document that a Factur-X PDF carries. rules: all, none, or their ids.

    own: the table of Factur-X with what the profile's artefact asks of CII beyond them (``tables.facturx``), "" for none.
    """

    label: str
    begins: tuple[str, ...]
    rules: str
    whole: bool = False
    carried: bool = False
    own: str = ""

    def fits(self, declared: str, *, carried: bool) -> bool:
        """Whether a document that declares this, and is carried or not, is of the profile."""
        if self.carried and not carried:
            return False
        return declared in self.begins if self.whole else declared.startswith(self.begins)

    def tells(self, name: str, rule: str) -> bool:
        """Whether the rule of this id is in force, under this id, in one syntax at least. *name*: of the profile."""
        if rule.startswith(CPRO):
            return self.rules != NONE and _reforms(name, rule)
        if self.own and (rule in (table := facturx.own(self.own)).ids or rule in table.same):
            return True
        return rule not in facturx.every() if self.rules == ALL else rule in self.rules.split()


def _reforms(profile: str, rule: str) -> bool:
    """Whether a profile has what this rule of BR-FR-CPRO is about."""
    return rule not in cpro().extended or profile == EXTENDED


class Profiles(Struct, frozen=True, forbid_unknown_fields=True):
    """The profiles by name; the first that a BT-24 begins with counts."""

    profiles: dict[str, Profile]


class Pack(Struct, frozen=True):
    """
    The rules that are in force. rules: None for all; norm: whether any of EN 16931's are, and with these BR-FR-CPRO's.

    own: as in Profile; same: the ids that Factur-X has for rules of EN 16931, by these; light: its own that only warn.
    """

    name: str
    rules: frozenset[str] | None
    norm: bool = True
    own: str = ""
    same: Mapping[str, str] = {}
    light: frozenset[str] = frozenset()

    def has(self, rule: str) -> bool:
        """Whether this one is; those of flux itself (FLX-E) always are."""
        if rule.startswith(CPRO):
            return self.norm and _reforms(self.name, rule)
        return self.rules is None or rule in self.rules or rule.startswith("FLX-")

    def id_of(self, rule: str) -> str:
        """The id under which the artefact of the profile has it."""
        return self.same.get(rule, rule)


@lru_cache(1)
def profiles() -> Profiles:
    """The table."""
    return shaped(TABLE, read(TABLE), Profiles)


@lru_cache(100)
def pack_of(declared: str, syntax: str, *, carried: bool = False, own: bool = True) -> Pack | None:
    """The rules that this BT-24 brings into force in a syntax; None where it brings none. *carried*: by a Factur-X PDF; *own*: with those of Factur-X."""
    plain = declared.strip()
    for name, row in profiles().profiles.items():
        if row.fits(plain, carried=carried):
            rules = None if row.rules == ALL else frozenset() if row.rules == NONE else frozenset(row.rules.split())
            norm = row.rules != NONE
            return _of_facturx(name, rules, row.own, norm=norm) if row.own and own and syntax == "CII" else Pack(name, rules, norm=norm) if norm else None
    return None


def _of_facturx(name: str, rules: frozenset[str] | None, own: str, *, norm: bool) -> Pack:
    table = facturx.own(own)
    same = {rule: id_ for id_, rule in table.same.items()}
    return Pack(name, None if rules is None else rules | same.keys() | table.ids, norm, own, same, frozenset(table.light))
