"""The life of a piece by command: who may do what, what it leads to, what is refused and why, what is found and exported."""

import csv
import json
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import replace
from openpyxl import load_workbook
from rig import CONFIG, EXAMPLES, Site, copied

from flux.dossier import Standing
from flux.when import moment

MOE, SUPPLIER = "moe:99913225100029", "fournisseur:99912040500017"
NUMBER = "PDF-2026-0301"


@pytest.fixture(scope="module")
def waiting(tmp_path_factory):
    """One A7 that waits for its MOE. For reading only."""
    site = Site(tmp_path_factory.mktemp("waiting") / "site")
    site.drop("03-moe-of-the-market/*.xml")
    assert site.flux("once").returncode == 0
    return site


@pytest.fixture
def site(waiting, tmp_path):
    """The same, to be changed."""
    return copied(waiting, tmp_path / "site")


def test_a_piece_goes_from_hand_to_hand_and_each_step_is_told_with_who_and_why(site):
    assert site.flux("act", NUMBER, "prendre_en_compte", "--as", MOE, "--who", "claire").returncode == 0
    assert site.flux("act", NUMBER, "suspendre", "--as", MOE, "--comment", "la pièce jointe 3 manque").returncode == 0
    assert site.flux("act", NUMBER, "completer", "--as", SUPPLIER).returncode == 0
    (dossier,) = site.json("dossier", NUMBER)["dossiers"]
    (piece,) = dossier["pieces"]
    steps = [(step["act"], step["status"], step["role"]) for step in piece["moves"]]
    assert steps == [
        ("deposer", "DEPOSEE", "fournisseur"),
        ("mettre_a_disposition", "MISE_A_DISPOSITION_MOE", "systeme"),
        ("prendre_en_compte", "PRISE_EN_COMPTE_MOE", "moe"),
        ("suspendre", "SUSPENDUE", "moe"),
        ("completer", "COMPLETEE", "fournisseur"),
    ]
    assert (piece["moves"][2]["who"], piece["moves"][3]["comment"]) == ("claire", "la pièce jointe 3 manque")
    assert piece["waits"] == {"role": "moe", "id": MOE.partition(":")[2]}
    journal = [event["detail"] for event in site.json("show", piece["flow"])["events"] if event["what"] == "moved"]
    assert journal[1] == "suspendre SUSPENDUE role=moe waits=fournisseur:99912040500017 comment=la pièce jointe 3 manque"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("suspendre", "--as", MOE), "FLX-W04"),
        (("prendre_en_compte", "--as", "moe:99913107100014"), "FLX-W03"),
        (("mandater", "--as", "service_financier:22990008900017"), "FLX-W02"),
        (("refuser", "--as", MOE, "--motive", "ERREUR_DE_MONTANT", "--comment", "trop cher"), "FLX-W06"),
    ],
)
def test_what_may_not_be_done_ends_with_1_tells_its_code_in_both_languages_and_changes_nothing(site, words, code):
    before = site.json("dossier", NUMBER)
    told = site.flux("act", NUMBER, *words, "--json")
    finding = json.loads(told.stdout)["finding"]
    assert (told.returncode, finding["code"]) == (1, code)
    assert finding["text"]["fr"] != finding["text"]["en"]
    assert site.flux("act", NUMBER, *words).stderr.startswith(code)
    assert site.json("dossier", NUMBER) == before


OTHER = "moe:99913107100014"
WRONG = ("--motive", "MAUVAISE_MOE", "--comment", "pas nous")


