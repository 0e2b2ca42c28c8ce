"""
The life-cycle flow FEN1201A: CPPStatut, invoice branch (domain 3.1). One unit a status of a piece, in the order in which it was reached.

One flow for all that a deposit did, one for each act afterwards. The schema wants a supplier's name and identifier, a recipient's SIRET of 14
digits and an invoice number. A piece without them is told in the integration report alone; when none can be told here, this flow is not owed.
"""

from collections.abc import Iterable
from functools import partial

from flux.emitters import Emitter, Moved, Told
from flux.emitters._cpp_statut import holds, invoices
from flux.emitters._names import moved_stem, stem
from flux.emitters._steps import of_deposit, of_moves
from flux.model import Answer

INTERFACE = "FEN1201A"


def render(letter: Told) -> tuple[Answer, ...]:
    """The statuses of every piece that the schema can hold."""
    count = sum(len(decided.verdict.statuses) for decided in letter.decision.pieces if holds(decided.piece))
    if not count:
        return ()
    name = stem(letter, INTERFACE)

    def blocks() -> Iterable[bytes]:
        steps = (step for step in of_deposit(letter) if holds(step.piece))
        return invoices(steps, count, letter.tables, name, letter.decision.envelope.application, letter.installation, letter.at)

    return (Answer("lifecycle", f"{name}.xml", blocks),)


def moved(letter: Moved) -> tuple[Answer, ...]:
    """The statuses that these moves made, in one flow that is named by the last of them."""
    steps = [step for step in of_moves(letter) if holds(step.piece)]
    if not steps:
        return ()
    name = moved_stem(letter, steps[-1].seq, INTERFACE)
    # What the depositor calls himself in the names of his flows is not kept with his pieces: the receiver is Chorus Pro's own code (local).
    blocks = partial(invoices, steps, len(steps), letter.tables, name, "", letter.installation, letter.at)
    return (Answer("lifecycle", f"{name}.xml", blocks, f"{steps[-1].seq:04d}"),)


EMITTER = Emitter("lifecycle", render, "cpp-statut", "CPPFactureStatutUnitaire", "cpp-statut", moved)
