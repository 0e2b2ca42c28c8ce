"""
What a monitor asks the daemon over HTTP: is it alive, is it ready, and its figures in Prometheus's form.

Read-only, without a secret, on an address that the configuration opens. Nothing here is needed for the work, and nothing here changes it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import orjson
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from flux.alarms import Alarm, Vitals
from flux.faults import Fault
from flux.worker import Attempt

ASKING_S = 5.0  # for how long a client may take over its question
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
_OK, _NOT_READY, _ABSENT, _READ_ONLY = "200 OK", "503 Service Unavailable", "404 Not Found", "405 Method Not Allowed"

Alarms = tuple[Alarm, ...]


class Look(Protocol):
    """What the daemon shows of itself, when it is asked."""

    def alive(self) -> Alarms:
        """Whether it turns: asked of its loop alone, so that a ledger or a disk that hangs keeps nobody from being told."""

    def whole(self) -> tuple[Vitals, Alarms]:
        """Everything, and every alarm that stands."""


class Meter:
    """What the loops did since this process began, counted. Labels are names of the configuration and words of ours: they stay few."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each: when it began, as the process did
        self.registry = CollectorRegistry()
        self._received = Counter("flux_flows_received", "Files taken into custody", registry=self.registry)
        self._delivered = Counter("flux_deliveries", "Files delivered", registry=self.registry)
        self._attempts = Counter("flux_attempts", "Attempts to bring a flow to its decision", ["partner", "ended"], registry=self.registry)
        self._pieces = Counter("flux_pieces", "Pieces decided", ["partner", "verdict"], registry=self.registry)
        self._bytes = Counter("flux_bytes", "Bytes of the flows that were decided", ["partner"], registry=self.registry)
        self._seconds = Histogram("flux_attempt_seconds", "Seconds from the lease of a flow to its decision", buckets=SECONDS, registry=self.registry)

    def turned(self, received: int, delivered: int) -> None:
        """One turn of the loops."""
        self._received.inc(received)
        self._delivered.inc(delivered)

    def attempted(self, attempt: Attempt) -> None:
        """One attempt, as the log tells it."""
        self._attempts.labels(attempt.partner, attempt.ended).inc()
        if attempt.ended == "decided":
            self._pieces.labels(attempt.partner, "accepted").inc(attempt.accepted)
            self._pieces.labels(attempt.partner, "refused").inc(attempt.refused)
            self._bytes.labels(attempt.partner).inc(attempt.size)
            self._seconds.observe(attempt.seconds)


class _Gauges:
    """What stands now, read when it is asked for."""

    def __init__(self, look: Look, names: Iterable[str], about: Mapping[str, str]) -> None:
        self._look, self._names, self._about = look, tuple(names), dict(about)

    def collect(self) -> Iterator[Metric]:
        vitals, alarms = self._look.whole()
        up = {alarm.name for alarm in alarms}
        yield _gauge("flux_info", "Version of the program and identity of its rules", "", {tuple(self._about.values()): 1.0}, tuple(self._about))
        yield _gauge("flux_alarm", "Whether an alarm is raised (docs/alarms.md)", "alarm", {name: float(name in up) for name in self._names})
        yield _gauge("flux_ready", "Whether no red alarm is raised", "", {"": float(not any(alarm.red for alarm in alarms))})
        if vitals.beat_s is not None:
            yield _gauge("flux_beat_seconds", "Since the daemon last turned", "", {"": vitals.beat_s})
        if (pressure := vitals.pressure) is not None:
            yield _gauge("flux_flows", "Flows that are not closed, by state", "state", {state: float(many) for state, many in pressure.by_state.items()})
            yield _gauge("flux_deliveries_owed", "Files that are still to be delivered", "", {"": float(pressure.emissions_owed)})
            yield _gauge("flux_deliveries_stuck", "Of these, those that could not be when it was tried", "", {"": float(pressure.undeliverable)})


def _gauge(name: str, about: str, label: str, values: Mapping[Any, float], labels: tuple[str, ...] = ()) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels or ((label,) if label else ()))
    for value, number in values.items():
        family.add_metric(value if isinstance(value, tuple) else (value,) if label else (), number)
    return family


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    """A request costs no line of the log, and a client that says nothing no thread for long."""

    timeout = ASKING_S

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def watched(listen: str, meter: Meter, look: Look, names: Iterable[str], about: Mapping[str, str]) -> Iterator[int]:
    """Answer on *listen* (host:port) while this lasts; "" answers nowhere. Gives the port. Raises Fault when the address cannot be had."""
    if not listen:
        yield 0
        return
    host, _, port = listen.rpartition(":")
    gauges = _Gauges(look, names, about)
    meter.registry.register(gauges)
    try:
        server = make_server(host, int(port), _answers(meter, look), server_class=_Server, handler_class=_Quiet)
    except (OSError, UnicodeError) as error:  # the second of a host that no name server could be asked for
        meter.registry.unregister(gauges)
        raise Fault("FLX-I268", listen=listen, detail=getattr(error, "strerror", None) or str(error)) from error
    thread = Thread(target=server.serve_forever, name="monitor", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        meter.registry.unregister(gauges)


def _answers(meter: Meter, look: Look) -> Callable[..., list[bytes]]:
    """The three questions, and nothing else."""

    def told(alarms: Alarms) -> tuple[str, str, bytes]:
        bad = any(alarm.red for alarm in alarms)
        return _NOT_READY if bad else _OK, "application/json", orjson.dumps({"ready": not bad, "alarms": [alarm.told() for alarm in alarms]})

    pages: dict[str, Callable[[], tuple[str, str, bytes]]] = {
        "/health/live": lambda: told(look.alive()),
        "/health/ready": lambda: told(look.whole()[1]),
        "/metrics": lambda: (_OK, CONTENT_TYPE_LATEST, generate_latest(meter.registry)),
    }

    def answer(asked: dict[str, Any], start: Callable[..., object]) -> list[bytes]:
        page = pages.get(asked.get("PATH_INFO", ""))
        if asked.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            status, form, body = _READ_ONLY, "text/plain", b""
        else:
            status, form, body = page() if page else (_ABSENT, "text/plain", b"")
        start(status, [("Content-Type", form), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")])
        return [] if asked["REQUEST_METHOD"] == "HEAD" else [body]

    return answer
