"""The report for people: one self-contained page, French with English under it, made to be read and printed. Owed for every flow."""

from datetime import date
from decimal import Decimal
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from flux.emitters import Emitter, Told
from flux.emitters._names import report_stem
from flux.model import Answer, VerdictKind
from flux.when import in_paris
from flux.words import Words


def render(letter: Told) -> Answer:
    """What is to be mended first, then what went in."""
    decision = letter.decision
    accepted = [piece for piece in letter.told if piece["verdict"] == VerdictKind.ACCEPTED]
    page = _template().render(
        flow=letter.flow,
        decision=decision,
        status=letter.tables.lifecycle.flow[decision.verdict],
        received=in_paris(letter.flow.received_at),
        decided=in_paris(letter.at),
        findings=letter.told_flow,
        refused=[piece for piece in letter.told if piece["verdict"] != VerdictKind.ACCEPTED],
        accepted=accepted,
        labels={code: entry.label for code, entry in letter.tables.catalogue.items()},
        cadres={code: row.label.fr for code, row in (letter.tables.works | letter.tables.others).items()},
        report=report_stem(letter),
        installation=letter.installation,
    )
    return Answer("report-html", f"{report_stem(letter)}.html", page.encode())


@lru_cache
def _template() -> Template:
    """Every value is escaped: what a sender wrote never becomes markup. A name that is missing is an error, not a blank."""
    rooms = Environment(
        loader=PackageLoader("flux.emitters", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    rooms.filters |= {"money": _money, "day": _day, "role": lambda role: Words("fr")(f"role.{role}")}
    return rooms.get_template("report.html.j2")


def _money(amount: str) -> str:
    """As France writes it: 147 002,62 with narrow spaces that do not break."""
    return f"{Decimal(amount):,f}".replace(",", "\u202f").replace(".", ",")


def _day(day: str) -> str:
    return f"{date.fromisoformat(day):%d/%m/%Y}"


EMITTER = Emitter("report-html", render)
