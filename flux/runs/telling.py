"""
A run as a person reads it, in one language: the same lines for the page, the console and the mail. Pure.

What must be looked at stands first; what is usual stands beside what was; what nobody knows is said to be unknown.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from flux.when import in_paris
from flux.words import Words

DASH = "—"
_DAYS = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS = {
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"),
}
_GROUPING = {"fr": ("\u202f", ","), "en": (",", ".")}
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_FEW = 10  # seconds below which a tenth of one is told
_BAD = ("nothing", "less", "trouble")
_DOUBTFUL = ("late", "unwatched")
_WORSE = ("refused", "flows_unjudged", "held", "undelivered", "undecided", "not_evaluated")  # figures of which 0 is best,
_RARE = ("flows_unjudged", "not_evaluated", "undelivered", "undecided")  # and told only where it is not


class Figure(Struct, frozen=True):
    """A line of figures: what it is, how much, how much is usual, by how much it differs. tone: bad, "" else."""

    name: str
    now: str
    usual: str = DASH
    differs: str = ""
    tone: str = ""


class Row(Struct, frozen=True):
    """A partner of the run. sent: how much by his cut-off, when, against the usual; arrival: the word for it. tone: good, bad, some or ""."""

    name: str
    label: str
    when: str
    flows: str
    pieces: str
    accepted: str
    refused: str
    held: str
    sent: str
    last: str
    arrival: str
    tone: str


class Cause(Struct, frozen=True):
    """A code that refused pieces or flows: how many, and whose."""

    code: str
    label: str
    count: str
    partners: str


class Held(Struct, frozen=True):
    """A flow that waits for a person, and why."""

    flow: str
    partner: str
    file: str
    reason: str


class Report(Struct, frozen=True):
    """A run told whole. alerts: sentences, the worst first; tone: bad when there are any. facts: what and when, as pairs."""

    language: str
    title: str
    headline: str
    tone: str
    alerts: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    figures: tuple[Figure, ...]
    usual: str
    partners: tuple[Row, ...]
    causes: tuple[Cause, ...]
    held: tuple[Held, ...]
    foot: str


def report(told: dict[str, Any], say: Words) -> Report:
    """The account of a run, told."""
    totals, alerts = told["totals"], tuple(_alert(one, told, say) for one in told["alerts"])
    return Report(
        language=say.language,
        title=say("run.title", schedule=told["schedule"], at=long_day(told["planned_at"], say)),
        headline=_headline(totals, say),
        tone="bad" if alerts else "good",
        alerts=alerts,
        facts=tuple(_facts(told, say)),
        figures=tuple(_figures(told, say)),
        usual=_usual(told["usual"], told["planned_at"], say),
        partners=tuple(_row(one, say) for one in sorted(told["partners"], key=_worst_first)),
        causes=tuple(_cause(one, say) for one in told["causes"]),
        held=tuple(Held(h["flow"], h["partner"], h["file"], h[say.language] or say(f"plumbing.{h['state']}")) for h in told["held"]),
        foot=say("run.foot", installation=told["installation"], run=told["run"], schedule=told["schedule"]),
    )


def number(value: float, say: Words, places: int = 0) -> str:
    """A number as the language writes it: 1 240,5 with a narrow space that does not break, or 1,240.5."""
    apart, point = _GROUPING[say.language]
    return f"{value:,.{places}f}".replace(".", "\0").replace(",", apart).replace("\0", point)


def duration(seconds: float, say: Words) -> str:
    """So many seconds in the two largest units that tell: 2 h 05 min, 38 s, 0,4 s."""
    if seconds < _FEW:
        return f"{number(seconds, say, 1)}\u00a0s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}\u00a0s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}\u00a0min {whole % _MINUTE:02d}\u00a0s"
    if whole < _DAY:
        return f"{whole // _HOUR}\u00a0h {whole % _HOUR // _MINUTE:02d}\u00a0min"
    return f"{whole // _DAY}\u00a0{say('run.days', count=whole // _DAY)} {whole % _DAY // _HOUR:02d}\u00a0h"


def short_time(told: str | None, beside: str = "") -> str:
    """An instant as the contract tells it, as 26/11 02:30; without the day when it is that of *beside*."""
    if told is None:
        return DASH
    at = in_paris(datetime.fromisoformat(told))
    same = beside and at.date() == in_paris(datetime.fromisoformat(beside)).date()
    return f"{at:%H:%M}" if same else f"{at:%d/%m %H:%M}"


def long_day(told: str, say: Words) -> str:
    """An instant with its day written out."""
    at = in_paris(datetime.fromisoformat(told))
    day, month = _DAYS[say.language][at.weekday()], _MONTHS[say.language][at.month - 1]
    return f"{day} {at.day} {month} {at.year}, {at:%H:%M}"


def _headline(totals: dict[str, int], say: Words) -> str:
    if not totals["flows"]:
        return say("run.headline_none")
    counts = {name: number(totals[name], say) for name in ("flows", "pieces", "accepted", "refused")}
    return say("run.headline", **counts, n_flows=totals["flows"], n_pieces=totals["pieces"], n_accepted=totals["accepted"], n_refused=totals["refused"])


def _alert(one: dict[str, Any], told: dict[str, Any], say: Words) -> str:
    what = one["what"]
    if what == "outage":
        return say("alert.outage", since=short_time(one["from"]), until=short_time(one["until"], one["from"]))
    if "partner" not in one:
        count = one["count"]
        usual = told["against"].get(what, {}).get("usual")
        return say(f"alert.{what}", count=count, shown=number(count, say), usual=number(usual, say) if usual is not None else DASH)
    row = next(p for p in told["partners"] if p["partner"] == one["partner"])
    return say(f"alert.{what}", partner=_called(row), **_of(row, say))


def _of(row: dict[str, Any], say: Words) -> dict[str, Any]:
    """What a sentence about a partner's deposit quotes."""
    by, usual = row[f"by_cut_off_{row['measure']}"], row["usual"]
    after = row[f"after_cut_off_{row['measure']}"]
    cut = in_paris(datetime.fromisoformat(row["cut_off_at"])) if row["cut_off_at"] else None
    unit = f"run.unit_{row['measure']}"
    return {
        "now": f"{number(by or 0, say)}\u00a0{say(unit, count=by or 0)}", "after": f"{number(after, say)}\u00a0{say(unit, count=after)}",
        "usual": f"{number(usual, say)}\u00a0{say(unit, count=usual)}" if usual is not None else DASH,
        "by": say("run.by", day=f"{cut:%d/%m}", hour=f"{cut:%H:%M}") if cut else say("run.by_now"), "last": short_time(row["last_at"]),
    }  # fmt: skip


