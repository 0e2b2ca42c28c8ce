"""
Fetching, by evidence: a file is claimed by a rename on its own server, and what stands in the claim folder there is what is to be done.

    folder/NAME ──rename──▶ folder/.flux-claim/<batch>/NAME ──fetch, sync──▶ spool/claim/<partner>/<batch>/NAME ──intake──▶ custody ──▶ removed there

The flow's id follows from batch and name, as for folders, so that the ledger says whether a claimed file was received: then only its removal
is left. No answer is believed that a listing can give: a rename whose answer was lost is seen in the claim folder, or is not.
"""

import os
import re
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from flux.durable import sync_file_system, sync_files, sync_folder, sync_folders
from flux.endpoints import Endpoint
from flux.faults import Fault
from flux.ids import ALPHABET
from flux.ids import member_id as _member_id
from flux.model import shown
from flux.ports import Unsettled, Why
from flux.transports.folder import PARTIAL
from flux.transports.sftp.inbox import SftpInbox
from flux.transports.sftp.packets import Entry, Found, single
from flux.transports.sftp.wire import MOST_LISTED, Fetch, Wire

GROUP = 500             # files claimed, fetched and synced together: on a busy disk the syncs are what takes long
OPEN = 100              # of which so many are open at once
GROUP_BYTES = 256 << 20  # and no more bytes than this, where it is more than one file
BACKLOG = 20            # batches that wait for the intake: with more, nothing is fetched
AGAIN_S = 60.0          # before a claimed file that could not be fetched whole is tried again; doubled each time
MOST_AGAIN_S = 3600.0
ASK_ALL_S = 1.0         # between two questions about every batch that was handed over, and not only those that the intake says it took,
MOST_ASK_S = 60.0       # twice as long each time, up to this: of a partner who is taken in runs they wait until the next one
SOON_S = 0.2            # before the intake is looked at again that has a batch under way
MOST_LEFT = 100         # files that are told and not taken
NAMES = 255             # bytes of a name
_BATCH = re.compile(rf"\d{{8}}T\d{{9}}Z-[{ALPHABET}]{{10}}")

Look = tuple[int | None, int | None]
member_id = lru_cache(maxsize=4 * GROUP)(_member_id)  # asked for several times a file


class Hands(Struct, frozen=True):
    """
    What a pull needs of the house. received: which of these flows are in custody. room: bytes that may be fetched, or Fault when none.

    most_bytes: of one file, beyond which nobody would take it.
    """

    received: Callable[[Sequence[str]], set[str]]
    new_id: Callable[[], str]
    room: Callable[[], int]
    most_bytes: int
    clock: Callable[[], float] = time.monotonic


class _Seen(Struct):
    look: Look
    since: float


class _Again(Struct):
    """A batch of which something is left: when it is tried again, and what its files looked like when it was."""

    at: float
    wait: float
    looks: dict[bytes, Look]


