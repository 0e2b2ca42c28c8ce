"""What a person may do with what is recorded, each with who and why. The rules are the life cycle's; here the piece is found and the act recorded."""

from collections.abc import Sequence
from datetime import datetime

from flux.dossier import Act, Ref, Standing
from flux.faults import Fault
from flux.lifecycle import after, moved
from flux.model import Finding
from flux.owing import moved_event
from flux.piece import Actor
from flux.ports import Ledger, Moved
from flux.tables import Tables
from flux.validators.dossier import named_in

TRIES = 5  # an act that another one overtakes is thought about again


def pieces_of(ledger: Ledger, named: str, actor: Actor | None = None) -> Sequence[Standing]:
    """
    The accepted pieces that a person means: by flow/ordinal, or by number.

    Of several pieces of one number, those in which the actor is named; without any such, all of them.
    """
    if ref := Ref.of(named):
        one = ledger.standing(ref)
        return (one,) if one else ()
    found = ledger.standings([named]).get(named, ())
    return tuple(one for one in found if actor and actor.id in named_in(one.piece)) or found


def act(ledger: Ledger, ref: Ref, asked: Act, now: datetime, tables: Tables) -> Standing | Finding:
    """Do what is asked, or say why it may not be done. Raises Fault when others keep overtaking it."""
    for _ in range(TRIES):
        standing = ledger.standing(ref)
        if standing is None:
            return Finding("FLX-W08", facts=(("found", str(ref)),))
        steps = moved(standing, asked, now, tables)
        if isinstance(steps, Finding):
            return steps
        done = after(standing, steps)
        if not ledger.move([Moved(done, standing.last.seq)], (), [moved_event(done, step) for step in steps]):
            return done
    raise Fault("FLX-I73", piece=str(ref))
