"""The table of faults and the places that raise them: neither knows a code, or a fact, that the other does not."""

import ast
import re
from pathlib import Path
from string import Formatter

import orjson
import pytest
from msgspec.structs import asdict

import flux
from flux import config, starter, tables
from flux.faults import Fault, table, traced

ROOT = Path(flux.__file__).parent
PASSED_ON = {"round.py"}  # a fault of the sandbox comes over the wire as a code and its facts


def calls():
    """Every ``Fault(...)`` of the package: where it stands, and the call."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Fault":
                yield path.relative_to(ROOT).as_posix(), node


def raised():
    """Where, the code and the facts of every call that names its code."""
    for where, call in calls():
        if [type(argument) for argument in call.args] == [ast.Constant]:
            yield f"{where}:{call.lineno}", call.args[0].value, {keyword.arg for keyword in call.keywords}


def texts(code):
    return {name: text for name, text in asdict(table()[code]).items() if isinstance(text, str)}


def quoted(code):
    """The facts that the texts of a code quote."""
    return {name for text in texts(code).values() for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_fault_names_its_code_where_it_is_raised():
    assert {where for where, call in calls() if [type(argument) for argument in call.args] != [ast.Constant]} == PASSED_ON


def test_every_code_that_is_raised_is_in_the_table_and_every_row_is_raised():
    assert {code for _, code, _ in raised()} == table().keys()
    assert [code for code in table() if not re.fullmatch(r"FLX-I\d{2,3}", code)] == []


def test_the_facts_given_are_the_facts_quoted():
    assert [(where, code, facts, quoted(code)) for where, code, facts in raised() if facts != quoted(code)] == []


@pytest.mark.parametrize("code", table())
def test_a_code_says_what_happened_what_it_means_and_what_to_do_in_both_languages(code):
    fault = Fault(code, **dict.fromkeys(quoted(code), "…"))
    for language in ("fr", "en"):
        told = fault.told(language)
        assert all(re.fullmatch(r"\S.*[^\s.]\.", text) for text in told), told
    assert all(fr != en for fr, en in zip(fault.told("fr"), fault.told("en"), strict=True))


@pytest.mark.parametrize("part", ["what", "means", "do"])
@pytest.mark.parametrize("code", table())
def test_both_languages_quote_the_same_facts(code, part):
    row = texts(code)
    fr, en = ({name for _, name, _, _ in Formatter().parse(row[f"{part}_{language}"]) if name} for language in ("fr", "en"))
    assert fr == en


def test_a_word_that_is_mended_in_a_fault_makes_no_other_rule_pack():
    judging = b"".join(tables.sources())
    assert (b"[FLX-X01]" in judging, b"[FLX-I01]" in judging) == (True, False)


def test_a_fault_is_one_english_line_and_its_reason_one_line_a_language():
    fault = Fault("FLX-I21", path="spool/ledger.db")
    assert (fault.code, str(fault)) == ("FLX-I21", " ".join(fault.told("en")))
    assert asdict(fault.reason()) == {"code": "FLX-I21", "fr": " ".join(fault.told("fr")), "en": str(fault)}


def test_a_name_that_a_stranger_chose_stays_on_its_line_and_can_be_stored():
    fault = Fault("FLX-I21", path="a\nb\x1b[31m\udcff\u202e{path}")
    assert fault.facts == {"path": r"a b\u001b[31m\udcff\u202e{path}"}
    assert r"a b\u001b[31m\udcff\u202e{path}" in orjson.loads(orjson.dumps(asdict(fault.reason())))["en"]


def test_a_bug_is_told_with_its_kind_its_words_and_its_place_on_one_line():
    with pytest.raises(KeyError) as bug:
        {}["gone"]
    assert re.fullmatch(r"KeyError: 'gone' \(test_faults\.py:\d+ test_a_bug\w+\)", traced(bug.value))


@pytest.mark.parametrize(
    ("text", "code", "quotes"),
    [
        ("attempts = [", "FLX-I03", "flux.toml"),
        ("atempts = 3", "FLX-I04", "“attempts”"),
        ("zzz = 3", "FLX-I05", "installation, ledger"),
        ('attempts = "three"', "FLX-I06", 'attempts = "three" is not of the right kind; a value such as 3 '),
        ("attempts = true", "FLX-I06", "attempts"),
        ('retry_s = ["soon"]', "FLX-I06", "[1, 10, 60]"),
        ('siret_check = "maybe"', "FLX-I07", "error, warning, off"),
        ('[severities]\n"FLX-M05" = "never"', "FLX-I07", "[severities]: FLX-M05"),
        ("attempts = 0", "FLX-I08", "expected 1 – 20"),
        ("settle_s = nan", "FLX-I08", "settle_s = nan"),
        ("retry_s = [1, inf]", "FLX-I08", "expected 0 – 604800"),
        ("retry_s = [-1]", "FLX-I08", "expected 0 – 604800"),
        ('[[route]]\nactor = ""\nfolder = "x"', "FLX-I09", "expected ≥ 1"),
        ('[[partner]]\nname = "p"\ndefault_cadre = "A100"', "FLX-I09", "expected ≤ 3"),
        ("limits = 3", "FLX-I10", "flux.toml [limits] is 3"),
        ("severities = 3", "FLX-I10", "flux.toml [severities] is 3"),
        ("partner = 3", "FLX-I11", "[[partner]]"),
        ('installation = "flux01"', "FLX-I12", '"flux01"'),
        ('[[partner]]\nname = "Béton"', "FLX-I13", '"Béton"'),
        ('[[partner]]\nname = "p"\n[[partner]]\nname = "p"', "FLX-I14", '"p"'),
    ],
)
def test_each_mistake_in_the_configuration_has_its_own_code_and_is_shown(tmp_path, text, code, quotes):
    (tmp_path / "flux.toml").write_text(text, "utf-8")
    with pytest.raises(Fault) as raised:
        config.load(tmp_path / "flux.toml")
    assert raised.value.code == code
    assert quotes in str(raised.value)


def test_a_configuration_that_is_absent_has_its_own_code_and_the_starter_is_sound(tmp_path):
    with pytest.raises(Fault) as raised:
        config.load(tmp_path / "flux.toml")
    assert raised.value.code == "FLX-I02"
    (tmp_path / "flux.toml").write_text(starter.text(), "utf-8")
    assert config.load(tmp_path / "flux.toml").attempts == 3


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ('number = "M1"\nmoe = { id = "99913225100029" }', None),
        ('number = "M1"\nmoe = { id = "999 132 251" }', "FLX-I16"),
        ('number = "M1"\nmoe = { id = "DE123456789", type = "2" }', None),
        ("number = 1", "FLX-I118"),
        ("moe = 1", "FLX-I15"),
        ('number = "M1"\narchitect = "somebody"', "FLX-I114"),
    ],
)
def test_a_market_is_read_or_told_by_its_code(tmp_path, row, code):
    (tmp_path / "flux.toml").write_text("", "utf-8")
    (tmp_path / "markets.toml").write_text(f"[[market]]\n{row}\n", "utf-8")
    known = config.load(tmp_path / "flux.toml")
    if code is None:
        assert list(config.markets(known)) == ["M1"]
        return
    with pytest.raises(Fault) as raised:
        config.markets(known)
    assert raised.value.code == code
