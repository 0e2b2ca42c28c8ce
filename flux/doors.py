"""The doors of an installation: how anybody comes to its ledger and its content, beside a daemon or without one. Beside app, the only wiring there is."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from flux import config as settings
from flux import directory, folders, kit, markets
from flux.config import Config
from flux.faults import Fault
from flux.ids import new_id
from flux.keeping import Keeper, Shelf
from flux.ops import Office
from flux.ports import ContentStore
from flux.rehearsal import Stage
from flux.reinjection import Desk
from flux.sandbox.pool import Sandbox
from flux.stores.aside import aside
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger, unborn


def utc_now() -> datetime:
    """The clock of the house: aware, UTC."""
    return datetime.now(UTC)


def fresh_id() -> str:
    """An id that no flow ever had."""
    return new_id(utc_now(), secrets.randbits)


def proven_ledger(config: Config) -> None:
    """Raises Fault when the ledger is gone: a new one beside a store that is not empty knows no duplicate, and owes nobody anything."""
    file, store = config.ledger_file, config.spool / "store"
    if file is not None and not (file.exists() and file.stat().st_size) and any(store.iterdir()):
        raise Fault("FLX-I90", path=str(file), store=str(store))


def fresh(config: Config) -> bool:
    """Whether nothing was ever received here: there is no ledger yet."""
    return config.ledger_file is not None and unborn(config.ledger_file)


@contextmanager
def open_reader(config: Config) -> Iterator[SqlLedger]:
    """The ledger for reading, beside a daemon or without one. Raises Fault when nothing was ever received here."""
    if fresh(config):
        raise Fault("FLX-I21", path=str(config.ledger_file))
    with closing(SqlLedger(config.ledger_url, read_only=True)) as ledger:
        yield ledger


@contextmanager
def open_office(config: Config) -> Iterator[Office]:
    """What a person's acts need, beside a daemon or without one: each is one transaction. Raises Fault when nothing was ever received here."""
    if fresh(config):
        raise Fault("FLX-I21", path=str(config.ledger_file))
    with closing(SqlLedger(config.ledger_url)) as ledger:
        yield Office(
            ledger, FileStore(config.spool), kit.build(), settings.policies(config), config.routes, config.installation,
            markets.living(config), directory.lookup(config),
        )  # fmt: skip


@contextmanager
def shelves(config: Config, *, read_only: bool = False) -> Iterator[tuple[SqlLedger, ContentStore]]:
    """Ledger and content store, beside a daemon or without one: to take something in, or for reading."""
    if not read_only:
        folders.make(config)
        proven_ledger(config)
    with open_reader(config) if read_only else closing(SqlLedger(config.ledger_url)) as ledger:
        yield ledger, FileStore(config.spool)


@contextmanager
def open_desk(config: Config, wait: Callable[[float], bool]) -> Iterator[Desk]:
    """What re-injections need, beside a daemon or without one. *wait*: between two groups; False ends it."""
    walls = max((policy.limits.expanded_mb for policy in settings.policies(config).values()), default=0)
    with open_office(config) as office:
        children = lambda: Sandbox(config.children, strict=config.sandbox == "strict", unpack_mb=walls)  # noqa: E731 - made where they are needed
        stage = Stage(office, lambda: aside(FileStore(config.spool), config.spool, time.time()), children, utc_now)
        yield Desk(stage, utc_now, fresh_id, config.second_person_above, lambda: folders.knock(config), wait)


@contextmanager
def custody(config: Config, *, read_only: bool = False) -> Iterator[tuple[Keeper, Shelf]]:
    """Ledger and content store as those ask them who keep, prove, purge and give out what was received. Raises Fault when nothing ever was."""
    if fresh(config):
        raise Fault("FLX-I21", path=str(config.ledger_file))
    with closing(SqlLedger(config.ledger_url, read_only=read_only)) as ledger:
        yield ledger, FileStore(config.spool)


@contextmanager
def ledger_at(path: Path) -> Iterator[Keeper]:
    """The ledger of a backup, for reading."""
    with closing(SqlLedger(f"sqlite:///{path.absolute()}", read_only=True)) as ledger:
        yield ledger


@contextmanager
def ledger_of(config: Config) -> Iterator[Keeper]:
    """The ledger of an installation that is only being restored."""
    with closing(SqlLedger(config.ledger_url)) as ledger:
        yield ledger
