"""
Deposits in the modes service and portail: a PDF with its data into custody, then to its decision; and what comes back, the receipt.

The command line, the console and the HTTP API sit on this one call. Its mode, and as whom, are said by the call and kept in the ledger with
the flow: nothing inside a document can say them.
"""

import time
import tomllib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct, ValidationError, convert
from msgspec.structs import asdict, fields, replace

from flux import folders
from flux.certificate import number_of
from flux.config import Config
from flux.depot import Data, File, Who, completed, document
from flux.faults import Fault
from flux.lifecycle import SUPPLIERS
from flux.model import STUCK, WENT_IN, Event, Flow, FlowVerdict, Plumbing
from flux.piece import Actor
from flux.ports import ContentStore, Ledger
from flux.rows import FlowRow
from flux.words import Words

MODES = ("service", "portail")
ROLES = ("moe", "moa", *SUPPLIERS)
PATIENCE_S = 60.0  # for another flux, which has the installation, to decide
LOOK_S = 0.1       # between two looks
TRIES = 5          # of storing: a daemon that starts throws away what is half written
_DECIDED = (Plumbing.DECIDED, Plumbing.CLOSED)


class Asked(Struct, frozen=True):
    """
    A deposit, as it is asked for. mode: service, portail. depositor: as whom, one of ROLES with an identifier.

    partner: to whom the answers go; "" when the configuration has one only. wait_s: for another flux that has the installation.
    """

    mode: str
    depositor: Actor
    data: Data
    main: File
    attached: tuple[File, ...] = ()
    partner: str = ""
    wait_s: float = PATIENCE_S


class Receipt(Struct, frozen=True):
    """
    What became of a deposit. certificate: its number, "" when nothing went in. state: a flow verdict; NOT_EVALUATED while undecided.

    findings, pieces: the objects of the contract (docs/formats.md). carried: fields taken over from the previous piece.
    reason: why it is held or tried again, where it is.
    """

    flow: str
    certificate: str
    state: str
    plumbing: str
    findings: tuple[dict[str, Any], ...] = ()
    carried: tuple[str, ...] = ()
    pieces: tuple[dict[str, Any], ...] = ()
    reason: dict[str, Any] | None = None

    @property
    def accepted(self) -> bool:
        """Whether the piece went in."""
        return self.state == FlowVerdict.INTEGRATED


class Hands(Struct, frozen=True):
    """What the wiring hands in: custody(config), handle(config) (False: another flux has the installation), clock, ids."""

    custody: Callable[[Config], AbstractContextManager[tuple[Ledger, ContentStore]]]
    handle: Callable[[Config], bool]
    now: Callable[[], datetime]
    new_id: Callable[[], str]


def deposit(config: Config, asked: Asked, hands: Hands) -> Receipt:
    """
    Take the deposit into custody and bring it to its decision. Raises Fault when it cannot be taken; then nothing was.

    From custody on nothing is lost: a receipt that says NOT_EVALUATED names the flow, which will be decided, and answered.
    """
    partner = _partner(config, asked.partner)
    if asked.mode not in MODES:
        raise Fault("FLX-I143", found=asked.mode, known=", ".join(MODES))
    if asked.depositor.role not in ROLES or not asked.depositor.id:
        raise Fault("FLX-I142", found=f"{asked.depositor.role}:{asked.depositor.id}", known=", ".join(ROLES))
    if lack := folders.room(config.spool).lacking(config) if config.spool.exists() else None:
        raise lack
    with hands.custody(config) as (ledger, store):
        flow = _taken(asked, partner, ledger, store, hands)
        return _decided(flow, config, asked.wait_s, ledger, hands)


def _partner(config: Config, name: str) -> str:
    """The partner's name: as asked, else the only one. Raises Fault."""
    known = [partner.name for partner in config.partners]
    if name and name not in known:
        raise Fault("FLX-I17", partner=name, known=", ".join(known) or "—")
    if not name and len(known) != 1:
        raise Fault("FLX-I140", known=", ".join(known) or "—")
    return name or known[0]


def _taken(asked: Asked, partner: str, ledger: Ledger, store: ContentStore, hands: Hands) -> Flow:
    """Custody: bytes that are content first, then the receipt. The road of the inboxes renames a claimed file; here there is none."""
    sha256, size = _stored(asked, store)
    now, name = hands.now(), asked.main.name.encode("utf-8", "surrogateescape")
    flow = Flow(hands.new_id(), partner, name, sha256, size, now, mode=asked.mode, depositor=asked.depositor)
    said = f"{size} B, sha256 {sha256}, {asked.mode}, {asked.depositor.role}:{asked.depositor.id}"
    ledger.receive([flow], [Event(flow.id, "received", now, partner, detail=said)])
    return flow


def _stored(asked: Asked, store: ContentStore) -> tuple[str, int]:
    """Make the document content, and see that it is: a daemon that starts at this moment throws away what is half written."""
    for _ in range(TRIES):
        with store.scratch() as scratch:
            for part in document(completed(asked.data, asked.depositor), asked.main, asked.attached):
                scratch.write(part)
            sha256, size = store.keep(scratch)
        with suppress(Fault):
            if store.intact(sha256):
                return sha256, size
    raise Fault("FLX-I147", file=asked.main.name)


