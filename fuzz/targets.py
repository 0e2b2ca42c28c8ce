"""
What is fuzzed: the four doors through which a stranger's bytes come in or go out. Each target takes bytes; what it raises is a defect.

A Finding is an answer and a Fault of the configuration loader is one too: elsewhere a Fault would hold the flow, unanswered. A promise that is broken is raised as an AssertionError.
"""

import atexit
import hashlib
import shutil
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from string import Formatter

import orjson
from draws import Draws
from lxml import etree, html

from flux import config as settings
from flux import kit, told
from flux.containers import prove
from flux.decision import effective_severity, statuses_of
from flux.faults import Fault
from flux.model import Decided, Decision, Envelope, Finding, Flow, FlowVerdict, Known, Severity, Verdict, VerdictKind
from flux.owing import tell
from flux.piece import Actor, Amounts, Attachment, Party, Piece
from flux.policy import Brief, Limits, Policy
from flux.process import conclude, judge
from flux.validators import Context, schema

LIMITS = Limits(members=50, expanded_mb=4, xml_nodes=5_000, attachment_mb=1)  # low, so that they are met
POLICY = Policy(naming="free", limits=LIMITS)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KIT = kit.build()
EXPLAINED_BYTES = schema.EXPLAINED_BYTES
SITE = Path(tempfile.mkdtemp(prefix="flux-fuzz-"))
atexit.register(shutil.rmtree, SITE, ignore_errors=True)
MARKETS_BELOW = b"\n#markets\n"  # what stands behind it in a configuration's input is markets.toml


def containers(data):
    """The container reader: a refusal that has its words, or every member; never fewer than the standard library reads in the same bytes."""
    sink = BytesIO()
    answer = prove(BytesIO(data), len(data), sink, LIMITS)
    if isinstance(answer, Finding):
        told.finding(answer, KIT.tables, _severity)
        return
    whole = sink.getvalue()
    assert (answer.size, answer.sha256) == (len(whole), _sha(whole)), "the proof is of other bytes"
    files = [whole[m.offset : m.offset + m.size] for m in answer.members]
    assert [m.sha256 for m in answer.members] == [_sha(file) for file in files], "a member is of other bytes"
    missing = [name for name, content in _standard(data) if content not in files]
    assert len(missing) <= len(answer.left_out), f"a member is missing: {missing}"


def xml(data):
    """From a document to its return flows: gate, parsers, rules, decision, words, emitters. Schema errors are explained for a few: it takes long."""
    schema.EXPLAINED_BYTES = EXPLAINED_BYTES if _sha(data)[:2] == "00" else 0
    judged = judge(1, "a.xml", data, Brief("", POLICY, NOON.date()), KIT)
    flow = Flow("20261123T120000000Z-7k3q9x2m4b", "batipro", b"a.xml", _sha(data), len(data), NOON)
    decision = conclude(flow, Envelope(), (), judged, Known(), Context(KIT.tables, POLICY, "", NOON.date()), KIT)
    assert decision.verdict is not FlowVerdict.NOT_EVALUATED, "neither accepted nor refused"
    answers = tuple(tell(flow, decision, POLICY, "FLUX01", NOON, KIT, {}).answers())
    if _sha(data)[0] == "0":
        _sound(answers)
    else:
        assert all(answer.content for answer in answers)  # to read it holds what is XML to its schema


def returns(data):
    """The writers of return flows: of whatever a decision is made, every answer is valid, and none is missing."""
    draws = Draws(data)
    pieces = tuple(_decided(draws, n) for n in range(1, draws.below(3) + 1))
    envelope = Envelope(draws.among(("", *KIT.tables.interfaces)), draws.text(), draws.text())
    found = tuple(_finding(draws, 0) for _ in range(draws.below(3)))
    verdict = draws.among((FlowVerdict.INTEGRATED, FlowVerdict.PARTIAL, FlowVerdict.REJECTED))
    flow = Flow("20261123T120000000Z-7k3q9x2m4b", "batipro", draws.bytes(), _sha(data), len(data), NOON)
    decision = Decision(verdict, envelope, pieces, found, envelope.interface, "UBL", "pack", sum(d.verdict.kind is VerdictKind.ACCEPTED for d in pieces))
    _sound(tell(flow, decision, POLICY, "FLUX01", NOON, KIT, {}).answers())


