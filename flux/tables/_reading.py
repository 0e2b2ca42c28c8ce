"""How a table of the package is read: TOML into frozen rows. Raises Fault, which names the table and the row."""

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TypeAlias, TypeVar

from msgspec import Struct, ValidationError, convert

from flux.faults import Fault

T = TypeVar("T")

HOME = files(__package__)
Home: TypeAlias = "Traversable | None"


class Text(Struct, frozen=True, forbid_unknown_fields=True):
    """A text in both languages of the house."""

    fr: str
    en: str


def read(name: str, home: Home = None) -> dict[str, object]:
    """The table as TOML gives it. *home*: another folder of tables than the package's."""
    try:
        return tomllib.loads((home or HOME).joinpath(*name.split("/")).read_text("utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: bytes that are no UTF-8, text that is no TOML
        raise Fault("FLX-I32", table=name, detail=str(error)) from error


def shaped(name: str, raw: object, shape: type[T]) -> T:
    """What was read, as rows of this shape."""
    try:
        return convert(raw, shape)
    except ValidationError as error:
        raise Fault("FLX-I32", table=name, detail=str(error)) from error
