"""The audit of an installation: the journal, the rows that it tells of, and, where asked, every content against its hash."""

from typing import Any

from msgspec.structs import asdict, replace

from flux.faults import Fault
from flux.keeping import Audit, Keeper, Shelf, Trouble

MOST = 100  # troubles that are told


def verify(ledger: Keeper, store: Shelf, head: str, *, content: bool) -> Audit:
    """Everything; *head*: the hash of a line that was kept elsewhere, "" for none. content: whether every content that is needed is read and hashed."""
    found = ledger.audit(head)
    if not content:
        return found
    proven, troubles, more = 0, list(found.troubles), found.more
    for sha in ledger.wanted():
        why = _why(store, sha)
        if why and not ledger.claims([sha]).get(sha):  # a purge beside us let it go meanwhile
            continue
        proven += 1
        if why and len(troubles) < MOST:
            troubles.append(Trouble("store", sha, why))
        elif why:
            more += 1
    return replace(found, troubles=tuple(troubles), more=more, contents=proven)


def _why(store: Shelf, sha256: str) -> str:
    """What is wrong with a content, "" when it is there and has its hash."""
    try:
        return "" if store.intact(sha256) else "content_other"
    except Fault:
        return "content_gone"


def told(found: Audit) -> dict[str, Any]:
    """The object of ``flux audit verify --json``."""
    journal = found.journal
    return {
        "sound": found.sound, "lines": journal.lines, "head": journal.head or None, "broken": journal.broken, "missing": list(journal.missing),
        "head_known": found.known, "flows": found.flows, "unsealed": found.unsealed, "contents": found.contents,
        "troubles": [asdict(one) for one in found.troubles], "more": found.more,
    }  # fmt: skip
