"""What a person may do with what is recorded, each with who and why. The rules are the life cycle's; here the piece is found and the act recorded."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec import Struct

from flux.chunks import in_chunks
from flux.clocks import due_acts
from flux.dossier import Act, Move, Ref, Standing
from flux.faults import Fault
from flux.kit import Kit
from flux.lifecycle import after, current, moved, named_in, reopened, reopens
from flux.market import Market
from flux.model import Emission, Finding
from flux.owing import moved_event, steps_of
from flux.piece import Actor
from flux.policy import Policy, Route
from flux.ports import ContentStore, Ledger
from flux.process import misrouted
from flux.quarantine import in_force, under
from flux.rows import Asked, Moved
from flux.structures import Lookup, nobody
from flux.telling import handed_on, newcomer, tell_moves
from flux.validators import Context
from flux.when import day_of

MOST = 100_000  # pieces that wait for one role
TOGETHER = 200  # pieces that are told of at once
TRIES = 5  # an act that another one overtakes is thought about again


class Office(Struct, frozen=True):
    """What an act needs: where it is recorded, and by what those concerned are told of it. policies: by partner."""

    ledger: Ledger
    content: ContentStore
    kit: Kit
    policies: Mapping[str, Policy]
    routes: Sequence[Route]
    installation: str
    markets: Callable[[], Mapping[str, Market]] = dict
    directory: Lookup = nobody

    def misrouted(self, standing: Standing, done: Standing, now: datetime) -> Finding | None:
        """What directory or market file holds against the correction of its routing data."""
        piece, before = current(done), current(standing)
        if piece == before:
            return None
        policy = self.policies.get(standing.partner, Policy())
        policy = under(policy, standing.partner, in_force(self.ledger.quarantines(), day_of(now)), self.kit.tables)
        context = Context(self.kit.tables, policy, "", day_of(now))
        return misrouted(piece, before, dict(self.markets()), self.directory, context, self.kit)

    def tell_all(self, moved: Iterable[tuple[Standing, Sequence[Move]]], now: datetime) -> tuple[Emission, ...]:
        """
        What these steps owe to whom they concern, their bytes durable in the content store; and the pieces to whose turn it has become.

        Of TOGETHER pieces with the cost of one sync, and as many open files: a status flow may move thousands.
        """
        pairs = list(moved)
        handed = [emission for one, steps in pairs for emission in self._handed_on(one, steps)]
        told = [tell_moves(one, steps, self.policies, self.routes, self.installation, now, self.kit, self._opener(one)) for one, steps in pairs]
        flows: list[Emission] = []
        for owing in in_chunks((telling for telling in told if telling.owed), TOGETHER):
            with self.content.scratches(len(owing)) as files:
                packs = [telling.write(file) for telling, file in zip(owing, files, strict=True)]
                stored = self.content.keep_all(files)
            flows += (one for telling, pack, (blob, _) in zip(owing, packs, stored, strict=True) for one in telling.emissions(blob, pack))
        return (*handed, *flows)

    def _opener(self, standing: Standing) -> Standing | None:
        return self.ledger.standing(standing.first) if standing.first != standing.ref else None

    def _handed_on(self, standing: Standing, steps: Sequence[Move]) -> tuple[Emission, ...]:
        actor = newcomer(standing, steps)
        return handed_on(standing, actor, self.ledger.emissions(standing.ref.flow), self.kit.tables) if actor else ()


def pieces_of(ledger: Ledger, named: str, actor: Actor | None = None) -> Sequence[Standing]:
    """
    The accepted pieces that a person means: by flow/ordinal, or by number.

    Of several pieces of one number, those in which the actor is named; without any such, all of them.
    """
    found = ledger.standings([named]).get(named, ())
    if not found and (ref := Ref.of(named)):  # a number may hold a slash as well
        one = ledger.standing(ref)
        return (one,) if one else ()
    return tuple(one for one in found if actor and actor.id in named_in(current(one))) or found


def act(office: Office, ref: Ref, asked: Act, now: datetime) -> Standing | Finding:
    """Do what is asked, or say why it may not be done. Raises Fault when others keep overtaking it."""
    for _ in range(TRIES):
        standing = office.ledger.standing(ref)
        if standing is None:
            return Finding("FLX-W08", facts=(("found", str(ref)),))
        steps = moved(standing, asked, now, office.kit.tables)
        if isinstance(steps, Finding):
            return steps
        done = after(standing, steps)
        if (wrong := office.misrouted(standing, done, now)) is not None:
            return wrong
        changed = with_reopened(office, [Moved(done, standing.last.seq)], now)
        emissions = office.tell_all([(one.standing, steps_of(one)) for one in changed], now)
        events = [moved_event(one.standing, step) for one in changed for step in steps_of(one)]
        if not office.ledger.move(changed, emissions, events):
            return done
    raise Fault("FLX-I73", piece=str(ref))


def with_reopened(office: Office, changed: Sequence[Moved], now: datetime) -> list[Moved]:
    """These pieces, and those before them on which another must be deposited, now that one of these is refused for good."""
    tables, found = office.kit.tables, list(changed)
    for one in changed:
        previous = one.standing.previous
        if previous is None or not any(reopens(step, tables) for step in steps_of(one)):
            continue
        before = office.ledger.standing(previous)
        if before is not None and tables.life.statuses[before.status].final:
            found.append(Moved(after(before, [reopened(before, now)]), before.last.seq))
    return found


def fall_due(office: Office, now: datetime) -> int:
    """Do what the passing of a delay does by itself: a silence that validates, a MOE that is late. Gives how many pieces that moved."""
    tables = office.kit.tables
    done = 0
    for row in (row for row in tables.clocks.delays.values() if row.act):
        earliest = day_of(now) - timedelta(days=row.days)
        for standing in office.ledger.search(Asked(waits=row.binds, until=earliest, limit=MOST)):
            if (due := due_acts(standing, now, tables)) is not None:
                with suppress(Fault):  # one piece that others keep moving, or that cannot be told, keeps no other waiting: it is due again
                    done += not isinstance(act(office, standing.ref, due, now), Finding)
    return done
