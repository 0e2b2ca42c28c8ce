"""
The laws, held by a reader that shares no code with flux: it opens the ledger with sqlite3, lists folders, and knows what was dropped.

It reports in the words of the queue testers: attempted, acknowledged, ok, lost, duplicated, unexpected.
"""

import hashlib
import sqlite3
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Report:
    attempted: int = 0
    acknowledged: int = 0
    ok: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    @property
    def clean(self):
        return not (self.lost or self.duplicated or self.unexpected) and self.ok == self.attempted


def check(root, dropped, taken=()):
    """
    Hold the laws over an installation at rest.

    dropped: {file name: bytes} of all that was put into inboxes. taken: [(folder, name, bytes)] that a consumer already carried away.
    """
    report = Report(attempted=len(dropped))
    db = sqlite3.connect(root / "spool" / "ledger.db")
    flows = db.execute("select id, name, sha256, state, verdict from flow").fetchall()
    names = Counter(name for _, name, *_ in flows)
    for name, content in dropped.items():
        rows = [f for f in flows if f[1] == name.encode()]
        waiting = (root / "inbox" / "batipro" / name).exists()
        if waiting + len(rows) == 0:
            report.lost.append(f"{name}: no receipt")
        elif len(rows) > 1 or waiting + len(rows) > 1:
            report.duplicated.append(f"{name}: {len(rows)} receipts, {waiting} in the inbox")
        else:
            report.acknowledged += len(rows)
            _one(report, db, rows[0] if rows else None, name, content)
    report.unexpected += [f"a receipt of {name!r}, which nobody dropped" for name in names if name.decode() not in dropped]
    _deliveries(report, db, root, taken)
    _rest(report, db, root)
    db.close()
    return report


def _one(report, db, row, name, content):
    if row is None:
        report.lost.append(f"{name}: still in the inbox")
        return
    id_, _, sha, state, verdict = row
    if sha != hashlib.sha256(content).hexdigest():
        report.unexpected.append(f"{name}: other bytes were received")
    elif state != "CLOSED" or not verdict:
        report.lost.append(f"{name}: {state}, {verdict or 'no verdict'}")
    elif db.execute("select count(*) from event where flow = ? and what = 'decided'", (id_,)).fetchone()[0] != 1:
        report.duplicated.append(f"{name}: decided more than once")
    else:
        report.ok += 1


def _deliveries(report, db, root, taken):
    """Each owed emission was delivered exactly once, bytes equal to the recorded hash; nothing was delivered that is not owed."""
    owed = {f"{target}/{name}": sha for target, name, sha in db.execute("select target, name, sha256 from emission")}
    found = Counter(f"{folder}/{name}" for folder, name, _ in taken)
    contents = {f"{folder}/{name}": content for folder, name, content in taken}
    for path in (root / "outbox").rglob("*"):
        if path.is_file():
            key = path.relative_to(root / "outbox").as_posix()
            found[key] += 1
            contents[key] = path.read_bytes()
    for key, sha in owed.items():
        if found[key] == 0:
            report.lost.append(f"{key}: owed and not delivered")
        elif found[key] > 1:
            report.duplicated.append(f"{key}: delivered {found[key]} times")
        elif hashlib.sha256(contents[key]).hexdigest() != sha:
            report.unexpected.append(f"{key}: other bytes than recorded")
    report.unexpected += [f"{key}: delivered and not owed" for key in found if key not in owed]


def _rest(report, db, root):
    for folder in ("tmp", "staged"):
        report.unexpected += [f"left in {folder}: {path.name}" for path in (root / "spool" / folder).iterdir()]
    report.unexpected += [f"left claimed: {path}" for path in (root / "spool" / "claim").glob("*/*")]
    if (said := db.execute("pragma integrity_check").fetchone()[0]) != "ok":
        report.unexpected.append(f"integrity: {said}")
