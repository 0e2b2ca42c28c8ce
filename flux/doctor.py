"""
``flux doctor``: is this installation sound? Each line is a check, what was found, and, when it is not green, what to do.

It changes nothing but scratch files in the spool, which it removes, and it never takes the installation's lock.
"""

import os
import sqlite3
import stat
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from lxml import etree
from msgspec import Struct

from flux import config as settings
from flux import directory, durable, folders, kit, markets, pause
from flux.config import Config
from flux.endpoints import Looked
from flux.faults import Fault
from flux.model import STUCK, shown
from flux.policy import Brief, Policy
from flux.ports import Ledger, Unsettled
from flux.quarantine import in_force
from flux.rows import Journal, Piled
from flux.sandbox.pool import Job, Sandbox
from flux.sandbox.wire import MEMORY_BYTES, STRICT, Item, Judge, Lost
from flux.when import day_of
from flux.words import LANGUAGES, Words

LEAST = {"lxml": (6, 1, 1), "libxml2": (2, 14, 6), "SQLite": (3, 37, 0)}  # below: known CVEs, or a WAL that lacks what we ask (reliability 2.H)
SPACE_WARN = 1 << 30
SYNCS = 25
OTHERS = stat.S_IRWXG | stat.S_IRWXO
SHOWN = 20  # files that cannot be taken, a line each
_PROBE = b"<x/>"
SYNC_FAST_MS, SYNC_SLOW_MS = 0.02, 20.0  # faster than any disk; slower than a night of single files bears


class Line(Struct, frozen=True):
    """One check. verdict: ok, warn, bad. found_is and do_is: names in words.toml [doctor], or a text of its own when facts hold "text"."""

    verdict: str
    check: str
    found_is: str
    facts: dict[str, Any] = {}
    do_is: str = ""

    def subject(self, say: Words) -> str:
        """What was looked at."""
        return say(f"doctor.{self.check}")

    def found(self, say: Words) -> str:
        """What was found."""
        return say(f"doctor.{self.found_is}", **self.facts) if self.found_is else str(self.facts[say.language])

    def advice(self, say: Words) -> str:
        """What to do, "" when nothing."""
        if self.verdict == "ok":
            return ""
        return say(f"doctor.{self.do_is}", **self.facts) if self.do_is else str(self.facts[f"do_{say.language}"])

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


OpenReader = Callable[[Config], AbstractContextManager[Ledger]]
Look = Callable[[Config], Iterable[Unsettled]]


def examine(path: Path, open_reader: OpenReader, look: Look, look_away: Callable[[Config], Iterable[Looked]]) -> list[Line]:
    """
    Every line, in the order in which a person would look: the program, its rules, the configuration, the disk, the inboxes, the ledger.

    *look* gives what waits in the inboxes and cannot be taken, *look_away* what a connection to each endpoint finds.
    """
    lines = [*_versions(), *_rules(), *_sandbox()]
    try:
        config = settings.load(path)
    except Fault as fault:
        return [*lines, _faulty("configuration", fault)]
    if config.sandbox == "strict" and (names := [line.check for line in lines if line.verdict != "ok" and line.check in STRICT]):
        lines.append(_faulty("sandbox", Fault("FLX-I93", names=", ".join(names))))
    lines.append(Line("ok", "configuration", "partners_found", {"path": str(path), "count": str(len(config.partners))}))
    lines += _held_against("directory", _directory(config, day_of(datetime.now(UTC))))
    lines += _held_against("markets", _markets(config))
    if (paused := pause.of(config)) is not None:
        lines.append(_faulty("pause", pause.fault(paused), "warn"))
    lines += [*_held_against("folder", _folders(config)), *_held_against("folder", _strays(config))]
    if config.spool.is_dir() and os.access(config.spool, os.W_OK):
        lines += [*_held_against("space", _space(config)), *_held_against("sync", _disk(config.spool))]
    return [*lines, *_held_against("inbox", _waiting(look(config))), *_endpoints(look_away(config)), *_held_against("ledger", _ledger(config, open_reader))]


def _markets(config: Config) -> Iterator[Line]:
    """Those of markets.toml and those that were imported, each proven to be what was written."""
    try:
        known, imported = markets.counted(config)
        yield Line("ok", "markets", "markets_found", {"count": str(known), "imported": str(imported)})
    except Fault as fault:
        yield _faulty("markets", fault)


