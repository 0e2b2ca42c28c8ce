"""Names of return flows: derived from the flow, never drawn. A crash between writing and marking writes the same name again."""

from flux.dossier import Ref
from flux.emitters import Moved, Told

UNKNOWN_DEPOSIT = "CSO0000A"  # local: the integration report of a flow that is of no interface, or of several

CERTIFICATE = "CERTIFICAT"
INCIDENT = "Ce flux n'a pas pu être traité, pour une raison qui n'est pas de votre fait : rien n'en est intégré. Redéposez-le tel quel."


def report_stem(letter: Told) -> str:
    """The integration report's name without its extension: ``<CSO + digits of the deposit + A>_<installation>_<flow id>``."""
    row = letter.tables.interfaces.get(letter.decision.interface)
    return stem(letter, row.report if row else UNKNOWN_DEPOSIT)


def stem(letter: Told, interface: str) -> str:
    """
    ``<interface>_<installation>_<flow id>``: the shape of Chorus Pro's names, with an id that is never used again.

    Behind it, where the flow was re-injected, the sequence of its answer: 2 for the first that replaces another (local).
    """
    again = letter.flow.again
    return "-".join(filter(None, (f"{interface}_{letter.installation}_{letter.flow.id}", str(again.sequence) if again else "")))


def replaced(letter: Told) -> str:
    """Which answer this one replaces, in French, for formats that have no field for it; "" when it is the first."""
    again = letter.flow.again
    if again is None or not again.replaces:
        return ""
    pieces = f", pour {'la pièce' if len(again.pieces) == 1 else 'les pièces'} {', '.join(map(str, again.pieces))}" if again.pieces else ""
    return f"Réponse n° {again.sequence} au flux {again.root} : remplace {again.replaces}{pieces}."


def step_stem(installation: str, ref: Ref, seq: int, interface: str, tag: str = "") -> str:
    """
    ``<interface>_<installation>_<flow id>-<ordinal>-<move>``, then who is told unless it is the depositor.

    Each of those concerned has flows of his own: two of them may share a folder, where nothing is ever replaced.
    """
    return "-".join(filter(None, (f"{interface}_{installation}_{ref.flow}", f"{ref.ordinal:05d}", str(seq), tag)))


def moved_stem(letter: Moved, seq: int, interface: str) -> str:
    """step_stem() of a move."""
    return step_stem(letter.installation, letter.standing.ref, seq, interface, letter.tag)
