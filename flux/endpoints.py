"""
SFTP endpoints as they are configured, and what is known of each: state, last success, last trouble, the keys that were shown.

What is known stands in ``spool/endpoints/<name>.json``, written by the endpoint's own thread when it changes and by nobody else, so that it
survives a restart and can be read beside a daemon. It is no truth: nothing is lost with it but the memory of a failure.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import orjson
from msgspec import Struct, field

from flux import _settings as s
from flux.durable import put
from flux.faults import Fault, Reason
from flux.owing import who_matches
from flux.when import moment

FOLDER = "endpoints"
_PRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")


class Endpoint(Struct, frozen=True):
    """An endpoint as configured; see _settings.ENDPOINT. host_keys: fingerprints. key_types: of the pinned keys, where they were given whole."""

    name: str
    direction: str
    partner: str
    actor: str
    kinds: tuple[str, ...]
    host: str
    port: int
    user: str
    host_keys: tuple[str, ...]
    key_file: str
    password_file: str
    password_env: str
    folder: str
    claim: str
    done: str
    settle_s: float
    poll_s: float
    rate_kb_s: int
    connections: int
    key_types: tuple[str, ...] = ()

    @property
    def server(self) -> str:
        """The host that it shares breaker and connections with."""
        return f"{self.host}:{self.port}"

    @property
    def via(self) -> str:
        """What a delivery that stands uploaded remembers: the very place, not only the name, so that another one never takes its absence for success."""
        place = "\0".join((self.host, str(self.port), self.user, self.folder))
        return f"{self.name}#{hashlib.sha256(place.encode()).hexdigest()[:8]}"

    def serves(self, target: str, kind: str) -> bool:
        """Whether what is owed to *target* goes out here."""
        if self.direction != "out" or (self.kinds and kind not in self.kinds):
            return False
        room, _, name = target.partition("/")
        return room == "returns" and name == self.partner if self.partner else room == "pieces" and who_matches(name, self.actor)


def serving(endpoints: Iterable[Endpoint], target: str, kind: str) -> Endpoint | None:
    """The endpoint through which this goes out: the first that serves it; None when it goes to a folder."""
    return next((endpoint for endpoint in endpoints if endpoint.serves(target, kind)), None)


def read(rows: list[Any], where: str, partners: Iterable[str], kinds: Iterable[str]) -> tuple[Endpoint, ...]:
    """The rows of ``[[endpoint]]``. Raises Fault with the exact place."""
    found: list[Endpoint] = []
    for n, row in enumerate(rows, 1):
        found.append(_endpoint(row, f"{where} [[endpoint]] {n}", list(partners), tuple(kinds)))
        if any(one.name == found[-1].name for one in found[:-1]):
            raise Fault("FLX-I160", where=where, value=s.told(found[-1].name))
    return tuple(found)


def _endpoint(raw: Any, where: str, partners: list[str], kinds: tuple[str, ...]) -> Endpoint:  # noqa: ANN401 - what TOML gave
    table = s.read_table(raw, s.ENDPOINT, where)
    if not re.fullmatch(s.NAME, table["name"]):
        raise Fault("FLX-I13", where=where, value=s.told(table["name"]))
    if table["partner"] and table["partner"] not in partners:
        raise Fault("FLX-I07", where=where, name="partner", value=s.told(table["partner"]), expected=", ".join(partners))
    if bool(table["partner"]) == bool(table["actor"]) or (table["direction"] == "in" and not table["partner"]):
        raise Fault("FLX-I161", where=where)
    if not table["host"] or not table["user"]:
        missing = "host" if not table["host"] else "user"
        raise Fault("FLX-I09", where=where, name=missing, value='""', expected="≥ 1")
    for kind in table["kinds"]:
        if kind not in kinds:
            raise Fault("FLX-I07", where=where, name="kinds", value=s.told(kind), expected=", ".join(kinds))
    if not table["key_file"] and bool(table["password_file"]) == bool(table["password_env"]):
        raise Fault("FLX-I162", where=where)
    if "\n" in table["folder"] or not single(table["claim"]) or not table["claim"].startswith("."):
        raise Fault("FLX-I163", where=where, value=s.told(table["claim"]))
    keys = [_pinned(key, where) for key in table["host_keys"] or [""]]
    types = tuple(dict.fromkeys(kind for kind, _ in keys if kind)) if all(kind for kind, _ in keys) else ()
    return Endpoint(**{**table, "kinds": tuple(table["kinds"]), "host_keys": tuple(print_ for _, print_ in keys)}, key_types=types)


def single(name: str) -> bool:
    """Whether this is one component of a path."""
    return bool(name) and name not in (".", "..") and "/" not in name


def _pinned(key: Any, where: str) -> tuple[str, str]:  # noqa: ANN401 - what TOML gave
    """Kind ("" when only the fingerprint is given) and fingerprint of a pinned key."""
    text = key.strip() if isinstance(key, str) else ""
    if _PRINT.fullmatch(text):
        return "", text
    words = text.split()
    for kind, blob in pairwise(words):  # a line of known_hosts, with its host or without
        if kind in _KINDS:
            with suppress(ValueError):
                return kind, fingerprint(base64.b64decode(blob, validate=True))
    raise Fault("FLX-I164", where=where, value=s.told(text or key))


def fingerprint(blob: bytes) -> str:
    """As ssh-keygen -l prints it."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"


