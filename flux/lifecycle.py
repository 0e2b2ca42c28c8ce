"""
The life of a piece, pure: what an act does to it, or why it may not be done. The tables say all of it; this module only reads them.

A strict machine (domain 5.2): what no row allows is refused, with what would be allowed.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import reduce

from msgspec.structs import replace

from flux.decision import next_actor
from flux.dossier import Act, Move, Ref, Routing, Standing
from flux.model import Finding
from flux.piece import Actor, Party, Piece
from flux.tables import Tables
from flux.tables.life import INITIAL, MUST, STAYS, Next, Transition

SYSTEM = Actor("systeme", "")
WHO = "flux"
AMOUNT = "amount"
REOPEN = "rouvrir"
_SIRET = re.compile("[0-9]{14}")
OPENING = 2  # moves that opened() makes
SUPPLIERS = ("fournisseur", "sous-traitant", "cotraitant", "titulaire")


def depositor_of(piece: Piece, tables: Tables) -> Actor:
    """Who deposits a piece of this cadre: the MOE, the MOA, or the supplier's side (domain 4.1)."""
    row = tables.works.get(piece.cadre)
    role = row.depositor if row else "fournisseur"
    party = {"moe": piece.moe, "moa": piece.moa}.get(role, piece.supplier)
    return Actor(role, party.id if party else "")


def opened(piece: Piece, ref: Ref, partner: str, sha256: str, actor: Actor, times: tuple[datetime, datetime], tables: Tables, previous: Standing | None = None) -> Standing:
    """A piece that was just accepted: deposited at the first of *times*, with who acts next at the second. *previous*: on which it was deposited."""
    depositor = depositor_of(piece, tables)
    deposited, decided = times
    moves = (
        Move(1, "deposer", "DEPOSEE", deposited, depositor.role, partner),
        Move(2, "mettre_a_disposition", tables.life.initial[actor.role], decided, SYSTEM.role, WHO, _acting(actor)),
    )
    first, dossier = (previous.first, previous.dossier) if previous else (ref, piece.number)
    return Standing(ref, partner, sha256, piece, depositor, first, dossier, previous.ref if previous else None, moves)


def moved(standing: Standing, asked: Act, at: datetime, tables: Tables) -> tuple[Move, ...] | Finding:
    """The steps that this act makes, or why it may not be done (FLX-W02 to W09)."""
    rows = [row for row in tables.life.transitions if row.act == asked.act and not row.deposit]
    row = _row(rows, standing, asked, tables)
    if isinstance(row, Finding):
        return row if rows else Finding("FLX-W01", facts=(("found", asked.act), ("expected", ", ".join(tables.life.acts))))
    if (wrong := _objection(row, standing, asked, tables)) is not None:
        return wrong
    return _steps(row, standing, asked, at, tables)


def after(standing: Standing, steps: Sequence[Move]) -> Standing:
    """The standing with these steps done."""
    return replace(standing, moves=(*standing.moves, *steps))


def link_of(piece: Piece, before: Standing, tables: Tables) -> Next | None:
    """The row of the chain that leads from that piece to this one."""
    return next((row for row in tables.life.follows(before.piece.cadre) if row.cadre == piece.cadre), None)


def reopened(standing: Standing, at: datetime) -> Move:
    """The piece before, once the one deposited on it was refused for good: where it stood, and whose turn it was, before that deposit."""
    before = standing.moves[-2]
    return Move(standing.last.seq + 1, REOPEN, before.status, at, SYSTEM.role, WHO, before.waits)


def reopens(step: Move, tables: Tables) -> bool:
    """Whether this step refuses a piece so that another must be issued in its place, under another number."""
    return any(row.reopens and row.act == step.act and step.role in row.by and step.status == row.to and (not row.motives or step.motive in row.motives) for row in tables.life.transitions)


def standable(standing: Standing, act: str, tables: Tables) -> bool:
    """Whether the piece stands so that another may be deposited on it, and *act* be done to it by that."""
    return any(row.act == act and standing.status in row.from_ for row in tables.life.transitions)


def associated(standing: Standing, act: str, by: Actor, who: str, at: datetime, tables: Tables) -> Move:
    """What the deposit of the next piece does to this one, which is standable()."""
    row = next(row for row in tables.life.transitions if row.act == act and standing.status in row.from_)
    return Move(standing.last.seq + 1, act, row.to, at, by.role, who)


