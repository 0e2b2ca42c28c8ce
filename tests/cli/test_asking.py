"""What can be asked of an installation: the lists, one flow, one piece, the matrix."""

import json
import tomllib
import zipfile
from pathlib import Path

import pytest
from rig import CONFIG, EXAMPLES, GOOD

from flux import kit, tables
from flux.model import EmissionState, FlowVerdict, Plumbing, Severity, VerdictKind
from flux.words import _table


def ids(told):
    return [flow["file"][:8] for flow in told["flows"]]


def test_flows_are_told_newest_first_and_whole(seen):
    told = seen.json("flows")
    assert len(told["flows"]) == 3
    received = [flow["received_at"] for flow in told["flows"]]
    assert received == sorted(received, reverse=True)
    for flow in told["flows"]:
        assert flow == seen.json("show", flow["id"])
        assert flow["plumbing"] == "CLOSED"


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--partner", "batipro"), 3), (("--partner", "nobody"), 0), (("--state", "IN_REJETE"), 1), (("--state", "closed"), 3),
        (("--state", "HELD"), 0), (("--state", "NOT_EVALUATED"), 0), (("--on", "2020-01-01"), 0), (("--limit", "1"), 1),
    ],
)  # fmt: skip
def test_flows_are_filtered_by_partner_state_and_day(seen, words, count):
    assert len(seen.json("flows", *words)["flows"]) == count


@pytest.mark.parametrize(("limit", "more"), [("2", True), ("3", False)])
def test_a_list_that_is_cut_says_so(seen, limit, more):
    assert seen.json("flows", "--limit", limit)["more"] is more
    assert ("--limit shows more" in seen.flux("flows", "--limit", limit).stdout) is more


@pytest.mark.parametrize(("language", "words"), [("en", ["no state is called helt", "HELD (held"]), ("fr", ["aucun état ne s'appelle helt", "HELD (en attente"])])
def test_a_state_that_is_none_is_refused_with_those_that_are(seen, language, words):
    done = seen.flux("flows", "--state", "helt", FLUX_LANG=language)
    assert (done.returncode, done.stdout) == (2, "")
    for word in words:
        assert word in done.stderr
    assert seen.flux("flows", "--state", "held").returncode == 0


def test_a_partner_that_is_not_configured_is_told_when_nothing_is_found_of_him(seen):
    done = seen.flux("flows", "--partner", "batpro")
    assert (done.returncode, done.stderr) == (0, "batpro is no partner of flux.toml; the partners are: batipro\n")
    assert seen.flux("flows", "--partner", "batipro", "--state", "HELD").stderr == ""


def test_flows_of_a_former_partner_are_found_without_a_word(site):
    site.drop(GOOD)
    site.flux("once")
    site.configure(CONFIG.replace("batipro", "other"))
    done = site.flux("flows", "--partner", "batipro")
    assert (done.returncode, done.stderr) == (0, "")
    assert "batipro" in done.stdout


def test_where_nothing_was_ever_received_the_list_is_empty_and_no_flow_is_called_anything(site):
    done = site.flux("flows")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing was received here yet.\n", "")
    assert site.json("flows") == {"flows": [], "more": False}
    assert site.flux("show", "x").returncode == 2


def test_flows_of_today_are_those_received_today_in_paris(seen):
    day = seen.json("flows")["flows"][0]["received_at"][:10]
    assert len(seen.json("flows", "--date", day)["flows"]) == 3


def test_a_flow_is_shown_with_its_pieces_findings_journal_and_deliveries(seen):
    flow = next(f for f in seen.json("flows")["flows"] if f["state"] == "IN_INTEGRE_PARTIEL")
    shown = seen.flux("show", flow["id"][-10:]).stdout
    assert flow["file"] in shown
    assert "39 of 40 pieces accepted" in shown
    assert "G1.05 (error) The invoice number" in shown
    assert "decided" in shown
    assert f"returns/batipro/CSO4100A_FLUX01_{flow['id']}.html" in shown.replace("\n", "")


def test_a_part_of_an_id_that_several_flows_share_names_them(seen):
    done = seen.flux("show", "202")
    assert (done.returncode, done.stdout) == (2, "")
    first, *named = done.stderr.splitlines()
    assert first == "202 means several flows; give the id of one of them:"
    assert [line.split()[0] for line in named] == [flow["id"] for flow in seen.json("flows")["flows"]]
    assert seen.flux("show", "nope").stderr == "no flow is called nope\n"


def test_states_kinds_and_severities_are_words_on_the_screen_and_codes_in_the_json(seen):
    flow = next(f for f in seen.json("flows")["flows"] if f["state"] == "IN_INTEGRE_PARTIEL")
    assert flow["plumbing"] == "CLOSED"
    assert {e["kind"] for e in flow["emissions"]} == {"integration", "lifecycle", "report-json", "report-html", "piece"}
    shown, listed = seen.flux("show", flow["id"], FLUX_LANG="fr").stdout, seen.flux("flows", FLUX_LANG="fr").stdout
    for word in ("clos", "faite", "compte rendu d'intégration", "cycle de vie", "G1.05 (erreur)"):
        assert word in shown
    assert " clos " in listed
    for code in ("CLOSED", "EMITTED", "lifecycle"):
        assert code not in shown + listed


