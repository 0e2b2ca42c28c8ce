"""The tick of the schedules: APScheduler rings the daemon's bell at each planned instant. A doorbell: losing one costs a scan interval, no run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from apscheduler.triggers.base import BaseTrigger

from flux.notices import Bell
from flux.runs import plan
from flux.runs.plan import Schedule


class _Instants(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """The instants of a schedule, as plan counts them: the tick and the ledger can never mean different nights."""

    def __init__(self, cron: str) -> None:
        self._cron = cron

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """After the last one, or from now on."""
        return plan.following(self._cron, max(previous_fire_time or now, now))


@contextmanager
def ticking(schedules: Sequence[Schedule], bell: Bell) -> Iterator[None]:
    """While this lasts, *bell* rings at every planned instant."""
    if not schedules:
        yield
        return
    from apscheduler.schedulers.background import BackgroundScheduler  # late: the daemon alone ticks

    clock = BackgroundScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True})
    for one in schedules:
        clock.add_job(bell.ring, _Instants(one.cron), id=one.name)
    clock.start()
    try:
        yield
    finally:
        clock.shutdown(wait=False)
