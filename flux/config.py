"""The configuration: ``flux.toml`` and ``markets.toml``, read whole and checked before anything starts. Only this and cli read the environment."""

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import time
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from flux import _scheduled as scheduled
from flux import _settings as s
from flux import endpoints as ends
from flux import marketfile, tables, words
from flux._scheduled import Post
from flux.endpoints import Endpoint
from flux.faults import Fault
from flux.market import Market
from flux.model import Severity
from flux.policy import Limits, Policy, Retention, Route
from flux.quarantine import fixed
from flux.runs.plan import Freeze, Schedule

FILE = "flux.toml"
MARKETS = "markets.toml"
VARIABLE = "FLUX_CONFIG"
PASSWORD = "FLUX_MAIL_PASSWORD"  # noqa: S105 - the variable, not the word


class Partner(Struct, frozen=True):
    """A partner as configured; see _settings.PARTNER. severities: by code, limits: by name; both go before those of the installation."""

    name: str
    label: str
    naming: str
    interface: str
    non_works: str
    market_check: str
    unknown_market: str
    norm: str
    default_cadre: str
    certificates: bool
    taken: str
    cut_off: str
    inbox: str
    returns: str
    lifecycle: str
    speaks_for: tuple[str, ...]
    severities: dict[str, Severity]
    limits: dict[str, int]


