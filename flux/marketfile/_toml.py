"""The market file in TOML: one or several ``[[market]]``. Also its canonical writing: one market, one text, whatever form it came in."""

import tomllib
from collections.abc import Iterator
from datetime import date
from typing import Any

from flux._settings import told
from flux.faults import Fault
from flux.market import Market, MarketActor
from flux.marketfile._form import Cell, Form, Row
from flux.tables import Tables

SHORT = ("moe", "moa")  # the first, simple form: these two as tables of the market itself
_BESIDE = {"market": (*SHORT, "actor", "engagements"), "actors": ("services",)}  # what stands in a table beside its fields


def read(text: str, name: str) -> tuple[list[Any], dict[str, Any]]:
    """The ``[[market]]`` of a file, not looked at yet, and what stands beside them. Raises ValueError, RecursionError, Fault."""
    raw = tomllib.loads(text)
    markets = raw.pop("market", [])
    if not isinstance(markets, list):
        raise Fault("FLX-I15", where=f"{name} [[market]]", detail=f"market = {told(markets)}")
    return markets, raw


def form(raw: object, where: str, tables: Tables, faults: list[Fault]) -> Form:
    """A ``[[market]]`` as a form. What is no table or no list where there must be one goes to *faults*, and is left out."""
    if not isinstance(raw, dict):
        faults.append(Fault("FLX-I15", where=where, detail=told(raw)))
        raw = {}
    actors: list[Row] = []
    references = [_reference("engagement", code, "", f"{where} engagements {n}") for n, code in _listed(raw, "engagements", where, faults)]
    for role, entry, place in _actors(raw, where, faults):
        if not isinstance(entry, dict):
            faults.append(Fault("FLX-I15", where=place, detail=told(entry)))
            continue
        actors.append(_row(entry, "actors", place, tables, faults, {"role": role} if role else {}))
        references += [_reference("service", code, entry.get("id"), f"{place} services {n}") for n, code in _listed(entry, "services", place, faults)]
    names = {sheet: {field: field for field in fields} for sheet, fields in tables.market.fields.items()}
    return Form(_row(raw, "market", where, tables, faults), actors, references, "actor" not in raw, names)


def written(market: Market) -> str:
    """The canonical text of a market: every field that says something, in the order of the table."""
    head = (("number", market.number), ("label", market.label), ("notified", market.notified), ("received", market.received), ("ccag", market.ccag))
    lines = ["[[market]]", *_fields(*head, ("engagements", list(market.engagements)))]
    for actor in market.actors:
        inline = market.short and actor.role in SHORT
        lines += ["", f"[market.{actor.role}]" if inline else "[[market.actor]]", *_actor(actor, role="" if inline else actor.role)]
    return "\n".join((*lines, ""))


def quoted(text: str) -> str:
    """A text as TOML's basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def _actor(actor: MarketActor, role: str) -> Iterator[str]:
    party = actor.party
    named = ("role", role), ("type", party.type), ("id", party.id), ("name", party.name)
    return _fields(*named, ("cadres", list(actor.cadres)), ("services", list(actor.services)))


def _fields(*pairs: tuple[str, str | date | list[str] | None]) -> Iterator[str]:
    return (f"{name} = {_value(value)}" for name, value in pairs if value)


def _value(value: str | date | list[str] | None) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(quoted, value))}]"
    return quoted(value) if isinstance(value, str) else str(value)


def _actors(table: dict[str, Any], where: str, faults: list[Fault]) -> Iterator[tuple[str, object, str]]:
    """Role ("" where its own table says it), table and place of each actor."""
    for role in SHORT:
        if role in table:
            yield role, table[role], f"{where} {role}"
    for n, given in _listed(table, "actor", where, faults):
        yield "", given, f"{where} [[market.actor]] {n}"


def _row(table: dict[str, Any], sheet: str, where: str, tables: Tables, faults: list[Fault], given: dict[str, str] | None = None) -> Row:
    fields = tables.market.fields[sheet]
    given = given or {}
    allowed = (*(field for field in fields if field not in given), *_BESIDE[sheet])
    faults += [Fault("FLX-I114", where=where, name=name, known=", ".join(allowed)) for name in table if name not in allowed]
    cells = {name: [Cell(value, where)] for name, value in given.items()}
    for name, field in fields.items():
        if name in table and name not in given:  # of whichever kind of TOML's it is: the builder says what it should have been
            values = [value for _, value in _listed(table, name, where, faults)] if field.kind == "cadres" else [table[name]]
            cells[name] = [Cell(value, f"{where} {name}") for value in values]
    return Row(where, cells)


def _reference(nature: str, code: object, owner: object, where: str) -> Row:
    return Row(where, {name: [Cell(value, where)] for name, value in (("nature", nature), ("code", code), ("actor", owner))})


def _listed(table: dict[str, Any], name: str, where: str, faults: list[Fault]) -> Iterator[tuple[int, Any]]:
    """The elements of a list, from 1; none when it is absent."""
    listed = table.get(name, [])
    if not isinstance(listed, list):
        faults.append(Fault("FLX-I15", where=where, detail=f"{name} = {told(listed)}"))
        listed = []
    return enumerate(listed, 1)
