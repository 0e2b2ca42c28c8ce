"""What stands in the place of a fleet where there is no endpoint: it needs none of what SFTP needs."""

from collections.abc import Callable, Sequence

from flux.ports import Inbox


class Ashore:
    """The fleet of an installation without endpoints."""

    inboxes: Sequence[Inbox] = ()
    quiet = True
    troubled: Sequence[str] = ()

    def start(self, wake: Callable[[], None]) -> None:
        """Nothing begins."""

    def ring(self) -> None:
        """Nobody is woken."""

    def news(self) -> int:
        """Nothing was done."""
        return 0

    def stop(self) -> None:
        """Nothing ends."""
