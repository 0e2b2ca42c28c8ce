"""``flux market``: what an operator imports, what becomes of it, and that the next piece is held to it."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from rig import EXAMPLES, GOOD, wait_for

from flux import durable

ROAD = """[[market]]
number = "2026-MT-0042"
label = "RD 914 : reprise de chaussée"
notified = 2026-01-15
engagements = ["EJ-2026-00388"]

[[market.actor]]
role = "titulaire"
id = "{titulaire}"
name = "BATIPRO Construction"

[[market.actor]]
role = "moe"
id = "99913225100029"

[[market.actor]]
role = "moa"
id = "22990008900017"
services = ["{service}"]
"""
BATIPRO, STRANGER = "99912040500017", "99912118900016"


@pytest.fixture
def fiche(site):
    """Writes a market file beside flux.toml; gives its name."""

    def write(titulaire=BATIPRO, service="ROUTES-TRAVAUX", name="fiche.toml"):
        (site.root / name).write_text(ROAD.format(titulaire=titulaire, service=service), "utf-8")
        return name

    return write


def answered(site):
    """What the only flow got: its state and the codes of its pieces."""
    site.drop(GOOD)
    assert site.flux("once").returncode == 0
    (flow,) = site.json("flows")["flows"]
    return flow["state"], [finding["code"] for piece in flow["pieces"] for finding in piece["findings"]]


def imported(site, file, *more):
    (row,) = site.json("market", "import", file, *more)["markets"]
    return row["state"], row["version"]


def test_what_agrees_with_an_imported_file_is_accepted(site, fiche):
    assert imported(site, fiche()) == ("imported", 1)
    assert answered(site) == ("IN_INTEGRE", [])


@pytest.mark.parametrize(("other", "code"), [({"titulaire": STRANGER}, "FLX-F01"), ({"service": "VOIRIE"}, "FLX-F07")])
def test_what_contradicts_an_imported_file_is_refused_though_markets_toml_says_nothing_against_it(site, fiche, other, code):
    assert imported(site, fiche(**other)) == ("imported", 1)
    assert answered(site) == ("IN_REJETE", [code])
    (answer,) = (site.outbox / "returns" / "batipro").glob("CSO*.xml")
    assert code in answer.read_text("utf-8")
    assert not list((site.outbox / "pieces").rglob("*.xml"))


@pytest.mark.parametrize(("of", "expected"), [("warning", ("IN_INTEGRE", ["FLX-F01"])), ("off", ("IN_INTEGRE", []))])
def test_a_partner_may_be_told_or_spared(site, fiche, of, expected):
    site.configure((site.root / "flux.toml").read_text("utf-8") + f'market_check = "{of}"\n')
    imported(site, fiche(titulaire=STRANGER))
    assert answered(site) == expected


def test_a_market_without_a_file_is_refused_only_where_that_is_asked_for(site):
    (site.root / "markets.toml").unlink()
    site.configure('unknown_market = "error"\n' + (site.root / "flux.toml").read_text("utf-8"))
    assert answered(site) == ("IN_REJETE", ["FLX-F09"])


def test_the_daemon_holds_the_next_piece_to_a_file_that_was_imported_meanwhile(site, fiche):
    def answers():
        return list((site.outbox / "returns" / "batipro").glob("CSO*.xml"))

    with site.running():
        site.drop(GOOD)
        wait_for(lambda: len(answers()) == 1)
        assert imported(site, fiche(titulaire=STRANGER)) == ("imported", 1)
        site.drop("06-one-bad-in-forty/*.gz")
        wait_for(lambda: len(answers()) == 2)
    pieces = [piece for flow in site.json("flows")["flows"] for piece in flow["pieces"]]
    held = [piece for piece in pieces if any(finding["code"] == "FLX-F01" for finding in piece["findings"])]
    assert {piece["market"] for piece in held} == {"2026-MT-0042"}
    assert len(held) == sum(piece["market"] == "2026-MT-0042" for piece in pieces) - 1
    assert [piece["verdict"] for piece in pieces if piece["number"] == "PDF-2026-0301"] == ["accepted"]


def test_flux_check_knows_what_was_imported(site, fiche):
    file = next(EXAMPLES.glob(GOOD))
    assert site.flux("check", file).returncode == 0
    imported(site, fiche(titulaire=STRANGER))
    assert site.flux("check", file).returncode == 1


def test_versions_count_up_say_who_and_when_and_what_says_the_same_is_unchanged(site, fiche):
    assert imported(site, fiche(), "--who", "Claire") == ("imported", 1)
    assert imported(site, fiche()) == ("unchanged", 1)
    assert imported(site, fiche(service="VOIRIE"), "--who", "Paul") == ("imported", 2)
    assert imported(site, fiche()) == ("imported", 3)
    shown = site.json("market", "show", "2026-MT-0042")
    assert (shown["version"], shown["source"], shown["notified"], len(shown["actors"])) == (3, "fiche.toml", "2026-01-15", 3)
    assert shown["actors"][2]["services"] == ["ROUTES-TRAVAUX"]
    kept = sorted((site.root / "spool" / "markets").glob("*.toml"))
    assert [path.name.rpartition(".v")[2] for path in kept] == ["1.toml", "2.toml", "3.toml"]
    assert [f'who = "{who}"' in path.read_text("utf-8") for path, who in zip(kept, ("Claire", "Paul"), strict=False)] == [True, True]
    listed = {row["number"]: (row["version"], row["source"]) for row in site.json("market", "list")["markets"]}
    assert listed["2026-MT-0042"] == (3, "fiche.toml")
    assert listed["2026-MT-0117"] == (None, "markets.toml")


def test_a_file_with_a_fault_is_refused_whole_and_what_was_known_stays(site, fiche):
    imported(site, fiche())
    (site.root / "bad.toml").write_text(ROAD.format(titulaire=STRANGER, service="X") + '\n[[market]]\nnumber = "M2"\nmoe = { id = "1" }\n', "utf-8")
    for command in ("import", "check"):
        done = site.flux("market", command, "bad.toml")
        assert (done.returncode, "FLX-I16" in done.stdout, "bad.toml [[market]] 2 moe id" in done.stdout) == (1, True, True)
    told = site.json("market", "check", "bad.toml")
    assert [(fault["code"], fault["where"]) for fault in told["faults"]] == [("FLX-I16", "bad.toml [[market]] 2 moe id")]
    assert told["markets"] == []
    assert site.json("market", "show", "2026-MT-0042")["version"] == 1


def test_check_takes_nothing_and_needs_no_installation(site, fiche, tmp_path):
    shutil.move(site.root / fiche(), tmp_path / "fiche.toml")
    (site.root / "flux.toml").unlink()
    assert [(row["number"], row["state"]) for row in site.json("market", "check", tmp_path / "fiche.toml")["markets"]] == [("2026-MT-0042", "sound")]
    assert not (site.root / "spool").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [(("import", "nowhere.toml"), "FLX-I110"), (("import", "empty.toml"), "FLX-I110"), (("show", "M9"), "FLX-I123"), (("template", "there.xlsx"), "there.xlsx exists already"), (("template", "new.xlsx", "--of", "M9"), "FLX-I123")],
)
def test_what_cannot_be_done_ends_with_2(site, words, says):
    (site.root / "there.xlsx").write_bytes(b"somebody's")
    (site.root / "empty.toml").write_text("# nothing\n")
    done = site.flux("market", *words)
    assert (done.returncode, says in done.stderr) == (2, True)
    assert (site.root / "there.xlsx").read_bytes() == b"somebody's"


def test_the_form_of_a_known_market_goes_out_and_comes_back_unchanged(site, fiche):
    imported(site, fiche())
    assert site.flux("market", "template", "form.xlsx", "--of", "2026-MT-0042").returncode == 0
    assert imported(site, "form.xlsx") == ("unchanged", 1)


def test_a_kept_file_that_somebody_edited_stops_the_start_and_is_a_red_line_of_the_doctor(site, fiche):
    imported(site, fiche())
    (kept,) = (site.root / "spool" / "markets").glob("*.toml")
    sound = kept.read_text("utf-8")
    kept.write_text(sound.replace(BATIPRO, STRANGER), "utf-8")
    done = site.flux("once")
    assert (done.returncode, done.stderr.split()[0]) == (2, "FLX-I122")
    lines = {line["check"]: line for line in json.loads(site.flux("doctor", "--json").stdout)["lines"]}
    assert (lines["markets"]["verdict"], str(kept) in lines["markets"]["found"]["en"]) == ("bad", True)
    kept.write_text(sound, "utf-8")
    assert site.flux("once").returncode == 0
    assert "4 markets, 1 of them imported" in site.flux("doctor").stdout


def test_a_kept_file_that_breaks_under_the_daemon_postpones_the_flow_and_blames_nobody(site, fiche):
    imported(site, fiche())
    (kept,) = (site.root / "spool" / "markets").glob("*.toml")
    with site.running() as logged:
        wait_for(lambda: any(line["event"] == "started" for line in logged()))
        broken = kept.with_name(kept.name.replace(".v1.", ".v2."))
        broken.write_text("version 2 by hand", "utf-8")
        site.drop(GOOD)
        attempt = wait_for(lambda: next((line for line in logged() if line["event"] == "attempt"), None))
        assert (attempt["ended"], attempt["trouble"]) == ("postponed", "FLX-I122")
        broken.unlink()
        wait_for(lambda: list((site.outbox / "returns" / "batipro").glob("CSO*")))
    (flow,) = site.json("flows")["flows"]
    assert flow["state"] == "IN_INTEGRE"


def test_imports_at_once_give_each_version_once(site, fiche):
    names = [fiche(service=f"S{n}", name=f"fiche{n}.toml") for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda name: site.flux("market", "import", name), names))
    taken = sum(one.returncode == 0 for one in done)
    assert {one.returncode for one in done} <= {0, 2}
    assert all("FLX-I124" in one.stderr for one in done if one.returncode)
    assert len(list((site.root / "spool" / "markets").glob("*.toml"))) == taken == site.json("market", "show", "2026-MT-0042")["version"]


def test_an_import_waits_for_nobody_and_says_who_is_there(site, fiche):
    imported(site, fiche())
    fd = durable.lock(site.root / "spool" / "markets" / "lock")
    assert fd is not None
    began = time.monotonic()
    done = site.flux("market", "import", fiche(service="X"))
    assert (done.returncode, done.stderr.split()[0]) == (2, "FLX-I124")
    assert time.monotonic() - began < 30


def test_what_a_crash_left_half_written_is_never_read_and_goes_with_the_next_import(site, fiche):
    imported(site, fiche())
    (kept,) = (site.root / "spool" / "markets").glob("*.toml")
    half = kept.with_name(kept.name.replace(".v1.toml", ".v2.part"))
    half.write_bytes(kept.read_bytes()[:50])
    assert site.json("market", "show", "2026-MT-0042")["version"] == 1
    assert imported(site, fiche(service="X")) == ("imported", 2)
    assert not half.exists()


def test_the_words_are_in_the_readers_language(site, fiche):
    done = site.flux("market", "import", fiche(), FLUX_LANG="fr")
    assert done.stdout.split() == ["2026-MT-0042", "importé", "version", "1"]
    shown = site.flux("market", "show", "2026-MT-0042", FLUX_LANG="fr").stdout
    assert "maîtrise d'œuvre" in shown
    assert "notifié le 2026-01-15" in shown
