"""
Re-injection: previewed, begun by a person, made group by group, judged as everything is. The one call beneath the commands and the console.

Nothing is sent twice, whoever asks and whenever the plug is pulled: what was taken up is a primary key of the ledger, and so is the identity of
every accepted piece; both are written in the transactions that make a flow and decide it.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import PurePosixPath

import orjson
from msgspec import Struct, json
from msgspec.structs import asdict, replace

from flux.again import Candidate, Corrected, Named, Reinjection, Results, State, Turn, Unit, Wanted, child_of, codes_of, marks_of, units_of
from flux.decision import effective_severity
from flux.faults import Fault
from flux.model import Event, Finding, Flow, Severity, VerdictKind
from flux.ports import Ledger
from flux.rehearsal import Rehearsed, Stage, rehearse
from flux.rows import FlowRow
from flux.told import finding, instant

MOST = 1_000        # pieces made in one transaction
RATE_S = 5.0        # with a rate, what so many seconds may make is made at once
MOST_UNITS = 20_000  # flows that one re-injection may take up


class Desk(Struct, frozen=True):
    """What a re-injection needs. above: the count above which a second person must agree. wait(seconds): False when it shall end."""

    stage: Stage
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    above: int
    knock: Callable[[], None]
    wait: Callable[[float], bool]

    @property
    def ledger(self) -> Ledger:
        """The ledger of the office."""
        return self.stage.office.ledger


class Asked(Struct, frozen=True):
    """What a person asks. key: makes asking twice asking once, "" for none. file: the corrected file, its name and its bytes."""

    wanted: Wanted
    by: str
    reason: str
    key: str = ""
    file: tuple[str, bytes] | None = None


class Becomes(Struct, frozen=True):
    """What one piece, or a flow of which no piece is known (ordinal 0), would become: accepted, refused, same, not_evaluated."""

    flow: str
    ordinal: int
    partner: str
    number: str
    what: str
    codes: tuple[str, ...] = ()


class Preview(Struct, frozen=True):
    """
    What a re-injection would do. id: to begin it by, "" where there is nothing to take up. count: pieces that it judges, to be typed back.

    skipped: what was named and is not taken up, with why. second: whether another person must agree.
    """

    id: str
    count: int
    flows: int
    becomes: tuple[Becomes, ...]
    skipped: tuple[Candidate, ...]
    second: bool

    def partners(self) -> Counter[str]:
        """Pieces by partner."""
        return Counter(one.partner for one in self.becomes)

    def outcomes(self) -> Counter[str]:
        """Pieces by what they would become."""
        return Counter(one.what for one in self.becomes)

    def causes(self) -> Counter[str]:
        """Pieces by what would refuse them, or keep them from being judged."""
        return Counter(code for one in self.becomes for code in one.codes)


def named(ledger: Ledger, told: str) -> Named:
    """``FLOW``, or ``FLOW/3,5-7``; of a flow any part of its id that only one has. Raises Fault."""
    part, slash, which = told.partition("/")
    row = ledger.flow(part)
    if row is None:
        raise Fault("FLX-I201", named=told)
    ordinals: set[int] = set()
    for one in which.split(",") if slash else ():
        first, _, last = one.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and 0 < int(first) <= int(last or first) < 1_000_000):  # noqa: PLR2004
            raise Fault("FLX-I202", named=told)
        ordinals |= set(range(int(first), int(last or first) + 1))
    return Named(row.flow.id, tuple(sorted(ordinals)))


def preview(desk: Desk, asked: Asked, told: Callable[[int, int], object] = lambda _done, _of: None) -> Preview:
    """What it would do, kept under its id. Asked again with the same key it is the first, rehearsed anew. Raises Fault."""
    _proven(asked)
    key = f"K-{asked.key}" if asked.key else ""  # never the id of a flow, whose journal stands beside this one's
    if (before := desk.ledger.reinjection(key) if key else None) is not None and before.id == key:
        _proven_same(desk, asked, before)
        return _foreseen(desk, before.id, desk.ledger.units(before.id), desk.ledger.candidates(asked.wanted), told)
    candidates = desk.ledger.candidates(asked.wanted)
    units = units_of(candidates)
    if len(units) > MOST_UNITS:
        raise Fault("FLX-I203", found=str(len(units)), most=str(MOST_UNITS))
    if asked.file is not None:
        units = (_corrected(desk, units, *asked.file),)
    if not units:
        return Preview("", 0, 0, (), tuple(one for one in candidates if one.why), second=False)
    id_ = key or f"R-{desk.new_id()}"
    foreseen = _foreseen(desk, id_, units, candidates, told)
    now, said = desk.now(), json.encode(asked.wanted).decode()
    kept = Reinjection(id_, asked.by, asked.reason, said, foreseen.count, now)
    desk.ledger.preview(kept, units, Event(id_, "reinjection", now, asked.by, detail=f"{State.PREVIEWED} count={kept.count} {said} reason={asked.reason}"))
    return foreseen


def begin(desk: Desk, id_: str, count: int, by: str, second: str = "", rate: int = 0) -> Reinjection:
    """What was previewed begins, or one that was paused or killed goes on. *count*: typed back. Raises Fault when it may not."""
    asked = found(desk, id_)
    if count != asked.count:
        raise Fault("FLX-I204", found=str(count), expected=str(asked.count))
    if asked.count > desk.above and not (second or asked.second):
        raise Fault("FLX-I205", count=str(asked.count), above=str(desk.above))
    if second and second.casefold() in (by.casefold(), asked.by.casefold()):
        raise Fault("FLX-I206", who=second)
    after = replace(asked, state=State.RUNNING, second=second or asked.second, rate=rate or asked.rate)
    return _turned(desk, asked, (State.PREVIEWED, State.PAUSED, State.RUNNING), after, by)


def run(desk: Desk, id_: str, told: Callable[[Turn], object] = lambda _: None) -> Turn:
    """Make its flows group by group, at its rate, until it is done, or somebody pauses or aborts it. Killed at any instant, begun again, it goes on."""
    rate = found(desk, id_).rate
    most = max(1, min(MOST, int(rate * RATE_S / 60))) if rate else MOST
    while True:
        turn = desk.ledger.make(id_, most, desk.now(), desk.new_id)
        told(turn)
        if turn.pieces:
            desk.knock()
        if turn.state is not State.RUNNING or not desk.wait(60 * turn.pieces / rate if rate else 0.0):
            return turn


def pause(desk: Desk, id_: str, by: str) -> Reinjection:
    """Nothing more is made until it is resumed. Raises Fault when it is not running."""
    asked = found(desk, id_)
    return _turned(desk, asked, (State.RUNNING,), replace(asked, state=State.PAUSED), by)


def abort(desk: Desk, id_: str, by: str) -> Reinjection:
    """Nothing more is made, for good; what was made is judged. Raises Fault when it is over already."""
    asked = found(desk, id_)
    return _turned(desk, asked, (State.PREVIEWED, State.RUNNING, State.PAUSED), replace(asked, state=State.ABORTED), by)


def found(desk: Desk, id_: str) -> Reinjection:
    """The one with this id, or part of an id. Raises Fault."""
    if (asked := desk.ledger.reinjection(id_)) is None:
        raise Fault("FLX-I207", id=id_)
    return asked


def tell(asked: Reinjection, results: Results) -> dict[str, object]:
    """A re-injection as the contract has it."""
    return {
        "id": asked.id, "state": asked.state.value, "by": asked.by, "second": asked.second or None, "reason": asked.reason,
        "asked": orjson.loads(asked.asked), "count": asked.count, "rate": asked.rate, "at": instant(asked.at), "results": asdict(results),
    }  # fmt: skip


def _turned(desk: Desk, asked: Reinjection, before: Iterable[State], after: Reinjection, by: str) -> Reinjection:
    said = " ".join(filter(None, (after.state.value, f"second={after.second}" if after.second else "", f"rate={after.rate}" if after.rate else "")))
    if not desk.ledger.turn(asked.id, before, after, Event(asked.id, "reinjection", desk.now(), by, detail=said)):
        raise Fault("FLX-I208", id=asked.id, state=found(desk, asked.id).state.value)
    return after


def _proven(asked: Asked) -> None:
    """Raises Fault unless somebody says why, of something that is not everything."""
    if not asked.reason.strip() or not asked.by.strip():
        raise Fault("FLX-I209")
    wanted = asked.wanted
    if not (wanted.named or wanted.cause or wanted.partner or wanted.number or wanted.since or wanted.until):
        raise Fault("FLX-I210")


def _proven_same(desk: Desk, asked: Asked, before: Reinjection) -> None:
    """Raises Fault where its key is that of a re-injection of something else."""
    known = {unit.corrected.sha256 for unit in desk.ledger.units(before.id) if unit.corrected}
    given = {hashlib.sha256(asked.file[1]).hexdigest()} if asked.file else set()
    if json.decode(before.asked.encode(), type=Wanted) != asked.wanted or given != known:
        raise Fault("FLX-I236", key=asked.key, asked=before.asked)


def _corrected(desk: Desk, units: Sequence[Unit], name: str, data: bytes) -> Unit:
    """The one unit whose bytes a corrected file takes the place of. Raises Fault."""
    if len(units) != 1 or units[0].held:
        raise Fault("FLX-I211", found=str(len(units)))
    row = _row(desk, units[0].parent)
    sha256, size = desk.stage.office.content.add(BytesIO(data))
    if sha256 == row.flow.sha256:
        raise Fault("FLX-I212", file=name)
    # The name of the flow says to whom it belongs, and is kept; its ending is that of the new file.
    known = PurePosixPath(row.flow.display_name)
    stem = row.flow.name[: -len("".join(known.suffixes[-2:] if known.suffixes[-2:-1] == [".tar"] else known.suffixes[-1:]).encode()) or None]
    ending = ".tar.gz" if name.lower().endswith(".tar.gz") else PurePosixPath(name).suffix
    return replace(units[0], corrected=Corrected(stem + ending.encode("utf-8", "surrogateescape"), sha256, size))


# -- what it would become --------------------------------------------------------------------------------------------------------------------


def _foreseen(desk: Desk, id_: str, units: Sequence[Unit], candidates: Sequence[Candidate], told: Callable[[int, int], object]) -> Preview:
    known = {(one.flow, one.ordinal): one for one in candidates if not one.why}
    becomes: list[Becomes] = []
    told(0, len(units))
    for n, (unit, rehearsed) in enumerate(zip(units, rehearse((_flow(desk, unit) for unit in units), desk.stage), strict=True), 1):
        becomes += _becomes(unit, rehearsed, known, desk)
        told(n, len(units))
    count = len(becomes)
    return Preview(id_, count, len(units), tuple(becomes), tuple(one for one in candidates if one.why), second=count > desk.above)


def _row(desk: Desk, id_: str) -> FlowRow:
    row = desk.ledger.flow(id_)
    assert row is not None, "a unit is of a recorded flow"  # noqa: S101 - an invariant of the ledger
    return row


def _flow(desk: Desk, unit: Unit) -> Flow:
    """The flow that would be made."""
    row = _row(desk, unit.parent)
    if unit.held:
        return row.flow
    again = child_of(unit, unit.ordinals, row.flow.again, row.pieces, "", "")
    flow = replace(row.flow, duplicate_of="", received_at=desk.now(), again=again)
    file = unit.corrected
    return replace(flow, name=file.name, sha256=file.sha256, size=file.size) if file else flow


def _becomes(unit: Unit, rehearsed: Rehearsed, known: dict[tuple[str, int], Candidate], desk: Desk) -> Iterator[Becomes]:
    decision, partner = rehearsed.decision, unit.partner
    if decision is None:
        code = rehearsed.work.trouble.code if rehearsed.work.trouble else ""
        yield from (Becomes(unit.parent, n, partner, _number(known, unit, n), "not_evaluated", (code,)) for n in unit.ordinals or (0,))
        return
    tables, policy = desk.stage.office.kit.tables, rehearsed.work.policy

    def severity(one: Finding) -> Severity:
        return effective_severity(one, policy, tables)

    if not decision.pieces:
        marks = marks_of(finding(f, tables, severity) for f in decision.findings)
        for n in unit.ordinals or (0,):
            was = known.get((unit.parent, n))
            yield Becomes(unit.parent, n, partner, _number(known, unit, n), "same" if was and was.marks == marks and not unit.corrected else "refused", codes_of(marks))
    for d in decision.pieces:
        marks = marks_of(finding(f, tables, severity) for f in d.verdict.findings)
        was = known.get((unit.parent, d.piece.ordinal))
        same = was is not None and was.marks == marks and unit.corrected is None
        what = "accepted" if d.verdict.kind is VerdictKind.ACCEPTED else "same" if same else "refused"
        yield Becomes(unit.parent, d.piece.ordinal, partner, d.piece.number, what, codes_of(marks))


def _number(known: dict[tuple[str, int], Candidate], unit: Unit, ordinal: int) -> str:
    one = known.get((unit.parent, ordinal))
    return one.number if one else ""
