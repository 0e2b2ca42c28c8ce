"""The nouns of flux, from the flow to the emission: frozen values, without I/O and without a clock. Those of the piece stand in piece.py."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from flux.dossier import Standing, StatusLine
from flux.market import Market
from flux.piece import Actor, Piece
from flux.structures import Directory


class Stage(StrEnum):
    """The stages of a judgement, in the order in which they are asked. A blocking finding closes the later ones."""

    TRANSPORT = "transport"  # the flow: its name, its size, its partner
    ARCHIVE = "archive"      # the flow: its container, proven whole
    FORMAT = "format"        # the piece: XML, root, XSD
    GENERIC = "generic"      # the piece: rules G of the EDI annex, whatever the syntax
    SPECIFIC = "specific"    # the piece: rules S of its syntax
    NORM = "norm"            # the piece: the rules of EN 16931 and BR-FR-CPRO, where it declares a profile that brings them into force (BT-24)
    CADRE = "cadre"          # the piece: cadre x mode x kind of deposit
    DIRECTORY = "directory"  # the structures that it names, in the directory in force
    MARKET = "market"        # the piece against the file of its market
    DUPLICATE = "duplicate"  # what the ledger already holds
    DOSSIER = "dossier"      # the piece before, on which this one is deposited
    ROUTING = "routing"      # who acts next


JUDGE_STAGES = (Stage.FORMAT, Stage.GENERIC, Stage.SPECIFIC, Stage.NORM, Stage.CADRE)  # asked in the sandbox: they need only the document


class Severity(StrEnum):
    """What a finding does to its piece: an error refuses it, a warning is told, off is neither."""

    ERROR = "error"
    WARNING = "warning"
    OFF = "off"


class VerdictKind(StrEnum):
    """What became of a piece. Not evaluated is ours to mend: it blames nobody and is never accepted."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_EVALUATED = "not_evaluated"


class Plumbing(StrEnum):
    """Where a flow stands in the machine; each word says what is already on disk. See docs/INTERNALS.md."""

    RECEIVED = "RECEIVED"
    PROCESSING = "PROCESSING"
    DECIDED = "DECIDED"
    CLOSED = "CLOSED"
    HELD = "HELD"
    QUARANTINED = "QUARANTINED"


STUCK = (Plumbing.HELD, Plumbing.QUARANTINED)  # until a person acts


class FlowVerdict(StrEnum):
    """Chorus Pro's terminal flow states (domain 3.5), and ours for what could not be judged. INCIDENT: given up by us, to be sent again whole."""

    INTEGRATED = "IN_INTEGRE"
    PARTIAL = "IN_INTEGRE_PARTIEL"
    REJECTED = "IN_REJETE"
    INCIDENT = "IN_INCIDENTE"
    NOT_EVALUATED = "NOT_EVALUATED"


class EmissionState(StrEnum):
    """PENDING: owed. STAGED: from now on, absent from the staged folder means published. EMITTED: done."""

    PENDING = "PENDING"
    STAGED = "STAGED"
    EMITTED = "EMITTED"


class Place(Struct, frozen=True):
    """Where a field stands: line from 1 (0: unknown) and an XPath with the document's usual prefixes."""

    line: int = 0
    xpath: str = ""


class Finding(Struct, frozen=True):
    """
    Something that is wrong with what the sender sent. No severity and no text: the catalogue owns both.

    field: name of the Piece field, dotted and indexed from 1: ``supplier.id``, ``vat[2].rate``; "" when it is about the whole.
    ordinal: the piece, from 1; 0 while unknown, or when the finding is about the flow.
    facts: what the text quotes; ``found`` and ``expected`` are the usual names, ``found_fr`` is the French of ``found``. weight: of a rule of EN 16931, what
    the setting of its interface and partner makes of it; "" leaves that to the catalogue.
    """

    code: str
    field: str = ""
    ordinal: int = 0
    facts: tuple[tuple[str, str], ...] = ()
    line: int = 0
    xpath: str = ""
    weight: str = ""


