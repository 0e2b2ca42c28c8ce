"""The report for people: one self-contained page, French with English under it, made to be read and printed. Owed for every flow."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from flux.emitters import Emitter, Told
from flux.emitters._names import INCIDENT, report_stem
from flux.emitters._page import rooms, written
from flux.model import Answer, Decided, Finding, VerdictKind
from flux.told import MOST_ALIKE
from flux.when import in_paris
from flux.words import Words

if TYPE_CHECKING:
    from jinja2 import Template

REFUSED, ACCEPTED, DONE = "refused", "accepted", "done"
_APART = re.compile(r"(?<=«) | (?=[»:;?!])")


def render(letter: Told) -> tuple[Answer, ...]:
    """What is to be mended first, then what went in."""
    return (Answer("report-html", f"{report_stem(letter)}.html", partial(_blocks, letter)),)


def _blocks(letter: Told) -> Iterator[bytes]:
    decision, count, used = letter.decision, Counter[str](), set[str]()
    for one in decision.pieces:  # once before the page, which goes over them once for each part
        count.update((_part(one), "lines" if one.line else "pieces"))
        used.add(one.piece.cadre)
    cadres = {code: row.label for code, row in (letter.tables.works | letter.tables.others).items()}
    return written(
        _template(),
        flow=letter.flow,
        decision=decision,
        status=letter.tables.flow_statuses[decision.verdict],
        received=in_paris(letter.flow.received_at),
        decided=in_paris(letter.at),
        findings=decision.findings,
        count=count,
        those=lambda part: (one for one in decision.pieces if _part(one) == part),
        told=letter.worded,
        went_in=decision.accepted,
        of_lines=bool(count["lines"]) and not count["pieces"],
        statuses={code: row.label for code, row in letter.tables.life.statuses.items()},
        label=lambda code: letter.tables.catalogue[code].label,
        cadres=cadres,
        used=[code for code in cadres if code in used],
        report=report_stem(letter),
        installation=letter.installation,
        incident=INCIDENT,
    )


def _part(one: Decided) -> str:
    """Of the page, where a piece stands: what is to be mended, what went in, what a status line did."""
    return REFUSED if one.verdict.kind is not VerdictKind.ACCEPTED else DONE if one.line else ACCEPTED


@lru_cache
def _template() -> "Template":
    """What a sender wrote never becomes markup."""
    rooms().filters.update({"money": _money, "grouped": _grouped, "french": _french, "day": _day, "role": _role, "once": _once})
    return rooms().get_template("report.html.j2")


def _once(macro: Callable[[Any], str]) -> Callable[[tuple[Finding, ...] | str], str]:
    """What is the same in many pieces of a page is set once: a code, or findings."""
    once = lru_cache(MOST_ALIKE)(macro)
    return lambda said: once(said if isinstance(said, str) else tuple(replace(finding, ordinal=0) for finding in said))


@cache
def _role(role: str, language: str) -> str:
    return Words(language)(f"role.{role}")


def _money(amount: Decimal) -> str:
    """As France writes it: 147 002,62 with narrow spaces that do not break."""
    return f"{amount:,f}".replace(",", "\u202f").replace(".", ",")


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _french(text: str) -> str:
    """French signs that stand apart stay with their word at the end of a line."""
    return _APART.sub("\u00a0", text)


def _day(day: date) -> str:
    return f"{day:%d/%m/%Y}"


EMITTER = Emitter("report-html", render)
