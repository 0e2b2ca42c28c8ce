"""The table of the rules BR-FR-CPRO: en16931/cpro.toml."""

from collections.abc import Container, Iterator, Mapping

from msgspec import Struct

from flux.faults import Fault
from flux.tables._reading import read, shaped

TABLE = "en16931/cpro.toml"


class Schemes(Struct, frozen=True, forbid_unknown_fields=True):
    """How an identifier says what it is: a SIREN, a SIRET, or one that a seller may have; words of @schemeID."""

    siren: str
    siret: frozenset[str]
    seller: frozenset[str]


class Form(Struct, frozen=True, forbid_unknown_fields=True):
    """What an identifier looks like: least and most characters, and how many digits come first."""

    least: int
    most: int
    digits: int = 0


class Cpro(Struct, frozen=True, forbid_unknown_fields=True):
    """The file, as it is; it says what its sections are."""

    extended: frozenset[str]
    contracts: frozenset[str]
    reference: int
    direct: str
    silent: frozenset[str]
    schemes: Schemes
    forms: dict[str, Form]
    longest: dict[str, str]
    once: dict[str, str]
    held: dict[str, tuple[str, ...]]


def load() -> Cpro:
    """Read the table, the package's in every rule pack. Raises Fault when a row has not its shape; what rows say of one another: see faults()."""
    return shaped(TABLE, read(TABLE), Cpro)


def faults(told: Cpro, catalogue: Container[str], types: Mapping[str, str]) -> Iterator[Fault]:
    """What contradicts itself, or the tables beside it. types: scheme as written -> identifier type 1 to 7."""
    for rule, place in told.longest.items():
        most, _, terms = place.partition(" ")
        if not most.isdigit() or any(len(one.split()) != 2 for one in terms.split(" | ")):  # noqa: PLR2004 - group and term
            yield Fault("FLX-I30", table=TABLE, row=rule, expected="characters group term | …")
    for rule in (rule for rule, place in told.once.items() if len(place.split()) != 2):  # noqa: PLR2004 - group and term
        yield Fault("FLX-I30", table=TABLE, row=rule, expected="group term")
    own = {code.split()[0] for codes in told.held.values() for code in codes if code.startswith(("FLX-", "G", "S"))}
    if unknown := {code for code in own if code not in catalogue}:
        yield Fault("FLX-I30", table=TABLE, row=", ".join(sorted(unknown)), expected="catalogue")
    if alone := told.silent - told.held.keys():
        yield Fault("FLX-I30", table=TABLE, row=", ".join(sorted(alone)), expected="held")
    if strange := {scheme for scheme in told.schemes.seller | told.schemes.siret | told.forms.keys() if scheme not in types}:
        yield Fault("FLX-I30", table=TABLE, row=", ".join(sorted(strange)), expected="codes.toml, identifier_types")
