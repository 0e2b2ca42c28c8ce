"""CPPStatut (domain 3.1): the envelope, the document around a branch, and the units of the invoice branch."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache

from flux.emitters._steps import Step
from flux.emitters._xml import box, carried, laid, text, written
from flux.piece import Party, Piece
from flux.tables import Tables
from flux.tables.life import ROUTING
from flux.when import day_of, in_paris

VERSION = "V1_19"
SERVICE_MOST = 100  # characters of CodeService
_CHORUS = "CPP001"  # who receives when the sender's application code is unknown
_RECEIVER = re.compile("[0-9A-Za-z]{3,8}")  # the schema's bounds; of signs that stay one when they are escaped: a sender chose the name
_SIRET = re.compile(r"[0-9]{14}")
_COUNTRY = re.compile(r"[A-Z]{2}")


def document(branch: Iterable[str], number: str, application: str, installation: str, at: datetime) -> Iterator[bytes]:
    """A CPPStatut around one branch. *number*: the id of this return flow; *application*: the code of who receives it, where one is known."""
    return written(laid("CPPStatut", envelope(number, application, installation, at), branch, Version=VERSION))


def envelope(number: str, application: str, installation: str, at: datetime) -> str:
    """The envelope of AIFE's formats (domain 2)."""
    told = (("DtPrd", day_of(at).isoformat()), ("IdFlx", number))
    parameters = (
        box("ParametreIndiv", text("Code", code), text("Valeurparametre", value), NumOrdre=f"{order:04d}")
        for order, (code, value) in enumerate(told, 1)
    )
    receiver = application if _RECEIVER.fullmatch(application) else _CHORUS
    partners = box("Partenaires", box("Recepteur", text("Id", receiver)), box("Emetteur", text("Id", installation)))
    return box("Enveloppe", box("EnveloppeUnitaire", box("Parametres", *parameters), partners, NumOrdre="1"))


def invoices(steps: Iterable[Step], count: int, tables: Tables, number: str, application: str, installation: str, at: datetime) -> Iterator[bytes]:
    """A CPPStatut of the invoice branch: one unit a step, of pieces that it holds(). *count*: how many steps there are."""
    units = (_unit(order, step, tables, installation) for order, step in enumerate(steps, 1))
    return document(laid("CPPFactureStatuts", units, compteur=str(count)), number, application, installation, at)


def holds(piece: Piece) -> bool:
    """Whether the schema can hold this piece."""
    supplier, recipient = piece.supplier, piece.recipient
    known = supplier.type and supplier.id and supplier.name and piece.number
    return bool(known and _SIRET.fullmatch(recipient.id) and recipient.type in ("", "1") and len(carried(recipient.service)) <= SERVICE_MOST)


@lru_cache(16)
def stamp(at: datetime) -> str:
    """An instant as CPPStatut's examples write it: Paris time with its offset, milliseconds."""
    return in_paris(at).isoformat(timespec="milliseconds")


def _unit(order: int, step: Step, tables: Tables, installation: str) -> str:
    row = tables.life.statuses[step.status]
    return box(
        "CPPFactureStatutUnitaire",
        _supplier(step.piece.supplier),
        _recipient(step.piece.recipient),
        box(
            "DonneesStatut",
            text("IdStatut", _code(step, tables)),
            text("ComplementStatut", step.status if row.local else row.label.fr),
            text("Commentaire", step.comment),
            text("Horodatage", stamp(step.at)),
            text("Producteur", step.by.role if step.by else installation, Id=step.by.id if step.by else installation),
            text("IdFacture", step.piece.number),
            text("DateFacture", step.piece.issued.isoformat() if step.piece.issued else ""),
        ),
        NumOrdre=str(order),
    )


@lru_cache(256)
def _supplier(supplier: Party) -> str:
    """Written once: the pieces of a flow are of few parties."""
    return box(
        "Fournisseur",
        text("TypeIdentifiant", supplier.type),
        text("Identifiant", supplier.id),
        text("RaisonSociale", supplier.name),
        text("CodePays", supplier.country if _COUNTRY.fullmatch(supplier.country) else ""),
    )


@lru_cache(256)
def _recipient(recipient: Party) -> str:
    return box(
        "Debiteur",
        text("TypeIdentifiant", "1"),
        text("Identifiant", recipient.id),
        text("Nom", recipient.name),
        text("CodeService", recipient.service),
    )


def _code(step: Step, tables: Tables) -> str:
    """The number of a status: another one when it was refused for what is no error of routing."""
    row, motive = tables.life.statuses[step.status], tables.life.motives.get(step.motive)
    return row.other if row.other and motive is not None and motive.kind != ROUTING else row.cpp
