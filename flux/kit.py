"""All that a judgement needs, built once a process and frozen: tables, schemas, and what the registry found in each room."""

import hashlib

from msgspec import Struct

from flux import __version__, emitters, parsers, registry, tables, validators
from flux.emitters import Emitter
from flux.faults import Fault
from flux.model import Stage
from flux.parsers import Parser
from flux.stores import schemas
from flux.stores.schemas import Schemas
from flux.tables import Tables
from flux.tables._reading import Home
from flux.validators import Check


class Kit(Struct, frozen=True):
    """parsers: by module name; checks: in the order of their modules; asked: the same by stage; pack: the identity of the rules, recorded with each verdict."""

    tables: Tables
    schemas: Schemas
    parsers: dict[str, Parser]
    checks: tuple[Check, ...]
    asked: dict[Stage, tuple[Check, ...]]
    emitters: tuple[Emitter, ...]
    pack: str

    def parser_of(self, root: str) -> tuple[Parser, str] | None:
        """The parser that claims this root element (Clark name), and the schema family."""
        return next(((p, p.roots[root]) for p in self.parsers.values() if root in p.roots), None)

    def carrier_of(self, content: bytes) -> Parser | None:
        """The parser whose carrier these bytes are."""
        return next((p for p in self.parsers.values() if p.magic and content.startswith(p.magic)), None)


def build(home: Home = None) -> Kit:
    """
    Find every part and check that they fit. Raises Fault: a part that is missing stops the start, never an invoice.

    *home*: a folder of other tables than the package's; FLX-I224 when one that judges is not in it.
    """
    if lacks := tables.missing(home):
        raise Fault("FLX-I224", path=str(home), missing=", ".join(lacks))
    known = tables.load() if home is None else tables.load_from(home)
    found = registry.discover(parsers, "PARSER")
    checks = tuple(check for family in registry.discover(validators, "CHECKS").values() for check in family)
    _sound(known, found, checks)
    pinned = schemas.load()
    return Kit(
        tables=known,
        schemas=pinned,
        parsers=found,
        checks=checks,
        asked={stage: tuple(check for check in checks if check.stage is stage) for stage in Stage},
        emitters=tuple(registry.discover(emitters, "EMITTER").values()),
        pack=_pack(pinned, home),
    )


def _sound(known: Tables, found: dict[str, Parser], checks: tuple[Check, ...]) -> None:
    claimed = [root for parser in found.values() for root in parser.roots]
    if twice := {root for root in claimed if claimed.count(root) > 1}:
        raise Fault("FLX-I34", roots=", ".join(sorted(twice)))
    if unknown := {code for check in checks for code in check.codes} - known.catalogue.keys():
        raise Fault("FLX-I35", codes=", ".join(sorted(unknown)))


def _pack(pinned: Schemas, home: Home) -> str:
    """Version of flux and a digest of tables and schemas: two packs of one name judge alike."""
    digest = hashlib.sha256()
    for content in tables.sources(home):
        digest.update(content)
    for row in pinned.rows():
        digest.update(row.sha256.encode())
    return f"chorus-works-{__version__}+{digest.hexdigest()[:12]}"
