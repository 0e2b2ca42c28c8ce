"""
Folders: a partner drops into one, flux publishes into others. Implements ``ports.Inbox`` and ``ports.Outbox``.

Names in an inbox are bytes that a stranger chose: they are never joined to anything but the folder they were listed in, and never
followed. Everything is opened without following links, without blocking, and judged on the descriptor.
"""

import hashlib
import os
import shutil
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from flux.durable import COPY_BYTES, has_writer, move, publish, sync_folder, sync_folders, sync_written
from flux.faults import Fault
from flux.ids import member_id
from flux.model import Emission
from flux.ports import Busy, Deposit, Unsettled, Why

PARTIAL = (b".part", b".tmp", b".filepart", b".crdownload", b".swp")
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class _Seen(Struct):
    """A file that was met before: what it looked like, and since when it looks so, by our own monotonic clock."""

    look: tuple[int, int, int]
    since: float


class FolderInbox:
    """
    ``inbox/<partner>/`` and its claims, ``spool/claim/<partner>/<batch>/NAME``, on one file system.

    A file is taken when its name is not a partial one, nobody writes into it (the lease test), and it has looked the same for
    *settle_s* seconds. No date of the file is ever compared with our clock.
    """

    def __init__(self, partner: str, folder: Path, claims: Path, *, settle_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.partner = partner
        self._folder, self._claims = os.fsencode(folder), claims
        self._settle_s, self._clock = settle_s, clock
        self._seen: dict[bytes, _Seen] = {}
        self._why: dict[bytes, Why] = {}
        self._line: deque[bytes] = deque()  # what the last scan found at rest and nobody claimed since, oldest first

    def waiting(self, limit: int) -> list[bytes]:
        """
        Names that have settled and may be claimed, oldest first by modification time, at most *limit*.

        What one scan found is served by as many calls as it lasts, each name looked at again when its turn comes: a scan a call would look
        at 100,000 files a thousand times over.
        """
        if len(self._line) < limit:
            self._scan()
        ready: list[bytes] = []
        changed: dict[bytes, Why] = {}
        while self._line and len(ready) < limit:
            name = self._line.popleft()
            if why := self._changed(name) or self._being_written(name):
                changed[name] = why
            else:
                ready.append(name)
        self._line.extendleft(reversed(ready))  # until they are claimed
        self._why = {**self._why, **changed}  # in one: a monitor's thread reads it meanwhile
        return ready

    def unsettled(self) -> list[Unsettled]:
        """What the last scan saw and did not take, and why."""
        return [Unsettled(self.partner, name, why) for name, why in self._why.items()]

    def ask(self) -> None:
        """Nothing: who asks for its names looks at the folder."""

    def looked(self) -> bool:
        """Always."""
        return True

    def claim(self, names: Sequence[bytes], batch: str) -> list[Deposit]:
        """Rename into a folder of the batch's own: one winner among any number of claimers. Durable on return."""
        folder = os.fsencode(self._claims / batch)
        os.mkdir(folder, 0o700)
        sync_folder(self._claims)
        taken = []
        for name in names:
            with suppress(OSError):  # somebody else took it, or it cannot be taken: it stops none of the others
                os.rename(os.path.join(self._folder, name), os.path.join(folder, name))
                if self._is_file(folder, name):
                    taken.append(self._deposit(batch, name))
            self._seen.pop(name, None)
        while self._line and self._line[0] not in self._seen:
            self._line.popleft()
        if os.listdir(folder):
            sync_folders([Path(os.fsdecode(folder)), Path(os.fsdecode(self._folder))])
        else:
            os.rmdir(folder)
        return taken

    def recover(self) -> list[Deposit]:
        """What stands claimed, from whatever crash. A batch without a file is over, or never happened: removed. A stray file is no batch."""
        left = []
        for folder in sorted(path for path in self._claims.iterdir() if path.is_dir() and not path.is_symlink()):
            for name in sorted(os.listdir(os.fsencode(folder))):
                if name.startswith(b"."):  # no claimed file begins with a dot: half a copy of ours
                    os.unlink(os.path.join(os.fsencode(folder), name))
                elif self._is_file(os.fsencode(folder), name):
                    left.append(self._deposit(folder.name, name, again=True))
            with suppress(OSError):
                folder.rmdir()
        return left

    def open(self, deposit: Deposit) -> BinaryIO:
        """
        The claimed file, regular, and nobody else's to change any more. Raises Busy while somebody still writes into it.

        Nobody reaches it by its name since the claim. A copy of ours takes its place where the system will not say whether somebody still
        holds it open, where it has a second name, where it is another user's (he can open it again through a descriptor that he kept), and
        where it was claimed before: after a sync that failed, another of the same pages says nothing.
        """
        fd = os.open(self.path(deposit), _OPEN)
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            os.close(fd)
            raise Fault("FLX-I52", name=os.fsdecode(deposit.name), partner=self.partner, path=os.fsdecode(self.path(deposit)))
        written = has_writer(fd)
        if written:
            os.close(fd)
            raise Busy
        file = os.fdopen(fd, "rb", buffering=0)
        ours = written is False and found.st_nlink == 1 and found.st_uid == os.geteuid() and not deposit.again
        return file if ours else self._own_copy(deposit, file)

    def path(self, deposit: Deposit) -> bytes:
        """Where the claimed file stands: the content store takes it from there."""
        return os.path.join(os.fsencode(self._claims / deposit.batch), deposit.name)

    def discard(self, deposits: Sequence[Deposit]) -> None:
        """Remove what is left of claims whose bytes are content. Repeatable."""
        for deposit in deposits:
            with suppress(FileNotFoundError):
                os.unlink(self.path(deposit))
        for batch in {deposit.batch for deposit in deposits}:
            with suppress(OSError):  # others of the batch are still there: not yet
                (self._claims / batch).rmdir()
        if deposits:
            sync_folder(self._claims)

    def _is_file(self, folder: bytes, name: bytes) -> bool:
        """
        Whether what was claimed is a file. Something else took its name since the scan: it goes back, where the next scan tells of it.

        Where the sender has already put another thing under that name, a link or a FIFO holds no bytes that anybody could miss.
        """
        claimed = os.path.join(folder, name)
        kind = os.lstat(claimed).st_mode
        if stat.S_ISREG(kind):
            return True
        try:
            move(claimed, os.path.join(self._folder, name))
        except OSError:
            if stat.S_ISDIR(kind):
                return True  # it is kept, and told when it is opened
            os.unlink(claimed)
        return False

    def _deposit(self, batch: str, name: bytes, *, again: bool = False) -> Deposit:
        return Deposit(member_id(batch, name), self.partner, name, batch, again)

    def _own_copy(self, deposit: Deposit, source: BinaryIO) -> BinaryIO:
        """Replace the claimed file by a copy that flux alone can reach, and give that."""
        scratch = os.path.join(os.fsencode(self._claims / deposit.batch), b"." + deposit.id.encode())
        with source:
            before = os.fstat(source.fileno())
            copy = open(scratch, "w+b", buffering=0)  # noqa: SIM115 - the caller closes it
            shutil.copyfileobj(source, copy, COPY_BYTES)
            after = os.fstat(source.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            copy.close()
            raise Busy  # it changed under our hands: half of one content and half of another is neither
        os.fsync(copy.fileno())
        os.rename(scratch, self.path(deposit))
        sync_folder(os.path.dirname(scratch))
        copy.seek(0)
        return copy

    def _scan(self) -> None:
        """Look at every file once: who rests long enough stands in line."""
        now, rested = self._clock(), []
        present: dict[bytes, _Seen] = {}
        whys: dict[bytes, Why] = {}
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if why := self._not_at_rest(entry, now, present):
                        whys[entry.name] = why
                    else:
                        rested.append((present[entry.name].look[-1], entry.name))
        except OSError as error:
            self._why = {}
            raise Fault("FLX-I53", partner=self.partner, detail=str(error.strerror), folder=os.fsdecode(self._folder)) from error
        self._seen, self._why = present, whys
        self._line = deque(name for _, name in sorted(rested))

    def _not_at_rest(self, entry: os.DirEntry[bytes], now: float, present: dict[bytes, _Seen]) -> Why | None:
        """Why this entry is not looked at any further; None when it has rested. Notes in *present* what it looks like."""
        if entry.name.startswith(b".") or entry.name.lower().endswith(PARTIAL):
            return Why.UPLOADING
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return Why.GONE
        if odd := _odd(found):
            return odd
        look, seen = _look(found), self._seen.get(entry.name)
        if seen is None or seen.look != look:
            seen = _Seen(look, now)
        present[entry.name] = seen
        return Why.RESTING if now - seen.since < self._settle_s else None

    def _changed(self, name: bytes) -> Why | None:
        """What has become of a file since the scan; None when it still looks as it did."""
        try:
            found = os.lstat(os.path.join(self._folder, name))
        except OSError:
            return Why.GONE
        if odd := _odd(found):
            return odd
        seen = self._seen.get(name)
        return None if seen and seen.look == _look(found) else Why.RESTING

    def _being_written(self, name: bytes) -> Why | None:
        try:
            fd = os.open(os.path.join(self._folder, name), _OPEN)
        except OSError:
            return Why.UNOPENABLE
        try:
            return Why.WRITING if has_writer(fd) else None
        finally:
            os.close(fd)


def _odd(found: os.stat_result) -> Why | None:
    if not stat.S_ISREG(found.st_mode):
        return Why.NOT_REGULAR
    return Why.SECOND_NAME if found.st_nlink > 1 else None


def _look(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


class FolderOutbox:
    """
    ``staged/<key>`` and the target folders, on one file system: what is staged is durable and unseen, publishing is one rename.

    folder_of(target) gives the folder of "returns/<partner>" or "pieces/<who>"; it is made when it does not exist yet. Files and folders have
    the mode that the umask leaves; a file that goes into a folder with the setgid bit gets that folder's group, as if it were made there.
    """

    def __init__(self, staged: Path, folder_of: Callable[[str], Path]) -> None:
        self._staged, self._folder_of = staged, folder_of

    def stage(self, group: Sequence[tuple[Emission, BinaryIO]]) -> None:
        """Write all, sync all, rename all, sync. Repeatable: the same key gives the same file, whose hash is proven on the way."""
        staged, groups = str(self._staged), self._groups({emission.target for emission, _ in group})
        for emission, source in group:
            with open(f"{staged}/.{emission.key}", "wb", buffering=0) as file:
                _copy_range(emission, source, file)
                if emission.target in groups:
                    with suppress(PermissionError):  # flux is not in that group: delivered all the same, and the doctor says so
                        os.fchown(file.fileno(), -1, groups[emission.target])
        sync_written([f"{staged}/.{emission.key}" for emission, _ in group], self._staged)
        for emission, _ in group:
            os.rename(f"{staged}/.{emission.key}", f"{staged}/{emission.key}")
        sync_folder(self._staged)

    def publish(self, group: Sequence[Emission]) -> Mapping[str, str]:
        """Rename each to its final name, refusing to replace. Absent from staged: published before."""
        folders, dead = self._folders({emission.target for emission in group})
        refused = {emission.key: dead[emission.target] for emission in group if emission.target in dead}
        pairs = {e.key: (self._staged / e.key, folders[e.target] / e.name) for e in group if e.key not in refused}
        failed = publish(list(pairs.values()))
        return refused | {key: f"{failed[source].strerror}: {target}" for key, (source, target) in pairs.items() if source in failed}

    def clean(self) -> int:
        """At start, under the lock: throw away what a crash left half staged. Whole staged files are never touched here."""
        left = list(self._staged.glob(".*"))
        for path in left:
            path.unlink()
        return len(left)

    def _groups(self, targets: Iterable[str]) -> dict[str, int]:
        """The group of each target whose folder hands it down: a rename does not, so a file has it before it is published."""
        found = {target: folder.stat() for target, folder in self._folders(targets)[0].items()}
        return {target: one.st_gid for target, one in found.items() if one.st_mode & stat.S_ISGID}

    def _folders(self, targets: Iterable[str]) -> tuple[dict[str, Path], dict[str, str]]:
        """The folder of each target, made when it is not there; and why one cannot be: one dead target never blocks the others."""
        folders: dict[str, Path] = {}
        dead: dict[str, str] = {}
        for target in targets:
            folder = self._folder_of(target)
            try:
                if not folder.is_dir():
                    folder.mkdir(parents=True, exist_ok=True)
                    sync_folder(folder.parent)
                folders[target] = folder
            except OSError as error:
                dead[target] = f"{error.strerror}: {folder}"
        return folders, dead


def _copy_range(emission: Emission, source: BinaryIO, target: BinaryIO) -> None:
    """Copy the emission's bytes out of its blob, and prove that they are the ones that were decided."""
    digest, at, end = hashlib.sha256(), emission.offset, emission.offset + emission.size
    while at < end and (block := os.pread(source.fileno(), min(COPY_BYTES, end - at), at)):
        digest.update(block)
        target.write(block)
        at += len(block)
    if digest.hexdigest() != emission.sha256:
        raise Fault("FLX-I51", blob=emission.blob, name=emission.name)
