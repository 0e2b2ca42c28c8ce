"""What a person may do with what is recorded, each with who and why. The rules are the life cycle's; here the piece is found and the act recorded."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec import Struct

from flux.clocks import due_acts
from flux.dossier import Act, Move, Ref, Standing
from flux.faults import Fault
from flux.kit import Kit
from flux.lifecycle import after, current, moved, reopened, reopens
from flux.model import Emission, Finding
from flux.owing import moved_event
from flux.piece import Actor
from flux.policy import Policy, Route
from flux.ports import Asked, ContentStore, Ledger, Moved
from flux.telling import handed_on, newcomer, tell_moves
from flux.validators.dossier import named_in
from flux.when import day_of

MOST = 100_000  # pieces that wait for one role
TRIES = 5  # an act that another one overtakes is thought about again


class Office(Struct, frozen=True):
    """What an act needs: where it is recorded, and by what those concerned are told of it. policies: by partner."""

    ledger: Ledger
    content: ContentStore
    kit: Kit
    policies: Mapping[str, Policy]
    routes: Sequence[Route]
    installation: str

    def tell(self, standing: Standing, steps: Sequence[Move], now: datetime) -> tuple[Emission, ...]:
        """What these steps owe to whom they concern, their bytes durable in the content store; and the piece to whose turn it has become."""
        actor = newcomer(standing, steps)
        piece = handed_on(standing, actor, self.ledger.emissions(standing.ref.flow), self.kit.tables) if actor else ()
        telling = tell_moves(standing, steps, self.policies, self.routes, self.installation, now, self.kit)
        if not telling.owed:
            return piece
        pack = telling.pack()
        blob, _ = self.content.add(pack.open())
        return (*piece, *telling.emissions(blob, pack))


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
        changed = [(done, standing.last.seq, steps), *_reopened(office, done, steps, now)]
        emissions = [emission for one, _, made in changed for emission in office.tell(one, made, now)]
        events = [moved_event(one, step) for one, _, made in changed for step in made]
        if not office.ledger.move([Moved(one, seq) for one, seq, _ in changed], emissions, events):
            return done
    raise Fault("FLX-I73", piece=str(ref))


def _reopened(office: Office, done: Standing, steps: Sequence[Move], now: datetime) -> list[tuple[Standing, int, Sequence[Move]]]:
    """The piece before, when these steps refused for good the one that was deposited on it: with the step that opens it again."""
    if done.previous is None or not reopens(steps[-1], office.kit.tables):
        return []
    before = office.ledger.standing(done.previous)
    if before is None or not office.kit.tables.life.statuses[before.status].final:
        return []
    again = reopened(before, now)
    return [(after(before, [again]), before.last.seq, [again])]


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