class Looked(Struct, frozen=True):
    """What a look at an endpoint found. fault: why it cannot serve; posix_rename, fsync: whether its server offers these."""

    name: str
    fault: Fault | None
    server: str = ""
    shown: str = ""
    posix_rename: bool = False
    fsync: bool = False


class Known(Struct):
    """
    What is known of an endpoint. state: new, ok, trouble (tried again by itself), held (until a person releases it).

    shown: fingerprints of the keys that the host showed when it was refused. failures, next_at: of the breaker. left: files that are
    there and are not taken until a person acts, each with why. Times are aware, UTC.
    """

    name: str
    state: str = "new"
    since: datetime | None = None
    last_success: datetime | None = None
    trouble: Reason | None = None
    trouble_at: datetime | None = None
    shown: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    failures: int = 0
    next_at: datetime | None = None
    moved: int = 0
    left: dict[str, str] = field(default_factory=dict)
    released_by: str = ""


def known(spool: Path, name: str) -> Known:
    """What is known of this endpoint; what cannot be read is as if nothing were."""
    try:
        found = msgspec.json.decode((spool / FOLDER / f"{name}.json").read_bytes(), type=Known)
    except (OSError, msgspec.DecodeError):
        return Known(name)
    return found if found.name == name else Known(name)


def keep(spool: Path, one: Known) -> None:
    """Write it down, in the place of what was."""
    (spool / FOLDER).mkdir(mode=0o700, exist_ok=True)
    put(spool / FOLDER / f"{one.name}.json", msgspec.json.format(msgspec.json.encode(one), indent=1))


def release(spool: Path, name: str, who: str, now: datetime) -> None:
    """Ask the endpoint's thread, or the next one, to try again at once, whatever kept it from that."""
    (spool / FOLDER).mkdir(mode=0o700, exist_ok=True)
    put(spool / FOLDER / f"{name}.release", orjson.dumps({"who": who, "at": moment(now)}))


def released(spool: Path, name: str) -> str | None:
    """Who asked so, once; None when nobody did."""
    path = spool / FOLDER / f"{name}.release"
    try:
        who = str(orjson.loads(path.read_bytes())["who"])
        path.unlink()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return who


def told(endpoint: Endpoint, one: Known) -> dict[str, object]:
    """An endpoint as JSON (docs/formats.md)."""
    held = one.state == "held"
    reason = {"code": one.trouble.code, "fr": one.trouble.fr, "en": one.trouble.en} if one.trouble else None
    return {
        "name": endpoint.name, "direction": endpoint.direction, "partner": endpoint.partner or None, "actor": endpoint.actor or None,
        "server": endpoint.server, "user": endpoint.user, "folder": endpoint.folder or ".", "state": one.state, "since": _at(one.since),
        "last_success": _at(one.last_success), "moved": one.moved, "trouble": reason, "trouble_at": _at(one.trouble_at),
        "failures": one.failures, "next_try": None if held else _at(one.next_at),
        "host_keys": {"pinned": list(endpoint.host_keys), "shown": list(one.shown)}, "left": one.left, "released_by": one.released_by or None,
    }  # fmt: skip


def _at(at: datetime | None) -> str | None:
    return moment(at) if at else None
