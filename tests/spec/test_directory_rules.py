"""The rules of the structure directory: each refusal beside the piece, or the directory, that is accepted one change away."""

from datetime import UTC, date, datetime

import pytest
from cases import MOE, RECIPIENT, SUPPLIER, TITULAIRE, TODAY, a_piece, changed, siret
from msgspec.structs import replace

from flux.market import Market, MarketActor
from flux.model import Envelope, Flow, Judged, Known, Severity, Stage
from flux.piece import Party
from flux.policy import Policy
from flux.process import conclude, wanted
from flux.structures import Directory, Service, Structure
from flux.validators import Context

MOA = Party("1", siret("217500016"), "Département")
VOIRIE = Service("VOIRIE", "Voirie")
OPEN = {
    RECIPIENT.id: Structure(RECIPIENT.id, "Ville", moa=True),
    MOE.id: Structure(MOE.id, "Cabinet"),
    MOA.id: Structure(MOA.id, "Département", moa=True),
    TITULAIRE.id: Structure(TITULAIRE.id, "Titulaire"),
}
AS_OF = date(2026, 8, 1)


def a_directory(id_=RECIPIENT.id, **changes):
    """Everybody is known, active and wants nothing; but for one structure."""
    return Directory(AS_OF, OPEN | {id_: replace(OPEN[id_], **changes)})


def without(id_):
    return Directory(AS_OF, {known: structure for known, structure in OPEN.items() if known != id_})


@pytest.fixture
def found(kit, told):
    """The codes that a piece gets, with the field of each, once their texts were told."""

    def ask(directory, *changes):
        piece = a_piece()
        for path, value in changes:
            piece = changed(piece, path, value)
        context = Context(kit.tables, Policy(), "FSO1116A", TODAY)
        checks = [check for check in kit.checks if check.stage is Stage.DIRECTORY]
        given = []
        for check in checks:
            asked = [told(finding) for finding in check.run(piece, Known(directory=directory), context)]
            assert {finding.code for finding in asked} <= set(check.codes), "a rule gives a code that it does not declare"
            given += asked
        return [(finding.code, finding.field) for finding in given]

    return ask