class Parsed(Struct, frozen=True):
    """
    What a parser made of one piece: the piece, what could not be read in it (stage format or generic), and where each field stands.

    extracted: the bytes of a document that holds this piece alone, when the received one holds several; else None.
    files: the content of each attachment, where the source keeps them; b"" for one that cannot be read.
    line: what a status flow says of the piece, which is then no document of its own but the one that the line names.
    """

    piece: Piece
    findings: tuple[Finding, ...] = ()
    where: Mapping[str, Place] = {}
    extracted: bytes | None = None
    files: tuple[bytes, ...] = ()
    line: StatusLine | None = None


class Excerpt(Struct, frozen=True):
    """
    What only a piece's document holds and its pivot needs, as the pivot has it: VAT rows, then attachments, one after the other.

    offset: in the file that the child was given for it; vat, files: bytes of each.
    """

    offset: int
    vat: int
    files: int


class Judged(Struct, frozen=True):
    """
    What the sandbox says of one piece: everything that needs only the document.

    document: index of the file in its flow, from 1. index: of the piece in its file, from 1. interface: under which it was judged.
    piece is None when the file could not be read as a piece. closed: the stage whose finding closed the later ones, or "".
    sha256: of the bytes that are this piece (the file, or extracted, which is b"" once those bytes are content).
    """

    document: int
    index: int
    name: str
    sha256: str
    piece: Piece | None = None
    syntax: str = ""
    interface: str = ""
    findings: tuple[Finding, ...] = ()
    closed: str = ""
    where: bytes = b""  # where its fields stand, as weighing.packed writes it
    extracted: bytes | None = None
    excerpt: Excerpt | None = None
    line: StatusLine | None = None  # of a status flow: piece is what it names


class Member(Struct, frozen=True):
    """A file of a flow, once its container is proven whole: where its bytes stand in the unpacked content."""

    index: int    # from 1, in the container's order
    name: str     # as written in the container, without a ./ before it; never used as a path
    offset: int   # in the unpacked content, bytes
    size: int     # bytes
    sha256: str


class Envelope(Struct, frozen=True):
    """What the flow's name says: ``<interface>_<application code>_<flow number>`` (domain, section 2). "" where it does not tell."""

    interface: str = ""
    application: str = ""
    number: str = ""


class Again(Struct, frozen=True):
    """
    What makes a flow a re-injection. parent: the flow that it takes up; root: the first of that line, whose name and number its sender knows.

    pieces: of the parent, by ordinal, those that it takes up, () for all; of: how many its content has, 0 unknown. sequence: of its answer, the
    first is 1. replaces: the name, without extension, of the answer that this one replaces, "" where none was given. corrected: other bytes.
    """

    parent: str
    root: str
    reinjection: str
    pieces: tuple[int, ...] = ()
    of: int = 0
    sequence: int = 2
    replaces: str = ""
    corrected: bool = False

    @property
    def ordinals(self) -> tuple[int, ...]:
        """Of the pieces of its own content that are judged, () for all: other bytes are numbered anew."""
        return () if self.corrected else self.pieces


class Flow(Struct, frozen=True):
    """One admitted file. name: the bytes of the original file name, never used as a path again."""

    id: str
    partner: str
    name: bytes
    sha256: str
    size: int
    received_at: datetime
    duplicate_of: str = ""  # id of the first flow of this partner that brought the same bytes
    mode: str = "edi"       # edi, portail, service: by which of the three it was deposited, as the deposit itself says and no document
    depositor: Actor | None = None  # as whom, where a deposit says it (portail, service); None: the supplier of each piece
    attempt: int = 0
    fence: int = 0
    again: Again | None = None

    @property
    def display_name(self) -> str:
        """The original name as text: undecodable bytes and control characters are shown escaped."""
        return shown(self.name)


