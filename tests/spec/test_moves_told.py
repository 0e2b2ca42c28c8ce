"""What is told of a move: to whom, in which form, and that each form is valid whatever was said."""

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import pytest
from lxml import etree
from moves import CORRECTED, GOLDEN, KIT, MOE, NIGHT, OTHER, RECIPIENT, SUPPLIER, TITULAIRE, a_piece, deposited, done, golden, told
from msgspec.structs import replace

from flux.dossier import Move
from flux.model import Decided, Decision, Emission, Envelope, Flow, FlowVerdict, Verdict, VerdictKind
from flux.owing import tell
from flux.piece import Actor, Party
from flux.policy import Policy, Route
from flux.tables.cdar import TREATMENT
from flux.telling import handed_on, newcomer

RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
RSM = "{urn:un:unece:uncefact:data:standard:CrossDomainAcknowledgementAndResponse:100}"
BOTH = {"batipro": Policy(lifecycle="both")}
STATUSES = sorted(KIT.tables.life.statuses)
REFUSED = ("refuser", "moe", "MAUVAISE_MOE", "Pas nous.")


@pytest.fixture(scope="module")
def published():
    """The published D22B schema, out of a package that only tests need."""
    (folder,) = find_spec("pyfrctc").submodule_search_locations
    return etree.XMLSchema(etree.parse(Path(folder, "cdar-xsd", "CrossDomainAcknowledgementAndResponse_100pD22B.xsd")))


def where(telling):
    """Who is told what: target and kind."""
    return [(owed.target, owed.answer.kind) for owed in telling.owed]


def documents(telling, target="returns/batipro"):
    """What one of them is told, by kind."""
    return {owed.answer.kind: etree.fromstring(owed.answer.content) for owed in telling.owed if owed.target == target}


def after(*acts, piece=None, first="moe", **how):
    return documents(told(*done(deposited(piece or a_piece(), first), *acts), **how))


def reached(status, role="moe", motive="", comment=""):
    """A piece that somebody brought to any status of the table, were it one that no act leads to."""
    standing = deposited(a_piece(valideur=TITULAIRE))
    new = Move(3, "act", status, NIGHT, role, "somebody", motive=motive, comment=comment)
    if status == standing.status:  # a step is one out of another status
        standing = replace(standing, moves=(*standing.moves[:-1], replace(standing.last, status="DEPOSEE")))
    return replace(standing, moves=(*standing.moves, new)), (new,)


# -- the forms -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["moe", "moa", "valideur", "fournisseur", "service_financier", "systeme", "deposant"])
@pytest.mark.parametrize("status", STATUSES)
def test_every_status_by_every_role_is_told_in_both_forms(status, role, published):
    """Valid against ours where it was rendered, else a Fault; against the published one here."""
    both = documents(told(*reached(status, role)))
    row = KIT.tables.life.statuses[status]
    assert both["lifecycle"].findtext(".//IdStatut") == row.cpp
    assert both["lifecycle"].findtext(".//ComplementStatut") == (status if row.local else row.label.fr)
    assert (both["cdar"].findtext(f".//{RAM}ProcessConditionCode"), both["cdar"].findtext(f".//{RAM}Status")) == (row.cdar, status)
    assert published.validate(both["cdar"]), published.error_log


@pytest.mark.parametrize("status", STATUSES)
def test_a_condition_that_must_have_a_reason_or_a_comment_has_one_and_a_treatment_is_somebodys(status):
    told_ = documents(told(*reached(status, "systeme")))["cdar"]
    condition = KIT.tables.cdar.condition[KIT.tables.life.statuses[status].cdar]
    motives = any(row.motives for row in KIT.tables.life.transitions if row.to == status)
    assert bool(told_.findtext(f".//{RAM}ReasonCode")) or not condition.reason or motives
    assert bool(told_.findtext(f".//{RAM}Content")) or not condition.note or motives
    issuer = told_.find(f"{RSM}ExchangedDocument/{RAM}IssuerTradeParty")
    assert (issuer.findtext(f"{RAM}GlobalID") is not None) == (condition.type == TREATMENT)
    assert (issuer.findtext(f"{RAM}RoleCode") == "WK") == (condition.type != TREATMENT)


def test_the_golden_files_are_what_is_told():
    """Written anew by ``.venv/bin/python tests/spec/moves.py``."""
    assert dict(golden()) == {path.name: path.read_bytes() for path in GOLDEN.iterdir()}


