"""
The life of a piece as tables: statuses in every vocabulary, who may do what, what may follow what in a dossier (domain, sections 4 and 5).

Read and checked with the other tables (``tables.load``): a row that names what another table does not know stops the start.
"""

from collections.abc import Iterator

from msgspec import Struct

from flux.faults import Fault
from flux.tables._reading import Home, Text, read, shaped

ROLES = ("valideur", "moe", "moa", "fournisseur", "service_financier", "systeme", "deposant")
WAITS = ("", *ROLES, "suspendant", "next", "before")
STAGES = ("en_cours", "fin", "tacite")
SETTINGS = ("", "moe_for_moa")  # of policy.Policy: what lets a row of the chain be
INITIAL, STAYS, BEFORE = "initial", "", "before"
MAY, MUST = "may", "must"
ROUTING = "routing"  # kind of a motive: an error of routing


class Status(Struct, frozen=True, forbid_unknown_fields=True):
    """
    A status of a piece. cpp: IdStatut of CPPStatut, other: the one for a refusal that is no error of routing; cdar: process condition code.

    local: why cpp is a choice of ours, "" where it is the documented one. final: nothing moves it any more. refusal: the circuit is stopped.
    """

    label: Text
    cpp: str
    cdar: str
    other: str = ""
    local: str = ""
    final: bool = False
    refusal: bool = False


class Motive(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a piece is refused. id: Chorus Pro's, 0 where it is not known. kind: routing, other, amount (which never refuses a works piece)."""

    id: int
    kind: str
    label: Text
    cdar: str


class Transition(Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """A row of transitions.toml; its words are explained there."""

    act: str
    by: tuple[str, ...]
    from_: tuple[str, ...]
    waits: str
    source: str
    to: str = STAYS
    then: str = ""
    motives: tuple[str, ...] = ()
    cadres: tuple[str, ...] = ()
    comment: str = ""
    once: bool = False
    routing: str = ""
    deposit: bool = False
    out_of_turn: bool = False
    notifies: tuple[str, ...] = ()
    reopens: bool = False


class Next(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be deposited on a piece: a row of chain.toml, whose words are explained there."""

    after: tuple[str, ...]
    cadre: str
    by: str
    stage: str
    source: str
    act: str = "associer"
    setting: str = ""
    not_before: str = ""


class Life(Struct, frozen=True):
    """statuses: by API code; others: API codes that are known and never reached here; initial: by the role that acts next."""

    statuses: dict[str, Status]
    others: frozenset[str]
    initial: dict[str, str]
    motives: dict[str, Motive]
    transitions: tuple[Transition, ...]
    chain: tuple[Next, ...]

    @property
    def acts(self) -> tuple[str, ...]:
        """What may be asked for by itself, in the order of the table."""
        return tuple(dict.fromkeys(row.act for row in self.transitions if not row.deposit and row.by != ("systeme",)))

    def follows(self, cadre: str) -> tuple[Next, ...]:
        """What may be deposited on a piece of this cadre, by whatever setting."""
        return tuple(row for row in self.chain if cadre in row.after)


def load(home: Home = None) -> Life:
    """Read the three tables. Raises Fault when a row has not the shape of its table; what rows say of one another: see faults()."""
    statuses, moves, chain = read("statuses.toml", home), read("transitions.toml", home), read("chain.toml", home)
    others = shaped("statuses.toml [other]", statuses.pop("other", {}), dict[str, tuple[str, ...]])
    return Life(
        statuses=shaped("statuses.toml", statuses, dict[str, Status]),
        others=frozenset(others.get("codes", ())),
        initial=shaped("transitions.toml [initial]", moves.get("initial"), dict[str, str]),
        motives=shaped("transitions.toml [motive]", moves.get("motive"), dict[str, Motive]),
        transitions=shaped("transitions.toml [[move]]", moves.get("move"), tuple[Transition, ...]),
        chain=shaped("chain.toml [[next]]", chain.get("next"), tuple[Next, ...]),
    )


def faults(life: Life, cadres: dict[str, str]) -> Iterator[Fault]:
    """What contradicts itself. cadres: works cadre -> its depositor."""
    if not life.statuses:
        yield Fault("FLX-I30", table="statuses.toml", row="—", expected="DEPOSEE, …")
    for row in life.transitions:
        if wrong := _strange(row, life, cadres):
            yield Fault("FLX-I30", table="transitions.toml", row=f"{row.act} {'/'.join(row.by)}: {wrong}", expected=_EXPECTED)
    asked = [(row.act, by, status, cadre, motive) for row in life.transitions for by in row.by for status in row.from_
             for cadre in row.cadres or ("",) for motive in row.motives or ("",)]  # fmt: skip
    if twice := {key[0] for key in asked if asked.count(key) > 1}:
        yield Fault("FLX-I31", table="transitions.toml", row=", ".join(sorted(twice)))
    for role, status in life.initial.items():
        if status not in life.statuses:
            yield Fault("FLX-I30", table="transitions.toml", row=f"{role} {status}", expected="statuses.toml")
    if both := life.others & life.statuses.keys():
        yield Fault("FLX-I31", table="statuses.toml", row=", ".join(sorted(both)))
    acts = {row.act for row in life.transitions if row.deposit}
    for link in life.chain:
        unknown = {link.cadre, *link.after} - cadres.keys()
        if unknown or link.stage not in STAGES or link.setting not in SETTINGS or link.act not in acts or _role(cadres.get(link.cadre, "")) != link.by:
            yield Fault("FLX-I30", table="chain.toml", row=f"{'/'.join(link.after)} → {link.cadre}", expected="matrix.toml, stage, setting, act, by its depositor")


_EXPECTED = "statuses.toml, roles, motives, cadres"


def _strange(row: Transition, life: Life, cadres: dict[str, str]) -> str:
    """What a row names and nobody knows, or a move out of a status that is final."""
    named = {row.to, row.then, *row.from_} - {"", INITIAL, BEFORE}
    unknown = (named - life.statuses.keys()) | ({*row.by, *row.notifies} - set(ROLES)) | (set(row.motives) - life.motives.keys()) | (set(row.cadres) - cadres.keys())
    over = {status for status in row.from_ if status in life.statuses and life.statuses[status].final and not row.deposit}
    unknown |= {row.routing} - {"", MAY, MUST}
    return ", ".join(sorted(unknown | over | ({row.waits} - set(WAITS))))


def _role(depositor: str) -> str:
    """The role of a depositor in a dossier: the supplier's side is one."""
    return "fournisseur" if depositor in ("sous-traitant", "cotraitant") else depositor
