"""
Only the delivery, again: what could not be delivered is tried at once; what was is sent once more, byte for byte, under a name of its own.

Nothing is judged and nothing rendered: a copy is the range of the same blob. Its name is the first one's with ``-R1`` behind, so that who drops by
name and SHA-256 what he has seen tells a copy that was asked for from one that was not; inside, a return flow still names itself as it did.
A routed piece that is sent again could be paid twice by whoever does not look: a second person must agree.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from flux.again import Named
from flux.faults import Fault
from flux.keeping import part_of
from flux.model import Emission, EmissionState, Event
from flux.ops import Office
from flux.owing import PIECE

COPY = ".again."  # in the key of a copy


class Redelivered(Struct, frozen=True):
    """tried: names that were owed already and are tried at once; copies: names under which something is sent once more; waiting: of copies that are still owed."""

    flow: str
    tried: tuple[str, ...]
    copies: tuple[str, ...]
    waiting: tuple[str, ...]


def redeliver(office: Office, what: Named, kinds: Sequence[str], reason: str, by: str, now: datetime, *, sent: bool = False, second: str = "") -> Redelivered:
    """Of this flow, or of these pieces of it, of these kinds (all, where there is none). *sent*: also what was delivered. Raises Fault."""
    if not reason.strip() or not by.strip():
        raise Fault("FLX-I209")
    owed = office.ledger.emissions(what.flow)
    meant = [e for e in owed if (not what.ordinals or e.ordinal in what.ordinals) and (not kinds or e.kind in kinds)]
    if not meant:
        raise Fault("FLX-I214", flow=what.flow, known=", ".join(sorted({e.kind for e in owed})) or "—")
    tried = [e for e in meant if e.state is not EmissionState.EMITTED]
    again = [e for e in meant if e.state is EmissionState.EMITTED and COPY not in e.key] if sent else []
    if any(part_of(e.kind) in {one.what for one in office.ledger.purged(what.flow)} for e in again):
        raise Fault("FLX-I230", flow=what.flow)
    if not tried and not sent:
        raise Fault("FLX-I215", flow=what.flow)
    if any(e.kind == PIECE for e in again):
        if not second:
            raise Fault("FLX-I216", flow=what.flow)
        if second.casefold() == by.casefold():
            raise Fault("FLX-I206", who=second)
    waiting, copies = _copies(again, owed)
    agreed = f" second={second}" if second else ""
    said = [Event(what.flow, "redelivered", now, by, e.ordinal, f"{e.key}{agreed} reason={reason}") for e in (*tried, *copies)]
    new = set(office.ledger.redeliver([e.key for e in tried], copies, said))
    return Redelivered(what.flow, tuple(e.name for e in tried), tuple(e.name for e in copies if e.key in new), tuple(e.name for e in waiting))


def _copies(again: Iterable[Emission], owed: Sequence[Emission]) -> tuple[list[Emission], list[Emission]]:
    """Of each, its copy that is still owed, else the next one: asked twice at once it is sent once."""
    waiting, copies = [], []
    for e in again:
        before = [other for other in owed if other.key.startswith(f"{e.key}{COPY}")]
        if open_ := [other for other in before if other.state is not EmissionState.EMITTED]:
            waiting += open_
            continue
        n = len(before) + 1
        stem, dot, ending = e.name.rpartition(".")
        copies.append(replace(e, key=f"{e.key}{COPY}{n}", name=f"{stem}-R{n}{dot}{ending}", state=EmissionState.PENDING, problem=""))
    return waiting, copies
