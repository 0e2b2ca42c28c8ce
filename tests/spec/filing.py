"""Dossiers under way, for the tests of the delays: each step is what the machine allows, or the test fails; and a case of every delay."""

from datetime import UTC, date, datetime, timedelta

from cases import MOE, RECIPIENT, SUPPLIER, TITULAIRE, a_piece
from msgspec.structs import replace

from flux import tables as flux_tables
from flux.clocks import clocks
from flux.decision import next_actor
from flux.dossier import Act, Ref
from flux.lifecycle import associated, moved, opened
from flux.model import Finding
from flux.piece import Actor
from flux.when import PARIS

TABLES = flux_tables.load()
CALENDAR = TABLES.clocks.calendar
IDS = {"moe": MOE.id, "moa": RECIPIENT.id, "valideur": TITULAIRE.id, "service_financier": RECIPIENT.id, "fournisseur": SUPPLIER.id}
MINUTE = timedelta(minutes=1)
FIRST = date(2026, 6, 1)  # a Monday


def at(day, hour=10, minute=0):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=PARIS).astimezone(UTC)


class File:
    """A dossier under way: each step is what the machine allows, or the test fails."""

    def __init__(self, cadre, day):
        self.pieces = []
        self._open(cadre, day, None)

    def _open(self, cadre, day, previous):
        number = len(self.pieces) + 1
        piece = replace(a_piece(), cadre=cadre, number=f"N{number}", valideur=TITULAIRE if cadre in ("A10", "A13", "A14") else None)
        actor = next_actor(piece, TABLES)
        self.pieces.append(opened(piece, Ref(f"F{number}", 1), "batipro", "", actor, (at(day), at(day)), TABLES, previous))

    def then(self, cadre, day):
        """The next piece, deposited on the last."""
        before = self.pieces[-1]
        link = next(row for row in TABLES.life.follows(before.piece.cadre) if row.cadre == cadre)
        step = associated(before, link.act, Actor(link.by, IDS[link.by]), "batipro", at(day), TABLES)
        self.pieces[-1] = replace(before, moves=(*before.moves, step))
        self._open(cadre, day, before)
        return self

    def does(self, act, role, day, piece=-1, hour=10, **more):
        """An act on a piece of it, the last unless said."""
        standing = self.pieces[piece]
        id_ = standing.depositor.id if role == standing.depositor.role else IDS.get(role, "")
        steps = moved(standing, Act(act, Actor(role, id_), "jo", **more), at(day, hour), TABLES)
        assert not isinstance(steps, Finding), steps
        self.pieces[piece] = replace(standing, moves=(*standing.moves, *steps))
        return self

    def clock(self, name, now, payer="collectivite", piece=-1):
        """The clock of this name as the piece tells it, None when there is none."""
        return {clock.name: clock for clock in clocks(self.pieces[piece], tuple(self.pieces), payer, now, TABLES)}.get(name)


def refused(file, day):
    return file.does("refuser", "moe", day, motive="MAUVAISE_MOA", comment="autre")


def suspended(file, day, role="moe", **more):
    return file.does("suspendre", role, day, comment="le métré manque", **more)


ROWS = {  # name -> how it begins on FIRST, its last day, what keeps it
    "validation": (lambda: File("A13", FIRST), date(2026, 6, 16), lambda file, day: file.does("valider", "valideur", day)),
    "moe": (lambda: File("A4", FIRST), date(2026, 6, 8), lambda file, day: file.then("A15", day)),
    "payment": (
        lambda: File("A4", FIRST).then("A15", FIRST).then("A19", FIRST), date(2026, 7, 1),
        lambda file, day: file.does("mettre_en_paiement", "service_financier", day),
    ),
    "general_statement": (lambda: File("A7", FIRST), date(2026, 7, 1), lambda file, day: file.then("A17", day).then("A20", day)),
    "tacit_statement": (lambda: File("A7", date(2026, 4, 20)).then("A22", FIRST), date(2026, 6, 11), lambda file, day: file.then("A20", day)),
    "signature": (lambda: File("A20", FIRST), date(2026, 7, 1), lambda file, day: file.then("A8", day)),
    "balance": (lambda: File("A8", FIRST), date(2026, 7, 1), lambda file, day: file.does("mettre_en_paiement", "service_financier", day)),
    "acknowledgement": (lambda: refused(File("A4", FIRST), FIRST), date(2026, 6, 8), lambda file, day: file.does("acquitter", "fournisseur", day)),
}  # fmt: skip
