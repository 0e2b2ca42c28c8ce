"""
The eight laws, held by a reader that shares no code with flux: it opens the ledger with sqlite3, lists folders, and knows what was dropped.

1 each input that left the inbox has exactly one receipt; 2 each receipt ends in exactly one verdict; 3 each piece has exactly one verdict;
4 each owed emission was delivered exactly once, bytes equal to the recorded hash; 5 nothing is delivered that no row owes; 6 scratch, claim
and staged are empty at rest; 7 the ledger is whole, and its journal is one chain; 8 nothing runs on (who started the processes says so).

It reports in the words of the queue testers: attempted, acknowledged, ok, lost, duplicated, recovered, unexpected.
"""

import hashlib
import shutil
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Report:
    """
    recovered: deposits that the fault found unanswered and that were answered after it. again: the residual, which is no broken law: what
    somebody took at the instant of a power cut, without making it durable, stands there once more under its name, with its bytes.
    """

    attempted: int = 0
    acknowledged: int = 0
    ok: int = 0
    recovered: int = 0
    again: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    @property
    def clean(self):
        return not (self.lost or self.duplicated or self.unexpected) and self.ok == self.attempted


def check(root, dropped, taken=(), answers=None, unsynced=(), left=(), rivals=()):
    """
    Hold the laws over an installation at rest.

    dropped: {(partner, file name): bytes} of all that was put into inboxes. taken: [(folder, name, bytes)] that a consumer already carried
    away. unsynced: the same, taken at the very instant of a power cut. answers: what undisturbed runs answered, as answers() gives it. left: processes that run on.
    rivals: files of one number, of which the first that comes goes in: which one that is, is not asked.
    """
    report = Report(attempted=len(dropped))
    with closing(sqlite3.connect(root / "spool" / "ledger.db")) as db:
        _receipts(report, db, root, dropped)
        _pieces(report, db)
        there = delivered(root)
        report.again = sum(one in there for one in unsynced)
        _deliveries(report, db, there, [*taken, *(one for one in unsynced if one not in there)])
        _rest(report, db, root)
        said = _answers(db, dropped)
        if answers is not None and _told(said, rivals) != _told(answers, rivals):
            report.unexpected.append(f"other answers than without a fault: {said}, not {answers}")
    report.unexpected += [f"process {pid} runs on" for pid in left]
    return report


def answers(root, dropped):
    """What was answered, by content: twins may change places, nobody may be answered otherwise because of a fault of ours."""
    with closing(sqlite3.connect(root / "spool" / "ledger.db")) as db:
        return _answers(db, dropped)


def _answers(db, dropped):
    """Of twins it depends on who was received when whether the second is refused as a flow, without a look at its piece, or as a piece."""
    twins = Counter(hashlib.sha256(content).hexdigest() for content in dropped.values())
    found = Counter()
    for partner, name, sha, verdict, pieces, accepted in db.execute("select partner, name, sha256, verdict, pieces, accepted from flow"):
        key = (f"{partner}/{name.decode()}", pieces) if twins[sha] == 1 else (sha, "twin")
        found[*key, verdict, accepted] += 1
    return found


def _told(answers, rivals):
    """The answers; those of rivals under one key."""
    found = Counter()
    for (whose, pieces, verdict, accepted), count in answers.items():
        found[("rivals", verdict, accepted) if whose in rivals else (whose, pieces, verdict, accepted)] += count
    return found


def _receipts(report, db, root, dropped):
    """Laws 1 and 2."""
    flows = db.execute("select partner, name, id, sha256, state, verdict from flow").fetchall()
    by_name = {}
    for partner, name, *row in flows:
        by_name.setdefault((partner, name.decode()), []).append(row)
    for key, content in dropped.items():
        rows, name = by_name.pop(key, []), "/".join(key)
        waiting = (root / "inbox" / key[0] / key[1]).exists()
        if waiting + len(rows) == 0:
            report.lost.append(f"{name}: no receipt")
        elif waiting + len(rows) > 1:
            report.duplicated.append(f"{name}: {len(rows)} receipts, {waiting} in the inbox")
        elif waiting:
            report.lost.append(f"{name}: still in the inbox")
        else:
            report.acknowledged += 1
            _verdict(report, db, rows[0], name, content)
    report.unexpected += [f"a receipt of {'/'.join(key)}, which nobody dropped" for key in by_name]


def _verdict(report, db, row, name, content):
    id_, sha, state, verdict = row
    decided = db.execute("select count(*) from event where flow = ? and what = 'decided'", (id_,)).fetchone()[0]
    if sha != hashlib.sha256(content).hexdigest():
        report.unexpected.append(f"{name}: other bytes were received")
    elif state != "CLOSED" or not verdict or not decided:
        report.lost.append(f"{name}: {state}, {verdict or 'no verdict'}")
    elif decided != 1:
        report.duplicated.append(f"{name}: decided {decided} times")
    else:
        report.ok += 1


