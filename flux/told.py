"""
The JSON of the contract (docs/formats.md): findings, pieces and flows as programs read them. Pure; rendered once, stored, told for ever.

What a document does not say is null, never an empty text. Money is a decimal string; a day is ISO 8601; an instant is told in Paris time.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from msgspec.structs import asdict, replace

from flux.dossier import Move, Standing, StatusLine
from flux.faults import Fault
from flux.lifecycle import allowed, current, standable
from flux.model import Decided, Decision, Emission, Event, Finding, Flow, FlowVerdict, Severity
from flux.piece import Actor, Attachment, Party, Piece
from flux.rows import FlowRow, PieceRow, Purge
from flux.tables import Tables
from flux.when import in_paris
from flux.words import Words

Weigh = Callable[[Finding], Severity]
Wording = Callable[[Finding], dict[str, Any]]
MOST_ALIKE = 1_000  # findings of a flow that are put into words once


def wording(tables: Tables, weigh: Weigh) -> Wording:
    """finding() for the pieces of one flow: what a sender's software does in each of them, at the same place, is put into words once."""

    @lru_cache(MOST_ALIKE)
    def worded(one: Finding) -> dict[str, Any]:
        return finding(one, tables, weigh)

    return lambda one: worded(replace(one, ordinal=0))


def finding(one: Finding, tables: Tables, weigh: Weigh) -> dict[str, Any]:
    """A finding with its severity, its place and its words."""
    entry, field = tables.catalogue[one.code], tables.field(one.field)
    facts, facts_fr = entry.facts(one.facts, "en"), entry.facts(one.facts, "fr")
    excused = _excused(facts)
    named = field.term or next(iter(entry.terms), "")
    field_fr, field_en = (f"{name} ({named})" if name and named else name or named for name in (field.fr, field.en))
    return {
        "code": one.code,
        "severity": weigh(one).value,
        "stage": entry.stage.value,
        "field": one.field or None,
        "term": named or None,
        "line": one.line or None,
        "xpath": one.xpath or None,
        "found": facts.get("found"),
        "expected": facts.get("expected"),
        "text": {
            "fr": " ".join((_text(one, facts_fr, entry.fr, entry.fix_fr, line="ligne", field=field_fr), *_excuse(excused, "fr"))),
            "en": " ".join((_text(one, facts, entry.en, entry.fix_en, line="line", field=field_en), *_excuse(excused, "en"))),
        },
        **({"quarantine": excused} if excused else {}),
    }


def _excused(facts: dict[str, str]) -> dict[str, str]:
    """The quarantine that lowers a finding, {} when there is none: its line in the book, the severity without it, the last day, why, by whom."""
    return {name: facts[f"quarantine_{name}"] for name in ("was", "until", "reason", "who")} if "quarantine" in facts else {}


def _excuse(excused: dict[str, str], language: str) -> tuple[str, ...]:
    return (Words(language)("rule.excuse", until=excused["until"], reason=excused["reason"].rstrip(". ")),) if excused else ()


def piece(one: Decided, worded: Wording) -> dict[str, Any]:
    """A piece with its verdict. A file that could not be read as a piece has its ordinal, its document and its findings."""
    p, verdict = one.piece, one.verdict
    return {
        "ordinal": p.ordinal,
        "document": one.document,
        "sha256": one.sha256,
        **_content(p),
        "verdict": verdict.kind.value,
        "next_actor": verdict.next_actor.role if verdict.next_actor else None,
        "next_id": verdict.next_actor.id if verdict.next_actor else None,
        "carried": list(one.carried),
        **({"status_line": _status_line(one, one.line)} if one.line else {}),
        "findings": [worded(f) for f in verdict.findings],
    }


