"""The structure directory on disk: what an import takes and what it refuses, which snapshot is in force, what the rules are told of it."""

import os
import sqlite3
from datetime import UTC, date, datetime

import pytest
from extracts import HEADER, SERVICES, VILLE, a_row, sheet_of, sirets, text_cell, write, write_workbook

from flux.faults import Fault
from flux.stores import _directory_import as imports
from flux.stores import directory as store
from flux.structures import Service, Structure

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = date(2026, 11, 23)


class Directory:
    """A spool with a structure directory."""

    def __init__(self, spool):
        self.spool, self.folder = spool, spool / "directory"
        self.folder.mkdir()
        self.ask = store.Snapshots(spool)

    def take(self, path, as_of=TODAY, **how):
        return imports.take(self.spool, path, as_of, NOON, **how)

    def refused(self, path, as_of=TODAY, **how):
        """The fault of an import, after which nothing is different."""
        before = sorted(path.name for path in self.folder.iterdir())
        with pytest.raises(Fault) as fault:
            self.take(path, as_of, **how)
        assert sorted(path.name for path in self.folder.iterdir()) == before
        return fault.value.code, fault.value.facts

    def structure(self, siret=VILLE, code="", on=TODAY):
        return self.ask([(siret, code)], on).structures.get(siret)


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "spool").mkdir()
    return Directory(tmp_path / "spool")


@pytest.fixture
def extract(tmp_path):
    def make(*rows, name="extract.csv", **how):
        return write(tmp_path / name, *rows, **how)

    return make


# -- what is taken -------------------------------------------------------------------------------------------------------------------------


def test_what_an_extract_says_is_what_the_rules_are_told(directory, extract):
    assert directory.ask([(VILLE, "")], TODAY) is None, "nothing was ever imported"
    done = directory.take(extract(a_row(GestionService="true", EstMOAUniquement="true"), a_row("21500000500027", StructureActive="false")))
    assert (done.rows, done.fresh, done.snapshot.as_of, done.snapshot.kind) == (2, True, TODAY, "structures")
    assert directory.structure() == Structure(VILLE, "Ville", service=True, moa=True, moa_only=True)
    assert directory.structure("21500000500027").active is False
    assert directory.structure("99999999999999") is None
    assert directory.ask([], TODAY).structures == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_name_with_accents_is_read_in_every_encoding_that_an_extract_has(directory, extract, encoding, end):
    directory.take(extract(a_row(RaisonSociale="Région Île-de-France, Évry"), encoding=encoding, end=end))
    assert directory.structure().name == "Région Île-de-France, Évry"


def test_a_field_in_quotes_may_hold_the_separator_quotes_and_a_new_line(directory, extract):
    directory.take(extract(a_row(RaisonSociale='"Ville ; dite ""la grande"""', Adresse='"1 rue\n2e étage"')))
    assert directory.structure().name == 'Ville ; dite "la grande"'
    assert store.detail(directory.spool, VILLE, TODAY)["address"] == "1 rue\n2e étage"


@pytest.mark.parametrize(("word", "value"), [("true", True), ("VRAI", True), ("Oui", True), ("o", True), ("1", True), ("False", False), ("faux", False), ("non", False), ("N", False), ("0", False)])
def test_the_usual_words_for_true_and_false_are_taken(directory, extract, word, value):
    directory.take(extract(a_row(GestionEngagement=word)))
    assert directory.structure().engagement is value


def test_an_identifier_that_is_no_siret_is_kept_and_looked_up_by_nobody(directory, extract):
    directory.take(extract(a_row(), a_row("DE129273398", TypeIdentifiant="UE_HORS_FRANCE"), a_row(TypeIdentifiant="6")))
    assert directory.structure("DE129273398") is None
    assert directory.structure() is not None


def test_a_workbook_says_what_its_csv_says_values_alone_and_a_formula_is_its_last_value(directory, tmp_path):
    row = a_row().split(";")
    row[2] = '<c t="str"><f>HYPERLINK("http://x.invalid","y")&amp;A1</f><v>Ville</v></c>'
    row[11], row[15] = '<c t="b"><v>1</v></c>', "<c><v>50000</v></c>"
    directory.take(write_workbook(tmp_path / "extract.xlsx", sheet_of([HEADER.split(";"), row])))
    assert directory.structure() == Structure(VILLE, "Ville", moa=True)
    assert store.detail(directory.spool, VILLE, TODAY)["postcode"] == "50000"


def test_services_may_come_in_a_workbook_too(directory, extract, tmp_path):
    directory.take(extract(a_row()))
    directory.take(write_workbook(tmp_path / "services.xlsx", sheet_of([SERVICES.split(";"), [VILLE, "VOIRIE", "Voirie", '<c t="b"><v>1</v></c>', "N"]])))
    assert directory.structure(code="VOIRIE").services == {"VOIRIE": Service("VOIRIE", "Voirie")}


