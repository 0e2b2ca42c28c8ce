"""What an inbound status asks for: inbound.toml, read and checked with the other tables."""

from collections.abc import Iterator

from msgspec import Struct

from flux.faults import Fault
from flux.tables._reading import Home, read, shaped
from flux.tables.life import Life

TABLE = "inbound.toml"
LAST = 41  # IdStatut of a piece: 01 to 41


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """What a number asks for: act; to: the API code of the status that it leads to."""

    act: str
    to: str
    source: str


class More(Struct, frozen=True, forbid_unknown_fields=True):
    """What an API code in ComplementStatut asks for, under the number *id*."""

    id: str
    act: str
    source: str


class Inbound(Struct, frozen=True, forbid_unknown_fields=True):
    """status: by IdStatut; complement: by API code; refused: IdStatut -> why, a reason of FLX-N03. tolerance_s: seconds."""

    tolerance_s: int
    status: dict[str, Asked]
    complement: dict[str, More]
    refused: dict[str, str]


def load(home: Home = None) -> Inbound:
    """Read the table. Raises Fault when a row has not its shape; what it says of other tables: see faults()."""
    return shaped(TABLE, read(TABLE, home), Inbound)


def faults(inbound: Inbound, life: Life, reasons: frozenset[str]) -> Iterator[Fault]:
    """What contradicts the life cycle, or leaves a number without an answer. *reasons*: those of FLX-N03."""
    if twice := inbound.status.keys() & inbound.refused.keys():
        yield Fault("FLX-I31", table=TABLE, row=", ".join(sorted(twice)))
    if wrong := {f"{n:02d}" for n in range(1, LAST + 1)} ^ (inbound.status.keys() | inbound.refused.keys()):
        yield Fault("FLX-I30", table=TABLE, row=", ".join(sorted(wrong)), expected=f"01 – {LAST}")
    rows = [(row.act, row.to, number) for number, row in inbound.status.items()] + [(row.act, code, row.id) for code, row in inbound.complement.items()]
    leads = {(row.act, row.to) for row in life.transitions if not row.deposit}
    for act, to, number in rows:
        if (act, to) not in leads or to not in life.statuses or life.statuses[to].cpp != number:
            yield Fault("FLX-I30", table=TABLE, row=f"{number} {act} {to}", expected="transitions.toml, statuses.toml: cpp")
    if unknown := set(inbound.refused.values()) - reasons:
        yield Fault("FLX-I30", table=TABLE, row=", ".join(sorted(unknown)), expected="FLX-N03, why")
