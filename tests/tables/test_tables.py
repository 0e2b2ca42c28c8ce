"""The tables hold together: every code explained in both languages, every code used, and what two places say said alike."""

import ast
import re
import shutil
import tomllib
from importlib.resources import files
from pathlib import Path
from string import Formatter

import pytest
from msgspec.structs import fields as fields_of

import flux
from flux import kit as flux_kit
from flux import tables as flux_tables
from flux.decision import statuses_of
from flux.faults import Fault
from flux.model import JUDGE_STAGES, FlowVerdict, Severity, Stage, VerdictKind
from flux.parsers import ubl
from flux.parsers._reading import SCHEMES, WORKS_CADRES
from flux.piece import Actor, Amounts, Attachment, Party, Payment, Piece, VatLine
from flux.stores import schemas
from flux.tables import DEPOSITS, MODES, Tables, _reading

ROOT = Path(flux.__file__).parent
CODE = re.compile(r"FLX-[A-HJ-Z][0-9]{2}|[GS][0-9]\.[0-9]{2}")  # FLX-I is what a Fault is called: the operator's, and no finding's
FAMILIES = {  # file of the catalogue -> what its codes begin with
    "amounts": {"FLX-M"}, "archive": {"FLX-A"}, "cadre": {"FLX-C"}, "directory": {"FLX-R"}, "dossier": {"FLX-W"}, "duplicate": {"FLX-D"},
    "generic": {"FLX-C", "G1.", "S2."}, "limit": {"FLX-L"}, "market": {"FLX-F"}, "norm": {"FLX-E"},
    "parties": {"FLX-P"}, "schema": {"FLX-S"}, "status": {"FLX-N"}, "transport": {"FLX-T"}, "xml": {"FLX-X", "FLX-S"},
}  # fmt: skip
# In the catalogue, and given by no module yet. Delete the row when its code is given, or the code when it never will be.
DEAD: set[str] = set()


@pytest.fixture(scope="module")
def kit():
    return flux_kit.build()


@pytest.fixture
def spoiled(tmp_path, monkeypatch):
    """What load() says of a copy of the tables in which one text reads otherwise: code and facts of the fault."""
    shutil.copytree(ROOT / "tables", tmp_path / "spoiled")

    def load(table, old, new):
        file = tmp_path / "spoiled" / table
        text = file.read_text("utf-8")
        assert text.count(old) == 1, f"{table} does not say {old!r} once"
        file.write_text(text.replace(old, new), "utf-8")
        monkeypatch.setattr(_reading, "HOME", tmp_path / "spoiled")
        with pytest.raises(Fault) as fault:
            flux_tables.load.__wrapped__()
        return fault.value.code, fault.value.facts["table"], fault.value.facts.get("row", "") + fault.value.facts.get("detail", "")

    return load


