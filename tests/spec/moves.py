"""
Pieces and what became of them, for the tests of what is told of moves.

Run as a program it writes the golden files anew, to be reviewed as a diff: ``.venv/bin/python tests/spec/moves.py``.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from flux import kit
from flux.dossier import Act, Ref, Routing
from flux.lifecycle import depositor_of, moved, opened, party_of
from flux.piece import Actor, Amounts, Party, Piece
from flux.policy import Policy
from flux.telling import tell_moves

GOLDEN = Path(__file__).with_name("golden")
DEPOSITED = datetime(2026, 3, 27, 9, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # already the 29th in Paris, before the change of that night
SUPPLIER = Party("1", "99912040500017", "BATIPRO Construction", country="FR")
RECIPIENT = Party("1", "22990008900017", "Département de la Haute-Lisse", service="ROUTES")
MOE = Party("1", "99913225100029", "Ingénierie des Rives")
TITULAIRE = Party("1", "99914100300015", "Grands Travaux de l'Est")
OTHER = Party("1", "99915200400011", "Études du Pont")
PARTNERS = {"batipro": Policy(lifecycle="both")}
KIT = kit.build()


def a_piece(**changes):
    given = {
        "number": "SIT-1", "cadre": "A4", "type": "380", "issued": date(2026, 3, 1), "currency": "EUR", "supplier": SUPPLIER, "recipient": RECIPIENT,
        "moe": MOE, "moa": RECIPIENT, "amounts": Amounts(Decimal(100), Decimal(20), Decimal("120.00"), Decimal(120)), "syntax": "UBL",
    }  # fmt: skip
    return Piece(ordinal=1, **given | changes)


def deposited(piece, first="moe"):
    """A piece that was just accepted, whose turn is that of *first*."""
    actor = Actor(first, party_of(piece, first).id)
    return opened(piece, Ref("20260327T090000000Z-7k3q9x2m4b", 1), "batipro", "a" * 64, actor, (DEPOSITED, DEPOSITED + timedelta(seconds=1)), KIT.tables)


def done(standing, *acts, at=NIGHT):
    """The piece after these acts, each (act, role, motive, comment, routing), of which the last may be left out; and the moves of the last."""
    new = ()
    for act in acts:
        verb, role, motive, comment, routing = (*act, *("", "", None)[len(act) - 2 :])
        actor = depositor_of(standing.piece, KIT.tables) if role == "deposant" else Actor(role, party_of(standing.piece, role).id)
        new = moved(standing, Act(verb, actor, "somebody", motive, comment, routing), at, KIT.tables)
        assert isinstance(new, tuple), new
        standing = replace(standing, moves=standing.moves + new)
    return standing, new


def told(standing, new, partners=None, routes=()):
    """What these moves owe."""
    return tell_moves(standing, new, PARTNERS if partners is None else partners, routes, "FLUX01", NIGHT + timedelta(minutes=5), KIT)


CORRECTED = Routing(moe=OTHER, service="VOIRIE")
STORIES = {  # three moves, each in both forms: what the depositor is told
    "refused-by-the-moe": (a_piece(), "moe", [("refuser", "moe", "MAUVAISE_MOE", "Ce marché n'est pas suivi <ici> & là.")]),
    "refused-by-the-moa": (a_piece(cadre="A17"), "moa", [("refuser", "moa", "AUTRE", "Le décompte final n'est pas joint.")]),
    "recycled": (a_piece(), "moe", [("refuser", "moe", "MAUVAISE_MOE", "Pas nous."), ("recycler", "deposant", "", "", CORRECTED)]),
}


def golden():
    """By file name: what each story tells the depositor."""
    for name, (piece, first, acts) in STORIES.items():
        for owed in told(*done(deposited(piece, first), *acts)).owed:
            if owed.target == "returns/batipro":
                yield f"{name}.{owed.answer.kind}.xml", owed.answer.content


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for file, content in golden():
        (GOLDEN / file).write_bytes(content)