class Pull:
    """What one endpoint fetches. It outlives its connections: what it remembers only saves questions."""

    def __init__(self, endpoint: Endpoint, inbox: SftpInbox, claims: Path, scratch: Path, hands: Hands) -> None:
        self._end, self._inbox, self._claims, self._scratch, self._hands = endpoint, inbox, claims, scratch, hands
        self._folder = endpoint.folder.encode() or b"."
        self._claim = self._folder + b"/" + endpoint.claim.encode()
        self._seen: dict[bytes, _Seen] = {}
        self._line: deque[Entry] = deque()
        self._handed: dict[str, dict[bytes, Look]] = {}  # batches that the intake has, or had: name and what was fetched
        self._again: dict[str, _Again] = {}
        self._ask_all_at, self._ask_all_s = 0.0, ASK_ALL_S
        self._prepared: Wire | None = None
        self.left: dict[bytes, Why] = {}
        self.trouble: Fault | None = None  # of single files; the others went on
        self.resting = False
        self.received = 0  # files in custody since it was set to 0
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def pending(self) -> bool:
        """Whether something that was handed over may be in custody by now, so that it can be removed there."""
        return bool(self._handed) or any(again.wait <= SOON_S for again in self._again.values())

    @property
    def due(self) -> bool:
        """Whether there is something to ask about that now: what waits for a run costs no connection meanwhile."""
        now, taken = self._hands.clock(), self._inbox.taken
        asked = bool(self._handed) and (now >= self._ask_all_at or any(batch in taken for batch in self._handed))
        return asked or any(again.at <= now for again in self._again.values())

    @property
    def emptied(self) -> bool:
        """Whether the last look left nothing there that could be taken, now or once it has rested."""
        return not (self._line or self.resting)

    def step(self, wire: Wire, stopped: Callable[[], bool]) -> int:
        """One round: what is received is removed there, what was left is taken up, what has settled is claimed and fetched. Gives how much was done."""
        self.trouble = None
        done = self._prepare(wire) + self._finish(wire) + self._take_up(wire)
        self._look(wire)
        while self._line and not stopped() and self._inbox.backlog < BACKLOG:
            done += self._claim_group(wire) + self._finish(wire)
        return done

    def finish(self, wire: Wire) -> int:
        """Only remove what is in custody by now."""
        return self._prepare(wire) + self._finish(wire) + self._take_up(wire)

    # -- what is claimed ------------------------------------------------------------------------------------------------------------------

    def _prepare(self, wire: Wire) -> int:
        """On a new connection: the claim folder is there, and what it holds is what is to be done."""
        if self._prepared is wire:
            return 0
        found = wire.lstat_all([self._claim])[0]
        if found is None:
            try:
                wire.mkdir(self._claim)
            except OSError as error:
                raise self._refused(self._claim, error) from error
        done = 0
        for entry in self._listed(wire, self._claim):
            batch = entry.name.decode("ascii", "replace")
            if _BATCH.fullmatch(batch) and entry.found.folder:
                done += self._take(wire, batch)
        self._prepared = wire
        return done

    def _take_up(self, wire: Wire) -> int:
        """Batches of which something could not be fetched."""
        now = self._hands.clock()
        return sum(self._take(wire, batch) for batch, again in list(self._again.items()) if again.at <= now)

    def _take(self, wire: Wire, batch: str, expected: dict[bytes, Look] | None = None) -> int:
        """
        Bring a claimed batch on: what the ledger knows is removed there, the rest is fetched and handed over. Gives how many were fetched.

        The order of the two questions matters: what stands in the claims here is not asked about, and what no longer stands there was received.
        """
        if batch in self._handed:
            return 0
        entries = self._listed(wire, self._place(batch), gone=True)
        before = self._again.get(batch)
        expected = expected if expected is not None else before.looks if before else {}
        if (self._claims / batch).exists():
            wait = min(MOST_ASK_S, before.wait * 2) if before else SOON_S  # its partner may be shut until the next run
            self._again[batch] = _Again(self._hands.clock() + wait, wait, expected)
            return 0
        known = self._hands.received([member_id(batch, e.name) for e in entries])
        self._remove(wire, batch, [e.name for e in entries if member_id(batch, e.name) in known])
        files = [e for e in entries if member_id(batch, e.name) not in known]
        if not files:
            self._again.pop(batch, None)
            wire.rmdir(self._place(batch))
            return 0
        fit = [e for e in files if self._fits(e, expected)]
        fetched = self._fetch(wire, batch, fit)
        if fetched:
            self._handed[batch] = fetched
        if left := {e.name: _look(e.found) for e in files if e.name not in fetched}:
            wait = min(MOST_AGAIN_S, before.wait * 2) if before else max(self._end.settle_s, min(AGAIN_S, self._end.poll_s))
            self._again[batch] = _Again(self._hands.clock() + wait, wait, left)
        else:
            self._again.pop(batch, None)
        return len(fetched)

    def _fits(self, entry: Entry, expected: dict[bytes, Look]) -> bool:
        """Whether a claimed file is as it was when it had settled, and can be fetched at all."""
        if not entry.found.regular or entry.name.startswith(b"."):
            return False
        if (entry.found.size or 0) > min(self._hands.most_bytes, self._hands.room()):
            self.trouble = self._too_large(entry)
            return False
        if expected.get(entry.name, _look(entry.found)) != _look(entry.found):
            self.trouble = self._changed(entry.name, "")
            return False
        return entry.found.size is not None

    def _fetch(self, wire: Wire, batch: str, entries: Sequence[Entry]) -> dict[bytes, Look]:
        """Fetch, sync, hand over by one rename. Gives the files that came whole, as they looked."""
        if not entries:
            return {}
        home = self._scratch / batch
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(mode=0o700)
        came = dict[bytes, Look]()
        for start in range(0, len(entries), OPEN):
            some = entries[start : start + OPEN]
            with ExitStack() as stack:
                files = [stack.enter_context(open(os.path.join(os.fsencode(home), entry.name), "xb", buffering=0)) for entry in some]
                fetches = [Fetch(self._place(batch, e.name), e.found, _putter(file)) for e, file in zip(some, files, strict=True)]
                wire.fetch_all(fetches)
                for entry, fetch in zip(some, fetches, strict=True):
                    if fetch.trouble or fetch.got != entry.found.size:
                        os.unlink(os.path.join(os.fsencode(home), entry.name))
                        self.trouble = self._changed(entry.name, str(fetch.trouble or ""))
                    else:
                        came[entry.name] = _look(entry.found)
                if len(entries) <= OPEN:
                    sync_files(files, self._scratch)
        if len(entries) > OPEN:
            sync_file_system(self._scratch)
        if came:
            self._hand_over(home, batch)
        return came

    def _hand_over(self, home: Path, batch: str) -> None:
        sync_folder(home)
        home.rename(self._claims / batch)
        sync_folders([self._claims, self._scratch])
        self._inbox.arrived(batch)

    def _finish(self, wire: Wire) -> int:
        """Remove there what is in custody here. A file that changed after it was fetched is claimed anew: it is another content."""
        done, now, taken = 0, self._hands.clock(), self._inbox.taken
        everyone = now >= self._ask_all_at
        if everyone:
            self._ask_all_at, self._ask_all_s = now + self._ask_all_s, min(MOST_ASK_S, 2 * self._ask_all_s)
        for batch, looks in list(self._handed.items()):
            if not (everyone or batch in taken):
                continue
            taken.discard(batch)
            known = self._hands.received([member_id(batch, name) for name in looks])
            names = [name for name in looks if member_id(batch, name) in known]
            if not names:
                continue
            there = wire.lstat_all([self._place(batch, name) for name in names])
            changed = [name for name, found in zip(names, there, strict=True) if found and _look(found) != looks[name]]
            if changed:
                self._claim_anew(wire, batch, changed)
            self._remove(wire, batch, [name for name, found in zip(names, there, strict=True) if found and name not in changed])
            self._ask_all_s = ASK_ALL_S
            done += len(names)
            self.received += len(names)
            for name in names:
                del looks[name]
            if not looks:
                del self._handed[batch]
                if wire.rmdir(self._place(batch)) and batch not in self._again and wire.lstat_all([self._place(batch)])[0]:
                    self._again[batch] = _Again(self._hands.clock() + AGAIN_S, AGAIN_S, {})
        return done

    def _claim_anew(self, wire: Wire, batch: str, names: Sequence[bytes]) -> None:
        another = self._hands.new_id()
        wire.mkdir(self._place(another))
        wire.rename_all([(self._place(batch, name), self._place(another, name)) for name in names])
        self._again[another] = _Again(self._hands.clock() + self._end.settle_s, AGAIN_S, {})

    def _remove(self, wire: Wire, batch: str, names: Sequence[bytes]) -> None:
        if not names:
            return
        if self._end.done:
            room = self._folder + b"/" + self._end.done.encode() if not self._end.done.startswith("/") else self._end.done.encode()
            refused = wire.rename_all([(self._place(batch, name), room + b"/" + _done_name(batch, name)) for name in names])
        else:
            refused = wire.remove_all([self._place(batch, name) for name in names])
        for name, trouble in zip(names, refused, strict=True):
            if trouble and wire.lstat_all([self._place(batch, name)])[0]:
                raise self._refused(self._place(batch, name), trouble)

    # -- what waits -----------------------------------------------------------------------------------------------------------------------

    def _look(self, wire: Wire) -> None:
        """Two looks, at least settle_s apart, between which a file has not changed: then it stands in line, oldest first."""
        now, present, ready = self._hands.clock(), dict[bytes, _Seen](), list[Entry]()
        self.left, self.resting = {}, False
        for entry in self._listed(wire, self._folder):
            if entry.name.startswith(b".") or entry.name.lower().endswith(PARTIAL) or entry.found.folder:
                continue
            if not entry.found.regular or entry.found.size is None:
                self._leave(entry.name, Why.NOT_REGULAR)
                continue
            if entry.found.size > self._hands.most_bytes:
                self._leave(entry.name, Why.TOO_LARGE)
                self.trouble = self._too_large(entry)
                continue
            seen = self._seen.get(entry.name)
            if seen is None or seen.look != _look(entry.found):
                seen = _Seen(_look(entry.found), now)
            present[entry.name] = seen
            if now - seen.since < self._end.settle_s:
                self.resting = True
            else:
                ready.append(entry)
        self._seen = present
        self._line = deque(sorted(ready, key=lambda entry: (entry.found.mtime or 0, entry.name)))
        self._inbox.left = tuple(Unsettled(self._end.partner, name, why) for name, why in sorted(self.left.items()))

    def _leave(self, name: bytes, why: Why) -> None:
        """To be told, so many at most: a server may list what it likes."""
        if len(self.left) < MOST_LEFT:
            self.left[name] = why

    def _claim_group(self, wire: Wire) -> int:
        """Claim the oldest, see what was claimed, fetch that."""
        room, group, size = self._hands.room(), dict[bytes, Look](), 0
        while self._line and len(group) < GROUP:
            entry = self._line[0]
            size += entry.found.size or 0
            if group and size > min(room, GROUP_BYTES):
                break
            if size > room:
                self.trouble = self._too_large(entry)
                self._line.clear()
                return 0
            group[entry.name] = _look(entry.found)
            self._line.popleft()
        batch = self._hands.new_id()
        try:
            wire.mkdir(self._place(batch))
        except OSError as error:
            raise self._refused(self._place(batch), error) from error
        refused = wire.rename_all([(self._folder + b"/" + name, self._place(batch, name)) for name in group])
        for name in group:
            self._seen.pop(name, None)
        fetched = self._take(wire, batch, group)
        if all(refused):
            self._line.clear()  # nothing of what it lists can be claimed: not now, perhaps never, and not in a loop
        for trouble in refused:
            if isinstance(trouble, PermissionError):
                raise self._refused(self._folder, trouble)
        return fetched

    def _listed(self, wire: Wire, folder: bytes, *, gone: bool = False) -> list[Entry]:
        """The entries of a folder, each name once. gone: one that is not there any more is an empty one."""
        try:
            listing = wire.listing(folder)
        except OSError as error:
            if gone and isinstance(error, FileNotFoundError):
                return []
            raise Fault("FLX-I171", endpoint=self._end.name, folder=shown(folder), detail=error.strerror or str(error)) from error
        if not listing.whole or listing.odd:
            self.trouble = Fault("FLX-I179", endpoint=self._end.name, folder=shown(folder), most=str(MOST_LISTED), odd=str(listing.odd))
        return list({entry.name: entry for entry in listing.entries}.values())

    def _place(self, batch: str, name: bytes = b"") -> bytes:
        return self._claim + b"/" + batch.encode() + (b"/" + name if name else b"")

    def _refused(self, place: bytes, trouble: OSError) -> Fault:
        return Fault("FLX-I172", endpoint=self._end.name, path=shown(place), detail=trouble.strerror or str(trouble))

    def _changed(self, name: bytes, detail: str) -> Fault:
        return Fault("FLX-I176", endpoint=self._end.name, name=shown(name), detail=detail or "—")

    def _too_large(self, entry: Entry) -> Fault:
        most = min(self._hands.most_bytes, self._hands.room())
        return Fault("FLX-I175", endpoint=self._end.name, name=shown(entry.name), size=str((entry.found.size or 0) >> 20), most=str(most >> 20))


def _putter(file: BinaryIO) -> Callable[[bytes, int], object]:
    return lambda block, at: os.pwrite(file.fileno(), block, at)


def _look(found: Found) -> Look:
    return found.size, found.mtime


def _done_name(batch: str, name: bytes) -> bytes:
    """Under which name a received file is kept there: its flow first, derived, so that doing it twice is doing it once."""
    flow = member_id(batch, name).encode()
    whole = flow + b"_" + name
    return whole if len(whole) <= NAMES and single(whole) else flow
