"""
The integration report: CPPStatut, flow branch (domain 3.1 and 3.3). Owed for every flow, whatever it was.

One status, 90, 96 or 93, and one LigneErreurDetail a finding, warnings included. AIFE's own report is not published: that CPPStatut carries
it, and the words of NatureErreur, are local. Name, size and SHA-256 of what was received are in Commentaire: the receipt for those bytes.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from flux.emitters import Emitter, Told
from flux.emitters._cpp_statut import document, stamp
from flux.emitters._names import INCIDENT, replaced, report_stem
from flux.emitters._xml import box, laid, text
from flux.gate import quoted
from flux.model import Answer, FlowVerdict

NUMBER_MOST = 40  # characters of a piece's number before each of its findings: it is whole in the finding about it
NATURE = {"error": "REJET", "warning": "AVERTISSEMENT"}


def render(letter: Told) -> tuple[Answer, ...]:
    """The report of this flow."""
    name = report_stem(letter)
    status = letter.tables.flow_statuses[letter.decision.verdict]
    count = len(letter.told_flow) + sum(len(decided.verdict.findings) for decided in letter.decision.pieces)

    def blocks() -> Iterator[bytes]:
        lines = (_line(number, finding, about, letter) for number, (finding, about) in enumerate(_findings(letter), 1))
        data = laid(
            "DonneesStatut",
            text("IdStatut", status.code),
            text("ComplementStatut", status.fr),
            text("Commentaire", _receipt(letter)),
            text("Horodatage", stamp(letter.at)),
            text("Producteur", letter.installation),
            text("IdFlux", letter.decision.envelope.number or (letter.flow.again.root if letter.flow.again else letter.flow.id)),
            laid("Details", lines, NbLignesErreur=str(count)) if count else "",
        )
        branch = laid("CPPFluxStatuts", laid("CPPFluxStatutUnitaire", data, NumOrdre="1"), compteur="1")
        return document(branch, name, letter.decision.envelope.application, letter.installation, letter.at)

    return (Answer("integration", f"{name}.xml", blocks),)


def _findings(letter: Told) -> Iterator[tuple[dict[str, Any], str]]:
    """Every finding with the words that say what it is about: the flow first, then piece by piece."""
    yield from ((finding, "Flux") for finding in letter.told_flow)
    for one in letter.decision.pieces:
        number = f", n° {quoted(one.piece.number, NUMBER_MOST)}" if one.piece.number else ""
        noun = "Ligne de statut" if one.line else "Pièce"
        about = f"{noun} {one.piece.ordinal}{number} ({one.document})"
        yield from ((letter.worded(finding), about) for finding in one.verdict.findings)


def _line(number: int, finding: dict[str, Any], about: str, letter: Told) -> str:
    return box(
        "LigneErreurDetail",
        _kind(finding["severity"], finding["code"], letter.tables.catalogue[finding["code"]].label),
        text("DescriptionErreur", f"{about} : {finding['text']['fr']}"),
        IdLigne=str(number),
    )


@lru_cache(1024)
def _kind(severity: str, code: str, label: str) -> str:
    """Written once: what a sender's software does wrong stands in each of his pieces."""
    return "\n".join(filter(None, (text("NatureErreur", NATURE[severity]), text("CodeErreur", code), text("LibelleErreur", label))))


def _receipt(letter: Told) -> str:
    flow, pieces = letter.flow, letter.decision.pieces
    noun = "Lignes de statut prises en compte" if pieces and all(d.line for d in pieces) else "Pièces intégrées"
    received = f"Reçu : {flow.display_name}, {flow.size} octets, SHA-256 {flow.sha256}."
    if letter.decision.verdict is FlowVerdict.INCIDENT:
        return f"{received} {INCIDENT}"
    told = f"{received} {noun} : {letter.decision.accepted} sur {len(pieces)}. Règles : {letter.decision.pack}."
    return " ".join(filter(None, (told, replaced(letter))))


EMITTER = Emitter("integration", render, "cpp-statut", unit="LigneErreurDetail")
