"""
Status lines: what a recipient says of a piece (CPPStatut, domain 3.1), held against who may say it, what it means and where the piece stands.

The road is that of ``flux act``: a line is an act, and the life cycle says whether it may be done. What a letter says of itself proves nothing: for
whom its partner speaks is a setting. CHECKS is empty: these need what the ledger holds, so process asks them itself, in stage dossier.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct, field

from flux.dossier import Act, Ref, Standing, StatusLine
from flux.lifecycle import after, current, moved
from flux.model import Finding, Flow
from flux.piece import Actor, Piece
from flux.validators import Check, Context
from flux.when import in_paris

CHECKS: tuple[Check, ...] = ()

_Said = tuple[Ref, str, datetime]


class Heard(Struct, frozen=True):
    """What became of a line. standing: the piece as the line leaves it, by so many steps; None when it is refused."""

    findings: tuple[Finding, ...] = ()
    standing: Standing | None = None
    steps: int = 0


class Hearing(Struct):
    """The lines of one flow, one after the other. standing: by number, the accepted pieces as the lines before left them."""

    flow: Flow
    standing: dict[str, tuple[Standing, ...]]
    said: dict[_Said, int] = field(default_factory=dict)  # what was done -> ordinal of its line

    def hear(self, line: StatusLine, piece: Piece, context: Context) -> Heard:
        """Do what this line asks, or say why it may not be done. *piece*: what the line names, with the line's ordinal."""
        act = act_of(line, context)
        if isinstance(act, Finding):
            return Heard((act,))
        found = self._found(line, piece, context)
        if isinstance(found, Finding):
            return Heard((found,))
        actor = actor_of(line, piece, found)
        if actor.id not in context.policy.speaks_for:
            return Heard((_unknown(piece) if piece.recipient.id not in context.policy.speaks_for else _not_for(actor.id, context),))
        said = (found.ref, act, line.at) if line.at else None
        if said in self.said:
            return Heard((Finding("FLX-N07", "number", facts=(("found", piece.number), ("status", line.status), ("ordinal", str(self.said[said])))),))
        # The step is dated by our receipt, not by the letter: a delay that it stops or starts again is counted from what is proven (local).
        at = max(self.flow.received_at, found.last.at)
        steps = moved(found, Act(act, actor, f"{self.flow.partner} {self.flow.id}", comment=line.comment), at, context.tables)
        if isinstance(steps, Finding):
            return Heard((steps,))
        done = after(found, steps)
        put(self.standing, done)
        if said is not None:
            self.said[said] = piece.ordinal
        return Heard(tuple(_doubts(line, piece, found, self.flow, context)), done, len(steps))

    def _found(self, line: StatusLine, piece: Piece, context: Context) -> Standing | Finding:
        """
        The accepted piece that the line names: supplier, number and recipient decide, never a number alone.

        So the status of a duplicate that was refused is never that of the first copy, unless it names the first copy in all of these: then it is
        the first copy's. A DateFacture that contradicts it is a piece that is unknown.

        Several pieces may have them, since a MOE numbers his own: the line's day of issue may tell. A stranger learns of no piece.
        """
        if not {line.producer, piece.recipient.id} & set(context.policy.speaks_for):
            return _not_for(piece.recipient.id, context)
        fit = [one for one in self.standing.get(piece.number, ()) if _is(one, piece)]
        if line.issued is not None:
            fit = [one for one in fit if one.piece.issued in (line.issued, None)]
        if len(fit) > 1:
            return Finding("FLX-N08", "number", facts=(("found", piece.number), ("expected", ", ".join(str(one.ref) for one in fit))))
        return fit[0] if fit else _unknown(piece)


def put(standing: dict[str, tuple[Standing, ...]], one: Standing) -> None:
    """In place of the same piece as it stood before."""
    number = one.piece.number
    standing[number] = tuple(one if other.ref == one.ref else other for other in standing.get(number, ()))


def act_of(line: StatusLine, context: Context) -> str | Finding:
    """
    What the line asks for, by the table. An exact API code as ComplementStatut may say more than the number, and must not contradict it.

    What the table does not know is refused by name, and never kept as something that waits.
    """
    table, life = context.tables.inbound, context.tables.life
    if line.flow:
        return Finding("FLX-N09", facts=(("found", f"{line.status} {line.flow}"),))
    more = table.complement.get(line.complement)
    if more is not None and more.id == line.status:
        return more.act
    row = table.status.get(line.status)
    if row is None:
        return Finding("FLX-N03", facts=(("status", line.status), ("why", table.refused[line.status]), ("expected", ", ".join(table.status))))
    if line.complement != row.to and line.complement in life.statuses.keys() | life.others:
        return Finding("FLX-N04", facts=(("found", line.complement), ("status", line.status), ("expected", row.to)))
    return row.act


def actor_of(line: StatusLine, piece: Piece, found: Standing) -> Actor:
    """As whom: the producer that the line names, when the piece names him too, else the recipient's financial service. In the role whose turn it is."""
    now = current(found)
    parties = {"moe": now.moe, "moa": now.moa, "valideur": now.valideur}
    roles = {"service_financier": now.recipient.id, **{role: party.id for role, party in parties.items() if party}, found.depositor.role: found.depositor.id}
    who = line.producer if line.producer in roles.values() and line.producer else piece.recipient.id
    if found.waits and found.waits.id == who:
        return found.waits
    return Actor(next(role for role, id_ in roles.items() if id_ == who), who)


def _is(one: Standing, named: Piece) -> bool:
    piece = current(one)
    mine, theirs = piece.supplier, named.supplier
    return (mine.type, mine.id.upper(), piece.recipient.id) == (theirs.type, theirs.id.upper(), named.recipient.id)


def _unknown(piece: Piece) -> Finding:
    facts = (("found", piece.number), ("supplier", f"{piece.supplier.type} {piece.supplier.id}"), ("recipient", piece.recipient.id))
    return Finding("FLX-N01", "number", facts=facts)


def _not_for(who: str, context: Context) -> Finding:
    return Finding("FLX-N02", facts=(("found", who), ("expected", ", ".join(context.policy.speaks_for) or "—")))


def _doubts(line: StatusLine, piece: Piece, found: Standing, flow: Flow, context: Context) -> Iterator[Finding]:
    """What is told, and refuses nothing."""
    deposited, service = found.moves[0].at, current(found).recipient.service
    if line.at is None:
        yield Finding("FLX-N11")
    elif line.at > flow.received_at + timedelta(seconds=context.tables.inbound.tolerance_s):
        yield Finding("FLX-N05", facts=(("found", _told(line.at)), ("expected", _told(flow.received_at))))
    elif line.at < deposited:
        yield Finding("FLX-N06", facts=(("found", _told(line.at)), ("expected", _told(deposited))))
    if piece.recipient.service and piece.recipient.service != service:
        yield Finding("FLX-N10", "recipient.service", facts=(("found", piece.recipient.service), ("expected", service or "—")))


def _told(at: datetime) -> str:
    return in_paris(at).isoformat(timespec="seconds")