def _decided(flow: Flow, config: Config, wait_s: float, ledger: Ledger, hands: Hands) -> Receipt:
    """Until the flow is decided or held: by our own worker when nobody else has the installation, else by the one who has."""
    end = time.monotonic() + wait_s
    knocked = False
    while True:
        row = ledger.flow(flow.id)
        assert row is not None, "it was received"  # noqa: S101 - an invariant of the ledger
        if row.state in (*_DECIDED, *STUCK) or time.monotonic() >= end:
            return receipt(row, ledger)
        try:
            handled = hands.handle(config)
        except (Fault, OSError) as trouble:  # it is in custody: whatever ails the installation, the flow is decided once that is over
            fault = trouble if isinstance(trouble, Fault) else folders.refused(trouble)
            return replace(receipt(row, ledger), reason=asdict(fault.reason()))
        if not handled and not knocked:
            folders.knock(config)
            knocked = True
        elif ledger.flow(flow.id) == row:
            time.sleep(LOOK_S)


def receipt(row: FlowRow, ledger: Ledger) -> Receipt:
    """What became of a deposit, as the ledger has it."""
    pieces = tuple(orjson.loads(piece.told) for piece in ledger.pieces(flow=row.flow.id))
    return Receipt(
        flow=row.flow.id,
        certificate=number_of(row.flow.sha256) if row.verdict in WENT_IN else "",
        state=row.verdict or FlowVerdict.NOT_EVALUATED.value,
        plumbing=row.state.value,
        findings=(*row.findings, *(finding for piece in pieces for finding in piece["findings"])),
        carried=tuple(field for piece in pieces for field in piece["carried"]),
        pieces=pieces,
        reason=asdict(row.reason) if row.reason else None,
    )


# -- what is typed -----------------------------------------------------------------------------------------------------------------------------


def read_data(path: Path | None, given: Sequence[str]) -> Data:
    """The data of a file, if any, under what is *given* beside it, ``name=value`` (``recipient.id=…``). Raises Fault for what is not known."""
    raw: dict[str, Any] = {}
    if path is not None:
        try:
            raw = _texts(tomllib.loads(path.read_text("utf-8-sig"), parse_float=str))
        except OSError as error:
            raise Fault("FLX-I144", file=str(path), detail=error.strerror or str(error)) from error
        except (ValueError, RecursionError) as error:
            raise Fault("FLX-I141", file=str(path), detail=str(error)) from error
    try:
        for one in given:
            name, _, value = one.partition("=")
            _put(raw, name.split("."), value)
        return convert(raw, Data)
    except (ValidationError, TypeError) as error:
        known = ", ".join(field.name for field in fields(Data))
        raise Fault("FLX-I141", file=str(path or "--set"), detail=f"{error} ({known})") from error


def _put(raw: dict[str, Any], names: Sequence[str], value: str) -> None:
    """Set a value at a dotted name. Raises TypeError where a text, or a list, stands on the way."""
    for name in names[:-1]:
        raw = raw.setdefault(name, {})
        if not isinstance(raw, dict):
            raise TypeError(".".join(names))
    raw[names[-1]] = value


def _texts(value: Any) -> Any:  # noqa: ANN401 - what TOML gave
    """Values as they were typed: an amount keeps its figures, a day is a day."""
    if isinstance(value, dict):
        return {name: _texts(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_texts(inner) for inner in value]
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def read_depositor(text: str) -> Actor:
    """``ROLE:ID``. Raises Fault."""
    role, _, identifier = text.partition(":")
    if role not in ROLES or not identifier.strip():
        raise Fault("FLX-I142", found=text, known=", ".join(ROLES))
    return Actor(role, identifier.strip())


def read_file(path: Path | None) -> File:
    """A file to be deposited. Raises Fault."""
    if path is None:
        raise Fault("FLX-I146")
    try:
        return File(path.name, path.read_bytes())
    except OSError as error:
        raise Fault("FLX-I144", file=str(path), detail=error.strerror or str(error)) from error


def template(say: Words) -> str:
    """A data file to be filled in: valid as it is, each datum explained in the reader's language."""
    lines = [f"# {say('datum.file')}", ""]
    for name, value in _EXAMPLE.items():
        lines += [f"# {say(f'datum.{name}')}", f'{name} = "{value}"' if value else f'# {name} = ""', ""]
    lines += [f"# {say('datum.vat')}", "[[vat]]", 'rate = "20"', 'base = "41000.00"', 'amount = "8200.00"', ""]
    for name, party in _PARTIES.items():
        rows = [f'{field.name} = "{value}"' for field in fields(Who) if (value := getattr(party, field.name))]
        lines += [f"# {say(f'datum.{name}')}", f"[{name}]", *rows, ""]
    return "\n".join(lines)


_EXAMPLE = {
    "cadre": "A15", "number": "ACOMPTE-2026-07", "type": "380", "date": "2026-07-31", "currency": "EUR", "vat_type": "TVA_SUR_DEBIT",
    "ht": "41000.00", "tva": "8200.00", "ttc": "49200.00", "net": "49200.00", "market": "2026-MT-0042", "engagement": "",
    "previous": "", "payment": "", "iban": "", "bic": "",
}  # fmt: skip
_PARTIES = {
    "supplier": Who("99911111100004", name="Batipro"),
    "recipient": Who("22990008900017", name="Département de la Haute-Lisse"),
    "moe": Who("99913225100029", name="Ingénierie des Rives"),
    "moa": Who("22990008900017", name="Département de la Haute-Lisse"),
}
