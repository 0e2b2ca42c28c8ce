"""What counts of what a stage found: under a policy, at its place, and no more than anybody reads. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import replace

from flux.decision import effective_severity
from flux.gate import quoted
from flux.model import Finding, Place, Severity, Stage
from flux.policy import Policy
from flux.tables import Tables
from flux.validators import Context

Where: TypeAlias = "Callable[[], Mapping[str, Place]]"  # where each field stands: asked only when something is found

MOST_TOLD = 50     # findings of one piece that are told, errors before warnings; FLX-L18 tells that there are more
MOST_QUOTED = 200  # characters of what a finding quotes
_MORE = "FLX-L18"

# What the stages beside the ledger name of a piece, and what is around it. A document can hold nothing of it by the 100,000.
_PARTIES = ("supplier", "recipient", "valideur", "moe", "moa")
LATER = ("", "number", "previous", "cadre", "market", "engagement", "issued", *(f"{who}{part}" for who in _PARTIES for part in ("", ".id", ".service")))

_encoder, _decoder = Encoder(), Decoder(dict[str, tuple[int, str]])


def add(findings: list[Finding], asked: Iterable[Finding], stage: Stage, where: Where, context: Context) -> str:
    """Add what a stage found; gives the stage when it refuses, else ""."""
    if not (counting := weighed(asked, where, context)):
        return ""
    findings += fewer(counting, MOST_TOLD - len(findings), context)
    return stage if refuses(counting, context.policy, context.tables) else ""


def refuses(findings: Iterable[Finding], policy: Policy, tables: Tables) -> bool:
    """Whether one of these findings is an error under this policy."""
    return any(effective_severity(f, policy, tables) is Severity.ERROR for f in findings)


def weighed(findings: Iterable[Finding], where: Where, context: Context) -> list[Finding]:
    """Findings that count under this policy, each with the place of its field."""
    counting = (f for f in findings if effective_severity(f, context.policy, context.tables) is not Severity.OFF)
    return [excused(_located(f, where), context.policy) for f in counting]


def excused(finding: Finding, policy: Policy) -> Finding:
    """What a quarantine lowers says so, and why."""
    one = policy.lowered.get(finding.code)
    if one is None:
        return finding
    told = {"quarantine": str(one.seq), "was": one.was, "until": one.until.isoformat(), "reason": one.reason, "who": one.who}
    return replace(finding, facts=(*finding.facts, *((name if name == "quarantine" else f"quarantine_{name}", fact) for name, fact in told.items())))


def _located(finding: Finding, where: Where) -> Finding:
    """Add the place of the finding's field, or of the nearest thing around it that has one, and quote no more than anybody reads."""
    if any(len(fact) > MOST_QUOTED for _, fact in finding.facts):
        finding = replace(finding, facts=tuple((name, quoted(fact, MOST_QUOTED)) for name, fact in finding.facts))
    if finding.line or finding.xpath:
        return finding
    name, places = finding.field, where()
    while name and name not in places:
        name = name.rpartition(".")[0] if "." in name else name.partition("[")[0] if "[" in name else ""
    place = places.get(name)
    return replace(finding, line=place.line, xpath=place.xpath) if place else finding


def fewer(found: list[Finding], room: int, context: Context) -> list[Finding]:
    """As many as there is room for, one at least; what refuses goes before what is only told. FLX-L18 tells that there are more."""
    plain, most = [f for f in found if f.code != _MORE], max(1, room)
    if len(plain) <= most:
        return found
    first = sorted(plain, key=lambda f: effective_severity(f, context.policy, context.tables) is not Severity.ERROR)[:most]
    return [*first, *weighed([Finding(_MORE, facts=(("found", f"> {most}"), ("expected", str(most))))], dict, context)]


def packed(where: Mapping[str, Place]) -> bytes:
    """Where the fields of a piece stand that a later stage may name, as it crosses to those who decide."""
    places = {field: where[field] for field in LATER if field in where}
    return _encoder.encode({field: (place.line, place.xpath) for field, place in places.items()})


def unpacked(where: bytes) -> Mapping[str, Place]:
    """The same, read: of most pieces nobody asks for it."""
    return {field: Place(*at) for field, at in _decoder.decode(where).items()} if where else {}