def test_everything_that_the_screen_names_by_a_code_has_its_word():
    table = _table()
    assert table["plumbing"].keys() == set(Plumbing)
    assert table["emission"].keys() == set(EmissionState)
    assert table["kind"].keys() == {"piece", *(emitter.kind for emitter in kit.build().emitters)}
    assert table["severity"].keys() == {Severity.ERROR, Severity.WARNING}
    assert table["state"].keys() == {*FlowVerdict, *VerdictKind}


def test_a_piece_is_found_by_its_number_with_the_flow_that_brought_it(seen):
    (piece,) = seen.json("piece", "MEN-2026-0601")["pieces"]
    flow = next(f for f in seen.json("flows")["flows"] if f["state"] == "IN_INTEGRE_PARTIEL")
    assert (piece["flow"], piece["ordinal"], piece["verdict"]) == (flow["id"], 1, "accepted")
    assert piece == {"flow": flow["id"], "received_at": flow["received_at"], "flow_purged": [], **flow["pieces"][0]}


def test_a_number_that_no_piece_has_is_said_and_told_as_an_empty_list(seen):
    assert seen.json("piece", "NOPE") == {"pieces": []}
    done = seen.flux("piece", "NOPE")
    assert (done.returncode, done.stderr) == (2, "no piece has the number NOPE\n")


def test_the_matrix_is_told_as_the_rules_read_it(seen):
    told, known = seen.json("matrix"), tables.load()
    assert {row["cadre"]: {mode: row[mode] for mode in tables.MODES} for row in told["works"]} == {
        cadre: {mode: getattr(row, mode) for mode in tables.MODES} for cadre, row in known.works.items()
    }
    assert len(told["works"]) == 18
    assert {row["cadre"] for row in told["others"]} >= {"A1", "A2", "A3", "A9", "A12", "A21"}
    assert next(row for row in told["works"] if row["cadre"] == "A5")["edi"] == {"initial": "forbidden", "association": "not_applicable"}


def test_the_matrix_needs_no_installation(tmp_path, seen):
    done = seen.flux("matrix", "--json", FLUX_CONFIG=str(tmp_path / "absent.toml"))
    assert len(json.loads(done.stdout)["works"]) == 18


def test_french_is_spoken_where_it_is_asked_for(seen):
    assert "39 pièces acceptées sur 40" in seen.flux("show", partial(seen), FLUX_LANG="fr").stdout
    assert "39 of 40 pieces accepted" in seen.flux("show", partial(seen), FLUX_LANG="en").stdout
    assert "matrice" in seen.flux("--help", LC_ALL="fr_FR.UTF-8").stdout


def partial(seen):
    return next(f["id"] for f in seen.json("flows")["flows"] if f["state"] == "IN_INTEGRE_PARTIEL")


def test_reading_changes_nothing(seen):
    def state():
        return {p.relative_to(seen.root): p.stat().st_mtime_ns for p in seen.root.rglob("*") if p.is_file() and "ledger" not in p.name}

    before = state()
    for words in (("flows",), ("show", partial(seen)), ("piece", "MEN-2026-0601"), ("matrix",), ("doctor",)):
        seen.flux(*words)
    assert state() == before


@pytest.mark.parametrize("where", [("--config", "flux.toml", "flows"), ("flows", "--config", "flux.toml")])
def test_the_configuration_is_named_before_or_after_the_command(seen, where):
    assert seen.flux(*where).returncode == 0


def test_the_configuration_is_found_by_the_environment(seen, tmp_path):
    assert seen.flux("flows", FLUX_CONFIG=str(seen.root / "flux.toml")).returncode == 0
    done = seen.flux("flows", FLUX_CONFIG=str(tmp_path / "absent.toml"))
    assert done.returncode == 2
    assert "absent.toml" in done.stderr


def test_the_version_is_that_of_the_package(seen):
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text("utf-8"))
    assert seen.flux("--version").stdout == f"flux {project['project']['version']}\n"


def test_the_pre_check_says_that_these_bytes_went_in_already(site):
    site.drop(GOOD)
    (file,) = EXAMPLES.glob(GOOD)
    assert site.flux("check", file, "--partner", "batipro").returncode == 0
    site.flux("once")
    (flow,) = site.json("check", file, "--partner", "batipro")["flows"]
    assert [finding["code"] for finding in flow["findings"]] == ["FLX-D03"]


def test_a_duplicate_inside_one_archive_is_told_with_the_name_of_the_archive(site):
    content = next(EXAMPLES.glob(GOOD)).read_bytes()
    path = site.root / "lot.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a.xml", "b.xml"):
            archive.writestr(name, content)
    (flow,) = site.json("check", path)["flows"]
    (finding,) = flow["pieces"][1]["findings"]
    assert finding["code"] == "FLX-D01"
    assert "(flow lot.zip, piece 1)" in finding["text"]["en"]
