"""The audit of an installation: the journal, the rows that it tells of, and, where asked, every content against its hash."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import asdict, replace

from flux.faults import Fault
from flux.keeping import CONTENT, Audit, Keeper, Shelf, Trouble

MOST = 100  # contents that are told


def verify(ledger: Keeper, store: Shelf, head: str, *, content: bool) -> Audit:
    """Everything; *head*: the hash of a line that was kept elsewhere, "" for none. content: whether every content that is needed is read and hashed."""
    wanted: dict[str, str] = {}

    def met(flow: Mapping[str, Any]) -> None:
        wanted.setdefault(str(flow["sha256"]), str(flow["id"]))

    found = ledger.audit(head, met if content else lambda _: None)
    if not content:
        return found
    proven, troubles = 0, list(found.troubles)
    for folder in store.held():
        needed = ledger.claims([sha for sha, _, _ in folder])
        for sha, _, _ in folder:
            wanted.pop(sha, None)
            if not needed.get(sha):
                continue
            proven += 1
            if not intact(store, sha) and len(troubles) < MOST:
                troubles.append(Trouble("store", sha, "content_other"))
    for sha, flow in wanted.items():  # what stands nowhere: of it only a purge may say so
        if ledger.claims([sha]).get(sha) and not any(one.what == CONTENT for one in ledger.purged(flow)) and len(troubles) < MOST:
            troubles.append(Trouble("store", sha, "content_gone"))
    return replace(found, troubles=tuple(troubles), contents=proven)


def intact(store: Shelf, sha256: str) -> bool:
    """Whether a content is there and has its hash."""
    try:
        return store.intact(sha256)
    except Fault:
        return False


def told(found: Audit) -> dict[str, Any]:
    """The object of ``flux audit verify --json``."""
    journal = found.journal
    return {
        "sound": found.sound, "lines": journal.lines, "head": journal.head or None, "broken": journal.broken, "missing": list(journal.missing),
        "head_known": found.known, "flows": found.flows, "unsealed": found.unsealed, "contents": found.contents,
        "troubles": [asdict(one) for one in found.troubles], "more": found.more,
    }  # fmt: skip
