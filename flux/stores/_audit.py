"""
Whether the rows of the ledger are those that its journal tells of: the journal line by line, then each flow with all that belongs to it.

What is compared: receipts, decisions, pieces, identities, emissions, acknowledgements and purges with the seals of their lines; standings with
the lines of their steps; where a flow stands with its last line. What no line tells of cannot be found: docs/operations.md lists it.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct, ValidationError
from msgspec.msgpack import Decoder
from sqlalchemy import Column, Table, exists, select

from flux.dossier import Standing
from flux.faults import Fault
from flux.keeping import Audit, Trouble
from flux.lifecycle import OPENING
from flux.model import EmissionState, Event, Plumbing
from flux.owing import moved_event
from flux.stores import _chain, _seal
from flux.stores import _schema as t
from flux.stores._reading import Reading
from flux.stores._standings import standing_row
from flux.when import instant, moment

FLOWS = 200  # read at once
MOST = 100   # troubles that are told

# The last line of a flow, and where the flow may stand then. After a line that is not here anything may be so.
_STANDS = {
    "received": (Plumbing.RECEIVED, Plumbing.PROCESSING), "postponed": (Plumbing.RECEIVED, Plumbing.PROCESSING), "held": (Plumbing.HELD,),
    "decided": (Plumbing.DECIDED,), "closed": (Plumbing.CLOSED,),
}  # fmt: skip
_decoder = Decoder(Standing)
Rows = Sequence[Mapping[str, Any]]


class _Case(Struct):
    """A flow with all that belongs to it."""

    flow: Mapping[str, Any]
    events: list[Mapping[str, Any]]
    pieces: list[Mapping[str, Any]]
    identities: list[Mapping[str, Any]]
    standings: list[Mapping[str, Any]]
    emissions: list[Mapping[str, Any]]
    acknowledged: list[Mapping[str, Any]]
    purges: list[Mapping[str, Any]]


class Auditing(Reading):
    """The part of the ledger that proves it."""

    def audit(self, head: str = "") -> Audit:
        """Everything, once through. head: the hash of a line that somebody kept elsewhere."""
        seen = [False]

        def line(row: Mapping[str, Any]) -> None:
            seen[0] = seen[0] or row["hash"] == head

        journal = _chain.walk(self._read, line)
        troubles, more, flows, unsealed = list(self._strangers()), 0, 0, 0
        for case in self._cases():
            flows += 1
            unsealed += any(event["what"] == "decided" for event in case.events) and "d" not in _letters(case)
            for one in _troubles(case):
                if len(troubles) < MOST:
                    troubles.append(one)
                else:
                    more += 1
        return Audit(journal, flows, unsealed, tuple(troubles), more, seen[0] if head else None)

    def head(self) -> tuple[int, str]:
        """How many lines the journal has, and the hash of the last; 0 and "" when there is none."""
        with self._read() as connection:
            row = connection.execute(select(t.event.c.seq, t.event.c.hash).order_by(t.event.c.seq.desc()).limit(1)).first()
        return (row.seq, row.hash) if row else (0, "")

    def sealed(self, flow: str) -> list[tuple[Event, dict[str, bytes]]]:
        """The lines of a flow, each with the documents whose hashes its seal has, by letter, made again of the rows."""
        found = []
        for case in self._cases(flow):
            parts: dict[int, dict[str, bytes]] = {}
            for event, letter, document, _ in _sealed(case):
                parts.setdefault(event["seq"], {})[letter] = document
            found += [(event_of(event), parts.get(event["seq"], {})) for event in case.events]
        return found

    def links(self, flow: str, head: str) -> Iterator[tuple[str, Event | None]]:
        """The lines from the first of this flow to the head: hash of the words, and the line itself where it is the flow's own."""
        with self._read() as connection:
            first = connection.scalar(select(t.event.c.seq).where(t.event.c.flow == flow).order_by(t.event.c.seq).limit(1)) or 0
            last = connection.scalar(select(t.event.c.seq).where(t.event.c.hash == head).limit(1)) or 0
        if last < first:
            raise Fault("FLX-I256", flow=flow, head=head)
        for row in _chain.lines(self._read, first - 1):
            if not _chain.redactable(row):
                raise Fault("FLX-I255", flow=flow, line=str(row["seq"]))
            yield _chain.words_hash(row), event_of(row) if row["flow"] == flow else None
            if row["seq"] == last:
                return

    def _cases(self, flow: str = "") -> Iterator[_Case]:
        seq = 0
        while True:
            with self._read() as connection:
                query = select(t.flow).where(t.flow.c.seq > seq, *([t.flow.c.id == flow] if flow else [])).order_by(t.flow.c.seq).limit(FLOWS)
                rows = [dict(row) for row in connection.execute(query).mappings()]
                ids = [row["id"] for row in rows]
                of = {}
                for table, order in _BELONGS:
                    groups: dict[str, list[Mapping[str, Any]]] = {}
                    for one in connection.execute(select(table).where(table.c.flow.in_(ids)).order_by(order)).mappings():
                        groups.setdefault(one["flow"], []).append(dict(one))
                    of[table.name] = groups
            for row in rows:
                yield _Case(row, *(of[table.name].get(row["id"], []) for table, _ in _BELONGS))
            if len(rows) < FLOWS:
                return
            seq = rows[-1]["seq"]

    def _strangers(self) -> Iterator[Trouble]:
        """Rows of flows that there are not, and lines of flows whose row is gone."""
        with self._read() as connection:
            for table, _ in _BELONGS[1:]:
                lost = select(table.c.flow).where(~exists().where(t.flow.c.id == table.c.flow)).distinct().limit(_chain.FEW)
                yield from (Trouble(table.name, flow, "no_flow") for flow in connection.scalars(lost))
            gone = select(t.event.c.flow, t.event.c.seq).where(t.event.c.what == "received", ~exists().where(t.flow.c.id == t.event.c.flow))
            yield from (Trouble("flow", row.flow, "row_gone", row.seq) for row in connection.execute(gone.limit(_chain.FEW)))


