"""Tables: whatever is done to a text of one, it is refused at load with a Fault that names the table, or it loads."""

import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flux
from flux import config, tables
from flux.faults import Fault
from flux.tables import _reading

ROOM = Path(flux.__file__).parent / "tables"
RULES = "en16931/"  # the package's own under every pack, read apart and held to the official rules themselves: tests/en16931
NAMES = sorted(n for n in (p.relative_to(ROOM).as_posix() for p in ROOM.rglob("*.toml")) if n not in ("faults.toml", "words.toml") and not n.startswith(RULES))
TEXTS = {name: (ROOM / name).read_text("utf-8") for name in NAMES}
WORDS = ("", "allowed", "?", '"A5"', "1", "true", "[]", "{}", "[works.A5]", "[A]", "fr", "=", '"', "#", "]", "\n", "é", "A26", "nan", "0x" + "F" * 4_000, "[" * 2_000)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A copy of the room of tables, and what loading it gives."""
    folder = tmp_path_factory.mktemp("room") / "spoiled"
    shutil.copytree(ROOM, folder)

    def load(name, text):
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
        home, _reading.HOME = _reading.HOME, folder
        try:
            return tables.load.__wrapped__()
        except Fault as fault:
            return fault
        finally:
            _reading.HOME = home
            (folder / name).write_text(TEXTS[name], "utf-8")

    return load


@st.composite
def spoiled(draw):
    """A table of which a line is gone, doubled, elsewhere, or of which a word or a sign is another."""
    name = draw(st.sampled_from(NAMES))
    lines = TEXTS[name].splitlines()
    at = draw(st.integers(0, len(lines) - 1))
    match draw(st.integers(0, 4)):
        case 0:
            del lines[at]
        case 1:
            lines.insert(draw(st.integers(0, len(lines))), lines[at])
        case 2:
            words = lines[at].split(" ")
            words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(WORDS))
            lines[at] = " ".join(words)
        case 3:
            place = draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:place] + draw(st.one_of(st.characters(), st.just("\udcff"))) + lines[at][place + 1 :]
        case _:
            del lines[at:]
    return name, "\n".join(lines)


@settings(max_examples=settings().max_examples // 2)
@given(change=spoiled())
def test_a_spoiled_table_is_refused_under_its_name_or_loads(room, change):
    name, text = change
    read = room(name, text)
    if isinstance(read, Fault):
        assert read.code in ("FLX-I30", "FLX-I31", "FLX-I32")
        assert read.facts["table"].partition(" ")[0] in NAMES
        assert (read.facts.get("row") or read.facts.get("detail")) not in (None, "")
    else:
        assert [entry.placeholders() for entry in read.catalogue.values()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["", "\udcff", "= 1", "a = " + "9" * 5_000, "a = " + "[" * 3_000], ids=["empty", "no UTF-8", "no TOML", "a long number", "nested"])
def test_a_file_that_is_no_table_is_refused_under_its_name(room, name, text):
    read = room(name, text)
    if text or not name.startswith(("catalogue/", "fields", "interfaces")):  # what has no row contradicts nothing
        assert isinstance(read, Fault)
        assert read.facts["table"].partition(" ")[0] == name


def test_the_tables_are_read_once_however_many_partners_there_are(tmp_path):
    began = time.process_time()
    path = tmp_path / "flux.toml"
    path.write_text("".join(f'[[partner]]\nname = "p{n}"\ninterface = "FSO4100A"\n[partner.severities]\n"FLX-M05" = "off"\n' for n in range(200)), "utf-8")
    known = config.load(path)
    assert len(known.partners) == 200
    assert time.process_time() - began < 2
