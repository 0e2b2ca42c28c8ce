"""
A whole installation in one process for the scenarios: the real call of ``flux deposit``, a real worker, ledger, store and sandbox, a clock moved by hand.

Flows of partners are received as they are after an inbox; deposits take the road of ``flux.deposits``; acts that of ``flux act``; and each time
that the clock is moved, what falls due falls due, day by day, as under a daemon. Nothing is delivered, so that all that is owed stays in order.
"""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import count
from zoneinfo import ZoneInfo

from examples_of import BATIPRO, COUVERTURE, GYM, ROAD, TERRASSEMENTS, pdf, ubl
from lxml import etree

from flux import config as settings
from flux import deposits as depositing
from flux import dossiers, kit, markets, ops
from flux.clocks import clocks
from flux.deposits import Asked, Hands
from flux.depot import Data, File, Rate
from flux.dossier import Act
from flux.ids import new_id
from flux.model import Event, Flow
from flux.piece import Actor
from flux.sandbox.pool import Sandbox
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger
from flux.worker import Settings, Worker

PARIS = ZoneInfo("Europe/Paris")
RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
TOLD = ("lifecycle", "cdar", "piece")  # kinds of flows that say where pieces stand, and the pieces themselves
MOA = GYM.moa
CONFIG = """settle_s = 0.0

[payers]
"21990117000015" = "collectivite"

[[partner]]
name = "batipro"
naming = "chorus"

[[partner]]
name = "terrassements"
naming = "chorus"
lifecycle = "cdar"

[[partner]]
name = "couverture"
naming = "chorus"

[[partner]]
name = "quatre-vents"

[[partner]]
name = "rives"

[[partner]]
name = "valmorin"

[[route]]
actor = "valideur"
folder = "holder"
lifecycle = "both"
"""
SIDES = {  # by partner: as whom he deposits and acts, unless it is said
    "batipro": Actor("fournisseur", BATIPRO.id), "terrassements": Actor("cotraitant", TERRASSEMENTS.id), "couverture": Actor("sous-traitant", COUVERTURE.id),
    "quatre-vents": Actor("moe", GYM.moe.id), "rives": Actor("moe", ROAD.moe.id), "valmorin": Actor("moa", MOA.id),
}  # fmt: skip
HOLDER, PAYER = Actor("valideur", BATIPRO.id), Actor("service_financier", MOA.id)


