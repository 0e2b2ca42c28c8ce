"""
The pivot FEN0036A (CPPFacturePivot V2_02, domain 3.6), for recipients that ask for it instead of the bytes received. Pure.

It is made in two places. VAT rows and attachments are only in the document, so that the child that judges it writes them down as the pivot
has them. The rest is known once the piece is accepted, and made beside the ledger: a head before the VAT rows, a middle before the attachments,
an end. The document is these five, one after the other; nobody ever holds it whole.
"""

import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from itertools import chain
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from msgspec import Struct

from flux.dossier import Move, Standing
from flux.emitters._cpp_statut import envelope
from flux.emitters._xml import HEAD, box, carried, text
from flux.piece import Attachment, Piece, VatLine
from flux.tables import Tables
from flux.when import day_of

INTERFACE = "FEN0036A"
VERSION = "V2_02"
MAIN, OTHER = "01", "02"  # TypePJ
NAME_MOST = 50            # characters of NomPJ
END = b"\n</CPPFacturePivotUnitaire>\n</CPPFactures>\n</CPPFacturePivot>\n"
# What stands for the attachments where a head and a middle are held to the schema without them.
A_FILE = b'<PJ NumOrdre="1"><Contenu>eA==</Contenu><NomPJ>x</NomPJ><TypePJ>01</TypePJ></PJ>'

_DIGITS_MOST, _DECIMALS_MOST = 19, 6
_MOE = "MISE_A_DISPOSITION_MOE"
_RETURNED = {"completer": "Complétée", "recycler": "Recyclée"}
_COUNTRY = re.compile(r"[A-Z]{2}")
_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f]")
_LEVEL = 1  # of compression: most attachments are PDFs, which hardly shrink


class File(Struct, frozen=True):
    """A file that goes beside the data: its content, and what it is to the reader."""

    name: str
    content: bytes
    category: str
    mime: str
    kind: str


def name_of(standing: Standing, installation: str) -> str:
    """``FEN0036A_<installation>_<flow id>-<ordinal>``: derived, and the id of this flow in its envelope."""
    return f"{INTERFACE}_{installation}_{standing.ref.flow}-{standing.ref.ordinal:05d}"


# -- in the child: what only the document holds ----------------------------------------------------------------------------------------------


def vat_rows(rows: Sequence[VatLine]) -> Iterator[bytes]:
    """TVAs: nothing unless every row tells its rate, base and amount as the format can hold them: a part of a breakdown would mislead."""
    told = [(_amount(row.rate), _amount(row.base), _amount(row.amount)) for row in rows]
    if told and all(all(row) for row in told):
        yield b"<TVAs>\n"
        for rate, base, amount in told:
            yield f"{box('TVA', text('Taux', rate), text('BaseHt', base), text('MontantTVA', amount))}\n".encode()
        yield b"</TVAs>\n"


def main_document(name: str, content: bytes, attachments: Sequence[Attachment], contents: Sequence[bytes]) -> File | None:
    """What a person reads: the PDF that carried the data, else an attachment that says that it is that, else the XML itself."""
    if content.startswith(b"%PDF-"):
        return File(name, content, "Facture PDF", "application/pdf", MAIN)
    if any(one.kind == MAIN and kept for one, kept in zip(attachments, contents, strict=True)):
        return None
    return File(name, content, "Facture XML", "application/xml", MAIN)


def files(main: File | None, attachments: Sequence[Attachment], contents: Sequence[bytes]) -> Iterator[bytes]:
    """PJ 1..n, each base64 of a ZIP that holds the file alone. One whose content could not be read is left out."""
    beside = (
        File(one.name, content, "Facture PDF" if one.kind == MAIN else "Pièce jointe standard", one.mime, one.kind or OTHER)
        for one, content in zip(attachments, contents, strict=True) if content
    )  # fmt: skip
    for order, file in enumerate(chain([main] if main else [], beside), 1):
        name = _short(file.name, order)
        yield f'<PJ NumOrdre="{order}">\n<Contenu>'.encode()
        yield binascii.b2a_base64(_zipped(file), newline=False)
        told = (
            text("NomPJ", name), text("NomPJOrigine", file.name if file.name != name else ""), text("CategoriePJ", file.category),
            text("TypePJ", file.kind), text("MimeTypePJ", file.mime),
        )  # fmt: skip
        yield ("</Contenu>\n" + "\n".join(filter(None, told)) + "\n</PJ>\n").encode()


