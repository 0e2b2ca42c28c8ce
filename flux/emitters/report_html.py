"""The report for people: one self-contained page, French with English under it, made to be read and printed. Owed for every flow."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias

from flux.emitters import Emitter, Told
from flux.emitters._names import INCIDENT, report_stem
from flux.emitters._page import rooms, written
from flux.model import Answer, VerdictKind
from flux.when import in_paris
from flux.words import Words

if TYPE_CHECKING:
    from jinja2 import Template

Finding: TypeAlias = "dict[str, Any]"  # as told
_APART = re.compile(r"(?<=«) | (?=[»:;?!])")


def render(letter: Told) -> tuple[Answer, ...]:
    """What is to be mended first, then what went in."""
    return (Answer("report-html", f"{report_stem(letter)}.html", partial(_blocks, letter)),)


def _blocks(letter: Told) -> Iterator[bytes]:
    decision, pieces = letter.decision, letter.decision.pieces
    accepted = [piece for piece in pieces if piece.verdict.kind is VerdictKind.ACCEPTED]
    cadres = {code: row.label for code, row in (letter.tables.works | letter.tables.others).items()}
    return written(
        _template(),
        flow=letter.flow,
        decision=decision,
        status=letter.tables.flow_statuses[decision.verdict],
        received=in_paris(letter.flow.received_at),
        decided=in_paris(letter.at),
        findings=letter.told_flow,
        told=lambda findings: [letter.worded(finding) for finding in findings],
        refused=[piece for piece in pieces if piece.verdict.kind is not VerdictKind.ACCEPTED],
        went_in=len(accepted),
        accepted=[piece for piece in accepted if not piece.line],
        lines=[piece for piece in accepted if piece.line],
        of_lines=bool(pieces) and all(piece.line for piece in pieces),
        statuses={code: row.label for code, row in letter.tables.life.statuses.items()},
        label=lambda code: letter.tables.catalogue[code].label,
        cadres=cadres,
        used=[code for code in cadres if code in {piece.piece.cadre for piece in pieces}],
        report=report_stem(letter),
        installation=letter.installation,
        incident=INCIDENT,
    )


@lru_cache
def _template() -> "Template":
    """What a sender wrote never becomes markup."""
    rooms().filters.update({"money": _money, "grouped": _grouped, "french": _french, "day": _day, "role": _role, "once": _once})
    return rooms().get_template("report.html.j2")


def _once(macro: Callable[[Any], str]) -> Callable[[list[Finding] | str], str]:
    """What is the same in many pieces of a page is set once: a code, or findings, of which those that were put into words once (told.wording) are one object."""
    done: dict[tuple[int, ...] | str, str] = {}

    def told(said: list[Finding] | str) -> str:
        key = tuple(map(id, said)) if isinstance(said, list) else said
        return done[key] if key in done else done.setdefault(key, macro(said))

    return told


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
