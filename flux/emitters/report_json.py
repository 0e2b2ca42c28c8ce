"""The report for programs: the flow object of docs/formats.md. Owed for every flow."""

import orjson

from flux import told
from flux.emitters import Emitter, Told
from flux.emitters._names import report_stem
from flux.model import Answer
from flux.when import in_paris


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
        "pieces": [orjson.Fragment(line) for line in letter.lines],
    }
    return (Answer("report-json", f"{report_stem(letter)}.json", orjson.dumps(report, option=orjson.OPT_INDENT_2)),)


EMITTER = Emitter("report-json", render)
