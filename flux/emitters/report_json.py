"""The report for programs: the flow object of docs/formats.md. Owed for every flow."""

from collections.abc import Iterator, Sequence
from functools import partial

import orjson

from flux import told
from flux.chunks import in_chunks
from flux.emitters import Emitter, Told
from flux.emitters._names import report_stem
from flux.model import Answer
from flux.when import in_paris

TOGETHER = 100  # pieces of a block

def render(letter: Told) -> tuple[Answer, ...]:
    """The flow with its pieces and findings, and the identity of what was received."""
    flow, decision = letter.flow, letter.decision
    report = {
        "id": flow.id,
        "partner": flow.partner,
        "received_at": in_paris(flow.received_at).isoformat(timespec="milliseconds"),
        "decided_at": in_paris(letter.at).isoformat(timespec="milliseconds"),
        "file": flow.display_name,
        "bytes": flow.size,
        "sha256": flow.sha256,
        "duplicate_of": flow.duplicate_of or None,
        "sequence": flow.again.sequence if flow.again else 1,
        "replaces": told.replaces(flow),
        "interface": decision.interface or None,
        "syntax": decision.syntax or None,
        "state": decision.verdict.value,
        "rules": decision.pack,
        "findings": letter.told_flow,
        "pieces": [],
    }
    return (Answer("report-json", f"{report_stem(letter)}.json", partial(_blocks, orjson.dumps(report, option=orjson.OPT_INDENT_2), letter.lines)),)


def _blocks(flow: bytes, lines: Sequence[bytes]) -> Iterator[bytes]:
    """The pieces, one a line, put where the flow has none yet: in its last list."""
    if not lines:
        yield flow
        return
    before, empty, end = flow.rpartition(b"[]")
    yield before + empty[:1]
    sign = b""
    for some in in_chunks(lines, TOGETHER):
        yield sign + b",".join(b"\n    " + line for line in some)
        sign = b","
    yield b"\n  " + empty[1:] + end


EMITTER = Emitter("report-json", render)
