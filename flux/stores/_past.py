"""The past, in SQL: what a replay asks of the ledger: which flows were decided in which order, and what was known when. Nothing here writes."""

from datetime import datetime

from sqlalchemy import func, select

from flux.dossier import Ref
from flux.model import FlowVerdict, Plumbing
from flux.stores import _schema as t
from flux.stores._reading import Reading
from flux.when import instant, moment

NEVER = 1 << 62  # the place of what was not decided yet: behind everything


class Past(Reading):
    """The part of the ledger that knows in which order things were decided: the journal's."""

    def past(self, start: datetime, end: datetime, partner: str = "") -> list[tuple[int, str]]:
        """
        The flows received from *start* on and before *end*, by their place in the journal, in the order in which they were decided.

        Those that are held stand behind, at NEVER; those that wait for a first attempt, or are at it, are none of the past; nor are those that were
        given up: no rule decided them.
        """
        flow, event = t.flow.c, t.event.c
        place = func.min(event.seq)
        query = (
            select(flow.id, place.label("place"))
            .outerjoin(t.event, (event.flow == flow.id) & (event.what == "decided"))
            .where(flow.received_at >= moment(start), flow.received_at < moment(end), flow.state.not_in((Plumbing.RECEIVED, Plumbing.PROCESSING)))
            .where(flow.verdict != FlowVerdict.INCIDENT)
            .group_by(flow.id, flow.seq)
            .order_by(func.coalesce(place, NEVER), flow.seq)
        )
        if partner:
            query = query.where(flow.partner == partner)
        with self._read() as connection:
            return [(row.place or NEVER, row.id) for row in connection.execute(query)]

    def decided(self, flow: str) -> tuple[int, datetime | None]:
        """The place of a flow's decision in the journal, NEVER when there is none, and when that was recorded."""
        event = t.event.c
        with self._read() as connection:
            place = connection.scalar(select(func.min(event.seq)).where(event.flow == flow, event.what == "decided"))
            at = connection.scalar(select(t.flow.c.decided_at).where(t.flow.c.id == flow))
        return place or NEVER, instant(at) if at else None

    def moves_before(self, ref: Ref, place: int) -> int:
        """How many steps the piece had made, beside those of its deposit, when the journal stood at *place*."""
        event = t.event.c
        with self._read() as connection:
            steps = select(func.count()).where(event.flow == ref.flow, event.piece == ref.ordinal, event.what == "moved", event.seq < place)
            return connection.scalar(steps) or 0
