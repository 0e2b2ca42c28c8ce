"""CPPFactureMixte: the one form of Chorus Pro in which a file holds several pieces."""

from collections.abc import Sequence

from actors import Party
from documents import node, written
from lxml import etree
from packing import pdf
from papers import Enclosed, Paper


def cpp_mixte(papers: Sequence[Paper], flow: str, day: str, *, stylesheet: str = "FSO1113A.xsl") -> bytes:
    """A CPPFactureMixte file: an envelope (flow number *flow*, production date *day*) and one CPPFactureMixteUnitaire a paper."""
    units = [_unit(n, paper) for n, paper in enumerate(papers, 1)]
    root = node("CPPFactureMixte", _envelope(flow, day), node("CPPFactures", *units, Compteur=str(len(units))))
    return written(root, stylesheet=stylesheet)


def _envelope(flow: str, day: str) -> etree._Element:
    told = (("DtPrd", day), ("IdFlx", flow))
    rows = [
        node("ParametreIndiv", node("Code", code), node("Valeurparametre", value), NumOrdre=f"{n:04d}")
        for n, (code, value) in enumerate(told, 1)
    ]
    partners = node("Partenaires", node("Recepteur", node("Id", "CPP001")), node("Emetteur", node("Id", flow[:6])))
    return node("Enveloppe", node("EnveloppeUnitaire", node("Parametres", *rows), partners, NumOrdre="1"))


def _unit(n: int, paper: Paper) -> etree._Element:
    shown = Enclosed(f"{paper.number}.pdf", pdf(paper.readable()), kind="01")
    enclosed = [_enclosed(m, one) for m, one in enumerate((shown, *paper.enclosed), 1)]
    return node("CPPFactureMixteUnitaire", _supplier(paper.supplier), _debtor(paper), _data(paper), *enclosed, NumOrdre=str(n))


def _supplier(party: Party) -> etree._Element:
    named = (node("TypeIdentifiant", party.type), node("Identifiant", party.id), node("RaisonSociale", party.name), node("CodePays", "FR"))
    return node("Fournisseur", *named, node("ReferenceBancaire", party.iban, Type="IBAN"))


def _debtor(paper: Paper) -> etree._Element:
    party = paper.recipient
    service = node("CodeService", paper.service) if paper.service else None
    return node("Debiteur", node("TypeIdentifiant", party.type), node("Identifiant", party.id), node("Nom", party.name), service)


def _data(paper: Paper) -> etree._Element:
    rates = [
        node("TVA", node("Taux", str(rate)), node("BaseHt", str(base)), node("MontantTVA", str(tax))) for rate, base, tax in paper.rates()
    ]
    amounts = (("MontantHT", "ht"), ("MontantTTC", "ttc"), ("MontantNetAPayer", "net"))
    return node(
        "DonneesFacture",
        node("Id", paper.number),
        node("IdFactureOrigine", paper.previous) if paper.previous else None,
        node("Type", paper.type),
        node("Cadre", paper.cadre),
        node("DateEmissionFacture", paper.issued),
        node("ModePaiement", node("Code", "30")),
        node("Devise", "EUR"),
        node("Montants", *(node(tag, paper.total(name)) for tag, name in amounts)),
        node("TVAS", *rates),
        node("Engagement", node("NumeroMarche", paper.market), node("NumeroEngagement", paper.engagement)),
    )


def _enclosed(n: int, one: Enclosed) -> etree._Element:
    told = (node("Contenu", one.base64), node("NomPJ", one.name), node("TypePJ", one.kind), node("MimeTypePJ", one.mime))
    return node("PJ", *told, NumOrdre=str(n))