def shown(name: bytes) -> str:
    """A file's name as text: undecodable bytes and control characters are shown escaped."""
    return name.decode("utf-8", "backslashreplace").translate(_CONTROLS)


_CONTROLS = {i: f"\\x{i:02x}" for i in (*range(32), *range(127, 160))} | {c: f"\\u{c:04x}" for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


class Deposited(Struct, frozen=True):
    """An accepted piece that the ledger already holds, as a later piece with the same identity meets it."""

    flow: str
    ordinal: int
    sha256: str
    at: datetime


class Known(Struct, frozen=True):
    """
    What is already known when a piece is concluded: a snapshot, handed in. deposited: by ``identity(piece)``; standing: by number.

    directory: the structures of the pieces concerned; None when no structure directory was ever imported.
    """

    deposited: dict[str, Deposited] = {}
    markets: dict[str, Market] = {}
    standing: dict[str, tuple[Standing, ...]] = {}
    directory: Directory | None = None


WENT_IN = (FlowVerdict.INTEGRATED, FlowVerdict.PARTIAL)  # something of the flow did


class Verdict(Struct, frozen=True):
    """What became of one piece: statuses are API codes (domain 5.1), in the order in which they were reached."""

    kind: VerdictKind
    statuses: tuple[str, ...] = ()
    next_actor: Actor | None = None
    findings: tuple[Finding, ...] = ()
    skipped: tuple[Stage, ...] = ()


class Decided(Struct, frozen=True):
    """A piece with its verdict. piece.ordinal counts from 1 in the flow; an unreadable file is a piece without content."""

    piece: Piece
    verdict: Verdict
    document: str   # name of the file that brought it
    member: int     # index of that file in the flow
    sha256: str
    readable: bool = True
    part: int = 0   # of that file, from 1, when it was taken out of a document of several
    previous: Standing | None = None  # the piece on which this one is deposited
    carried: tuple[str, ...] = ()     # fields taken over from it
    line: StatusLine | None = None    # of a status flow: piece is what the line names, accepted means that it moved that piece,
    acted: Standing | None = None     # which stands so since,
    steps: int = 0                    # by so many steps of this line


class Decision(Struct, frozen=True):
    """What is decided of a flow: findings about the flow itself, and each piece with its verdict, by ordinal. accepted: how many were, or did what they say."""

    verdict: FlowVerdict
    envelope: Envelope
    pieces: Sequence[Decided] = ()
    findings: tuple[Finding, ...] = ()
    interface: str = ""  # as its name tells, a setting, or its documents; "" when none did, or documents of several
    syntax: str = ""
    pack: str = ""  # identity of the rules that judged
    accepted: int = 0


class Answer(Struct, frozen=True):
    """
    One return flow: kind (integration, lifecycle, cdar, report-json, report-html), final name. part: of several of its kind.

    blocks: gives its bytes, some at a time, the same whenever it is asked. What tells 10,000 pieces is many megabytes, and nobody needs it whole.
    """

    kind: str
    name: str
    blocks: Callable[[], Iterable[bytes]]
    part: str = ""

    @property
    def content(self) -> bytes:
        """All of it."""
        return b"".join(self.blocks())


class Emission(Struct, frozen=True):
    """
    One thing owed: bytes [offset, offset + size) of the blob named by its sha256, to be published as target/name.

    key: unique for ever, derived; sha256: of the bytes to publish. target: "returns/<partner>" or "pieces/<who>".
    """

    key: str
    flow: str
    ordinal: int
    kind: str
    target: str
    name: str
    sha256: str
    blob: str
    offset: int
    size: int
    state: EmissionState = EmissionState.PENDING
    problem: str = ""  # when, and why, it could not be published


class Event(Struct, frozen=True):
    """One line of the append-only journal; hash chains each to the one before. rows: what was written with it (see stores/_seal)."""

    flow: str
    what: str
    at: datetime
    who: str
    piece: int = 0
    detail: str = ""
    seq: int = 0
    before: str = ""
    hash: str = ""
    rows: str = ""
