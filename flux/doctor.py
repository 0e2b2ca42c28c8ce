"""
``flux doctor``: is this installation sound? Each line is a check, what was found, and, when it is not green, what to do.

It changes nothing but a scratch file beside the spool, which it removes, and it never takes the installation's lock.
"""

import os
import shutil
import sqlite3
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from datetime import date
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from lxml import etree
from msgspec import Struct

from flux import config as settings
from flux import durable, kit
from flux.config import Config
from flux.faults import Fault
from flux.model import Plumbing
from flux.policy import Brief, Policy
from flux.ports import Ledger
from flux.sandbox.pool import Job, Sandbox
from flux.sandbox.wire import MEMORY_BYTES, STRICT, Item, Judge, Lost
from flux.words import LANGUAGES, Words

LEAST = {"lxml": (6, 1, 1), "libxml2": (2, 14, 6), "SQLite": (3, 37, 0)}  # below: known CVEs, or a WAL that lacks what we ask (reliability 2.H)
SPACE_BAD, SPACE_WARN = 64 << 20, 1 << 30
SYNCS = 25
_PROBE = b"<x/>"
SYNC_FAST_MS, SYNC_SLOW_MS = 0.02, 20.0  # faster than any disk; slower than a night of single files bears


class Line(Struct, frozen=True):
    """One check. verdict: ok, warn, bad. found_is and do_is: names in words.toml [doctor], or a text of its own when facts hold "text"."""

    verdict: str
    check: str
    found_is: str
    facts: dict[str, str] = {}
    do_is: str = ""

    def subject(self, say: Words) -> str:
        """What was looked at."""
        return say(f"doctor.{self.check}")

    def found(self, say: Words) -> str:
        """What was found."""
        return say(f"doctor.{self.found_is}", **self.facts) if self.found_is else self.facts[say.language]

    def advice(self, say: Words) -> str:
        """What to do, "" when nothing."""
        if self.verdict == "ok":
            return ""
        return say(f"doctor.{self.do_is}", **self.facts) if self.do_is else self.facts[f"do_{say.language}"]

    def told(self) -> dict[str, object]:
        """As JSON."""
        words = {language: Words(language) for language in LANGUAGES}
        do = {language: self.advice(say) for language, say in words.items()}
        return {
            "check": self.check,
            "verdict": self.verdict,
            "found": {language: self.found(say) for language, say in words.items()},
            "do": do if any(do.values()) else None,
        }


def examine(path: Path, open_reader: Callable[[Config], AbstractContextManager[Ledger]]) -> list[Line]:
    """Every line, in the order in which a person would look: the program, its rules, the configuration, the disk, the ledger."""
    lines = [*_versions(), *_rules(), *_sandbox()]
    try:
        config = settings.load(path)
        markets = settings.markets(config)
    except Fault as fault:
        return [*lines, _faulty("configuration", fault)]
    if config.sandbox == "strict" and (names := [line.check for line in lines if line.verdict != "ok" and line.check in STRICT]):
        lines.append(_faulty("sandbox", Fault("FLX-I90", names=", ".join(names))))
    lines.append(Line("ok", "configuration", "partners_found", {"path": str(path), "count": str(len(config.partners))}))
    lines.append(Line("ok", "markets", "markets_found", {"count": str(len(markets))}))
    lines += _folders(config)
    if os.access(config.spool, os.W_OK):
        lines += [_space(config.spool), *_disk(config.spool)]
    return [*lines, *_ledger(config, open_reader)]


def _versions() -> Iterator[Line]:
    found = {"lxml": etree.LXML_VERSION[:3], "libxml2": etree.LIBXML_VERSION, "SQLite": sqlite3.sqlite_version_info}
    for name, least in LEAST.items():
        if found[name] < least:
            facts = {"name": name, "found": _dotted(found[name]), "least": _dotted(least)}
            yield Line("bad", "versions", "old", facts, "old_do")
    told = [f"flux {version('flux')}", f"Python {sys.version.split()[0]}", *(f"{name} {_dotted(v)}" for name, v in found.items())]
    text = ", ".join(told)
    yield Line("ok", "versions", "", {"fr": text, "en": text})


def _rules() -> Iterator[Line]:
    """Tables and schemas, read and proven as at every start."""
    try:
        whole = kit.build()
    except Fault as fault:
        yield _faulty("rules", fault)
        return
    counts = {
        "checks": str(len(whole.checks)), "codes": str(len(whole.tables.catalogue)), "parsers": str(len(whole.parsers)),
        "emitters": str(len(whole.emitters)), "pack": whole.pack,
    }  # fmt: skip
    yield Line("ok", "rules", "rules_found", counts)
    for row in whole.schemas.rows():
        yield Line("ok", "schema", f"schema_{row.kind}", {"schema": f"{row.id} {row.version}", "origin": row.origin, "sha256": row.sha256})


