"""A market out of the rows of its file, whichever form they came in: every fault is told with its place, none stops at the first."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

from msgspec import Struct

from flux._settings import told
from flux.faults import Fault
from flux.market import Market, MarketActor
from flux.piece import Party
from flux.tables import Tables
from flux.tables.market import MarketField
from flux.validators.identity import FORMS

ENGAGEMENT_MOST = 50  # characters (domain 6.2); a service code has 100, which the table says
DAY = "AAAA-MM-JJ / YYYY-MM-DD"
_FRENCH_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_SHORT_TYPE = re.compile(r"\w+")


class Cell(Struct, frozen=True):
    """What stands in a field, and where that is, for a person. value: None when nothing does."""

    value: object
    where: str


class Row(Struct, frozen=True):
    """A row. where: for a person; cells: by the field's name in the table, several where the field has several columns."""

    where: str
    cells: dict[str, list[Cell]]

    def first(self, name: str) -> Cell:
        """What stands in the field, None when nothing does."""
        cells = self.cells.get(name, [])
        return next((cell for cell in cells if cell.value is not None), cells[0] if cells else Cell(None, self.where))


class Form(Struct, frozen=True):
    """A market as its file has it, not proven yet. short: it names its MOE and MOA and lists no actors; names: what its fields are called there."""

    market: Row
    actors: Sequence[Row]
    references: Sequence[Row]
    short: bool
    names: dict[str, dict[str, str]]


