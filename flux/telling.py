"""
What a move of a piece owes, pure: to whom each step is told, in which form, under which name.

Whoever records the moves stores the blob and owes the emissions, as for a decision (``owing``).

Who is concerned (local; nothing is published of it):

- The depositor, always, by the partner who brought the piece, in his return flows: also of what he did himself, since it was a person who did
  it, and his program follows its pieces by these flows. What a deposit did is told in its own return flows, never here.
- Who began the dossier, by the partner who brought its first piece: notifications follow the dossier (domain 4.2, V), and the supplier's
  month is paid by a piece of the MOA's.
- Whoever the table says must know (transitions.toml, notifies): MOA and financial service, when the MOE is late.
- Whoever acts, or acted, on the piece: MOE, MOA, valideur, supplier, financial service, each by himself where his pieces go. Not of what he
  did himself, nor once a recycling has put another in his place.

Whose turn it is for the first time, after a validation or a recycling, is handed the piece as well: told of it alone he could not act on it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import BinaryIO

from msgspec import Struct

from flux.dossier import Move, Standing
from flux.emitters import Moved, wants
from flux.kit import Kit
from flux.lifecycle import OPENING, current, doer, party_of
from flux.model import Answer, Emission
from flux.owing import PIECE, Part, Written, copied, who, who_matches, written
from flux.piece import Actor
from flux.policy import Policy, Route
from flux.process import held
from flux.tables import Tables

DOSSIER = "dossier"  # the tag of who began it


class Addressee(Struct, frozen=True):
    """Somebody concerned: who, where his flows go, in which form he wants them. tag: "" for the depositor, else his role."""

    actor: Actor
    target: str
    lifecycle: str
    tag: str


class Owed(Struct, frozen=True):
    """One flow to one of those concerned. key: unique for ever, derived."""

    key: str
    target: str
    answer: Answer


class Telling(Struct, frozen=True):
    """What some moves owe, before it is written. Nothing in it: nobody is to be told."""

    standing: Standing
    owed: tuple[Owed, ...]

    def write(self, into: BinaryIO) -> list[Written]:
        """Write every flow, one after the other. Raises Fault when one is unsound."""
        return list(written((Part(one.key, one.answer.kind, one.answer.name, one.answer.blocks()) for one in self.owed), into))

    def emissions(self, blob: str, pack: Sequence[Written]) -> tuple[Emission, ...]:
        """What is owed. *pack*: what was written, *blob*: the hash under which that is stored."""
        ref = self.standing.ref
        return tuple(
            Emission(
                its.key, ref.flow, ref.ordinal, its.kind, one.target, its.name, its.sha256, blob, its.offset, its.size,
            )
            for one, its in zip(self.owed, pack, strict=True)
        )  # fmt: skip


def tell_moves(
    standing: Standing, moves: Sequence[Move], policies: Mapping[str, Policy], routes: Sequence[Route], installation: str, at: datetime, kit: Kit,
    opener: Standing | None = None,
) -> Telling:
    """
    What these moves owe. *standing*: with them; *opener*: the first piece of its dossier, where that is another.

    The same moves give the same keys and names; the same *at*, the same bytes.
    """
    new = tuple(move for move in moves if move.seq > OPENING)
    owed = []
    for one in concerned(standing, new, policies, routes, kit.tables, opener):
        letter = Moved(standing, new, one.actor, one.tag, kit.tables, installation, at)
        for emitter in kit.emitters:
            if emitter.moved is not None and wants(one.lifecycle, emitter):
                owed += [Owed(_key(letter, answer), one.target, answer) for answer in held(emitter, emitter.moved(letter), kit)]
    return Telling(standing, tuple(owed))


def concerned(
    standing: Standing, moves: Sequence[Move], policies: Mapping[str, Policy], routes: Sequence[Route], tables: Tables, opener: Standing | None = None
) -> Iterator[Addressee]:
    """Whom these moves concern: the depositor first, then the others in the order in which it was their turn. Nobody, when there are none."""
    if not moves:
        return
    # A partner who left the configuration is owed what he is owed all the same, in the usual form.
    yield Addressee(standing.depositor, f"returns/{standing.partner}", policies.get(standing.partner, Policy()).lifecycle, "")
    if opener is not None and opener.partner != standing.partner:
        yield Addressee(opener.depositor, f"returns/{opener.partner}", policies.get(opener.partner, Policy()).lifecycle, DOSSIER)
    themselves = {doer(standing, move) for move in moves}
    for actor in dict.fromkeys((*_acting(standing), *_notified(standing, moves, tables))):
        if actor not in themselves:
            desk = _desk(actor, standing, tables)
            form = next((route.lifecycle for route in routes if who_matches(who(desk), route.actor)), Policy().lifecycle)
            yield Addressee(actor, f"pieces/{who(desk)}", form, actor.role)


def newcomer(standing: Standing, moves: Sequence[Move]) -> Actor | None:
    """Whose turn it is by these moves, and was not before: who may not have the piece yet. Never the depositor, who made it."""
    turns = [move.waits for move in standing.moves if move.seq < moves[0].seq and move.waits] if moves else []
    actor = moves[-1].waits if moves else None
    return None if actor in (None, standing.depositor, *turns[-1:]) else actor


def handed_on(standing: Standing, actor: Actor, owed: Iterable[Emission], tables: Tables) -> tuple[Emission, ...]:
    """
    The piece itself to this actor, whose turn it is now, in the bytes and the form of whoever had it first; nothing when it is among what is *owed*.

    *owed*: by its flow, ever. The name tells move and role, as that of what he is told beside it: two actors may share a folder.
    """
    target, ref = f"pieces/{who(_desk(actor, standing, tables))}", standing.ref
    pieces = [one for one in owed if one.kind == PIECE and one.ordinal == ref.ordinal]
    if not pieces or any(one.target == target for one in pieces):
        return ()
    return (copied(pieces[0], _desk(actor, standing, tables), f"{standing.last.seq}-{actor.role}"),)


def _acting(standing: Standing) -> Iterator[Actor]:
    """Who acts or acted, and is still the one of his role; the depositor is told as such."""
    piece = current(standing)
    turns = (actor for move in standing.moves[OPENING - 1 :] for actor in (doer(standing, move), move.waits) if actor is not None)
    for actor in dict.fromkeys(turns):
        party = party_of(piece, actor.role)
        if actor != standing.depositor and party is not None and party.id == actor.id:
            yield actor


def _notified(standing: Standing, moves: Sequence[Move], tables: Tables) -> Iterator[Actor]:
    """Who is told although it is not his turn: the table says it of the act."""
    acts, piece = {(move.act, move.role) for move in moves}, current(standing)
    for row in tables.life.transitions:
        if row.notifies and any((row.act, by) in acts for by in row.by):
            yield from (Actor(role, party.id) for role in row.notifies if (party := party_of(piece, role)) is not None and party.id)


def _desk(actor: Actor, standing: Standing, tables: Tables) -> Actor:
    """Where the pieces of this actor went: a piece that is not works goes to its recipient, who is its own financial service."""
    other = standing.piece.cadre not in tables.works and actor.role == "service_financier"
    return Actor("recipient", actor.id) if other else actor


def _key(letter: Moved, answer: Answer) -> str:
    ref = letter.standing.ref
    return f"{ref.flow}.move.{ref.ordinal:05d}.{answer.part}.{letter.tag or 'deposant'}.{answer.kind}"