def test_a_row_of_a_workbook_has_the_number_that_a_spreadsheet_shows(directory, tmp_path):
    header, good, bad = HEADER.split(";"), a_row().split(";"), a_row("2150000050001").split(";")
    place = directory.refused(write_workbook(tmp_path / "extract.xlsx", sheet_of([header, good, [text_cell("")], bad])))
    assert place[1]["line"] == "4"


def test_a_siret_kept_as_a_number_is_taken_and_one_that_lost_its_zero_is_refused(directory, tmp_path):
    def of(number):
        row = a_row().split(";")
        row[1] = f"<c><v>{number}</v></c>"
        return write_workbook(tmp_path / "extract.xlsx", sheet_of([HEADER.split(";"), row]))

    directory.take(of(VILLE))
    code, facts = directory.refused(of("5420120000010"))
    assert (code, facts["column"], facts["found"]) == ("FLX-I102", "Identifiant", "5420120000010")


# -- what is refused -----------------------------------------------------------------------------------------------------------------------

SWAPPED = HEADER.replace("GestionEngagement;GestionService;", "GestionService;GestionEngagement;")
REFUSED = {  # sentence: (rows, header), code, what is told
    "a boolean that is none": ((a_row(), a_row("21500000500027", EstMOA="peut-être")), HEADER, "FLX-I102", {"line": "3", "column": "EstMOA", "found": "peut-être"}),
    "a boolean that is empty": ((a_row(StructureActive=""),), HEADER, "FLX-I102", {"line": "2", "column": "StructureActive", "found": ""}),
    "a SIRET of 13 digits": ((a_row("2150000050001"),), HEADER, "FLX-I102", {"line": "2", "column": "Identifiant", "found": "2150000050001"}),
    "a SIRET with a letter": ((a_row("2150000050001O"),), HEADER, "FLX-I102", {"column": "Identifiant", "expected": "14 × 0-9"}),
    "a type that is none": ((a_row(TypeIdentifiant="8"),), HEADER, "FLX-I102", {"column": "TypeIdentifiant", "found": "8"}),
    "a NUL": ((a_row(RaisonSociale="Vil\0le"),), HEADER, "FLX-I102", {"column": "RaisonSociale", "found": "Vil\\u0000le"}),
    "a field of more than a thousand signs": ((a_row(Adresse="x" * 1001),), HEADER, "FLX-I102", {"column": "Adresse", "expected": "≤ 1000"}),
    "a field without end": ((a_row(Adresse='"' + "x\n" * 200_000),), HEADER, "FLX-I100", {}),
    "a quote that never ends": ((a_row(RaisonSociale='"Ville'),), HEADER, "FLX-I100", {}),
    "a quote in the middle": ((a_row(RaisonSociale='"Ville"x'),), HEADER, "FLX-I100", {}),
    "a column less": ((a_row().rpartition(";")[0],), HEADER, "FLX-I105", {"line": "2", "found": "20", "expected": "21"}),
    "half a million columns": ((a_row() + ";" * 500_000,), HEADER, "FLX-I105", {"found": "500021"}),
    "a million columns and more": ((a_row() + ";" * 1_100_000,), HEADER, "FLX-I107", {"where": "l. 2"}),
    "a structure twice": ((a_row(), a_row("21500000500027"), a_row()), HEADER, "FLX-I103", {"line": "4", "first": "2"}),
    "two columns changed": ((a_row(),), SWAPPED, "FLX-I101", {"place": "7", "found": "GestionService", "expected": "GestionEngagement"}),
    "a column too many": ((a_row() + ";",), HEADER + ";Autre", "FLX-I101", {"place": "22", "found": "Autre", "expected": "—"}),
    "commas": ((a_row().replace(";", ","),), HEADER.replace(";", ","), "FLX-I101", {"place": "1", "expected": "TypeIdentifiant"}),
    "a header alone": ((), HEADER, "FLX-I100", {"detail": "l. 2: —"}),
    "a service that has no code": ((f"{VILLE};;x;O;N",), SERVICES, "FLX-I102", {"column": "CodeService"}),
    "a service twice": ((f"{VILLE};A;x;O;N", f"{VILLE};A;y;O;N"), SERVICES, "FLX-I103", {"line": "3", "first": "2"}),
    "services of two columns": ((f"{VILLE};A",), SERVICES, "FLX-I105", {"found": "2", "expected": "5"}),
    "services under another name": ((f"{VILLE};A;x;O;N",), SERVICES.replace("ServiceActif", "Actif"), "FLX-I101", {"place": "4", "found": "Actif", "expected": "ServiceActif"}),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "header", "code", "told"), REFUSED.values(), ids=REFUSED)