def _status_line(one: Decided, line: StatusLine) -> dict[str, Any]:
    """What a line of a status flow says, and what it did: act, piece and reached are null when it was refused."""
    done = one.acted
    return {
        "status": line.status or None,
        "complement": line.complement or None,
        "at": instant(line.at) if line.at else None,
        "producer": line.producer or None,
        "flow": line.flow or None,
        "act": done.moves[-one.steps].act if done else None,
        "piece": str(done.ref) if done else None,
        "reached": done.status if done else None,
    }


def flow(received: Flow, decision: Decision, tables: Tables, weigh: Weigh, trouble: Fault | None = None) -> dict[str, Any]:
    """A flow that was judged: the object of ``flux check``. *trouble*: why not all of it could be."""
    worded = wording(tables, weigh)
    return {
        "file": received.display_name,
        "interface": decision.interface or None,
        "syntax": decision.syntax or None,
        "state": decision.verdict.value,
        "findings": [worded(f) for f in decision.findings],
        "pieces": [piece(d, worded) for d in decision.pieces],
        **({"reason": asdict(trouble.reason())} if trouble else {}),
    }


def not_evaluated(received: Flow, interface: str, trouble: Fault) -> dict[str, Any]:
    """A flow that could not be judged, for a reason of ours: nobody is blamed. reason: for the operator."""
    state = FlowVerdict.NOT_EVALUATED.value
    told: dict[str, Any] = {"file": received.display_name, "interface": interface or None, "syntax": None, "state": state, "findings": [], "pieces": []}
    return {**told, "reason": asdict(trouble.reason())}


def recorded(
    row: FlowRow, pieces: Sequence[PieceRow], events: Sequence[Event], emissions: Sequence[Emission], purged: Sequence[Purge] = (),
    acknowledged: tuple[datetime, str, str] | None = None,
) -> dict[str, Any]:
    """A flow of the ledger, whole: the object of ``flux flows`` and ``flux show``."""
    f = row.flow
    return {
        "id": f.id,
        "partner": f.partner,
        "mode": f.mode,
        "depositor": {"role": f.depositor.role, "id": f.depositor.id} if f.depositor else None,
        "received_at": instant(f.received_at),
        "decided_at": instant(row.decided_at) if row.decided_at else None,
        "plumbing": row.state.value,
        "reason": asdict(row.reason) if row.reason else None,
        "file": f.display_name,
        "bytes": f.size,
        "sha256": f.sha256,
        "duplicate_of": f.duplicate_of or None,
        "sequence": f.again.sequence if f.again else 1,
        "replaces": replaces(f),
        "interface": row.interface or None,
        "syntax": row.syntax or None,
        "state": row.verdict or FlowVerdict.NOT_EVALUATED.value,
        "rules": row.pack or None,
        "findings": list(row.findings),
        "pieces": [orjson.loads(p.told) for p in pieces],
        "events": [_event(e) for e in events],
        "emissions": [_emission(e) for e in emissions],
        "purged": [_purge(one) for one in purged],
        "acknowledged": {"at": instant(acknowledged[0]), "who": acknowledged[1], "reason": acknowledged[2]} if acknowledged else None,
    }


def replaces(received: Flow) -> dict[str, Any] | None:
    """What a re-injected flow takes up, and which answer its own replaces: null for a flow that was received."""
    again = received.again
    if again is None:
        return None
    return {
        "flow": again.parent, "root": again.root, "reinjection": again.reinjection, "answer": again.replaces or None,
        "pieces": list(again.pieces) or None, "corrected": again.corrected,
    }  # fmt: skip


def _purge(one: Purge) -> dict[str, str]:
    return {"what": one.what, "at": instant(one.at), "who": one.who}


def met(row: PieceRow, purged: Sequence[Purge] = ()) -> dict[str, Any]:
    """A piece as ``flux piece`` tells it: with the flow that brought it, and what was purged of that."""
    return {"flow": row.flow, "received_at": instant(row.received_at), "flow_purged": [_purge(one) for one in purged], **orjson.loads(row.told)}


