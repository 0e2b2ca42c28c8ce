"""What a configuration may say, beyond the kind of each value: folders that stay apart, a cadre that a deposit may have, a ledger that opens."""

import pytest

from flux import config, folders
from flux.config import Config
from flux.faults import Fault
from flux.stores.sql import SqlLedger

TWO = '[[partner]]\nname = "a"\n{a}\n[[partner]]\nname = "b"\n{b}\n'


def load(folder, text) -> Config:
    (folder / "flux.toml").write_text(text, "utf-8")
    return config.load(folder / "flux.toml")


@pytest.mark.parametrize(
    ("text", "one", "other"),
    [
        (TWO.format(a='inbox = "in"', b='inbox = "in"'), "[[partner]] a: inbox", "[[partner]] b: inbox"),
        (TWO.format(a='inbox = "in"', b='inbox = "elsewhere/../in"'), "[[partner]] a: inbox", "[[partner]] b: inbox"),
        (TWO.format(a='inbox = "inbox"', b=""), "[[partner]] a: inbox", "[[partner]] b: inbox"),
        (TWO.format(a='returns = "inbox/b"', b=""), "[[partner]] a: returns", "[[partner]] b: inbox"),
        (TWO.format(a='returns = "inbox/a/returns"', b=""), "[[partner]] a: returns", "[[partner]] a: inbox"),
        (TWO.format(a='inbox = "spool/in"', b=""), "spool", "[[partner]] a: inbox"),
        (TWO.format(a='inbox = "outbox/pieces"', b=""), "outbox", "[[partner]] a: inbox"),
        ('spool = "outbox/spool"', "outbox", "spool"),
        (TWO.format(a="", b='[[route]]\nactor = "moe"\nfolder = "inbox/a"'), "[[partner]] a: inbox", "[[route]] moe: folder"),
    ],
)
def test_folders_that_meet_are_refused_under_both_their_names(tmp_path, text, one, other):
    with pytest.raises(Fault) as met:
        load(tmp_path, text)
    assert (met.value.code, {met.value.facts["one"], met.value.facts["other"]}) == ("FLX-I80", {one, other})


@pytest.mark.parametrize(
    "text",
    [
        TWO.format(a='inbox = "in"', b='inbox = "in2"'),
        TWO.format(a='returns = "back"', b='returns = "back"'),
        TWO.format(a='inbox = "sftp/a/in"\nreturns = "sftp/a/out"', b=""),
        TWO.format(a='returns = "outbox/a"', b='[[route]]\nactor = "moe"\nfolder = "outbox/moe"'),
    ],
)
def test_folders_that_stay_apart_are_taken_and_deliveries_may_share_one(tmp_path, text):
    assert len(load(tmp_path, text).partners) == 2


def test_a_folder_that_a_link_leads_to_is_that_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "other").symlink_to("in")
    with pytest.raises(Fault) as met:
        load(tmp_path, TWO.format(a='inbox = "in"', b='inbox = "other"'))
    assert met.value.code == "FLX-I80"


@pytest.mark.parametrize(("cadre", "taken"), [("", True), ("A4", True), ("A1", True), ("A5", False), ("A3", False), ("A99", False), ("a4", False)])
def test_the_cadre_of_a_piece_without_one_is_a_cadre_that_a_deposit_may_have(tmp_path, cadre, taken):
    text = f'[[partner]]\nname = "a"\ndefault_cadre = "{cadre}"'
    if taken:
        assert load(tmp_path, text).partners[0].default_cadre == cadre
        return
    with pytest.raises(Fault) as met:
        load(tmp_path, text)
    assert (met.value.code, met.value.facts["value"]) == ("FLX-I81", f'"{cadre}"')


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("spool/ledger.db", "FLX-I82"),
        ("postgres://u:secret@h/db", "FLX-I82"),
        ("postgresql://u:secret@h:port/db", "FLX-I82"),
        ("postgresql+pg8000://u:secret@h/db", "FLX-I83"),
    ],
)
def test_a_ledger_that_is_no_database_or_whose_driver_is_missing_is_told_without_its_password(url, code):
    with pytest.raises(Fault) as met:
        SqlLedger(url)
    assert met.value.code == code
    assert "secret" not in str(met.value)


def test_a_route_gets_its_folder_at_the_start(tmp_path):
    folders.make(load(tmp_path, '[[route]]\nactor = "moe"\nfolder = "far/moe"'))
    assert (tmp_path / "far" / "moe").is_dir()


def test_a_route_to_another_file_system_is_refused_since_nothing_could_be_renamed_into_it(tmp_path, disk):
    known = load(tmp_path, '[[route]]\nactor = "moe"\nfolder = "far/moe"')
    folders.make(known)
    disk(tmp_path / "far", "size=1m")
    with pytest.raises(Fault) as met:
        folders.make(known)
    assert (met.value.code, met.value.facts["folder"]) == ("FLX-I22", str(tmp_path / "far" / "moe"))


def test_a_file_in_the_place_of_a_folder_is_told_by_its_name(tmp_path):
    known = load(tmp_path, '[[route]]\nactor = "moe"\nfolder = "far/moe"')
    (tmp_path / "far").write_text("a file")
    with pytest.raises(Fault) as met:
        folders.make(known)
    assert (met.value.code, met.value.facts) == ("FLX-I85", {"path": str(tmp_path / "far")})


@pytest.mark.parametrize(("spool", "code"), [(r"a\u0000b", "FLX-I06"), ("loop/spool", "FLX-I91")])
def test_a_path_that_can_name_no_folder_is_told(tmp_path, spool, code):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(Fault) as met:
        load(tmp_path, f'spool = "{spool}"')
    assert (met.value.code, met.value.facts["name"]) == (code, "spool")


def test_the_folder_of_the_ledger_is_made_too(tmp_path):
    known = load(tmp_path, 'ledger = "sqlite:///books/2026/ledger.db"')
    folders.make(known)
    SqlLedger(known.ledger_url).close()
    assert (tmp_path / "books" / "2026" / "ledger.db").exists()


def test_a_configuration_that_an_editor_began_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "flux.toml").write_bytes(b"\xef\xbb\xbfattempts = 4\n")
    assert config.load(tmp_path / "flux.toml").attempts == 4


@pytest.mark.parametrize("form", ["cpp-statut", "cdar", "both", "none"])
def test_a_partner_and_a_route_say_in_which_form_the_life_cycle_is_told(tmp_path, form):
    known = load(tmp_path, f'[[partner]]\nname = "a"\nlifecycle = "{form}"\n[[route]]\nactor = "moe"\nlifecycle = "{form}"\n')
    assert (config.policies(known)["a"].lifecycle, known.routes[0].lifecycle) == (form, form)


@pytest.mark.parametrize("table", ['[[partner]]\nname = "a"\n', '[[route]]\nactor = "moe"\n'])
def test_a_form_that_is_none_of_these_is_refused(tmp_path, table):
    with pytest.raises(Fault) as met:
        load(tmp_path, f'{table}lifecycle = "CDAR"\n')
    assert (met.value.code, met.value.facts["name"]) == ("FLX-I07", "lifecycle")


def test_a_route_without_a_folder_leaves_the_pieces_where_they_go_and_is_no_folder_of_its_own(tmp_path):
    known = load(tmp_path, '[[route]]\nactor = "moe"\nlifecycle = "cdar"\n')
    folders.make(known)
    assert folders.folder_of(known, "pieces/moe-1") == tmp_path / "outbox" / "pieces" / "moe-1"
    assert tmp_path not in folders.shared(known)
