"""The folders of an installation: which there are, how they are made, what must hold of them, and what room is left."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from flux import _settings as s
from flux import durable
from flux.config import Config
from flux.faults import Fault
from flux.owing import who_matches

OWN = ("tmp", "claim", "staged", "store")
LEAST_FILES = 1000  # inodes: some ten a flow while it is under way


def folder_of(config: Config, target: str) -> Path:
    """Where a target lies: a partner's returns, a route of the configuration, or the folder of the one who acts next."""
    kind, _, name = target.partition("/")
    if kind == "returns":
        gone = config.outbox / "returns" / name  # what is owed to a partner who left the configuration is owed all the same
        return next((config.returns_of(p) for p in config.partners if p.name == name), gone)
    routed = next((route.folder for route in config.routes if who_matches(name, route.actor)), None)
    return config.root / routed if routed else config.outbox / "pieces" / name


def make(config: Config) -> None:
    """
    The folders of an installation, where they are missing.

    Raises Fault where a file stands in the place of one, and where one is on another file system than the spool; OSError when the system
    refuses. Nobody but flux looks into the spool: what it holds was received, or is not published yet.
    """
    made(config.spool, 0o700)
    if config.ledger_file is not None:
        made(config.ledger_file.parent)
    for folder in (*(config.spool / own for own in OWN), *(claims_of(config, p.name) for p in config.partners), *shared(config)):
        made(folder)
    home = config.spool.stat().st_dev
    for folder in (*(config.spool / own for own in OWN), *shared(config)):
        if folder.stat().st_dev != home:
            raise Fault("FLX-I22", folder=str(folder), spool=str(config.spool))


def made(folder: Path, mode: int = 0o777) -> None:
    """The folder, made when it is missing. Raises Fault where something else has its name, OSError when the system refuses."""
    try:
        folder.mkdir(mode, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        raise Fault("FLX-I85", path=str(file)) from error


def shared(config: Config) -> list[Path]:
    """The folders in which flux meets others: inboxes, and wherever it delivers."""
    partners = (folder for p in config.partners for folder in (config.inbox_of(p), config.returns_of(p)))
    routes = (config.root / route.folder for route in config.routes if route.folder)
    return list(dict.fromkeys((config.outbox, config.outbox / "pieces", *partners, *routes)))


def claims_of(config: Config, partner: str) -> Path:
    """Where the claimed files of a partner stand."""
    return config.spool / "claim" / partner


@contextmanager
def alone(config: Config) -> Iterator[None]:
    """One backup or purge of an installation at a time: a purge removes what a backup copies. Raises Fault."""
    made(config.spool, 0o700)
    fd = durable.lock(config.spool / "keep.lock")
    if fd is None:
        raise Fault("FLX-I248")
    try:
        yield
    finally:
        os.close(fd)


def departed(config: Config) -> dict[str, Path]:
    """The claims of partners who are no longer in the configuration: what they sent was taken, so it is ours to keep."""
    known = {partner.name for partner in config.partners}
    return {path.name: path for path in sorted((config.spool / "claim").iterdir()) if _is_claims(path) and path.name not in known}


def strays(config: Config) -> Iterator[Path]:
    """What stands among the claims and is none: flux never puts a file there that is not in a batch, nor a folder that is no partner's."""
    for path in sorted((config.spool / "claim").iterdir()):
        if _is_claims(path):
            yield from (batch for batch in sorted(path.iterdir()) if not batch.is_dir() or batch.is_symlink())
        else:
            yield path


def _is_claims(path: Path) -> bool:
    return re.fullmatch(s.NAME, path.name) is not None and path.is_dir() and not path.is_symlink()


def knock(config: Config) -> None:
    """Wake a daemon that waits: it watches the spool, and finds in the ledger what there is to do. Nobody may be there, and nothing is lost."""
    with suppress(OSError):
        (config.spool / "knock").write_bytes(b"")


class Room(Struct, frozen=True):
    """What a file system has left for flux. size: bytes; files: how many more, None where it does not count them."""

    size: int
    files: int | None

    def lacking(self, config: Config) -> Fault | None:
        """Why nothing new may be taken, None when there is room: what is taken must also be judged, kept and answered."""
        if self.size >= config.least_free_mb << 20 and (self.files is None or self.files >= LEAST_FILES):
            return None
        files = "—" if self.files is None else str(self.files)
        least, spool = str(config.least_free_mb), str(config.spool)
        return Fault("FLX-I86", spool=spool, free=str(self.size >> 20), files=files, least=least, least_files=str(LEAST_FILES))

    def beyond(self, config: Config) -> int:
        """Bytes that may be fetched without coming to where nothing new may be taken."""
        return 0 if self.lacking(config) else max(0, self.size - (config.least_free_mb << 20))


def room(folder: Path) -> Room:
    """What the file system of *folder* has left."""
    found = os.statvfs(folder)
    return Room(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)


def refused(error: OSError) -> Fault:
    """What the system refused, as trouble of ours that says where."""
    paths = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes | os.PathLike)]
    return Fault("FLX-I84", path=" → ".join(paths) or "—", detail=error.strerror or str(error))
