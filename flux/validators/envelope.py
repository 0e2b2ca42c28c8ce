"""
The flow's name: ``<interface>_<application code>_<flow number>`` (domain, section 2), and what it says of the flow.

CHECKS is empty: a name is judged before there is a Piece, so the worker asks read_name() first.
"""

import re

from flux.facts import pair
from flux.model import Envelope, Finding
from flux.policy import Policy
from flux.tables import Tables
from flux.validators import Check

EXTENSION = re.compile(r"\.(?:tar\.gz|tgz|tar|zip|xml|pdf)$", re.IGNORECASE)
_APPLICATION = re.compile(r"[A-Z]{3}[0-9]{3}")
_NUMBER = re.compile(r"([A-Z]{3}[0-9]{3})([0-9]{4})[0-9]{15}")
_EXAMPLE = "FSO4100A_ABC001_ABC0014100000000000000601.tar.gz"
_SHAPE = pair(
    "expected",
    f"<interface>_<application code>_<flow number> and .xml, .pdf, .tar.gz or .zip, for example {_EXAMPLE}",
    f"<interface>_<code application>_<numéro de flux> et .xml, .pdf, .tar.gz ou .zip, par exemple {_EXAMPLE}",
)

CHECKS: tuple[Check, ...] = ()


def read_name(name: str, policy: Policy, tables: Tables) -> tuple[Envelope, tuple[Finding, ...]]:
    """
    What a flow's name says, and what is wrong with it.

    naming "chorus": the name must be of the shape (FLX-T10 to T14). naming "free": nothing is wrong with any name; what it says is used.
    """
    stem = EXTENSION.sub("", name)
    parts = stem.split("_")
    if policy.naming == "free":
        return _free(parts, tables), ()
    if len(parts) != 3 or stem == name:  # noqa: PLR2004 - interface, application, number
        return Envelope(), (Finding("FLX-T10", facts=(("found", name), *_SHAPE)),)
    envelope = Envelope(*parts)
    return envelope, tuple(_wrong(envelope, tables))


def _free(parts: list[str], tables: Tables) -> Envelope:
    """What can be recognised: a known interface at the beginning, and the rest when it is of the shape."""
    if parts[0] not in tables.interfaces:
        return Envelope()
    envelope = Envelope(*parts) if len(parts) == 3 else Envelope(parts[0])  # noqa: PLR2004 - as above
    return Envelope(parts[0]) if list(_wrong(envelope, tables)) else envelope


def _wrong(envelope: Envelope, tables: Tables) -> list[Finding]:
    findings = []
    if envelope.interface not in tables.interfaces:
        findings.append(_finding("FLX-T11", envelope.interface, ", ".join(tables.interfaces)))
    if not _APPLICATION.fullmatch(envelope.application):
        findings.append(_finding("FLX-T12", envelope.application, "ABC001"))
    number = _NUMBER.fullmatch(envelope.number)
    if not number:
        findings.append(_finding("FLX-T13", envelope.number, "ABC0014100000000000000601"))
    elif not findings and number.groups() != (envelope.application, envelope.interface[3:7]):
        findings.append(_finding("FLX-T14", envelope.number, f"{envelope.application}{envelope.interface[3:7]}…"))
    return findings


def _finding(code: str, found: str, expected: str) -> Finding:
    return Finding(code, facts=(("found", found), ("expected", expected)))
