"""The ledger's tables, as SQLAlchemy describes them: the same on SQLite and PostgreSQL."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

VERSION = "3"

# What brings a ledger of an earlier version to the next one; new tables are made by themselves. A piece that was accepted before version 2
# has no standing: its life was not kept.
UPGRADES = {
    "1": (
        "ALTER TABLE flow ADD COLUMN mode VARCHAR NOT NULL DEFAULT 'edi'",
        "ALTER TABLE flow ADD COLUMN depositor VARCHAR NOT NULL DEFAULT ''",
        "DROP INDEX flow_by_bytes",
        "CREATE INDEX flow_by_bytes ON flow (sha256, partner)",
    ),
    "2": (
        "CREATE INDEX flow_by_partner ON flow (partner, received_at)",
    ),
}

metadata = MetaData()
_serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts rows by itself only under the name INTEGER

meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", String, nullable=False))

# Times are UTC in ISO 8601 with microseconds: they sort as text, and a person with a database shell can read them.
flow = Table(
    "flow",
    metadata,
    Column("seq", _serial, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("partner", String, nullable=False),
    Column("name", LargeBinary, nullable=False),
    Column("sha256", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("received_at", String, nullable=False),
    Column("duplicate_of", String, nullable=False, server_default=""),
    Column("mode", String, nullable=False, server_default="edi"),
    Column("depositor", String, nullable=False, server_default=""),  # role:identifier; "" where the deposit does not say
    Column("state", String, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("owner", String, nullable=False, server_default=""),
    Column("due_at", String, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("verdict", String, nullable=False, server_default=""),
    Column("interface", String, nullable=False, server_default=""),
    Column("syntax", String, nullable=False, server_default=""),
    Column("pack", String, nullable=False, server_default=""),
    Column("decided_at", String),
    Column("pieces", Integer, nullable=False, server_default="0"),
    Column("accepted", Integer, nullable=False, server_default="0"),
    Column("told", LargeBinary, nullable=False, server_default="[]"),
    Index("flow_by_bytes", "sha256", "partner"),
    Index("flow_by_state", "state", "due_at"),
    Index("flow_by_partner", "partner", "received_at"),
)

piece = Table(
    "piece",
    metadata,
    Column("flow", String, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("number", String, nullable=False),
    Column("cadre", String, nullable=False),
    Column("supplier", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("told", LargeBinary, nullable=False),
    Index("piece_by_number", "number"),
)

# Where each accepted piece stands. moves: its life so far, in order; the columns beside it are what is looked for, and seq what an act changes
# a standing under: whoever comes second finds another seq and thinks again. Every change has its line in the journal.
standing = Table(
    "standing",
    metadata,
    Column("flow", String, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("number", String, nullable=False),
    Column("cadre", String, nullable=False),
    Column("market", String, nullable=False),
    Column("dossier", String, nullable=False),
    Column("first", String, nullable=False),      # of its dossier: flow/ordinal
    Column("previous", String, nullable=False),   # flow/ordinal, "" for a first piece
    Column("supplier", String, nullable=False),
    Column("recipient", String, nullable=False),
    Column("service", String, nullable=False),
    Column("moe", String, nullable=False),
    Column("moa", String, nullable=False),
    Column("valideur", String, nullable=False),
    Column("status", String, nullable=False),
    Column("since", String, nullable=False),
    Column("waits_role", String, nullable=False),
    Column("waits_id", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("received_at", String, nullable=False),
    Column("kept", LargeBinary, nullable=False),  # the standing whole, as msgpack
    Index("standing_by_number", "number"),
    Index("standing_by_dossier", "first"),
    Index("standing_by_actor", "waits_id", "waits_role"),
    Index("standing_by_market", "market"),
)

# Who holds a business identity: an accepted piece, for ever. The primary key is the rule against a second one.
identity = Table(
    "identity",
    metadata,
    Column("key", String, primary_key=True),
    Column("flow", String, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("sha256", String, nullable=False),
    Column("at", String, nullable=False),
)

emission = Table(
    "emission",
    metadata,
    Column("seq", _serial, primary_key=True, autoincrement=True),
    Column("key", String, nullable=False, unique=True),
    Column("flow", String, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("target", String, nullable=False),
    Column("name", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("blob", String, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("problem", Text, nullable=False, server_default=""),
    Index("emission_by_state", "state", "problem", "seq"),
    Index("emission_by_flow", "flow", "state"),
)

event = Table(
    "event",
    metadata,
    Column("seq", _serial, primary_key=True, autoincrement=True),
    Column("flow", String, nullable=False),
    Column("piece", Integer, nullable=False),
    Column("what", String, nullable=False),
    Column("at", String, nullable=False),
    Column("who", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("before", String, nullable=False),
    Column("hash", String, nullable=False),
    Index("event_by_flow", "flow"),
)

# A run of a schedule, or why there is none. The unique index is what makes a planned instant fire once, whatever restarts and clocks do.
run = Table(
    "run",
    metadata,
    Column("seq", _serial, primary_key=True, autoincrement=True),
    Column("schedule", String, nullable=False),
    Column("planned", String, nullable=False),
    Column("how", String, nullable=False),
    Column("who", String, nullable=False),
    Column("state", String, nullable=False),
    Column("why", String, nullable=False, server_default=""),
    Column("recorded_at", String, nullable=False),
    Column("started_at", String),
    Column("taken_at", String),
    Column("ended_at", String),
    Column("deadline", String),
    Column("partners", Text, nullable=False, server_default="[]"),
    Column("first", BigInteger, nullable=False, server_default="0"),
    Column("last", BigInteger, nullable=False, server_default="0"),
    Column("since", String),
    Column("told", LargeBinary),     # its account, as JSON
    Column("summary", LargeBinary),  # what lists show of it
    Column("mail", String, nullable=False, server_default=""),
    Column("mail_attempts", Integer, nullable=False, server_default="0"),
    Column("mail_due_at", String),
    Column("mail_problem", Text, nullable=False, server_default=""),
    Index("run_once", "schedule", "planned", unique=True),
    Index("run_by_end", "schedule", "last"),
    Index("run_by_state", "state"),
    Index("run_by_mail", "mail", "mail_due_at"),
)

# How far each schedule was planned, under which expression, and where its first run begins.
schedule = Table(
    "schedule",
    metadata,
    Column("name", String, primary_key=True),
    Column("cron", String, nullable=False),
    Column("until", String, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("since", String, nullable=False),
)

# When a flux was running here: one row a process, so that what nobody saw is not taken for what nobody sent.
watch = Table(
    "watch",
    metadata,
    Column("seq", _serial, primary_key=True, autoincrement=True),
    Column("began", String, nullable=False),
    Column("seen", String, nullable=False),
)

# The journal is append-only, whoever holds the pen.
APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
        "CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    ),
}
