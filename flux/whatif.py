"""What ``flux replay`` does: put together what is asked about, replay, tell. Takes a configuration, gives the contract's JSON; nothing is written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct

from flux import config as settings
from flux import kit, markets
from flux.causes import what
from flux.change import MOST_LISTED, VERDICT, Change, Tally
from flux.config import Config
from flux.doors import fresh, shelves
from flux.faults import Fault
from flux.market import Market
from flux.model import Severity
from flux.quarantine import fixed, in_force, under
from flux.replay import Progress, Replay, World, lowered
from flux.sandbox.pool import Sandbox
from flux.stores import _directory_import as imports
from flux.stores import directory as store
from flux.stores.markets import MarketStore
from flux.structures import Lookup
from flux.tables import Tables
from flux.when import day_of, instant, span_of


class Asked(Struct, frozen=True):
    """
    What is asked about. first, last: days of reception in Paris, both included; partner: "" for all.

    pack: a folder of other tables; directory: a day, or the path of an extract; markets: a market file; severities: by code. None, "": as it was.
    """

    first: date
    last: date
    partner: str = ""
    pack: Path | None = None
    directory: str = ""
    markets: Path | None = None
    severities: dict[str, Severity] = {}


def replay(config: Config, asked: Asked, now: datetime, progress: Progress) -> dict[str, Any]:
    """The object of ``flux replay --json``. Raises Fault."""
    if asked.first > asked.last:
        raise Fault("FLX-I226", first=asked.first.isoformat(), last=asked.last.isoformat())
    if asked.partner and asked.partner not in (known := [p.name for p in config.partners]):
        raise Fault("FLX-I17", partner=asked.partner, known=", ".join(known) or "—")
    whole = kit.build(asked.pack)
    _proven(asked.severities, whole.tables)
    if fresh(config):
        return _told(Tally(), asked, whole.pack, whole.tables)
    most = max((policy.limits.expanded_mb for policy in settings.policies(config).values()), default=0)
    with (
        shelves(config, read_only=True) as (ledger, originals),
        _directory(config, asked.directory, now) as directory,
        Sandbox(config.children, strict=config.sandbox == "strict", unpack_mb=most, pack=asked.pack) as sandbox,
    ):
        holding = in_force(ledger.quarantines(), day_of(now))
        policies = {
            name: lowered(under(policy, name, holding, whole.tables), asked.severities) for name, policy in settings.policies(config).items()
        }
        world = World(whole, policies, _markets(config, asked.markets), directory)
        start, end = span_of(asked.first)[0], span_of(asked.last)[1]
        tally = Replay(ledger, originals, world, sandbox).run(start, end, asked.partner, progress)
    return _told(tally, asked, whole.pack, whole.tables)


def severities(told: list[str]) -> dict[str, Severity]:
    """CODE=severity, as typed. Raises Fault."""
    found: dict[str, Severity] = {}
    for one in told:
        code, _, severity = one.partition("=")
        if severity not in tuple(Severity):
            raise Fault("FLX-I227", found=one, expected=", ".join(f"FLX-P03={severity}" for severity in Severity))
        found[code.upper()] = Severity(severity)
    return found


def _proven(asked: dict[str, Severity], known: Tables) -> None:
    for code in asked:
        if code not in known.catalogue or fixed(code, known) is not None:
            raise Fault("FLX-I228", code=code)


def _markets(config: Config, file: Path | None) -> Callable[[datetime], dict[str, Market]]:
    """The markets as they were known at an instant; those of *file* in place of them."""
    kept, fixed_, other = MarketStore(config.spool), settings.markets(config), dict[str, Market]()
    if file is not None:
        read = markets.opened(file).read
        for fault in read.faults:
            raise fault
        other = {market.number: market for market in read.markets}
    return lambda at: fixed_ | kept.as_of(at) | other


@contextmanager
def _directory(config: Config, asked: str, now: datetime) -> Iterator[Callable[[datetime], Lookup]]:
    """The structure directory as it was imported at an instant; or the one of a day, or of a file, in its place for all flows."""
    found = store.snapshots(config.spool)
    if not asked:
        at_of = {snapshot.path: instant(store.about(snapshot).imported_at) for snapshot in found}
        yield lambda at: store.Snapshots(config.spool, lambda: [s for s in found if at_of[s.path] <= at])
        return
    if (day := _day(asked)) is not None:
        chosen = [snapshot for kind in store.KINDS if (snapshot := store.in_force([s for s in found if s.as_of <= day], kind, day)) is not None]
        if not chosen:
            raise Fault("FLX-I225", day=day.isoformat(), known=", ".join(s.path.name for s in found) or "—")
        yield lambda _at: store.Snapshots(config.spool, lambda: chosen)
        return
    with TemporaryDirectory(prefix="flux-replay-") as folder:
        (Path(folder) / store.FOLDER).mkdir()
        taken = imports.take(Path(folder), Path(asked), day_of(now), now).snapshot
        others = [snapshot for snapshot in found if snapshot.kind != taken.kind]
        yield lambda _at: store.Snapshots(config.spool, lambda: [*others, taken])


def _day(asked: str) -> date | None:
    try:
        return date.fromisoformat(asked)
    except ValueError:
        return None


def _told(tally: Tally, asked: Asked, pack: str, known: Tables) -> dict[str, Any]:
    rules = [
        {
            "code": code or None, "text": what(code, known) if code else None, "change": change, "before": before or None, "after": after or None,
            "count": count, "examples": [_example(one) for one in tally.examples[code, change, before, after]],
        }
        for (code, change, before, after), count in sorted(tally.by_rule.items(), key=lambda pair: (pair[0][1] != VERDICT, -pair[1], pair[0]))
    ]  # fmt: skip
    partners = [{"partner": name, **{key: here[key] for key in ("flows", "pieces", "verdict", "no_longer", "also", "actor")}} for name, here in sorted(tally.by_partner.items())]
    return {
        "from": asked.first.isoformat(), "to": asked.last.isoformat(), "partner": asked.partner or None, "rules": pack,
        "flows": tally.flows, "pieces": tally.pieces, **{key: tally.by_what[key] for key in ("verdict", "no_longer", "also", "actor")},
        "by_rule": rules, "by_partner": partners,
        "not_evaluated": [{"code": code, "text": what(code, known), "count": count} for code, count in tally.trouble.most_common()],
        "changes": [_change(one) for one in tally.listed], "more": sum(tally.by_what.values()) > MOST_LISTED,
    }  # fmt: skip


def _example(one: Change) -> dict[str, Any]:
    return {"flow": one.flow, "ordinal": one.ordinal or None, "number": one.number or None}


def _change(one: Change) -> dict[str, Any]:
    return {
        **_example(one), "partner": one.partner, "change": one.what, "before": one.before or None, "after": one.after or None, "codes": list(one.rules),
    }  # fmt: skip
