"""What people ask of an installation, or of the rules alone: a pre-check, lists, a flow, a piece, the matrix, told as the contract's JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from flux import config as settings
from flux import directory, markets, tables, told
from flux.config import Config
from flux.doors import fresh, open_reader, utc_now
from flux.faults import Fault
from flux.policy import Policy
from flux.ports import Ledger
from flux.precheck import precheck
from flux.quarantine import in_force, under
from flux.rows import FlowRow
from flux.when import day_of


class Listed(Struct, frozen=True):
    """The list of flows. told: each whole, when that was asked for. more: there are others. fresh: nothing was ever received here."""

    rows: Sequence[FlowRow] = ()
    told: Sequence[dict[str, Any]] = ()
    more: bool = False
    fresh: bool = False


def check(files: Sequence[Path], config: Config | None, interface: str, partner: str, pack: Path | None = None) -> list[dict[str, Any]]:
    """The pre-check of *files*: flow objects of the contract. Without a configuration: free naming and the defaults. *pack*: a folder of other tables."""
    settings.proven_interface(interface)
    if config is None:
        return precheck(files, Policy(naming="free", interface=interface), {}, None, utc_now(), partner or "check", pack=pack)
    if partner and partner not in {p.name for p in config.partners}:
        raise Fault("FLX-I17", partner=partner, known=", ".join(p.name for p in config.partners) or "—")
    chosen = settings.policy(config, partner)
    if interface:
        chosen = replace(chosen, naming="free", interface=interface)
    kept, strict, known = markets.living(config)(), config.sandbox == "strict", directory.lookup(config)
    if fresh(config):
        return precheck(files, chosen, kept, None, utc_now(), partner or "check", strict=strict, directory=known, pack=pack)
    with open_reader(config) as ledger:
        chosen = under(chosen, partner, in_force(ledger.quarantines(), day_of(utc_now())), tables.load())
        return precheck(files, chosen, kept, ledger, utc_now(), partner or "check", strict=strict, directory=known, pack=pack)


def tell(ledger: Ledger, row: FlowRow) -> dict[str, Any]:
    """A flow of the ledger, whole: the object of the contract."""
    id_ = row.flow.id
    return told.recorded(row, ledger.pieces(flow=id_), ledger.events(id_), ledger.emissions(id_), ledger.purged(id_), ledger.acknowledged(id_))


def listed(config: Config, *, whole: bool, limit: int, **asked: Any) -> Listed:  # noqa: ANN401 - what Ledger.flows is asked for
    """At most *limit* flows, newest first. asked: as in Ledger.flows."""
    if fresh(config):
        return Listed(fresh=True)
    with open_reader(config) as ledger:
        rows = ledger.flows(limit=limit + 1, **asked)
        told = [tell(ledger, row) for row in rows[:limit]] if whole else []
    return Listed(rows[:limit], told, more=len(rows) > limit)


def tell_pieces(ledger: Ledger, number: str) -> list[dict[str, Any]]:
    """Every piece that has this number, with the flow that brought it, in order of reception."""
    return [told.met(row, ledger.purged(row.flow)) for row in ledger.pieces(number=number)]


def matrix() -> dict[str, Any]:
    """The cadre × mode table as the rules read it."""
    known = tables.load()
    works = [
        {"cadre": cadre, "label": row.label.fr, "label_en": row.label.en, **{mode: dict(getattr(row, mode)) for mode in tables.MODES}}
        for cadre, row in known.works.items()
    ]
    others = [
        {
            "cadre": cadre, "label": row.label.fr, "label_en": row.label.en, "becomes": row.becomes,
            "why": {"fr": row.why.fr, "en": row.why.en} if row.why else None,
        }
        for cadre, row in known.others.items()
    ]  # fmt: skip
    return {"works": works, "others": others}
