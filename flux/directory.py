"""The structure directory of an installation: what ``flux directory`` does, what the loops and the doctor ask. Values for the contract come out."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flux import folders
from flux.config import Config
from flux.faults import Fault
from flux.stores import _directory_import as imports
from flux.stores import directory as store
from flux.structures import Lookup


def lookup(config: Config) -> Lookup:
    """What the rules ask."""
    return store.Snapshots(config.spool)


def take(config: Config, path: Path, as_of: date | None, now: datetime, *, force: bool = False) -> dict[str, Any]:
    """Import a file: the object of ``flux directory import --json``. Raises Fault, and then nothing has changed."""
    folders.made(config.spool, 0o700)
    folders.made(config.spool / store.FOLDER, 0o700)
    done = imports.take(config.spool, path, as_of, now, force=force)
    return {"imported": done.fresh, "rows": done.rows, **_told(done.snapshot, done.about)}


def show(config: Config, siret: str, on: date) -> dict[str, Any] | None:
    """What is known of a SIRET on a day: the object of ``flux directory show --json``; None when nothing is."""
    return store.detail(config.spool, siret, on)


def status(config: Config, today: date) -> dict[str, Any]:
    """Every snapshot, which are in force today, and whether the directory is stale: the object of ``flux directory status --json``."""
    found = store.snapshots(config.spool)
    holding = [store.in_force(found, kind, today) for kind in store.KINDS]
    rows = [
        {**_told(snapshot, store.about(snapshot)), "age_days": (today - snapshot.as_of).days, "in_force": snapshot in holding}
        for snapshot in found
    ]
    return {"snapshots": rows, "stale": stale(config, today) is not None, "directory_days": config.directory_days}


def stale(config: Config, today: date) -> Fault | None:
    """The warning that the structures in force are too old; None when they are not, or when there are none. It is the operator's, no sender's."""
    found = store.in_force(store.snapshots(config.spool), "structures", today)
    if found is None or (age := (today - found.as_of).days) <= config.directory_days:
        return None
    return Fault("FLX-I109", as_of=found.as_of.isoformat(), age=str(age), most=str(config.directory_days))


def held(config: Config, today: date) -> Iterator[tuple[store.Snapshot, store.About]]:
    """What is in force today, at most one of each kind. Raises Fault when it is damaged."""
    found = store.snapshots(config.spool)
    for kind in store.KINDS:
        if (snapshot := store.in_force(found, kind, today)) is not None:
            yield snapshot, store.about(snapshot)


def _told(snapshot: store.Snapshot, about: store.About) -> dict[str, Any]:
    return {
        "kind": snapshot.kind, "as_of": snapshot.as_of.isoformat(), "file": snapshot.path.name, "source": about.source, "sha256": about.sha256,
        "imported_at": about.imported_at, "count": about.rows, "structures": about.structures,
    }  # fmt: skip
