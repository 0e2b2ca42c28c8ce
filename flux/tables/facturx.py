"""
What Factur-X asks of a document beyond EN 16931, as data: en16931/facturx, one table a profile.

A row is a rule, FX-SCH-A and a number: how often an element stands, which attribute it has, which list its code is of. Where the artefact of a profile
repeats a rule of EN 16931 under an id of its own the row is the pair.
"""

from collections.abc import Collection, Container, Iterator, Mapping
from functools import lru_cache

from msgspec import Struct

from flux.model import Severity, Stage
from flux.tables._entry import Entry
from flux.tables._reading import read, shaped

FOLDER = "en16931/facturx"
PROFILES = ("minimum", "basicwl", "basic", "en16931", "extended")
LEADS = ("FX-SCH-", "PEPPOL-")  # how the ids begin that EN 16931 does not have
DECLARED = "declared"           # the list that is the profile's own: what BT-24 may be
_SHAPES = {"one": "stands_once", "most": "stands_once_at_most", "most_two": "stands_twice_at_most", "least": "stands_at_least", "attributed": "has_attribute"}

EMPTY = "says_nothing"

Places = dict[str, tuple[str, ...]]  # by rule


class Own(Struct, frozen=True, forbid_unknown_fields=True):
    """The table of a profile; variants.toml there says what its parts are. version: of the artefact."""

    version: str
    declared: tuple[str, ...]
    one: Places
    most: Places
    attributed: Places
    coded: dict[str, Places]  # by list
    most_two: Places = {}
    least: Places = {}
    same: dict[str, str] = {}
    vat: dict[str, dict[str, str]] = {}
    more: tuple[str, ...] = ()
    light: tuple[str, ...] = ()
    empty: str = ""
    unjudged: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """Of the rules that are its own; without those of *same*."""
        counted = (self.one, self.most, self.most_two, self.least, self.attributed, *self.coded.values())
        of_vat = (id_ for ids in self.vat.values() for id_ in ids.values())
        return frozenset(id_ for places in counted for id_ in places).union(of_vat, self.more, {self.empty} if self.empty else ())


@lru_cache(len(PROFILES))
def own(profile: str) -> Own:
    """The table of a profile. Raises Fault for one that is not whole."""
    name = f"{FOLDER}/{profile}.toml"
    return shaped(name, read(name), Own)


@lru_cache(1)
def every() -> frozenset[str]:
    """The ids of all profiles, their own and those under which they repeat rules of EN 16931."""
    return frozenset(id_ for table in map(own, PROFILES) for id_ in (*table.ids, *table.same))


@lru_cache(1)
def variants() -> Mapping[str, Mapping[str, str]]:
    """By the name of an element: its kinds, each with what makes it one."""
    name = f"{FOLDER}/variants.toml"
    return shaped(name, read(name), dict[str, dict[str, str]])


@lru_cache(1)
def lists() -> Mapping[str, frozenset[str]]:
    """The code lists that EN 16931 does not have, by name."""
    name = f"{FOLDER}/codes.toml"
    return {one: frozenset(text.split()) for one, text in shaped(name, read(name), dict[str, str]).items()}


def entries(shapes: Mapping[str, Mapping[str, str]], norm: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """The rules as codes of the catalogue. *shapes*: their texts; *norm*: the rules of EN 16931, whose texts those have that repeat them."""
    everywhere: dict[tuple[str, str], set[str]] = {}
    light = {id_ for profile in PROFILES for id_ in own(profile).light}
    for table in map(own, PROFILES):
        for id_, rule in table.same.items():
            yield id_, _repeated(id_, norm[rule])
        yield from ((id_, _entry(id_, shapes[f"vat_{name}"], code, light)) for name, ids in table.vat.items() for code, id_ in ids.items())
        for id_, shape, places in _told(table):
            everywhere.setdefault((id_, shape), set()).update(places)
    for (id_, shape), several in everywhere.items():
        yield id_, _entry(id_, shapes[shape], _named(several), light)


def _entry(id_: str, shape: Mapping[str, str], about: str, light: Container[str]) -> Entry:
    """A rule that is told by its shape. *about*: what stands for {path} in it."""
    severity = Severity.WARNING if id_ in light else Severity.ERROR
    fr, en, fix_fr, fix_en = (shape[name].replace("{path}", about) for name in ("fr", "en", "fix_fr", "fix_en"))
    return Entry(severity, Stage.NORM, f"Factur-X {id_}", fr, en, fix_fr, fix_en, label=f"Règle {id_} (Factur-X)")


def _repeated(id_: str, entry: Entry) -> Entry:
    return Entry(
        entry.severity, entry.stage, f"Factur-X {id_}", entry.fr, entry.en, entry.fix_fr, entry.fix_en, label=f"Règle {id_} (Factur-X)", terms=entry.terms,
    )  # fmt: skip


def _told(table: Own) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Rule, shape of its text, places."""
    for section, shape in _SHAPES.items():
        for id_, places in getattr(table, section).items():
            yield id_, shape, places
    for some in table.coded.values():
        for id_, places in some.items():
            yield id_, "is_of_list", places
    if table.empty:
        yield table.empty, EMPTY, ()


def _named(places: Collection[str]) -> str:
    """What a rule is about: the end of its one place, the name alone where it has several. All places of a rule have one name."""
    steps = min(places, default="").split("/")
    return "/".join(steps[-2:] if len(places) == 1 else steps[-1:])
