"""
The tables: what is data is data. Matrix, interfaces, life cycle, delays, catalogue, codes and fields, read once and checked whole.

A table that contradicts itself stops the start, never a flow: load() raises Fault and says which row.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import product

from msgspec import Struct

from flux.faults import Fault
from flux.faults import table as fault_texts
from flux.model import FlowVerdict
from flux.tables import _reading, alarms, cdar, clocks, cpro, inbound, life, market, norm, rulesets
from flux.tables._entry import Entry as Entry
from flux.tables._entry import unquoted as unquoted
from flux.tables._reading import Home, Text, read, shaped
from flux.tables.cdar import Cdar
from flux.tables.clocks import Clocks
from flux.tables.inbound import Inbound
from flux.tables.life import Life
from flux.tables.market import MarketTable
from flux.tables.norm import Catalogue
from flux.tables.rulesets import RuleSet

CELLS = ("allowed", "forbidden", "not_applicable")
MODES = ("edi", "portail", "service")
DEPOSITS = ("initial", "association")
_WORDS = ("faults.toml", "words.toml", "alarms.toml", norm.WORDS)  # what people read judges nothing


class Works(Struct, frozen=True, forbid_unknown_fields=True):
    """A works cadre: a row of the matrix, who deposits it, who acts next."""

    label: Text
    api: str
    depositor: str
    next: str
    edi: dict[str, str]
    portail: dict[str, str]
    service: dict[str, str]
    moe_at_valideur: bool = False
    copies: tuple[str, ...] = ()

    def cell(self, mode: str, deposit: str) -> str:
        """allowed, forbidden or not_applicable."""
        row: dict[str, str] = getattr(self, mode)
        return row[deposit]


class Other(Struct, frozen=True, forbid_unknown_fields=True):
    """A cadre that is not works. becomes: partner (its setting decides) or refused, with why."""

    label: Text
    api: str
    becomes: str
    why: Text | None = None


class Interface(Struct, frozen=True, forbid_unknown_fields=True):
    """An inbound interface."""

    family: str
    syntax: str
    form: str
    works: str
    report: str
    label: str
    local: bool = False
    default_for: str = ""


class FlowStatus(Struct, frozen=True, forbid_unknown_fields=True):
    """A flow status of CPPStatut: code 90 to 96."""

    code: str
    fr: str
    en: str


class IdentifierType(Struct, frozen=True, forbid_unknown_fields=True):
    """One of the identifier types 1 to 7 and the schemes that mean it."""

    name: str
    aliases: tuple[str, ...]


class Codes(Struct, frozen=True, forbid_unknown_fields=True):
    """Code lists."""

    payment_means: frozenset[str]
    pivot_payment: dict[str, str]
    payment_needs_iban: frozenset[str]
    document_types: frozenset[str]
    vat_rates: tuple[Decimal, ...]  # per cent
    attachment_extensions: frozenset[str]
    identifier_types: dict[str, IdentifierType]

    @property
    def highest_vat_rate(self) -> Decimal:
        """Per cent."""
        return max(self.vat_rates)


class Field(Struct, frozen=True, forbid_unknown_fields=True):
    """A field of the Piece for a reader: its business term and its words."""

    term: str
    fr: str
    en: str


class Tables(Struct, frozen=True):
    """Every table, checked."""

    works: dict[str, Works]
    others: dict[str, Other]
    interfaces: dict[str, Interface]
    flow_statuses: dict[FlowVerdict, FlowStatus]
    life: Life
    clocks: Clocks
    alarms: dict[str, alarms.Row]
    cdar: Cdar
    inbound: Inbound
    codes: Codes
    fields: dict[str, Field]
    market: MarketTable
    catalogue: Catalogue
    sets: tuple[RuleSet, ...]  # of the stage norm
    schemes: dict[str, str]  # scheme as written, upper case -> identifier type 1..7

    def field(self, name: str) -> Field:
        """The field for a reader; an unknown name is told as it is."""
        plain = re.sub(r"\[\d+\]", "", name)
        return self.fields.get(plain) or Field(term="", fr=plain, en=plain)


@lru_cache
def load() -> Tables:
    """Read and check every table of the package, once a process. Raises Fault, which names the table and the row."""
    return load_from(None)


def load_from(home: Home) -> Tables:
    """The same of a folder of other tables, each time anew; None: the package's."""
    matrix = read("matrix.toml", home)
    codes = shaped("codes.toml", read("codes.toml", home), Codes)
    tables = Tables(
        works=shaped("matrix.toml [works]", matrix.get("works"), dict[str, Works]),
        others=shaped("matrix.toml [others]", matrix.get("others"), dict[str, Other]),
        interfaces=shaped("interfaces.toml", read("interfaces.toml", home), dict[str, Interface]),
        flow_statuses=shaped("flow_statuses.toml", read("flow_statuses.toml", home), dict[FlowVerdict, FlowStatus]),
        life=life.load(home),
        clocks=clocks.load(home),
        alarms=alarms.load(),
        cdar=cdar.load(home),
        inbound=inbound.load(home),
        codes=codes,
        fields=shaped("fields.toml", read("fields.toml", home), dict[str, Field]),
        market=market.load(home),
        catalogue=Catalogue(_catalogue(home)),
        sets=rulesets.load(),
        schemes={alias: type_ for type_, row in codes.identifier_types.items() for alias in row.aliases},
    )
    of_norm = (*rulesets.faults(tables.sets), *cpro.faults(cpro.load(), tables.catalogue, tables.schemes))
    for fault in (*_matrix(tables), *_interfaces(tables), *_flow_statuses(tables), *_life(tables), *of_norm):
        raise fault
    return tables