def allowed(standing: Standing, tables: Tables) -> tuple[tuple[str, str], ...]:
    """What may be asked of this piece now, and as whom: (act, role)."""
    return tuple(dict.fromkeys(
        (row.act, role)
        for row in tables.life.transitions if not row.deposit and _leads_on(row, standing, tables) and (not row.cadres or standing.piece.cadre in row.cadres)
        for role in (standing.depositor.role if by == "deposant" else by for by in row.by)
        if role != SYSTEM.role and (row.out_of_turn or (standing.waits and standing.waits.role == role)) and not _spent(row, standing)
    ))  # fmt: skip


def routed(piece: Piece, routing: Routing) -> Piece:
    """The piece with its routing data corrected."""
    recipient = routing.recipient or piece.recipient
    service = (recipient.service or piece.recipient.service) if routing.service is None else routing.service
    return replace(
        piece, moe=routing.moe or piece.moe, moa=routing.moa or piece.moa, valideur=routing.valideur or piece.valideur,
        recipient=replace(recipient, service=service), engagement=piece.engagement if routing.engagement is None else routing.engagement,
    )  # fmt: skip


def same_side(one: str, other: str) -> bool:
    """Whether two roles are one in a dossier: the supplier's side has several names."""
    return one == other or (one in SUPPLIERS and other in SUPPLIERS)


def named_in(piece: Piece) -> set[str]:
    """The identifiers of everybody whom the piece names."""
    return {party.id for party in (piece.supplier, piece.recipient, piece.valideur, piece.moe, piece.moa) if party is not None and party.id}


def party_of(piece: Piece, role: str) -> Party | None:
    """Who has this role in the piece, None when it names nobody."""
    if role in SUPPLIERS:
        return piece.supplier
    return {"moe": piece.moe, "moa": piece.moa, "valideur": piece.valideur}.get(role, piece.recipient)


def current(standing: Standing) -> Piece:
    """The piece as it is routed since its last recycling."""
    return reduce(routed, (move.routing for move in standing.moves if move.routing is not None), standing.piece)


def doer(standing: Standing, move: Move) -> Actor | None:
    """Who made this move, None when the system did. Whose turn it was, when it was that role's: a recycling may have named another since."""
    if move.role == SYSTEM.role:
        return None
    before = next((other.waits for other in reversed(standing.moves) if other.seq < move.seq and other.waits), None)
    if before is not None and before.role == move.role:
        return before
    if move.role in ("deposant", standing.depositor.role):
        return standing.depositor
    party = party_of(current(standing), move.role)
    return Actor(move.role, party.id if party else "")


def _row(rows: list[Transition], standing: Standing, asked: Act, tables: Tables) -> Transition | Finding:
    """The row that this actor means in this status. A row of several that differ in their motives is the one that knows the motive given."""
    role = asked.actor.role
    deposits = role == "deposant" or same_side(role, standing.depositor.role)
    ours = asked.actor == SYSTEM  # what the passing of a delay does, nobody may ask for
    mine = [row for row in rows if (role in row.by or ("deposant" in row.by and deposits)) and (row.by != (SYSTEM.role,) or ours)]
    here = [row for row in mine if _leads_on(row, standing, tables)]
    fit = [row for row in here if not row.cadres or standing.piece.cadre in row.cadres] or here
    if not here:
        return Finding("FLX-W02", facts=(
            ("found", asked.act), ("role", role), ("status", standing.status), *_label(standing.status, tables),
            ("expected", ", ".join(f"{act} ({by})" for act, by in allowed(standing, tables)) or "—"),
        ))  # fmt: skip
    return next((row for row in fit if asked.motive in row.motives), fit[0])


def _leads_on(row: Transition, standing: Standing, tables: Tables) -> bool:
    """Whether this row begins where the piece stands. A piece in whose place another must be issued goes nowhere any more, or both could stand."""
    return standing.status in row.from_ and (row.to == STAYS or not any(reopens(step, tables) for step in standing.moves))