@pytest.mark.parametrize(("motive", "code"), [("MAUVAISE_MOE", "04"), ("MAUVAISE_MOA", "04"), ("MAUVAIS_VALIDEUR", "04"), ("AUTRE", "05")])
def test_a_refusal_for_what_is_no_error_of_routing_has_another_number(motive, code):
    both = after(("refuser", "moa", motive, "Parce que."), piece=a_piece(cadre="A17"), first="moa")
    assert both["lifecycle"].findtext(".//IdStatut") == code
    assert both["cdar"].findtext(f".//{RAM}ReasonCode") == KIT.tables.life.motives[motive].cdar


def test_a_suspension_has_its_reason_without_a_motive_and_its_comment_whole():
    comment = "Il manque l'attachement n° 3. " * 200
    both = after(("suspendre", "moe", "", comment))
    assert both["lifecycle"].findtext(".//Commentaire") == comment.strip()
    assert (both["cdar"].findtext(f".//{RAM}ReasonCode"), both["cdar"].findtext(f".//{RAM}Content")) == ("JUSTIF_ABS", comment.strip())


def test_the_one_who_moved_it_is_named_as_producer_and_the_platform_where_the_system_did():
    both = after(("valider", "valideur"), piece=a_piece(cadre="A13", valideur=TITULAIRE), first="valideur")
    units = [(u.findtext(".//ComplementStatut"), u.find(".//Producteur").get("Id"), u.findtext(".//Producteur")) for u in both["lifecycle"].iter("DonneesStatut")]
    assert units == [("VALIDEE_1", TITULAIRE.id, "valideur"), ("MISE_A_DISPOSITION_MOE", "FLUX01", "FLUX01")]


def test_what_time_alone_validated_is_told_as_of_who_let_it_pass():
    standing = deposited(a_piece(cadre="A13", valideur=TITULAIRE), "valideur")
    new = Move(3, "valider_tacitement", "ABSENCE_VALIDATION_1_HORS_DELAI", NIGHT, "systeme", "flux")
    cdar = documents(told(replace(standing, moves=(*standing.moves, new)), (new,)))["cdar"]
    issuer = cdar.find(f"{RSM}ExchangedDocument/{RAM}IssuerTradeParty")
    assert (issuer.findtext(f"{RAM}GlobalID"), issuer.findtext(f"{RAM}RoleCode")) == (TITULAIRE.id, "SR")


def test_an_acknowledgement_leaves_the_piece_where_it_was_and_is_told_nobody():
    assert where(told(*done(deposited(a_piece()), REFUSED, ("acquitter", "deposant")))) == []


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({}, {"lifecycle", "cdar"}), ({"issued": None}, {"lifecycle"}), ({"type": "384"}, {"lifecycle"}),
        ({"recipient": Party("2", "22990008900017")}, {"cdar"}), ({"supplier": replace(SUPPLIER, name="")}, {"cdar"}), ({"number": ""}, set()),
    ],
)  # fmt: skip
def test_a_piece_is_told_in_the_forms_that_can_hold_it(change, kinds):
    assert set(after(REFUSED, piece=a_piece(**change))) == kinds


@pytest.mark.parametrize("name", ["01-CDV-200_Deposee", "02-CDV-202_Recue", "06-CDV-211_Paiement_transmis", "07-CDV-212_Encaissee"])
def test_the_real_messages_pass_our_schema_but_for_what_flux_never_writes(corpus, name):
    """Amounts paid, and a second reader who is the platform of the State: taken out. What is left is held to our part of D22B."""
    message = etree.fromstring(next((corpus / "cdar").glob(f"UC1*{name}.xml")).read_bytes())
    for detail in message.findall(f".//{RAM}SpecifiedDocumentStatus/{RAM}SpecifiedDocumentCharacteristic"):
        detail.getparent().remove(detail)
    xsd = KIT.schemas.get("cdar", "full").xsd
    assert xsd.validate(message), xsd.error_log
    code = message.find(f".//{RAM}ProcessConditionCode")
    code.getparent().remove(code)
    assert not xsd.validate(message), "the published schema would let this pass"


def test_the_published_schema_lets_pass_what_ours_refuses(published):
    cdar = after(REFUSED)["cdar"]
    code = cdar.find(f".//{RAM}ProcessConditionCode")
    code.getparent().remove(code)
    assert (published.validate(cdar), KIT.schemas.get("cdar", "full").xsd.validate(cdar)) == (True, False)


