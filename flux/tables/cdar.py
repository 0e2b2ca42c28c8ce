"""What a life-cycle message in CDAR form says, as a table: condition codes, reasons, roles, schemes (domain 8.1)."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from flux.faults import Fault
from flux.tables._reading import Home, read, shaped
from flux.tables.life import Life

TRANSMISSION, TREATMENT = "305", "23"


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """What every message says of itself; its words are explained in cdar.toml."""

    process: str
    guideline: str
    sender: str
    sender_scheme: str
    address: str


class Condition(Struct, frozen=True, forbid_unknown_fields=True):
    """A process condition code (MDT-105). reason, note: whether a message with it must have one."""

    label: str
    type: str
    document: str
    reason: bool = False
    note: bool = False


class Reason(Struct, frozen=True, forbid_unknown_fields=True):
    """A reason (MDT-113) with its French words (MDT-114)."""

    code: str
    label: str


class Cdar(Struct, frozen=True, forbid_unknown_fields=True):
    """condition: by process condition code; reason: by the API code of the status; role: by role; scheme: by identifier type."""

    message: Message
    condition: dict[str, Condition]
    reason: dict[str, Reason]
    role: dict[str, str]
    scheme: dict[str, str]


def load(home: Home = None) -> Cdar:
    """Read the table. Raises Fault when a row has not its shape; what it says of others: see faults()."""
    return shaped("cdar.toml", read("cdar.toml", home), Cdar)


def faults(cdar: Cdar, life: Life, roles: Iterable[str], types: Iterable[str]) -> Iterator[Fault]:
    """What another table names and this one does not say. roles: who may act or deposit; types: of identifiers."""
    of_motives = {status for row in life.transitions if row.motives for status in (row.to,)}
    wrong = [f"condition {row.cdar} ({name})" for name, row in life.statuses.items() if row.cdar not in cdar.condition]
    wrong += [f"condition {code} type" for code, row in cdar.condition.items() if row.type not in (TRANSMISSION, TREATMENT)]
    wrong += [f"role {role}" for role in sorted(set(roles) - cdar.role.keys())]
    wrong += [f"scheme {type_}" for type_ in sorted(set(types) - cdar.scheme.keys())]
    wrong += [f"reason {name}" for name in sorted(cdar.reason.keys() - life.statuses.keys())]
    wrong += [
        f"reason {name}" for name, row in life.statuses.items()
        if row.cdar in cdar.condition and cdar.condition[row.cdar].reason and name not in cdar.reason and name not in of_motives
    ]  # fmt: skip
    for row in wrong:
        yield Fault("FLX-I30", table="cdar.toml", row=row, expected="statuses.toml, roles, identifier types")