_BELONGS: tuple[tuple[Table, Column[Any]], ...] = (
    (t.event, t.event.c.seq), (t.piece, t.piece.c.ordinal), (t.identity, t.identity.c.key), (t.standing, t.standing.c.ordinal),
    (t.emission, t.emission.c.seq), (t.acknowledged, t.acknowledged.c.at), (t.purge, t.purge.c.what),
)  # fmt: skip


def event_of(row: Mapping[str, Any]) -> Event:
    """A line of the journal as a value."""
    return Event(row["flow"], row["what"], instant(row["at"]), row["who"], row["piece"], row["detail"], row["seq"], row["before"], row["hash"], row["rows"])


def _letters(case: _Case) -> set[str]:
    """What the seals of a flow's lines tell of."""
    return {letter for event in case.events for letter, _, _ in _seal.read(event["rows"])}


def _unsealed_first(case: _Case) -> int:
    """How many of its emissions no seal tells of: what a version without seals owed stands before those of later acts."""
    sealed = sum(count for event in case.events for _, count, _ in _seal.read(event["rows"]))
    return 0 if "r" in _letters(case) else max(0, len(case.emissions) - sealed)


def _sealed(case: _Case) -> Iterator[tuple[Mapping[str, Any], str, bytes, str]]:
    """Each part of each seal: its line, its letter, the document made again of the rows as they are, and the hash that the seal has."""
    at = _unsealed_first(case)
    for event in case.events:
        for letter, count, sha256 in _seal.read(event["rows"]):
            emissions, at = case.emissions[at : at + count], at + count
            yield event, letter, _seal.document(part_of(case, letter, emissions, event["detail"])), sha256


def part_of(case: _Case, letter: str, emissions: Rows, detail: str) -> list[Any]:
    """The part that this letter of a seal means, made again of the rows as they are. detail: of its line, which says what was purged."""
    made: dict[str, Callable[[], list[Any]]] = {
        "r": lambda: _seal.received(case.flow), "d": lambda: _seal.decided(case.flow, _told(case)),
        "p": lambda: _seal.pieces([(piece, was_told(piece["told"])) for piece in case.pieces]), "i": lambda: _seal.identities(case.identities),
        "s": lambda: _seal.standings([_decoder.decode(row["kept"]) for row in case.standings]), "o": lambda: _seal.owed(emissions),
        "a": lambda: _seal.acknowledged(case.acknowledged[0]) if case.acknowledged else [], "g": lambda: _gone(case, detail),
    }  # fmt: skip
    return made[letter]()


def _told(case: _Case) -> str:
    return next((row["sha256"] for row in case.purges if row["what"] == "told"), "") or _seal.told_hash(case.flow["told"])