def config(data):
    """The configuration loader: a Config that can be used, or a Fault that has its words in both languages."""
    ours, _, markets = data.partition(MARKETS_BELOW)
    path = SITE / settings.FILE
    path.write_bytes(ours)
    (SITE / settings.MARKETS).write_bytes(markets)
    try:
        known = settings.load(path)
        settings.markets(known)
    except Fault as fault:
        fault.reason()  # in both languages
        return
    for partner in known.partners:
        settings.policy(known, partner.name)
        for folder in (known.inbox_of(partner), known.returns_of(partner)):
            folder.exists()


TARGETS = {"containers": containers, "xml": xml, "returns": returns, "config": config}


def _sound(answers):
    """Each answer is what it says that it is."""
    xsd = KIT.schemas.get("cpp-statut", "full").xsd
    for answer in answers:
        if answer.name.endswith(".xml"):
            xsd.assertValid(etree.fromstring(answer.content))
        elif answer.name.endswith(".json"):
            orjson.loads(answer.content)
        else:
            assert html.fromstring(answer.content.decode()).xpath("//script") == []


def _severity(finding):
    return effective_severity(finding, POLICY, KIT.tables)


def _sha(content):
    return hashlib.sha256(content).hexdigest()


def _standard(data):
    """Name and content of every file that the standard library reads, until it stumbles."""
    if data[:2] == b"PK":
        with suppress(Exception), zipfile.ZipFile(BytesIO(data)) as archive:
            yield from ((info.filename, archive.read(info)) for info in archive.infolist() if not info.is_dir())
        return
    with suppress(Exception), tarfile.open(fileobj=BytesIO(data)) as archive:
        yield from ((info.name, archive.extractfile(info).read()) for info in archive if info.isfile())


def _decided(draws, ordinal):
    party = lambda: Party(draws.among(("", *"1234567")), draws.among((draws.text(), "22990008900017")), draws.text(), draws.text(), country=draws.text())  # noqa: E731
    amount = lambda: draws.among((None, Decimal(draws.below(1 << 16)), Decimal(-1) / 8))  # noqa: E731
    piece = Piece(
        ordinal=ordinal, number=draws.text(), type=draws.text(), cadre=draws.among(("", "A6", draws.text())), profile=draws.text(),
        issued=draws.among((None, date.min, date(2026, 3, 1), date.max)), currency=draws.text(), supplier=party(), recipient=party(),
        valideur=draws.among((None, party())), moe=draws.among((None, party())), engagement=draws.text(), market=draws.text(),
        amounts=Amounts(amount(), amount(), amount(), amount()), attachments=(Attachment(draws.text()),) * draws.below(2), syntax="UBL",
    )  # fmt: skip
    kind = draws.among((VerdictKind.ACCEPTED, VerdictKind.REJECTED))
    actor = Actor(draws.among(("moe", "moa", "valideur", "service_financier", "recipient")), draws.text()) if kind is VerdictKind.ACCEPTED else None
    found = tuple(_finding(draws, ordinal) for _ in range(draws.below(4)))
    verdict = Verdict(kind, statuses_of(kind, actor, KIT.tables), actor, found)
    return Decided(piece, verdict, draws.text(), ordinal, "b" * 64)


TOLD = tuple(code for code in KIT.tables.catalogue if _severity(Finding(code)) is not Severity.OFF)  # what is off is never told


def _finding(draws, ordinal):
    """A finding of some code, its facts in any words; a reason of the catalogue where it has some."""
    code = draws.among(TOLD)
    entry = KIT.tables.catalogue[code]
    quoted = {name for row in entry.why.values() for name in _placeholders(row)} | entry.placeholders() | {"found"}
    facts = [(name, draws.text()) for name in sorted(quoted)]
    if entry.why:
        facts.append(("why", draws.among(tuple(entry.why))))
    return Finding(code, draws.among(("", *KIT.tables.fields, draws.text())), ordinal, tuple(facts), draws.below(1 << 16), draws.text())


def _placeholders(row):
    return {name for text in (row.fr, row.en) for _, name, _, _ in Formatter().parse(text) if name}
