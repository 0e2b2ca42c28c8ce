"""Claim and admit: from a settled file to custody. One short loop a scan; a group costs what one file costs."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from datetime import datetime
from typing import BinaryIO

from flux.faults import Fault
from flux.log import get
from flux.model import Event, Flow, shown
from flux.ports import Busy, ContentStore, Deposit, Inbox, Ledger, Why

GROUP = 100  # files claimed and admitted with the same syncs


class Intake:
    """
    The intake of every partner. Clock and ids are handed in.

    lacking: says why nothing new may be taken now, if it may not. departed: whose claims are still ours to admit, and whose inbox is not.
    in_runs: partners whose inboxes are shut but while a run is open for them (schedule.Doors).
    """

    def __init__(
        self, inboxes: Sequence[Inbox], content: ContentStore, ledger: Ledger, *, now: Callable[[], datetime], new_id: Callable[[], str],
        lacking: Callable[[], Fault | None] = lambda: None, departed: Sequence[Inbox] = (), in_runs: AbstractSet[str] = frozenset(),
    ) -> None:
        self._inboxes, self._departed, self._content, self._ledger = inboxes, departed, content, ledger
        self._now, self._new_id, self._lacking = now, new_id, lacking
        self.lack: Fault | None = None      # why nothing new was taken at the last scan
        self._unfinished: set[str] = set()  # partners with claims that are not in custody yet
        self.troubled = frozenset[str]()    # partners whose folder was in trouble at the last scan; replaced whole, a monitor's thread reads it
        self._met: dict[int, str] = {}      # by inbox, the partners of those that are, in the scan under way
        self._in_runs, self._open = in_runs, frozenset[str]()
        self._scanned: dict[int, int] = {}  # by inbox, what the last scan took since its doors opened
        self._stuck: dict[int, dict[bytes, Why]] = {}  # by inbox (a partner may have several), what the last scan saw and will not take
        self._told: dict[tuple[str, str], str] = {}  # by partner and claimed file, the trouble that the log has already

    def recover(self) -> int:
        """At start, under the lock: admit what a crash left claimed, with the id that the claim minted; of a partner who is shut, once he is not."""
        shut = {inbox.partner for inbox in self._inboxes if self.shut(inbox.partner)}
        self._unfinished |= shut
        done = sum(self._kept_apart(inbox, self._resume) for inbox in (*self._inboxes, *self._departed) if inbox.partner not in shut)
        self.troubled = frozenset(self._met.values())
        return done

    def step(self) -> int:
        """One scan of every inbox; returns how many files came into custody. A partner whose folder is in trouble does not stop the others."""
        self._look_for_room()
        self._met = {}
        scanned = {id(inbox): self._kept_apart(inbox, self._scan) for inbox in self._inboxes if not self.shut(inbox.partner)}
        self._scanned |= scanned
        done = sum(scanned.values())
        for inbox in self._departed:
            if inbox.partner in self._unfinished:
                done += self._kept_apart(inbox, self._resume)
        self.troubled = frozenset(self._met.values())
        self._told = {key: trouble for key, trouble in self._told.items() if key[0] in self.troubled}
        return done

    # -- for runs ---------------------------------------------------------------------------------------------------------------------

    def open_for(self, partners: AbstractSet[str]) -> None:
        """Of the partners that are taken in runs, only these are taken until further notice."""
        for inbox in self._inboxes:
            if inbox.partner in partners - self._open:
                self._scanned.pop(id(inbox), None)
                inbox.ask()
        self._open = frozenset(partners)

    def shut(self, partner: str) -> bool:
        """Whether nothing is taken of this partner now, since no run is open for him."""
        return partner in self._in_runs and partner not in self._open

    def emptied(self, partners: AbstractSet[str]) -> bool:
        """Whether a scan since their doors opened found nothing more of these partners that could be taken. What is in trouble is not waited for."""
        waits = {one.partner for inbox in self._inboxes if inbox.partner in partners for one in inbox.unsettled() if one.why is Why.RESTING}
        waits |= self._unfinished - self.troubled
        left = [inbox for inbox in self._inboxes if inbox.partner in partners and id(inbox) not in self._met]
        return not left or (not self.lack and all(self._scanned.get(id(inbox)) == 0 and inbox.looked() and inbox.partner not in waits for inbox in left))

    def troubled_of(self, partners: AbstractSet[str]) -> AbstractSet[str]:
        """Those of them whose inbox the last scan could not read."""
        return self.troubled & partners

    # -- one scan ---------------------------------------------------------------------------------------------------------------------

    def _look_for_room(self) -> None:
        """Whether anything new may be taken; logged when it changes."""
        before, self.lack = self.lack, self._lacking()
        if self.lack and not before:
            get().error("intake", ended="full", trouble=str(self.lack))
        elif before and not self.lack:
            get().info("intake", ended="room")

    def _kept_apart(self, inbox: Inbox, act: Callable[[Inbox], int]) -> int:
        """What one partner's folder does to us, kept from the others."""
        try:
            return act(inbox)
        except (Fault, OSError) as trouble:
            self._unsettle(inbox, trouble)
            return 0

    def _unsettle(self, inbox: Inbox, trouble: Exception, claimed: str = "") -> None:
        """Trouble with an inbox, or with one claimed file of it: looked at again at each scan, logged when it is new."""
        self._unfinished.add(inbox.partner)
        self._met[id(inbox)] = inbox.partner
        if self._told.get((inbox.partner, claimed)) != str(trouble):
            self._told[inbox.partner, claimed] = str(trouble)
            get().error("intake", partner=inbox.partner, ended="fault", trouble=str(trouble))

    def _scan(self, inbox: Inbox) -> int:
        done = self._resume(inbox) if inbox.partner in self._unfinished else 0
        names = inbox.waiting(GROUP)
        self._note_stuck(inbox)
        return done + (self._admit(inbox, inbox.claim(names, self._new_id())) if names and not self.lack else 0)

    def _note_stuck(self, inbox: Inbox) -> None:
        """What will not be taken until a person acts: logged when it is first seen so, and when it no longer is."""
        before, now = self._stuck.get(id(inbox), {}), {one.name: one.why for one in inbox.unsettled() if one.stuck}
        for name in sorted(name for name, why in now.items() if before.get(name) is not why):
            get().warning("intake", partner=inbox.partner, file=shown(name), ended="stuck", trouble=now[name].value)
        for name in sorted(before.keys() - now.keys()):
            get().info("intake", partner=inbox.partner, file=shown(name), ended="unstuck")
        self._stuck[id(inbox)] = now

    def _resume(self, inbox: Inbox) -> int:
        """Admit what stands claimed: left by a crash, by trouble of ours, or still being written by its sender."""
        self._unfinished.discard(inbox.partner)
        left = inbox.recover()
        return sum(self._admit(inbox, left[start : start + GROUP]) for start in range(0, len(left), GROUP))

    def _admit(self, inbox: Inbox, deposits: Sequence[Deposit]) -> int:
        """
        Seal the bytes where they stand, then the receipts in one commit (custody), then the bytes into the content store.

        Nothing is copied, and every line is repeatable: after a crash the claim still has its id, and what is content already is no more there.
        """
        with ExitStack() as stack:
            opened = [(d, stack.enter_context(file)) for d in deposits if (file := self._opened(inbox, d)) is not None]
            if not opened:
                return 0
            sealed: list[tuple[Deposit, tuple[str, int]]] = []
            for (deposit, _), found in zip(opened, self._content.seal([file for _, file in opened]), strict=True):
                if isinstance(found, OSError):
                    self._unsettle(inbox, found, deposit.id)
                else:
                    sealed.append((deposit, found))
        now = self._now()
        mine = [deposit for deposit, _ in sealed]
        flows = [Flow(d.id, d.partner, d.name, sha, size, now) for d, (sha, size) in sealed]
        self._ledger.receive(flows, [Event(f.id, "received", now, f.partner, detail=f"{f.size} B, sha256 {f.sha256}") for f in flows])
        self._content.adopt([inbox.path(d) for d in mine], [sha for _, (sha, _) in sealed])
        inbox.discard(mine)
        return len(flows)

    def _opened(self, inbox: Inbox, deposit: Deposit) -> BinaryIO | None:
        """The claimed file; None when it is not ready, which stops none of its neighbours."""
        try:
            return inbox.open(deposit)
        except Busy:
            self._unfinished.add(inbox.partner)
        except (Fault, OSError) as trouble:
            self._unsettle(inbox, trouble, deposit.id)
        return None
