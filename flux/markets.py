"""What an installation does with market files: read, keep, show. Takes a configuration, gives values; the command line shows them."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from flux import config as settings
from flux import folders, marketfile, tables
from flux.config import Config
from flux.faults import Fault
from flux.market import Market
from flux.stores.markets import Import, Kept, MarketStore
from flux.when import in_paris
from flux.words import LANGUAGES

IMPORTED, UNCHANGED, SOUND = "imported", "unchanged", "sound"


class Source(Struct, frozen=True):
    """A file that somebody gave: its name, the sha256 of its bytes, and what was read of it."""

    name: str
    sha256: str
    read: marketfile.Read


def living(config: Config) -> Callable[[], dict[str, Market]]:
    """
    Every market that is known, by number, as of each call: of two of one number the imported one.

    markets.toml is read now, as the rest of the configuration; the imported files are looked at again at each call. Raises Fault.
    """
    fixed, store = settings.markets(config), MarketStore(config.spool)
    store.current()
    return lambda: fixed | store.current()


def opened(file: Path) -> Source:
    """Raises Fault when the file cannot be read; what is wrong in it is in what was read."""
    try:
        with file.open("rb") as source:
            content = source.read(marketfile.MOST_BYTES + 1)
    except OSError as error:
        raise Fault("FLX-I110", path=str(file), detail=error.strerror or str(error)) from error
    read = marketfile.read(content, file.name, tables.load())
    if not read.markets and not read.faults:
        raise Fault("FLX-I110", path=str(file), detail="[[market]] × 0")
    return Source(file.name, hashlib.sha256(content).hexdigest(), read)


def check(file: Path) -> dict[str, Any]:
    """What an import of *file* would find wrong in it, and which markets it is about."""
    source = opened(file)
    return _told(source, [{"number": market.number, "label": market.label or None, "state": SOUND} for market in source.read.markets])


def take(config: Config, file: Path, who: str, now: datetime) -> dict[str, Any]:
    """Keep the markets of *file*, all of them or none. Raises Fault; what is wrong in the file is told."""
    source = opened(file)
    if source.read.faults:
        return _told(source, [])
    folders.made(config.spool, 0o700)
    done = MarketStore(config.spool).add(source.read.markets, lambda version: Import(version, now, who, source.name, source.sha256))
    return _told(source, [_row(kept) | {"state": IMPORTED if new else UNCHANGED} for kept, new in done])


def listed(config: Config) -> list[dict[str, Any]]:
    """Every market that is known, by number."""
    return [_row(one) if isinstance(one, Kept) else _fixed(one) for one in _known(config).values()]


def show(config: Config, number: str) -> dict[str, Any]:
    """One market whole. Raises Fault when there is none of this number."""
    if (one := _known(config).get(number)) is None:
        raise Fault("FLX-I123", number=number)
    market = one.market if isinstance(one, Kept) else one
    row = _row(one) if isinstance(one, Kept) else _fixed(one)
    return {
        **row,
        "notified": market.notified.isoformat() if market.notified else None,
        "received": market.received.isoformat() if market.received else None,
        "ccag": market.ccag or None,
        "engagements": list(market.engagements),
        "actors": [
            {"role": a.role, "type": a.party.type, "id": a.party.id, "name": a.party.name or None, "cadres": list(a.cadres), "services": list(a.services)}
            for a in market.actors
        ],
    }


def template(config: Config | None, number: str) -> bytes:
    """The XLSX form: empty, or with what is known of the market *number*. Raises Fault when there is none."""
    if config is None or not number:
        return marketfile.template(tables.load())
    if (one := _known(config).get(number)) is None:
        raise Fault("FLX-I123", number=number)
    return marketfile.template(tables.load(), one.market if isinstance(one, Kept) else one)


def counted(config: Config) -> tuple[int, int]:
    """How many markets markets.toml and the imports know, and how many of them were imported. Raises Fault."""
    known = _known(config)
    return len(known), sum(isinstance(one, Kept) for one in known.values())


def _known(config: Config) -> dict[str, Market | Kept]:
    fixed: dict[str, Market | Kept] = {**settings.markets(config)}
    both = fixed | {kept.market.number: kept for kept in MarketStore(config.spool).latest()}
    return dict(sorted(both.items()))


def _told(source: Source, markets: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"file": source.name, "sha256": source.sha256, "markets": list(markets), "faults": list(_reasons(source.read.faults))}


def _reasons(faults: Sequence[Fault]) -> Iterator[dict[str, Any]]:
    for fault in faults:
        told = {language: fault.told(language) for language in LANGUAGES}
        what, do = ({language: parts[n] for language, parts in told.items()} for n in (0, 2))
        yield {"code": fault.code, "where": fault.facts.get("where") or fault.facts.get("path"), "what": what, "do": do}


def _row(kept: Kept) -> dict[str, Any]:
    how = kept.how
    at = in_paris(how.at).isoformat(timespec="seconds")
    return {
        "number": kept.market.number, "label": kept.market.label or None, "version": how.version, "at": at, "who": how.who, "source": how.source,
        "sha256": how.sha256,
    }  # fmt: skip


def _fixed(market: Market) -> dict[str, Any]:
    """A market of markets.toml: it has no versions."""
    return {"number": market.number, "label": market.label or None, "version": None, "at": None, "who": None, "source": settings.MARKETS, "sha256": None}