def _held_against(check: str, lines: Iterator[Line]) -> Iterator[Line]:
    """The lines of a check; in the place of what the system refused, a red one that says so."""
    try:
        yield from lines
    except OSError as error:
        yield Line("bad", check, "refused", folders.refused(error).facts, "refused_do")


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
    try:
        with Sandbox(1) as sandbox:
            answer = next(filter(None, sandbox.run(deque([Job(question, (_probe,))])))).value
        why = f"{answer.why} {answer.detail}" if isinstance(answer, Lost) else ""
    except OSError as error:  # no process, no memory, no place for four bytes
        why = str(error)
    if why:
        yield Line("bad", "sandbox", "sandbox_bad", {"why": why, "python": sys.executable}, "sandbox_do")
        return
    yield Line("ok", "sandbox", "sandbox_ok", {"ms": f"{(time.perf_counter() - started) * 1000:.0f}", "memory": str(MEMORY_BYTES >> 20)})
    for wall in sandbox.walls:
        facts = {"detail": wall.detail}
        yield Line("ok", wall.name, f"{wall.name}_ok", facts) if wall.stands else Line("warn", wall.name, "wall_missing", facts, f"{wall.name}_do")


def _probe() -> BinaryIO:
    file = TemporaryFile(buffering=0)  # noqa: SIM115 - the job that sends it closes it
    file.write(_PROBE)
    return file


def _directory(config: Config, today: date) -> Iterator[Line]:
    """The snapshots in force, and whether the structures are too old."""
    try:
        held = list(directory.held(config, today))
        stale = directory.stale(config, today)
    except Fault as fault:
        yield _faulty("directory", fault)
        return
    for snapshot, about in held:
        facts = {"as_of": snapshot.as_of.isoformat(), "age": str((today - snapshot.as_of).days), "count": str(about.rows), "structures": str(about.structures)}
        yield Line("ok", "directory", f"directory_{snapshot.kind}", facts)
    if not held:
        yield Line("ok", "directory", "directory_none")
    if stale:
        yield _faulty("directory", stale, "warn")


def _folders(config: Config) -> Iterator[Line]:
    home = config.spool.stat().st_dev if config.spool.is_dir() else None
    for folder in (config.spool, *folders.shared(config)):
        facts = {"path": str(folder), "spool": str(config.spool)}
        if folder.exists() and not folder.is_dir():
            yield _faulty("folder", Fault("FLX-I85", path=str(folder)))
        elif not folder.is_dir():
            yield Line("bad", "folder", "folder_missing", facts, "folder_missing_do")
        elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield Line("bad", "folder", "folder_rights", facts, "folder_rights_do")
        elif home is not None and folder.stat().st_dev != home:
            yield Line("bad", "folder", "folder_device", facts, "folder_device_do")
        elif folder.stat().st_mode & stat.S_ISGID and not _may_give(config.spool, folder.stat().st_gid):
            yield Line("warn", "folder", "folder_group", facts | {"group": str(folder.stat().st_gid)}, "folder_group_do")
        elif folder == config.spool and folder.stat().st_mode & OTHERS:
            yield Line("warn", "folder", "folder_open", facts, "folder_open_do")
        else:
            yield Line("ok", "folder", "folder_ok", facts)


def _may_give(spool: Path, group: int) -> bool:
    """Whether flux can give a file of its own to this group: it is tried."""
    with TemporaryFile(dir=spool) as file, suppress(PermissionError):
        os.fchown(file.fileno(), -1, group)
        return True
    return False


def _strays(config: Config) -> Iterator[Line]:
    if (config.spool / "claim").is_dir():
        yield from (_faulty("folder", Fault("FLX-I89", path=str(path)), "warn") for path in folders.strays(config))


def _waiting(stuck: Iterable[Unsettled]) -> Iterator[Line]:
    """What no scan will ever take: a line a file, up to so many."""
    found = list(stuck)
    for one in found[:SHOWN]:
        yield Line("warn", "inbox", f"inbox_{one.why}", {"file": f"{one.partner}/{shown(one.name)}"}, "inbox_do")
    if len(found) > SHOWN:
        yield Line("warn", "inbox", "inbox_more", {"count": str(len(found) - SHOWN)}, "inbox_do")