def test_an_extract_that_is_not_sound_is_refused_whole_with_line_and_column(directory, extract, rows, header, code, told):
    directory.take(extract(a_row(), name="before.csv"))
    met, facts = directory.refused(extract(*rows, header=header))
    assert (met, {name: facts[name] for name in told}) == (code, told)
    assert directory.structure() is not None, "what was there before holds"


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\x89PNG\r\n\x1a\n", HEADER.encode("utf-16"), b"\n\n\n"], ids=["empty", "zeros", "a picture", "UTF-16", "empty lines"])
def test_what_is_no_extract_is_refused(directory, tmp_path, content):
    (tmp_path / "extract.csv").write_bytes(content)
    assert directory.refused(tmp_path / "extract.csv")[0] in {"FLX-I100", "FLX-I101"}


def test_what_is_no_file_is_refused_and_nobody_waits_for_it(directory, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert [directory.refused(tmp_path / name)[0] for name in ("pipe.csv", "none.csv", ".")] == ["FLX-I100"] * 3


def test_an_extract_with_less_than_half_of_the_former_is_refused_unless_somebody_insists(directory, extract):
    directory.take(extract(*map(a_row, sirets(10))))
    code, facts = directory.refused(extract(*map(a_row, sirets(4))))
    assert (code, facts["found"], facts["former"]) == ("FLX-I104", "4", "10")
    assert directory.take(extract(*map(a_row, sirets(5)))).rows == 5
    assert directory.take(extract(*map(a_row, sirets(1))), force=True).rows == 1


def test_a_day_to_come_is_refused(directory, extract):
    code, facts = directory.refused(extract(a_row()), date(2026, 11, 24))
    assert (code, facts) == ("FLX-I106", {"day": "2026-11-24", "expected": "≤ 2026-11-23"})


def test_without_a_day_it_is_that_of_the_file_in_paris(directory, extract):
    path = extract(a_row())
    changed = datetime(2026, 11, 9, 23, 30, tzinfo=UTC).timestamp()
    os.utime(path, (changed, changed))
    assert directory.take(path, None).snapshot.as_of == date(2026, 11, 10)


# -- which is in force ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("on", "name"), [((2026, 9, 30), "September"), ((2026, 10, 1), "October"), ((2026, 10, 31), "October"), ((2026, 11, 23), "November"), ((2026, 8, 1), "September")])
def test_the_newest_of_no_later_day_is_in_force_else_the_oldest(directory, extract, on, name):
    for month in (11, 9, 10):  # in any order
        directory.take(extract(a_row(RaisonSociale={9: "September", 10: "October", 11: "November"}[month])), date(2026, month, 1))
    assert directory.structure(on=date(*on)).name == name


def test_of_one_day_the_last_imported_is_in_force_and_the_former_stays(directory, extract):
    directory.take(extract(a_row(RaisonSociale="first")))
    directory.take(extract(a_row(RaisonSociale="second")))
    assert directory.structure().name == "second"
    assert len(store.snapshots(directory.spool)) == 2


def test_the_same_file_for_the_same_day_is_imported_once(directory, extract):
    path = extract(a_row())
    assert [directory.take(path).fresh, directory.take(path).fresh, directory.take(path, date(2026, 11, 1)).fresh] == [True, False, True]


def test_two_imports_at_once_are_both_there_and_the_second_knows_the_first(directory, extract, monkeypatch):
    """Between the second's look at what is there and its rename the first comes to its end."""
    first, second = extract(f"{VILLE};A;a;O;N", header=SERVICES), extract("21500000500027;B;b;O;N", header=SERVICES, name="second.csv")
    directory.take(extract(a_row(), a_row("21500000500027"), name="structures.csv"))
    publish, waiting = imports._publish, [first]

    def overtaken(scratch, target):
        if waiting:
            directory.take(waiting.pop())
        publish(scratch, target)

    monkeypatch.setattr(imports, "_publish", overtaken)
    directory.take(second)
    assert directory.structure(code="A").services == {"A": Service("A", "a")}
    assert directory.structure("21500000500027", "B").services == {"B": Service("B", "b")}


def test_what_an_import_that_was_cut_off_left_is_removed_after_a_day(directory, extract):
    old, young = directory.folder / ".import-old", directory.folder / ".import-young"
    for path, age_s in ((old, 90_000), (young, 80_000)):
        path.touch()
        os.utime(path, (NOON.timestamp() - age_s,) * 2)
    directory.take(extract(a_row()))
    assert (old.exists(), young.exists()) == (False, True)


def test_what_else_lies_among_the_snapshots_is_none(directory, extract):
    directory.take(extract(a_row()))
    for name in ("structures-000009-2026-13-45.db", "structures-2026-11-01.db", "notes.txt", ".import-x"):
        (directory.folder / name).write_text("not a database")
    assert directory.structure() is not None
    assert directory.take(extract(a_row(RaisonSociale="other"))).snapshot.serial == 2


def test_a_disk_that_is_full_leaves_the_directory_as_it_was(tmp_path, disk, extract):
    spool = disk(tmp_path / "disk", "size=1m")
    directory = Directory(spool)
    directory.take(extract(a_row()))
    code, _ = directory.refused(extract(*map(a_row, sirets(20_000))))
    assert code == "FLX-I108"
    assert directory.structure() is not None


def test_a_snapshot_that_is_damaged_or_of_another_shape_is_trouble_of_ours_that_may_pass(directory, extract):
    path = directory.take(extract(*map(a_row, sirets(1000)))).snapshot.path
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 9")
    with pytest.raises(Fault) as shape:
        directory.structure()
    path.write_bytes(b"SQLite" * 1000)
    with pytest.raises(Fault) as damage:
        directory.structure()
    assert [(fault.value.code, fault.value.passes) for fault in (shape, damage)] == [("FLX-I108", True)] * 2


# -- services ------------------------------------------------------------------------------------------------------------------------------


def test_services_are_known_of_the_structures_that_were_told_and_of_no_other(directory, extract):
    other = "21500000500027"
    directory.take(extract(a_row(), a_row(other)))
    directory.take(extract(f"{VILLE};VOIRIE;Voirie;O;N", f"{VILLE};OLD;Old;N;N", f"{VILLE};EJ;x;1;1", header=SERVICES))
    assert directory.structure(code="VOIRIE").services == {"VOIRIE": Service("VOIRIE", "Voirie")}
    assert directory.structure(code="OLD").services == {"OLD": Service("OLD", "Old", active=False)}
    assert directory.structure(code="EJ").services == {"EJ": Service("EJ", "x", engagement=True)}
    assert directory.structure(code="voirie").services == {}
    assert directory.structure(code="VOIRIE").some == ("EJ", "VOIRIE"), "those that are active"
    assert directory.structure(other, "VOIRIE").services is None


def test_the_services_of_a_structure_are_replaced_whole_and_those_of_others_stay(directory, extract):
    other = "21500000500027"
    directory.take(extract(a_row(), a_row(other)))
    directory.take(extract(f"{VILLE};A;a;O;N", f"{VILLE};B;b;O;N", f"{other};C;c;O;N", header=SERVICES), date(2026, 11, 1))
    done = directory.take(extract(f"{VILLE};A;changed;O;N", header=SERVICES))
    assert (done.rows, done.about.rows, done.about.structures) == (1, 2, 2)
    assert [directory.structure(code=code).services for code in "AB"] == [{"A": Service("A", "changed")}, {}]
    assert directory.structure(other, "C").services == {"C": Service("C", "c")}
    assert [store.detail(directory.spool, siret, TODAY)["services_as_of"] for siret in (VILLE, other)] == ["2026-11-23", "2026-11-01"]
    assert directory.structure(code="B", on=date(2026, 11, 2)).services == {"B": Service("B", "b")}, "as they were on that day"


def test_services_are_added_up_in_the_order_of_their_days(directory, extract):
    directory.take(extract(f"{VILLE};A;a;O;N", header=SERVICES), date(2026, 11, 10))
    code, facts = directory.refused(extract("21500000500027;B;b;O;N", header=SERVICES), date(2026, 11, 9))
    assert (code, facts["expected"]) == ("FLX-I106", "2026-11-10 – 2026-11-23")
    directory.take(extract("21500000500027;B;b;O;N", header=SERVICES), date(2026, 11, 10))


def test_a_structure_that_lost_most_of_its_services_is_refused_whatever_the_others_have(directory, extract):
    directory.take(extract(*(f"{VILLE};{n};x;O;N" for n in range(10)), *(f"21500000500027;{n};x;O;N" for n in range(100)), header=SERVICES))
    assert directory.refused(extract(*(f"{VILLE};{n};x;O;N" for n in range(4)), header=SERVICES))[0] == "FLX-I104"
    directory.take(extract(*(f"{VILLE};{n};x;O;N" for n in range(5)), header=SERVICES))


def test_services_without_structures_make_no_directory(directory, extract):
    directory.take(extract(f"{VILLE};A;a;O;N", header=SERVICES))
    assert directory.ask([(VILLE, "A")], TODAY) is None
