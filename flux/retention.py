"""
What goes, when, and in which order: retention by age and state. Nothing goes that is open, held, owed, or of a dossier that is not ended.

First the rows say "purged", in a transaction of its own; then the contents go that no row needs any more, asked again under the write lock. A kill
between the two leaves contents that nobody needs, which the next purge takes: never a row that misses a content and does not say why.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from flux.faults import Fault
from flux.keeping import CONTENT, RETURNS, TOLD, Keeper, Shelf
from flux.model import FlowVerdict, Plumbing
from flux.policy import Retention
from flux.rows import FlowRow
from flux.tables import Tables
from flux.when import PARIS

GROUP = 200         # flows purged in one transaction
PLANNED = 20_000    # flows looked for at once: each look goes through all that are closed
DROP = 500          # contents looked at under one write lock
ALL = 100_000_000   # flows of a dry run
REFUSED = (FlowVerdict.REJECTED, FlowVerdict.PARTIAL)
LOST = (*REFUSED, FlowVerdict.INCIDENT)  # of which something did not go in
GRACE = timedelta(days=1)  # a content that was written since is wanted again by somebody whose row is not there yet


class Gone(Struct):
    """What a purge did, or would do. flows: by what; contents, size: that nobody needed any more; orphans: of these, those of no flow at all."""

    flows: dict[str, int]
    contents: int = 0
    size: int = 0
    orphans: int = 0


def ripe(ledger: Keeper, kept: Retention, now: datetime, tables: Tables, limit: int) -> dict[str, list[str]]:
    """Flows by what may go of them now: at most so many for each reason."""
    finals = finals_of(tables)
    every = (FlowVerdict.INTEGRATED, *LOST)
    asked = (
        (CONTENT, (FlowVerdict.INTEGRATED,), kept.integrated_days), (CONTENT, LOST, kept.refused_days), (RETURNS, every, kept.returns_days),
        (TOLD, every, kept.told_days),
    )  # fmt: skip
    found: dict[str, list[str]] = {}
    for what, verdicts, days in asked:
        if days:
            found.setdefault(what, []).extend(ledger.ripe(what, verdicts, now - timedelta(days=days), finals, limit))
    return found


def finals_of(tables: Tables) -> list[str]:
    """The statuses that nothing moves any more."""
    return [status for status, row in tables.life.statuses.items() if row.final]


def purging(ledger: Keeper, store: Shelf, kept: Retention, now: datetime, tables: Tables, who: str) -> Iterator[Gone]:
    """Purge, some at a time: after each step what was done so far, so that a daemon does other things in between."""
    gone, finals, left = Gone({}), finals_of(tables), True
    while ledger.count_causes(GROUP):  # of a ledger of a version before: what was told of a flow is all that says why it was refused
        yield gone
    while left and any((plan := ripe(ledger, kept, now, tables, PLANNED)).values()):
        left = False
        for what, flows in _together(plan).items():
            for start in range(0, len(flows), GROUP):
                done = ledger.purge(flows[start : start + GROUP], what, who, now, finals)
                left = left or bool(done)
                for one in what:
                    gone.flows[one] = gone.flows.get(one, 0) + done
                yield gone
    for folder in store.held():
        for start in range(0, len(folder), DROP):
            _swept(ledger, store, folder[start : start + DROP], kept, now, gone)
            yield gone
    yield gone


def _together(plan: Mapping[str, Sequence[str]]) -> dict[tuple[str, ...], list[str]]:
    """Flows by all that goes of them: one line of the journal each."""
    of: dict[str, list[str]] = {}
    for what, flows in plan.items():
        for flow in flows:
            of.setdefault(flow, []).append(what)
    groups: dict[tuple[str, ...], list[str]] = {}
    for flow, whats in of.items():
        groups.setdefault(tuple(whats), []).append(flow)
    return groups


def _swept(ledger: Keeper, store: Shelf, found: Sequence[tuple[str, int, float]], kept: Retention, now: datetime, gone: Gone) -> None:
    """Contents that nobody needs: those of purged flows at once, those that no row ever named after so many days."""
    claimed = ledger.claims([sha for sha, _, _ in found])
    for known, age in ((True, GRACE), (False, max(GRACE, timedelta(days=kept.orphan_days)))):
        before = (now - age).timestamp()
        some = [sha for sha, _, written in found if (sha in claimed) is known and not claimed.get(sha) and written < before]
        if some:
            count, size = ledger.drop(some, lambda shas, before=before: store.forget(shas, before))  # type: ignore[misc]
            gone.contents, gone.size = gone.contents + count, gone.size + size
            gone.orphans += 0 if known else count


def foreseen(ledger: Keeper, store: Shelf, kept: Retention, now: datetime, tables: Tables) -> Gone:
    """What a purge would do now. Nothing is changed."""
    plan = ripe(ledger, kept, now, tables, ALL)
    gone, free = Gone({what: len(flows) for what, flows in plan.items() if flows}), set(ledger.would_free(plan))
    for folder in store.held():
        claimed = ledger.claims([sha for sha, _, _ in folder])
        for sha, size, written in folder:
            age = GRACE if sha in claimed else max(GRACE, timedelta(days=kept.orphan_days))
            if (sha in free or not claimed.get(sha)) and written < (now - age).timestamp():
                gone.contents, gone.size = gone.contents + 1, gone.size + size
                gone.orphans += sha not in claimed
    return gone


def acknowledge(ledger: Keeper, rows: Sequence[FlowRow], who: str, reason: str, now: datetime) -> list[str]:
    """Note that somebody looked at what was refused in these flows; gives those for which it is new. Raises Fault where nothing was."""
    for row in rows:
        if row.state is not Plumbing.CLOSED or row.verdict not in REFUSED:
            raise Fault("FLX-I251", flow=row.flow.id, state=f"{row.state} {row.verdict}".strip())
    return ledger.acknowledge([row.flow.id for row in rows], who, reason, now)


def next_night(kept: Retention, now: datetime) -> datetime | None:
    """When the daemon purges next by itself, None for never."""
    if kept.at is None:
        return None
    today = datetime.combine(now.astimezone(PARIS).date(), kept.at, PARIS)
    return today if today > now else datetime.combine(today.date() + timedelta(days=1), kept.at, PARIS)
