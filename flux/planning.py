"""What a configuration says to the schedule loop, and what people ask of schedules and runs: ``flux schedule``, ``flux runs``."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from email.message import EmailMessage
from typing import Any

from msgspec.structs import asdict

from flux import config as settings
from flux import tables
from flux._scheduled import Post
from flux.config import Config
from flux.doctor import Line
from flux.faults import Fault
from flux.model import Event
from flux.runs import telling
from flux.runs.account import Sender
from flux.runs.book import Mailing, NewRun, Run, RunBook, RunState
from flux.runs.plan import Planned
from flux.runs.text import text
from flux.schedule import Site, next_of
from flux.told import instant
from flux.words import Words

FORMS = ("text", "html", "json")
COMING = 12  # next instants that are told
_LOOKED_AT = 100  # runs in which the doctor looks for a report that did not go out


def site(config: Config) -> Site:
    """The values that the loop works with."""
    known = tables.load()
    def label(code: str) -> dict[str, str] | None:
        entry = known.catalogue.get(code)
        return {"fr": entry.label or _short(entry.fr), "en": _short(entry.en)} if entry else None

    senders = tuple(Sender(p.name, p.label, p.cut_off, p.taken == "run") for p in config.partners)
    return Site(config.installation, config.schedules, config.freezes, senders, known.clocks.calendar, label, mail=config.post is not None)


def in_runs(config: Config) -> frozenset[str]:
    """The partners whose inboxes are taken only in runs."""
    return frozenset(p.name for p in config.partners if p.taken == "run")


def mailed(config: Config, give: Callable[[Post, str, EmailMessage], str]) -> Callable[[Run], str] | None:
    """What hands a run's report to the mail server through *give* (see transports.mail.send); None where no server is set."""
    post = config.post
    if post is None:
        return None
    from flux.runs.letter import letter  # late: no other command needs Jinja2

    say = Words(config.language)
    return lambda run: give(post, settings.mail_password(config), letter(run, post.sender, post.to, say))


def ask(config: Config, book: RunBook, name: str, who: str, now: datetime) -> int:
    """A run by hand. Gives its number. Raises Fault when no schedule is called so."""
    _known(config, name)
    event = Event(f"schedule/{name}", "run_asked", now, who)
    return book.ask(NewRun(name, now, "hand", who, RunState.OWED), event)


def listed(config: Config, book: RunBook | None, now: datetime, only: str = "") -> list[dict[str, Any]]:
    """The schedules as JSON: settings, next instants with what the calendar says of them, last runs. Raises Fault when *only* is none of them."""
    if only:
        _known(config, only)
    coming = _next(config, now)
    return [
        {**asdict(one), "next": [_coming(p) for p in coming[one.name]], "runs": [run(r) for r in book.runs(schedule=one.name, limit=COMING)] if book else []}
        for one in config.schedules
        if only in ("", one.name)
    ]


def run(one: Run) -> dict[str, Any]:
    """A run as JSON, without its account."""
    times = {name: instant(at) if (at := getattr(one, name)) else None for name in ("recorded_at", "started_at", "taken_at", "ended_at", "deadline")}
    seen = one.summary or {"totals": None, "alerts": [], "duration_s": None}
    return {
        "run": one.seq, "schedule": one.schedule, "planned_at": instant(one.planned), "how": one.how, "who": one.who, "state": one.state.value,
        "why": one.why or None, **times, **seen, "mail": _mail(one.mail),
    }  # fmt: skip


def report(one: Run, form: str, say: Words) -> str:
    """The report of a run that is DONE, as text or as a page."""
    told = telling.report(one.told or {}, say)
    if form == "html":
        from flux.runs.page import page  # late: no other command needs Jinja2

        return page(told, say)
    return text(told, say)


def newest_done(book: RunBook) -> Run | None:
    """The newest run that has a report."""
    return next(iter(book.runs(state=RunState.DONE, limit=1, whole=True)), None)


def of_number(book: RunBook, number: str) -> Run | None:
    """The run of this number; last: the newest that is done."""
    if number == "last":
        return newest_done(book)
    return book.run(int(number)) if number.isdecimal() and len(number) <= 18 else None  # noqa: PLR2004 - what a database counts to


def examined(config: Config, book: RunBook | None, now: datetime) -> Iterator[Line]:
    """The doctor's lines: when the next run is, one that should be over, a report that does not go out. None where nothing is scheduled."""
    if not config.schedules:
        return
    late = [one for one in (book.unfinished() if book else ()) if one.deadline and one.deadline < now]
    unsent = [one for one in (book.runs(limit=_LOOKED_AT) if book else ()) if one.mail.problem and one.mail.state != "sent"]
    for one in late:
        yield Line("warn", "schedules", "schedules_stuck", {"run": one.seq, "schedule": one.schedule, "at": _paris(one.deadline)}, "schedules_stuck_do")
    for one in unsent[:1]:
        yield Line("warn", "schedules", "schedules_mail", {"run": one.seq, "problem": one.mail.problem}, "schedules_mail_do")
    coming = min((p.at for some in _next(config, now).values() for p in some if not p.why), default=None)
    yield Line("ok", "schedules", "schedules_next", {"count": len(config.schedules), "at": _paris(coming)})


def _next(config: Config, now: datetime) -> Mapping[str, list[Planned]]:
    known = site(config)
    return next_of(known.schedules, known.freezes, known.calendar, now, COMING)


def _paris(at: datetime | None) -> str:
    return telling.short_time(instant(at) if at else None)


def names(config: Config) -> Sequence[str]:
    """Of the schedules."""
    return [one.name for one in config.schedules]


def _short(text: str) -> str:
    """A text of the catalogue without what it would quote: its first words say which cause it is."""
    first = re.split(r"\s?[;:]\s|\. ", re.sub(r"\s*\([^()]*{[^()]*\)", "", text))[0]
    return re.sub(r"{[^}]*}", "…", first).rstrip(".")


def _known(config: Config, name: str) -> None:
    if name not in names(config):
        raise Fault("FLX-I191", name=name, known=", ".join(names(config)) or "–")


def _coming(one: Planned) -> dict[str, Any]:
    return {"at": instant(one.at), "why": one.why or None, "label": one.label or None}


def _mail(one: Mailing) -> dict[str, Any] | None:
    if not one.state:
        return None
    return {"state": one.state, "attempts": one.attempts, "due_at": instant(one.due_at) if one.due_at else None, "problem": one.problem or None}
