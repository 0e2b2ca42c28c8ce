"""
The nouns of the structure directory (annuaire): frozen values, without I/O and without a clock.

What Chorus Pro publishes of its structures is a list of columns (domain 7, S); what the services of a structure are is a form of ours (local).
"""

from collections.abc import Callable, Iterable
from datetime import date

from msgspec import Struct


class Service(Struct, frozen=True):
    """A service of a structure. engagement: an engagement number must be given with its code (ServiceActif, GestionEngagement: local form)."""

    code: str
    label: str = ""
    active: bool = True
    engagement: bool = False


class Structure(Struct, frozen=True):
    """
    A structure as a snapshot of the directory describes it, with the services that were asked for.

    id: a SIRET. engagement, service, either: what a piece for it must name (GestionEngagement, GestionService, GestionServiceEngagement, in the
    API numeroEJDoitEtreRenseigne, codeServiceDoitEtreRenseigne, gestionNumeroEJOuCodeService; that these are the same is I). moa, moa_only: EstMOA,
    EstMOAUniquement.

    services: by code, those asked for that exist; None when nothing was ever told of its services. some: codes of active ones, a few, for a reader.
    """

    id: str
    name: str = ""
    active: bool = True
    engagement: bool = False
    service: bool = False
    either: bool = False
    moa: bool = False
    moa_only: bool = False
    services: dict[str, Service] | None = None
    some: tuple[str, ...] = ()


class Directory(Struct, frozen=True):
    """What the snapshot in force says of the structures that pieces name. as_of: the day of the extract. Absent from it: unknown."""

    as_of: date
    structures: dict[str, Structure] = {}


Wanted = tuple[str, str]  # a SIRET, and the service code that is named with it or ""
Lookup = Callable[[Iterable[Wanted], date], Directory | None]  # what is in force on a day; None when no snapshot was ever imported


def nobody(_wanted: Iterable[Wanted], _on: date) -> Directory | None:
    """The lookup of an installation without a directory: the rules are silent."""
    return None
