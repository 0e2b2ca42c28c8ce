"""
The pause of an installation: a file in its spool that says who, since when and why. While it is there flux takes, decides and delivers nothing.

A restored installation begins with one, which also says what its backup knew of the world around it.
"""

import json
from datetime import datetime
from pathlib import Path

from msgspec import Struct, convert, to_builtins

from flux import durable
from flux.config import Config
from flux.faults import Fault

FILE = "paused"


class Paused(Struct, frozen=True):
    """
    Since when, who, why. backup: the one that was restored, "" for a pause of a living installation; made_at: when that was made.

    waiting: what stood in the inboxes of the original then. published: deliveries that were ready in the ledger's copy, and gone from the staged
    folder: published, by the law of the protocol.
    """

    at: str
    who: str
    reason: str
    backup: str = ""
    made_at: str = ""
    waiting: tuple[str, ...] = ()
    published: tuple[str, ...] = ()


def mark(spool: Path, paused: Paused) -> None:
    """Write the file, durable on return."""
    durable.put(spool / FILE, json.dumps(to_builtins(paused)).encode())


def of(config: Config) -> Paused | None:
    """The pause, None when there is none. One that cannot be read is one all the same."""
    try:
        return convert(json.loads((config.spool / FILE).read_bytes()), Paused)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        return Paused("—", "—", "—")


def lift(config: Config) -> None:
    """No pause any more."""
    (config.spool / FILE).unlink(missing_ok=True)
    durable.sync_folder(config.spool)


def proven(config: Config) -> None:
    """Raises Fault while there is a pause."""
    if (paused := of(config)) is not None:
        raise fault(paused)


def fault(paused: Paused) -> Fault:
    """The pause in words."""
    return Fault("FLX-I240", at=paused.at, who=paused.who, reason=paused.reason)


def begun(who: str, reason: str, now: datetime) -> Paused:
    """A pause of a living installation."""
    return Paused(now.isoformat(timespec="seconds"), who, reason)
