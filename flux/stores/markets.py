"""
The kept market files: ``markets/`` in the spool, one file a version of a market, written once and never changed.

A name is ``<number, readable>-<hash of the number>.v<version>.toml``. A version appears whole and synced, by a rename that replaces nothing; the
highest of a number counts, the others say what held before. Reading is cheap: a look at the folder, then only the files that are new.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from msgspec import Struct, ValidationError, convert

from flux import durable, marketfile, tables
from flux.faults import Fault
from flux.market import Market

FOLDER = "markets"
SHOWN = 50       # characters of the number in a file's name
SETTLED_S = 2.0  # a folder that changed less long ago may change again without showing it: clocks of file systems tick
_NAME = re.compile(r"(.+)\.v([1-9][0-9]{0,8})\.toml")
_HALF = ".part"


class Import(Struct, frozen=True, forbid_unknown_fields=True):
    """How a version came: from 1 for each number; when (aware, UTC), by whom, from which file, its sha256. digest: of the kept file but this line."""

    version: int
    at: datetime
    who: str
    source: str
    sha256: str
    digest: str = ""


class Kept(Struct, frozen=True):
    """A version of a market, as kept."""

    market: Market
    how: Import
    path: Path


class MarketStore:
    """The kept market files of one installation."""

    def __init__(self, spool: Path) -> None:
        self._folder = spool / FOLDER
        self._read: dict[str, Kept] = {}  # by file name
        self._markets: dict[str, Market] = {}
        self._seen, self._looked = -1, 0.0
        self._versions: list[Kept] | None = None  # every one, read once: for a replay

    def current(self) -> dict[str, Market]:
        """The latest version of every market, by number. Raises Fault when a kept file is not what was written."""
        changed = _changed(self._folder)
        if changed == self._seen and self._looked - changed / 1e9 > SETTLED_S:
            return self._markets
        self._looked = time.time()
        self._markets = {kept.market.number: kept.market for kept in self.latest()}
        self._seen = changed
        return self._markets

    def latest(self) -> list[Kept]:
        """The same, each as it is kept, by number."""
        newest: dict[str, tuple[int, str]] = {}
        for name in _names(self._folder):
            if (parts := _NAME.fullmatch(name)) is not None:
                newest[parts[1]] = max(newest.get(parts[1], (0, "")), (int(parts[2]), name))
        names = [name for _, name in newest.values()]
        self._read = {name: self._read.get(name) or _kept(self._folder / name) for name in names}
        return sorted(self._read.values(), key=lambda kept: kept.market.number)

    def as_of(self, at: datetime) -> dict[str, Market]:
        """The version of every market that was the latest at this instant, by number. Raises Fault."""
        if self._versions is None:
            self._versions = sorted((_kept(self._folder / name) for name in _names(self._folder) if _NAME.fullmatch(name)), key=lambda kept: kept.how.version)
        return {kept.market.number: kept.market for kept in self._versions if kept.how.at <= at}

    def add(self, markets: Sequence[Market], how: Callable[[int], Import]) -> list[tuple[Kept, bool]]:
        """
        Keep these markets, all or, when the system refuses, perhaps only the first of them: each version is whole either way.

        how: of a version, told its number. Gives each as it now stands, and whether it is new: what says the same as before is not written again.
        Raises Fault when another import is under way.
        """
        with self._alone():
            before = {kept.market.number: kept for kept in self.latest()}
            done: list[tuple[Kept, bool]] = []
            for market in markets:
                last = before.get(market.number)
                if last is not None and last.market == market:
                    done.append((last, False))
                    continue
                done.append((self._write(market, how(last.how.version + 1 if last else 1)), True))
        return done

    def _write(self, market: Market, how: Import) -> Kept:
        path = self._folder / f"{_stem(market.number)}.v{how.version}.toml"
        scratch = path.with_suffix(_HALF)
        with scratch.open("wb") as file:
            file.write(_text(market, how).encode())
            durable.sync_files([file], self._folder)
        if (error := durable.publish([(scratch, path)]).get(scratch)) is not None:
            raise error
        return Kept(market, how, path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One import at a time, so that versions count up; what a crash left half written is thrown away."""
        if not self._folder.is_dir():
            self._folder.mkdir(exist_ok=True)
            durable.sync_folder(self._folder.parent)
        fd = durable.lock(self._folder / "lock")
        if fd is None:
            raise Fault("FLX-I124", path=str(self._folder))
        try:
            for half in self._folder.glob(f"*{_HALF}"):
                half.unlink()
            yield
        finally:
            os.close(fd)


def _changed(folder: Path) -> int:
    """When a name in the folder last changed, in ns; 0 when there is none."""
    try:
        return folder.stat().st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names alone, once a round
    except (FileNotFoundError, NotADirectoryError):
        return []


def _stem(number: str) -> str:
    """Readable, of safe signs, and of this number alone."""
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', number)[:SHOWN]}-{hashlib.sha256(number.encode()).hexdigest()[:12]}"


def _text(market: Market, how: Import) -> str:
    quoted = marketfile.quoted
    lines = [
        "# Written by flux market import, and read by it alone: to change it, import another file.",
        "[import]", f"version = {how.version}", f"at = {how.at.isoformat(timespec='seconds')}", f"who = {quoted(how.who)}",
        f"source = {quoted(how.source)}", f"sha256 = {quoted(how.sha256)}", "", marketfile.written(market),
    ]  # fmt: skip
    text = "\n".join(lines)
    return text.replace("\n\n", f"\ndigest = {quoted(_digest(text))}\n\n", 1)


def _digest(text: str) -> str:
    """Of a kept file, but for the line of the digest."""
    return hashlib.sha256(re.sub(r'^digest = "[0-9a-f]*"\n', "", text, count=1, flags=re.MULTILINE).encode()).hexdigest()


def _kept(path: Path) -> Kept:
    """A kept file, proven to be what was written: anybody who edits it changes what is judged without a trace."""
    try:
        content = path.read_bytes()
        read = marketfile.read(content, path.name, tables.load())
        for fault in read.faults:
            raise Fault("FLX-I122", path=str(path), detail=fault.told("en")[0])
        how = convert(read.beside.get("import"), Import)
        named = f"{_stem(read.markets[0].number)}.v{how.version}.toml" if len(read.markets) == 1 else ""
        if path.name != named or how.digest != _digest(content.decode()):
            raise Fault("FLX-I122", path=str(path), detail=f"{path.name}, digest = {how.digest or '—'}")
    except (OSError, ValidationError) as error:
        raise Fault("FLX-I122", path=str(path), detail=str(error)) from error
    return Kept(read.markets[0], how, path)