class _Builder:
    """Reads one form. faults: what was wrong so far."""

    def __init__(self, form: Form, tables: Tables) -> None:
        self.form, self.tables = form, tables
        self.faults: list[Fault] = []

    def market(self) -> Market:
        """The market; of use only when there are no faults."""
        row = self.form.market
        engagements, services = self._references()
        actors = self._actors(services)
        notified, received = self._day(row, "notified"), self._day(row, "received")
        if notified and received and received < notified:
            self._malformed("market", "received", row.first("received"), f"≥ {notified}")
        number, label, ccag = self._text(row, "market", "number"), self._text(row, "market", "label"), self._choice(row, "market", "ccag")
        return Market(number, label, notified, received, ccag, actors, engagements)

    # -- the parts ------------------------------------------------------------------------------------------------------------------------

    def _actors(self, services: dict[str, list[str]]) -> tuple[MarketActor, ...]:
        actors: list[MarketActor] = []
        for row in self.form.actors:
            role, party, cadres = self._role(row), self._party(row), self._cadres(row)
            if any(actor.role == role and actor.party.id == party.id for actor in actors):
                self.faults.append(Fault("FLX-I120", where=row.where, value=f"{role} {party.id}"))
            actors.append(MarketActor(role, party, cadres, tuple(dict.fromkeys(services.get(party.id, ())))))
        if not self.form.short:
            self._counted(actors)
        return tuple(actors)

    def _counted(self, actors: Sequence[MarketActor]) -> None:
        for name, role in self.tables.market.roles.items():
            found = sum(actor.role == name for actor in actors)
            if found < role.least or (role.most and found > role.most):
                expected = str(role.least) if role.least == role.most else f"≤ {role.most}"
                self.faults.append(Fault("FLX-I119", where=self.form.market.where, role=name, found=str(found), expected=expected))

    def _references(self) -> tuple[tuple[str, ...], dict[str, list[str]]]:
        """The engagements of the market, and the service codes by the identifier whose they are."""
        known = list(dict.fromkeys(_squeezed(row.first("id").value) for row in self.form.actors))
        engagements: list[str] = []
        services: dict[str, list[str]] = {}
        for row in self.form.references:
            nature, code = self._choice(row, "references", "nature"), self._text(row, "references", "code")
            if nature == "service":
                cell = row.first("actor")
                if (owner := _squeezed(cell.value)) not in known or not owner:
                    self.faults.append(Fault("FLX-I121", where=cell.where, value=owner or "—", known=", ".join(filter(None, known)) or "—"))
                services.setdefault(owner, []).append(code)
            elif len(code) > ENGAGEMENT_MOST:
                self._malformed("references", "code", row.first("code"), f"≤ {ENGAGEMENT_MOST}")
            else:
                engagements.append(code)
        return tuple(dict.fromkeys(engagements)), services

    def _party(self, row: Row) -> Party:
        type_ = self._type(row)
        cell = row.first("id")
        id_ = self._text(row, "actors", "id")
        if type_ == "1":
            id_ = "".join(id_.split())  # people write a SIRET in groups
            if id_ and not FORMS["1"][0].fullmatch(id_):
                self.faults.append(Fault("FLX-I16", where=cell.where, value=f'"{id_}"'))
        elif id_ and type_ in FORMS and not FORMS[type_][0].fullmatch(id_):
            self._malformed("actors", "id", cell, " / ".join(FORMS[type_][1:]))
        return Party(type=type_, id=id_, name=self._text(row, "actors", "name"))

    # -- the kinds of field ---------------------------------------------------------------------------------------------------------------

    def _text(self, row: Row, sheet: str, name: str) -> str:
        field, cell = self._field(sheet, name), row.first(name)
        if cell.value is not None and not isinstance(cell.value, str):
            self._malformed(sheet, name, cell, '"…"')
            return ""
        text = " ".join((cell.value or "").split())
        if not text and field.needed:
            self.faults.append(Fault("FLX-I116", where=cell.where, name=self._name(sheet, name)))
        if field.most and len(text) > field.most:
            self._malformed(sheet, name, cell, f"≤ {field.most}")
        if not text.isprintable():
            self._malformed(sheet, name, cell, "a–z, 0–9 …")
        return text

    def _choice(self, row: Row, sheet: str, name: str) -> str:
        field, cell = self._field(sheet, name), row.first(name)
        value = _squeezed(cell.value)
        if value.lower() in field.choices:
            return value.lower()
        if value:
            self._not_one_of(sheet, name, cell, field.choices)
        elif field.needed:
            self.faults.append(Fault("FLX-I116", where=cell.where, name=self._name(sheet, name)))
        return ""

    def _day(self, row: Row, name: str) -> date | None:
        cell = row.first(name)
        value = cell.value
        if value is None or value == "":
            return None
        if isinstance(value, date):
            return value.date() if isinstance(value, datetime) else value
        text = _squeezed(value)
        try:
            if french := _FRENCH_DAY.fullmatch(text):
                return date(int(french[3]), int(french[2]), int(french[1]))
            return date.fromisoformat(text)
        except ValueError:
            self._malformed("market", name, cell, DAY)
            return None

    def _role(self, row: Row) -> str:
        cell = row.first("role")
        value = _squeezed(cell.value).casefold()
        for name, role in self.tables.market.roles.items():
            if value in (name, role.fr.casefold(), role.en.casefold()):
                return name
        if value:
            self._not_one_of("actors", "role", cell, self.tables.market.roles)
        else:
            self.faults.append(Fault("FLX-I116", where=cell.where, name=self._name("actors", "role")))
        return ""

    def _type(self, row: Row) -> str:
        """1 to 7, alone or before its word as the template's list has it, or a scheme that means one of them."""
        cell = row.first("type")
        value = _squeezed(cell.value) or "1"
        head = _SHORT_TYPE.match(value)
        if (type_ := self.tables.schemes.get(head[0].upper() if head else "")) is None:
            self._not_one_of("actors", "type", cell, self.tables.codes.identifier_types)
            return ""
        return type_

    def _cadres(self, row: Row) -> tuple[str, ...]:
        named = []
        for cell in row.cells.get("cadres", ()):
            for cadre in re.split(r"[\s,;]+", _squeezed(cell.value).upper()):
                if cadre and cadre not in self.tables.works:
                    self._not_one_of("actors", "cadres", cell, self.tables.works)
                named.append(cadre)
        return tuple(cadre for cadre in self.tables.works if cadre in named)

    # -- telling --------------------------------------------------------------------------------------------------------------------------

    def _field(self, sheet: str, name: str) -> MarketField:
        return self.tables.market.fields[sheet][name]

    def _name(self, sheet: str, name: str) -> str:
        return self.form.names[sheet][name]

    def _not_one_of(self, sheet: str, name: str, cell: Cell, allowed: Iterable[str]) -> None:
        expected = ", ".join(allowed)
        self.faults.append(Fault("FLX-I117", where=cell.where, name=self._name(sheet, name), value=_shown(cell.value), expected=expected))

    def _malformed(self, sheet: str, name: str, cell: Cell, expected: str) -> None:
        self.faults.append(Fault("FLX-I118", where=cell.where, name=self._name(sheet, name), value=_shown(cell.value), expected=expected))


def build(form: Form, tables: Tables) -> tuple[Market, list[Fault]]:
    """The market of a form and what is wrong with it: the market is of use only when nothing is."""
    builder = _Builder(form, tables)
    market = builder.market()
    return market, builder.faults


def twice(markets: Iterable[tuple[Market, str]]) -> Iterator[Fault]:
    """A number stands once in a file. markets: each with its place."""
    seen: set[str] = set()
    for market, where in markets:
        if market.number and market.number in seen:
            yield Fault("FLX-I120", where=where, value=market.number)
        seen.add(market.number)


def _squeezed(value: object) -> str:
    """As one line; a figure as it is written. What TOML has of other kinds is told as it stands, and is none of the values that are looked for."""
    text = "" if value is None else value if isinstance(value, str) else told(value)
    return " ".join(text.split())


def _shown(value: object) -> str:
    text = _squeezed(value)
    return f"“{text[:80]}…”" if len(text) > 80 else f"“{text}”"  # noqa: PLR2004 - enough to find it
