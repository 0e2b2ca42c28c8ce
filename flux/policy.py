"""Under what a judgement is made: the limits that a sender can meet, and what an installation and a partner may set. Values, handed in."""

from datetime import date, time

from msgspec import Struct

from flux.model import Severity
from flux.piece import Actor


class Limits(Struct, frozen=True):
    """Every limit that a sender can meet. Chorus Pro's values where the domain page (section 2) has one."""

    pieces_per_flow: int = 500
    flow_mb: int = 1024
    expanded_mb: int = 2048           # what an archive may unpack to
    expansion_ratio: int = 200        # unpacked to packed, above 10 MiB
    members: int = 10_000
    xml_mb: int = 200
    xml_text_mb: int = 20             # of one text: an attachment just too large is told as that, one far too large here
    xml_depth: int = 64
    xml_nodes: int = 500_000
    xml_attributes: int = 100         # on one element
    attachments: int = 500            # of one piece; local, since no figure is published
    attachment_mb: int = 10           # each, and below it
    attachments_mb: int = 120         # of one piece
    attachment_name: int = 50         # characters, extension included
    judge_s: int = 10                 # for one piece
    judge_s_per_mb: int = 1           # and for each MB of it


class Lowered(Struct, frozen=True):
    """A rule in quarantine: seq of its line in the ledger's book, its severity without, and with it, the last day, why and by whom."""

    seq: int
    was: Severity
    to: Severity
    until: date
    reason: str
    who: str


class Policy(Struct, frozen=True):
    """What an installation and a partner may set, as the judgement sees it. Values, handed in with each task."""

    naming: str = "chorus"            # chorus, free
    interface: str = ""               # when the name does not tell: a code of the interface table, or "" for what the document says
    siret_check: Severity = Severity.ERROR
    vat_check: Severity = Severity.WARNING
    market_check: Severity = Severity.ERROR    # a piece that contradicts its market's file
    unknown_market: Severity = Severity.OFF    # a piece of a market that has none
    norm: dict[str, Severity] = {}    # by interface, "" for those not named: what a rule of EN 16931 does that is not kept; see norm_of
    non_works: str = "route"          # route, refuse
    default_cadre: str = ""           # what an absent cadre means; "" refuses it (G1.02)
    certificates: bool = False        # a certificat de dépôt for EDI flows too; a deposit of a PDF always has one
    severities: dict[str, Severity] = {}  # by code: overrides the catalogue
    limits: Limits = Limits()
    moe_for_moa: bool = False         # a MOE who acts for the MOA may deposit A16 and A18 on the piece before
    lifecycle: str = "cpp-statut"     # cpp-statut, cdar, both, none: in which form he is told where his pieces stand
    speaks_for: tuple[str, ...] = ()  # SIRETs whose statuses he may report by CPPStatut
    lowered: dict[str, Lowered] = {}  # by code: the rules in quarantine, whose severities stand in severities

    def norm_of(self, interface: str) -> Severity:
        """
        What the rules of norms (EN 16931, BR-FR-CPRO) do on this interface: error refuses for what is fatal by them; warning tells; off does not ask.

        A warning where nothing is set: AIFE's own examples declare EN 16931 and break it, and Chorus Pro takes them.
        """
        return self.norm.get(interface) or self.norm.get("") or Severity.WARNING

    def pack(self, rules: str) -> str:
        """The identity of the rules under this policy: a verdict tells under which quarantines it was given."""
        return "".join([rules, *(f"~{code}:{one.to}:{one.seq}" for code, one in sorted(self.lowered.items()))])


class Route(Struct, frozen=True):
    """
    What is set for an actor, or for several: where his pieces go, "" for their usual folder, and in which form he is told where they stand.

    form: of his pieces, received (the very bytes) or pivot (FEN0036A).
    """

    actor: str
    folder: str
    lifecycle: str = "cpp-statut"
    form: str = "received"


class Brief(Struct, frozen=True):
    """
    Under what a flow is judged: its interface ("" when each document must tell), the policy, the day of reception in Europe/Paris.

    mode: edi, portail or service, and depositor, as whom, where the deposit says so: see Flow. pivot: somebody may want his pieces as pivot.
    """

    interface: str
    policy: Policy
    today: date
    mode: str = "edi"
    depositor: Actor | None = None
    pivot: bool = False


class Retention(Struct, frozen=True):
    """
    How many days what is over is kept; 0: for ever. integrated, refused: received bytes and routed pieces of flows that went in whole, or did not.

    returns: return flows that were delivered. told: the JSON told of flows and pieces. orphan: contents that no row ever came to need. at: the
    hour of Paris at which the daemon purges by itself, None for never.
    """

    integrated_days: int = 0
    refused_days: int = 0
    returns_days: int = 0
    told_days: int = 0
    orphan_days: int = 7
    at: time | None = None
