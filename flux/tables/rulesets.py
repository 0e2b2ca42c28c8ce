"""The sets of rules of the stage norm, each with its identity, its version and the days on which it judges: en16931/sets.toml."""

from collections.abc import Iterator, Sequence
from datetime import date

from msgspec import Struct

from flux.faults import Fault
from flux.tables._reading import Text, read, shaped

TABLE = "en16931/sets.toml"
EN16931, CPRO, FACTURX = "EN16931", "BR-FR-CPRO", "FACTUR-X"
OPEN = date.max


class RuleSet(Struct, frozen=True, forbid_unknown_fields=True):
    """
    A version of a set. begins: how the ids of its rules begin; standard: whose rules they are, in a few words; source: who says what they are.

    since, until: the first and the last day of reception in Paris on which it judges, both included.
    """

    identity: str
    version: str
    standard: str
    source: Text
    begins: tuple[str, ...]
    since: date
    until: date = OPEN

    def judges(self, day: date) -> bool:
        """Whether it is in force on this day."""
        return self.since <= day <= self.until

    @property
    def named(self) -> str:
        """Identity and version, as a verdict tells them."""
        return f"{self.identity}-{self.version}"


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    set: tuple[RuleSet, ...]


def load() -> tuple[RuleSet, ...]:
    """Read the table, the package's in every rule pack. Raises Fault when a row has not its shape; what rows say of one another: see faults()."""
    return shaped(TABLE, read(TABLE), _Table).set


def faults(told: Sequence[RuleSet]) -> Iterator[Fault]:
    """What contradicts itself: a set that the code does not have or that is missing, days the wrong way round, two versions on one day, one beginning twice."""
    if (identities := {one.identity for one in told}) != {EN16931, CPRO, FACTURX}:
        yield Fault("FLX-I30", table=TABLE, row=", ".join(sorted(identities)), expected=f"{CPRO}, {EN16931}, {FACTURX}")
    for one in told:
        if one.until < one.since or not all((one.version, one.standard, one.source.fr, one.source.en, one.begins)):
            yield Fault("FLX-I30", table=TABLE, row=one.named, expected="version, standard, source, begins; since ≤ until")
    for n, one in enumerate(told):
        for other in told[n + 1 :]:
            same = one.identity == other.identity
            if same and one.since <= other.until and other.since <= one.until:
                yield Fault("FLX-I31", table=TABLE, row=f"{one.named}, {other.named}")
            elif not same and (twice := set(one.begins) & set(other.begins)):
                yield Fault("FLX-I31", table=TABLE, row=", ".join(sorted(twice)))


def on(told: Sequence[RuleSet], day: date) -> tuple[RuleSet, ...]:
    """Those that judge a piece received on this day."""
    return tuple(one for one in told if one.judges(day))


def of(told: Sequence[RuleSet], rule: str) -> RuleSet | None:
    """The set to which a rule belongs, by its id; None for one of flux itself. Of several versions the latest."""
    fitting = ((len(lead), one.since, one) for one in told for lead in one.begins if rule.startswith(lead))
    return max(fitting, key=lambda found: found[:2], default=(0, OPEN, None))[2]


def named(pack: str, judging: Sequence[RuleSet]) -> str:
    """The identity of a rule pack with the sets that judged beside its own rules."""
    return "/".join((pack, *(one.named for one in judging)))
