"""Re-injections in SQL: what may be taken up, what was asked, and the one transaction that makes some flows of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from msgspec import json
from msgspec.structs import replace
from sqlalchemy import Connection, and_, exists, func, insert, select, tuple_, update

from flux.again import (
    OFFERED,
    Candidate,
    Mark,
    Named,
    Reinjection,
    Results,
    Stage,
    State,
    Turn,
    Unit,
    Wanted,
    Why,
    child_of,
    codes_of,
    marks_of,
)
from flux.keeping import CONTENT
from flux.model import STUCK, Again, Event, Flow, FlowVerdict, Plumbing
from flux.stores import _schema as t
from flux.stores._causes import counted, refused_by
from flux.stores._chain import append
from flux.stores._keeping import gone
from flux.stores._reading import IN, chunks, flow_of
from flux.stores._writing import Writing, take_in
from flux.when import instant, moment, span_of

GROUP = 100  # units made in one transaction, at most

_PURGED = gone(t.flow.c.id, CONTENT).label("purged")
_Family = dict[str, frozenset[int] | None]  # by flow, the ordinals that are meant, None for all


class Reinjections(Writing):
    """The part of the ledger that knows what was taken up again."""

    # -- what may be taken up -------------------------------------------------------------------------------------------------------------

    def candidates(self, wanted: Wanted) -> list[Candidate]:
        """
        What fits, in order of reception; of what was named also that which may not be taken up, with why.

        A filter finds only the last of each line: of a piece that was refused again, the one that was refused last.
        """
        with self._read() as connection:
            family = _family(connection, wanted.named)
            found = [*_pieces(connection, wanted, family), *_flows(connection, wanted, family)]
        found.sort(key=lambda pair: (pair[0], pair[1].ordinal))
        fitting = (one for _, one in found if wanted.fits(one.codes))
        return [replace(one, why="") if one.why is Why.SAME and (wanted.again or wanted.named) else one for one in fitting]

    # -- its life -------------------------------------------------------------------------------------------------------------------------

    def preview(self, asked: Reinjection, units: Sequence[Unit], event: Event) -> bool:
        """A preview is kept; False where this id has one already, which stays."""
        with self._write() as connection:
            if connection.scalar(select(t.reinjection.c.id).where(t.reinjection.c.id == asked.id)):
                return False
            connection.execute(insert(t.reinjection), {**_row(asked), "at": moment(asked.at)})
            rows = [
                {"reinjection": asked.id, "parent": unit.parent, "n": n, "stage": unit.stage, "kept": json.encode(unit).decode()}
                for n, unit in enumerate(units)
            ]  # fmt: skip
            if rows:
                connection.execute(insert(t.reinjection_unit), rows)
            append(connection, [event])
        return True

    def reinjection(self, id_: str) -> Reinjection | None:
        """The one with this id, or with an id of which this is a part that no other has."""
        row = t.reinjection.c
        with self._read() as connection:
            found = connection.execute(select(t.reinjection).where(row.id == id_)).all()
            found = found or connection.execute(select(t.reinjection).where(row.id.contains(id_, autoescape=True)).limit(2)).all()
        return _reinjection(found[0]) if len(found) == 1 else None

    def reinjections(self, limit: int) -> list[Reinjection]:
        """The newest first."""
        with self._read() as connection:
            return [_reinjection(row) for row in connection.execute(select(t.reinjection).order_by(t.reinjection.c.seq.desc()).limit(limit))]

    def turn(self, id_: str, before: Iterable[State], after: Reinjection, event: Event) -> bool:
        """Bring it from one of these states to that of *after*, with its second person and its rate; False when it is in none of them."""
        here = (t.reinjection.c.id == id_, t.reinjection.c.state.in_([*before]))
        with self._write() as connection:
            done = connection.execute(update(t.reinjection).where(*here), {"state": after.state, "second": after.second, "rate": after.rate})
            if done.rowcount:
                append(connection, [event])
            return bool(done.rowcount)

    def units(self, id_: str) -> list[Unit]:
        """What it takes up, in order."""
        row = t.reinjection_unit.c
        with self._read() as connection:
            return [_unit(one) for one in connection.execute(select(t.reinjection_unit).where(row.reinjection == id_).order_by(row.n))]

    def make(self, id_: str, most: int, now: datetime, new_id: Callable[[], str]) -> Turn:
        """
        Make flows of the next units, up to *most* pieces but one unit at least, in one transaction; nothing unless it is RUNNING.

        A kill leaves them made or waiting; whoever makes the same at once waits for the lock, and finds them made.
        """
        row = t.reinjection_unit.c
        with self._write() as connection:
            found = connection.execute(select(t.reinjection).where(t.reinjection.c.id == id_)).one()
            asked = _reinjection(found)
            waiting = select(t.reinjection_unit).where(row.reinjection == id_, row.stage == Stage.WAITS).order_by(row.n)
            units = [_unit(one) for one in connection.execute(waiting.limit(GROUP))] if asked.state is State.RUNNING else []
            pieces = done = 0
            for unit in units:
                if done and pieces + unit.count > most:
                    break
                made = _made(connection, asked, unit, now, new_id)
                values = {"stage": made.stage, "child": made.child, "kept": json.encode(made).decode()}
                connection.execute(update(t.reinjection_unit).where(row.reinjection == id_, row.parent == unit.parent), values)
                pieces, done = pieces + (made.count if made.stage is Stage.MADE else 0), done + 1
            left = connection.scalar(select(func.count()).select_from(waiting.subquery())) or 0
            if asked.state is State.RUNNING and not left:
                connection.execute(update(t.reinjection).where(t.reinjection.c.id == id_), {"state": State.DONE})
                append(connection, [Event(id_, "reinjection", now, asked.by, detail=State.DONE.value)])
                asked = replace(asked, state=State.DONE)
        return Turn(asked.state, pieces, done, left)

    def refused(self, id_: str) -> list[Candidate]:
        """The pieces that were refused of what it took up."""
        unit = t.reinjection_unit.c
        query = select(t.flow).join(t.reinjection_unit, unit.child == t.flow.c.id).where(unit.reinjection == id_)
        with self._read() as connection:
            return _refused_of(connection, connection.execute(query).all())

    def results(self, id_: str) -> Results:
        """What became of it so far."""
        units = self.units(id_)
        stages = [unit.stage for unit in units]
        children = [unit for unit in units if unit.child]
        told = Results(stages.count(Stage.MADE), stages.count(Stage.SKIPPED), stages.count(Stage.WAITS))
        with self._read() as connection:
            rows = {row.id: row for ids in chunks(unit.child for unit in children) for row in connection.execute(select(t.flow).where(t.flow.c.id.in_(ids)))}
            lost = _refused_of(connection, rows.values())
        return replace(
            told, accepted=sum(row.accepted for row in rows.values()), refused=len(lost), same=sum(one.why is Why.SAME for one in lost),
            open=sum(unit.count for unit in children if not rows[unit.child].verdict), held=sum(row.state in STUCK for row in rows.values()),
        )  # fmt: skip


def _refused_of(connection: Connection, rows: Iterable[Any]) -> list[Candidate]:
    """What was refused of these flows, whatever became of it since; why is same where it was refused for the same cause as before."""
    refused = dict.fromkeys((row.id for row in rows if row.verdict and row.accepted < max(row.pieces, 1)), None)
    if not refused:
        return []
    found = [*_pieces(connection, Wanted(), refused, of_named=False), *_flows(connection, Wanted(), refused, of_named=False)]
    return [one for _, one in sorted(found, key=lambda pair: (pair[0], pair[1].ordinal)) if one.marks]


def _row(asked: Reinjection) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in ("id", "by", "second", "reason", "asked", "count", "rate", "state")}


def _reinjection(row: Any) -> Reinjection:  # noqa: ANN401 - a database row
    return Reinjection(row.id, row.by, row.reason, row.asked, row.count, instant(row.at), State(row.state), row.second, row.rate)


def _unit(row: Any) -> Unit:  # noqa: ANN401 - a database row
    return replace(json.decode(row.kept, type=Unit), stage=Stage(row.stage), child=row.child)


# -- making ----------------------------------------------------------------------------------------------------------------------------------


def _made(connection: Connection, asked: Reinjection, unit: Unit, now: datetime, new_id: Callable[[], str]) -> Unit:
    """The unit, made or skipped, with its lines of the journal."""
    if unit.held:
        return _released(connection, asked, unit, now)
    claims = unit.ordinals or (0,)
    taken = connection.scalars(select(t.reinjected.c.ordinal).where(t.reinjected.c.parent == unit.parent, t.reinjected.c.ordinal.in_(claims))).all()
    left = tuple(n for n in claims if n not in set(taken))
    purged = connection.scalar(select(exists().where(t.purge.c.flow == unit.parent, t.purge.c.what == CONTENT)))
    if not left or (purged and unit.corrected is None):
        return replace(unit, stage=Stage.SKIPPED)
    row = connection.execute(select(t.flow).where(t.flow.c.id == unit.parent)).one()
    parent, child = flow_of(row), new_id()
    report = select(t.emission.c.name).where(t.emission.c.flow == unit.parent, t.emission.c.kind == "integration").order_by(t.emission.c.seq).limit(1)
    replaced = (connection.scalar(report) or "").rpartition(".")[0]
    again = child_of(unit, tuple(n for n in left if n), parent.again, row.pieces, asked.id, replaced)
    new = Flow(child, parent.partner, parent.name, parent.sha256, parent.size, now, mode=parent.mode, depositor=parent.depositor, again=again)
    if (file := unit.corrected) is not None:
        new = replace(new, name=file.name, sha256=file.sha256, size=file.size)
    take_in(connection, [new])
    connection.execute(insert(t.reinjected), [{"parent": unit.parent, "ordinal": n, "child": child} for n in left])
    which = f" pieces={','.join(map(str, again.pieces))}" if again.pieces else ""
    append(connection, [
        Event(unit.parent, "reinjected", now, asked.by, detail=f"{child}{which} {_why(asked)}"),
        Event(child, "received", now, asked.by, detail=f"{new.size} B, sha256 {new.sha256}, {asked.id} {unit.parent}{which}"),
    ])  # fmt: skip
    return replace(unit, ordinals=tuple(n for n in left if n), stage=Stage.MADE, child=child)


def _released(connection: Connection, asked: Reinjection, unit: Unit, now: datetime) -> Unit:
    """A held flow gets a new budget of attempts, unless it is held no more. Its journal has every attempt before."""
    here = (t.flow.c.id == unit.parent, t.flow.c.state.in_(STUCK))
    values = {"state": Plumbing.RECEIVED, "attempt": 0, "due_at": moment(now), "reason": "", "owner": ""}
    if not connection.execute(update(t.flow).where(*here), values).rowcount:
        return replace(unit, stage=Stage.SKIPPED)
    append(connection, [Event(unit.parent, "released", now, asked.by, detail=_why(asked))])
    return replace(unit, stage=Stage.MADE, child=unit.parent)


def _why(asked: Reinjection) -> str:
    return " ".join(filter(None, (asked.id, f"second={asked.second}" if asked.second else "", f"reason={asked.reason}")))


# -- candidates ------------------------------------------------------------------------------------------------------------------------------


def _family(connection: Connection, named: Sequence[Named]) -> _Family:
    """The flows that are meant, with those that took up pieces of them, to the last; by each the ordinals that are meant."""
    family: _Family = {one.flow: frozenset(one.ordinals) or None for one in named}
    edge = [*family]
    while edge:
        query = select(t.reinjected, t.flow.c.again).join(t.flow, t.flow.c.id == t.reinjected.c.child).where(t.reinjected.c.parent.in_(edge[:IN]))
        rows, edge = connection.execute(query).all(), edge[IN:]
        for row in rows:
            meant = family[row.parent]
            if row.ordinal and meant is not None and row.ordinal not in meant:
                continue
            if row.child not in family:
                edge.append(row.child)
            corrected = json.decode(row.again, type=Again).corrected  # another file counts anew
            before = family.get(row.child, frozenset())
            family[row.child] = None if corrected or meant is None or not row.ordinal or before is None else before | {row.ordinal}
    return family


def _span(wanted: Wanted, family: Mapping[str, object] | None) -> list[Any]:
    row = t.flow.c
    asked: list[Any] = []
    if family:
        asked.append(row.id.in_([*family]))
    if wanted.partner:
        asked.append(row.partner == wanted.partner)
    if wanted.since:
        asked.append(row.received_at >= moment(span_of(wanted.since)[0]))
    if wanted.until:
        asked.append(row.received_at < moment(span_of(wanted.until)[1]))
    return asked


def _pieces(connection: Connection, wanted: Wanted, family: Mapping[str, Any], *, of_named: bool = True) -> Iterable[tuple[int, Candidate]]:
    """
    Refused pieces; of what was named the others too, with why they are not taken up.

    By cause: from the index, once the causes of a ledger that was brought over are all counted; before, every refused piece is looked at.
    """
    child = t.flow.alias("child")
    taken = and_(t.reinjected.c.parent == t.piece.c.flow, t.reinjected.c.ordinal == t.piece.c.ordinal)
    query = (
        select(t.piece, t.flow.c.partner, t.flow.c.seq, t.flow.c.again, t.reinjected.c.child, child.c.state.label("child_state"), _PURGED)
        .join(t.flow, t.flow.c.id == t.piece.c.flow).outerjoin(t.reinjected, taken).outerjoin(child, child.c.id == t.reinjected.c.child)
        .order_by(t.flow.c.seq, t.piece.c.ordinal)
    )  # fmt: skip
    if not family:
        query = query.where(t.piece.c.verdict == "rejected", t.reinjected.c.child.is_(None), ~gone(t.flow.c.id, CONTENT))
        if wanted.cause and counted(connection):
            query = query.where(tuple_(t.piece.c.flow, t.piece.c.ordinal).in_(refused_by(wanted.cause)))
    if wanted.number:
        query = query.where(t.piece.c.number == wanted.number)
    for ids in chunks(family) if family else ([],):
        rows = connection.execute(query.where(*_span(wanted, dict.fromkeys(ids)))).all()
        before = _marks_before(connection, rows)
        for row in rows:
            if family and (meant := family[row.flow]) is not None and row.ordinal not in meant:
                continue
            if (one := _piece(row, before, of_named=bool(family) and of_named)) is not None:
                yield row.seq, one


def _piece(row: Any, before: Mapping[tuple[str, int], frozenset[Mark]], *, of_named: bool) -> Candidate | None:  # noqa: ANN401 - a row
    """A piece as a candidate; None for one that needs no word: what came of it is there in its place."""
    if row.verdict != "rejected":
        return Candidate(row.flow, row.ordinal, row.partner, row.number, why=Why.ACCEPTED) if of_named else None
    if row.purged:
        return Candidate(row.flow, row.ordinal, row.partner, row.number, why=Why.PURGED) if of_named else None
    marks = marks_of(orjson.loads(row.told)["findings"])
    why = Why.SAME if marks and before.get((row.flow, row.ordinal)) == marks else ""  # none: what was told is purged
    if row.child and of_named:
        if row.child_state not in (Plumbing.RECEIVED, Plumbing.PROCESSING):
            return None
        why = Why.UNDER_WAY
    return Candidate(row.flow, row.ordinal, row.partner, row.number, codes_of(marks), marks, why=why)


def _marks_before(connection: Connection, rows: Sequence[Any]) -> dict[tuple[str, int], frozenset[Mark]]:
    """By piece of a re-injected flow, the errors that its parent's piece was refused for: of the same bytes, under the same ordinal."""
    lines = {row.flow: json.decode(row.again, type=Again) for row in rows if row.again}
    found: dict[tuple[str, int], frozenset[Mark]] = {}
    children: dict[str, list[str]] = {}
    for flow, again in lines.items():
        if not again.corrected:
            children.setdefault(again.parent, []).append(flow)
    for ids in chunks(children):
        query = select(t.piece.c.flow, t.piece.c.ordinal, t.piece.c.told).where(t.piece.c.flow.in_(ids), t.piece.c.verdict == "rejected")
        for row in connection.execute(query):
            marks = marks_of(orjson.loads(row.told)["findings"])
            found |= {(child, row.ordinal): marks for child in children[row.flow]}
    return found


