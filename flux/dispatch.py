"""Deliver: what is owed is staged, marked, published, marked. Every line is repeatable; absent from staged means published."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime

from msgspec.structs import replace

from flux.faults import Fault
from flux.log import get
from flux.model import Emission, Event
from flux.ports import ContentStore, Deliveries, Outbox

GROUP = 900  # emissions staged and published with the same syncs: each may have a blob of its own, and 1,024 descriptors are all that many a process has
WHO = "flux"


class Dispatch:
    """
    The emissions of every flow, or those of the share that *ledger* shows (see sharing).

    A trouble of the way itself (the outbox raises neither Fault nor OSError) ends the step, and is written to no delivery.
    """

    def __init__(self, outbox: Outbox, content: ContentStore, ledger: Deliveries, *, now: Callable[[], datetime]) -> None:
        self._outbox, self._content, self._ledger, self._now = outbox, content, ledger, now

    def step(self) -> int:
        """Publish what is STAGED, stage and publish what is PENDING, until a round does nothing new. Returns how many were published."""
        published, known = self._publish(), set[str]()
        while owed := self._ledger.owed(GROUP):
            troubled = self._stage(owed)
            self._note(owed, troubled)
            published += self._publish_group([replace(emission, problem="") for emission in owed if emission.key not in troubled])
            if len(troubled) == len(owed) and troubled.keys() <= known:
                break  # only what cannot be: those that were met for the first time went behind the others
            known |= troubled.keys()
        return published

    def _stage(self, owed: Sequence[Emission]) -> dict[str, str]:
        """Stage a group; when it fails, one by one, so that one damaged content does not hold back the others. Gives, by key, why one could not be."""
        try:
            self._stage_group(owed)
        except (Fault, OSError) as trouble:
            if len(owed) == 1:
                return {owed[0].key: str(trouble)}
            return {key: why for emission in owed for key, why in self._stage([emission]).items()}
        return {}

    def _stage_group(self, owed: Sequence[Emission]) -> None:
        with ExitStack() as stack:
            blobs = {blob: stack.enter_context(self._content.open(blob)) for blob in {emission.blob for emission in owed}}
            self._outbox.stage([(emission, blobs[emission.blob]) for emission in owed])
        self._ledger.staged([emission.key for emission in owed])

    def _publish(self) -> int:
        return self._publish_group(self._ledger.unpublished(GROUP))

    def _publish_group(self, waiting: Sequence[Emission]) -> int:
        if not waiting:
            return 0
        refused = self._outbox.publish(waiting)
        self._note(waiting, refused)
        done = [emission for emission in waiting if emission.key not in refused]
        if done:
            now = self._now()
            closing = [Event(flow, "closed", now, WHO) for flow in sorted({e.flow for e in done})]
            self._ledger.emitted([emission.key for emission in done], closing)
        return len(done)

    def _note(self, owed: Sequence[Emission], troubled: Mapping[str, str]) -> None:
        """Trouble with a delivery is told once, in the log and in the journal of its flow, and stands beside the delivery until it is over."""
        news = {e.key: e for e in owed if e.key in troubled and not e.problem.endswith(troubled[e.key])}
        now = self._now()
        for key, emission in news.items():
            get().error("dispatch", emission=key, flow=emission.flow, ended="undeliverable", trouble=troubled[key])
        told = [Event(e.flow, "undeliverable", now, WHO, piece=e.ordinal, detail=f"{key} {troubled[key]}") for key, e in news.items()]
        self._ledger.undeliverable({key: troubled[key] for key in news}, now, told)
