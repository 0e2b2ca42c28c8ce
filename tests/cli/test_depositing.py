"""``flux deposit`` and ``flux certificate`` on a real installation: what is accepted, what is refused, what proves it."""

import base64
import hashlib
import json
import os
import subprocess
import tomllib
from pathlib import Path

import pytest
from deposit_case import MOA, MOE, PDF, SUPPLIER
from rig import CONFIG, FLUX, GOOD, REFUSED, Site, copied, wait_for

from flux import deposits, durable
from flux.words import Words

AS_MOE = ("--mode", "service", "--as", f"moe:{MOE}")
AS_SUPPLIER = ("--mode", "service", "--as", f"fournisseur:{SUPPLIER}")


def prepared(root, config=CONFIG):
    """An installation beside which a PDF and its data stand."""
    site = Site(root / "site", config)
    (site.root / "acompte.pdf").write_bytes(PDF)
    (site.root / "data.toml").write_text(deposits.template(Words("en")), "utf-8")
    return site


def deposit(site, *words, how=AS_MOE):
    done = site.flux("deposit", "acompte.pdf", "--data", "data.toml", *how, *words, "--json")
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def codes(receipt):
    return [finding["code"] for finding in receipt["findings"]]


def returned(site, pattern):
    (only,) = (site.outbox / "returns" / "batipro").glob(pattern)
    return only


@pytest.fixture
def desk(tmp_path):
    return prepared(tmp_path)


@pytest.fixture(scope="module")
def proven(tmp_path_factory):
    """An installation with one accepted deposit, and its receipt. For reading only."""
    site = prepared(tmp_path_factory.mktemp("proven"))
    code, receipt = deposit(site)
    assert code == 0, receipt
    return site, receipt


@pytest.fixture
def deposited(proven, tmp_path):
    """The same, to be changed."""
    site, receipt = proven
    return copied(site, tmp_path / "site"), receipt


# -- what a deposit gives ----------------------------------------------------------------------------------------------------------------------


def test_an_initial_a15_of_a_moe_is_accepted_in_service_and_goes_to_the_moa(proven):
    site, receipt = proven
    assert (receipt["state"], receipt["accepted"], receipt["findings"], receipt["plumbing"]) == ("IN_INTEGRE", True, [], "CLOSED")
    (piece,) = receipt["pieces"]
    assert (piece["cadre"], piece["mode"], piece["next_actor"], piece["next_id"]) == ("A15", "service", "moa", MOA)
    (flow,) = site.json("flows")["flows"]
    assert (flow["mode"], flow["depositor"], flow["interface"], flow["file"]) == ("service", {"role": "moe", "id": MOE}, "FSO9010A", "acompte.pdf")
    (routed,) = (site.outbox / "pieces" / f"moa-{MOA}").iterdir()
    assert base64.b64decode(receipt["certificate"]) == hashlib.sha256(routed.read_bytes()).digest()
    assert len(receipt["certificate"]) == 44


def test_the_same_document_by_edi_is_refused_as_is_an_a5_that_service_accepts(desk):
    code, receipt = deposit(desk, "--cadre", "A5", how=AS_SUPPLIER)
    assert (code, receipt["state"], codes(receipt)) == (0, "IN_INTEGRE", [])
    (routed,) = (desk.outbox / "pieces" / f"moa-{MOA}").iterdir()
    desk.drop(REFUSED)
    (desk.inbox / "FSO9010A_ABC001_ABC0019010000000000000001.xml").write_bytes(routed.read_bytes().replace(b"ACOMPTE-2026-07", b"ACOMPTE-2026-08"))
    assert desk.flux("once").returncode == 0
    told = {flow["file"][:8]: [f["code"] for piece in flow["pieces"] for f in piece["findings"]] for flow in desk.json("flows")["flows"]}
    assert told.pop("acompte.") == []
    assert told.pop("FSO9010A") == ["FLX-T20"]
    assert [("FLX-C01" in found) for found in told.values()] == [True]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--set", "ttc=50000.00"], ["FLX-M01", "FLX-M05"]),
        (["--set", "vat_type=SANS_TVA"], ["FLX-T24"]),
        (["--attach", "flux.toml"], ["FLX-L12"]),
        (["--previous", "NO-SUCH"], ["FLX-W10"]),
        (["--cadre", "A19"], ["FLX-W15"]),
    ],
    ids=["amounts", "VAT type", "attachment", "previous piece", "another actor's cadre"],
)
def test_a_refused_deposit_says_why_and_has_no_certificate(desk, words, expected):
    code, receipt = deposit(desk, *words)
    assert (code, receipt["state"], codes(receipt), receipt["certificate"]) == (1, "IN_REJETE", expected, "")
    assert not list((desk.outbox / "returns" / "batipro").glob("CERTIFICAT*"))
    assert desk.flux("certificate", "show", receipt["flow"]).returncode == 2