class Config(Struct, frozen=True):
    """A configuration, whole. root: the folder of flux.toml, where relative paths begin."""

    root: Path
    installation: str
    ledger_url: str
    inbox: Path
    outbox: Path
    spool: Path
    settle_s: float
    scan_s: float
    children: int
    sandbox: str
    attempts: int
    retry_s: tuple[float, ...]
    siret_check: Severity
    vat_check: Severity
    market_check: Severity
    unknown_market: Severity
    norm: Severity
    moe_for_moa: bool
    monitor: str
    stuck_s: float
    language: str
    log_format: str
    log_level: str
    least_free_mb: int
    second_person_above: int
    directory_days: int
    limits: Limits
    severities: dict[str, Severity]
    norms: dict[str, Severity]
    payers: dict[str, str]
    partners: tuple[Partner, ...]
    routes: tuple[Route, ...]
    retention: Retention = Retention()
    schedules: tuple[Schedule, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    post: Post | None = None
    endpoints: tuple[Endpoint, ...] = ()

    @property
    def ledger_file(self) -> Path | None:
        """The ledger's file when it is SQLite; None when it is a server's."""
        path = self.ledger_url.removeprefix("sqlite:///")
        return Path(path) if path != self.ledger_url else None

    def inbox_of(self, partner: Partner) -> Path:
        """Where this partner drops."""
        return self.root / partner.inbox if partner.inbox else self.inbox / partner.name

    def returns_of(self, partner: Partner) -> Path:
        """Where his return flows go."""
        return self.root / partner.returns if partner.returns else self.outbox / "returns" / partner.name


def find(given: str = "") -> Path:
    """The configuration's path: as given, else as the environment says, else in this folder."""
    return Path(given or os.environ.get(VARIABLE, "") or FILE)


def environment(name: str) -> str:
    """What the environment says under this name, a secret perhaps; "" when nothing."""
    return os.environ.get(name, "")


def load(path: Path) -> Config:
    """Read and check. Raises Fault with the exact place; an unknown key is told with the nearest known one."""
    raw = _toml(path)
    besides = ("limits", "severities", "norms", "payers", "retention", "partner", "route", "endpoint", "schedule", "freeze", "mail")
    site = s.read_table(raw, s.SITE, path.name, besides)
    root = path.resolve().parent
    if not re.fullmatch(r"[A-Z0-9]{3,8}", site["installation"]):
        raise Fault("FLX-I12", where=path.name, value=s.told(site["installation"]))
    if site["monitor"] and not (re.fullmatch(r"[^\s:]+:[0-9]{1,5}", site["monitor"]) and int(site["monitor"].partition(":")[2]) <= s.PORTS):
        raise Fault("FLX-I267", where=path.name, value=s.told(site["monitor"]))
    site["retry_s"] = tuple(s.WAIT.read(wait, path.name) for wait in site["retry_s"])
    partners = tuple(_partner(row, f"{path.name} [[partner]] {n}") for n, row in enumerate(_rows(raw, "partner", path), 1))
    names = [partner.name for partner in partners]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Fault("FLX-I14", where=path.name, value=s.told(twice[0]))
    routes = tuple(
        Route(**s.read_table(row, s.ROUTE, f"{path.name} [[route]] {n}")) for n, row in enumerate(_rows(raw, "route", path), 1)
    )
    schedules = scheduled.schedules(_rows(raw, "schedule", path), partners, path.name)
    folders = {name: root / site.pop(name) for name in ("inbox", "outbox", "spool")}
    config = Config(
        root=root, **folders, ledger_url=_url(site.pop("ledger"), root), retry_s=site.pop("retry_s"),
        siret_check=Severity(site.pop("siret_check")), vat_check=Severity(site.pop("vat_check")),
        market_check=Severity(site.pop("market_check")), unknown_market=Severity(site.pop("unknown_market")),
        norm=Severity(site.pop("norm")), norms=_norms(raw.get("norms", {}), f"{path.name} [norms]"),
        limits=Limits(**s.read_table(raw.get("limits", {}), s.LIMITS, f"{path.name} [limits]")),
        severities=_severities(raw.get("severities", {}), f"{path.name} [severities]"), payers=_payers(raw.get("payers", {}), f"{path.name} [payers]"),
        partners=partners, routes=routes, endpoints=ends.read(_rows(raw, "endpoint", path), path.name, names, words.kinds()),
        retention=_retention(raw.get("retention", {}), f"{path.name} [retention]"), schedules=schedules,
        freezes=scheduled.freezes(_rows(raw, "freeze", path), schedules, path.name), post=scheduled.post(raw.get("mail", {}), f"{path.name} [mail]"), **site,
    )  # fmt: skip
    _apart(config, path.name)
    return config


class _Place(Struct, frozen=True):
    """A folder of the configuration. use: in, out or ours; name: the setting that says where."""

    use: str
    name: str
    path: Path


def _apart(config: Config, where: str) -> None:
    """Raises Fault when an inbox is or holds another folder, or lies in one, or when what flux delivers lies in its own folder or holds it."""
    places = [_Place("ours", "spool", config.spool), _Place("out", "outbox", config.outbox)]
    places += [_Place("in", f"[[partner]] {p.name}: inbox", config.inbox_of(p)) for p in config.partners]
    places += [_Place("out", f"[[partner]] {p.name}: returns", config.returns_of(p)) for p in config.partners]
    places += [_Place("out", f"[[route]] {r.actor}: folder", config.root / r.folder) for r in config.routes if r.folder]
    at: dict[Path, list[_Place]] = {}
    for place in places:
        try:
            at.setdefault(place.path.resolve(), []).append(place)
        except (ValueError, RuntimeError, OSError) as error:  # a NUL in it, links that lead in a circle
            raise Fault("FLX-I91", where=where, name=place.name, path=str(place.path), detail=str(error)) from error
    for path, here in at.items():
        for above in (path, *path.parents):
            for one, other in product(at.get(above, ()), here):
                if one is not other and (one.use != other.use or one.use == "in"):
                    raise Fault("FLX-I80", where=where, one=one.name, other=other.name, path=str(path))


def policy(config: Config, partner: str) -> Policy:
    """Under what this partner's flows are judged; of no partner (""): what holds for the whole installation, and any name."""
    site = Policy(
        naming="free", siret_check=config.siret_check, vat_check=config.vat_check, severities=config.severities, limits=config.limits,
        market_check=config.market_check, unknown_market=config.unknown_market, moe_for_moa=config.moe_for_moa,
        norm={"": config.norm} | config.norms,
    )  # fmt: skip
    one = next((p for p in config.partners if p.name == partner), None)
    if one is None:
        return site
    return replace(
        site, naming=one.naming, interface=one.interface, non_works=one.non_works, default_cadre=one.default_cadre, certificates=one.certificates,
        market_check=Severity(one.market_check or config.market_check), unknown_market=Severity(one.unknown_market or config.unknown_market),
        severities=config.severities | one.severities, limits=replace(config.limits, **one.limits), lifecycle=one.lifecycle,
        speaks_for=one.speaks_for, norm={"": Severity(one.norm)} if one.norm else site.norm,
    )  # fmt: skip


def policies(config: Config) -> dict[str, Policy]:
    """Every partner's, by name."""
    return {partner.name: policy(config, partner.name) for partner in config.partners}


def markets(config: Config) -> dict[str, Market]:
    """The markets of markets.toml, beside flux.toml, by number; none when there is no such file. Raises Fault, the first of several."""
    path = config.root / MARKETS
    if not path.exists():
        return {}
    _toml(path)  # a file that is no TOML is told as flux.toml is
    read = marketfile.read(path.read_bytes(), path.name, tables.load())
    for fault in read.faults:
        raise fault
    return {market.number: market for market in read.markets}


def _partner(raw: Any, where: str) -> Partner:  # noqa: ANN401 - what TOML gave
    table = s.read_table(raw, s.PARTNER, where, ("severities", "limits"))
    if not re.fullmatch(s.NAME, table["name"]):
        raise Fault("FLX-I13", where=where, value=s.told(table["name"]))
    if table["interface"] and table["interface"] not in (known := tables.load().interfaces):
        raise Fault("FLX-I07", where=where, name="interface", value=s.told(table["interface"]), expected=", ".join(known))
    _proven_cadre(table["default_cadre"], where)
    for siret in table["speaks_for"]:
        if not isinstance(siret, str) or not re.fullmatch(r"[0-9]{14}", siret):
            raise Fault("FLX-I150", where=where, value=s.told(siret))
    table["speaks_for"] = tuple(table["speaks_for"])
    scheduled.proven_cut_off(table["cut_off"], where)
    limits = s.read_some(raw.get("limits", {}), s.LIMITS, f"{where} limits")
    return Partner(**table, severities=_severities(raw.get("severities", {}), f"{where} severities"), limits=limits)


def proven_interface(code: str) -> str:
    """*code* when it is "" or a row of the interface table. Raises Fault."""
    known = tables.load().interfaces
    if code and code not in known:
        raise Fault("FLX-I19", code=code, known=", ".join(known))
    return code


def _proven_cadre(cadre: str, where: str) -> None:
    """Raises Fault unless *cadre* is "" or one that a deposit by EDI may have: any other would refuse his pieces for what he never wrote."""
    known = tables.load()
    fit = [name for name, row in known.works.items() if row.cell("edi", "initial") == "allowed"]
    fit += [name for name, row in known.others.items() if row.becomes != "refused"]
    if cadre and cadre not in fit:
        raise Fault("FLX-I81", where=where, value=s.told(cadre), known=", ".join(fit))


def _severities(raw: Any, where: str) -> dict[str, Severity]:  # noqa: ANN401 - what TOML gave
    read = _weights(raw, where, tables.load().catalogue)
    for code in read:
        if (stage := fixed(code, tables.load())) is not None:
            raise Fault("FLX-I18", where=where, code=code, stage=stage.value)
    return read


def _norms(raw: Any, where: str) -> dict[str, Severity]:  # noqa: ANN401 - what TOML gave
    """What the rules of EN 16931 do, by interface."""
    return _weights(raw, where, tables.load().interfaces)


def _weights(raw: Any, where: str, known: Mapping[str, object]) -> dict[str, Severity]:  # noqa: ANN401 - what TOML gave
    """A severity for each of some names, all of them *known*."""
    if not isinstance(raw, dict):
        raise Fault("FLX-I10", where=where, value=s.told(raw))
    for name, severity in raw.items():
        if name not in known:
            near = get_close_matches(name, known, 1, 0) or [""]
            raise Fault("FLX-I04", where=where, name=name, near=near[0])
        if severity not in tuple(Severity):
            raise Fault("FLX-I07", where=where, name=name, value=s.told(severity), expected=", ".join(Severity))
    return {name: Severity(severity) for name, severity in raw.items()}


def _payers(raw: Any, where: str) -> dict[str, str]:  # noqa: ANN401 - what TOML gave
    """Kind of payer by SIRET."""
    if not isinstance(raw, dict):
        raise Fault("FLX-I10", where=where, value=s.told(raw))
    known = tables.load().clocks.payers
    for siret, kind in raw.items():
        if not re.fullmatch(r"[0-9]{14}", siret):
            raise Fault("FLX-I94", where=where, value=s.told(siret))
        if kind not in known:
            raise Fault("FLX-I07", where=where, name=siret, value=s.told(kind), expected=", ".join(known))
    return raw


def _retention(raw: Any, where: str) -> Retention:  # noqa: ANN401 - what TOML gave
    table = s.read_table(raw, s.RETENTION, where)
    if not re.fullmatch(r"(?:(?:[01]\d|2[0-3]):[0-5]\d)?", table["at"], re.ASCII):
        raise Fault("FLX-I250", where=where, value=s.told(table["at"]))
    return Retention(**{**table, "at": time.fromisoformat(table["at"]) if table["at"] else None})


def mail_password(config: Config) -> str:
    """The password for the mail server, read when it is needed and kept nowhere; "" where none is set. Raises Fault when its file cannot be read."""
    if config.post is None or not config.post.user:
        return ""
    if not config.post.password_file:
        return os.environ.get(PASSWORD, "")
    path = config.root / config.post.password_file
    try:
        return path.read_text("utf-8").strip("\r\n")
    except (OSError, ValueError) as error:
        raise Fault("FLX-I185", path=str(path), detail=str(error)) from error


def _rows(raw: dict[str, Any], name: str, path: Path) -> list[Any]:
    rows = raw.get(name, [])
    if not isinstance(rows, list):
        raise Fault("FLX-I11", where=path.name, name=name, value=s.told(rows))
    return rows


def _url(url: str, root: Path) -> str:
    path = url.removeprefix("sqlite:///")
    return url if path == url else f"sqlite:///{root / path}"


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError as error:
        raise Fault("FLX-I02", path=str(path)) from error
    except (OSError, ValueError, RecursionError) as error:  # ValueError: bytes that are no UTF-8, text that is no TOML, a number of 5,000 figures
        raise Fault("FLX-I03", path=str(path), detail=str(error)) from error