class SiteWorks:
    """The market's installation. *start*: a day, from which the clock begins."""

    def __init__(self, folder, known, start):
        (folder / "flux.toml").write_text(CONFIG, "utf-8")
        (folder / "markets.toml").write_text(known, "utf-8")
        for name in ("tmp", "store"):
            (folder / "spool" / name).mkdir(parents=True)
        self.config = settings.load(folder / "flux.toml")
        self.now, self._known = at(start), []
        self.markets = markets.living(self.config)()
        self.ledger, self.content = SqlLedger(self.config.ledger_url), FileStore(self.config.spool)
        self.sandbox = Sandbox(1)
        self._luck = count(1)
        self.kit, policies = kit.build(), settings.policies(self.config)
        asked = Settings("me", "FLUX01", policies, self.config.routes, lambda: self.markets, 3, (1, 10, 60))
        self.worker = Worker(self.ledger, self.content, self.sandbox, self.kit, asked, now=lambda: self.now)
        self.office = ops.Office(self.ledger, self.content, self.kit, policies, self.config.routes, "FLUX01")
        self.papers = {}

    @property
    def markets(self):
        """As they are now."""
        return self._known[-1][1]

    @markets.setter
    def markets(self, known):
        self._known.append((self.now, known))

    def markets_at(self, moment):
        """As they were known then."""
        return next(known for since, known in reversed(self._known) if since <= moment)

    def close(self):
        self.sandbox.close()
        self.ledger.close()

    # -- time ------------------------------------------------------------------------------------------------------------------------------

    def until(self, day):
        """To nine in the morning of this day. At six of each on the way, the delays of the days before fall due."""
        assert at(day) > self.now, day
        while (morning := at((self.now.astimezone(PARIS) + timedelta(days=1)).date(), 6)) < at(day):
            self.now = morning
            ops.fall_due(self.office, morning)
        self.now = at(day)

    def _id(self):
        return new_id(self.now, lambda _: next(self._luck))

    # -- what comes in ---------------------------------------------------------------------------------------------------------------------

    def edi(self, partner, paper, name):
        """A document as a partner's flow of one piece."""
        sha256, size = self.content.add(BytesIO(ubl(paper)))
        flow = Flow(self._id(), partner, name.encode(), sha256, size, self.now)
        self.ledger.receive([flow], [Event(flow.id, "received", self.now, partner)])
        self.worker.step()
        self.papers[paper.number] = paper
        return self._accepted(flow.id)

    def deposit(self, partner, cadre, number, previous):
        """A PDF with its data on the piece before, whose amounts it takes over, in the mode service."""
        receipt = self.receipt(partner, cadre, number, previous)
        assert receipt.accepted, (number, receipt.reason, [(f["code"], f["text"]["en"]) for f in receipt.findings])
        self.papers[number] = replace(self.papers[previous], number=number)
        return self._accepted(receipt.flow)

    def receipt(self, partner, cadre, number, previous):
        """What comes back of such a deposit."""
        paper = self.papers[previous]
        rates = tuple(Rate(str(rate), str(base), str(tax)) for rate, base, tax in paper.rates())
        data = Data(
            cadre=cadre, number=number, date=self.now.astimezone(PARIS).date().isoformat(), vat_type="TVA_SUR_DEBIT", vat=rates, previous=previous,
            **{name: paper.total(name) for name in ("ht", "tva", "ttc", "net")},
        )  # fmt: skip
        main = File(f"{number}.pdf", pdf([cadre, number, f"sur {previous}"]))
        hands = Hands(lambda _: nullcontext((self.ledger, self.content)), lambda _: self.worker.step() > 0, lambda: self.now, self._id)
        return depositing.deposit(self.config, Asked("service", SIDES[partner], data, main, partner=partner), hands)

    def _accepted(self, flow):
        row, (piece,) = self.ledger.flow(flow), self.ledger.pieces(flow=flow)
        assert row.verdict == "IN_INTEGRE", piece.told.decode()
        return self.piece(piece.number)

    # -- what is done ----------------------------------------------------------------------------------------------------------------------

    def act(self, number, verb, actor, **more):
        """An act that is done."""
        self.now += timedelta(minutes=5)
        done = self.acted(number, verb, actor, **more)
        assert done.standing is not None, done.refusal
        return self.piece(number)

    def acted(self, number, verb, actor, **more):
        """What becomes of an act. actor: or the partner whose own role it is."""
        asked = Act(verb, SIDES.get(actor, actor), "claire", **more)
        return dossiers.act(self.office, number, asked, self.now)

    # -- what there is ---------------------------------------------------------------------------------------------------------------------

    def piece(self, number):
        """The one accepted piece of this number."""
        (one,) = self.ledger.standings([number])[number]
        return one

    def dossier(self, number):
        """(cadre, number, status) of each piece of this dossier, in order."""
        return [(one.piece.cadre, one.piece.number, one.status) for one in self.ledger.dossier(self.piece(number).first)]

    def clock(self, number, name):
        """(state, days left) of a delay of this piece or its dossier, None when it never began."""
        one = self.piece(number)
        known = clocks(one, tuple(self.ledger.dossier(one.first)), self.config.payers[MOA.id], self.now, self.kit.tables)
        return next(((clock.state, clock.left) for clock in known if clock.name == name), None)

    def told(self):
        """By target, all that it is owed of where pieces stand, in order, as lines."""
        lines = {}
        for owed in self.ledger.owed(1_000_000):
            if owed.kind in TOLD:
                with self.content.open(owed.blob) as file:
                    file.seek(owed.offset)
                    lines.setdefault(owed.target, []).extend([f"{owed.kind} {owed.name}", *READ[owed.kind](etree.fromstring(file.read(owed.size)))])
        return {f"{target.replace('/', '-')}.txt": "\n".join([*rows, ""]) for target, rows in lines.items()}


def at(day, hour=9):
    """This hour in Paris, as it is kept."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=PARIS).astimezone(UTC)


def _of_statuses(root):
    for unit in root.iter("DonneesStatut"):
        producer = unit.find("Producteur")
        who = f"{producer.text} {producer.get('Id')}" if producer is not None else "-"
        words = (unit.findtext("IdFacture"), unit.findtext("IdStatut"), unit.findtext("ComplementStatut"), unit.findtext("Horodatage"), who, unit.findtext("Commentaire"))
        yield "  " + " | ".join(word or "-" for word in words)


def _of_cdar(root):
    for document in root.iter(f"{RAM}ReferenceReferencedDocument"):
        names = ("IssuerAssignedID", "ProcessConditionCode", "Status", "ReasonCode", "Content")
        yield "  " + " | ".join(document.findtext(f".//{RAM}{name}") or "-" for name in names)


def _of_piece(root):
    number = next(node.text for node in root.iter() if etree.QName(node).localname in ("ID", "Numero"))
    yield f"  {number}"


READ = {"lifecycle": _of_statuses, "cdar": _of_cdar, "piece": _of_piece}