def _flows(connection: Connection, wanted: Wanted, family: Mapping[str, Any], *, of_named: bool = True) -> Iterable[tuple[int, Candidate]]:
    """Flows of which no piece is known: refused whole, or held; of what was named also those that have nothing to take up, with why."""
    if wanted.number:
        return
    child = t.flow.alias("child")
    taken = and_(t.reinjected.c.parent == t.flow.c.id, t.reinjected.c.ordinal == 0)
    query = (
        select(t.flow, t.reinjected.c.child, child.c.state.label("child_state"), _PURGED)
        .outerjoin(t.reinjected, taken).outerjoin(child, child.c.id == t.reinjected.c.child).order_by(t.flow.c.seq)
    )  # fmt: skip
    if not family:
        whole = and_(t.flow.c.verdict.in_(OFFERED), t.flow.c.pieces == 0, t.reinjected.c.child.is_(None), t.flow.c.duplicate_of == "")
        stuck = and_(t.flow.c.state.in_(STUCK), ~t.flow.c.reason.contains('"FLX-I258"'))  # what the original answered is only taken up by its name
        query = query.where(whole | stuck, ~gone(t.flow.c.id, CONTENT))
    for ids in chunks(family) if family else ([],):
        for row in connection.execute(query.where(*_span(wanted, dict.fromkeys(ids)))).all():
            if (one := _flow(connection, row, of_named=of_named)) is not None:
                yield row.seq, one


