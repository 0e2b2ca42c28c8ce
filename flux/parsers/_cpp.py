"""
What CPPFactureMixte and CPPFacturePivot share (domain 3.6): one envelope, then several pieces, each an element of its own.

| field | place below the unit |
| --- | --- |
| supplier | Fournisseur (TypeIdentifiant, Identifiant, RaisonSociale, CodePays) |
| recipient, service | Debiteur (…, CodeService) |
| number, type, cadre, dates | DonneesFacture (Id, Type, Cadre, DateEmissionFacture, DateLivraison) |
| amounts, VAT | DonneesFacture/Montants, TVAS (mixte) or TVAs (pivot) |
| market, engagement | DonneesFacture/Engagement |
| previous | DonneesFacture/IdFactureOrigine |
| valideur, moe, moa | DonneesFacture/ActeursTravaux (local: the published formats have no place for them) |
| attachments | PJ: base64 of a ZIP |
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import TypeVar

from lxml import etree
from msgspec.structs import replace

from flux.attachments import too_many, unpack
from flux.model import Amounts, Attachment, Finding, Line, Parsed, Party, Payment, Piece, Place, VatLine
from flux.parsers import Source
from flux.parsers._reading import amount_of, deposit_kind, identifier_type, iso_day, line_of

T = TypeVar("T")


class Unit:
    """One piece's element, being read: its values, where they stand, and what cannot be read in it."""

    def __init__(self, element: etree._Element, xpath: str) -> None:
        self.element, self._xpath = element, xpath
        self.findings: list[Finding] = []
        self.where: dict[str, Place] = {"": Place(line_of(element), xpath)}

    def text(self, field: str, path: str) -> str:
        """The text at *path*, "" when absent; notes the field's place, or that of the nearest element above it."""
        found = self.element.find(path)
        at, node = path, found
        while node is None and "/" in at:
            at = at.rpartition("/")[0]
            node = self.element.find(at)
        place = node if node is not None else self.element
        self.where[field] = Place(line_of(place), f"{self._xpath}/{at}" if node is not None else self._xpath)
        return (found.text or "").strip() if found is not None else ""

    def value(self, field: str, path: str, read: Callable[[str], T | None], expected: str) -> T | None:
        """The value at *path*; FLX-S20 when there is a text that cannot be read."""
        text = self.text(field, path)
        if not text:
            return None
        value = read(text)
        if value is None:
            place = self.where[field]
            facts = (("found", text[:120]), ("expected", expected), ("expected_fr", expected))
            self.findings.append(Finding("FLX-S20", field, facts=facts, line=place.line, xpath=place.xpath))
        return value

    def party(self, field: str, path: str, name: str) -> Party:
        """An actor: the type is Chorus Pro's own."""
        type_ = self.text(f"{field}.type", f"{path}/TypeIdentifiant")
        id_ = self.text(f"{field}.id", f"{path}/Identifiant")
        self.where[field] = self.where[f"{field}.id"]
        return Party(
            type=identifier_type(type_, id_),
            id=id_,
            name=self.text(f"{field}.name", f"{path}/{name}"),
            service=self.text(f"{field}.service", f"{path}/CodeService"),
            country=self.text(f"{field}.country", f"{path}/CodePays"),
            scheme=type_,
        )

    def actor(self, field: str, path: str) -> Party | None:
        """A works actor, when the piece names him."""
        return self.party(field, path, "Nom") if self.element.find(path) is not None else None

    def rows(self, path: str) -> Iterator[tuple[int, "Unit"]]:
        """Repeated elements, each a unit of its own that shares what is found here."""
        for position, element in enumerate(self.element.findall(path), 1):
            row = Unit(element, f"{self._xpath}/{path}[{position}]")
            row.findings = self.findings
            yield position, row


def read(source: Source, unit_name: str, vat_name: str) -> tuple[Parsed, ...]:
    """One Parsed a piece; when the document holds several, each with the document that would hold it alone."""
    units = source.root.findall(f"CPPFactures/{unit_name}")
    root = source.root.tag
    parsed = []
    for position, element in enumerate(units, 1):
        unit = Unit(element, f"/{root}/CPPFactures/{unit_name}[{position}]")
        piece = _piece(unit, vat_name, source)
        alone = _alone(source.root, position - 1) if len(units) > 1 else None
        parsed.append(Parsed(piece, tuple(unit.findings), unit.where, alone))
    return tuple(parsed) or (Parsed(Piece(stylesheet=source.stylesheet), where={"": Place(line_of(source.root), f"/{root}")}),)


