"""
CPPStatut as recipients send it (domain 3.1): no pieces, but lines that say of pieces where they stand. One Parsed a line.

A line's piece is what the line names of it, enough to find the one that was accepted: supplier, number, recipient. A text that is longer than
anybody reads is cut, and ends in an ellipsis, as in every syntax.
"""

from datetime import datetime

from lxml import etree

from flux.dossier import StatusLine
from flux.gate import line_of
from flux.model import Parsed, Place
from flux.parsers import Parser, Source
from flux.parsers._places import plain
from flux.parsers._reading import iso_day
from flux.piece import Party, Piece
from flux.when import PARIS

_INVOICES, _FLOWS = "CPPFactureStatuts/CPPFactureStatutUnitaire", "CPPFluxStatuts/CPPFluxStatutUnitaire"
_PLACES = {
    "number": "DonneesStatut/IdFacture", "supplier": "Fournisseur", "supplier.id": "Fournisseur/Identifiant", "recipient": "Debiteur",
    "recipient.id": "Debiteur/Identifiant", "recipient.service": "Debiteur/CodeService",
}  # fmt: skip


def parse(source: Source) -> tuple[Parsed, ...]:
    """One Parsed a unit of either branch; a document without any is one line that the schema refuses."""
    units = [(path, unit) for path in (_INVOICES, _FLOWS) for unit in source.root.findall(path)]
    if not units:
        return (Parsed(Piece(), where={"": Place(line_of(source.root), f"/{source.root.tag}")}, line=StatusLine()),)
    several = len(units) > 1
    return tuple(_line(unit, f"/{source.root.tag}/{path}" + (f"[{n}]" if several else "")) for n, (path, unit) in enumerate(units, 1))


def _line(unit: etree._Element, at: str) -> Parsed:
    def text(path: str) -> str:
        return plain(unit.findtext(path))

    producer = unit.find("DonneesStatut/Producteur")
    line = StatusLine(
        status=text("DonneesStatut/IdStatut"), complement=text("DonneesStatut/ComplementStatut"), comment=text("DonneesStatut/Commentaire"),
        at=_instant(text("DonneesStatut/Horodatage")), producer=plain(producer.get("Id") if producer is not None else ""),
        flow=text("DonneesStatut/IdFlux"), issued=iso_day(text("DonneesStatut/DateFacture")),
    )  # fmt: skip
    piece = Piece(
        number=text("DonneesStatut/IdFacture"),
        supplier=Party(text("Fournisseur/TypeIdentifiant"), text("Fournisseur/Identifiant"), text("Fournisseur/RaisonSociale")),
        recipient=Party(text("Debiteur/TypeIdentifiant"), text("Debiteur/Identifiant"), text("Debiteur/Nom"), text("Debiteur/CodeService")),
    )
    where = {"": Place(line_of(unit), at)}
    for field, path in _PLACES.items():
        if (element := unit.find(path)) is not None:
            where[field] = Place(line_of(element), f"{at}/{path}")
    return Parsed(piece, where=where, line=line)


def _instant(text: str) -> datetime | None:
    """An xs:dateTime; without an offset it is Paris time (local). None: what no calendar here holds, which the schema may well allow."""
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=PARIS)).astimezone(PARIS)
    except (ValueError, OverflowError):
        return None


PARSER = Parser(syntax="CPP_STATUT", roots={"CPPStatut": "cpp-statut"}, read=parse)
