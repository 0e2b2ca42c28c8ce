"""Where accepted pieces stand, in SQL: rows into values and back, the change of a standing under its number of steps, and what is looked for."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import replace
from sqlalchemy import Connection, select, update

from flux.dossier import Ref, Standing
from flux.faults import Fault
from flux.lifecycle import current
from flux.rows import Asked, Moved
from flux.stores import _schema as t
from flux.stores._reading import chunks
from flux.when import moment, span_of

_ROLES = {"fournisseur": "supplier", "valideur": "valideur", "moe": "moe", "moa": "moa", "service_financier": "recipient"}
_encoder, _decoder = Encoder(), Decoder(Standing)


class Standings:
    """The half of the ledger that knows where pieces stand: nothing here writes."""

    def _read(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    def standing(self, ref: Ref) -> Standing | None:
        """Where this accepted piece stands."""
        found = self._standings(select(t.standing.c.kept).where(t.standing.c.flow == ref.flow, t.standing.c.ordinal == ref.ordinal))
        return found[0] if found else None

    def standings(self, numbers: Iterable[str]) -> dict[str, tuple[Standing, ...]]:
        """The accepted pieces that have these numbers, by number, the newest last."""
        found: dict[str, list[Standing]] = {}
        keys = sorted(set(numbers))
        for some in chunks(keys):
            query = select(t.standing.c.kept).where(t.standing.c.number.in_(some)).order_by(t.standing.c.received_at, t.standing.c.flow, t.standing.c.ordinal)
            for one in self._standings(query):
                found.setdefault(one.piece.number, []).append(one)
        return {number: tuple(pieces) for number, pieces in found.items()}

    def dossier(self, first: Ref) -> list[Standing]:
        """Every piece of a dossier, in the order of their deposit."""
        return self._standings(select(t.standing.c.kept).where(t.standing.c.first == str(first)).order_by(t.standing.c.received_at, t.standing.c.flow, t.standing.c.ordinal))

    def search(self, asked: Asked) -> list[Standing]:
        """The accepted pieces that fit, the newest first."""
        if asked.actor and not asked.waits and not asked.role:  # in whatever role: by each with its own index, since an actor may have a million pieces
            found = {one.ref: one for role in _ROLES for one in self.search(replace(asked, role=role))}
            return sorted(found.values(), key=lambda one: (-one.moves[0].at.timestamp(), one.ref.flow, one.ref.ordinal))[: asked.limit]
        query = select(t.standing.c.kept).where(*_conditions(asked)).order_by(t.standing.c.received_at.desc(), t.standing.c.flow, t.standing.c.ordinal)
        return self._standings(query.limit(asked.limit))

    def _standings(self, query: Any) -> list[Standing]:  # noqa: ANN401 - SQLAlchemy's own type says no more
        with self._read() as connection:
            return [_decoder.decode(row.kept) for row in connection.execute(query)]


def standing_row(standing: Standing) -> dict[str, object]:
    """A standing as its row."""
    piece = current(standing)
    named = {name: party.id if party else "" for name, party in (("moe", piece.moe), ("moa", piece.moa), ("valideur", piece.valideur))}
    return {
        "flow": standing.ref.flow, "ordinal": standing.ref.ordinal, "number": piece.number, "cadre": piece.cadre, "market": piece.market,
        "dossier": standing.dossier, "first": str(standing.first), "previous": str(standing.previous) if standing.previous else "",
        "supplier": piece.supplier.id, "recipient": piece.recipient.id, "service": piece.recipient.service, **named,
        "received_at": moment(standing.moves[0].at), **_in_force(standing),
    }  # fmt: skip


def overtaken(connection: Connection, moved: Sequence[Moved]) -> str:
    """The first of these pieces that somebody moved meanwhile, "" when there is none."""
    for one in moved:
        ref = one.standing.ref
        seq = connection.scalar(select(t.standing.c.seq).where(t.standing.c.flow == ref.flow, t.standing.c.ordinal == ref.ordinal))
        if seq != one.after:
            return str(ref)
    return ""


def change_standings(connection: Connection, moved: Sequence[Moved]) -> None:
    """Write the new steps of pieces that overtaken() found as they were, in the same transaction."""
    for one in moved:
        ref = one.standing.ref
        row = standing_row(one.standing)
        changed = {name: row[name] for name in ("recipient", "service", "moe", "moa", "valideur", "status", "since", "waits_role", "waits_id", "seq", "kept")}
        here = (t.standing.c.flow == ref.flow, t.standing.c.ordinal == ref.ordinal, t.standing.c.seq == one.after)
        if connection.execute(update(t.standing).where(*here), changed).rowcount != 1:
            raise Fault("FLX-I73", piece=str(ref))  # where another writer may come between (a server), the transaction is given up


def _in_force(standing: Standing) -> dict[str, object]:
    waits = standing.waits
    return {
        "status": standing.status, "since": moment(standing.last.at), "seq": standing.last.seq,
        "waits_role": waits.role if waits else "", "waits_id": waits.id if waits else "", "kept": _encoder.encode(standing),
    }  # fmt: skip


def _conditions(asked: Asked) -> Iterator[Any]:
    row = t.standing.c
    for name in ("number", "dossier", "market", "cadre", "status", "recipient", "service", "supplier"):
        if value := getattr(asked, name):
            yield row[name] == value
    if asked.actor and asked.waits:
        yield row.waits_id == asked.actor
    elif asked.actor:
        yield row[_ROLES[asked.role]] == asked.actor
    if asked.waits:
        yield row.waits_role == asked.waits
    if asked.open:
        yield row.waits_role != ""
    if asked.since:
        yield row.received_at >= moment(span_of(asked.since)[0])
    if asked.until:
        yield row.received_at < moment(span_of(asked.until)[1])
