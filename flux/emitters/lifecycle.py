"""
The life-cycle flow FEN1201A: CPPStatut, invoice branch (domain 3.1). One unit a status of a piece, in the order in which it was reached.

The schema wants a supplier's name and identifier, a recipient's SIRET of 14 digits and an invoice number. A piece without them is told in
the integration report alone; when none can be told here, this flow is not owed.
"""

import re
from collections.abc import Iterator

from flux.emitters import Emitter, Told
from flux.emitters._cpp_statut import box, carried, document, stamp, text
from flux.emitters._names import report_stem, stem
from flux.model import Answer, Decided, Severity, VerdictKind
from flux.piece import Piece

INTERFACE = "FEN1201A"
SERVICE_MOST = 100  # characters of CodeService
_SIRET = re.compile(r"[0-9]{14}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_DEPOSITED = "DEPOSEE"  # happened at reception; every other status at the decision


def render(letter: Told) -> Answer | None:
    """The statuses of every piece that the schema can hold."""
    told = list(_statuses(letter))
    if not told:
        return None
    units = [_unit(order, decided, status, letter) for order, (decided, status) in enumerate(told, 1)]
    name = stem(letter, INTERFACE)
    return Answer("lifecycle", f"{name}.xml", document(letter, name, box("CPPFactureStatuts", *units, compteur=str(len(units)))))


def _statuses(letter: Told) -> Iterator[tuple[Decided, str]]:
    for decided in letter.decision.pieces:
        if holds(decided.piece):
            yield from ((decided, status) for status in decided.verdict.statuses)


def holds(piece: Piece) -> bool:
    """Whether the schema can hold this piece."""
    supplier, recipient = piece.supplier, piece.recipient
    known = supplier.type and supplier.id and supplier.name and piece.number
    return bool(known and _SIRET.fullmatch(recipient.id) and recipient.type in ("", "1") and len(carried(recipient.service)) <= SERVICE_MOST)


def _unit(order: int, decided: Decided, status: str, letter: Told) -> str:
    piece = decided.piece
    supplier, recipient, row = piece.supplier, piece.recipient, letter.tables.life.statuses[status]
    return box(
        "CPPFactureStatutUnitaire",
        box(
            "Fournisseur",
            text("TypeIdentifiant", supplier.type),
            text("Identifiant", supplier.id),
            text("RaisonSociale", supplier.name),
            text("CodePays", supplier.country if _COUNTRY.fullmatch(supplier.country) else ""),
        ),
        box(
            "Debiteur",
            text("TypeIdentifiant", "1"),
            text("Identifiant", recipient.id),
            text("Nom", recipient.name),
            text("CodeService", recipient.service),
        ),
        box(
            "DonneesStatut",
            text("IdStatut", row.cpp),
            text("ComplementStatut", status if row.local else row.label.fr),
            text("Commentaire", _comment(decided, letter)),
            text("Horodatage", stamp(letter.flow.received_at if status == _DEPOSITED else letter.at)),
            text("Producteur", letter.installation, Id=letter.installation),
            text("IdFacture", piece.number),
            text("DateFacture", piece.issued.isoformat() if piece.issued else ""),
        ),
        NumOrdre=str(order),
    )


def _comment(decided: Decided, letter: Told) -> str:
    """For a refused piece, its codes with their labels: the whole is in the integration report, which is named."""
    if decided.verdict.kind is not VerdictKind.REJECTED:
        return ""
    errors = {f["code"] for f in letter.told[decided.piece.ordinal - 1]["findings"] if f["severity"] == Severity.ERROR}
    listed = " ; ".join(f"{code} {letter.tables.catalogue[code].label}" for code in sorted(errors))
    return f"{listed}. Détail : {report_stem(letter)}.xml"


EMITTER = Emitter("lifecycle", render, "cpp-statut")