def standing(one: Standing, tables: Tables) -> dict[str, Any]:
    """An accepted piece as it stands: who must act, what may be done now and by whom, what may be deposited on it, its life step by step."""
    link = {"first": str(one.first), "previous": str(one.previous) if one.previous else None}
    return {
        "piece": str(one.ref),
        "flow": one.ref.flow,
        "ordinal": one.ref.ordinal,
        "partner": one.partner,
        "dossier": one.dossier,
        **link,
        **{name: value for name, value in _content(current(one)).items() if name != "attachments"},
        "depositor": _actor(one.depositor),
        "status": one.status,
        "label": asdict(tables.life.statuses[one.status].label),
        "since": instant(one.last.at),
        "waits": _actor(one.waits),
        "may": [{"act": act, "role": role} for act, role in allowed(one, tables)],
        "next": [{"cadre": row.cadre, "role": row.by, "setting": row.setting or None} for row in tables.life.follows(one.piece.cadre) if standable(one, row.act, tables)],
        "moves": [_move(move, tables) for move in one.moves],
    }


def _move(move: Move, tables: Tables) -> dict[str, Any]:
    return {
        "seq": move.seq, "at": instant(move.at), "act": move.act, "status": move.status, "label": asdict(tables.life.statuses[move.status].label),
        "role": move.role, "who": move.who, "waits": _actor(move.waits), "motive": move.motive or None, "comment": move.comment or None,
    }  # fmt: skip


def _actor(actor: Actor | None) -> dict[str, str] | None:
    return {"role": actor.role, "id": actor.id} if actor else None


def _event(e: Event) -> dict[str, Any]:
    return {"seq": e.seq, "at": instant(e.at), "what": e.what, "who": e.who, "piece": e.piece or None, "detail": e.detail, "hash": e.hash}


def _emission(e: Emission) -> dict[str, Any]:
    return {
        "kind": e.kind, "piece": e.ordinal or None, "target": e.target, "name": e.name, "sha256": e.sha256, "state": e.state.value,
        "problem": e.problem or None,
    }  # fmt: skip


def _content(p: Piece) -> dict[str, Any]:
    a = p.amounts
    return {
        "number": p.number or None,
        "cadre": p.cadre or None,
        "mode": p.mode,
        "deposit": p.deposit,
        "type": p.type or None,
        "issued": p.issued.isoformat() if p.issued else None,
        "currency": p.currency or None,
        "supplier": _party(p.supplier),
        "recipient": _party(p.recipient),
        "valideur": _party(p.valideur) if p.valideur else None,
        "moe": _party(p.moe) if p.moe else None,
        "moa": _party(p.moa) if p.moa else None,
        "service": p.recipient.service or None,
        "engagement": p.engagement or None,
        "market": p.market or None,
        "previous": p.previous or None,
        "vat_type": p.vat_regime or None,
        "amounts": {"ht": _money(a.ht), "tva": _money(a.tva), "ttc": _money(a.ttc), "net": _money(a.net)},
        "attachments": [_attachment(one) for one in p.attachments],
        "profile": p.profile or None,
        "syntax": p.syntax or None,
    }


def _attachment(one: Attachment) -> dict[str, str | int | None]:
    known = bool(one.sha256)
    return {"name": one.name, "bytes": one.bytes if known else None, "sha256": one.sha256 if known else None}


def _party(party: Party) -> dict[str, str | None]:
    return {"type": party.type or None, "id": party.id or None, "name": party.name or None}


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")


def instant(moment: datetime) -> str:
    """An instant as the contract tells it: Paris time with its offset, milliseconds."""
    return in_paris(moment).isoformat(timespec="milliseconds")


def _text(one: Finding, facts: dict[str, str], said: str, fix: str, *, line: str, field: str) -> str:
    """What was found and what was expected; where; how to mend it: three sentences."""
    where = ", ".join(part for part in (f"{line} {one.line}" if one.line else "", field, one.xpath) if part)
    return " ".join(part for part in (said.format_map(facts), f"{where[:1].upper()}{where[1:]}." if where else "", fix) if part)
