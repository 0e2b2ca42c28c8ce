"""What flux.toml says of schedules, freezes and mail: read and checked whole. See _settings.SCHEDULE, FREEZE, MAIL."""

import re
from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from flux import _settings as s
from flux.faults import Fault
from flux.runs import plan
from flux.runs.plan import Freeze, Schedule

_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_ADDRESS = r"[^@\s<>,;]+@[^@\s<>,;]+"


class Post(Struct, frozen=True):
    """The mail server, and to whom reports go: see _settings.MAIL. The password is no part of it (config.mail_password)."""

    host: str
    port: int
    security: str
    user: str
    password_file: str
    sender: str
    to: tuple[str, ...]
    timeout_s: float


class Named(Protocol):
    """A partner, as far as a schedule asks."""

    @property
    def name(self) -> str:
        """His name."""

    @property
    def taken(self) -> str:
        """When his inbox is taken."""


def schedules(rows: Sequence[Any], partners: Sequence[Named], where: str) -> tuple[Schedule, ...]:
    """The schedules. Raises Fault for a cron that plans nothing, a partner that nobody is, and one taken in runs whom no schedule names."""
    found = tuple(_schedule(row, [p.name for p in partners], f"{where} [[schedule]] {n}") for n, row in enumerate(rows, 1))
    names = [one.name for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Fault("FLX-I187", where=where, value=s.told(twice[0]))
    for partner in partners:
        if partner.taken == "run" and not any(not one.partners or partner.name in one.partners for one in found):
            raise Fault("FLX-I183", where=where, partner=partner.name)
    return found


def freezes(rows: Sequence[Any], known: Sequence[Schedule], where: str) -> tuple[Freeze, ...]:
    """The freeze windows. Raises Fault."""
    out = []
    for n, row in enumerate(rows, 1):
        here = f"{where} [[freeze]] {n}"
        table = s.read_table(row, s.FREEZE, here)
        _known(table["schedules"], [one.name for one in known], "schedules", here)
        since, until = (_wall(table, name, here) for name in ("from", "until"))
        if since >= until:
            raise Fault("FLX-I188", where=here, since=table["from"], until=table["until"])
        out.append(Freeze(since, until, table["label"], tuple(table["schedules"])))
    return tuple(out)


def post(raw: Any, where: str) -> Post | None:  # noqa: ANN401 - what TOML gave
    """The mail server; None when no host is set. Raises Fault when there is a server and nobody to write to, or nobody who writes."""
    table = s.read_table(raw, s.MAIL, where)
    if not table["host"]:
        return None
    for name, addresses in (("sender", [table["sender"]]), ("to", table["to"] or [""])):
        for one in addresses:
            if not isinstance(one, str) or not re.fullmatch(_ADDRESS, one):
                raise Fault("FLX-I184", where=where, name=name, value=s.told(one))
    return Post(**{**table, "to": tuple(table["to"])})


def proven_cut_off(value: str, where: str) -> None:
    """Raises Fault unless *value* is "" or HH:MM."""
    if value and not re.fullmatch(_TIME, value):
        raise Fault("FLX-I182", where=where, name="cut_off", value=s.told(value), expected='"22:00"')


def _schedule(raw: Any, partners: Sequence[str], where: str) -> Schedule:  # noqa: ANN401 - what TOML gave
    table = s.read_table(raw, s.SCHEDULE, where)
    if not re.fullmatch(s.NAME, table["name"]):
        raise Fault("FLX-I190", where=where, value=s.told(table["name"]))
    _known(table["partners"], partners, "partners", where)
    given = s.told(table["cron"])
    try:
        table["cron"] = plan.proven(table["cron"])
    except ValueError as error:
        raise Fault("FLX-I180", where=where, value=given, detail=str(error)) from error
    if not table["cron"]:
        raise Fault("FLX-I189", where=where, value=given)
    return Schedule(**{**table, "partners": tuple(table["partners"])})


def _known(names: Sequence[Any], known: Sequence[str], name: str, where: str) -> None:
    for one in names:
        if one not in known:
            raise Fault("FLX-I181", where=where, name=name, value=s.told(one), known=", ".join(known) or "–")


def _wall(table: dict[str, Any], name: str, where: str) -> Any:  # noqa: ANN401 - an instant
    try:
        return plan.wall_of(table[name])
    except ValueError as error:
        raise Fault("FLX-I182", where=where, name=name, value=s.told(table[name]), expected='"2026-12-31 18:00"') from error
