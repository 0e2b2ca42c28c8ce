"""
A backup as an installation again, which begins paused: its original may have gone on after the backup was made.

What the ledger's copy calls STAGED in the staged folder and was not there afterwards was published, by the law of the protocol, and is done. What
else it owes, what stands uploaded at a partner's included, each flow that was under way or held, each run that was owed or begun, and the mail of one, is
in doubt: the original may have done it since. A person decides. A re-injection that was not over is aborted: what it had made is in doubt, what it had not the original may have made.
"""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct
from msgspec.structs import asdict

from flux import config as settings
from flux import durable, folders, pause
from flux.backup import _shape as shape
from flux.config import Config
from flux.faults import Fault
from flux.keeping import Doubt, Keeper
from flux.model import Event

SENT, AGAIN, STILL = "already_sent", "send_again", "still_held"


class Restored(Struct, frozen=True):
    """An installation made of a backup. doubts: what waits for a decision; published: what the backup itself knew to be done."""

    root: Path
    backup: shape.Backup
    contents: int
    doubts: tuple[Doubt, ...]
    published: int


Open = Callable[[Config], AbstractContextManager[Keeper]]


def restore(source: Path, target: Path, now: datetime, open_ledger: Open, who: str, *, instead: Path | None = None, link: bool = False) -> Restored:
    """
    Make *target*, which must be empty, of the backup at *source*: beside it, under another name, and renamed when all of it is there.

    instead: a flux.toml to be used in the place of the one that was backed up. Raises Fault.
    """
    backup = shape.named(source)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Fault("FLX-I245", path=str(target))
    half = target.with_name(f".{target.name}.{os.getpid()}")
    half.mkdir(mode=0o700, parents=True)
    try:
        config = _configured(backup, half, instead)
        pause.mark(folders_made(config), _paused(backup, now, who))  # before anything else: whatever becomes of this, nothing starts here
        count = _filled(backup, config, link=link)
        with open_ledger(config) as ledger:
            doubts, published = _doubted(ledger, backup, now, who)
        durable.sync_file_system(half)
        half.rename(target)  # an empty folder of this name is replaced
        durable.sync_folder(target.absolute().parent)
    finally:
        shape.removed(half)
    return Restored(target, backup, count, tuple(doubts), published)


def _configured(backup: shape.Backup, root: Path, instead: Path | None) -> Config:
    """The configuration in its place. Raises Fault where it names folders that are not below it: they are the original's."""
    for name, stamp in backup.manifest.files.items():
        if name.startswith("files/"):
            _copied(backup, name, root / Path(name).name, stamp)
    if instead is not None:
        (root / settings.FILE).write_bytes(instead.read_bytes())
    config = settings.load(root / settings.FILE)
    if config.ledger_file is None:
        raise Fault("FLX-I241")
    home = root.resolve()
    places = {"spool": config.spool, "inbox": config.inbox, "outbox": config.outbox, "ledger": config.ledger_file}
    places |= {f"[[partner]] {p.name}: inbox": config.inbox_of(p) for p in config.partners}
    places |= {f"[[partner]] {p.name}: returns": config.returns_of(p) for p in config.partners}
    places |= {f"[[route]] {r.actor}": config.root / r.folder for r in config.routes if r.folder}
    for name, path in places.items():
        if home not in path.resolve().parents:
            raise Fault("FLX-I246", name=name, value=str(path))
    return config


def folders_made(config: Config) -> Path:
    """The folders of an installation; gives its spool."""
    folders.make(config)
    return config.spool


def _paused(backup: shape.Backup, now: datetime, who: str) -> pause.Paused:
    m = backup.manifest
    return pause.Paused(now.isoformat(timespec="seconds"), who, f"flux restore {backup.path.name}", backup.path.name, m.made_at, m.waiting)


def _copied(backup: shape.Backup, name: str, target: Path, stamp: shape.Stamp) -> None:
    try:
        found = shape.copied(backup.path / name, target)
    except OSError as error:
        raise Fault("FLX-I244", path=str(backup.path), detail=str(error)) from error
    if found != stamp:
        raise Fault("FLX-I244", path=str(backup.path), detail=name)


def _filled(backup: shape.Backup, config: Config, *, link: bool) -> int:
    """Contents, ledger, claims and what else the spool holds, each proven on the way; gives how many contents."""
    count = 0
    if shape.stamp(backup.path / shape.CONTENTS) != backup.manifest.files[shape.CONTENTS]:
        raise Fault("FLX-I244", path=str(backup.path), detail=shape.CONTENTS)
    with shape.Shelf(config.spool / "store", link=link) as shelf:
        for sha256, _ in backup.contents():
            try:
                shelf.add(shape.place(backup.pool, sha256), sha256)
            except OSError as error:
                raise Fault("FLX-I244", path=str(backup.path), detail=str(error)) from error
            count += 1
    for name, stamp in backup.manifest.files.items():
        place = re.match("(claim|spool)/", name)
        if place is not None:
            _copied(backup, name, config.spool / (name if place[1] == "claim" else name.removeprefix("spool/")), stamp)
    if config.ledger_file is not None:
        _copied(backup, shape.LEDGER, config.ledger_file, backup.manifest.files[shape.LEDGER])
    return count


def _doubted(ledger: Keeper, backup: shape.Backup, now: datetime, who: str) -> tuple[list[Doubt], int]:
    """What is in doubt, but for what the backup itself knows to be published."""
    name = backup.path.name
    doubts = ledger.doubt(Event("", "restored", now, who, detail=f"{name} {backup.manifest.lines} {backup.manifest.head}"))
    staged = {one.key for one in ledger.unpublished(len(doubts))}  # in the staged folder: of an endpoint's only its server knows
    gone = [one.item for one in doubts if one.item in staged - set(backup.manifest.staged)]
    if gone:
        settle(ledger, gone, now, "flux", f"published before the backup {name} ended", sent=True)
    return ledger.doubts(), len(gone)


def settle(ledger: Keeper, items: Sequence[str], now: datetime, who: str, reason: str, *, sent: bool) -> int:
    """Decide these items, each with its line of the journal; gives how many are left. A flow that the original answered is held here, and says so."""

    def event(one: Doubt) -> Event:
        what = {("flow", True): "held", ("held", False): STILL}.get((one.kind, sent), SENT if sent else AGAIN)
        return Event(one.flow, what, now, who, detail=f"{one.told} {reason}")

    held = Fault("FLX-I258", who=who, reason=reason).reason()
    return ledger.settle(items, event, orjson.dumps(asdict(held)).decode(), sent=sent)


def told(done: Restored) -> dict[str, Any]:
    """The object of ``flux restore --json``."""
    m = done.backup.manifest
    return {
        "root": str(done.root), "backup": done.backup.path.name, "made_at": m.made_at, "contents": done.contents, "published": done.published,
        "doubts": [doubt(one) for one in done.doubts], "waiting": list(m.waiting),
    }  # fmt: skip


def doubt(one: Doubt) -> dict[str, str]:
    """A doubt as JSON."""
    return {"item": one.item, "kind": one.kind, "flow": one.flow, "told": one.told}
