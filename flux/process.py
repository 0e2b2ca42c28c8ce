"""
The middle of flux, pure: parse, check, decide, render, in that order, on one screen.

judge() needs only the document and runs in a child; conclude() needs what is known and runs beside the ledger. Values in, values out.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

from lxml import etree
from msgspec import Struct
from msgspec.structs import replace

from flux import pivot
from flux.decision import decide, effective_severity, next_actor, verdict_of
from flux.dossier import Standing, StatusLine
from flux.emitters import Emitter, Told, wants
from flux.facts import sized
from flux.faults import Fault
from flux.gate import admit_xml
from flux.kit import Kit
from flux.market import Market
from flux.model import (
    JUDGE_STAGES,
    Answer,
    Decided,
    Decision,
    Deposited,
    Envelope,
    Excerpt,
    Finding,
    Flow,
    Judged,
    Known,
    Parsed,
    Severity,
    Stage,
    Verdict,
    VerdictKind,
)
from flux.parsers import Parser, Source, Unwrapped
from flux.piece import Actor, Piece, identity
from flux.policy import Brief, Policy
from flux.shelf import HELD, beside
from flux.structures import Lookup, Wanted
from flux.tables import Tables, rulesets
from flux.validators import Context, en16931
from flux.validators.dossier import association, carry, depositor, previous
from flux.validators.duplicate import duplicate, duplicate_flow
from flux.validators.envelope import read_name
from flux.validators.market import complete
from flux.validators.schema import unit_of, validate
from flux.validators.status import Heard, Hearing
from flux.weighing import MOST_TOLD, add, excused, fewer, packed, unpacked

Keep: TypeAlias = Callable[[Iterable[bytes]], tuple[int, int]]  # writes at the end of a file, gives offset and size

FLOW_TOLD = 5_000  # and of a whole flow: many pieces share them,
LEAST_TOLD = 10    # but each has these
CARRIED = "FACTURX"  # the syntax of what a PDF carries


class _Opened(Struct, frozen=True):
    """A document that is open: who reads it, its schema family, the syntax it is told as, the source."""

    parser: Parser
    family: str
    syntax: str
    source: Source


def judge(index: int, name: str, content: bytes, brief: Brief, kit: Kit, keep: Keep | None = None) -> tuple[Judged, ...]:
    """
    Parse one file and ask every stage that needs only the document. One Judged a piece; one without a piece when nothing can be read.

    *keep* writes down what only the document holds of a piece that nothing refuses, where its pivot may be wanted.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    opened = _open(content, brief, kit)
    if isinstance(opened, Finding):
        return (Judged(index, 1, name, sha256, findings=(opened,), closed=kit.tables.catalogue[opened.code].stage),)
    assert opened.parser.read is not None, "a parser that claims a root reads it"  # noqa: S101 - checked at start-up by Kit
    pieces = opened.parser.read(opened.source)
    interface = brief.interface or _interface_of(opened.syntax, pieces, kit)
    refusals = _format(opened, brief, interface, kit)
    several = len(pieces) > 1
    judged = (
        _ask_document(
            Judged(index, n, name, _sha_of(parsed, sha256), syntax=opened.syntax, extracted=parsed.extracted, interface=interface),
            replace(parsed, piece=replace(parsed.piece, syntax=opened.syntax, mode=brief.mode, depositor=brief.depositor)),
            [f for f in refusals if not several or unit_of(f.xpath) in (0, n)],  # a piece is judged whatever its neighbours
            Context(kit.tables, brief.policy, interface, brief.today),
            kit,
            opened.source.root,
        )
        for n, parsed in enumerate(pieces, 1)
    )
    if keep is None:
        return tuple(judged)
    return tuple(_excerpted(one, parsed, content, keep) for one, parsed in zip(judged, pieces, strict=True))


