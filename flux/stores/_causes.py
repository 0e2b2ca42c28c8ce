"""
Causes, in SQL: counted in the transaction that decides or holds, read by ``flux causes``, and told to whoever re-injects.

What nothing refuses costs nothing here. A group of decisions costs a few statements whatever its size: what is counted is looked up together, then
written back. Bounded: a code has PLACES places a partner, whatever a document names; what stands elsewhere is counted as one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, TypeAlias, TypeVar

import orjson
from msgspec import Struct
from sqlalchemy import Connection, Select, bindparam, func, insert, select, tuple_, update

from flux.cause import ELSEWHERE, EXAMPLES, TREND_DAYS, Blamed, Cause, Example, Met, Sought, met_as_told
from flux.model import FlowVerdict, VerdictKind
from flux.stores import _schema as t
from flux.stores._reading import chunks
from flux.stores._writing import TOGETHER, Writing
from flux.when import day_of, instant, moment, span_of

PLACES = 200     # of one code and partner that are kept apart
_KEYS = 200      # keys of several values in one IN (...)
_DONE, _UNTIL = "causes_done", "causes_until"  # of the journal's lines before causes were kept: how far they are counted, and the last
T = TypeVar("T")
Key: TypeAlias = "tuple[str, str, str, int]"   # partner, code, place, ours


class Noted(Struct, frozen=True):
    """What was met, by whom and when. pack: the rules."""

    partner: str
    flow: str
    at: datetime
    pack: str
    met: Met
    ours: bool = False


def note(connection: Connection, noted: Iterable[Noted]) -> None:
    """Count these, in the transaction that records what they were met in: some at a time, never a piece in two parts."""
    some: list[Noted] = []
    for _, of_one in groupby(noted, key=lambda one: (one.flow, one.met.ordinal)):
        some += of_one
        if len(some) >= TOGETHER:
            _count(connection, some)
            some = []
    if some:
        _count(connection, some)


def _count(connection: Connection, noted: Sequence[Noted]) -> None:
    keys = _kept_apart(connection, noted)
    rows = _rows(connection, set(keys))
    days: Counter[tuple[str, int]] = Counter()
    refusals = []
    counted = {(one.flow, one.met.ordinal, key): one for one, key in zip(noted, keys, strict=True)}  # once a piece, also where places are put together
    for (_, _, key), one in counted.items():
        row, at = rows[key], moment(one.at)
        row["count"] += 1
        row["first"] = min(row["first"] or at, at)
        row["last"] = max(row["last"], at)
        row["pack"] = row["pack"] or one.pack
        days[day_of(one.at).isoformat(), row["id"]] += 1
        refusals.append({"cause": row["id"], "flow": one.flow, "ordinal": one.met.ordinal, "alone": int(one.met.alone), "at": at})
    changed = [{**{name: row[name] for name in ("count", "first", "last", "pack")}, "k": row["id"]} for row in rows.values()]
    connection.execute(update(t.cause).where(t.cause.c.id == bindparam("k")), changed)
    _add_days(connection, days)
    connection.execute(insert(t.refusal), refusals)


def refused_by(code: str) -> Select[Any]:
    """The pieces that this code refused, alone or not, as (flow, ordinal): a part of another query."""
    return select(t.refusal.c.flow, t.refusal.c.ordinal).join(t.cause, t.cause.c.id == t.refusal.c.cause).where(t.cause.c.code == code)


def counted(connection: Connection) -> bool:
    """Whether the causes of everything that was decided are counted."""
    done, until = _marks(connection)
    return done >= until


class Causes(Writing):
    """The part of the ledger that knows causes."""

    def causes(self, sought: Sought, today: date) -> tuple[list[Cause], int]:
        """The causes that fit, the most frequent first, and how much all of them, with those beyond the limit, come to."""
        cause, day = t.cause.c, t.cause_day.c
        count: Any = cause.count
        query: Select[Any] = select(t.cause).where(*_fitting(sought))
        if sought.since:
            within = select(day.cause, func.sum(day.count).label("many")).where(day.day >= sought.since.isoformat()).group_by(day.cause).subquery()
            count = within.c.many
            query = query.join(within, within.c.cause == cause.id)
        with self._read() as connection:
            total = connection.scalar(query.with_only_columns(func.coalesce(func.sum(count), 0), maintain_column_froms=True))
            found = connection.execute(query.add_columns(count.label("many")).order_by(count.desc(), cause.id).limit(sought.limit)).all()
            trend = _trend(connection, [row.id for row in found], today)
            examples = {row.id: _examples(connection, row.id) for row in found}
        return [_cause(row, trend.get(row.id, {}), today, examples[row.id]) for row in found], int(total or 0)

    def blamed(self, sought: Sought, *, alone: bool = False) -> list[Blamed]:
        """The pieces and flows behind causes, the newest first; *alone*: those only that no other code refused."""
        row, cause = t.refusal.c, t.cause.c
        query = (
            select(row.flow, row.ordinal, row.at, row.alone, cause.code, cause.place, cause.partner, t.piece.c.number, t.piece.c.supplier)
            .join(t.cause, cause.id == row.cause)
            .outerjoin(t.piece, (t.piece.c.flow == row.flow) & (t.piece.c.ordinal == row.ordinal))
            .where(*_fitting(sought))
            .order_by(row.at.desc(), row.seq.desc())
            .limit(sought.limit)
        )
        if sought.since:
            query = query.where(row.at >= moment(span_of(sought.since)[0]))
        if alone:
            query = query.where(row.alone == 1)
        with self._read() as connection:
            return [
                Blamed(r.flow, r.ordinal, r.code, r.place, r.partner, instant(r.at), bool(r.alone), r.number or "", r.supplier or "")
                for r in connection.execute(query)
            ]

    def alone(self, code: str, since: date | None = None, partner: str = "") -> list[tuple[str, int]]:
        """Exactly the pieces that this code alone refused, as (flow, ordinal), in the order in which they were decided; ordinal 0: a flow whole."""
        row = t.refusal.c
        query = select(row.flow, row.ordinal).join(t.cause, t.cause.c.id == row.cause).where(*_fitting(Sought(partner, code)), row.alone == 1)
        if since:
            query = query.where(row.at >= moment(span_of(since)[0]))
        with self._read() as connection:
            found = connection.execute(query.order_by(row.at, row.seq))
            return list(dict.fromkeys((r.flow, r.ordinal) for r in found))  # one code at two places is one piece

    def count_causes(self, most: int) -> int:
        """
        Count the causes of *most* decisions that were recorded before causes were kept: a ledger of version 2 that was brought over.

        Along the journal, whose numbers say exactly what was before. Gives how many of its lines are left.
        """
        if not self.uncounted():
            return 0
        with self._write() as connection:
            done, until = _marks(connection)
            if done >= until:
                return 0
            event = t.event.c
            query = select(t.event).where(event.seq > done, event.seq <= until, event.what.in_(("decided", "held"))).order_by(event.seq).limit(most)
            events = connection.execute(query).all()
            note(connection, list(_of_before(connection, events)))
            done = events[-1].seq if len(events) == most else until
            connection.execute(update(t.meta).where(t.meta.c.key == _DONE), {"value": str(done)})
        return until - done

    def uncounted(self) -> int:
        """How many lines of the journal are older than the causes, and not yet looked at."""
        with self._read() as connection:
            done, until = _marks(connection)
        return until - done


def _marks(connection: Connection) -> tuple[int, int]:
    found = {row.key: int(row.value) for row in connection.execute(select(t.meta).where(t.meta.c.key.in_((_DONE, _UNTIL))))}
    return found.get(_DONE, 0), found.get(_UNTIL, 0)


def _of_before(connection: Connection, events: Sequence[Any]) -> Iterator[Noted]:
    """What these lines of the journal met, as it was told then."""
    flows = {row.id: row for row in connection.execute(select(t.flow).where(t.flow.c.id.in_({event.flow for event in events})))}
    for event in events:
        row, at = flows[event.flow], instant(event.at)
        if event.what == "held":
            code = event.detail.split(" ")[1]  # "3/3 FLX-I66 detail=…"
            yield Noted(row.partner, row.id, at, "", Met(0, code, "", alone=True), ours=True)
        elif row.verdict in (FlowVerdict.REJECTED, FlowVerdict.PARTIAL):
            whole = met_as_told(0, orjson.loads(row.told), sole=True)
            refused = select(t.piece.c.ordinal, t.piece.c.told).where(t.piece.c.flow == row.id, t.piece.c.verdict == VerdictKind.REJECTED)
            pieces = (m for p in connection.execute(refused) for m in met_as_told(p.ordinal, orjson.loads(p.told)["findings"], sole=not whole))
            yield from (Noted(row.partner, row.id, at, row.pack, one) for one in (*whole, *pieces))


def _kept_apart(connection: Connection, noted: Sequence[Noted]) -> list[Key]:
    """The cause of each: at its own place, unless its code has so many already with this partner."""
    keys: list[Key] = [(one.partner, one.met.code, one.met.place, int(one.ours)) for one in noted]
    new = set(keys) - set(_found(connection, set(keys)))
    if not new:
        return keys
    row, moved = t.cause.c, set[Key]()
    pairs = {key[:2] for key in new}
    taken = Counter[tuple[str, ...]]()
    for some in chunks(sorted(pairs), _KEYS):
        counted = select(row.partner, row.code, func.count().label("many")).where(tuple_(row.partner, row.code).in_(some)).group_by(row.partner, row.code)
        taken.update({(r.partner, r.code): r.many for r in connection.execute(counted)})
    for key in sorted(new):
        taken[key[:2]] += 1
        if taken[key[:2]] > PLACES:
            moved.add(key)
    return [(key[0], key[1], ELSEWHERE, key[3]) if key in moved else key for key in keys]


def _found(connection: Connection, keys: Iterable[Key]) -> dict[Key, dict[str, Any]]:
    row = t.cause.c
    found: dict[Key, dict[str, Any]] = {}
    for some in chunks(sorted(keys), _KEYS):
        query = select(t.cause).where(tuple_(row.partner, row.code, row.place, row.ours).in_(some))
        found |= {(r["partner"], r["code"], r["place"], r["ours"]): dict(r) for r in connection.execute(query).mappings()}
    return found


def _rows(connection: Connection, keys: set[Key]) -> dict[Key, dict[str, Any]]:
    """The row of each cause, made where there is none."""
    found = _found(connection, keys)
    if new := sorted(keys - found.keys()):
        blank = {"count": 0, "first": "", "last": "", "pack": ""}
        connection.execute(insert(t.cause), [{"partner": k[0], "code": k[1], "place": k[2], "ours": k[3], **blank} for k in new])
        found |= _found(connection, new)
    return found


def _add_days(connection: Connection, days: Counter[tuple[str, int]]) -> None:
    row, known = t.cause_day.c, dict[tuple[str, int], int]()
    for some in chunks(sorted(days), _KEYS):
        query = select(row.day, row.cause, row.count.label("many")).where(tuple_(row.day, row.cause).in_(some))
        known |= {(r.day, r.cause): r.many for r in connection.execute(query)}
    if new := [{"day": day, "cause": id_, "count": many} for (day, id_), many in days.items() if (day, id_) not in known]:
        connection.execute(insert(t.cause_day), new)
    if more := [{"d": day, "k": id_, "many": many + days[day, id_]} for (day, id_), many in known.items()]:
        connection.execute(update(t.cause_day).where(row.day == bindparam("d"), row.cause == bindparam("k")).values(count=bindparam("many")), more)


def _fitting(sought: Sought) -> Iterator[Any]:
    row = t.cause.c
    if sought.partner:
        yield row.partner == sought.partner
    if sought.code:
        yield row.code == sought.code
    if sought.ours is not None:
        yield row.ours == int(sought.ours)


def _trend(connection: Connection, ids: Sequence[int], today: date) -> dict[int, dict[str, int]]:
    """By cause, how often on each of the last days."""
    row, found = t.cause_day.c, dict[int, dict[str, int]]()
    since = (today - timedelta(days=2 * TREND_DAYS - 1)).isoformat()
    for some in chunks(ids):
        query = select(row.day, row.cause, row.count.label("many")).where(row.cause.in_(some), row.day >= since, row.day <= today.isoformat())
        for r in connection.execute(query):
            found.setdefault(r.cause, {})[r.day] = r.many
    return found


def _examples(connection: Connection, cause: int) -> tuple[Example, ...]:
    """Where it was met last."""
    row, piece = t.refusal.c, t.piece.c
    query = (
        select(row.flow, row.ordinal, piece.number)
        .outerjoin(t.piece, (piece.flow == row.flow) & (piece.ordinal == row.ordinal))
        .where(row.cause == cause)
        .order_by(row.at.desc(), row.seq.desc())
        .limit(EXAMPLES)
    )
    return tuple(Example(r.flow, r.ordinal, r.number or "") for r in connection.execute(query))


def _cause(row: Any, days: dict[str, int], today: date, examples: tuple[Example, ...]) -> Cause:  # noqa: ANN401 - a database row
    last = [(today - timedelta(days=back)).isoformat() for back in reversed(range(2 * TREND_DAYS))]
    return Cause(
        row.id, row.code, row.place, row.partner, bool(row.ours), int(row.many), instant(row.first), instant(row.last), row.pack,
        tuple(days.get(day, 0) for day in last), examples,
    )  # fmt: skip