def was_told(told: bytes) -> str:
    """The hash of what was told of a piece: what stands there, or, where that was purged, what it says that stood there."""
    if b'"purged"' in told and isinstance(purged := orjson.loads(told).get("purged"), dict):
        return str(purged.get("sha256", ""))
    return _seal.told_hash(told)


def _gone(case: _Case, detail: str) -> list[Any]:
    rows = [row for row in case.purges if row["what"] in detail.split()]
    left = [(piece["ordinal"], _seal.told_hash(piece["told"])) for piece in case.pieces] if any(row["what"] == "told" for row in rows) else []
    return _seal.purged(rows, left)


def _troubles(case: _Case) -> Iterator[Trouble]:
    id_ = case.flow["id"]
    try:
        yield from _seals(case)
        yield from _standings(case)
    except (ValidationError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):  # what somebody wrote by hand need not be readable
        yield Trouble("standing" if case.standings else "piece", id_, "unreadable")
    yield from _state(case)


def _seals(case: _Case) -> Iterator[Trouble]:
    id_, met = case.flow["id"], _letters(case)
    for event, letter, document, sha256 in _sealed(case):
        if hashlib.sha256(document).hexdigest() != sha256:
            yield Trouble(_TABLES[letter], id_, "other_rows", event["seq"])
    if "r" in met and sum(count for event in case.events for _, count, _ in _seal.read(event["rows"])) != len(case.emissions):
        yield Trouble("emission", id_, "untold_emissions")
    if case.acknowledged and "a" not in met:
        yield Trouble("acknowledged", id_, "untold")
    told = {what for event in case.events if event["what"] == "purged" and event["rows"] for what in event["detail"].split()}
    if {row["what"] for row in case.purges} - told:
        yield Trouble("purge", id_, "untold")
    if (case.pieces or case.identities or case.standings or case.flow["verdict"]) and not any(event["what"] in ("decided", "sealed") for event in case.events):
        yield Trouble("flow", id_, "no_decision")


# What a seal's letter covers, as somebody at the ledger finds it.
_TABLES = {
    "r": "flow", "d": "flow", "p": "piece", "i": "identity", "s": "standing", "o": "emission", "a": "acknowledged", "g": "purge, piece",
}  # fmt: skip


def _standings(case: _Case) -> Iterator[Trouble]:
    """Each column of a standing follows from its steps, and each step behind the opening has its line."""
    told: dict[int, list[Mapping[str, Any]]] = {}
    for event in case.events:
        if event["what"] == "moved":
            told.setdefault(event["piece"], []).append(event)
    for row in case.standings:
        standing = _decoder.decode(row["kept"])
        if any(row[name] != value for name, value in standing_row(standing).items() if name != "kept"):
            yield Trouble("standing", f"{row['flow']}/{row['ordinal']}", "other_columns")
        steps, lines = standing.moves[OPENING:], told.pop(row["ordinal"], [])
        if len(steps) != len(lines):
            yield Trouble("standing", str(standing.ref), "other_steps", lines[-1]["seq"] if lines else 0)
            continue
        for step, line in zip(steps, lines, strict=True):
            said = moved_event(standing, step)
            same = (said.detail, moment(said.at), said.who) == (line["detail"], line["at"], line["who"])
            if not same and _chain.redactable(line):  # before version 3 a line did not tell what a recycling changed
                yield Trouble("standing", str(standing.ref), "other_steps", line["seq"])
    yield from (Trouble("standing", f"{case.flow['id']}/{ordinal}", "row_gone", lines[-1]["seq"]) for ordinal, lines in told.items())


def _state(case: _Case) -> Iterator[Trouble]:
    """Where the flow stands follows from its last line; what it owed when it was closed was delivered."""
    id_, state = case.flow["id"], case.flow["state"]
    last = case.events[-1] if case.events else None
    if last is not None and state not in _STANDS.get(last["what"], (state,)):
        yield Trouble("flow", id_, "other_state", last["seq"])
    closed = next((event for event in reversed(case.events) if event["what"] == "closed"), None)
    if closed is None or not any(event["rows"] for event in case.events):
        return
    before = sum(count for event in case.events if event["seq"] < closed["seq"] for _, count, _ in _seal.read(event["rows"]))
    if any(one["state"] != EmissionState.EMITTED for one in case.emissions[: _unsealed_first(case) + before]):
        yield Trouble("emission", id_, "undone", closed["seq"])

