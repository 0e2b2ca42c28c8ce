"""What can be asked of an installation: the lists, one flow, one piece, the matrix."""

import json
import tomllib
from pathlib import Path

import pytest

from flux import tables


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
        (("--state", "HELD"), 0), (("--on", "2020-01-01"), 0), (("--limit", "1"), 1),
    ],
)  # fmt: skip
def test_flows_are_filtered_by_partner_state_and_day(seen, words, count):
    assert len(seen.json("flows", *words)["flows"]) == count


def test_flows_of_today_are_those_received_today_in_paris(seen):
    day = seen.json("flows")["flows"][0]["received_at"][:10]
    assert len(seen.json("flows", "--date", day)["flows"]) == 3


def test_a_flow_is_shown_with_its_pieces_findings_journal_and_deliveries(seen):
    flow = next(f for f in seen.json("flows")["flows"] if f["state"] == "IN_INTEGRE_PARTIEL")
    shown = seen.flux("show", flow["id"][-10:]).stdout
    assert flow["file"] in shown
    assert "39 of 40 accepted" in shown
    assert "G1.05" in shown
    assert "decided" in shown
    assert f"returns/batipro/CSO4100A_FLUX01_{flow['id']}.html" in shown.replace("\n", "")


def test_a_part_of_an_id_that_several_flows_share_names_none(seen):
    done = seen.flux("show", "202")
    assert (done.returncode, done.stderr) == (2, "no flow is called 202, or several contain it\n")


def test_a_piece_is_found_by_its_number_with_the_flow_that_brought_it(seen):
    (piece,) = seen.json("piece", "MEN-2026-0601")["pieces"]
    flow = next(f for f in seen.json("flows")["flows"] if f["state"] == "IN_INTEGRE_PARTIEL")
    assert (piece["flow"], piece["ordinal"], piece["verdict"]) == (flow["id"], 1, "accepted")
    assert piece == {"flow": flow["id"], "received_at": flow["received_at"], **flow["pieces"][0]}


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
    assert "39 sur 40 acceptées" in seen.flux("show", partial(seen), FLUX_LANG="fr").stdout
    assert "39 of 40 accepted" in seen.flux("show", partial(seen), FLUX_LANG="en").stdout
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
