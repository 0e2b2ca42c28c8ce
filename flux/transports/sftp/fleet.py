"""Every endpoint of an installation: their inboxes for the intake, their threads, and what the main loops ask of them together."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from flux import config as settings
from flux import folders, pause
from flux.config import Config
from flux.endpoints import Endpoint, Looked
from flux.ports import ContentStore
from flux.transports.sftp import probe, session
from flux.transports.sftp.courier import Books, Courier, House
from flux.transports.sftp.host import Breaker, Host
from flux.transports.sftp.inbox import SftpInbox

STOP_S = 5.0  # for all threads together; one that still connects then does nothing more once it is


class Fleet:
    """The endpoints' threads. Before start() there is none, and what was fetched by an earlier process is in the claims."""

    def __init__(self, house: House) -> None:
        self._house, self._couriers = house, list[Courier]()
        self._inboxes = {end.name: SftpInbox(end.partner, house.claims_of(end.partner)) for end in house.endpoints if end.direction == "in"}
        self._heard = 0

    @property
    def inboxes(self) -> Sequence[SftpInbox]:
        """One an endpoint that fetches."""
        return list(self._inboxes.values())

    def start(self, wake: Callable[[], None]) -> None:
        """Let them work; *wake* rings when there is something for the main loops."""
        luck = random.SystemRandom().random
        hosts: dict[str, Host] = {}
        for end in self._house.endpoints:
            mates = [other for other in self._house.endpoints if other.server == end.server]
            hosts.setdefault(end.server, Host(Breaker(luck), min(mate.connections for mate in mates), len(mates)))
            self._couriers.append(Courier(end, hosts[end.server], self._house, self._inboxes.get(end.name), wake))
        for inbox in self.inboxes:
            inbox.wake = wake
        for courier in self._couriers:
            courier.start()

    def ring(self) -> None:
        """There may be something to deliver, or to remove where it was fetched."""
        for courier in self._couriers:
            courier.ring()

    def news(self) -> int:
        """How much was done since it was asked last."""
        done, before = sum(courier.done for courier in self._couriers), self._heard
        self._heard = done
        return done - before

    @property
    def quiet(self) -> bool:
        """Whether none has anything to do that it can do now."""
        return all(courier.quiet for courier in self._couriers)

    @property
    def troubled(self) -> list[str]:
        """The endpoints that could not do what they had to."""
        return [courier.name for courier in self._couriers if courier.troubled]

    def stop(self) -> None:
        """End them."""
        end = time.monotonic() + STOP_S
        for courier in self._couriers:
            courier.stop()
        for courier in self._couriers:
            courier.join(max(0.0, end - time.monotonic()))
        self._couriers.clear()


def of(config: Config, content: ContentStore, open_books: Callable[[], Books], *, now: Callable[[], datetime], new_id: Callable[[], str]) -> Fleet:
    """The fleet of an installation. open_books: each thread opens the ledger for itself."""
    return Fleet(House(
        spool=config.spool, endpoints=config.endpoints, open_books=open_books, content=content, secret_of=_secret_of(config),
        claims_of=lambda partner: folders.claims_of(config, partner), room=lambda: folders.room(config.spool).beyond(config), paused=lambda: pause.of(config) is not None,
        most_bytes=lambda partner: settings.policy(config, partner).limits.flow_mb << 20, now=now, new_id=new_id,
    ))  # fmt: skip


def looked(config: Config) -> Iterator[Looked]:
    """What a look at each endpoint finds, for the doctor."""
    return (probe.look(end, _secret_of(config)) for end in config.endpoints)


def _secret_of(config: Config) -> Callable[[Endpoint], session.Secret]:
    return lambda end: session.secret_of(end, config.root, settings.environment)