def _piece(unit: Unit, vat_name: str, source: Source) -> Piece:
    data = "DonneesFacture"
    type_, cadre = unit.text("type", f"{data}/Type"), unit.text("cadre", f"{data}/Cadre") or source.default_cadre
    previous = unit.text("previous", f"{data}/IdFactureOrigine")
    vat = _vat(unit, f"{data}/{vat_name}/TVA")
    amounts = Amounts(
        ht=unit.value("amounts.ht", f"{data}/Montants/MontantHT", amount_of, "0.00"),
        ttc=unit.value("amounts.ttc", f"{data}/Montants/MontantTTC", amount_of, "0.00"),
        net=unit.value("amounts.net", f"{data}/Montants/MontantNetAPayer", amount_of, "0.00"),
    )
    rows = [row.amount for row in vat if row.amount is not None]
    lines = tuple(_line(row) for _, row in unit.rows(f"{data}/Lignes/Ligne"))
    return Piece(
        number=unit.text("number", f"{data}/Id"), type=type_, cadre=cadre, previous=previous, deposit=deposit_kind(previous, type_, cadre),
        issued=unit.value("issued", f"{data}/DateEmissionFacture", iso_day, "YYYY-MM-DD"),
        delivered=unit.value("delivered", f"{data}/DateLivraison", iso_day, "YYYY-MM-DD"),
        currency=unit.text("currency", f"{data}/Devise"),
        supplier=unit.party("supplier", "Fournisseur", "RaisonSociale"),
        recipient=unit.party("recipient", "Debiteur", "Nom"),
        valideur=unit.actor("valideur", f"{data}/ActeursTravaux/Valideur"),
        moe=unit.actor("moe", f"{data}/ActeursTravaux/Moe"),
        moa=unit.actor("moa", f"{data}/ActeursTravaux/Moa"),
        engagement=unit.text("engagement", f"{data}/Engagement/NumeroEngagement"),
        market=unit.text("market", f"{data}/Engagement/NumeroMarche"),
        amounts=replace(amounts, tva=sum(rows) if rows else None), vat=vat,
        payment=_payment(unit), attachments=_attachments(unit, source), lines=lines, line_count=len(lines),
        stylesheet=source.stylesheet,
    )  # fmt: skip


def _payment(unit: Unit) -> Payment:
    """Means and account; a bank reference of another kind than IBAN is no IBAN."""
    reference = unit.element.find("Fournisseur/ReferenceBancaire")
    is_iban = reference is not None and reference.get("Type", "IBAN") == "IBAN"
    iban = unit.text("payment.iban", "Fournisseur/ReferenceBancaire").replace(" ", "") if is_iban else ""
    return Payment(unit.text("payment.code", "DonneesFacture/ModePaiement/Code"), iban)


def _vat(unit: Unit, path: str) -> tuple[VatLine, ...]:
    found = []
    for position, row in unit.rows(path):
        field = f"vat[{position}]"
        base = row.value(f"{field}.base", "BaseHt", amount_of, "0.00")
        rate = row.value(f"{field}.rate", "Taux", amount_of, "0.00")
        amount = row.value(f"{field}.amount", "MontantTVA", amount_of, "0.00")
        found.append(VatLine("S" if rate else "", rate, base, amount))
        unit.where |= {name: place for name, place in row.where.items() if name}
    return tuple(found)


def _line(row: Unit) -> Line:
    """A line of information: the published facts do not say more of it than its name and net amount."""
    return Line(id=row.element.get("NumOrdre", ""), name=row.text("name", "Designation"), net=row.value("net", "MontantHT", amount_of, "0.00"))


def _attachments(unit: Unit, source: Source) -> tuple[Attachment, ...]:
    taken = []
    for position, row in unit.rows("PJ"):
        if position > source.limits.attachments:
            place = row.where[""]
            unit.findings.append(replace(too_many(source.limits), line=place.line, xpath=place.xpath))
            break
        name, kind, mime = row.text("name", "NomPJ"), row.text("kind", "TypePJ"), row.text("mime", "MimeTypePJ")
        encoded = row.text("bytes", "Contenu")
        attachment, wrong = unpack(name, encoded, mime=mime, kind=kind, position=position, limits=source.limits)
        taken.append(attachment)
        place = row.where[""]
        unit.findings += [replace(finding, line=place.line, xpath=place.xpath) for finding in wrong]
        unit.where |= {f"attachments[{position}]{end}": place for end in ("", ".name", ".bytes", ".mime")}
    return tuple(taken)


def _alone(root: etree._Element, keep: int) -> bytes:
    """The same document with one unit only: its envelope as received, the count set to one."""
    copy = deepcopy(root)
    pieces = copy.find("CPPFactures")
    assert pieces is not None, "units were found below it"  # noqa: S101 - read() found them there
    for position, unit in enumerate(list(pieces)):
        if position != keep:
            pieces.remove(unit)
    pieces.set("Compteur", "1")
    return etree.tostring(copy, encoding="UTF-8", xml_declaration=True)