def _excerpted(one: Judged, parsed: Parsed, content: bytes, keep: Keep) -> Judged:
    """With what its pivot needs written down, unless the document alone refuses it."""
    if one.closed or one.line:
        return one
    readable = pivot.main_document(one.name, content if parsed.extracted is None else parsed.extracted, parsed.piece.attachments, parsed.files)
    offset, vat = keep(pivot.vat_rows(parsed.piece.vat))
    _, files = keep(pivot.files(readable, parsed.piece.attachments, parsed.files))
    return replace(one, excerpt=Excerpt(offset, vat, files))


def conclude(
    flow: Flow, envelope: Envelope, found: Sequence[Finding], judged: Sequence[Judged], known: Known, context: Context, kit: Kit
) -> Decision:
    """Number the pieces, ask the stages that need what is known, and decide. *found*: what is wrong with the flow itself."""
    taken, hearing = dict(known.deposited), Hearing(flow, dict(known.standing))
    decided, interfaces = beside(judged, Decided), set[str]()
    if len(judged) > (most := context.policy.limits.pieces_per_flow):  # a file of several pieces can hide more than its container tells
        found, judged = [*found, Finding("FLX-L03", facts=(("found", str(len(judged))), ("expected", str(most))))], []
    places = chosen(flow, judged)
    room = min(MOST_TOLD, max(LEAST_TOLD, FLOW_TOLD // max(1, len(places))))
    for ordinal, place in places:
        one = judged[place]
        interfaces.add(one.interface)
        if one.line is not None:
            decided.append(_conclude_line(ordinal, one, one.line, hearing, room, context))
            continue
        done = _conclude_piece(ordinal, one, replace(known, deposited=taken), room, context, kit)
        if done.verdict.kind == "accepted":
            taken[identity(done.piece)] = Deposited(flow.id, ordinal, done.sha256, flow.received_at)
        decided.append(done)
    findings = tuple(excused(f, context.policy) for f in found if effective_severity(f, context.policy, kit.tables) is not Severity.OFF)
    decision = decide(envelope, findings, decided, context.policy, kit.tables)
    pack = rulesets.named(kit.pack, rulesets.on(context.tables.sets, context.today))
    return replace(decision, pack=context.policy.pack(pack), interface=context.interface or _only(interfaces))


def chosen(flow: Flow, judged: Iterable[Judged]) -> list[tuple[int, int]]:
    """Ordinal and place of each piece; of a re-injected flow those that it takes up, under the ordinals that its sender knows. Raises Fault."""
    places = sorted((one.document, one.index, place) for place, one in enumerate(judged))
    numbered = [(ordinal, place) for ordinal, (_, _, place) in enumerate(places, 1)]
    wanted = flow.again.ordinals if flow.again else ()
    if wanted and numbered and (gone := set(wanted) - {ordinal for ordinal, _ in numbered}):
        raise Fault("FLX-I200", flow=flow.id, ordinal=str(min(gone)), parent=flow.again.parent if flow.again else "")
    return [(ordinal, place) for ordinal, place in numbered if not wanted or ordinal in wanted]


def _only(names: Iterable[str]) -> str:
    """The one name that is told, "" when several are, or none."""
    told = set(names) - {""}
    return told.pop() if len(told) == 1 else ""


def wanted(judged: Iterable[Judged], tables: Tables) -> set[Wanted]:
    """What the structure directory is asked of these pieces."""
    return {one for j in judged if j.piece and not j.closed and not j.line for one in _wanted(_named(j.piece, tables))}


def _wanted(piece: Piece) -> Iterator[Wanted]:
    """The SIRETs that a piece names, the recipient's with its service code."""
    if piece.recipient.id:
        yield piece.recipient.id, piece.recipient.service
    yield from ((party.id, "") for party in (piece.moe, piece.moa) if party is not None and party.type == "1" and party.id)


def misrouted(piece: Piece, before: Piece, markets: dict[str, Market], directory: Lookup, context: Context, kit: Kit) -> Finding | None:
    """What directory or market file holds against a piece whose routing data were corrected, None when nothing. What they held before is no matter."""

    def refusing(one: Piece) -> Iterator[Finding]:
        named = _named(one, kit.tables)
        known = Known(markets=markets, directory=directory(set(_wanted(named)), context.today))
        asked = (*_ask(Stage.DIRECTORY, named, known, context, kit), *_ask(Stage.MARKET, complete(one, known, kit.tables), known, context, kit))
        return (finding for finding in asked if effective_severity(finding, context.policy, kit.tables) is Severity.ERROR)

    old = {(finding.code, finding.field) for finding in refusing(before)}
    return next((finding for finding in refusing(piece) if (finding.code, finding.field) not in old), None)


def _named(piece: Piece, tables: Tables) -> Piece:
    """The piece with the works actors that it names itself: no sender is blamed for what the market file adds."""
    return complete(piece, Known(), tables)


def flow_findings(flow: Flow, policy: Policy, kit: Kit) -> tuple[Envelope, tuple[Finding, ...]]:
    """What the flow's own name, size and past say, before any of its bytes is read. A deposit in another mode has a PDF's name, which says nothing."""
    envelope, findings = read_name(flow.display_name, policy, kit.tables) if flow.mode == "edi" else (Envelope(), ())
    most = policy.limits.flow_mb << 20
    if flow.duplicate_of:
        findings += (duplicate_flow(flow.duplicate_of),)
    elif flow.size == 0:
        findings += (Finding("FLX-T01", facts=(("found", "0"), ("expected", "> 0"))),)
    elif flow.size > most:
        findings += (Finding("FLX-T05", facts=(*sized("found", f"{flow.size / (1 << 20):.1f}"), *sized("expected", str(policy.limits.flow_mb)))),)
    return envelope, findings


def render(letter: Told, kit: Kit) -> Iterator[Answer]:
    """Every return flow that is owed for this decision. What is stored of it is what is sent, for ever."""
    many = len(letter.decision.pieces) > HELD
    for emitter in kit.emitters:
        if wants(letter.lifecycle, emitter):
            yield from held(emitter, emitter.render(letter), kit, many=many)


def held(emitter: Emitter, answers: Iterable[Answer], kit: Kit, *, many: bool = False) -> Iterator[Answer]:
    """
    What we send is held to its schema as what we receive is, while it is written: to read one that breaks it to the end raises Fault.

    *many*: they tell of more pieces than their tree should hold.
    """
    if not emitter.schema:
        yield from answers
        return
    xsd = kit.schemas.get(emitter.schema, "full").xsd
    for answer in answers:
        yield replace(answer, blocks=partial(_proven, answer, xsd, emitter.unit if many else ""))


def _proven(answer: Answer, xsd: etree.XMLSchema, unit: str) -> Iterator[bytes]:
    """
    The same bytes. Where a unit is named, no more is held of the tree than some: of 10,000 pieces it would be a hundred megabytes.

    Its tag is looked at here: a parser that is told which tag to give holds its document, and that the parser, until a collector of cycles comes.
    """
    parser: Any = etree.XMLPullParser(("end",), schema=xsd) if unit else etree.XMLParser(schema=xsd)
    try:
        for block in answer.blocks():
            parser.feed(block)
            for _, element in parser.read_events() if unit else ():
                if element.tag == unit and (before := element.getprevious()) is not None:
                    element.getparent().remove(before)
            yield block
        parser.close()
    except etree.XMLSyntaxError as error:
        raise Fault("FLX-I61", name=answer.name, detail=str(error)) from error


def _open(content: bytes, brief: Brief, kit: Kit) -> _Opened | Finding:
    """From bytes to a root that a parser claims: out of its carrier, through the XML gate."""
    limits = brief.policy.limits
    carrier = kit.carrier_of(content)
    inside = carrier.unwrap(content, limits, brief.pivot) if carrier and carrier.unwrap else Unwrapped(content)
    if isinstance(inside, Finding):
        return inside
    content = inside.content
    gated = admit_xml(content, limits)
    if isinstance(gated, Finding):
        return gated
    root = str(gated.root.tag)
    if (claimed := kit.parser_of(root)) is None:
        return Finding("FLX-X07", facts=(("found", root), ("expected", _roots(kit))), line=1, xpath="/*")
    parser, family = claimed
    syntax = carrier.syntax if carrier else parser.syntax
    source = Source(gated.root, content, limits, gated.stylesheet, brief.policy.default_cadre, inside.files, inside.findings, brief.pivot, inside.contents)
    return _Opened(parser, family, syntax, source)


def _format(opened: _Opened, brief: Brief, interface: str, kit: Kit) -> tuple[Finding, ...]:
    """What its form is refused for: another syntax than its flow's, else what its schema says."""
    row = kit.tables.interfaces[interface]
    if opened.parser.edi != (brief.mode == "edi"):
        return (_of_another_mode(opened.syntax, brief.mode, kit),)
    if brief.interface and row.syntax != opened.syntax:
        return (Finding("FLX-T15", facts=(("found", opened.syntax), ("expected", f"{row.syntax} ({interface})")), line=1, xpath="/*"),)
    return validate(opened.source.root, len(opened.source.content), kit.schemas.get(opened.family, row.form))


def _of_another_mode(syntax: str, mode: str, kit: Kit) -> Finding:
    """FLX-T20: a deposit of a PDF that came by EDI. FLX-T21: in the mode service or portail, something else than that."""
    expected = ", ".join(sorted(parser.syntax for parser in kit.parsers.values() if parser.edi == (mode == "edi")))
    facts = (("found", syntax), ("expected", expected), ("mode", mode))
    return Finding("FLX-T20" if mode == "edi" else "FLX-T21", facts=facts, line=1, xpath="/*")


def _interface_of(syntax: str, pieces: Sequence[Parsed], kit: Kit) -> str:
    """The interface to which a document belongs when nothing else tells: by its syntax, and whether it declares a profile (BT-24)."""
    wanted = ("any", "profile" if any(parsed.piece.profile for parsed in pieces) else "no_profile")
    return next(code for code, row in kit.tables.interfaces.items() if row.syntax == syntax and row.default_for in wanted)


def _sha_of(parsed: Parsed, sha256: str) -> str:
    return sha256 if parsed.extracted is None else hashlib.sha256(parsed.extracted).hexdigest()


def _ask_document(blank: Judged, parsed: Parsed, refusals: Iterable[Finding], context: Context, kit: Kit, root: etree._Element) -> Judged:
    """Ask the stages of the sandbox, in order; the first that refuses closes the later ones, for this piece alone."""
    given = [*refusals, *parsed.findings]
    findings: list[Finding] = []
    closed = ""
    for stage in JUDGE_STAGES:
        asked = [f for f in given if kit.tables.catalogue[f.code].stage is stage]
        if parsed.line is None:  # what a status line names is no document: it was judged when it came
            asked += _ask(stage, parsed.piece, Known(), context, kit)
            asked += _ask_norm(root, parsed.piece, findings, context) if stage is Stage.NORM else ()
        if closed := add(findings, asked, stage, lambda: parsed.where, context):
            break
    where = b"" if closed else packed(parsed.where)  # for the stages beside the ledger
    return replace(blank, piece=replace(parsed.piece, nets=(), vat=()), findings=tuple(findings), closed=closed, where=where, line=parsed.line)


def _ask(stage: Stage, piece: Piece, known: Known, context: Context, kit: Kit) -> list[Finding]:
    return [finding for check in kit.asked[stage] for finding in check.run(piece, known, context)]


def _ask_norm(root: etree._Element, piece: Piece, found: Iterable[Finding], context: Context) -> list[Finding]:
    """The rules of the sets in force on the day of reception. *found*: before, about this piece."""
    sets = rulesets.on(context.tables.sets, context.today)
    told = {one for finding in found for one in (finding.code, f"{finding.code} {finding.field}")}
    return en16931.findings(root, piece.profile, context.policy.norm_of(context.interface), sets, told, carried=piece.syntax == CARRIED)


def _conclude_piece(ordinal: int, one: Judged, known: Known, room: int, context: Context, kit: Kit) -> Decided:
    """Ask the stages beside the ledger, unless the sandbox closed them, and give the verdict. *room*: for how many findings."""
    findings, closed, where = list(one.findings), one.closed, partial(unpacked, one.where)
    piece = replace(one.piece, ordinal=ordinal) if one.piece else Piece(ordinal=ordinal, syntax=one.syntax)
    actor: Actor | Finding | None = None
    meant: tuple[Standing, ...] = ()
    carried: tuple[str, ...] = ()
    if not closed:
        # Asked of what the piece itself says: what is carried over was asked of the piece before.
        closed = add(findings, _ask(Stage.DIRECTORY, _named(piece, kit.tables), known, context, kit), Stage.DIRECTORY, where, context)
        meant = previous(piece, known, kit.tables)
        piece, carried = carry(piece, meant, kit.tables)
    if not closed:
        piece = complete(piece, known, kit.tables)
        closed = add(findings, _ask(Stage.MARKET, piece, known, context, kit), Stage.MARKET, where, context)
    if not closed:
        asked = [*_ask(Stage.DUPLICATE, piece, known, context, kit), *duplicate(piece, one.sha256, known)]
        closed = add(findings, asked, Stage.DUPLICATE, where, context)
    if not closed:
        asked = [*_ask(Stage.DOSSIER, piece, known, context, kit), *depositor(piece, kit.tables), *association(piece, meant, known, context)]
        closed = add(findings, asked, Stage.DOSSIER, where, context)
    if not closed:
        actor = next_actor(piece, kit.tables)
        asked = [*_ask(Stage.ROUTING, piece, known, context, kit), *([actor] if isinstance(actor, Finding) else [])]
        closed = add(findings, asked, Stage.ROUTING, where, context)
    goes_to = actor if isinstance(actor, Actor) else None
    told = tuple(replace(f, ordinal=ordinal) for f in fewer(findings, room, context))
    verdict = verdict_of(told, closed, goes_to, context.policy, kit.tables)
    part = 0 if one.extracted is None else one.index
    return Decided(piece, verdict, one.name, one.document, one.sha256, one.piece is not None, part, meant[0] if len(meant) == 1 else None, carried)


def _conclude_line(ordinal: int, one: Judged, line: StatusLine, hearing: Hearing, room: int, context: Context) -> Decided:
    """A line of a status flow: it moves the piece that it names, or is refused. No status of a piece is told in the flow's own life cycle."""
    findings, closed = list(one.findings), one.closed
    piece = replace(one.piece or Piece(syntax=one.syntax), ordinal=ordinal)
    heard = Heard()
    if not closed:
        heard = hearing.hear(line, piece, context)
        closed = add(findings, heard.findings, Stage.DOSSIER, partial(unpacked, one.where), context)
    told = tuple(replace(f, ordinal=ordinal) for f in fewer(findings, room, context))
    verdict = Verdict(VerdictKind.REJECTED if closed else VerdictKind.ACCEPTED, findings=told)
    acted, steps = (None, 0) if closed else (heard.standing, heard.steps)
    return Decided(piece, verdict, one.name, one.document, one.sha256, line=line, acted=acted, steps=steps)


def _roots(kit: Kit) -> str:
    return ", ".join(sorted(etree.QName(root).localname for parser in kit.parsers.values() if parser.edi for root in parser.roots))
