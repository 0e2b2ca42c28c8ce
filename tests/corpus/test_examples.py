"""The example batches, dropped into a real installation: each gets exactly what its expected.toml says."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from lxml import etree

from flux.stores import schemas

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CONFIG = 'settle_s = 0.0\nlog_level = "error"\n\n[[partner]]\nname = "batipro"\nnaming = "chorus"\n'
CASES = [
    (path.parent.name, file)
    for path in sorted(EXAMPLES.glob("*/expected.toml"))
    for file in tomllib.loads(path.read_text("utf-8"))["file"]
]


def flux(root, *words):
    done = subprocess.run([sys.executable, "-m", "flux.cli", *words], cwd=root, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One installation that has seen every example, in their order."""
    root = tmp_path_factory.mktemp("site")
    (root / "inbox" / "batipro").mkdir(parents=True)
    (root / "flux.toml").write_text(CONFIG)
    shutil.copy(EXAMPLES / "markets.toml", root)
    for turn in sorted({file["order"] for _, file in CASES}):
        for folder, file in CASES:
            if file["order"] == turn:
                shutil.copy(EXAMPLES / folder / file["name"], root / "inbox" / "batipro")
        flux(root, "once")
    return root


@pytest.fixture(scope="module")
def flows(site):
    return {flow["file"]: flow for flow in json.loads(flux(site, "flows", "--json", "--limit", "500"))["flows"]}


def errors(findings):
    return {f["code"] for f in findings if f["severity"] == "error"}


@pytest.mark.parametrize(("folder", "file"), CASES, ids=[f"{folder}/{file['name']}" for folder, file in CASES])
def test_an_example_gets_what_it_must_get(flows, folder, file):
    flow = flows[file["name"]]
    assert flow["state"] == file["state"], [f["code"] for f in flow["findings"]] + [errors(p["findings"]) for p in flow["pieces"]]
    assert flow["plumbing"] == "CLOSED"
    assert len(flow["pieces"]) == file["pieces"]
    assert errors(flow["findings"]) == set(file["codes"])
    for wanted in file.get("piece", []):
        piece = flow["pieces"][wanted["ordinal"] - 1]
        assert (piece["number"] or "", piece["verdict"]) == (wanted["number"], wanted["verdict"])
        assert errors(piece["findings"]) == set(wanted["codes"])
        assert piece["next_actor"] == wanted.get("next_actor")


def test_every_accepted_piece_stands_as_received_with_who_acts_next(site, flows):
    for flow in flows.values():
        sent = [e for e in flow["emissions"] if e["kind"] == "piece"]
        routed = [e for e in sent if "-moa." not in e["name"]]
        copied = [p["cadre"] for p in flow["pieces"] for e in sent if e not in routed and e["piece"] == p["ordinal"]]
        assert set(copied) <= {"A22"}
        accepted = [p for p in flow["pieces"] if p["verdict"] == "accepted"]
        assert len(routed) == len(accepted)
        for emission, piece in zip(routed, accepted, strict=True):
            assert emission["target"].startswith(f"pieces/{piece['next_actor']}-")
            assert emission["sha256"] == piece["sha256"]
            assert (site / "outbox" / emission["target"] / emission["name"]).is_file()


def test_every_flow_is_answered_and_its_return_flows_are_valid(site, flows):
    statut = schemas.load().get("cpp-statut", "full").xsd
    for flow in flows.values():
        kinds = {e["kind"] for e in flow["emissions"] if e["kind"] != "piece"}
        assert kinds >= {"integration", "report-json", "report-html"}
        for emission in flow["emissions"]:
            if emission["kind"] in ("integration", "lifecycle"):
                content = (site / "outbox" / "returns" / "batipro" / emission["name"]).read_bytes()
                assert statut.validate(etree.fromstring(content)), statut.error_log


def test_the_pre_check_says_what_production_said(site, flows):
    """The same judgement: `flux check` on the files of the first turn, in an installation that has seen nothing."""
    names = [(folder, file) for folder, file in CASES if file["order"] == 1]
    empty = site.parent / "empty"
    (empty / "inbox" / "batipro").mkdir(parents=True, exist_ok=True)
    (empty / "flux.toml").write_text(CONFIG)
    shutil.copy(EXAMPLES / "markets.toml", empty)
    done = subprocess.run(
        [sys.executable, "-m", "flux.cli", "check", "--json", "--partner", "batipro", *(str(EXAMPLES / folder / file["name"]) for folder, file in names)],
        cwd=empty, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    for told in json.loads(done.stdout)["flows"]:
        made = flows[told["file"]]
        assert (told["state"], told["findings"]) == (made["state"], made["findings"])
        assert told["pieces"] == made["pieces"]
    assert not list((empty / "inbox" / "batipro").iterdir())
