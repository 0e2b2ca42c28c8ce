"""
What CPPFactureMixte and CPPFacturePivot share (domain 3.6): one envelope, then several pieces, each an element of its own.

Where each field stands below that element is ``places``. valideur, moe and moa are our own choice (local): the published formats have no
place for the works actors. An attachment is base64 of a ZIP; lines are information, of which the published facts tell name and net amount.
"""

from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from functools import lru_cache

from lxml import etree
from msgspec.structs import replace

from flux.gate import line_of
from flux.model import Finding, Parsed, Place
from flux.parsers import Source
from flux.parsers._assembly import KINDS, Dialect, Embedded, attachments, header, lines_at, nets, numbered, vat_line
from flux.parsers._places import Marks, Shape, plain
from flux.parsers._reading import A_DAY, MOST_NAME, Reading, iso_day
from flux.piece import Payment, Piece, VatLine

_DATA, _ACCOUNT = "DonneesFacture", "Fournisseur/ReferenceBancaire"
_LINES, _FILES = f"{_DATA}/Lignes/Ligne", "PJ"
FRAME_MOST = 64 << 10  # bytes of a document of several pieces beside them: every piece carries them on
_NOWHERE: tuple[str, ...] = ()  # the formats have no place for it


def _party(who: str, at: str, name: str) -> dict[str, tuple[str, ...]]:
    return {
        who: (at,), f"{who}.id": (f"{at}/Identifiant",), f"{who}.type": (f"{at}/TypeIdentifiant",), f"{who}.name": (f"{at}/{name}",),
        f"{who}.service": (f"{at}/CodeService",), f"{who}.vat": _NOWHERE, f"{who}.country": (f"{at}/CodePays",),
    }  # fmt: skip


def places(vat: str) -> dict[str, tuple[str, ...]]:
    """Field -> paths below a unit. *vat*: what the format calls the element around its VAT rows."""
    amounts = f"{_DATA}/Montants"
    return {
        "number": (f"{_DATA}/Id",),
        "type": (f"{_DATA}/Type",),
        "cadre": (f"{_DATA}/Cadre",),
        "profile": _NOWHERE,
        "issued": (f"{_DATA}/DateEmissionFacture",),
        "due": _NOWHERE,
        "delivered": (f"{_DATA}/DateLivraison",),
        "currency": (f"{_DATA}/Devise",),
        **_party("supplier", "Fournisseur", "RaisonSociale"),
        **_party("recipient", "Debiteur", "Nom"),
        **_party("valideur", f"{_DATA}/ActeursTravaux/Valideur", "Nom"),
        **_party("moe", f"{_DATA}/ActeursTravaux/Moe", "Nom"),
        **_party("moa", f"{_DATA}/ActeursTravaux/Moa", "Nom"),
        "engagement": (f"{_DATA}/Engagement/NumeroEngagement",),
        "market": (f"{_DATA}/Engagement/NumeroMarche",),
        "previous": (f"{_DATA}/IdFactureOrigine",),
        "amounts.ht": (f"{amounts}/MontantHT",),
        "amounts.tva": (f"{_DATA}/{vat}",),
        "amounts.ttc": (f"{amounts}/MontantTTC",),
        "amounts.net": (f"{amounts}/MontantNetAPayer",),
        **{f"amounts.{name}": _NOWHERE for name in ("lines", "allowances", "charges", "prepaid", "rounding")},
        "vat": (f"{_DATA}/{vat}/TVA",),
        "vat_regime": _NOWHERE,
        "payment.code": (f"{_DATA}/ModePaiement/Code",),
        "payment.iban": (_ACCOUNT,),
        "payment.bic": _NOWHERE,
        "attachments": (_FILES,),
        "lines": (_LINES,),
    }


_VAT = Shape({}, {"category": _NOWHERE, "rate": ("Taux",), "base": ("BaseHt",), "amount": ("MontantTVA",), "exemption": _NOWHERE})
_OF_LINES = lines_at(_LINES, {"net": ("MontantHT",)})
_header = lru_cache(lambda vat: Shape({}, places(vat), *(path for _, path in _OF_LINES.numbers)))


