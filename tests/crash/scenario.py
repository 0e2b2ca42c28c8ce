"""What is dropped, and one trial of it: a fault, perhaps a second one during recovery, a clean run, and what the checker finds."""

import hashlib
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from checker import answers, check, consume, states, states_of_flows
from rig import EXAMPLES, GOOD, REFUSED

CONFIG = """
settle_s = 0.0
scan_s = 0.2
children = 1
least_free_mb = 0
retry_s = [0.05, 0.05, 0.05, 0.05]
log_format = "json"

[[partner]]
name = "batipro"

[[partner]]
name = "toitures"
"""

# A good flow, a mixed archive, a damaged one, twins and another document under their number; a second partner with a good and a refused one.
DROPPED = {
    "batipro": (GOOD, "10-damaged-archive/*1001.tar.gz", "11-duplicates/*.xml", "13-unknown-recipient/*.gz"),
    "toitures": (REFUSED, "08-credit-note/*.xml"),
}


RIVALS = "0000000000011"  # in the name of every file of 11-duplicates


def documents():
    """{(partner, file name): bytes}."""
    found = {}
    for partner, patterns in DROPPED.items():
        for pattern in patterns:
            found |= {(partner, path.name): path.read_bytes() for path in sorted(EXAMPLES.glob(pattern))}
    assert len(found) == 8
    return found


def install(root, dropped, config=CONFIG):
    """An installation with its inboxes full, each file an hour younger than the next: the order in which they are taken is theirs."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "flux.toml").write_text(config, "utf-8")
    shutil.copy(EXAMPLES / "markets.toml", root)
    for n, ((partner, name), content) in enumerate(sorted(dropped.items())):
        path = root / "inbox" / partner / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1_700_000_000 + 3600 * n,) * 2)
    return root


@dataclass
class Act:
    """One call of a run, as the shim saw it."""

    call: str
    path: str

    @property
    def place(self):
        """The call and the folder in which it acts: what tells one kind of crash point from another."""
        parts = self.path.split("/root/")[-1].split("/")
        place = "/".join(parts[:2]) if parts[0] in {"spool", "outbox"} else parts[0]
        return f"{self.call} {place}"


def acts(log):
    return [Act(*line.split(" ", 3)[2:]) for line in Path(log).read_text("utf-8", "replace").splitlines()]


@dataclass
class Reference:
    """A run that nothing disturbs: what it answers, every act of it, and how many times it opens a file and reads from one."""

    dropped: dict
    answers: object
    acts: list
    openings: int
    readings: int

    @property
    def rivals(self):
        """The files of one number, as answers() calls them: twins by their hash."""
        files = {f"{partner}/{name}": content for (partner, name), content in self.dropped.items() if RIVALS in name}
        return {*files, *(hashlib.sha256(content).hexdigest() for content in files.values())}


def reference(plug, root):
    dropped = documents()
    found = []
    for fault in ("kill", "emfile", "eread"):
        place = install(root / fault / "root", dropped)
        done = plug.once(place, fault=fault, log=root / f"{fault}.log")
        assert done.status == 0, done.said
        report = check(place, dropped, left=done.left)
        assert report.clean, report
        found.append(acts(root / f"{fault}.log"))
    return Reference(dropped, answers(place, dropped), found[0], len(found[1]), len(found[2]))


@dataclass
class Result:
    """wrong: what no run may do, in words. states: the lines of the state table on which the fault found or left the flows."""

    report: object
    wrong: list = field(default_factory=list)
    states: set = field(default_factory=set)

    @property
    def good(self):
        return self.report.clean and not self.wrong


def survive(plug, root, known, *faults, consumes=False, taken=(), unsynced=(), daemon=False):
    """
    Each fault (at, how, on) in a run of its own, then one clean run to the end. consumes: somebody empties the outbox between the runs.
    taken, unsynced: what somebody took before, for good or not. daemon: the runs with faults are ``flux run`` and not ``flux once``.

    A fault behind the last act of its run does nothing, as a second one may when the first left little to do.
    """
    wrong, taken, left, seen = [], list(taken), [], set()
    for at, how, on in faults:
        fault = {"at": at, "fault": how, "on": on}
        hit = plug.under_way(root, lambda root: rests(root, known), **fault) if daemon else plug.once(root, **fault)
        wrong += _blame(hit, how)
        left += hit.left
        seen |= states(root) if how == "kill" else set()
        taken += consume(root) if consumes else []
    before = states_of_flows(root).count("CLOSED")
    last = plug.once(root)
    wrong += _blame(last, "nothing") + ([] if last.status == 0 else [f"the clean run ended with {last.status}: {last.said[-600:]}"])
    # Whose calls fail for long is passed by the files behind him: then a later one of the same number may be the first that is received.
    rivals = known.rivals if any("*" in how for _, how, _ in faults) else ()
    report = check(root, known.dropped, taken, known.answers, unsynced=unsynced, left=(*left, *last.left), rivals=rivals)
    report.recovered = report.ok - before
    return Result(report, wrong, seen)


def rests(root, known):
    """Whether a running flux has nothing left to do."""
    found = states_of_flows(root)
    return len(found) == len(known.dropped) and set(found) == {"CLOSED"}


def tight(plug, small, options, known):
    """One run on a disk that is too small, then the clean one when it is not. Gives the result, and whether it was too small."""
    root = install(small.on(options) / "root", known.dropped)
    first = plug.once(root)
    small.enlarge()
    result = survive(plug, root, known)
    result.wrong += _blame(first, options)
    small.off()
    return result, first.status != 0


def _blame(ended, how):
    """A kill ends by its signal, everything else in words: no traceback."""
    if how in {"kill", "exit"} and ended.status not in (-9, 70, 0):
        return [f"{how}: ended with {ended.status}: {ended.said[-600:]}"]
    return [f"{how}: a traceback: {ended.said[-2500:]}"] if "Traceback" in ended.said else []


def named(known, how="kill"):
    """The first act of every kind in every place, and the second of every rename: the crash points of the state table."""
    places = sorted({act.place for act in known.acts if how != "enospc" or act.call in ROOM_TAKING})
    return [(n, how, place) for place in places for n in ((1, 2) if place.startswith("rename") and how == "kill" else (1,))]


ROOM_TAKING = {"open", "write", "pwrite64", "mkdir", "rename", "renameat2", "ftruncate64"}
INTERRUPTIBLE = {"open", "write", "pwrite64", "fsync", "fdatasync", "ftruncate64"}


def errors(known, how):
    """Every call that can meet this error. how: the error, "*" and how many calls in a row meet it, where that is more than one."""
    others = {"emfile": known.openings, "eread": known.readings}
    if how in others:
        return [(n, how, "") for n in range(1, others[how] + 1)]
    return [(n, how, "") for n, act in enumerate(known.acts, 1) if how != "eintr" or act.call in INTERRUPTIBLE]
