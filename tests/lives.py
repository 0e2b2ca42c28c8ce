"""Makers of standings for the tests of the life of a piece: one sound piece of each cadre, and what each test changes of it."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from flux import tables as flux_tables
from flux.decision import next_actor
from flux.dossier import Act, Move, Ref
from flux.lifecycle import after, opened
from flux.piece import Actor, Amounts, Party, Piece

TABLES = flux_tables.load()
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SUPPLIER, RECIPIENT = Party("1", "99912040500017", "BATIPRO"), Party("1", "22990008900017", "Département", service="ROUTES")
MOE, MOA, VALIDEUR = Party("1", "99913225100029", "Rives"), Party("1", "22990008900017", "Département"), Party("1", "99912040500025", "Titulaire")
PIECE = Piece(
    ordinal=1, number="SIT-1", cadre="A4", type="380", supplier=SUPPLIER, recipient=RECIPIENT, moe=MOE, moa=MOA, valideur=VALIDEUR,
    market="2026-MT-0042", engagement="EJ-1", currency="EUR", amounts=Amounts(),
)  # fmt: skip
PARTIES = {"fournisseur": SUPPLIER, "sous-traitant": SUPPLIER, "cotraitant": SUPPLIER, "moe": MOE, "moa": MOA, "valideur": VALIDEUR, "service_financier": RECIPIENT, "systeme": Party()}


def as_role(role):
    return Actor(role, PARTIES[role].id)


def a_standing(cadre="A4", status="", *, number="SIT-1", flow="f1", **changes):
    """A piece of this cadre that was just accepted, or, where a status is given, that came to stand in it."""
    piece = replace(PIECE, cadre=cadre, number=number, **changes)
    one = opened(piece, Ref(flow, 1), "batipro", "a" * 64, next_actor(piece, TABLES), (NOON, NOON + timedelta(minutes=1)), TABLES)
    return standing_in(one, status) if status else one


def standing_in(one, status):
    """In this status, waiting for whoever waits there by the table."""
    roles = {row.waits for row in TABLES.life.transitions if status in (row.to, row.then)} | {role for role, first in TABLES.life.initial.items() if first == status}
    role = next((role for role in sorted(roles) if role in PARTIES), "")
    waits = as_role(role) if role else one.depositor if "deposant" in roles else None
    return after(one, [Move(3, "deposer", status, NOON + timedelta(hours=1), "systeme", "flux", waits)])


def an_act(act, role, **rest):
    return Act(act, as_role(role), "claire", **rest)
