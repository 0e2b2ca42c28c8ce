"""The runs in SQL: what was planned, what is under way, what it saw, and when a flux was running at all."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from msgspec.structs import replace
from sqlalchemy import Connection, and_, delete, exists, func, insert, null, select, tuple_, update

from flux.model import STUCK, EmissionState, Event, FlowVerdict, Plumbing, Severity, VerdictKind, shown
from flux.runs.book import OPEN, Anchor, FlowSeen, Mailing, NewRun, Run, RunState, Seen, Span, Stalled, nothing
from flux.stores import _schema as t
from flux.stores._chain import append
from flux.stores._reading import chunks
from flux.stores._writing import Writing
from flux.when import instant, moment

_PIECE = "piece"  # kind of the emission of a routed piece
BEAT = timedelta(minutes=1)  # between two signs of life of a flux that runs
_GAP = timedelta(minutes=15)  # without one for so long, nobody was running: a restart is no outage


class Runs(Writing):
    """The part of the ledger that knows schedules and their runs."""

    # -- planning ---------------------------------------------------------------------------------------------------------------------

    def anchor(self, schedule: str) -> Anchor | None:
        """How far this schedule was planned; None when it was never seen."""
        return next((one for one in self.anchors() if one.schedule == schedule), None)

    def anchors(self) -> Sequence[Anchor]:
        """Every schedule that was ever planned."""
        with self._read() as connection:
            return [Anchor(r.name, r.cron, instant(r.until), r.first, instant(r.since)) for r in connection.execute(select(t.schedule))]

    def plan(self, anchor: Anchor, rows: Sequence[NewRun], events: Sequence[Event]) -> int:
        """
        Write these rows, but those whose (schedule, instant) has one already, and how far the schedule is planned now. Gives how many are new.

        *events*: one a row, for the journal; only those of new rows are written. What was skipped of instants that lie behind *anchor* is still to
        come, since the clock went back: those rows go, the journal keeps that they were there.
        """
        still_to_come = (t.run.c.schedule == anchor.schedule, t.run.c.planned > moment(anchor.until), t.run.c.state == RunState.SKIPPED)
        with self._write() as connection:
            if many := connection.execute(delete(t.run).where(*still_to_come)).rowcount:
                append(connection, [Event(f"schedule/{anchor.schedule}", "run_restored", anchor.until, "flux", detail=f"{many}, the clock went back")])
            known = set(_known(connection, anchor.schedule, [moment(row.planned) for row in rows]))
            new = [(row, event) for row, event in zip(rows, events, strict=True) if moment(row.planned) not in known]
            if new:
                connection.execute(insert(t.run), [_new_row(row, event.at) for row, event in new])
                append(connection, [event for _, event in new])
            row = {"cron": anchor.cron, "until": moment(anchor.until)}
            if not connection.execute(update(t.schedule).where(t.schedule.c.name == anchor.schedule), row).rowcount:
                connection.execute(insert(t.schedule), {**row, "name": anchor.schedule, "first": anchor.first, "since": moment(anchor.since)})
            return len(new)

    def ask(self, row: NewRun, event: Event) -> int:
        """A run that a person asks for. Gives its number; two people in the same microsecond asked for the same run."""
        with self._write() as connection:
            if seq := connection.scalar(select(t.run.c.seq).where(t.run.c.schedule == row.schedule, t.run.c.planned == moment(row.planned))):
                return int(seq)
            (seq,) = connection.execute(insert(t.run).values(_new_row(row, event.at))).inserted_primary_key or (0,)
            append(connection, [event])
            return int(seq)

    def change(self, run: Run, before: RunState, event: Event | None = None) -> bool:
        """Write this run as it stands now, if it still is in the state *before*. False: somebody else changed it."""
        with self._write() as connection:
            done = connection.execute(update(t.run).where(t.run.c.seq == run.seq, t.run.c.state == before), _changed_row(run)).rowcount == 1
            if done and event:
                append(connection, [event])
            return done

    # -- what there is to do ----------------------------------------------------------------------------------------------------------

    def unfinished(self) -> Sequence[Run]:
        """The runs that are owed or under way, by number."""
        return self._runs(select(t.run).where(t.run.c.state.in_((RunState.OWED, *OPEN))).order_by(t.run.c.seq))

    def last_flow(self) -> int:
        """The number of the newest flow; 0 when there is none."""
        with self._read() as connection:
            return connection.scalar(select(func.max(t.flow.c.seq))) or 0

    def before(self, schedule: str, *, by_hand: bool) -> Run | None:
        """The newest run of this schedule whose flows are fixed; with those by hand, or without. By its flows: a clock may have gone back."""
        query = select(t.run).where(t.run.c.schedule == schedule, t.run.c.taken_at.is_not(None)).order_by(t.run.c.last.desc(), t.run.c.seq.desc())
        return next(iter(self._runs((query if by_hand else query.where(t.run.c.how != "hand")).limit(1))), None)

    def waiting(self, span: Span, stalled: Stalled = nothing) -> int:
        """How many flows of a span are neither brought to their end nor held, nor stopped by deliveries that failed or cannot be tried now."""
        e, flow = t.emission.c, t.flow.c
        owed = and_(e.flow == flow.id, e.state != EmissionState.EMITTED, e.problem == "")
        here = (*_in(span), flow.state.not_in((Plumbing.CLOSED, *STUCK)))
        with self._read() as connection:
            leading = connection.execute(select(e.target, e.kind).distinct().join_from(t.flow, t.emission, owed).where(*here)).all()
            held_up = [(row.target, row.kind) for row in leading if stalled(row.target, row.kind)]
            moving = exists().where(owed, tuple_(e.target, e.kind).not_in(held_up)) if held_up else exists().where(owed)
            return connection.scalar(select(func.count()).select_from(t.flow).where(*here, ~and_(flow.state == Plumbing.DECIDED, ~moving))) or 0

    def mails(self, now: datetime) -> Sequence[Run]:
        """Runs whose mail is owed and due."""
        return self._runs(select(t.run).where(t.run.c.mail == "owed", t.run.c.mail_due_at <= moment(now)).order_by(t.run.c.seq))

    # -- what a run saw ---------------------------------------------------------------------------------------------------------------

    def seen(self, span: Span) -> Seen:
        """What the ledger holds of a span."""
        here, e = _in(span), t.emission.c
        # A count a flow, each by its own index: a join with GROUP BY has SQLite walk through every piece there ever was.
        odd = _many(t.piece, t.piece.c.flow, t.piece.c.verdict == VerdictKind.NOT_EVALUATED)
        routed, owed = _many(t.emission, e.flow, e.kind == _PIECE), _many(t.emission, e.flow, e.state != EmissionState.EMITTED)
        counts: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
        flows = []
        with self._read() as connection:
            for row in connection.execute(select(t.flow, odd.label("odd"), routed.label("routed"), owed.label("owed")).where(*here).order_by(t.flow.c.seq)):
                flows.append(_flow_seen(row))
                for counted, many in zip(counts, (row.odd, row.routed, row.owed), strict=True):
                    counted[row.partner] += many
            refused = tuple(_refused(connection, here))
        return Seen(tuple(flows), refused, *(dict(+counted) for counted in counts))

    def received_between(self, partner: str, after: datetime, until: datetime) -> tuple[int, int]:
        """Flows and pieces that this partner brought with after < received <= until."""
        when = (t.flow.c.partner == partner, t.flow.c.again == "", t.flow.c.received_at > moment(after), t.flow.c.received_at <= moment(until))
        with self._read() as connection:
            row = connection.execute(select(func.count(), func.coalesce(func.sum(t.flow.c.pieces), 0)).where(*when)).one()
        return int(row[0]), int(row[1])

    def done_before(self, schedule: str, limit: int) -> Sequence[Run]:
        """Runs of this schedule that were planned, on time, and are DONE: the newest first."""
        fit = (t.run.c.schedule == schedule, t.run.c.state == RunState.DONE, t.run.c.how == "planned")
        return self._runs(select(t.run).where(*fit).order_by(t.run.c.planned.desc()).limit(limit))

    def runs(self, *, schedule: str = "", state: str = "", limit: int = 50, whole: bool = False) -> Sequence[Run]:
        """Newest first; with their accounts only where they are asked for *whole*: of a thousand partners one takes half a megabyte."""
        columns = [null().label("told") if c is t.run.c.told and not whole else c for c in t.run.c]
        query = select(*columns).order_by(t.run.c.seq.desc()).limit(limit)
        if schedule:
            query = query.where(t.run.c.schedule == schedule)
        if state:
            query = query.where(t.run.c.state == state)
        return self._runs(query)

    def run(self, seq: int) -> Run | None:
        """One run."""
        return next(iter(self._runs(select(t.run).where(t.run.c.seq == seq))), None)

    def _runs(self, query: Any) -> Sequence[Run]:  # noqa: ANN401 - SQLAlchemy's own type says no more
        with self._read() as connection:
            return [_run_of(row) for row in connection.execute(query)]

    # -- when a flux was running ------------------------------------------------------------------------------------------------------

    def watch(self, at: datetime) -> int:
        """A flux begins to run. Gives the number of its row, for still()."""
        with self._write() as connection:
            (seq,) = connection.execute(insert(t.watch).values(began=moment(at), seen=moment(at))).inserted_primary_key or (0,)
        return int(seq)

    def still(self, watch: int, at: datetime) -> None:
        """It still runs. After a pause (the machine slept) a row of its own begins, since nobody was watching meanwhile."""
        with self._write() as connection:
            row = connection.execute(select(t.watch).where(t.watch.c.seq == watch)).one()
            if at - instant(row.seen) > _GAP:
                connection.execute(update(t.watch).where(t.watch.c.seq == watch), {"began": moment(at), "seen": moment(at)})
                connection.execute(insert(t.watch).values(began=row.began, seen=row.seen))
            else:
                connection.execute(update(t.watch).where(t.watch.c.seq == watch), {"seen": max(moment(at), row.seen)})

    def outages(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, datetime]]:
        """When no flux was running between these, as far as the ledger knows: the stretches, in order. What lies before the first row is not known."""
        with self._read() as connection:
            first = connection.scalar(select(func.min(t.watch.c.began)))
            query = select(t.watch).where(t.watch.c.seen >= moment(since - _GAP), t.watch.c.began <= moment(until)).order_by(t.watch.c.began)
            watched = [(instant(row.began), instant(row.seen)) for row in connection.execute(query)]
        if first is None:
            return []
        at, out = max(since, instant(first)), []
        for began, seen in [*watched, (until, until)]:
            if began - at > _GAP:
                out.append((at, began))
            at = max(at, seen)
        return out


def _known(connection: Connection, schedule: str, planned: Sequence[str]) -> Iterator[str]:
    for some in chunks(planned):
        yield from connection.scalars(select(t.run.c.planned).where(t.run.c.schedule == schedule, t.run.c.planned.in_(some)))


def _in(span: Span) -> tuple[Any, ...]:
    """The flows of a span."""
    here = (t.flow.c.seq > span.first, t.flow.c.seq <= span.last)
    # concat: so that it is the numbers that are looked up, and not everything that these partners ever sent.
    return (*here, t.flow.c.partner.concat("").in_(span.partners)) if span.partners else here


def _many(table: Any, flow: Any, which: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's own types say no more
    return select(func.count()).select_from(table).where(flow == t.flow.c.id, which).correlate(t.flow).scalar_subquery()


def _refused(connection: Connection, here: tuple[Any, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    pieces = select(t.flow.c.partner, t.piece.c.told).select_from(t.flow).join(t.piece, t.piece.c.flow == t.flow.c.id)
    for row in connection.execute(pieces.where(*here, t.piece.c.verdict == VerdictKind.REJECTED)):
        yield row.partner, _codes(orjson.loads(row.told).get("findings", ()))


def _codes(findings: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one["code"] for one in findings if one["severity"] == Severity.ERROR))


def _flow_seen(row: Any) -> FlowSeen:  # noqa: ANN401 - a database row
    reason = orjson.loads(row.reason) if row.reason else {}
    codes = _codes(orjson.loads(row.told)) if row.verdict not in ("", FlowVerdict.INTEGRATED) else ()
    return FlowSeen(
        row.id, row.partner, shown(row.name), row.size, row.state, row.verdict, row.pieces, row.accepted, instant(row.received_at),
        instant(row.decided_at) if row.decided_at else None, tuple(reason[name] for name in ("code", "fr", "en")) if reason else (), codes, bool(row.again),
    )  # fmt: skip


def _new_row(row: NewRun, at: datetime) -> dict[str, object]:
    return {
        "schedule": row.schedule, "planned": moment(row.planned), "how": row.how, "who": row.who, "state": row.state, "why": row.why,
        "recorded_at": moment(at),
    }  # fmt: skip


def _changed_row(run: Run) -> dict[str, object]:
    times = {name: moment(at) if (at := getattr(run, name)) else None for name in ("started_at", "taken_at", "ended_at", "deadline", "since")}
    return {
        **times, "state": run.state, "why": run.why, "partners": orjson.dumps(run.partners).decode(), "first": run.first, "last": run.last,
        "told": orjson.dumps(run.told) if run.told is not None else None, "summary": orjson.dumps(run.summary) if run.summary else None, "mail": run.mail.state, "mail_attempts": run.mail.attempts,
        "mail_due_at": moment(run.mail.due_at) if run.mail.due_at else None, "mail_problem": run.mail.problem,
    }  # fmt: skip


def _run_of(row: Any) -> Run:  # noqa: ANN401 - a database row
    times = {name: instant(at) if (at := getattr(row, name)) else None for name in ("recorded_at", "started_at", "taken_at", "ended_at", "deadline", "since")}
    run = Run(
        row.seq, row.schedule, instant(row.planned), row.how, row.who, RunState(row.state), row.why, partners=tuple(orjson.loads(row.partners)),
        first=row.first, last=row.last, told=orjson.loads(row.told) if row.told else None, summary=orjson.loads(row.summary) if row.summary else None,
        mail=Mailing(row.mail, row.mail_attempts, instant(row.mail_due_at) if row.mail_due_at else None, row.mail_problem),
    )  # fmt: skip
    return replace(run, **times)
