"""Who delivers what: each dispatch sees its share of what is owed. Folders have all that no endpoint serves."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from flux.endpoints import Endpoint, serving
from flux.faults import Fault
from flux.model import Emission, Event


class Shared(Protocol):
    """The ledger, as far as shares are made of it."""

    def owed(self, limit: int, wanted: Callable[[str, str], bool]) -> Sequence[Emission]:
        """Emissions PENDING whose target and kind are *wanted*."""

    def unpublished(self, limit: int, via: str) -> Sequence[Emission]:
        """Emissions STAGED at this endpoint's; "" in the staged folder."""

    def staged(self, keys: Sequence[str], via: str) -> None:
        """T4, with where."""

    def emitted(self, keys: Sequence[str], events: Sequence[Event]) -> None:
        """T5."""

    def undeliverable(self, reasons: Mapping[str, str], now: datetime, events: Sequence[Event]) -> None:
        """See ports."""


class Share:
    """
    The share of one endpoint, or of the folders (None). Implements ``ports.Deliveries``.

    What is STAGED belongs to the place where it stands, whatever the configuration says since: absent from another place it was never.
    """

    def __init__(self, ledger: Shared, endpoints: Sequence[Endpoint], mine: Endpoint | None) -> None:
        self._ledger, self._endpoints, self._mine = ledger, endpoints, mine
        self._via = mine.via if mine else ""

    def owed(self, limit: int) -> Sequence[Emission]:
        """Emissions PENDING of this share."""
        return self._ledger.owed(limit, lambda target, kind: serving(self._endpoints, target, kind) is self._mine)

    def unpublished(self, limit: int) -> Sequence[Emission]:
        """Emissions STAGED here."""
        return self._ledger.unpublished(limit, self._via)

    def staged(self, keys: Sequence[str]) -> None:
        """T4."""
        self._ledger.staged(keys, self._via)

    def emitted(self, keys: Sequence[str], events: Sequence[Event]) -> None:
        """T5."""
        self._ledger.emitted(keys, events)

    def undeliverable(self, reasons: Mapping[str, str], now: datetime, events: Sequence[Event]) -> None:
        """Noted, as by any dispatch."""
        self._ledger.undeliverable(reasons, now, events)


def stalled(endpoints: Sequence[Endpoint], troubled: Callable[[], Sequence[str]]) -> Callable[[str, str], bool]:
    """Whether what is owed to this target, of this kind, goes by an endpoint that is in trouble now."""
    def at(target: str, kind: str) -> bool:
        one = serving(endpoints, target, kind)
        return one is not None and one.name in troubled()

    return at


def stranded(staged_at: Mapping[str, int], endpoints: Sequence[Endpoint]) -> list[Fault]:
    """Deliveries that stand uploaded where no endpoint of the configuration leads any more: nobody can say whether they were published."""
    known = {endpoint.via for endpoint in endpoints}
    return [Fault("FLX-I177", endpoint=via.partition("#")[0], count=str(count)) for via, count in staged_at.items() if via not in known]
