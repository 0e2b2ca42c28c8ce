"""
What is in doubt after a restore, in SQL: whatever this ledger would do, or would let a person do, that its original may have done since the backup.

A flow or a delivery is known by its id and its key, a run by its number: ``run/12``, ``mail/12``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, insert, select, update

from flux.keeping import Doubt
from flux.model import STUCK, EmissionState, Event, Plumbing
from flux.runs.book import OPEN, RunState
from flux.stores import _schema as t
from flux.stores._chain import append
from flux.stores._writing import Writing

_RUN: ColumnElement[str] = "run/" + t.run.c.seq.cast(t.doubt.c.item.type)
_MAIL: ColumnElement[str] = "mail/" + t.run.c.seq.cast(t.doubt.c.item.type)
_WHERE: Mapping[str, tuple[Table, ColumnElement[str], ColumnElement[bool]]] = {  # by kind: its table, its name, and what is in doubt; in this order it is told
    "flow": (t.flow, t.flow.c.id, t.flow.c.state.in_((Plumbing.RECEIVED, Plumbing.PROCESSING))),
    "held": (t.flow, t.flow.c.id, t.flow.c.state.in_(STUCK)),
    "emission": (t.emission, t.emission.c.key, t.emission.c.state != EmissionState.EMITTED),
    "run": (t.run, _RUN, t.run.c.state.in_((RunState.OWED, *OPEN))),
    "mail": (t.run, _MAIL, t.run.c.mail == "owed"),
}


class Doubts(Writing):
    """The part of the ledger that knows what its original may have done."""

    def doubt(self, event: Event) -> list[Doubt]:
        """A restored ledger: what was owed, held or under way is in doubt from now on, and no re-injection goes on; the journal says so."""
        with self._write() as connection:
            connection.execute(delete(t.doubt))
            for kind, (_, name, doubtful) in _WHERE.items():
                if rows := [{"item": item, "kind": kind} for item in connection.scalars(select(name).where(doubtful))]:
                    connection.execute(insert(t.doubt), rows)
            unfinished = t.reinjection.c.state.in_(("PREVIEWED", "RUNNING", "PAUSED"))
            ended = connection.scalars(select(t.reinjection.c.id).where(unfinished).order_by(t.reinjection.c.seq)).all()
            connection.execute(update(t.reinjection).where(unfinished), {"state": "ABORTED"})
            append(connection, [event, *(Event(id_, "reinjection", event.at, event.who, detail="ABORTED restored") for id_ in ended)])
        return self.doubts()

    def doubts(self) -> list[Doubt]:
        """What nobody decided yet: flows, what is held, what is owed, runs and their mails, each in its order."""
        with self._read() as connection:
            return list(_doubts(connection))

    def settle(self, items: Iterable[str], event: Callable[[Doubt], Event], reason: str, *, sent: bool) -> int:
        """
        Decide these: *sent*, they are done as far as this ledger is concerned, a flow under way held; else the loops do them again.

        Each has its line. Gives how many are left undecided.
        """
        wanted = set(items)
        with self._write() as connection:
            chosen = [one for one in _doubts(connection) if one.item in wanted]
            events = [event(one) for one in chosen]
            for one in chosen:
                if values := _values(one.kind, reason, sent=sent):
                    table, name, doubtful = _WHERE[one.kind]
                    connection.execute(update(table).where(name == one.item, doubtful), values)
                connection.execute(delete(t.doubt).where(t.doubt.c.item == one.item))
            append(connection, [*events, *_closed(connection, chosen, events)])
            return len(connection.execute(select(t.doubt.c.item)).all())


def _doubts(connection: Connection) -> Iterator[Doubt]:
    for kind, (table, name, _) in _WHERE.items():
        for row in connection.execute(select(table, name.label("item")).join(t.doubt, t.doubt.c.item == name).where(t.doubt.c.kind == kind).order_by(table.c.seq)):
            yield Doubt(row.item, kind, *_told(kind, row))


def _told(kind: str, row: Any) -> tuple[str, str]:  # noqa: ANN401 - a database row
    """Under what the journal keeps it, and its name for a person."""
    if kind in ("run", "mail"):
        return f"schedule/{row.schedule}", f"{row.schedule} n° {row.seq}, {row.planned}"
    if kind == "emission":
        return row.flow, f"{row.target}/{row.name}"
    return row.id, f"{row.partner}/{row.name.decode('utf-8', 'backslashreplace')}"


def _values(kind: str, reason: str, *, sent: bool) -> dict[str, str]:
    """What its row becomes. What is held stays so, run and mail go on, where the original has not done it."""
    if sent:
        return {
            "flow": {"state": Plumbing.HELD, "owner": "", "reason": reason}, "held": {"reason": reason},
            "emission": {"state": EmissionState.EMITTED, "problem": ""}, "run": {"state": RunState.SKIPPED, "why": "restored"},
            "mail": {"mail": "sent", "mail_problem": ""},
        }[kind]  # fmt: skip
    again = {"flow": {"state": Plumbing.RECEIVED, "owner": ""}, "emission": {"state": EmissionState.PENDING, "problem": ""}}  # what is PENDING is staged anew
    return again.get(kind, {})


def _closed(connection: Connection, chosen: Sequence[Doubt], events: Sequence[Event]) -> list[Event]:
    """Flows that owe nothing more, now that these are settled."""
    flows = {one.flow: event for one, event in zip(chosen, events, strict=True) if one.kind == "emission"}
    still = set(connection.scalars(select(t.emission.c.flow).where(t.emission.c.flow.in_(flows), t.emission.c.state != EmissionState.EMITTED)))
    decided = set(connection.scalars(select(t.flow.c.id).where(t.flow.c.id.in_(flows.keys() - still), t.flow.c.state == Plumbing.DECIDED)))
    connection.execute(update(t.flow).where(t.flow.c.id.in_(decided)), {"state": Plumbing.CLOSED})
    return [Event(flow, "closed", flows[flow].at, flows[flow].who) for flow in sorted(decided)]
