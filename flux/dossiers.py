"""Dossiers for whoever asks, by command or by page: the chain of a piece, an act on it, what is found and what waits, told as the contract's JSON."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from flux import ops, tables, told
from flux.clocks import Clock, clocks
from flux.decision import effective_severity
from flux.dossier import Act, Ref, Standing
from flux.model import Emission, EmissionState, Finding
from flux.ops import Office
from flux.piece import Actor
from flux.policy import Policy
from flux.ports import Ledger
from flux.rows import Asked
from flux.tables import Tables
from flux.tables.clocks import DOSSIER

OLD_REFUSAL = timedelta(days=10)  # the portal's own filter: refusals older than this are hidden (domain 5.4)
MOST = 10_000  # pieces in one synthesis


class Done(Struct, frozen=True):
    """What became of an act. standing: of the piece, once it is done; refusal: why it is not; several: the pieces that were meant, when one must be chosen."""

    standing: dict[str, Any] | None = None
    refusal: dict[str, Any] | None = None
    several: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"done": self.standing is not None, "piece": self.standing, "finding": self.refusal, "several": list(self.several)}


def act(office: Office, named: str, asked: Act, now: datetime) -> Done:
    """Do what is asked with the piece that is named."""
    found = ops.pieces_of(office.ledger, named, asked.actor)
    if len(found) > 1:
        return Done(several=tuple(str(one.ref) for one in found))
    if not found:
        return Done(refusal=_finding(Finding("FLX-W08", facts=(("found", named),))))
    done = ops.act(office, found[0].ref, asked, now)
    return Done(refusal=_finding(done)) if isinstance(done, Finding) else Done(_told(done))


def chain(ledger: Ledger, named: str) -> list[dict[str, Any]]:
    """The dossiers to which the pieces of this name belong, each with its pieces in the order of their deposit; of a dossier's own number too."""
    found = ops.pieces_of(ledger, named) or ledger.search(Asked(dossier=named))
    firsts = dict.fromkeys(one.first for one in found)
    dossiers = [ledger.dossier(first) for first in firsts]
    return [{"dossier": pieces[0].dossier, "first": str(pieces[0].first), "pieces": [_told(one) for one in pieces]} for pieces in dossiers]


def found(ledger: Ledger, asked: Asked) -> list[dict[str, Any]]:
    """The accepted pieces that fit, the newest first."""
    return [_told(one) for one in ledger.search(asked)]


def waiting(ledger: Ledger, actor: Actor, now: datetime, *, old: bool = False, there: Callable[[Emission], bool] | None = None) -> list[dict[str, Any]]:
    """
    What waits for this actor, the longest waiting first. Refusals of more than ten days are left out unless *old* ones are asked for.

    there: whether what was delivered is still where it was put; given, what somebody has taken is left out.
    """
    pieces = sorted(ledger.search(Asked(actor=actor.id, waits=actor.role, limit=MOST)), key=lambda one: one.last.at)
    kept = [one for one in pieces if (old or not _passed(one, now)) and (there is None or not _taken(ledger, one, there))]
    return [_told(one) for one in kept]


def _taken(ledger: Ledger, one: Standing, there: Callable[[Emission], bool]) -> bool:
    """Whether the piece was delivered and is no longer where it was put: downloaded, in Chorus Pro's words."""
    sent = [e for e in ledger.emissions(one.ref.flow) if e.kind == "piece" and e.ordinal == one.ref.ordinal and e.state is EmissionState.EMITTED]
    return bool(sent) and not any(there(emission) for emission in sent)


def delays(ledger: Ledger, payers: Mapping[str, str], now: datetime, *, within: int, actor: Actor | None = None) -> list[dict[str, Any]]:
    """
    The delays of every open dossier that are past, or end within so many days, the most urgent first; of one actor, when he is given.

    payers: kind of payer by SIRET, "" for all that are not there.
    """
    known = tables.load()
    open_ = ledger.search(Asked(open=True, limit=MOST))
    dossiers = {first: tuple(ledger.dossier(first)) for first in dict.fromkeys(one.first for one in open_)}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for pieces in dossiers.values():
        for one in pieces:
            payer = payers.get(one.piece.recipient.id, payers.get("", ""))
            for clock in clocks(one, pieces, payer, now, known):
                of = one.first if known.clocks.delays[clock.name].of == DOSSIER else one.ref
                if clock.ended is None and clock.left <= within and (actor is None or clock.binds == actor):
                    rows[clock.name, str(of)] = _clock(clock, one, of, known)
    return sorted(rows.values(), key=lambda row: row["left"])


def _clock(clock: Clock, one: Standing, of: Ref, known: Tables) -> dict[str, Any]:
    return {
        "clock": clock.name, "label": asdict(known.clocks.delays[clock.name].label), "piece": str(of), "number": one.piece.number, "dossier": one.dossier,
        "market": one.piece.market or None, "binds": {"role": clock.binds.role, "id": clock.binds.id}, "began": told.instant(clock.began),
        "due": clock.due.isoformat(), "state": clock.state, "left": clock.left, "article": clock.article,
    }  # fmt: skip


def _passed(one: Standing, now: datetime) -> bool:
    refusal = tables.load().life.statuses[one.status].refusal
    return refusal and now - one.last.at > OLD_REFUSAL


def _told(one: Standing) -> dict[str, Any]:
    return told.standing(one, tables.load())


def _finding(one: Finding) -> dict[str, Any]:
    known = tables.load()
    return told.finding(one, known, lambda finding: effective_severity(finding, Policy(), known))