# -- whom it concerns ------------------------------------------------------------------------------------------------------------------------


def test_who_acts_or_acted_is_told_where_his_pieces_go_and_not_of_what_he_did_himself():
    standing = deposited(a_piece(cadre="A13", valideur=TITULAIRE), "valideur")
    assert where(told(*done(standing, ("valider", "valideur")), partners={})) == [
        ("returns/batipro", "lifecycle"), (f"pieces/moe-{MOE.id}", "lifecycle"),
    ]  # fmt: skip
    assert where(told(*done(standing, ("valider", "valideur"), ("prendre_en_compte", "moe")), partners={})) == [
        ("returns/batipro", "lifecycle"), (f"pieces/valideur-{TITULAIRE.id}", "lifecycle"),
    ]  # fmt: skip


def test_the_depositor_is_told_of_what_he_did_himself_and_so_is_who_suspended():
    standing = deposited(a_piece())
    assert where(told(*done(standing, ("suspendre", "moe", "", "Il manque le métré."), ("completer", "deposant")), partners={})) == [
        ("returns/batipro", "lifecycle"), (f"pieces/moe-{MOE.id}", "lifecycle"),
    ]  # fmt: skip


def test_a_recycling_is_told_to_the_new_one_and_no_more_to_the_old():
    standing, new = done(deposited(a_piece()), REFUSED, ("recycler", "deposant", "", "", CORRECTED))
    assert where(told(standing, new, partners={})) == [("returns/batipro", "lifecycle"), (f"pieces/moe-{OTHER.id}", "lifecycle")]


@pytest.mark.parametrize(("cadre", "folder"), [("A6", "service_financier"), ("A1", "recipient")])
def test_the_financial_service_is_told_where_its_pieces_go(cadre, folder):
    standing, _ = done(deposited(a_piece(cadre=cadre), "recipient" if cadre == "A1" else "service_financier"), ("constater_service_fait", "service_financier"))
    paid = Move(4, "mettre_en_paiement", "MISE_EN_PAIEMENT", NIGHT, "systeme", "flux")
    told_ = told(replace(standing, moves=(*standing.moves, paid)), (paid,), partners={})
    assert where(told_)[1] == (f"pieces/{folder}-{RECIPIENT.id}", "lifecycle")


def test_what_a_deposit_did_is_told_in_its_own_return_flows():
    standing = deposited(a_piece())
    assert where(told(standing, standing.moves)) == []


@pytest.mark.parametrize(("setting", "kinds"), [("cpp-statut", ["lifecycle"]), ("cdar", ["cdar"]), ("both", ["cdar", "lifecycle"]), ("none", [])])
def test_each_is_told_in_the_form_that_he_asks_for(setting, kinds):
    standing, new = done(deposited(a_piece(cadre="A13", valideur=TITULAIRE), "valideur"), ("valider", "valideur"), ("prendre_en_compte", "moe"))
    asked = told(standing, new, partners={"batipro": Policy(lifecycle=setting)}, routes=(Route("valideur", "elsewhere", setting),))
    assert where(asked) == [(target, kind) for target in ("returns/batipro", f"pieces/valideur-{TITULAIRE.id}") for kind in kinds]


def test_the_first_route_that_means_an_actor_says_in_which_form():
    standing, new = done(deposited(a_piece()), ("suspendre", "moe", "", "Quoi ?"), ("completer", "deposant"))
    routes = (Route("moe-999*", "a", "cdar"), Route("moe", "b", "none"))
    assert where(told(standing, new, partners={}, routes=routes))[1:] == [(f"pieces/moe-{MOE.id}", "cdar")]


def test_names_and_keys_are_derived_unique_and_told_again_alike():
    standing, new = done(deposited(a_piece(cadre="A13", valideur=TITULAIRE), "valideur"), ("valider", "valideur"))
    once = told(standing, new, routes=(Route("moe", "x", "both"),))
    assert [(owed.key.partition(".")[2], owed.answer.name.partition("-7k3q9x2m4b")[2]) for owed in once.owed] == [
        ("move.00001.0003.deposant.cdar", "-00001-3.xml"), ("move.00001.0004.deposant.cdar", "-00001-4.xml"), ("move.00001.0004.deposant.lifecycle", "-00001-4.xml"),
        ("move.00001.0003.moe.cdar", "-00001-3-moe.xml"), ("move.00001.0004.moe.cdar", "-00001-4-moe.xml"), ("move.00001.0004.moe.lifecycle", "-00001-4-moe.xml"),
    ]  # fmt: skip
    again = told(standing, new, routes=(Route("moe", "x", "both"),))
    assert [(one.key, one.answer.content) for one in once.owed] == [(one.key, one.answer.content) for one in again.owed]
    assert len({owed.answer.name for owed in once.owed}) == len(once.owed), "they may share a folder"