@pytest.mark.parametrize(("check", "code"), [("error", "FLX-F03"), ("warning", None)], ids=["refused", "its twin"])
def test_a_recycling_that_contradicts_the_market_file_is_refused_unless_that_only_warns(site, check, code):
    site.configure(f'market_check = "{check}"\n{CONFIG}')
    assert site.flux("act", NUMBER, "refuser", "--as", MOE, *WRONG).returncode == 0
    done = site.flux("act", NUMBER, "recycler", "--as", SUPPLIER, "--moe", OTHER.partition(":")[2], "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told.get("finding") and told["finding"]["code"]) == (1 if code else 0, code)
    ((piece,),) = (dossier["pieces"] for dossier in site.json("dossier", NUMBER)["dossiers"])
    assert piece["status"] == ("REFUSEE_MOE" if code else "MISE_A_DISPOSITION_MOE")


def test_a_recycled_piece_is_handed_to_the_new_moe_in_the_very_bytes_and_to_nobody_twice(site):
    (site.root / "markets.toml").unlink()  # which names one of them
    for who, to in ((MOE, OTHER), (OTHER, MOE)):
        assert site.flux("act", NUMBER, "refuser", "--as", who, *WRONG).returncode == 0
        assert site.flux("act", NUMBER, "recycler", "--as", SUPPLIER, "--moe", to.partition(":")[2]).returncode == 0
    assert site.flux("once").returncode == 0
    folders = [site.outbox / "pieces" / who.replace(":", "-") for who in (MOE, OTHER)]
    (first,), (second,) = ([path for path in folder.iterdir() if not path.name.startswith("FEN")] for folder in folders)
    assert second.name == f"{first.stem}-4-moe.xml"
    assert second.read_bytes() == first.read_bytes()
    assert {path.parent.name for path in (site.outbox / "pieces").glob("*/*")} == {folder.name for folder in folders}  # the depositor is handed nothing


def test_a_refusal_for_an_amount_is_answered_with_the_article_and_what_to_do_instead(site):
    said = site.flux("act", NUMBER, "refuser", "--as", MOE, "--motive", "ERREUR_DE_MONTANT", "--comment", "trop cher", FLUX_LANG="fr").stderr
    assert "article 12.1.9" in said
    assert "état d'acompte avec vos propres chiffres" in said


@pytest.mark.parametrize("words", [("NOPE", "refuser", "--as", MOE), (NUMBER, "danser", "--as", MOE)], ids=["no such piece", "no such act"])
def test_what_does_not_exist_is_refused_by_its_code(site, words):
    told = site.flux("act", *words, "--json")
    assert (told.returncode, json.loads(told.stdout)["finding"]["code"]) == (1, "FLX-W08" if words[0] == "NOPE" else "FLX-W01")


def test_an_actor_that_is_none_is_a_usage_error_that_names_the_roles(site):
    done = site.flux("act", NUMBER, "refuser", "--as", "moo:1")
    assert done.returncode == 2
    assert "service_financier" in done.stderr


def test_what_waits_is_found_by_whom_it_waits_for_and_by_nobody_else(site):
    assert [one["number"] for one in site.json("synthesis", "--as", MOE)["pieces"]] == [NUMBER]
    assert site.json("synthesis", "--as", SUPPLIER)["pieces"] == []
    assert [one["number"] for one in site.json("search", "--actor", SUPPLIER, "--open")["pieces"]] == [NUMBER]
    assert site.json("search", "--status", "SUSPENDUE")["pieces"] == []


def test_what_was_taken_from_where_it_was_delivered_is_not_new_any_more(site):
    assert [one["number"] for one in site.json("synthesis", "--as", MOE, "--new")["pieces"]] == [NUMBER]
    for file in (site.outbox / "pieces").rglob("*.xml"):
        file.unlink()
    assert site.json("synthesis", "--as", MOE, "--new")["pieces"] == []
    assert [one["number"] for one in site.json("synthesis", "--as", MOE)["pieces"]] == [NUMBER]


def test_a_list_is_exported_for_a_spreadsheet_and_no_cell_of_it_is_a_formula(tmp_path):
    site = Site(tmp_path / "site", 'settle_s = 0.0\n[[partner]]\nname = "batipro"\nnaming = "free"\n')
    content = next(EXAMPLES.glob("03-*/*.xml")).read_bytes().replace(b"EJ-2026-00388", b"=2+3 cmd")
    (site.inbox / "a.xml").write_bytes(content)
    site.flux("once")
    assert site.flux("search", "--to", tmp_path / "list.csv", FLUX_LANG="fr").returncode == 0
    with (tmp_path / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file, delimiter=";")
    assert (row["numéro"], row["engagement"], row["TTC"]) == (NUMBER, "'=2+3 cmd", "147002.62")
    assert site.flux("search", "--to", tmp_path / "list.xlsx", FLUX_LANG="fr").returncode == 0
    head, cells = load_workbook(tmp_path / "list.xlsx").active.iter_rows()
    row = {title.value: cell for title, cell in zip(head, cells, strict=True)}
    assert (row["engagement"].value, row["engagement"].data_type, row["TTC"].value) == ("=2+3 cmd", "s", 147002.62)


def aged(site, days):
    """As if this much time had passed since all that is in the ledger happened."""
    with closing(sqlite3.connect(site.root / "spool" / "ledger.db")) as db, db:
        for flow, ordinal, kept in db.execute("select flow, ordinal, kept from standing").fetchall():
            one = Decoder(Standing).decode(kept)
            older = replace(one, moves=tuple(replace(move, at=move.at - timedelta(days=days)) for move in one.moves))
            received = moment(older.moves[0].at)
            db.execute("update standing set kept = ?, received_at = ? where flow = ? and ordinal = ?", (Encoder().encode(older), received, flow, ordinal))


def test_delays_are_told_with_their_article_the_most_urgent_first(tmp_path):
    site = Site(tmp_path / "site")
    site.configure(CONFIG + '\n[payers]\n"22990008900017" = "sante"\n')
    site.drop("02-moe-in-the-piece/*.xml")
    site.flux("once")
    told = site.json("clocks", "--within", "60")["clocks"]
    assert {(row["clock"], row["article"].split(",")[0]) for row in told} >= {("payment", "CCP R2192-27")}
    assert [row["left"] for row in told] == sorted(row["left"] for row in told)
    assert site.json("clocks", "--within", "0")["clocks"] == []
    aged(site, 60)
    late = site.json("clocks", "--within", "0")["clocks"]
    assert late
    assert all(row["left"] < 0 for row in late)


def test_a_silence_of_fifteen_days_validates_and_a_late_moe_is_told_of_once(tmp_path):
    site = Site(tmp_path / "site")
    site.drop("24-subcontractor/*.xml")
    site.flux("once")
    waiting = {one["number"]: one["status"] for one in site.json("search")["pieces"]}
    assert set(waiting.values()) == {"A_VALIDER_1"}
    aged(site, 14)
    site.flux("once")
    assert {one["status"] for one in site.json("search")["pieces"]} == {"A_VALIDER_1"}
    aged(site, 9)
    site.flux("once")
    pieces = site.json("search")["pieces"]
    assert {one["status"] for one in pieces} == {"MISE_A_DISPOSITION_MOE"}
    assert {move["status"] for one in pieces for move in one["moves"]} >= {"ABSENCE_VALIDATION_1_HORS_DELAI"}
    aged(site, 12)
    for _ in range(2):
        site.flux("once")
        assert [move["act"] for move in site.json("search")["pieces"][0]["moves"]].count("constater_retard_moe") == 1
    told = {path.parent.name for path in (site.outbox / "pieces").glob("*/FEN1201A_*")}
    assert told >= {f"moa-{pieces[0]['moa']['id']}", f"service_financier-{pieces[0]['recipient']['id']}"}  # the holder's is among his return flows
