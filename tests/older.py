"""Ledgers as earlier versions left them: what later versions added is taken out of a ledger of today."""

import hashlib
import sqlite3
from contextlib import closing

TABLES_OF_2 = {"meta", "flow", "piece", "standing", "identity", "emission", "event"}
INDEXES_OF_2 = {
    "flow_by_bytes", "flow_by_state", "piece_by_number", "standing_by_number", "standing_by_dossier", "standing_by_actor", "standing_by_market",
    "emission_by_state", "emission_by_flow", "event_by_flow",
}  # fmt: skip
COLUMNS_SINCE_2 = (("flow", "again"), ("emission", "via"), ("event", "rows"))
COLUMNS_SINCE_1 = (("flow", "mode"), ("flow", "depositor"))


def as_version(path, version):
    """Make the ledger at *path* one of version 1 or 2."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT type, name FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'").fetchall()
        for name in (name for kind, name in rows if kind == "index" and name not in INDEXES_OF_2):
            db.execute(f"DROP INDEX {name}")
        for name in (name for kind, name in rows if kind == "table" and name not in TABLES_OF_2):
            db.execute(f"DROP TABLE {name}")
        for table, column in COLUMNS_SINCE_2 + (COLUMNS_SINCE_1 if version == 1 else ()):
            db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        if version == 1:
            db.execute("DROP TABLE standing")
        _chained_anew(db)
        db.execute("DELETE FROM meta WHERE key <> 'version'")
        db.execute("UPDATE meta SET value = ?", (str(version),))
        db.commit()


def _chained_anew(db):
    """The journal without the seals of version 3, which are part of what its lines' hashes are of."""
    guards = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'event'").fetchall()
    for name, _ in guards:
        db.execute(f"DROP TRIGGER {name}")
    before = ""
    for seq, *words in db.execute("SELECT seq, flow, piece, what, at, who, detail FROM event ORDER BY seq").fetchall():
        hash_ = hashlib.sha256("\x1f".join(map(str, (before, *words))).encode("utf-8", "surrogatepass")).hexdigest()
        db.execute("UPDATE event SET before = ?, hash = ? WHERE seq = ?", (before, hash_, seq))
        before = hash_
    for _, sql in guards:
        db.execute(sql)