def test_what_is_owed_is_what_stands_in_the_pack():
    telling = told(*done(deposited(a_piece()), REFUSED))
    file = BytesIO()
    pack = telling.write(file)
    whole = file.getvalue()
    owed = telling.emissions("blob", pack)
    assert [whole[e.offset : e.offset + e.size] for e in owed] == [one.answer.content for one in telling.owed]
    assert {(e.flow, e.ordinal, e.blob) for e in owed} == {("20260327T090000000Z-7k3q9x2m4b", 1, "blob")}


# -- the piece itself --------------------------------------------------------------------------------------------------------------------------


def handed(*acts, standing=None, owed=("pieces/valideur-99914100300015",)):
    """Where the piece goes after the last of these acts, and under which name, when these have it already."""
    standing, new = done(standing or deposited(a_piece(cadre="A13", valideur=TITULAIRE), "valideur"), *acts)
    had = [Emission(f"f.piece.{n}", standing.ref.flow, 1, "piece", target, "f-00001.xml", "a" * 64, "b" * 64, 7, 9) for n, target in enumerate(owed)]
    actor = newcomer(standing, new)
    return [(one.key, one.target, one.name, one.blob, one.offset, one.size) for one in (handed_on(standing, actor, had, KIT.tables) if actor else ())]


def test_whose_turn_it_has_become_is_handed_the_piece_in_the_bytes_that_the_first_had():
    assert handed(("valider", "valideur")) == [("f.piece.0.4-moe", f"pieces/moe-{MOE.id}", "f-00001-4-moe.xml", "b" * 64, 7, 9)]


def test_nobody_is_handed_a_piece_that_he_has_or_made():
    assert handed(("valider", "valideur"), owed=("pieces/valideur-99914100300015", f"pieces/moe-{MOE.id}")) == []
    assert handed(("refuser", "valideur", "AUTRE", "Non.")) == []
    assert handed(("valider", "valideur"), ("prendre_en_compte", "moe")) == []


# -- at the deposit --------------------------------------------------------------------------------------------------------------------------


def at_deposit(setting, piece=None, refused=False):
    """What the depositor of one piece is told of its deposit: kind, key and content."""
    piece = piece or a_piece()
    verdict = Verdict(VerdictKind.REJECTED, ("NON_CONFORME",)) if refused else Verdict(VerdictKind.ACCEPTED, ("DEPOSEE", "MISE_A_DISPOSITION_MOE"), Actor("moe", MOE.id))
    flow = Flow("f", "batipro", b"x.xml", "a" * 64, 1, NIGHT)
    decided = Decided(piece, verdict, "x.xml", 1, "b" * 64)
    draft = tell(flow, Decision(FlowVerdict.PARTIAL, Envelope(), (decided,), accepted=int(not refused)), Policy(lifecycle=setting), "FLUX01", NIGHT, KIT, {})
    return {its.key: answer for its, answer in zip(draft.write(BytesIO()), draft.answers(), strict=True)}


@pytest.mark.parametrize(
    ("setting", "keys"),
    [
        ("cpp-statut", {"f.lifecycle"}), ("none", set()), ("cdar", {"f.cdar.00001.0001", "f.cdar.00001.0002"}),
        ("both", {"f.lifecycle", "f.cdar.00001.0001", "f.cdar.00001.0002"}),
    ],
)  # fmt: skip
def test_a_deposit_is_told_in_the_form_that_its_partner_asks_for(setting, keys):
    assert set(at_deposit(setting)) - {"f.integration", "f.report-json", "f.report-html"} == keys


def test_a_refused_deposit_is_a_message_with_its_reason_and_the_codes(published):
    cdar = etree.fromstring(at_deposit("cdar", refused=True)["f.cdar.00001.0001"].content)
    assert [cdar.findtext(f".//{RAM}{name}") for name in ("ProcessConditionCode", "ReasonCode", "Status")] == ["213", "REJ_SEMAN", "NON_CONFORME"]
    assert cdar.findtext(f".//{RAM}Content").endswith("Détail : CSO0000A_FLUX01_f.xml")
    assert published.validate(cdar), published.error_log