def placeholders(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def without_language(names):
    return {name.removesuffix("_fr").removesuffix("_en") for name in names}


def literals():
    """Every string in the code that is the code of a finding, with the modules that hold it."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found.setdefault(node.value, set()).add(path.relative_to(ROOT).as_posix())
    return found


# -- load -----------------------------------------------------------------------------------------------------------------------------------


def test_the_tables_load():
    assert isinstance(flux_tables.load(), Tables)


@pytest.mark.parametrize(
    ("table", "old", "new", "code", "row"),
    [
        ("matrix.toml", 'next = "moa"\nedi = { initial = "forbidden", association = "not_applicable" }', 'next = "moa"\nedi = { initial = "forbidden" }', "FLX-I30", "A5 edi.association"),
        ("matrix.toml", 'next = "moa"\nedi = { initial = "forbidden", association = "not_applicable" }', 'next = "moa"\nedi = { initial = "perhaps", association = "not_applicable" }', "FLX-I30", "A5 edi.initial"),
        ("matrix.toml", "[others.A11]", "[others.A26]", "FLX-I30", "A11"),
        ("matrix.toml", 'api = "A1_FACTURE_FOURNISSEUR"\nbecomes = "partner"', 'api = "A1_FACTURE_FOURNISSEUR"\nbecomes = "lost"', "FLX-I30", "A1 becomes"),
        ("matrix.toml", 'api = "A1_FACTURE_FOURNISSEUR"\nbecomes = "partner"', 'api = "A1_FACTURE_FOURNISSEUR"\nbecomes = "refused"', "FLX-I30", "A1 becomes"),
        ("interfaces.toml", "[FSO1113A]", "[FSO113A]", "FLX-I30", "FSO113A"),
        ("interfaces.toml", 'report = "CSO4100A"', 'report = "CSO4100A"\ndefault_for = "profile"', "FLX-I31", "UBL default_for profile"),
        ("transitions.toml", 'to = "VALIDEE_1"', 'to = "VALIDEE_9"', "FLX-I30", "valider valideur: VALIDEE_9"),
        ("transitions.toml", 'from = ["SUSPENDUE"]', 'from = ["MISE_EN_PAIEMENT"]', "FLX-I30", "completer deposant: MISE_EN_PAIEMENT"),
        ("transitions.toml", 'act = "mandater"', 'act = "comptabiliser"', "FLX-I31", "comptabiliser"),
        ("transitions.toml", 'recipient = "MISE_A_DISPOSITION"', "", "FLX-I30", "recipient"),
        ("statuses.toml", '"BROUILLON", ', '"DEPOSEE", ', "FLX-I31", "DEPOSEE"),
        ("chain.toml", 'cadre = "A8"', 'cadre = "A19"', "FLX-I30", "A18/A20 → A19"),
        ("flow_statuses.toml", 'IN_REJETE = { code = "93", fr = "Erreur réception", en = "Reception error" }', "", "FLX-I30", "IN_REJETE"),
        ("fields.toml", 'number = { term = "BT-1",', "number = { term = 1,", "FLX-I32", "Expected `str`, got `int` - at `$[...].term`"),
        ("codes.toml", "payment_means =", "payment_mean =", "FLX-I32", "Object contains unknown field `payment_mean`"),
        ("catalogue/parties.toml", "[FLX-P01]", "[FLX-D01]", "FLX-I31", "FLX-D01"),
        ("en16931/sets.toml", "since = 2026-09-01", "since = 2026-09-01\nuntil = 2026-08-31", "FLX-I30", "BR-FR-CPRO-1.3"),
        ("en16931/cpro.toml", '"20 BG-3 BT-25 |', '"BG-3 BT-25 |', "FLX-I30", "BR-FR-CPRO-02"),
    ],
    ids=["a cell is left out", "a cell says perhaps", "a cadre is left out", "a cadre that is lost", "a refusal without a reason", "an interface of six", "two defaults",
         "a move to nowhere", "a move out of an end", "two moves for one act", "a role without a first status", "a status twice", "a cadre by another", "a flow status left out", "a figure for a text", "a list left out", "a code in two families", "a set that ends before it begins", "a length without a figure"],
)  # fmt: skip
def test_a_table_that_contradicts_itself_stops_the_start_and_the_row_is_named(spoiled, table, old, new, code, row):
    assert spoiled(table, old, new) == (code, table, row)


# -- the catalogue --------------------------------------------------------------------------------------------------------------------------


def test_every_entry_has_its_texts_in_both_languages_a_label_and_a_source(tables):
    silent = {code: name for code, entry in tables.catalogue.items() for name in ("fr", "en", "fix_fr", "fix_en", "label", "source") if not getattr(entry, name).strip()}
    assert silent == {}
    assert {code for code, entry in tables.catalogue.items() if entry.fr == entry.en or entry.fix_fr == entry.fix_en} == set()


def test_both_languages_of_an_entry_quote_the_same_facts(tables):
    unlike = {}
    for code, entry in tables.catalogue.items():
        for fr, en in ((entry.fr, entry.en), (entry.fix_fr, entry.fix_en)):
            if without_language(placeholders(fr)) != without_language(placeholders(en)):
                unlike[code] = (placeholders(fr), placeholders(en))
    assert unlike == {}


def test_every_reason_of_a_code_is_told_in_two_languages_that_quote_the_same_facts_and_end_in_no_full_stop(tables):
    reasons = {(code, name): text for code, entry in tables.catalogue.items() for name, text in entry.why.items()}
    assert {key for key, text in reasons.items() if text.fr == text.en or placeholders(text.fr) != placeholders(text.en)} == set()
    assert {key for key, text in reasons.items() if text.fr.endswith(".") or text.en.endswith(".")} == set(), "they stand inside a sentence"
    assert {code for code, _ in reasons if "found" not in placeholders(tables.catalogue[code].fr)} == set()


def test_every_reason_that_a_reader_of_archives_gives_is_in_the_catalogue(tables):
    given = set()
    for path in sorted((ROOT / "containers").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Refused":
                given |= {tuple(one.value for one in node.args if isinstance(one, ast.Constant))}
    reasons = {pair for pair in given if len(pair) == 2}
    assert len(reasons) > 30
    assert {(code, why) for code, why in reasons if why not in tables.catalogue[code].why} == set()


def test_no_text_quotes_a_fact_of_the_other_language(tables):
    crossed = {
        code
        for code, entry in tables.catalogue.items()
        if any(name.endswith("_en") for name in placeholders(entry.fr + entry.fix_fr)) or any(name.endswith("_fr") for name in placeholders(entry.en + entry.fix_en))
    }
    assert crossed == set()


def test_every_text_is_one_sentence_that_ends(tables):
    """T14 ends in its fact, which ends in an ellipsis of its own."""
    open_ended = {code for code, e in tables.catalogue.items() for text in (e.fr, e.en, e.fix_fr, e.fix_en) if not text.endswith(".")}
    assert open_ended == {"FLX-T14"}


def test_a_label_is_short_enough_to_stand_in_a_list(tables):
    assert {code: entry.label for code, entry in tables.catalogue.items() if len(entry.label) > 50} == {}


def test_each_family_of_codes_stands_in_its_file():
    folder = files("flux.tables").joinpath("catalogue")
    found = {}
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            codes = tomllib.loads(file.read_text("utf-8"))
            assert [code for code in codes if not CODE.fullmatch(code)] == []
            found[file.name.removesuffix(".toml")] = {code[:5] if code.startswith("FLX") else code[:3] for code in codes}
    assert found == FAMILIES


def test_every_code_that_a_module_gives_is_in_the_catalogue(tables):
    assert {code: modules for code, modules in literals().items() if code not in tables.catalogue} == {}


def test_every_code_of_the_catalogue_is_given_by_some_module(tables):
    assert tables.catalogue.keys() - literals().keys() == DEAD


def test_a_rule_is_asked_at_the_stage_that_the_catalogue_says_of_its_codes(kit):
    unlike = {(code, check.stage.value, kit.tables.catalogue[code].stage.value) for check in kit.checks for code in check.codes if kit.tables.catalogue[code].stage is not check.stage}
    assert unlike == set()


def test_what_a_rule_of_the_document_may_give_is_of_a_stage_that_the_sandbox_asks(kit):
    assert {check.stage for check in kit.checks} <= {*JUDGE_STAGES, Stage.DIRECTORY, Stage.MARKET, Stage.DUPLICATE, Stage.ROUTING}


def test_no_code_is_off_in_the_catalogue(tables):
    assert {code for code, entry in tables.catalogue.items() if entry.severity is Severity.OFF} == set()


# -- what stands in two places ----------------------------------------------------------------------------------------------------------------


def test_the_schemes_of_the_parsers_are_those_of_the_tables(tables):
    assert tables.schemes == SCHEMES
    assert {alias for row in tables.codes.identifier_types.values() for alias in row.aliases} == SCHEMES.keys()


def test_no_scheme_means_two_types_of_identifier(tables):
    aliases = [alias for row in tables.codes.identifier_types.values() for alias in row.aliases]
    assert sorted(set(aliases)) == sorted(aliases)
    assert [alias for alias in aliases if alias != alias.upper()] == []
    assert list(tables.codes.identifier_types) == list("1234567")


def test_the_works_cadres_of_the_parsers_are_the_works_rows(tables):
    assert set(tables.works) == WORKS_CADRES


def test_a_transfer_that_needs_an_account_is_a_payment_means(tables):
    assert tables.codes.payment_needs_iban - tables.codes.payment_means == set()


def test_every_cell_of_the_matrix_is_written_and_no_other(tables):
    for row in tables.works.values():
        for mode in MODES:
            assert set(getattr(row, mode)) == set(DEPOSITS)


def test_who_acts_next_is_one_of_the_roles_that_are_known(tables):
    assert {row.next for row in tables.works.values()} == {"moe", "moa", "valideur", "service_financier", "fournisseur"}
    assert {cadre for cadre, row in tables.works.items() if row.moe_at_valideur} == {"A4", "A7", "A22"}


def test_the_syntax_of_every_interface_is_one_that_a_parser_offers(kit, tables):
    offered = {parser.syntax for parser in kit.parsers.values()}
    assert {row.syntax for row in tables.interfaces.values()} == offered


def test_every_syntax_has_its_interface_whether_or_not_a_profile_is_declared(tables):
    for syntax in {row.syntax for row in tables.interfaces.values()}:
        defaults = {row.default_for for row in tables.interfaces.values() if row.syntax == syntax and row.default_for}
        assert defaults in ({"any"}, {"profile", "no_profile"}), syntax


def test_an_interface_is_answered_by_the_report_of_its_number_and_works_alone_is_of_e4_and_e5(tables):
    assert {code: row.report for code, row in tables.interfaces.items()} == {code: f"CSO{code[3:]}" for code in tables.interfaces}
    assert {row.family for row in tables.interfaces.values() if row.works == "only"} == {"E4", "E5"}
    assert {row.family for row in tables.interfaces.values() if row.works == "any"} == {"E1", "E2", "CDV"}


# -- the life cycle ---------------------------------------------------------------------------------------------------------------------------


def test_every_status_and_its_label_are_what_the_schema_of_cppstatut_allows(kit, tables):
    types = kit.schemas.get("cpp-statut", "full").readable.types
    labels = [status.fr for status in tables.flow_statuses.values()] + [status if row.local else row.label.fr for status, row in tables.life.statuses.items()]
    assert [label for label in labels if not (0 < len(label) <= 40 and types["Complement40"].is_valid(label))] == []
    assert [status.code for status in tables.flow_statuses.values() if not types["StatutFlux"].is_valid(status.code)] == []
    assert [status for status, row in tables.life.statuses.items() for code in filter(None, (row.cpp, row.other)) if not types["StatutFacture"].is_valid(code)] == []
    assert not types["Complement40"].is_valid("x" * 41)


def test_every_verdict_has_its_statuses_and_what_was_not_evaluated_has_none(tables):
    told = {kind: statuses_of(kind, Actor("moe", "1"), tables) for kind in VerdictKind}
    assert told == {VerdictKind.ACCEPTED: ("DEPOSEE", "MISE_A_DISPOSITION_MOE"), VerdictKind.REJECTED: ("NON_CONFORME",), VerdictKind.NOT_EVALUATED: ()}
    assert tables.flow_statuses.keys() == set(FlowVerdict) - {FlowVerdict.NOT_EVALUATED}


# -- the fields -------------------------------------------------------------------------------------------------------------------------------


def test_every_field_of_the_table_is_one_of_the_piece_or_a_number_of_a_line(tables):
    parts = {"supplier": Party, "recipient": Party, "valideur": Party, "moe": Party, "moa": Party, "amounts": Amounts, "payment": Payment, "vat": VatLine, "attachments": Attachment}
    known = {field.name for field in fields_of(Piece)} | {f"{name}.{field.name}" for name, part in parts.items() for field in fields_of(part)}
    lines = {"lines", *(f"lines.{field}" for field in ubl.LINE_PLACES)}  # read and told, and not kept
    assert tables.fields.keys() - known == lines


def test_a_field_is_looked_up_without_its_index_and_an_unknown_one_is_told_as_it_is(tables):
    assert tables.field("vat[2].rate") == tables.fields["vat.rate"]
    assert tables.field("no.such[1]").fr == "no.such"


def test_every_business_term_is_of_one_field(tables):
    terms = [row.term for row in tables.fields.values() if row.term]
    assert sorted(set(terms)) == sorted(terms)
    assert [term for term in terms if not re.fullmatch(r"B[TG]-[0-9]+(-1)?", term)] == []


def test_a_relaxation_that_changed_without_a_word_stops_the_start(tmp_path, monkeypatch):
    folder = tmp_path / "schemas"
    shutil.copytree(schemas.home(), folder)
    monkeypatch.setattr(schemas, "home", lambda: folder)
    schemas.load()
    with (folder / "cii-minimal.toml").open("a") as file:
        file.write("# one more pardon\n")
    with pytest.raises(Fault) as raised:
        schemas.load()
    assert raised.value.code == "FLX-I38"
