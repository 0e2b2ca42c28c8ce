"""
The life cycle as CDAR: CrossDomainAcknowledgementAndResponse D22B (domain 8.1). One message a status of a piece, to one who wants this form.

Condition codes are coarser than the statuses of a works piece: the exact one stands beside its code in Status, as its API code (local).
A message needs a number, a date and a type of invoice, a supplier's and a reader's identifier: a piece without them is not told in this form.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial

from flux.dossier import Ref
from flux.emitters import Emitter, Moved, Told
from flux.emitters._names import moved_stem, step_stem
from flux.emitters._steps import Step, of_deposit, of_moves
from flux.emitters._xml import box, laid, text, written
from flux.lifecycle import depositor_of, party_of
from flux.model import Answer
from flux.piece import Actor, Party, Piece
from flux.tables import Tables
from flux.tables.cdar import TREATMENT, Reason
from flux.when import in_paris

INTERFACE = "CDAR"  # local: what the names of these flows begin with
PLATFORM = "WK"
_STANDARD = "urn:un:unece:uncefact:data:standard:"
_SPACES = {
    "xmlns:rsm": f"{_STANDARD}CrossDomainAcknowledgementAndResponse:100",
    "xmlns:ram": f"{_STANDARD}ReusableAggregateBusinessInformationEntity:100",
    "xmlns:qdt": f"{_STANDARD}QualifiedDataType:100",
    "xmlns:udt": f"{_STANDARD}UnqualifiedDataType:100",
}
_SIRET = re.compile(r"[0-9]{14}")
_SIREN = 9  # the first digits of a SIRET


def render(letter: Told) -> Iterator[Answer]:
    """What the deposit did to each piece, to its depositor."""
    for step in of_deposit(letter):
        to, ordinal = depositor_of(step.piece, letter.tables), step.piece.ordinal
        if _holds(step, to, letter.tables):
            name = step_stem(letter.installation, Ref(letter.flow.id, ordinal), step.seq, INTERFACE)
            yield _answer(name, f"{ordinal:05d}.{step.seq:04d}", step, to, letter)


def moved(letter: Moved) -> tuple[Answer, ...]:
    """What each of these moves did."""
    return tuple(
        _answer(moved_stem(letter, step.seq, INTERFACE), f"{step.seq:04d}", step, letter.to, letter)
        for step in of_moves(letter) if _holds(step, letter.to, letter.tables)
    )  # fmt: skip


def _holds(step: Step, to: Actor, tables: Tables) -> bool:
    piece = step.piece
    return bool(piece.number and piece.issued and piece.type in tables.codes.document_types and piece.supplier.id and to.id)


def _answer(name: str, part: str, step: Step, to: Actor, letter: Told | Moved) -> Answer:
    return Answer("cdar", f"{name}.xml", partial(_blocks, name, step, to, letter), part)


def _blocks(name: str, step: Step, to: Actor, letter: Told | Moved) -> Iterator[bytes]:
    tables = letter.tables
    lines = laid(
        "rsm:CrossDomainAcknowledgementAndResponse",
        box(
            "rsm:ExchangedDocumentContext",
            box("ram:BusinessProcessSpecifiedDocumentContextParameter", text("ram:ID", tables.cdar.message.process)),
            box("ram:GuidelineSpecifiedDocumentContextParameter", text("ram:ID", tables.cdar.message.guideline)),
        ),
        _message(name, step, to, letter),
        _acknowledgement(step, tables),
        **_SPACES,
    )
    return written(lines)


def _message(name: str, step: Step, to: Actor, letter: Told | Moved) -> str:
    """Who says it to whom. What somebody did to a piece is said in his name; what the platform did, in its own."""
    tables, condition = letter.tables, letter.tables.cdar.condition[letter.tables.life.statuses[step.status].cdar]
    message = tables.cdar.message
    issuer = box("ram:IssuerTradeParty", text("ram:RoleCode", PLATFORM))
    if condition.type == TREATMENT:
        # A treatment is somebody's (BR-FR-CDV-07). Done by the clock it is told as of who let the time pass, else of the recipient (local).
        actor = step.by or step.turn or Actor("recipient", step.piece.recipient.id)
        issuer = box("ram:IssuerTradeParty", *_party(actor, step.piece, tables))
    sender = (text("ram:GlobalID", message.sender, schemeID=message.sender_scheme), text("ram:Name", letter.installation))
    return box(
        "rsm:ExchangedDocument",
        text("ram:ID", name),
        text("ram:Name", condition.label),
        _instant("ram:IssueDateTime", letter.at),
        box("ram:SenderTradeParty", *sender, text("ram:RoleCode", PLATFORM)),
        issuer,
        box("ram:RecipientTradeParty", *_party(to, step.piece, tables), _address(to, step.piece, tables)),
    )


def _acknowledgement(step: Step, tables: Tables) -> str:
    piece, code = step.piece, tables.life.statuses[step.status].cdar
    condition = tables.cdar.condition[code]
    day = piece.issued.isoformat().replace("-", "") if piece.issued else ""
    return box(
        "rsm:AcknowledgementDocument",
        box("ram:MultipleReferencesIndicator", text("udt:Indicator", "false")),
        text("ram:TypeCode", condition.type),
        _instant("ram:IssueDateTime", step.at),
        box(
            "ram:ReferenceReferencedDocument",
            text("ram:IssuerAssignedID", piece.number),
            text("ram:StatusCode", condition.document),
            text("ram:TypeCode", piece.type),
            _instant("ram:ReceiptDateTime", step.received),
            box("ram:FormattedIssueDateTime", text("qdt:DateTimeString", day, format="102")),
            text("ram:Status", step.status),
            text("ram:ProcessConditionCode", code),
            text("ram:ProcessCondition", condition.label),
            box("ram:IssuerTradeParty", _id(piece.supplier, tables)),
            _detail(step, tables),
        ),
    )


def _detail(step: Step, tables: Tables) -> str:
    """Why, and what was said of it: a status that must have a reason or a comment always has one."""
    condition = tables.cdar.condition[tables.life.statuses[step.status].cdar]
    motive = tables.life.motives.get(step.motive)
    reason = Reason(motive.cdar, motive.label.fr) if motive is not None else tables.cdar.reason.get(step.status)
    note = step.comment or (reason.label if reason is not None and condition.note else "")
    if not (reason or note):
        return ""
    return box(
        "ram:SpecifiedDocumentStatus",
        *((text("ram:ReasonCode", reason.code), text("ram:Reason", reason.label)) if reason is not None else ()),
        text("ram:SequenceNumeric", "1"),
        box("ram:IncludedNote", text("ram:Content", note)) if note else "",
    )


def _party(actor: Actor, piece: Piece, tables: Tables) -> tuple[str, ...]:
    """Who that is, by the identifier under which he acts; his type and name are those of the piece, where it still names him."""
    party = _named(actor, piece)
    return _id(party, tables), text("ram:Name", party.name), text("ram:RoleCode", tables.cdar.role[actor.role])


def _named(actor: Actor, piece: Piece) -> Party:
    party = party_of(piece, actor.role)
    return party if party is not None and party.id == actor.id else Party("1" if _SIRET.fullmatch(actor.id) else "", actor.id)


def _id(party: Party, tables: Tables) -> str:
    scheme = tables.cdar.scheme.get(party.type, "")
    return text("ram:GlobalID", party.id, **({"schemeID": scheme} if scheme else {}))


def _address(to: Actor, piece: Piece, tables: Tables) -> str:
    """The electronic address of who reads it (BR-FR-CDV-08): of a SIRET the one that the directory gives it, else the identifier itself."""
    party = _named(to, piece)
    if _SIRET.fullmatch(party.id):
        return box("ram:URIUniversalCommunication", text("ram:URIID", f"{party.id[:_SIREN]}_{party.id}", schemeID=tables.cdar.message.address))
    scheme = tables.cdar.scheme.get(party.type, "")
    return box("ram:URIUniversalCommunication", text("ram:URIID", party.id, **({"schemeID": scheme} if scheme else {})))


def _instant(tag: str, at: datetime) -> str:
    """Format 204: to the second, without a zone; as the rest of what flux writes, in the time of Paris (local)."""
    return box(tag, text("udt:DateTimeString", in_paris(at).isoformat(timespec="seconds")[:19].translate(_DIGITS), format="204"))


_DIGITS = str.maketrans("", "", "-T:")
EMITTER = Emitter("cdar", render, "cdar", "", "cdar", moved)
