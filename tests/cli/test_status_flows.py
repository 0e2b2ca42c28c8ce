"""Status flows from recipients, by the real command: what a line does to its piece, who is told, and how it is answered."""

import re

import pytest
from lxml import etree
from rig import CONFIG, Site, copied
from status_flow import NUMBER, RECIPIENT, a_flow, a_line, of_a_flow

PARTNER = f'\n[[partner]]\nname = "departement"\nnaming = "free"\nspeaks_for = ["{RECIPIENT}"]\n'


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    """Ten pieces; the one of NUMBER, an A6, waits for the financial service of its recipient, who has an inbox."""
    site = Site(tmp_path_factory.mktemp("ten") / "site", CONFIG + PARTNER)
    site.drop("07-zip-of-ten/*.zip")
    assert site.flux("once").returncode == 0
    return site


@pytest.fixture
def site(ten, tmp_path):
    return copied(ten, tmp_path / "site")


def report(site, name, content):
    """Drop a flow into the recipient's inbox: the flow as the ledger has it then."""
    inbox = site.root / "inbox" / "departement"
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / name).write_bytes(content)
    assert site.flux("once").returncode == 0
    (flow,) = (flow for flow in site.json("flows")["flows"] if flow["file"] == name)
    return site.json("show", flow["id"])


def piece_of(site, number=NUMBER):
    ((piece,),) = (dossier["pieces"] for dossier in site.json("dossier", number)["dossiers"])
    return piece


def codes(flow):
    return [[finding["code"] for finding in line["findings"]] for line in flow["pieces"]]


def test_a_status_moves_the_piece_that_it_names_and_its_supplier_is_told(site):
    flow = report(site, "done.xml", a_flow(a_line(at="2026-11-26T00:00:00Z")))
    piece = piece_of(site)
    last = piece["moves"][-1]
    assert (last["act"], last["status"], last["role"], last["comment"]) == ("constater_service_fait", "SERVICE_FAIT", "service_financier", "vu")
    assert last["who"] == f"departement {flow['id']}"
    assert (flow["state"], flow["interface"]) == ("IN_INTEGRE", "FSO9201A")
    line = flow["pieces"][0]["status_line"]
    assert (line["act"], line["piece"], line["reached"]) == ("constater_service_fait", piece["piece"], "SERVICE_FAIT")
    told = [path for path in (site.outbox / "returns" / "batipro").glob("FEN1201A_*") if b"<IdStatut>07</IdStatut>" in path.read_bytes()]
    assert len(told) == 1
    assert NUMBER.encode() in told[0].read_bytes()
    returns = sorted(path.name.split("_")[0] + path.suffix for path in (site.outbox / "returns" / "departement").iterdir())
    assert returns == ["CSO9201A.html", "CSO9201A.json", "CSO9201A.xml"]
    page = next((site.outbox / "returns" / "departement").glob("*.html")).read_text("utf-8")
    assert "1 ligne de statut prise en compte" in page
    assert "Service fait" in page


def test_each_line_is_answered_by_itself_and_the_others_are_done(site):
    lines = [a_line(), a_line(number="MEN-9999"), a_line(status="08"), a_line(status="13"), a_line(status="06", comment="trop tard")]
    flow = report(site, "five.xml", a_flow(*lines))
    assert flow["state"] == "IN_INTEGRE_PARTIEL"
    refused = [[code for code in found if code != "FLX-N06"] for found in codes(flow)]
    assert refused == [[], ["FLX-N01"], [], ["FLX-N03"], ["FLX-W02"]]
    assert [move["status"] for move in piece_of(site)["moves"]][-2:] == ["SERVICE_FAIT", "MANDATEE"]
    answer = etree.parse(next((site.outbox / "returns" / "departement").glob("CSO9201A_*.xml")))
    errors = [row.findtext("CodeErreur") for row in answer.iter("LigneErreurDetail") if row.findtext("NatureErreur") == "REJET"]
    assert errors == ["FLX-N01", "FLX-N03", "FLX-W02"]
    assert "Ligne de statut 2" in "".join(answer.getroot().itertext())


def test_the_same_flow_is_refused_and_the_same_status_in_another_is_refused_line_by_line(site):
    report(site, "first.xml", a_flow(a_line()))
    before = piece_of(site)
    again = report(site, "second.xml", a_flow(a_line()))
    assert [finding["code"] for finding in again["findings"]] == ["FLX-D03"]
    other = report(site, "third.xml", a_flow(a_line(comment="encore")))
    assert "FLX-W02" in codes(other)[0]
    assert piece_of(site) == before


def test_who_may_not_speak_for_the_recipient_moves_nothing_and_learns_of_no_piece(site):
    site.configure(CONFIG + PARTNER.replace(RECIPIENT, "20990042200012"))
    known = report(site, "known.xml", a_flow(a_line()))
    unknown = report(site, "unknown.xml", a_flow(a_line(number="MEN-9999")))
    assert codes(known) == codes(unknown) == [["FLX-N02"]]
    assert piece_of(site)["status"] == "MISE_A_DISPOSITION"


def test_the_status_of_a_flow_is_refused_by_name(site):
    flow = report(site, "flow.xml", of_a_flow())
    assert (flow["state"], codes(flow)) == ("IN_REJETE", [["FLX-N09"]])


def test_what_the_schema_refuses_is_refused_by_the_schema_and_its_neighbour_is_done(site):
    flow = report(site, "month15.xml", a_flow(a_line(at="2026-15-18T16:51:55.000+01:00", number="MEN-2026-0704"), a_line()))
    assert flow["state"] == "IN_INTEGRE_PARTIEL"
    assert codes(flow)[0][0].startswith("FLX-S")
    assert piece_of(site)["status"] == "SERVICE_FAIT"


def test_the_check_of_a_status_flow_says_what_would_become_of_it_and_does_nothing(site):
    file = site.root / "look.xml"
    file.write_bytes(a_flow(a_line(), a_line(number="MEN-9999")))
    done = site.flux("check", file, "--partner", "departement")
    assert "FLX-N01" in done.stdout
    assert piece_of(site)["status"] == "MISE_A_DISPOSITION"


def test_a_setting_of_what_is_no_siret_stops_the_start(site):
    site.configure(CONFIG + PARTNER.replace(RECIPIENT, "229900089"))
    assert re.search("FLX-I150", site.flux("once").stderr)