def test_a_pdf_that_is_none_is_refused_and_harms_nobody(desk):
    (desk.root / "acompte.pdf").write_bytes(b"%PDF-1.7 1 0 obj << /Length 99999999999 >> stream")
    assert codes(deposit(desk)[1]) == ["FLX-T23"]


def test_the_same_bytes_twice_and_the_same_number_twice_are_refused(deposited):
    desk, first = deposited
    code, again = deposit(desk)
    assert (code, codes(again), again["certificate"]) == (1, ["FLX-D03"], "")
    assert first["flow"] in again["findings"][0]["text"]["fr"]
    (desk.root / "note.txt").write_text("a note")
    assert codes(deposit(desk, "--attach", "note.txt")[1]) == ["FLX-D02"]
    assert deposit(desk, "--attach", "note.txt", "--number", "ACOMPTE-2026-08")[0] == 0


def test_the_template_is_a_deposit_that_is_accepted_in_both_languages(desk):
    assert desk.flux("deposit", "--template").stdout == (desk.root / "data.toml").read_text("utf-8")  # which every other test deposits
    (desk.root / "data.toml").write_text(desk.flux("deposit", "--template", FLUX_LANG="fr").stdout, "utf-8")
    assert "Cadre de facturation" in (desk.root / "data.toml").read_text("utf-8")
    assert deposit(desk, how=("--mode", "portail", "--as", f"moe:{MOE}"))[0] == 0


