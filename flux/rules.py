"""What a person does with a rule that was found broken: quarantine, release, list, the pieces behind it. Takes a configuration, gives values."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from flux import config as settings
from flux import tables, told
from flux.cause import Blamed, Sought
from flux.causes import piece
from flux.config import Config
from flux.doors import fresh, open_reader, shelves
from flux.faults import Fault
from flux.model import Event, Severity
from flux.ports import Ledger
from flux.quarantine import MOST_DAYS, MOST_REASON, Quarantine, fixed, in_force, under
from flux.when import day_of

ALL = 1 << 60  # pieces: none is left out
IN_FORCE, ENDED, REPLACED, RELEASED, RELEASE = "in_force", "ended", "replaced", "released", "release"


def quarantine(config: Config, line: Quarantine) -> tuple[str, ...]:
    """Put a rule in quarantine. Gives the partners for whom that changes nothing. Raises Fault, and then nothing has changed."""
    known, today = tables.load(), day_of(line.at)
    if (stage := fixed(line.code, known)) is not None:
        raise Fault("FLX-I220", code=line.code, stage=stage.value)
    last = today + timedelta(days=MOST_DAYS)
    if not today <= line.until <= last:
        raise Fault("FLX-I221", until=line.until.isoformat(), first=today.isoformat(), last=last.isoformat())
    _proven_partner(config, line.partner)
    _proven_words(line.reason, line.who)
    with shelves(config) as (ledger, _):
        ledger.quarantine(line, _event("quarantined", line))
        holding = in_force(ledger.quarantines(), today)
    policies = settings.policies(config).items()
    return tuple(name for name, policy in policies if line.partner in ("", name) and line.code not in under(policy, name, holding, known).lowered)


def release(config: Config, code: str, partner: str, who: str, reason: str, now: datetime) -> None:
    """Release a quarantine that holds; *reason* may be "". Raises Fault when there is none."""
    _proven_words(reason or "—", who)
    if fresh(config):
        raise Fault("FLX-I222", code=code, partner=partner or "*")
    with shelves(config) as (ledger, _):
        if (before := in_force(ledger.quarantines(), day_of(now)).get((code, partner))) is None:
            raise Fault("FLX-I222", code=code, partner=partner or "*")
        line = Quarantine(code, partner, None, before.until, reason, who, now)
        ledger.quarantine(line, _event("lifted", line))


def listed(config: Config, today: date) -> list[dict[str, Any]]:
    """The book, the newest line first: the object of ``flux rule list --json``."""
    if fresh(config):
        return []
    with open_reader(config) as ledger:
        book = ledger.quarantines()
    holding = {one.seq for one in in_force(book, today).values()}
    rows: list[dict[str, Any]] = []
    after: dict[tuple[str, str], Quarantine] = {}
    for one in reversed(book):
        rows.append({
            "seq": one.seq, "code": one.code, "partner": one.partner or None, "severity": one.to, "until": one.until.isoformat(), "reason": one.reason,
            "who": one.who, "at": told.instant(one.at), "state": _state(one, one.seq in holding, after.get((one.code, one.partner))),
        })  # fmt: skip
        after[one.code, one.partner] = one
    return rows


def pieces(config: Config, code: str, partner: str, since: date | None) -> list[dict[str, Any]]:
    """Exactly the pieces that this code alone refused, in the order in which they were decided, each with the piece of its number that went in since."""
    if fresh(config):
        return []
    with open_reader(config) as ledger:
        found = {(one.flow, one.ordinal): one for one in ledger.blamed(Sought(partner, code, since, limit=ALL), alone=True)}
        wanted = [found[pair] for pair in ledger.alone(code, since, partner) if pair in found]
        accepted = _accepted(ledger, wanted)
    return [piece(one) | {"accepted": accepted.get((one.number, one.supplier))} for one in wanted]


def _accepted(ledger: Ledger, pieces: Sequence[Blamed]) -> dict[tuple[str, str], str]:
    """By number and supplier, the piece that went in, the last of several."""
    found = ledger.standings({one.number for one in pieces if one.number})
    return {(number, one.piece.supplier.id): str(one.ref) for number, some in found.items() for one in some}


def _state(one: Quarantine, holds: bool, after: Quarantine | None) -> str:
    if one.to is None:
        return RELEASE
    if holds:
        return IN_FORCE
    if after is None or day_of(after.at) > one.until:
        return ENDED
    return RELEASED if after.to is None else REPLACED


def _event(what: str, line: Quarantine) -> Event:
    """Its line in the journal, of no flow."""
    facts = (line.code, line.to and f"to={line.to}", line.partner and f"partner={line.partner}", line.to and f"until={line.until}", line.reason)
    return Event("", what, line.at, line.who, detail=" ".join(filter(None, facts)))


def _proven_partner(config: Config, partner: str) -> None:
    if partner and partner not in (known := [p.name for p in config.partners]):
        raise Fault("FLX-I17", partner=partner, known=", ".join(known) or "—")


def _proven_words(*words: str) -> None:
    for one in words:
        if not 1 <= len(one.strip()) <= MOST_REASON or not one.isprintable():  # it goes into every return flow: no XML holds a bell
            raise Fault("FLX-I223", found=one, most=str(MOST_REASON))


def severity(told_: str) -> Severity | None:
    """Warning or off; None for anything else."""
    return Severity(told_) if told_ in (Severity.WARNING, Severity.OFF) else None
