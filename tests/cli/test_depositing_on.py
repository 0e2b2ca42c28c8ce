"""``flux deposit --previous`` on a piece that came by EDI: what is carried over and what it does to that piece, and each refusal beside its twin."""

import json
import zipfile
from base64 import b64decode
from io import BytesIO

import pytest
from deposit_case import PDF
from lxml import etree
from rig import CONFIG, Site, copied

SIT, MOE, MOA, SUPPLIER = "SIT-2026-0201", "99913107100014", "21990117000015", "99912040500017"
DATA = """date = "2026-05-06"
vat_type = "TVA_SUR_DEBIT"
ht = "100.00"
tva = "20.00"
ttc = "120.00"
net = "120.00"

[[vat]]
rate = "20"
base = "100.00"
amount = "20.00"

[moa]
id = "21990117000015"
"""
SOUND = {"cadre": "A15", "number": "A15-1", "previous": SIT, "as": f"moe:{MOE}"}
REFUSALS = {
    "no such piece": ({"previous": "SIT-2026-9999"}, "FLX-W10"),
    "out of order": ({"cadre": "A17"}, "FLX-W12"),
    "another MOE": ({"as": "moe:99913225100029"}, "FLX-W13"),
}


def deposit(site, **changes):
    """A deposit on another piece: the exit code, the codes of its findings, the receipt."""
    words = [word for name, value in {**SOUND, **changes}.items() for word in (f"--{name}", value)]
    done = site.flux("deposit", "acompte.pdf", "--data", "data.toml", "--mode", "service", *words, "--json")
    receipt = json.loads(done.stdout)
    return done.returncode, [finding["code"] for finding in receipt["findings"]], receipt


def stand(site):
    (dossier,) = site.json("dossier", SIT)["dossiers"]
    return [(piece["cadre"], piece["status"]) for piece in dossier["pieces"]]


@pytest.fixture(scope="module")
def received(tmp_path_factory):
    """An installation with one A4 that came by EDI, and beside it a PDF and its data. To be copied."""
    site = Site(tmp_path_factory.mktemp("received") / "site")
    site.drop("02-moe-in-the-piece/FSO5116A*")
    assert site.flux("once").returncode == 0
    (site.root / "acompte.pdf").write_bytes(PDF)
    (site.root / "data.toml").write_text(DATA, "utf-8")
    return site


@pytest.fixture(scope="module")
def played(received, tmp_path_factory):
    """
    On one A4 that came by EDI: every refusal, the sound deposit, the same once more, the next piece, by name; and how the dossier stood after each part.

    Its market has no file: where there is one, another MOE is refused by it before (FLX-F03).
    """
    site = copied(received, tmp_path_factory.mktemp("played") / "site")
    done = {name: deposit(site, **change) for name, (change, _) in REFUSALS.items()}
    chains = [stand(site)]
    done["sound"] = deposit(site)
    chains.append(stand(site))
    done["again"] = deposit(site, number="A15-2")
    done["next"] = deposit(site, cadre="A19", number="A19-1", previous="A15-1", **{"as": f"moa:{MOA}"})
    chains.append(stand(site))
    return site, done, chains


def test_an_a15_on_an_a4_takes_over_what_it_does_not_say_and_associates_it(played):
    _, done, chains = played
    code, codes, receipt = done["sound"]
    assert (code, codes, receipt["carried"]) == (0, [], ["market", "engagement", "supplier", "recipient", "valideur"])
    (piece,) = receipt["pieces"]
    assert (piece["market"], piece["supplier"]["id"], piece["next_actor"], piece["next_id"]) == ("2026-MT-0999", SUPPLIER, "moa", MOA)
    assert chains[1] == [("A4", "ASSOCIEE"), ("A15", "MISE_A_DISPOSITION_MOA")]


@pytest.mark.parametrize("name", REFUSALS)
def test_a_deposit_that_does_not_fit_is_refused_and_changes_nothing_while_its_twin_is_accepted(played, name):
    _, done, chains = played
    assert done[name][:2] == (1, [REFUSALS[name][1]])
    assert done["sound"][:2] == (0, [])
    assert chains[0] == [("A4", "MISE_A_DISPOSITION_MOE")]


def test_a_piece_that_was_continued_is_not_continued_again_but_the_next_one_is(played):
    _, done, chains = played
    assert done["again"][:2] == (1, ["FLX-W11"])
    assert done["next"][:2] == (0, [])
    assert chains[2] == [("A4", "ASSOCIEE"), ("A15", "ASSOCIEE"), ("A19", "MISE_A_DISPOSITION")]


def test_what_was_carried_over_is_told_with_the_piece_for_good(played):
    site, done, _ = played
    (piece,) = site.json("show", done["next"][2]["flow"])["pieces"]
    assert piece["carried"] == ["market", "engagement", "supplier", "recipient", "valideur", "moe"]


@pytest.mark.parametrize(("setting", "answer", "status"), [("true", (0, []), "ASSOCIEE"), ("false", (1, ["FLX-C03"]), "MISE_A_DISPOSITION_MOE")])
def test_a_moe_who_acts_for_the_moa_validates_alone_where_that_is_set(received, tmp_path, setting, answer, status):
    site = copied(received, tmp_path / "site")
    site.configure(f"moe_for_moa = {setting}\n{CONFIG}")
    assert deposit(site, cadre="A16")[:2] == answer
    assert stand(site)[0] == ("A4", status)


def test_a_deposit_goes_on_as_a_pivot_with_its_pdf_where_that_is_asked_for(received, tmp_path):
    site = copied(received, tmp_path / "site")
    site.configure(CONFIG + '\n[[route]]\nactor = "moa"\nform = "pivot"\n')
    assert deposit(site, partner="batipro")[:2] == (0, [])
    (pivot,) = (site.outbox / "pieces" / f"moa-{MOA}").glob("FEN0036A_*")
    (attached,) = etree.parse(pivot).iterfind(".//PJ")
    with zipfile.ZipFile(BytesIO(b64decode(attached.findtext("Contenu")))) as held:
        assert [held.read(name) for name in held.namelist()] == [PDF]