def _pieces(report, db):
    """Law 3: as many pieces as the flow says, numbered without a gap, each with its verdict; what is accepted holds its identity once."""
    many = "select id, pieces, accepted, (select count(*) from piece where flow = id), (select max(ordinal) from piece where flow = id) from flow"
    for id_, pieces, accepted, rows, last in db.execute(many).fetchall():
        good = db.execute("select count(*) from piece where flow = ? and verdict = 'accepted'", (id_,)).fetchone()[0]
        held = db.execute("select count(*) from identity where flow = ?", (id_,)).fetchone()[0]
        owed = db.execute("select count(*) from emission where flow = ? and target like 'pieces/%'", (id_,)).fetchone()[0]
        if pieces != rows or (last or 0) != rows:
            report.lost.append(f"{id_}: {rows} pieces up to {last}, not {pieces}")
        if not accepted == good == held == owed:
            report.unexpected.append(f"{id_}: {accepted} accepted, {good} pieces say so, {held} identities, {owed} to deliver")
    silent = db.execute("select count(*) from piece where verdict not in ('accepted', 'rejected', 'refused')").fetchone()[0]
    if silent:
        report.lost.append(f"{silent} pieces without a verdict")


def _deliveries(report, db, there, taken):
    """Laws 4 and 5."""
    owed = {f"{target}/{name}": sha for target, name, sha in db.execute("select target, name, sha256 from emission")}
    found = Counter(f"{folder}/{name}" for folder, name, _ in taken)
    contents = {f"{folder}/{name}": content for folder, name, content in taken}
    for folder, name, content in there:
        found[f"{folder}/{name}"] += 1
        contents[f"{folder}/{name}"] = content
    for key, sha in owed.items():
        if found[key] == 0:
            report.lost.append(f"{key}: owed and not delivered")
        elif found[key] > 1:
            report.duplicated.append(f"{key}: delivered {found[key]} times")
        elif hashlib.sha256(contents[key]).hexdigest() != sha:
            report.unexpected.append(f"{key}: other bytes than recorded")
    report.unexpected += [f"{key}: delivered and not owed" for key in found if key not in owed]


def delivered(root):
    """What stands at the partners' and actors': [(folder, name, bytes)]."""
    box = root / "outbox"
    return [(p.parent.relative_to(box).as_posix(), p.name, p.read_bytes()) for p in sorted(box.rglob("*")) if p.is_file()]


def consume(root):
    """A consumer that takes all there is, and whose removals are durable when it says so."""
    got = delivered(root)
    for folder, name, _ in got:
        (root / "outbox" / folder / name).unlink()
    return got


def _rest(report, db, root):
    """Laws 6 and 7."""
    for folder in ("tmp", "staged"):
        report.unexpected += [f"left in {folder}: {path.name}" for path in (root / "spool" / folder).iterdir()]
    report.unexpected += [f"left claimed: {path}" for path in (root / "spool" / "claim").glob("*/*")]
    if (said := db.execute("pragma integrity_check").fetchone()[0]) != "ok":
        report.unexpected.append(f"integrity: {said}")
    before = ""
    for seq, said, *words, hash_ in db.execute("select seq, before, flow, piece, what, at, who, detail, rows, hash from event order by seq"):
        if said != before or _hash(before, _hash(*words)) != hash_:
            report.unexpected.append(f"the journal breaks at {seq}")
            break
        before = hash_
    for (sha,) in db.execute("select distinct sha256 from flow"):
        path = root / "spool" / "store" / sha[:2] / sha
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != sha:
            report.lost.append(f"content {sha[:12]}: not in the store")


def _hash(*words):
    return hashlib.sha256("\x1f".join(map(str, words)).encode("utf-8", "surrogatepass")).hexdigest()


def states(root):
    """The lines of the state table (docs/INTERNALS.md) on which an installation stands, read from a copy: looking changes nothing."""
    found = {"dropped"} if any((root / "inbox").glob("*/*")) else set()
    claimed = {path.name for path in (root / "spool" / "claim").glob("*/*/*")}
    flows, emissions = _rows(root)
    found |= {"claimed"} if claimed - {name.decode() for name, _ in flows} else set()
    found |= {f"{state}, claimed" if state == "RECEIVED" and name.decode() in claimed else state for name, state in flows}
    for key, state in emissions:
        there = (root / "spool" / "staged" / key).exists()
        found.add("EMITTED" if state == "EMITTED" else f"{state}, staged file {'there' if there else 'absent'}")
    return found


def states_of_flows(root):
    """The state of each flow, read from a copy."""
    return [state for _, state in _rows(root)[0]]


def _rows(root):
    with tempfile.TemporaryDirectory() as folder:
        for path in (root / "spool").glob("ledger.db*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, folder)
        with closing(sqlite3.connect(Path(folder) / "ledger.db")) as db:
            if not db.execute("select 1 from sqlite_master where name = 'emission'").fetchone():
                return [], []
            return db.execute("select name, state from flow").fetchall(), db.execute("select key, state from emission").fetchall()
