"""The configuration: any TOML value for any setting gives a Config that can be used, or a Fault with code and place in both languages."""

import math
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import asdict

from flux import _settings as s
from flux import config
from flux.config import Config
from flux.faults import Fault
from flux.model import Severity

BLOCKS = {"": s.SITE, "[limits]": s.LIMITS, "[[partner]]": s.PARTNER, "[[route]]": s.ROUTE, "[[schedule]]": s.SCHEDULE, "[[freeze]]": s.FREEZE, "[mail]": s.MAIL}
EVERY = [(block, setting) for block, settings in BLOCKS.items() for setting in settings]
WHOLE = {"[[partner]]": 'name = "demo"\n', "[[route]]": 'actor = "moe"\nfolder = "x"\n'} | {
    "[[schedule]]": 'name = "nuit"\ncron = "30 2 * * *"\n', "[[freeze]]": 'from = "2026-12-31 18:00"\nuntil = "2027-01-02 06:00"\n',
    "[mail]": 'host = "smtp.example.org"\nsender = "a@example.org"\nto = ["b@example.org"]\n',
}  # fmt: skip

texts = st.one_of(st.text(max_size=40), st.sampled_from(["", "a\0b", "../x", "/", "sqlite:///", "postgresql://", "A" * 400, "error", "{x}", "%s"]))
numbers = st.one_of(st.integers(-(10**30), 10**30), st.sampled_from([0, 1]), st.floats())
odd = st.sampled_from(["0x" + "F" * 4_000, "2026-01-31", "2026-01-31T08:00:00Z", "08:00:00", "2026-13-45"])


def quoted(text):
    """A text as TOML writes it."""
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text) + '"'


def number(value):
    """A number as TOML writes it."""
    if isinstance(value, int):
        return str(value)
    return "nan" if math.isnan(value) else ("-inf" if value < 0 else "inf") if math.isinf(value) else repr(value)


values = st.recursive(
    st.one_of(texts.map(quoted), numbers.map(number), st.booleans().map(lambda yes: str(yes).lower()), odd),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda some: f"[{', '.join(some)}]"),
        st.dictionaries(st.text(max_size=9), inner, max_size=3).map(lambda some: f"{{ {', '.join(f'{quoted(k)} = {v}' for k, v in some.items())} }}"),
    ),
    max_leaves=6,
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("site") / "flux.toml"


def outcome(read, *given):
    """What is read, or the Fault."""
    try:
        return read(*given)
    except Fault as fault:
        return fault


def loaded(place, text):
    """The Config, or the Fault, whose words are whole and whose place is in the file."""
    place.write_text(text, "utf-8")
    known = outcome(config.load, place)
    if isinstance(known, Fault):
        assert known.code.startswith("FLX-I")
        assert "flux.toml" in str(known)
        assert known.reason().fr != known.reason().en
    return known


def is_of_use(known):
    """What the loops and the folders ask of a configuration can be asked."""
    paths = [known.inbox, known.outbox, known.spool, *map(known.inbox_of, known.partners), *map(known.returns_of, known.partners)]
    assert not [path for path in (*paths, *(known.root / route.folder for route in known.routes), known.ledger_url) if "\0" in str(path)]
    assert all(timedelta(seconds=wait) >= timedelta(0) for wait in known.retry_s)
    assert all(math.isfinite(wait) for wait in (known.settle_s, known.scan_s))
    assert all(1 <= value <= 1_000_000 for value in asdict(known.limits).values())
    assert len({config.policy(known, partner.name) is None for partner in known.partners}) <= 1


@given(setting=st.sampled_from(EVERY), value=values)
@example(setting=("", s.SITE[5]), value="nan")
@example(setting=("", s.SITE[6]), value="nan")
@example(setting=("", s.SITE[9]), value="[nan]")
@example(setting=("", s.SITE[9]), value="[1e300]")
@example(setting=("", s.SITE[2]), value='"a\\u0000b"')
@example(setting=("[[route]]", s.ROUTE[1]), value='"a\\u0000b"')
def test_any_value_for_any_setting_is_taken_or_refused_with_its_place(place, setting, value):
    block, one = setting
    others = "".join(line + "\n" for line in WHOLE.get(block, "").splitlines() if not line.startswith(f"{one.name} ="))
    known = loaded(place, f"{block}\n{others}{one.name} = {value}\n")
    if isinstance(known, Config):
        is_of_use(known)
    elif known.code != "FLX-I03":
        assert one.name in str(known)


@given(name=st.sampled_from(["limits", "severities", "partner", "route", "flow_mbb", ""]), value=values)
def test_any_value_for_a_block_or_under_an_unknown_name_is_taken_or_refused(place, name, value):
    known = loaded(place, f"{quoted(name)} = {value}\n")
    if isinstance(known, Config):
        is_of_use(known)


@given(codes=st.dictionaries(st.one_of(st.sampled_from(["FLX-M05", "FLX-T10", "G1.05"]), st.text(max_size=9)), values, max_size=3))
def test_any_severity_of_any_code_is_one_of_the_three_or_refused(place, codes):
    known = loaded(place, "[severities]\n" + "".join(f"{quoted(code)} = {value}\n" for code, value in codes.items()))
    if isinstance(known, Config):
        assert all(isinstance(severity, Severity) for severity in known.severities.values())


@pytest.mark.parametrize("text", ["a = " + "[" * 3_000, "a = " + "9" * 5_000, "a = {" * 2_000, "\x00", "a = 2026-99-99", "= 1", "[[partner]"])
def test_a_file_that_is_no_toml_is_refused_under_its_path(place, text):
    assert loaded(place, text).code == "FLX-I03"


@given(rows=values)
def test_any_markets_are_taken_or_refused(place, rows):
    place.with_name(config.MARKETS).write_text(f"market = {rows}\n", "utf-8")
    read = outcome(config.markets, loaded(place, ""))
    place.with_name(config.MARKETS).unlink()
    assert isinstance(read, dict) or ((read.code in ("FLX-I03", "FLX-I15", "FLX-I16") or "FLX-I110" <= read.code <= "FLX-I124") and "markets.toml" in str(read))