def _sandbox() -> Iterator[Line]:
    """A child is started and judges a document of four bytes, having loaded all that a judgement needs; then each wall around it."""
    started = time.perf_counter()
    item = Item(key=1, fd=0, offset=0, size=len(_PROBE), index=1, name="doctor.xml", brief=0)
    question = Judge((item,), (Brief("", Policy(), date(2026, 1, 1)),))
    with Sandbox(1) as sandbox:
        answer = next(filter(None, sandbox.run(deque([Job(question, lambda: [_probe()])])))).value
    if isinstance(answer, Lost):
        yield Line("bad", "sandbox", "sandbox_bad", {"why": f"{answer.why} {answer.detail}", "python": sys.executable}, "sandbox_do")
        return
    yield Line("ok", "sandbox", "sandbox_ok", {"ms": f"{(time.perf_counter() - started) * 1000:.0f}", "memory": str(MEMORY_BYTES >> 20)})
    for wall in sandbox.walls:
        facts = {"detail": wall.detail}
        yield Line("ok", wall.name, f"{wall.name}_ok", facts) if wall.stands else Line("warn", wall.name, "wall_missing", facts, f"{wall.name}_do")


def _probe() -> BinaryIO:
    file = TemporaryFile(buffering=0)  # noqa: SIM115 - the job that sends it closes it
    file.write(_PROBE)
    return file


def _folders(config: Config) -> Iterator[Line]:
    folders = [config.spool, config.outbox, *(f for p in config.partners for f in (config.inbox_of(p), config.returns_of(p)))]
    home = config.spool.stat().st_dev if config.spool.is_dir() else None
    for folder in folders:
        facts = {"path": str(folder), "spool": str(config.spool)}
        if not folder.is_dir():
            yield Line("bad", "folder", "folder_missing", facts, "folder_missing_do")
        elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield Line("bad", "folder", "folder_rights", facts, "folder_rights_do")
        elif home is not None and folder.stat().st_dev != home:
            yield Line("bad", "folder", "folder_device", facts, "folder_device_do")
        else:
            yield Line("ok", "folder", "folder_ok", facts)


def _space(spool: Path) -> Line:
    free = shutil.disk_usage(spool).free
    verdict = "bad" if free < SPACE_BAD else "warn" if free < SPACE_WARN else "ok"
    return Line(verdict, "space", "space_found", {"free": f"{free / (1 << 30):.1f}", "path": str(spool)}, "space_do")


def _disk(spool: Path) -> Iterator[Line]:
    """What the protocol asks of the file system: a sync that costs something, a lease that tells writers, a rename that never replaces."""
    scratch, twin = spool / f".doctor-{os.getpid()}", spool / f".doctor-{os.getpid()}-twin"
    try:
        with scratch.open("wb") as file:
            yield _sync(file.fileno())
            busy = _has_writer(scratch)
        yield Line("ok", "lease", "works") if busy and _has_writer(scratch) is False else Line("warn", "lease", "", _DASH, "lease_do")
        twin.touch()
        try:
            durable.move(scratch, twin)
            replaces = True
        except FileExistsError:
            replaces = False
        except OSError:
            replaces = True
        yield Line("bad", "rename", "", _DASH, "rename_do") if replaces else Line("ok", "rename", "works")
    finally:
        for path in (scratch, twin):
            with suppress(FileNotFoundError):
                path.unlink()


def _sync(fd: int) -> Line:
    costs = []
    for _ in range(SYNCS):
        os.write(fd, bytes(4096))
        began = time.perf_counter()
        os.fsync(fd)
        costs.append((time.perf_counter() - began) * 1000)
    ms = statistics.median(costs)
    facts = {"ms": f"{ms:.3f}", "count": str(SYNCS)}
    if ms < SYNC_FAST_MS:
        return Line("warn", "sync", "sync_found", facts, "sync_fast_do")
    return Line("warn" if ms > SYNC_SLOW_MS else "ok", "sync", "sync_found", facts, "sync_slow_do")


def _has_writer(path: Path) -> bool | None:
    fd = os.open(path, os.O_RDONLY)
    try:
        return durable.has_writer(fd)
    finally:
        os.close(fd)


def _ledger(config: Config, open_reader: Callable[[Config], AbstractContextManager[Ledger]]) -> Iterator[Line]:
    if config.ledger_file is not None and not config.ledger_file.exists():
        yield Line("ok", "ledger", "ledger_none")
        return
    try:
        with open_reader(config) as ledger:
            piled = ledger.piled()
    except Fault as fault:
        yield _faulty("ledger", fault)
        return
    yield Line("ok", "ledger", "ledger_ok", {"flows": str(sum(piled.by_state.values())), "owed": str(piled.emissions_owed)})
    if held := sum(piled.by_state.get(state, 0) for state in (Plumbing.HELD, Plumbing.QUARANTINED)):
        yield Line("warn", "ledger", "ledger_held", {"held": str(held)}, "ledger_held_do")


_DASH = {"fr": "—", "en": "—"}


def _faulty(check: str, fault: Fault) -> Line:
    """A Fault as a red line: its own words."""
    facts: dict[str, str] = {}
    for language in LANGUAGES:
        what, means, do = fault.told(language)
        facts |= {language: f"{what} {means}", f"do_{language}": do}
    return Line("bad", check, "", facts)


def _dotted(parts: tuple[int, ...]) -> str:
    return ".".join(map(str, parts))
