"""
The dossier: the piece on which another is deposited, and what is carried over from it (domain 4.2). Stage dossier.

CHECKS is empty: these need who deposits and what the ledger holds beside the piece, so process asks them itself.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from msgspec.structs import replace

from flux.clocks import RUNNING, SUSPENDED, clocks
from flux.dossier import Standing
from flux.lifecycle import current, depositor_of, link_of, named_in, party_of, same_side, standable
from flux.model import Finding, Known
from flux.piece import Actor, Party, Piece
from flux.tables import Tables
from flux.tables.life import Next
from flux.validators import Check, Context
from flux.when import span_of

CHECKS: tuple[Check, ...] = ()

ASSOCIATION = "association"
MOST_NAMED = 5
_CARRIED = ("market", "engagement", "supplier", "recipient", "valideur", "moe", "moa")


def depositor(piece: Piece, tables: Tables) -> Iterator[Finding]:
    """FLX-W15: a deposit that says as whom it is made is made by who deposits this cadre (domain 4.1)."""
    claimed = piece.depositor
    if claimed is None:
        return
    expected = depositor_of(piece, tables)
    if not same_side(claimed.role, expected.role) or (expected.id and claimed.id != expected.id):
        facts = (("found", _told(claimed)), ("cadre", piece.cadre), ("expected", _told(expected)))
        yield Finding("FLX-W15", "cadre", facts=facts)


def previous(piece: Piece, known: Known, tables: Tables) -> tuple[Standing, ...]:
    """
    The accepted pieces that this one may mean by the one before: () when no such piece is known, several when nothing tells which.

    Several may have one number: those of its market, supplier and recipient, where it says them; in which the depositor is named; on which
    it may be deposited by its cadre; then on which it still may.
    """
    if piece.deposit != ASSOCIATION:
        return ()
    found = known.standing.get(piece.previous, ())
    for fits in (
        lambda one: not piece.market or current(one).market == piece.market,
        lambda one: not piece.supplier.id or current(one).supplier.id == piece.supplier.id,
        lambda one: not piece.recipient.id or current(one).recipient.id == piece.recipient.id,
        lambda one: piece.depositor is None or piece.depositor.id in named_in(current(one)),
        lambda one: link_of(piece, one, tables) is not None,
        lambda one: (link := link_of(piece, one, tables)) is not None and standable(one, link.act, tables),
    ):
        found = tuple(filter(fits, found)) or found
    return found


def association(piece: Piece, meant: tuple[Standing, ...], known: Known, context: Context) -> Iterator[Finding]:
    """Whether this piece, completed by carry(), may be deposited on that one: known, in order, by the right actor, without contradiction, in time."""
    tables = context.tables
    if piece.deposit != ASSOCIATION:
        return
    if len(meant) != 1:
        several = (("expected", ", ".join(str(one.ref) for one in meant[:MOST_NAMED])),)
        yield Finding("FLX-W16" if meant else "FLX-W10", "previous", facts=(("found", piece.previous), *(several if meant else ())))
        return
    (before,) = meant
    link = link_of(piece, before, tables)
    if link is None:
        follow = [row for row in tables.life.follows(before.piece.cadre) if not row.setting or getattr(context.policy, row.setting)]
        may = ", ".join(f"{row.cadre} ({row.by})" for row in follow) or "—"
        yield Finding("FLX-W12", "cadre", facts=(("found", piece.cadre), ("previous", before.piece.cadre), ("expected", may)))
        return
    if not _owns(piece, before, link):  # who does own it is told to nobody else
        yield Finding("FLX-W13", "previous", facts=(("found", _told(_mine(piece))), ("cadre", piece.cadre), ("expected", link.by.upper())))
        return
    yield from _contradictions(piece, current(before))
    if not standable(before, link.act, tables):
        label = tables.life.statuses[before.status].label
        standing = (("found", before.piece.number), ("status", before.status), ("label", label.en), ("label_fr", label.fr))
        yield Finding("FLX-W11", "previous", facts=standing)
    else:
        yield from _early(link, before, known, context)


def openers(piece: Piece, before: Iterable[Standing], tables: Tables) -> Iterator[str]:
    """The numbers of the first pieces that association() asks for, beside those on which this one may be deposited."""
    if any(row.cadre == piece.cadre and row.not_before for row in tables.life.chain):
        yield from (one.dossier for one in before if one.first != one.ref)


def _early(link: Next, before: Standing, known: Known, context: Context) -> Iterator[Finding]:
    """FLX-W18: the day of deposit is one of the delay that must have passed first; a delay that was kept, or never began, is not held against it."""
    head = next((one for one in (before, *known.standing.get(before.dossier, ())) if one.ref == before.first), None)
    if not link.not_before or head is None:
        return
    tonight = span_of(context.today)[1] - timedelta(microseconds=1)
    for clock in clocks(head, (before,), "", tonight, context.tables):
        if clock.name == link.not_before and clock.state in (RUNNING, SUSPENDED):
            label = context.tables.clocks.delays[clock.name].label
            facts = (("cadre", link.cadre), ("found", f"{context.today:%Y-%m-%d}"), ("expected", f"{clock.due:%Y-%m-%d}"), ("delay_fr", label.fr), ("delay_en", label.en), ("article", clock.article))
            yield Finding("FLX-W18", "cadre", facts=facts)


def carry(piece: Piece, meant: tuple[Standing, ...], tables: Tables) -> tuple[Piece, tuple[str, ...]]:
    """
    The piece with what it leaves to the one before it: market, engagement, parties. Gives the names of the fields that were taken over.

    Only for who may deposit it there: a stranger learns nothing of a dossier by naming a piece of it.
    """
    if len(meant) != 1 or (link := link_of(piece, meant[0], tables)) is None or not _owns(piece, meant[0], link):
        return piece, ()
    theirs = current(meant[0])
    taken = {name: getattr(theirs, name) for name in _CARRIED if not _says(getattr(piece, name)) and _says(getattr(theirs, name))}
    return replace(piece, **taken), tuple(taken)


def _owns(piece: Piece, before: Standing, link: Next) -> bool:
    """Whether the depositor is the one who continues that piece: whom it names in that role."""
    owner = party_of(current(before), link.by)
    return owner is not None and bool(owner.id) and owner.id == _mine(piece).id


def _mine(piece: Piece) -> Actor:
    return piece.depositor or Actor("fournisseur", piece.supplier.id)


def _contradictions(piece: Piece, before: Piece) -> Iterator[Finding]:
    """FLX-W14: market, supplier and recipient are those of the dossier."""
    pairs = (("market", piece.market, before.market), ("supplier.id", piece.supplier.id, before.supplier.id), ("recipient.id", piece.recipient.id, before.recipient.id))
    for field, mine, theirs in pairs:
        if mine and theirs and mine != theirs:
            yield Finding("FLX-W14", field, facts=(("found", mine), ("expected", theirs)))


def _says(value: str | Party | None) -> bool:
    return bool(value.id if isinstance(value, Party) else value)


def _told(actor: Actor) -> str:
    return f"{actor.role} {actor.id or '—'}"