SERVICES = {"services": {"VOIRIE": VOIRIE}, "some": ("VOIRIE",)}
VOIRIE_NAMED, NO_ENGAGEMENT = ("recipient.service", "VOIRIE"), ("engagement", "")
TWINS = {  # sentence: (what is refused: directory, changes of the piece; its accepted twin; code and field)
    "the recipient is in it": ((without(RECIPIENT.id), ()), (a_directory(), ()), ("FLX-R01", "recipient.id")),
    "the recipient is active": ((a_directory(active=False), ()), (a_directory(active=True), ()), ("FLX-R02", "recipient.id")),
    "the MOA is one": ((a_directory(moa=False), ()), (a_directory(moa=True), ()), ("FLX-R03", "moa.id")),
    "the recipient is more than a MOA": ((a_directory(moa_only=True), ()), (a_directory(moa_only=False), ()), ("FLX-R04", "recipient.id")),
    "the service code is given where it is wanted": ((a_directory(service=True), ()), (a_directory(service=True), (VOIRIE_NAMED,)), ("FLX-R05", "recipient.service")),
    "the service code may be left out where it is not wanted": ((a_directory(service=True), ()), (a_directory(service=False), ()), ("FLX-R05", "recipient.service")),
    "the service exists": ((a_directory(**SERVICES), (("recipient.service", "Voirie"),)), (a_directory(**SERVICES), (VOIRIE_NAMED,)), ("FLX-R06", "recipient.service")),
    "a service may be anything where none is known": ((a_directory(services={}), (VOIRIE_NAMED,)), (a_directory(services=None), (VOIRIE_NAMED,)), ("FLX-R06", "recipient.service")),
    "the service is active": (
        (a_directory(services={"VOIRIE": replace(VOIRIE, active=False)}), (VOIRIE_NAMED,)), (a_directory(**SERVICES), (VOIRIE_NAMED,)), ("FLX-R07", "recipient.service"),
    ),
    "the structure is given the engagement number that it wants": ((a_directory(engagement=True), (NO_ENGAGEMENT,)), (a_directory(engagement=True), ()), ("FLX-R08", "engagement")),
    "the service is given the engagement number that it wants": (
        (a_directory(services={"VOIRIE": replace(VOIRIE, engagement=True)}), (VOIRIE_NAMED, NO_ENGAGEMENT)),
        (a_directory(services={"VOIRIE": replace(VOIRIE, engagement=True)}), (VOIRIE_NAMED,)), ("FLX-R09", "engagement"),
    ),
    "a service that wants no engagement number gets none": (
        (a_directory(services={"VOIRIE": replace(VOIRIE, engagement=True)}), (VOIRIE_NAMED, NO_ENGAGEMENT)),
        (a_directory(**SERVICES), (VOIRIE_NAMED, NO_ENGAGEMENT)), ("FLX-R09", "engagement"),
    ),
    "one of the two is given: the service": ((a_directory(either=True), (NO_ENGAGEMENT,)), (a_directory(either=True), (NO_ENGAGEMENT, VOIRIE_NAMED)), ("FLX-R10", "recipient.service")),
    "one of the two is given: the engagement number": ((a_directory(either=True), (NO_ENGAGEMENT,)), (a_directory(either=True), ()), ("FLX-R10", "recipient.service")),
    "the MOE is in it": ((without(MOE.id), ()), (a_directory(), ()), ("FLX-R11", "moe.id")),
    "the MOE is active": ((a_directory(MOE.id, active=False), ()), (a_directory(), ()), ("FLX-R12", "moe.id")),
    "the MOA is in it": ((without(MOA.id), (("moa", MOA),)), (a_directory(), (("moa", MOA),)), ("FLX-R13", "moa.id")),
    "the MOA is active": ((a_directory(MOA.id, active=False), (("moa", MOA),)), (a_directory(), (("moa", MOA),)), ("FLX-R14", "moa.id")),
    "a MOE in the valideur's place is looked up there": (
        (without(TITULAIRE.id), (("moe", TITULAIRE),)), (a_directory(), (("moe", TITULAIRE),)), ("FLX-R11", "valideur.id"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("refused", "accepted", "expected"), TWINS.values(), ids=TWINS)
def test_each_refusal_has_an_accepted_twin_one_change_away(found, refused, accepted, expected):
    assert found(accepted[0], *accepted[1]) == []
    assert found(refused[0], *refused[1]) == [expected]


def test_every_code_of_the_directory_has_a_twin_here(kit):
    declared = {code for check in kit.checks if check.stage is Stage.DIRECTORY for code in check.codes}
    assert {code for *_, (code, _) in TWINS.values()} == declared


def test_without_a_directory_nothing_is_asked(found):
    assert found(None, ("recipient.id", "nobody"), ("recipient.service", "nowhere")) == []


def test_only_sirets_are_looked_up(found):
    assert found(a_directory(), ("moe", Party("2", "DE129273398")), ("moa", Party("6", "Ville"))) == []
    assert found(a_directory(), ("recipient", Party("2", "DE129273398"))) == []
    assert found(without(RECIPIENT.id), ("recipient.type", ""), ("moa", None)) == [("FLX-R01", "recipient.id")], "14 digits without a type are a SIRET"


def test_who_is_not_works_has_no_works_actors(found):
    assert found(without(MOE.id), ("cadre", "A1")) == []


def test_a_recipient_that_is_closed_is_told_only_that(found):
    closed = a_directory(active=False, service=True, engagement=True, either=True, moa_only=True)
    assert found(closed, NO_ENGAGEMENT) == [("FLX-R02", "recipient.id")]


def test_a_service_code_and_an_engagement_number_that_are_both_wanted_are_both_told_and_not_thrice(found):
    wants = a_directory(service=True, engagement=True, either=True)
    assert found(wants, NO_ENGAGEMENT) == [("FLX-R05", "recipient.service"), ("FLX-R08", "engagement")]


def test_the_text_of_a_missing_service_code_does_not_speak_of_the_engagement_and_the_other_way_round(tables):
    """The public platform's own text says "engagement juridique" where it means the service code (domain 6.3)."""
    service, engagement = tables.catalogue["FLX-R05"], tables.catalogue["FLX-R08"]
    assert "engagement" not in (service.fr + service.fix_fr + service.en + service.fix_en).lower()
    assert "code service" not in (engagement.fr + engagement.fix_fr).lower()
    assert "service code" not in (engagement.en + engagement.fix_en).lower()


# -- where it is asked ---------------------------------------------------------------------------------------------------------------------


def concluded(kit, known, *, closed="", policy=None, **changes):
    piece = replace(a_piece(), **changes)
    flow = Flow("a-flow", "batipro", b"x.xml", "0" * 64, 1, datetime(2026, 8, 7, tzinfo=UTC))
    policy = policy or Policy()
    (decided,) = conclude(flow, Envelope(), (), [Judged(1, 1, "x.xml", "0" * 64, piece, closed=closed)], known, Context(kit.tables, policy, "", TODAY), kit).pieces
    return decided.verdict


def codes(verdict):
    return [finding.code for finding in verdict.findings]


def test_a_piece_whose_recipient_is_unknown_is_refused_before_anybody_looks_for_duplicates(kit):
    verdict = concluded(kit, Known(directory=without(RECIPIENT.id)))
    assert (verdict.kind, codes(verdict), verdict.skipped) == ("rejected", ["FLX-R01"], (Stage.MARKET, Stage.DUPLICATE, Stage.DOSSIER, Stage.ROUTING))
    assert concluded(kit, Known(directory=a_directory())).kind == "accepted"
    assert concluded(kit, Known()).kind == "accepted"


def test_a_warning_of_the_directory_refuses_nothing(kit):
    verdict = concluded(kit, Known(directory=without(MOE.id)))
    assert (verdict.kind, codes(verdict)) == ("accepted", ["FLX-R11"])


def test_its_severities_are_set_like_any_others(kit):
    policy = Policy(severities={"FLX-R01": Severity.WARNING, "FLX-R11": Severity.OFF})
    verdict = concluded(kit, Known(directory=Directory(AS_OF, {})), policy=policy)
    assert (verdict.kind, codes(verdict)) == ("accepted", ["FLX-R01"])


def test_nobody_is_blamed_for_whom_the_market_file_names(kit):
    """MARKET names a MOA that is none and a MOE that nobody knows: the operator's to mend, and no finding of the sender's piece."""
    known = Known(markets={"M1": Market("M1", actors=(MarketActor("moe", SUPPLIER), MarketActor("moa", TITULAIRE)))}, directory=a_directory())
    assert codes(concluded(kit, known, moe=None, moa=None, valideur=None)) == []
    assert codes(concluded(kit, known, moe=None, moa=TITULAIRE, valideur=None)) == ["FLX-R03"]


def test_the_directory_is_asked_for_whom_the_pieces_name_and_for_nobody_when_they_are_refused_already(kit):
    piece = changed(a_piece(), "recipient.service", "VOIRIE")
    judged = Judged(1, 1, "x.xml", "0" * 64, piece)
    assert wanted([judged], kit.tables) == {(RECIPIENT.id, "VOIRIE"), (RECIPIENT.id, ""), (MOE.id, "")}
    assert wanted([replace(judged, closed="generic"), replace(judged, piece=None)], kit.tables) == set()
