"""What ``flux causes`` tells: why pieces are refused and flows held, counted, with words in both languages. Takes a configuration, gives the contract's JSON."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from flux import export, faults, tables, told
from flux.cause import TREND_DAYS, Blamed, Cause, Sought
from flux.config import Config
from flux.doors import fresh, open_reader
from flux.tables import Tables, unquoted
from flux.words import LANGUAGES, Words

PIECES = 20  # pieces that one code is shown with
HEADS = ("code", "side", "what", "place", "partner", "count", "share", "first", "last", "last_days", "days_before", "rules", "examples")
NOTHING: dict[str, Any] = {"causes": [], "total": 0, "more": False, "uncounted": 0}


def listed(config: Config, sought: Sought, today: date) -> dict[str, Any]:
    """The causes that fit, the most frequent first: the object of ``flux causes --json``."""
    if fresh(config):
        return NOTHING
    with open_reader(config) as ledger:
        found, total = ledger.causes(replace(sought, limit=sought.limit + 1), today)
        left = ledger.uncounted()
    known = tables.load()
    causes = [_told(one, total, known) for one in found[: sought.limit]]
    return {"causes": causes, "total": total, "more": len(found) > sought.limit, "uncounted": left}


def one(config: Config, sought: Sought, today: date) -> dict[str, Any]:
    """One code: what it says and where from, its causes, the newest pieces behind it: the object of ``flux causes CODE --json``."""
    whole = listed(config, sought, today)
    blamed: Sequence[Blamed] = ()
    if not fresh(config):
        with open_reader(config) as ledger:
            blamed = ledger.blamed(replace(sought, limit=PIECES))
    entry = tables.load().catalogue.get(sought.code)
    about = {"code": sought.code, "what": what(sought.code, tables.load()), "fix": fix(sought.code, tables.load()), "source": entry.source if entry else None}
    return {**about, **whole, "pieces": [piece(p) for p in blamed]}


def save(config: Config, sought: Sought, today: date, to: Path, language: str) -> int:
    """The list as a file for a spreadsheet. Gives how many causes it holds."""
    say, causes = Words(language), listed(config, sought, today)["causes"]
    export.save([[say(f"cause.{name}") for name in HEADS], *(list(_cells(c, say)) for c in causes)], to, [HEADS.index("count")])
    return len(causes)


def what(code: str, known: Tables) -> dict[str, str]:
    """What a code says of many pieces: what each of them says differently is left open."""
    if (entry := known.catalogue.get(code)) is not None:
        return {language: unquoted(getattr(entry, language)) for language in LANGUAGES}
    row = faults.table().get(code)
    return {language: unquoted(getattr(row, f"what_{language}")) if row else "" for language in LANGUAGES}


def fix(code: str, known: Tables) -> dict[str, str]:
    """How it is mended."""
    if (entry := known.catalogue.get(code)) is not None:
        return {language: unquoted(getattr(entry, f"fix_{language}")) for language in LANGUAGES}
    row = faults.table().get(code)
    return {language: unquoted(getattr(row, f"do_{language}")) if row else "" for language in LANGUAGES}


def known_code(code: str) -> bool:
    """Whether this is a code of the catalogue or of our own trouble."""
    return code in tables.load().catalogue or code in faults.table()


def piece(one: Blamed) -> dict[str, Any]:
    """A piece behind a cause; ordinal is null for a flow whole."""
    return {
        "flow": one.flow, "ordinal": one.ordinal or None, "number": one.number or None, "partner": one.partner, "code": one.code, "place": one.place or None,
        "at": told.instant(one.at), "alone": one.alone,
    }  # fmt: skip


def _told(one: Cause, total: int, known: Tables) -> dict[str, Any]:
    field = known.fields.get(one.place)
    return {
        "code": one.code,
        "side": "ours" if one.ours else "theirs",
        "what": what(one.code, known),
        "place": one.place or None,
        "field": {language: getattr(field, language) for language in LANGUAGES} if field else None,
        "term": field.term or None if field else None,
        "partner": one.partner,
        "count": one.count,
        "share": round(one.count / total, 4) if total else 0.0,
        "first": told.instant(one.first),
        "last": told.instant(one.last),
        "rules": one.pack or None,
        "trend": {"last": sum(one.days[TREND_DAYS:]), "before": sum(one.days[:TREND_DAYS]), "days": list(one.days)},
        "examples": [{"flow": e.flow, "ordinal": e.ordinal or None, "number": e.number or None} for e in one.examples],
    }


def place(told: dict[str, Any], language: str) -> str:
    """Where, for a reader: the words of the field with its business term, else the place as it is."""
    if told["field"]:
        return f"{told['field'][language]}{' (' + told['term'] + ')' if told['term'] else ''}"
    return str(told["place"] or "—")


def example(told: dict[str, Any]) -> str:
    """A piece by flow and ordinal, a flow by its id."""
    return "/".join(str(part) for part in (told["flow"], told["ordinal"]) if part)


def _cells(told: dict[str, Any], say: Words) -> Iterable[str]:
    trend = told["trend"]
    cells: Iterator[Any] = iter((
        told["code"], say(f"cause.{told['side']}"), told["what"][say.language], place(told, say.language), told["partner"], told["count"],
        f"{100 * told['share']:.1f} %", told["first"], told["last"], trend["last"], trend["before"], told["rules"] or "",
        " ".join(example(one) for one in told["examples"]),
    ))  # fmt: skip
    return map(str, cells)