def _called(row: dict[str, Any]) -> str:
    return f"{row['label']} ({row['partner']})" if row["label"] else str(row["partner"])


def _facts(told: dict[str, Any], say: Words) -> list[tuple[str, str]]:
    times, planned = told["times"], told["planned_at"]
    who = f" ({told['who']})" if told["how"] == "hand" else ""
    facts = [
        (say("run.how"), say(f"how.{told['how']}") + who),
        (say("run.span"), say("run.from_to", since=short_time(told["since"]), until=short_time(told["taken_at"]))),
        (say("run.started"), short_time(told["started_at"], planned)),
        (say("run.ended"), f"{short_time(told['ended_at'], planned)} ({duration(times['duration_s'], say)})" + ("" if told["complete"] else f", {say('run.cut_short')}")),
    ]  # fmt: skip
    if times["wait_median_s"] is not None:
        waits = say("run.waits", median=duration(times["wait_median_s"], say), most=duration(times["wait_most_s"], say))
        facts.append((say("run.wait"), waits))
    return facts


def _figures(told: dict[str, Any], say: Words) -> list[Figure]:
    out = []
    for name in ("flows", "pieces", "accepted", "refused", "flows_unjudged", "not_evaluated", "held", "routed", "undelivered", "undecided", "busy_s", "pieces_per_s"):
        against = told["against"].get(name)
        now, usual = (against["now"], against["usual"]) if against else (told["totals"].get(name, 0), None)  # an account of an earlier version
        if not now and not usual and name in _RARE:
            continue
        tone = "bad" if name in _WORSE and now and (usual is None or now > usual) and (name != "refused" or (usual is not None and now > 2 * usual)) else ""
        out.append(Figure(say(f"run.{name}"), _shown(name, now, say), _shown(name, usual, say), _differs(now, usual, say), tone))
    return out


def _shown(name: str, value: float | None, say: Words) -> str:
    if value is None:
        return DASH
    if name == "busy_s":
        return duration(value, say)
    if name == "pieces_per_s":
        return number(value, say, 1)
    return number(value, say) if value == int(value) else number(value, say, 1)


def _differs(now: float | None, usual: float | None, say: Words) -> str:
    if now is None or not usual:
        return ""
    part = round(100 * (now - usual) / usual)
    return say("run.same") if part == 0 else f"{'+' if part > 0 else '−'}{number(abs(part), say)}\u00a0%"


def _usual(usual: dict[str, Any], planned: str, say: Words) -> str:
    """Against what the figures are held."""
    if usual["of"] is None:
        return say("run.usual_unknown", count=usual["known"], least=usual["least"])
    day = _DAYS[say.language][in_paris(datetime.fromisoformat(planned)).weekday()]
    return say(f"run.usual_{usual['of']}", count=len(usual["runs"]), day=day)


def _worst_first(row: dict[str, Any]) -> tuple[int, str]:
    order = (*_BAD, *_DOUBTFUL)
    return (order.index(row["arrival"]) if row["arrival"] in order else len(order), row["partner"])


def _row(row: dict[str, Any], say: Words) -> Row:
    of = _of(row, say)
    sent = say("run.sent", **of) if row["usual"] is not None else say("run.sent_unknown", **of)
    when = of["by"] if row["cut_off_at"] else ""
    known = row[f"by_cut_off_{row['measure']}"] is not None
    arrival = row["arrival"]
    tone = "bad" if arrival in _BAD else "some" if arrival in _DOUBTFUL else "good" if arrival == "fine" else ""
    counts = {name: number(row[name], say) for name in ("flows", "pieces", "accepted", "refused", "held")}
    told = {"sent": sent if known else DASH, "when": when if known else "", "last": of["last"], "arrival": say(f"arrival.{arrival}"), "tone": tone}
    return Row(name=row["partner"], label=row["label"] or "", **counts, **told)


def _cause(one: dict[str, Any], say: Words) -> Cause:
    parts = [say(f"run.of_{name}", count=one[name], shown=number(one[name], say)) for name in ("pieces", "flows") if one[name]]
    return Cause(one["code"], (one["label"] or {}).get(say.language, ""), ", ".join(parts), _some(one["partners"], say))


def _some(names: Sequence[str], say: Words, most: int = 4) -> str:
    return ", ".join(names[:most]) + (say("run.and_more", count=len(names) - most) if len(names) > most else "")