def sources(home: Home = None) -> Iterator[bytes]:
    """
    The content of every table that judges, in a fixed order: what the identity of a rule pack is made of.

    Those of EN 16931 are the package's in every pack: half of its rules are code, and a table of another version beside them would be of neither.
    """
    home = home or _reading.HOME
    for folder in (home, home.joinpath("catalogue"), _reading.HOME.joinpath(norm.FOLDER)):
        for file in sorted(folder.iterdir(), key=lambda f: f.name):
            if file.name.endswith(".toml") and file.name not in _WORDS:
                yield file.read_bytes()


def missing(home: Home) -> list[str]:
    """The tables that judge and are not in this folder: none, in a whole one."""
    here = home or _reading.HOME
    names = [f.name for f in _reading.HOME.iterdir() if f.name.endswith(".toml") and f.name not in _WORDS]
    names += [f"catalogue/{f.name}" for f in _reading.HOME.joinpath("catalogue").iterdir() if f.name.endswith(".toml")]
    return sorted(name for name in names if not here.joinpath(*name.split("/")).is_file())


def _catalogue(home: Home) -> dict[str, Entry]:
    """Every file of catalogue/, one a family; a code stands in one of them only."""
    entries: dict[str, Entry] = {}
    for file in sorted((home or _reading.HOME).joinpath("catalogue").iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".toml"):
            continue
        name = f"catalogue/{file.name}"
        family = shaped(name, read(name, home), dict[str, Entry])
        if twice := entries.keys() & family.keys():
            raise Fault("FLX-I31", table=name, row=", ".join(sorted(twice)))
        entries |= family
    return entries


def _matrix(tables: Tables) -> Iterator[Fault]:
    for cadre, row in tables.works.items():
        for mode, deposit in product(MODES, DEPOSITS):
            if getattr(row, mode).get(deposit) not in CELLS:
                yield Fault("FLX-I30", table="matrix.toml", row=f"{cadre} {mode}.{deposit}", expected=" | ".join(CELLS))
    for cadre, other in tables.others.items():
        if other.becomes not in ("partner", "refused") or (other.becomes == "refused") != (other.why is not None):
            yield Fault("FLX-I30", table="matrix.toml", row=f"{cadre} becomes", expected="partner | refused + why")
    if missing := {f"A{n}" for n in range(1, 26)} - tables.works.keys() - tables.others.keys():
        yield Fault("FLX-I30", table="matrix.toml", row=", ".join(sorted(missing)), expected="A1 – A25")


def _interfaces(tables: Tables) -> Iterator[Fault]:
    for code, row in tables.interfaces.items():
        if not re.fullmatch(r"[A-Z]{3}\d{4}[A-Z]", code) or row.form not in ("full", "minimal") or row.works not in ("any", "only"):
            yield Fault("FLX-I30", table="interfaces.toml", row=code, expected="AAA0000A, form full | minimal, works any | only")
    defaults = [(row.syntax, row.default_for) for row in tables.interfaces.values() if row.default_for]
    if len(defaults) != len(set(defaults)):
        twice = {f"{syntax} default_for {documents}" for syntax, documents in defaults if defaults.count((syntax, documents)) > 1}
        yield Fault("FLX-I31", table="interfaces.toml", row=", ".join(sorted(twice)))


def _flow_statuses(tables: Tables) -> Iterator[Fault]:
    for verdict in FlowVerdict:
        if verdict not in tables.flow_statuses and verdict is not FlowVerdict.NOT_EVALUATED:
            yield Fault("FLX-I30", table="flow_statuses.toml", row=verdict, expected="code, fr, en")


def _life(tables: Tables) -> Iterator[Fault]:
    yield from life.faults(tables.life, {cadre: row.depositor for cadre, row in tables.works.items()})
    depositors = {row.depositor for row in tables.works.values()}
    roles = {row.next for row in tables.works.values()} | {"recipient"}
    yield from cdar.faults(tables.cdar, tables.life, depositors | set(life.ROLES) - {"systeme", "deposant"} | roles, tables.codes.identifier_types)
    if unknown := {role for row in tables.works.values() for role in row.copies} - set(life.ROLES):
        yield Fault("FLX-I30", table="matrix.toml", row=", ".join(sorted(unknown)), expected="copies: roles")
    if unknown := {link.not_before for link in tables.life.chain} - tables.clocks.delays.keys() - {""}:
        yield Fault("FLX-I30", table="chain.toml", row=", ".join(sorted(unknown)), expected="clocks.toml")
    if missing := roles - tables.life.initial.keys():
        yield Fault("FLX-I30", table="transitions.toml", row=", ".join(sorted(missing)), expected="matrix.toml, next")
    reasons = tables.catalogue["FLX-N03"].why if "FLX-N03" in tables.catalogue else {}
    yield from inbound.faults(tables.inbound, tables.life, frozenset(reasons))
    yield from market.faults(tables.market, {cadre: row.depositor for cadre, row in tables.works.items()})
    yield from alarms.faults(tables.alarms, fault_texts())
    yield from clocks.faults(tables.clocks, tables.life, frozenset(tables.works.keys() | tables.others.keys()))