def _endpoints(looked: Iterable[Looked]) -> Iterator[Line]:
    for one in looked:
        facts = {"endpoint": one.name, "server": one.server, "key": one.shown}
        if one.fault:
            yield _faulty("endpoint", one.fault)
        elif not one.posix_rename:
            yield Line("warn", "endpoint", "endpoint_rename", facts, "endpoint_rename_do")
        elif not one.fsync:
            yield Line("warn", "endpoint", "endpoint_fsync", facts, "endpoint_fsync_do")
        else:
            yield Line("ok", "endpoint", "endpoint_ok", facts)


def _space(config: Config) -> Iterator[Line]:
    """Red as soon as the intake stops: the same measure decides both."""
    left = folders.room(config.spool)
    if lack := left.lacking(config):
        yield _faulty("space", lack)
        return
    files = "—" if left.files is None else str(left.files)
    facts = {"free": left.size / (1 << 30), "files": files, "path": str(config.spool), "least": str(config.least_free_mb)}
    yield Line("warn" if left.size < SPACE_WARN else "ok", "space", "space_found", facts, "space_do")


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
    facts = {"ms": ms, "count": str(SYNCS)}
    if ms < SYNC_FAST_MS:
        return Line("warn", "sync", "sync_found", facts, "sync_fast_do")
    return Line("warn" if ms > SYNC_SLOW_MS else "ok", "sync", "sync_found", facts, "sync_slow_do")


def _has_writer(path: Path) -> bool | None:
    fd = os.open(path, os.O_RDONLY)
    try:
        return durable.has_writer(fd)
    finally:
        os.close(fd)


def _ledger(config: Config, open_reader: OpenReader) -> Iterator[Line]:
    if config.ledger_file is not None and not config.ledger_file.exists():
        yield Line("ok", "ledger", "ledger_none")
        return
    try:
        with open_reader(config) as ledger:
            yield from _piled(ledger.piled())
            yield _journal(ledger.journal())
            yield from _quarantined(ledger)
            if left := ledger.uncounted():
                yield Line("ok", "ledger", "uncounted", {"count": str(left)})
    except Fault as fault:
        yield _faulty("ledger", fault)


def _piled(piled: Piled) -> Iterator[Line]:
    yield Line("ok", "ledger", "ledger_ok", {"flows": str(sum(piled.by_state.values())), "owed": str(piled.emissions_owed)})
    if held := sum(piled.by_state.get(state, 0) for state in STUCK):
        yield Line("warn", "ledger", "ledger_held", {"held": str(held)}, "ledger_held_do")
    if piled.undeliverable:
        which = "; ".join(f"{e.flow}: {e.problem.partition(' ')[2]}" for e in piled.some)
        which += " …" if piled.undeliverable > len(piled.some) else ""
        yield Line("warn", "ledger", "ledger_stuck", {"count": str(piled.undeliverable), "which": which}, "ledger_stuck_do")


def _quarantined(ledger: Ledger) -> Iterator[Line]:
    """Each rule that weighs less than it was written to, until when and why."""
    for one in in_force(ledger.quarantines(), day_of(datetime.now(UTC))).values():
        option = f" --partner {one.partner}" if one.partner else ""
        facts = {"code": one.code, "to": one.to, "until": one.until.isoformat(), "partner": one.partner or "*", "who": one.who, "reason": one.reason, "option": option}
        yield Line("warn", "quarantine", "quarantine_found", facts, "quarantine_do")


def _journal(journal: Journal) -> Line:
    facts = {"lines": str(journal.lines), "head": journal.head or "—"}
    if journal.broken is not None:
        return Line("bad", "journal", "journal_broken", facts | {"broken": str(journal.broken)}, "journal_do")
    if journal.missing:
        return Line("bad", "journal", "journal_missing", facts | {"flows": ", ".join(journal.missing)}, "journal_do")
    return Line("ok", "journal", "journal_ok", facts)


_DASH = {"fr": "—", "en": "—"}


def _faulty(check: str, fault: Fault, verdict: str = "bad") -> Line:
    """A Fault as a line: its own words."""
    facts: dict[str, str] = {}
    for language in LANGUAGES:
        what, means, do = fault.told(language)
        facts |= {language: f"{what} {means}", f"do_{language}": do}
    return Line(verdict, check, "", facts)


def _dotted(parts: tuple[int, ...]) -> str:
    return ".".join(map(str, parts))
