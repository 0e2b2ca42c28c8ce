"""What the intake sees of an endpoint: batches that were fetched whole, in the very layout of a folder's claims. Implements ``ports.Inbox``."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from flux.ids import member_id
from flux.ports import Deposit, Unsettled
from flux.transports.folder import FolderInbox


class SftpInbox:
    """
    The hand-over from the endpoint's thread to the intake: ``spool/claim/<partner>/<batch>/NAME``, a batch appearing by one rename.

    The batch and so the flow's id were minted at the remote claim, and the intake's own batch is not used. What a crash leaves there is
    found by the partner's folder inbox, whose claims these are: so that an endpoint may leave the configuration, and nothing is lost.
    """

    def __init__(self, partner: str, claims: Path) -> None:
        self.partner = partner
        self._claims, self._local = claims, FolderInbox(partner, claims, claims, settle_s=0.0)
        self._arrived: deque[str] = deque()  # appended by the endpoint's thread, taken by the intake's
        self.taken: set[str] = set()  # batches of which something was received: a hint to the endpoint's thread, whose ledger is the truth
        self.wake: Callable[[], None] = lambda: None  # rings when a batch arrives
        self.call: Callable[[], None] = lambda: None  # rings for the endpoint's thread
        self.asked = self._answered = 0  # how often a look was asked for, and which of these a look came after
        self.left: tuple[Unsettled, ...] = ()  # what the endpoint's thread saw at its last look; replaced whole

    def arrived(self, batch: str) -> None:
        """A batch stands there, whole and durable."""
        self._arrived.append(batch)
        self.wake()

    @property
    def backlog(self) -> int:
        """Batches that the intake has not taken over yet."""
        return len(self._arrived)

    def waiting(self, limit: int) -> list[bytes]:
        """The names of the oldest batch."""
        while self._arrived:
            try:
                if names := sorted(os.listdir(os.fsencode(self._claims / self._arrived[0]))):
                    return names[:limit]
            except FileNotFoundError:
                pass  # the folder's inbox found it first
            self._arrived.popleft()
        return []

    def unsettled(self) -> Sequence[Unsettled]:
        """What is there and not taken, and why."""
        return self.left

    def ask(self) -> None:
        """The endpoint's thread shall look, now."""
        self.asked += 1
        self.call()

    @property
    def wanted(self) -> bool:
        """Whether a look was asked for that was not done."""
        return self._answered < self.asked

    def answer(self, asked: int) -> None:
        """A look that began when it had been asked for so often found nothing more, or could not be done."""
        self._answered = asked

    def looked(self) -> bool:
        """Whether it did since it was last asked, and nothing that it fetched is left."""
        return not self.wanted and not self._arrived

    def claim(self, names: Sequence[bytes], batch: str) -> list[Deposit]:  # noqa: ARG002 - see the class
        """Take the oldest batch over; a batch larger than a group stays for the next."""
        arrived = self._arrived[0]
        if len(names) == len(os.listdir(os.fsencode(self._claims / arrived))):
            self._arrived.popleft()
        return [Deposit(member_id(arrived, name), self.partner, name, arrived) for name in names]

    def recover(self) -> list[Deposit]:
        """What stands claimed for this partner, by whichever of his inboxes: their claims are the same."""
        return self._local.recover()

    def open(self, deposit: Deposit) -> BinaryIO:
        """The fetched file."""
        return self._local.open(deposit)

    def path(self, deposit: Deposit) -> bytes:
        """Where it stands."""
        return self._local.path(deposit)

    def discard(self, deposits: Sequence[Deposit]) -> None:
        """Remove what is left of claims whose bytes are content."""
        self._local.discard(deposits)
        self.taken |= {deposit.batch for deposit in deposits}
