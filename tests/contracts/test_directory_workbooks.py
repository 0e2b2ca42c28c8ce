"""Workbooks that were made to harm: each is refused within bounds, in the operator's words, and the directory in force stays so."""

import resource
import zipfile
from datetime import UTC, date, datetime

import pytest
from extracts import HEADER, PARTS, a_row, sheet_of, write_workbook

from flux.faults import Fault
from flux.stores import _directory_import as imports
from flux.stores import _directory_rows as rows_of
from flux.stores import directory as store

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
GOOD = sheet_of([HEADER.split(";"), a_row().split(";")])
FAR = '<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
ENTITIES = '<!DOCTYPE x [<!ENTITY a "Ville"><!ENTITY f SYSTEM "file:///etc/hostname">]>'


@pytest.fixture
def spool(tmp_path):
    (tmp_path / "spool" / "directory").mkdir(parents=True)
    return tmp_path / "spool"


def take(spool, path):
    return imports.take(spool, path, date(2026, 11, 23), NOON)


def refused(spool, path):
    with pytest.raises(Fault) as fault:
        take(spool, path)
    assert list((spool / "directory").iterdir()) == []
    return fault.value.code


def test_a_workbook_that_is_sound_is_taken(spool, tmp_path):
    assert take(spool, write_workbook(tmp_path / "x.xlsx", GOOD)).rows == 1


def test_a_workbook_that_unpacks_to_more_than_it_may_is_refused_at_the_limit(spool, tmp_path, monkeypatch):
    bomb = write_workbook(tmp_path / "x.xlsx", GOOD, {"xl/media/zeros.bin": bytes(64 << 20)})
    assert bomb.stat().st_size < 100_000
    monkeypatch.setattr(rows_of, "UNPACKED_MOST", 32 << 20)
    assert refused(spool, bomb) == "FLX-I107"
    monkeypatch.setattr(rows_of, "UNPACKED_MOST", 65 << 20)
    assert take(spool, bomb).rows == 1


def test_a_part_whose_size_the_directory_belittles_is_refused(spool, tmp_path):
    path = write_workbook(tmp_path / "x.xlsx", GOOD)
    size = len(GOOD.encode()).to_bytes(4, "little")
    content = path.read_bytes()
    assert content.count(size) == 2, "its header and the directory tell it"
    path.write_bytes(content.replace(size, (10).to_bytes(4, "little")))
    assert refused(spool, path) == "FLX-I100"


def test_two_cells_far_apart_ask_for_more_memory_than_the_child_has(spool, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sheet = GOOD.replace(GOOD[GOOD.index("<row>") : GOOD.index("</sheetData>")], FAR)
    assert refused(spool, write_workbook(tmp_path / "x.xlsx", sheet)) == "FLX-I107"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000, "kB: it is the child's memory"


def test_an_entity_is_never_filled_in(spool, tmp_path):
    """Whether the document is refused or the entity left out: what it names is not read."""
    path = write_workbook(tmp_path / "x.xlsx", ENTITIES + GOOD.replace(">Ville<", ">&a;&f;<"))
    try:
        take(spool, path)
    except Fault as fault:
        assert fault.code == "FLX-I100"  # noqa: PT017 - either end is right
        return
    name = store.detail(spool, "21500000500019", date(2026, 11, 23))["name"]
    assert name in ("", "&a;&f;")


def test_a_million_columns_are_refused(spool, tmp_path):
    wide = sheet_of([HEADER.split(";"), [*a_row().split(";"), *['<c t="n"><v>1</v></c>'] * 16_000]])
    assert refused(spool, write_workbook(tmp_path / "x.xlsx", wide)) == "FLX-I101"  # a sheet is a rectangle: its header is as wide


@pytest.mark.parametrize("cut", [100, 1000, -30, -1])
def test_a_workbook_that_is_cut_off_is_refused(spool, tmp_path, cut):
    path = write_workbook(tmp_path / "x.xlsx", GOOD)
    path.write_bytes(path.read_bytes()[:cut])
    assert refused(spool, path) == "FLX-I100"


@pytest.mark.parametrize("name", sorted(PARTS.keys() - {"[Content_Types].xml"}))
def test_a_workbook_without_one_of_its_parts_is_refused(spool, tmp_path, name):
    path = write_workbook(tmp_path / "whole.xlsx", GOOD)
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "x.xlsx", "w") as less:
        for part in whole.namelist():
            if part != name:
                less.writestr(part, whole.read(part))
    assert refused(spool, tmp_path / "x.xlsx") == "FLX-I100"


def test_an_archive_that_is_no_workbook_and_one_of_very_many_parts_are_refused(spool, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("extract.csv", f"{HEADER}\n{a_row()}\n")
    assert refused(spool, tmp_path / "x.zip") == "FLX-I100"
    assert refused(spool, write_workbook(tmp_path / "x.xlsx", GOOD, {f"xl/{n}": "" for n in range(1000)})) == "FLX-I100"


def test_a_cell_with_an_error_or_a_new_line_is_a_text_like_any_other(spool, tmp_path):
    row = a_row().split(";")
    row[12] = '<c t="e"><v>#REF!</v></c>'
    row[13] = '<c t="inlineStr"><is><t>1 rue\n"2e" ; étage</t></is></c>'
    take(spool, write_workbook(tmp_path / "x.xlsx", sheet_of([HEADER.split(";"), row])))
    told = store.detail(spool, "21500000500019", date(2026, 11, 23))
    assert told["address_2"] == '1 rue\n"2e" ; étage'
