"""
The nouns of a market (*marché de travaux*) as its file tells them: the Fiche d'Identité du Marché (domain 4.2). Frozen values, without I/O.

What a file does not say is empty, and nothing is held against a piece for it: an empty list of engagements allows any.
"""

from datetime import date

from msgspec import Struct

from flux.piece import Party


class MarketActor(Struct, frozen=True):
    """
    Who does what in a market. role: a row of tables/market.toml; cadres: that he may deposit, () for those of his role.

    services: the service codes (at most 100 characters each) under which he may be addressed, () for any.
    """

    role: str
    party: Party
    cadres: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class Market(Struct, frozen=True):
    """
    A market: number as pieces carry it (BT-12, at most 50 characters), days of notification and of reception of the works, CCAG 2009 or 2021.

    actors: in the order of the file; engagements: the numbers (EJ, at most 50 characters each) that its pieces may name, () for any.
    The short form, which markets.toml had first, names MOE and MOA alone: then nobody is held to be no actor of the market.
    """

    number: str
    label: str = ""
    notified: date | None = None
    received: date | None = None
    ccag: str = ""
    actors: tuple[MarketActor, ...] = ()
    engagements: tuple[str, ...] = ()

    def of(self, *roles: str) -> tuple[MarketActor, ...]:
        """The actors of these roles, role by role."""
        return tuple(actor for role in roles for actor in self.actors if actor.role == role)

    @property
    def moe(self) -> Party | None:
        """The maîtrise d'œuvre, None when the file names none."""
        return next((actor.party for actor in self.of("moe")), None)

    @property
    def moa(self) -> Party | None:
        """The maîtrise d'ouvrage, None when the file names none."""
        return next((actor.party for actor in self.of("moa")), None)

    @property
    def short(self) -> bool:
        """Whether the file names nobody who is paid."""
        return not self.of("titulaire")


def same(one: Party, other: Party) -> bool:
    """Whether two parties are one: by identifier, in capitals, and by its type where both say it."""
    return one.id.upper() == other.id.upper() and (not one.type or not other.type or one.type == other.type)
