"""
The two forms of the structure directory, column by column: a row in, values out, or a Fault with the line and the column that is wrong.

Structures: the columns that Chorus Pro publishes (domain 7, S: ANNUAIRE). Which words stand for true and false is not published: the usual ones
are taken, in any case (local). The key of a SIRET is not asked for: the directory says who exists, and fixtures of the qualification fail it.
Services: a form of our own (local), since no public extract has them.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from flux import tables
from flux.faults import Fault

STRUCTURES = (
    "TypeIdentifiant", "Identifiant", "RaisonSociale", "EmetteurEdi", "RecepteurEdi", "GestionStatutMiseEnPaiement", "GestionEngagement",
    "GestionService", "GestionServiceEngagement", "EstMOA", "EstMOAUniquement", "StructureActive", "Adresse", "ComplementAdresse1",
    "ComplementAdresse2", "CodePostal", "Ville", "NumTelephone", "Courriel", "CodePays", "LibellePays",
)  # fmt: skip
SERVICES = ("Identifiant", "CodeService", "LibelleService", "ServiceActif", "GestionEngagement")
FORMS = {"structures": STRUCTURES, "services": SERVICES}
FIELD_MOST, CODE_MOST, NAME_MOST = 1_000, 100, 80  # characters: of any field (local), of a service code and of an identifier (domain 6.2)
BOOLEANS = "true | false | vrai | faux | oui | non | O | N | 1 | 0"

_TRUE, _FALSE = ("true", "vrai", "oui", "o", "yes", "on", "1"), ("false", "faux", "non", "n", "no", "off", "0")
_BOOLEAN = dict.fromkeys(_TRUE, 1) | dict.fromkeys(_FALSE, 0)
_FLAGS = slice(3, 12)  # of STRUCTURES
_SIRET = re.compile(r"[0-9]{14}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_QUOTED = 60  # characters of what is quoted to the operator

Values = tuple[str | int, ...]


class At(Struct, frozen=True):
    """Where a row stands: its file, its line from 1."""

    path: Path
    line: int


def form_of(header: Sequence[str], at: At) -> str:
    """Which form has this header: structures or services, column by column in its order. Raises Fault FLX-I101."""
    plain = [name.strip() for name in header]
    kind = "services" if plain[:2] == list(SERVICES[:2]) else "structures"
    columns = FORMS[kind]
    for place in range(max(len(plain), len(columns))):
        found, expected = (names[place] if place < len(names) else "—" for names in (plain, columns))
        if found != expected:
            raise Fault("FLX-I101", path=str(at.path), line=str(at.line), place=str(place + 1), found=_quoted(found), expected=expected)
    return kind


def read(kind: str) -> Callable[[Sequence[str], At], Values]:
    """What reads a row of this form. It raises Fault: FLX-I102 for a value, FLX-I105 for a number of columns."""
    return _structure if kind == "structures" else _service


def _structure(row: Sequence[str], at: At) -> Values:
    """Identifier, its type 1 to 7, name, the nine flags as 0 and 1, then address and country."""
    fields = _fields(row, STRUCTURES, at)
    type_ = _type(fields[0], at)
    flags = [_flag(value, STRUCTURES[3 + place], at) for place, value in enumerate(fields[_FLAGS])]
    return _identifier(fields[1], type_, at), type_, fields[2], *flags, *fields[12:]


def _service(row: Sequence[str], at: At) -> Values:
    """SIRET, code, label, active, engagement."""
    fields = _fields(row, SERVICES, at)
    if not 0 < len(fields[1]) <= CODE_MOST:
        raise _wrong(at, "CodeService", fields[1], f"1 – {CODE_MOST}")
    return _identifier(fields[0], "1", at), fields[1], fields[2], _flag(fields[3], "ServiceActif", at), _flag(fields[4], "GestionEngagement", at)


def _fields(row: Sequence[str], columns: Sequence[str], at: At) -> list[str]:
    if len(row) != len(columns):
        raise Fault("FLX-I105", path=str(at.path), line=str(at.line), found=str(len(row)), expected=str(len(columns)))
    if _CONTROL.search("".join(row)):
        place = next(place for place, value in enumerate(row) if _CONTROL.search(value))
        raise _wrong(at, columns[place], row[place], "≥ U+0020")
    if max(map(len, row)) > FIELD_MOST:
        place = next(place for place, value in enumerate(row) if len(value) > FIELD_MOST)
        raise _wrong(at, columns[place], f"{row[place][:_QUOTED]}… ({len(row[place])})", f"≤ {FIELD_MOST}")
    return [value.strip() for value in row]


def _type(value: str, at: At) -> str:
    type_ = tables.load().schemes.get(value.upper())
    if type_ is None:
        raise _wrong(at, "TypeIdentifiant", value, "1 – 7, SIRET …")
    return type_


def _identifier(value: str, type_: str, at: At) -> str:
    if type_ == "1" and not _SIRET.fullmatch(value):
        raise _wrong(at, "Identifiant", value, "14 × 0-9")
    if not 0 < len(value) <= NAME_MOST:
        raise _wrong(at, "Identifiant", value, f"1 – {NAME_MOST}")
    return value


def _flag(value: str, column: str, at: At) -> int:
    flag = _BOOLEAN.get(value.lower())
    if flag is None:
        raise _wrong(at, column, value, BOOLEANS)
    return flag


def _wrong(at: At, column: str, found: str, expected: str) -> Fault:
    return Fault("FLX-I102", path=str(at.path), line=str(at.line), column=column, found=_quoted(found), expected=expected)


def _quoted(found: str) -> str:
    return found if len(found) <= 2 * _QUOTED else f"{found[: 2 * _QUOTED]}…"