def read(source: Source, unit_name: str, vat_name: str) -> tuple[Parsed, ...]:
    """One Parsed a piece; when the document holds several, each with the document that would hold it alone."""
    root, shape = source.root.tag, _header(vat_name)
    units = source.root.findall(f"CPPFactures/{unit_name}")
    if not units:
        return (Parsed(Piece(stylesheet=source.stylesheet), where=Marks({"": Place(line_of(source.root), f"/{root}")})),)
    readings = [Reading(unit, shape, f"/{root}/CPPFactures/{unit_name}[{n}]") for n, unit in enumerate(units, 1)]
    pieces = [_piece(reading, vat_name, source) for reading in readings]
    alone = _alone(source.root, units) if len(units) > 1 else [None]
    if isinstance(alone, Finding):
        return tuple(Parsed(piece, (alone,), r.where) for piece, r in zip(pieces, readings, strict=True))
    told = zip(pieces, readings, alone, strict=True)
    return tuple(Parsed(piece, tuple(r.findings), r.where, document, tuple(r.files)) for piece, r, document in told)


def _piece(reading: Reading, vat_name: str, source: Source) -> Piece:
    reading.where.put("", Place(line_of(reading.found.element), reading.at))
    piece = header(reading, source, _DIALECT)
    for field in ("vat", "amounts.tva", "attachments", "lines"):
        reading.mark(field, None)
    rows = numbered(reading.at, f"{_DATA}/{vat_name}/TVA", reading.all(f"{_DATA}/{vat_name}/TVA"))
    vat = tuple(_categorised(vat_line(reading, row, _VAT, place, n)) for n, place, row in rows)
    known = [row.amount for row in vat if row.amount is not None]
    return replace(
        piece,
        amounts=replace(piece.amounts, tva=sum(known, Decimal(0)) if known else None),
        vat=vat,
        payment=_payment(reading, piece.payment),
        attachments=attachments(reading, _embedded(reading), source),
        nets=nets(reading, _OF_LINES),
        line_count=len(reading.all(_LINES)),
    )


def _scheme_of(identifier: etree._Element) -> str:
    """Chorus Pro's own type, beside the identifier."""
    party = identifier.getparent()
    return plain(party.findtext("TypeIdentifiant")) if party is not None else ""


_DIALECT = Dialect(iso_day, A_DAY, lambda _: "", _scheme_of)


def _categorised(row: VatLine) -> VatLine:
    return replace(row, category="S") if row.rate else row


def _payment(reading: Reading, payment: Payment) -> Payment:
    """Means and account; a bank reference of another kind than IBAN is no IBAN."""
    is_iban = any(account.get("Type", "IBAN") == "IBAN" for account in reading.all(_ACCOUNT)[:1])
    return replace(payment, iban=payment.iban.replace(" ", "") if is_iban else "")


def _embedded(reading: Reading) -> Iterator[Embedded]:
    for _, place, file in numbered(reading.at, _FILES, reading.all(_FILES)):
        name, kind, mime = (plain(file.findtext(tag), MOST_NAME) for tag in ("NomPJ", "TypePJ", "MimeTypePJ"))
        yield Embedded(file.findtext("Contenu") or "", place, name, kind if kind in KINDS else "", mime)


def _alone(root: etree._Element, units: list[etree._Element]) -> list[bytes] | Finding:
    """By unit, the same document with that one only: its envelope as received, the count set to one. FLX-L19: the envelope is too large."""
    before, mark, after = etree.tostring(_frame(root, units).getroottree(), encoding="UTF-8", xml_declaration=True).rpartition(b"</CPPFactures>")
    if (size := len(before) + len(after)) > FRAME_MOST:
        place = Place(line_of(root), f"/{root.tag}")
        return Finding("FLX-L19", facts=(("found", str(size)), ("expected", str(FRAME_MOST))), line=place.line, xpath=place.xpath)
    return [b"".join((before, etree.tostring(unit, encoding="UTF-8", with_tail=False), mark, after)) for unit in units]


def _frame(root: etree._Element, units: list[etree._Element]) -> etree._Element:
    """The document without its units: copied once, whatever their number. The one received is left as it is."""
    frame, apart = etree.Element(root.tag, _attributes(root), {str(prefix): uri for prefix, uri in root.nsmap.items()}), set(units)
    for instruction in reversed(list(root.itersiblings(preceding=True))):
        frame.addprevious(deepcopy(instruction))
    for child in root:
        if child.tag != "CPPFactures":
            frame.append(deepcopy(child))
            continue
        pieces = etree.SubElement(frame, child.tag, _attributes(child))
        pieces.extend([deepcopy(other) for other in child if other not in apart])
        pieces.set("Compteur", "1")
        pieces.text, pieces.tail = "\n", "\n"  # never an empty element: its end tag is where a unit goes
    return frame


def _attributes(element: etree._Element) -> dict[str, str]:
    return {str(name): str(value) for name, value in element.items()}
