"""
FluxDepot (local): a PDF with its data, deposited in the mode service or portail. Written by ``flux.depot``, and no syntax of EDI flows.

The main document is opened, in memory and behind the walls of the sandbox, to know that the one who acts next can open it; nothing is rendered.
"""

import binascii
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO

from lxml import etree
from msgspec.structs import replace

from flux.depot import NAMESPACE, PDF, ROOT
from flux.facts import Facts, own_words
from flux.gate import line_of, quoted
from flux.model import Finding, Parsed, Place
from flux.parsers import Parser, Source
from flux.parsers._assembly import Dialect, Embedded, attachments, header, numbered, vat_line
from flux.parsers._places import Shape, plain
from flux.parsers._reading import A_DAY, MOST_NAME, Reading, iso_day

NAMESPACES = {"dep": NAMESPACE}
AT = f"/dep:{ROOT}"
_VAT, _MAIN, _BESIDE = "dep:LignesTVA/dep:LigneTVA", "dep:FichierPrincipal", "dep:PieceJointe"
_HEADER = b"%PDF-"
_DATA = f"{{{NAMESPACE}}}"
_NOWHERE: tuple[str, ...] = ()


def _party(who: str, name: str) -> dict[str, tuple[str, ...]]:
    at = f"dep:{name}"
    return {
        who: (at,), f"{who}.id": (f"{at}/dep:Identifiant",), f"{who}.type": (f"{at}/dep:Identifiant",), f"{who}.name": (f"{at}/dep:Nom",),
        f"{who}.service": (f"{at}/dep:CodeService",), f"{who}.vat": (f"{at}/dep:NumeroTVA",), f"{who}.country": (f"{at}/dep:CodePays",),
    }  # fmt: skip


_SHAPE = Shape(NAMESPACES, {
    "number": ("dep:Numero",), "type": ("dep:Type",), "cadre": ("dep:Cadre",), "profile": _NOWHERE,
    "issued": ("dep:Date",), "due": _NOWHERE, "delivered": _NOWHERE, "currency": ("dep:Devise",), "vat_regime": ("dep:TypeTVA",),
    "amounts.ht": ("dep:Montants/dep:HT",), "amounts.tva": ("dep:Montants/dep:TVA",), "amounts.ttc": ("dep:Montants/dep:TTC",),
    "amounts.net": ("dep:Montants/dep:NetAPayer",),
    **{f"amounts.{name}": _NOWHERE for name in ("lines", "allowances", "charges", "prepaid", "rounding")},
    **_party("supplier", "Fournisseur"), **_party("recipient", "Destinataire"), **_party("moe", "Moe"), **_party("moa", "Moa"),
    **_party("valideur", "Valideur"),
    "market": ("dep:Marche",), "engagement": ("dep:Engagement",), "previous": ("dep:PiecePrecedente",),
    "payment.code": ("dep:Paiement/dep:Mode",), "payment.iban": ("dep:Paiement/dep:IBAN",), "payment.bic": ("dep:Paiement/dep:BIC",),
    "vat": (_VAT,), "attachments": (_MAIN,), "lines": _NOWHERE,
}, _BESIDE)  # fmt: skip
_VAT_LINE = Shape(NAMESPACES, {"rate": ("dep:Taux",), "base": ("dep:Base",), "amount": ("dep:Montant",), "category": _NOWHERE, "exemption": _NOWHERE})


def parse(source: Source) -> tuple[Parsed, ...]:
    """The one piece of the document. A partner's default_cadre is no matter here: the cadre of a deposit is typed."""
    reading = Reading(source.root, _SHAPE, AT)
    reading.where.put("", Place(line_of(source.root), AT))
    piece = header(reading, replace(source, default_cadre=""), _DIALECT)
    for field in ("vat", "attachments", "lines"):
        reading.mark(field, None)
    tva = reading.amount("amounts.tva")
    vat = tuple(vat_line(reading, row, _VAT_LINE, place, n) for n, place, row in numbered(AT, _VAT, reading.all(_VAT)))
    known = [row.amount for row in vat if row.amount is not None]
    files = tuple(_embedded(reading))
    taken = attachments(reading, files, source)
    reading.findings += _main(files, source)
    piece = replace(
        piece,
        amounts=replace(piece.amounts, tva=sum(known) if tva is None and known else tva),
        payment=replace(piece.payment, iban=piece.payment.iban.replace(" ", "")),
        vat=vat,
        attachments=taken,
    )
    return (Parsed(piece, tuple(reading.findings), reading.where, files=tuple(reading.files)),)


def _type_of(identifier: etree._Element) -> str:
    return (identifier.get("type") or "").strip()


_DIALECT = Dialect(iso_day, A_DAY, lambda _: "VAT", _type_of)


def _embedded(reading: Reading) -> Iterator[Embedded]:
    """The main document, then what goes with it."""
    for path, kind in ((_MAIN, "01"), (_BESIDE, "02")):
        for _, place, file in numbered(AT, path, reading.all(path)):
            name, mime = (plain(file.findtext(_DATA + tag), MOST_NAME) for tag in ("Nom", "TypeMime"))
            yield Embedded(file.findtext(f"{_DATA}Contenu") or "", place, name, kind, mime or (PDF if kind == "01" else ""))


def _main(files: tuple[Embedded, ...], source: Source) -> Iterator[Finding]:
    """FLX-T23: the main document is no PDF that opens. One that is too large, or no base64, is told as that alone."""
    main = next((file for file in files if file.kind == "01"), None)
    if main is None or len(main.encoded) * 3 // 4 >= source.limits.attachment_mb << 20:
        return
    try:
        content = binascii.a2b_base64(main.encoded)
    except ValueError:
        return
    if content and (why := _unopened(content)):
        yield Finding("FLX-T23", "attachments[1].bytes", facts=(("name", quoted(main.name) or "—"), *why), line=main.place.line, xpath=main.place.xpath)


def _unopened(content: bytes) -> Facts:
    """Why a PDF cannot be opened, () when it can. A table that is damaged is rebuilt, as every reader does."""
    if not content.startswith(_HEADER):
        return (("why", "no_pdf"),)
    if content.rfind(b"PK\x05\x06") > content.rfind(b"%%EOF"):  # what one reader takes for a PDF is a ZIP for another
        return (("why", "zip_behind"),)
    pikepdf = _pikepdf()
    try:
        with pikepdf.open(BytesIO(content), suppress_warnings=True) as pdf:
            return () if len(pdf.pages) else (("why", "no_page"),)
    except pikepdf.PasswordError:
        return (("why", "encrypted"),)
    except (pikepdf.PdfError, pikepdf.DependencyError, ValueError, RuntimeError, RecursionError, KeyError, TypeError, AttributeError) as error:
        # A PDF is a heap of references that may be of any type: whatever the reader stumbles over is the document's.
        return own_words("the reader says", "le lecteur dit", str(error) or type(error).__name__)


@lru_cache
def _pikepdf():  # type: ignore[no-untyped-def]  # noqa: ANN202 - pikepdf has no types
    import pikepdf  # late: 60 ms that a batch of XML never spends

    return pikepdf


PARSER = Parser(syntax="FLUX_DEPOT", roots={f"{{{NAMESPACE}}}{ROOT}": "flux-depot"}, read=parse, edi=False)