def _zipped(file: File) -> bytes:
    """Alone in a ZIP, under a name that leads nowhere; without the hour, so that the same file gives the same bytes."""
    name = _UNSAFE.sub("_", file.name.encode("utf-8", "replace").decode())
    info = ZipInfo(name if name.strip(".") else "x")
    info.compress_type = ZIP_DEFLATED
    with ZipFile(packed := BytesIO(), "w") as archive:
        archive.writestr(info, file.content, compresslevel=_LEVEL)
    return packed.getvalue()


def _short(name: str, order: int) -> str:
    """A name as NomPJ takes it, with its extension; the whole is told in NomPJOrigine."""
    whole = carried(name)
    if not whole:
        return f"piece-jointe-{order}"
    stem, point, extension = whole.rpartition(".")
    tail = f"-{order}{point}{extension}" if point and stem and len(extension) < NAME_MOST // 2 else f"-{order}"
    return whole if len(whole) <= NAME_MOST else whole[: NAME_MOST - len(tail)] + tail


# -- beside the ledger: what is known once it is accepted --------------------------------------------------------------------------------------


def head(standing: Standing, installation: str, at: datetime, tables: Tables) -> bytes:
    """Everything before the VAT rows."""
    piece, supplier, recipient = standing.piece, standing.piece.supplier, standing.piece.recipient
    code, amounts = piece.payment.code, piece.amounts
    available = next((move.at for move in standing.moves if move.status == _MOE), None)
    inside = (
        box(
            "Fournisseur",
            text("TypeIdentifiant", supplier.type), _filled("Identifiant", supplier.id), _filled("RaisonSociale", supplier.name),
            text("CodePays", supplier.country if _COUNTRY.fullmatch(supplier.country) else ""),
            text("ReferenceBancaire", piece.payment.iban, Type="IBAN"),
            text("ModeEmission", "flux" if piece.mode == "edi" else "PDF"),
        ),
        box(
            "Debiteur",
            text("TypeIdentifiant", recipient.type or "1"), text("Identifiant", recipient.id), text("Nom", recipient.name), text("CodeService", recipient.service),
        ),
        "<DonneesFacture>",
        text("Id", piece.number),
        text("Renvoi", renvoi(standing.moves)),
        text("IdFactureOrigine", piece.previous if piece.type == "381" else ""),
        text("Type", piece.type),
        text("Cadre", piece.cadre),
        text("DateEmissionFacture", piece.issued.isoformat() if piece.issued else ""),
        text("DateLivraison", piece.delivered.isoformat() if piece.delivered else ""),
        box("ModePaiement", text("Code", tables.codes.pivot_payment.get(code, code))),
        text("DateReception", day_of(standing.moves[0].at).isoformat()),
        text("DateMiseADispositionMOE", day_of(available).isoformat() if available else ""),
        text("Devise", piece.currency),
        box("Montants", text("MontantHT", _amount(amounts.ht)), text("MontantTTC", _amount(amounts.ttc)), text("MontantNetAPayer", _amount(amounts.net))),
    )  # fmt: skip
    around = (
        f'<CPPFacturePivot Version="{VERSION}">', envelope(name_of(standing, installation), "", installation, at),
        '<CPPFactures Compteur="1">', '<CPPFacturePivotUnitaire NumOrdre="1">',
    )  # fmt: skip
    return (HEAD + "\n".join(filter(None, (*around, *inside))) + "\n").encode()


def middle(piece: Piece) -> bytes:
    """What stands between the VAT rows and the attachments."""
    references = (text("NumeroMarche", piece.market), text("NumeroEngagement", piece.engagement))
    return (f"{box('Engagement', *references)}\n" if any(references) else "").encode() + b"</DonneesFacture>\n"


def renvoi(moves: Iterable[Move]) -> str:
    """Whether the piece comes back, and after what: the last completion or recycling."""
    return next((_RETURNED[move.act] for move in reversed(tuple(moves)) if move.act in _RETURNED), "Non")


def _filled(tag: str, value: str) -> str:
    return text(tag, value) or f"<{tag}/>"


def _amount(value: Decimal | None) -> str:
    """A number as the format takes it; "" when there is none, or one that it cannot hold."""
    if value is None:
        return ""
    whole, _, decimals = f"{value:f}".lstrip("-").partition(".")
    digits, decimals = whole.lstrip("0"), decimals.rstrip("0")
    return f"{value:f}" if len(digits) + len(decimals) <= _DIGITS_MOST and len(decimals) <= _DECIMALS_MOST else ""