def _flow(connection: Connection, row: Any, *, of_named: bool) -> Candidate | None:  # noqa: ANN401 - a row
    """A flow as a candidate; None where its pieces speak for it, or what came of it is there in its place."""
    if row.state in STUCK:
        code = orjson.loads(row.reason)["code"] if row.reason else ""
        return Candidate(row.id, 0, row.partner, "", (code,) if code else (), held=True)
    under_way = row.child_state in (Plumbing.RECEIVED, Plumbing.PROCESSING)
    if row.pieces or (row.again and not row.verdict) or (of_named and row.child and not under_way):
        return None
    if row.purged:
        return Candidate(row.id, 0, row.partner, "", why=Why.PURGED) if of_named else None
    marks, why = marks_of(orjson.loads(row.told)), ""
    if not row.verdict:
        why = Why.UNDECIDED
    elif row.verdict == FlowVerdict.INCIDENT:
        why = Why.INCIDENT
    elif row.duplicate_of:
        why = Why.DUPLICATE
    elif of_named and row.child:
        why = Why.UNDER_WAY
    elif row.again:
        again = json.decode(row.again, type=Again)
        told = connection.scalar(select(t.flow.c.told).where(t.flow.c.id == again.parent))
        why = Why.SAME if marks and not again.corrected and marks_of(orjson.loads(told or b"[]")) == marks else ""
    return Candidate(row.id, 0, row.partner, "", codes_of(marks), marks, why=why)