def test_data_may_be_typed_whole_and_amounts_keep_their_figures(desk):
    data = tomllib.loads((desk.root / "data.toml").read_text("utf-8"), parse_float=str)
    plain = [f"{name}={value}" for name, value in data.items() if isinstance(value, str)]
    parties = [f"{name}.{key}={value}" for name, party in data.items() if isinstance(party, dict) for key, value in party.items()]
    words = [word for one in (*plain, *parties) for word in ("--set", one)]
    done = desk.flux("deposit", "acompte.pdf", *AS_MOE, *words, "--json")
    assert (done.returncode, json.loads(done.stdout)["pieces"][0]["amounts"]["ht"]) == (0, "41000.00")
    (desk.root / "data.toml").write_text('ht = 41000.10\ndate = 2026-07-31\nnumber = 7\nmoe = { id = "' + MOE + '" }\n', "utf-8")
    (piece,) = deposit(desk)[1]["pieces"]
    assert (piece["amounts"]["ht"], piece["issued"], piece["number"]) == ("41000.10", "2026-07-31", "7")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--mode", "edi", "--as", f"moe:{MOE}"], "FLX-I143"),
        (["--as", f"moe:{MOE}"], "FLX-I143"),
        (["--mode", "service", "--as", "moe"], "FLX-I142"),
        (["--mode", "service", "--as", "valideur:1"], "FLX-I142"),
        ([*AS_MOE, "--partner", "nobody"], "FLX-I17"),
        ([*AS_MOE, "--data", "missing.toml"], "FLX-I144"),
        ([*AS_MOE, "--attach", "missing.txt"], "FLX-I144"),
        ([*AS_MOE, "--set", "colour=red"], "FLX-I141"),
        ([*AS_MOE, "--set", "cadre.x=red"], "FLX-I141"),
    ],
    ids=["edi is no mode of it", "no mode", "no identifier", "no depositor", "another partner", "no data", "no attachment", "an unknown datum", "a text that has parts"],
)
def test_what_cannot_be_taken_ends_with_2_and_nothing_was_taken(desk, words, code):
    (desk.root / "data.toml").write_text('cadre = "A15"\n', "utf-8")
    done = desk.flux("deposit", "acompte.pdf", "--data", "data.toml", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert code in done.stderr
    assert not (desk.root / "spool" / "ledger.db").exists()


def test_of_two_partners_one_must_be_named(tmp_path):
    site = prepared(tmp_path, CONFIG + '\n[[partner]]\nname = "lisse"\n')
    assert "FLX-I140" in deposit(site)[1]
    assert deposit(site, "--partner", "lisse")[0] == 0
    assert len(list((site.outbox / "returns" / "lisse").glob("CERTIFICAT*"))) == 2


# -- beside others -----------------------------------------------------------------------------------------------------------------------------


def test_beside_a_daemon_the_daemon_decides_and_is_woken(tmp_path):
    site = prepared(tmp_path, CONFIG.replace("scan_s = 0.2", "scan_s = 600"))
    with site.running() as logged:
        wait_for(lambda: any(line["event"] == "started" for line in logged()))
        code, receipt = deposit(site)
        wait_for(lambda: any(line.get("flow") == receipt["flow"] and line.get("ended") == "decided" for line in logged()))
    assert (code, receipt["state"]) == (0, "IN_INTEGRE")


def test_a_wait_that_is_over_names_the_flow_which_is_decided_all_the_same(tmp_path):
    site = prepared(tmp_path)
    (site.root / "spool").mkdir()
    held = durable.lock(site.root / "spool" / "lock")  # another flux has the installation, and decides nothing
    try:
        code, receipt = deposit(site, "--wait", "0.5")
    finally:
        os.close(held)
    assert (code, receipt["state"], receipt["certificate"]) == (2, "NOT_EVALUATED", "")
    assert site.flux("once").returncode == 0
    (flow,) = site.json("flows")["flows"]
    assert (flow["id"], flow["state"], flow["mode"]) == (receipt["flow"], "IN_INTEGRE", "service")


def test_three_at_once_are_three_deposits(desk):
    words = [*FLUX, "deposit", "acompte.pdf", "--data", "data.toml", *AS_MOE, "--json"]
    started = [subprocess.Popen([*words, "--number", f"N-{n}"], cwd=desk.root, env=desk.environment(), stdout=subprocess.PIPE, text=True) for n in range(3)]
    receipts = [json.loads(one.communicate(timeout=120)[0]) for one in started]
    assert [one.returncode for one in started] == [0, 0, 0]
    assert len({receipt["certificate"] for receipt in receipts}) == 3


def test_a_deposit_leaves_the_inboxes_alone(desk):
    desk.drop(GOOD)
    assert deposit(desk)[0] == 0
    assert len(list(desk.inbox.iterdir())) == 1


def test_a_ledger_that_is_gone_is_not_begun_anew_by_a_deposit(deposited):
    desk, _ = deposited
    (desk.root / "spool" / "ledger.db").unlink()
    assert "FLX-I90" in deposit(desk, "--number", "X")[1]


# -- the certificate ---------------------------------------------------------------------------------------------------------------------------


def verified(site, *words):
    ended, told, _ = site.typed_here("certificate", "verify", *words, "--json")
    told = json.loads(told)
    return ended, told["intact"], told["as_issued"], told["document"], told["issued"] and told["issued"]["flow"]


def test_a_certificate_is_verified_by_its_number_its_pdf_and_its_page(proven):
    site, receipt = proven
    assert verified(site, receipt["certificate"]) == (0, True, None, None, receipt["flow"])
    assert verified(site, returned(site, "CERTIFICAT*.pdf")) == (0, True, True, None, receipt["flow"])
    assert verified(site, returned(site, "CERTIFICAT*.html")) == (0, True, True, None, receipt["flow"])


def test_a_document_is_the_one_that_was_deposited_or_is_not(proven):
    site, receipt = proven
    (routed,) = (site.outbox / "pieces" / f"moa-{MOA}").iterdir()
    assert verified(site, receipt["certificate"], "--document", routed) == (0, True, None, True, receipt["flow"])
    assert verified(site, receipt["certificate"], "--document", "acompte.pdf") == (0, True, None, True, receipt["flow"])
    (site.root / "other.pdf").write_bytes((site.root / "acompte.pdf").read_bytes() + b" ")
    assert verified(site, receipt["certificate"], "--document", "other.pdf") == (1, True, None, False, receipt["flow"])


def test_a_certificate_that_was_altered_or_made_up_is_none(proven, tmp_path):
    site, receipt = proven
    page, forged = returned(site, "CERTIFICAT*.html").read_bytes(), tmp_path / "forged.html"
    forged.write_bytes(page.replace("49\u202f200".encode(), "94\u202f200".encode()))
    assert forged.read_bytes() != page
    assert verified(site, forged) == (1, True, False, None, receipt["flow"])
    another = base64.b64encode(bytes(32)).decode()
    forged.write_bytes(page.replace(receipt["certificate"].encode(), another.encode()))
    assert verified(site, forged) == (1, False, False, None, None)
    assert verified(site, another) == (1, False, None, None, None)
    assert verified(site, "acompte.pdf") == (1, False, False, None, None)
    assert site.flux("certificate", "verify", "no-such-file").returncode == 2


def test_a_stored_document_that_rotted_proves_nothing_any_more(deposited):
    desk, receipt = deposited
    sha256 = base64.b64decode(receipt["certificate"]).hex()
    stored = desk.root / "spool" / "store" / sha256[:2] / sha256
    stored.write_bytes(stored.read_bytes() + b" ")
    assert verified(desk, receipt["certificate"]) == (1, False, None, None, receipt["flow"])
    stored.unlink()
    assert verified(desk, receipt["certificate"]) == (1, False, None, None, receipt["flow"])


def test_a_certificate_is_shown_again_with_the_very_bytes_that_were_issued(proven, tmp_path):
    site, receipt = proven
    told = json.loads(site.flux("certificate", "show", receipt["flow"], "--json", "--pdf", tmp_path / "a.pdf", "--html", tmp_path / "a.html").stdout)
    assert (told["number"], told["mode"], told["depositor"], len(told["pieces"])) == (receipt["certificate"], "service", {"role": "moe", "id": MOE}, 1)
    for form in ("pdf", "html"):
        assert (tmp_path / f"a.{form}").read_bytes() == returned(site, f"CERTIFICAT*.{form}").read_bytes()


@pytest.mark.parametrize("wanted", [True, False])
def test_an_edi_flow_has_a_certificate_where_its_partner_asks_for_it(tmp_path, wanted):
    site = Site(tmp_path / "site", CONFIG + ("certificates = true\n" if wanted else ""))
    site.drop(GOOD, REFUSED)
    assert site.flux("once").returncode == 0
    flows = site.json("flows")["flows"]
    certified = {flow["state"]: sorted(e["kind"] for e in flow["emissions"] if e["kind"].startswith("certificate")) for flow in flows}
    assert certified == {"IN_REJETE": [], "IN_INTEGRE": ["certificate-html", "certificate-pdf"] if wanted else []}


def test_the_screen_says_the_same_in_french(proven):
    site, receipt = proven
    told = site.flux("certificate", "verify", Path("outbox/returns/batipro") / returned(site, "CERTIFICAT*.pdf").name, FLUX_LANG="fr")
    assert "✓ cette installation a émis ce certificat" in told.stdout
    assert receipt["certificate"] in told.stdout
