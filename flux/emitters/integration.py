"""
The integration report: CPPStatut, flow branch (domain 3.1 and 3.3). Owed for every flow, whatever it was.

One status, 90, 96 or 93, and one LigneErreurDetail a finding, warnings included. AIFE's own report is not published: that CPPStatut carries
it, and the words of NatureErreur, are local. Name, size and SHA-256 of what was received are in Commentaire: the receipt for those bytes.
"""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from flux.emitters import Emitter, Told
from flux.emitters._cpp_statut import document, put, stamp
from flux.emitters._names import report_stem
from flux.model import Answer, VerdictKind

NATURE = {"error": "REJET", "warning": "AVERTISSEMENT"}


def render(letter: Told) -> Answer:
    """The report of this flow."""
    name = report_stem(letter)
    branch = etree.Element("CPPFluxStatuts", compteur="1")
    unit = put(branch, "CPPFluxStatutUnitaire", NumOrdre="1")
    data = put(unit, "DonneesStatut")
    status = letter.tables.lifecycle.flow[letter.decision.verdict]
    put(data, "IdStatut", status.code)
    put(data, "ComplementStatut", status.fr)
    put(data, "Commentaire", _receipt(letter))
    put(data, "Horodatage", stamp(letter.at))
    put(data, "Producteur", letter.installation)
    put(data, "IdFlux", letter.decision.envelope.number or letter.flow.id)
    lines = list(_lines(letter))
    if lines:
        details = put(data, "Details", NbLignesErreur=str(len(lines)))
        for number, (finding, about) in enumerate(lines, 1):
            _line(details, number, finding, about, letter)
    return Answer("integration", f"{name}.xml", document(letter, name, branch))


def _lines(letter: Told) -> Iterator[tuple[dict[str, Any], str]]:
    """Every finding with the words that say what it is about: the flow first, then piece by piece."""
    yield from ((finding, "Flux") for finding in letter.told_flow)
    for told in letter.told:
        number = f", n° {told['number']}" if told["number"] else ""
        about = f"Pièce {told['ordinal']}{number} ({told['document']})"
        yield from ((finding, about) for finding in told["findings"])


def _line(details: etree._Element, number: int, finding: dict[str, Any], about: str, letter: Told) -> None:
    line = put(details, "LigneErreurDetail", IdLigne=str(number))
    put(line, "NatureErreur", NATURE[finding["severity"]])
    put(line, "CodeErreur", finding["code"])
    put(line, "LibelleErreur", letter.tables.catalogue[finding["code"]].label)
    put(line, "DescriptionErreur", f"{about} : {finding['text']['fr']}")


def _receipt(letter: Told) -> str:
    flow, pieces = letter.flow, letter.decision.pieces
    accepted = sum(d.verdict.kind is VerdictKind.ACCEPTED for d in pieces)
    return (
        f"Reçu : {flow.display_name}, {flow.size} octets, SHA-256 {flow.sha256}. "
        f"Pièces intégrées : {accepted} sur {len(pieces)}. Règles : {letter.decision.pack}."
    )


EMITTER = Emitter("integration", render, "cpp-statut")
