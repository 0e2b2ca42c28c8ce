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
        "ALTER TABLE flow ADD COLUMN again TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE emission ADD COLUMN via VARCHAR NOT NULL DEFAULT ''",
        "ALTER TABLE event ADD COLUMN rows VARCHAR NOT NULL DEFAULT ''",
        "CREATE INDEX IF NOT EXISTS emission_by_blob ON emission (blob)",
        # Causes are counted as they are met; those of before are counted behind, along the journal up to here (stores._causes).
        "INSERT INTO meta (key, value) SELECT 'causes_until', CAST(COALESCE(MAX(seq), 0) AS VARCHAR) FROM event",
        "INSERT INTO meta (key, value) VALUES ('causes_done', '0')",
        "CREATE INDEX flow_by_partner_day ON flow (partner, received_at)",
        "CREATE INDEX IF NOT EXISTS flow_by_partner ON flow (partner, seq)",
        "CREATE INDEX IF NOT EXISTS flow_by_reception ON flow (received_at)",
        "CREATE INDEX IF NOT EXISTS flow_by_verdict ON flow (verdict, seq)",
        "CREATE INDEX IF NOT EXISTS flow_by_step ON flow (state, seq)",
        "DROP INDEX IF EXISTS standing_by_actor",
        "CREATE INDEX IF NOT EXISTS standing_by_actor ON standing (waits_id, waits_role, received_at)",
        "CREATE INDEX IF NOT EXISTS standing_by_reception ON standing (received_at)",
        "CREATE INDEX IF NOT EXISTS standing_by_its_dossier ON standing (dossier)",
        *(
            f"CREATE INDEX IF NOT EXISTS standing_by_{name} ON standing ({name}, received_at)"
            for name in ("supplier", "recipient", "moe", "moa", "valideur", "status")
        ),
    ),
}

metadata = MetaData()
_serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts rows by itself only under the name INTEGER

meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", String, nullable=False))

# Times are UTC in ISO 8601 with microseconds: they sort as text, and a person with a database shell can read them.
# What lists of a million pieces are looked up by (benchmarks/ledger.py); since version 3.
_LISTED = {
    "flow": (Index("flow_by_partner", "partner", "seq"), Index("flow_by_reception", "received_at"), Index("flow_by_verdict", "verdict", "seq"), Index("flow_by_step", "state", "seq")),
    "standing": (
        Index("standing_by_reception", "received_at"),
        Index("standing_by_its_dossier", "dossier"),
        *(Index(f"standing_by_{name}", name, "received_at") for name in ("supplier", "recipient", "moe", "moa", "valideur", "status")),
    ),
}

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
    Column("again", Text, nullable=False, server_default=""),  # of a re-injection: model.Again as JSON
    Index("flow_by_bytes", "sha256", "partner"),
    Index("flow_by_state", "state", "due_at"),
    Index("flow_by_partner_day", "partner", "received_at"),
    *_LISTED["flow"],
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
    Index("standing_by_actor", "waits_id", "waits_role", "received_at"),
    Index("standing_by_market", "market"),
    *_LISTED["standing"],
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
    Column("via", String, nullable=False, server_default=""),  # STAGED: at which endpoint's it stands uploaded; "" in spool/staged
    Index("emission_by_state", "state", "problem", "seq"),
    Index("emission_by_flow", "flow", "state"),
    Index("emission_by_blob", "blob"),  # who still needs these bytes: asked by a purge, of each blob
)

# A re-injection: who asked what and why, and the units that it takes up, one a flow.
reinjection = Table(
    "reinjection",
    metadata,
    Column("seq", _serial, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("by", String, nullable=False),
    Column("second", String, nullable=False, server_default=""),
    Column("reason", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("rate", Integer, nullable=False, server_default="0"),
    Column("state", String, nullable=False),
    Column("at", String, nullable=False),
)

reinjection_unit = Table(
    "reinjection_unit",
    metadata,
    Column("reinjection", String, primary_key=True),
    Column("parent", String, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("stage", String, nullable=False),
    Column("child", String, nullable=False, server_default=""),
    Column("kept", Text, nullable=False),  # again.Unit as JSON
    Index("reinjection_unit_by_stage", "reinjection", "stage", "n"),
)

# What was taken up, once for ever: ordinal 0 is a flow without pieces. The primary key is the rule against a second child of one parent.
reinjected = Table(
    "reinjected",
    metadata,
    Column("parent", String, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("child", String, nullable=False),
    Index("reinjected_by_child", "child"),
)

# What refuses pieces, or holds flows: counted in the transaction that decides. ours: 1 for what is no sender's. pack: the rules that met it first.
cause = Table(
    "cause",
    metadata,
    Column("id", _serial, primary_key=True, autoincrement=True),
    Column("partner", String, nullable=False),
    Column("code", String, nullable=False),
    Column("place", String, nullable=False),
    Column("ours", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("first", String, nullable=False),
    Column("last", String, nullable=False),
    Column("pack", String, nullable=False),
    Index("cause_of_partner", "partner", "code", "place", "ours", unique=True),
    Index("cause_by_code", "code"),
)

cause_day = Table(
    "cause_day",
    metadata,
    Column("day", String, primary_key=True),  # in Paris
    Column("cause", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    Index("cause_day_by_cause", "cause", "day"),
)

# Which pieces a cause refused; ordinal 0: the flow itself. alone: 1 where no other code did.
refusal = Table(
    "refusal",
    metadata,
    Column("seq", _serial, primary_key=True, autoincrement=True),
    Column("cause", Integer, nullable=False),
    Column("flow", String, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("alone", Integer, nullable=False),
    Column("at", String, nullable=False),
    Index("refusal_by_cause", "cause", "at"),
)

# The book of quarantines: a line is added for each, and for each release (severity ""), and none is ever changed. partner: "" for all.
quarantine = Table(
    "quarantine",
    metadata,
    Column("seq", _serial, primary_key=True, autoincrement=True),
    Column("code", String, nullable=False),
    Column("partner", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("until", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("who", String, nullable=False),
    Column("at", String, nullable=False),
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
    Column("rows", String, nullable=False, server_default=""),  # what was written with this line: see _seal
    Column("before", String, nullable=False),
    Column("hash", String, nullable=False),
    Index("event_by_flow", "flow"),
)

# What was purged of a flow: what is content, returns or told; sha256: of the findings about the flow that were told, where these went.
purge = Table(
    "purge",
    metadata,
    Column("flow", String, primary_key=True),
    Column("what", String, primary_key=True),
    Column("at", String, nullable=False),
    Column("who", String, nullable=False),
    Column("sha256", String, nullable=False, server_default=""),
)

# A flow of which something was refused, and which somebody has looked at: until then it is kept, whatever its age.
acknowledged = Table(
    "acknowledged",
    metadata,
    Column("flow", String, primary_key=True),
    Column("at", String, nullable=False),
    Column("who", String, nullable=False),
    Column("reason", Text, nullable=False),
)

# In a restored ledger: what the original may have done since, item by item, until a person says so. kind: flow, held, emission, run, mail.
doubt = Table(
    "doubt",
    metadata,
    Column("item", String, primary_key=True),
    Column("kind", String, nullable=False),
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

# The journal and the book of quarantines are append-only, whoever holds the pen.
APPEND_ONLY = {
    "sqlite": tuple(
        f"CREATE TRIGGER IF NOT EXISTS {table}_is_never_{done} BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
        for table, name in (("event", "the journal"), ("quarantine", "the book of quarantines"))
        for act, done in (("UPDATE", "changed"), ("DELETE", "deleted"))
    ),
}
