"""Deliver: what is owed is staged, marked, published, marked. Every line is repeatable; absent from staged means published."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime

from flux.faults import Fault
from flux.log import get
from flux.model import Emission, Event
from flux.ports import ContentStore, Ledger, Outbox

GROUP = 500  # emissions staged and published with the same syncs
WHO = "flux"


class Dispatch:
    """The emissions of every flow."""

    def __init__(self, outbox: Outbox, content: ContentStore, ledger: Ledger, *, now: Callable[[], datetime]) -> None:
        self._outbox, self._content, self._ledger, self._now = outbox, content, ledger, now

    def step(self) -> int:
        """Publish what is STAGED, stage what is PENDING, until a round does nothing new. Returns how many were published."""
        published = self._publish()
        while owed := self._ledger.owed(GROUP):
            staged = self._stage(owed)
            published += self._publish()
            if not staged:
                break
        return published

    def _stage(self, owed: Sequence[Emission]) -> int:
        """Stage a group; when the group fails, one by one, so that one damaged content does not hold back the others."""
        try:
            self._stage_group(owed)
        except (Fault, OSError) as trouble:
            if len(owed) == 1:
                get().error("dispatch", emission=owed[0].key, flow=owed[0].flow, ended="fault", trouble=str(trouble))
                return 0
            return sum(self._stage([emission]) for emission in owed)
        return len(owed)

    def _stage_group(self, owed: Sequence[Emission]) -> None:
        with ExitStack() as stack:
            blobs = {blob: stack.enter_context(self._content.open(blob)) for blob in {emission.blob for emission in owed}}
            self._outbox.stage([(emission, blobs[emission.blob]) for emission in owed])
        self._ledger.staged([emission.key for emission in owed])

    def _publish(self) -> int:
        waiting = self._ledger.unpublished(GROUP)
        if not waiting:
            return 0
        refused = self._outbox.publish(waiting)
        now = self._now()
        done = [emission for emission in waiting if emission.key not in refused]
        news = {e.key: refused[e.key] for e in waiting if e.key in refused and not e.problem.endswith(refused[e.key])}
        for key, why in news.items():
            get().error("dispatch", emission=key, ended="undeliverable", trouble=why)
        self._ledger.undeliverable(news, now)
        if done:
            closing = [Event(flow, "closed", now, WHO) for flow in sorted({e.flow for e in done})]
            self._ledger.emitted([emission.key for emission in done], closing)
        return len(done)