def _objection(row: Transition, standing: Standing, asked: Act, tables: Tables) -> Finding | None:
    """Why this row does not let this act pass, None when it does."""
    party = party_of(current(standing), asked.actor.role)
    expected = standing.depositor.id if "deposant" in row.by else party.id if party else ""
    turn = standing.waits
    if row.by != (SYSTEM.role,) and (asked.actor.id != expected or not (row.out_of_turn or _has_the_turn(asked.actor, turn))):
        facts = (("found", f"{asked.actor.role} {asked.actor.id}"), ("expected", f"{turn.role} {turn.id}" if turn else "—"))
        return Finding("FLX-W03", facts=facts)
    if row.comment and not asked.comment.strip():
        return Finding("FLX-W04", facts=(("found", asked.act),))
    if row.motives or asked.motive:
        motive = tables.life.motives.get(asked.motive)
        if motive is not None and motive.kind == AMOUNT:
            return Finding("FLX-W06", facts=(("found", asked.motive),))
        if asked.motive not in row.motives or (row.cadres and standing.piece.cadre not in row.cadres):
            own = [name for other in tables.life.transitions if other.act == row.act and set(other.by) & set(row.by) and standing.status in other.from_
                   and (not other.cadres or standing.piece.cadre in other.cadres) for name in other.motives]  # fmt: skip
            return Finding("FLX-W05", facts=(("found", asked.motive or "—"), ("cadre", standing.piece.cadre), ("expected", ", ".join(own) or "—")))
    if _spent(row, standing):
        return Finding("FLX-W07", facts=(("found", asked.act),))
    if row.routing == MUST != (MUST if asked.routing else "") or (asked.routing and not row.routing):
        return Finding("FLX-W09", facts=(("found", asked.act),))
    return _strange(asked.routing, current(standing)) if asked.routing else None


def _has_the_turn(actor: Actor, turn: Actor | None) -> bool:
    """Whether it is this actor's turn, in this role: one establishment may have several. The supplier's side is one role."""
    if turn is None or turn.id != actor.id:
        return False
    return actor.role == "deposant" or same_side(actor.role, turn.role)


def _strange(routing: Routing, piece: Piece) -> Finding | None:
    """FLX-W17: a correction that names no establishment, or corrects nothing."""
    for party in (routing.moe, routing.moa, routing.valideur, routing.recipient):
        if party is not None and party.type in ("", "1") and not _SIRET.fullmatch(party.id):
            return Finding("FLX-W17", facts=(("found", party.id or "—"),))
    return Finding("FLX-W17", facts=(("found", "="),)) if routed(piece, routing) == piece else None


def _spent(row: Transition, standing: Standing) -> bool:
    """Whether it was done already, and may be done once (CCP R2192-28)."""
    return row.once and any(move.act == row.act for move in standing.moves)


def _steps(row: Transition, standing: Standing, asked: Act, at: datetime, tables: Tables) -> tuple[Move, ...] | Finding:
    piece = routed(current(standing), asked.routing) if asked.routing else current(standing)
    waits = _waits(row, standing, piece, tables)
    if isinstance(waits, Finding):
        return waits
    status = tables.life.initial[waits.role] if row.to == INITIAL and waits else row.to or standing.status
    one = Move(standing.last.seq + 1, row.act, status, at, asked.actor.role, asked.who, waits, asked.motive, asked.comment, asked.routing)
    if not row.then:
        return (one,)
    return replace(one, waits=None), Move(one.seq + 1, "mettre_a_disposition", row.then, at, SYSTEM.role, WHO, waits)


def _waits(row: Transition, standing: Standing, piece: Piece, tables: Tables) -> Actor | Finding | None:
    if row.waits == "deposant":
        return standing.depositor
    if row.waits == "next":
        actor = next_actor(piece, tables)
        return actor if isinstance(actor, Finding) else _acting(actor)
    role = row.waits
    if role == "suspendant":
        role = next((move.role for move in reversed(standing.moves) if move.act == "suspendre"), "")
    if not role:
        return None
    party = party_of(piece, role)
    if party is None or not party.id:  # a piece that waits for nobody would be lost to all
        return Finding("FLX-P20" if role == "moe" else "FLX-P21", role, facts=(("found", piece.market or "—"), ("cadre", piece.cadre), ("expected", role.upper())))
    return Actor(role, party.id)


def _acting(actor: Actor) -> Actor:
    """For a piece that is not works the recipient is its own financial service."""
    return Actor("service_financier", actor.id) if actor.role == "recipient" else actor


def _label(status: str, tables: Tables) -> tuple[tuple[str, str], ...]:
    label = tables.life.statuses[status].label
    return ("label", label.en), ("label_fr", label.fr)
