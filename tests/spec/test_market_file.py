"""The market file, read: both forms, every mistake under its code and its place, and what a stranger could put into a workbook."""

import random
import tracemalloc
import zipfile
from datetime import date, datetime
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from openpyxl import Workbook, load_workbook

from flux import marketfile
from flux.market import Market, MarketActor
from flux.piece import Party

FULL = Market(
    "2026-MT/0042", 'RD 914 : « reprise » de "chaussée" \\ PR 3', date(2026, 1, 15), date(2026, 11, 2), "2021",
    actors=(
        MarketActor("titulaire", Party("1", "99912040500017", "BATIPRO"), ("A4", "A7")),
        MarketActor("cotraitant", Party("2", "DE129273398", "Bau")),
        MarketActor("moe", Party("1", "99913225100029", "Ingénierie des Rives")),
        MarketActor("moa", Party("1", "22990008900017", "Département"), services=("0012", "ROUTES")),
        MarketActor("service_financier", Party("1", "22990008900017", "Département"), services=("0012", "ROUTES")),
    ),
    engagements=("EJ-2026-00388", "0042"),
)  # fmt: skip
SHORT = 'number = "M1"\nmoe = { id = "99913225100029" }'
ROWS = [  # (sheet, cell, what stands there) that make a sound workbook of the empty form
    ("Marché", "B1", "M1"),
    ("Acteurs", "A2", "titulaire"), ("Acteurs", "B2", "1 SIRET"), ("Acteurs", "C2", "99912040500017"), ("Acteurs", "D2", "BATIPRO"),
    ("Acteurs", "A3", "maîtrise d'ouvrage"), ("Acteurs", "C3", "22990008900017"),
    ("Engagements et services", "A2", "service"), ("Engagements et services", "B2", "TRX"), ("Engagements et services", "C2", "22990008900017"),
]  # fmt: skip


def told(read):
    """What is wrong, by code and place."""
    assert not (read.faults and read.markets), "a file with a fault gives nothing"
    return [(fault.code, fault.facts.get("where")) for fault in read.faults]


@pytest.fixture
def toml(tables):
    return lambda text: marketfile.read(text.encode(), "f.toml", tables)


@pytest.fixture(scope="module")
def form(tables):
    """The template, written once for all who fill it."""
    return marketfile.template(tables)


@pytest.fixture
def filled(form):
    """The template with *cells* filled in, and handed to *change* before it is saved."""

    def fill(*cells, change=bool):
        book = load_workbook(BytesIO(form))
        for sheet, cell, value in (*ROWS, *cells):
            book[sheet][cell] = value
        change(book)
        return saved(book)

    return fill


def saved(book):
    out = BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.fixture
def xlsx(tables):
    return lambda content: marketfile.read(content, "f.xlsx", tables)


# -- both forms ---------------------------------------------------------------------------------------------------------------------------


def test_a_market_comes_back_from_either_form_as_it_went(tables, toml, xlsx):
    assert toml(marketfile.written(FULL)).markets == (FULL,)
    assert xlsx(marketfile.template(tables, FULL)).markets == (FULL,)
    assert marketfile.written(xlsx(marketfile.template(tables, FULL)).markets[0]) == marketfile.written(FULL)


NAMES = st.text(st.characters(blacklist_categories=["C", "Z"]), min_size=1, max_size=20)
ACTORS = st.builds(
    MarketActor, st.sampled_from(["cotraitant", "sous-traitant", "service_financier", "valideur"]),
    st.builds(Party, st.just("1"), st.integers(10**13, 10**14 - 1).map(str), NAMES), st.sampled_from([(), ("A10",), ("A4", "A8")]),
)  # fmt: skip


@given(number=NAMES, label=NAMES, actors=st.lists(ACTORS, max_size=4, unique_by=lambda a: a.party.id), engagements=st.lists(NAMES, max_size=3, unique=True))
def test_any_market_comes_back_from_toml_as_it_went(tables, number, label, actors, engagements):
    market = Market(number, label, actors=(FULL.actors[0], *actors), engagements=tuple(engagements))
    read = marketfile.read(marketfile.written(market).encode(), "f.toml", tables)
    assert (told(read), read.markets) == ([], (market,))


def test_the_short_form_is_a_market_that_names_nobody_who_is_paid(toml):
    (market,) = toml(f"[[market]]\n{SHORT}").markets
    assert (market.short, market.moe.id, market.moa) == (True, "99913225100029", None)
    assert toml(marketfile.written(market)).markets == (market,)


def test_several_markets_in_one_file_are_read_each(toml):
    text = "\n".join(marketfile.written(replace(FULL, number=f"M{n}")) for n in range(3))
    assert [market.number for market in toml(text).markets] == ["M0", "M1", "M2"]


# -- TOML ---------------------------------------------------------------------------------------------------------------------------------

ACTOR = '[[market.actor]]\nrole = "titulaire"\nid = "99912040500017"\n'
WRONG = [  # (what stands in [[market]], its twin that is sound, code, place)
    (SHORT.replace("M1", ""), SHORT, "FLX-I116", "f.toml [[market]] 1 number"),
    ('label = "no number"', 'number = "M1"', "FLX-I116", "f.toml [[market]] 1"),
    ("number = 1", 'number = "1"', "FLX-I118", "f.toml [[market]] 1 number"),
    (f'number = "{"M" * 51}"', f'number = "{"M" * 50}"', "FLX-I118", "f.toml [[market]] 1 number"),
    ('number = "M\\u0000"', 'number = "M"', "FLX-I118", "f.toml [[market]] 1 number"),
    (f"{SHORT}\nnotifed = 2026-01-15", f"{SHORT}\nnotified = 2026-01-15", "FLX-I114", "f.toml [[market]] 1"),
    (f'{SHORT}\nnotified = "le 15"', f'{SHORT}\nnotified = "15/01/2026"', "FLX-I118", "f.toml [[market]] 1 notified"),
    (f"{SHORT}\nnotified = 2026-02-01\nreceived = 2026-01-31", f"{SHORT}\nnotified = 2026-01-31\nreceived = 2026-01-31", "FLX-I118", "f.toml [[market]] 1 received"),
    (f"{SHORT}\nccag = 2014", f"{SHORT}\nccag = 2009", "FLX-I117", "f.toml [[market]] 1 ccag"),
    (SHORT.replace("99913225100029", "9991322510002"), SHORT.replace("99913225100029", "999 132 251 00029"), "FLX-I16", "f.toml [[market]] 1 moe id"),
    (f"{SHORT}\nengagements = [1]", f'{SHORT}\nengagements = ["1"]', "FLX-I118", "f.toml [[market]] 1 engagements 1"),
    (f'{SHORT}\nengagements = ["{"E" * 51}"]', f'{SHORT}\nengagements = ["{"E" * 50}"]', "FLX-I118", "f.toml [[market]] 1 engagements 1"),
    ('number = "M1"\nmoe = 3', 'number = "M1"\nmoe = { id = "99913225100029" }', "FLX-I15", "f.toml [[market]] 1 moe"),
    (f'number = "M1"\n{ACTOR.replace("titulaire", "moa")}', f'number = "M1"\n{ACTOR}', "FLX-I119", "f.toml [[market]] 1"),
    (f'number = "M1"\n{ACTOR}{ACTOR.replace("0017", "0025")}', f'number = "M1"\n{ACTOR}', "FLX-I119", "f.toml [[market]] 1"),
    ('number = "M1"\nactor = []', f'number = "M1"\n{ACTOR}', "FLX-I119", "f.toml [[market]] 1"),
    (f'number = "M1"\n{ACTOR}{2 * ACTOR.replace("titulaire", "cotraitant")}', f'number = "M1"\n{ACTOR}{ACTOR.replace("titulaire", "cotraitant")}', "FLX-I120", "f.toml [[market]] 1 [[market.actor]] 3"),
    (f'number = "M1"\n{ACTOR.replace("titulaire", "architecte")}{ACTOR}', f'number = "M1"\n{ACTOR}', "FLX-I117", "f.toml [[market]] 1 [[market.actor]] 1 role"),
    (f'number = "M1"\n{ACTOR}type = "9"', f'number = "M1"\n{ACTOR}type = 1', "FLX-I117", "f.toml [[market]] 1 [[market.actor]] 1 type"),
    (f'number = "M1"\n{ACTOR}type = 2', f'number = "M1"\n{ACTOR.replace("99912040500017", "DE129273398")}type = 2', "FLX-I118", "f.toml [[market]] 1 [[market.actor]] 1 id"),
    (f'number = "M1"\n{ACTOR}cadres = ["A1"]', f'number = "M1"\n{ACTOR}cadres = ["a4", "A7"]', "FLX-I117", "f.toml [[market]] 1 [[market.actor]] 1 cadres"),
    (f'number = "M1"\n{ACTOR}cadres = "A4"', f'number = "M1"\n{ACTOR}cadres = ["A4"]', "FLX-I15", "f.toml [[market]] 1 [[market.actor]] 1"),
    (f"{SHORT}\n[[market]]\n{SHORT}", f'{SHORT}\n[[market]]\n{SHORT.replace("M1", "M2")}', "FLX-I120", "f.toml [[market]] 2"),
]


@pytest.mark.parametrize(("wrong", "sound", "code", "where"), WRONG)
def test_each_mistake_in_toml_has_its_code_and_its_place_and_a_twin_that_is_sound(toml, wrong, sound, code, where):
    assert told(toml(f"[[market]]\n{sound}")) == []
    assert told(toml(f"[[market]]\n{wrong}")) == [(code, where)]


def test_every_fault_of_a_file_is_told_at_once(toml):
    found = told(toml('[[market]]\nccag = "x"\n[[market]]\nnumber = 3\nlabell = "l"'))
    assert sorted(found, key=str) == [
        ("FLX-I114", "f.toml [[market]] 2"), ("FLX-I116", "f.toml [[market]] 1"), ("FLX-I117", "f.toml [[market]] 1 ccag"), ("FLX-I118", "f.toml [[market]] 2 number"),
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"a = [", b"\xff", b"= 1", b"a = " + b"9" * 5_000, b"a = " + b"[" * 3_000, b"\x00"])
def test_what_is_no_toml_is_told(tables, content):
    assert [code for code, _ in told(marketfile.read(content, "f.toml", tables))] == ["FLX-I111"]


@given(text=st.text(max_size=200))
def test_any_text_is_read_or_told(tables, text):
    assert isinstance(marketfile.read(text.encode("utf-8", "surrogatepass"), "f.toml", tables), marketfile.Read)


def test_a_file_that_is_too_large_is_not_read(tables):
    assert [code for code, _ in told(marketfile.read(b"#" * (marketfile.MOST_BYTES + 1), "f.toml", tables))] == ["FLX-I112"]


# -- XLSX ---------------------------------------------------------------------------------------------------------------------------------


def test_the_template_that_a_person_filled_is_read(filled, xlsx):
    (market,) = xlsx(filled(("Marché", "B3", datetime(2026, 1, 15)), ("Marché", "B5", 2021), ("Acteurs", "E2", "A4"), ("Acteurs", "G2", "A8"))).markets  # noqa: DTZ001 - a spreadsheet has no time zones
    assert (market.number, market.notified, market.ccag) == ("M1", date(2026, 1, 15), "2021")
    assert market.actors == (
        MarketActor("titulaire", Party("1", "99912040500017", "BATIPRO"), ("A4", "A8")), MarketActor("moa", Party("1", "22990008900017"), (), ("TRX",)),
    )


def test_a_siret_that_the_spreadsheet_made_a_number_of_is_one(filled, xlsx):
    assert xlsx(filled(("Acteurs", "C2", 99912040500017))).markets == xlsx(filled()).markets
    assert told(xlsx(filled(("Acteurs", "C2", 9.9e13 + 0.5)))) == [("FLX-I16", "Acteurs!C2")]


def test_columns_and_sheets_may_be_moved_renamed_to_english_and_have_gaps(filled, xlsx):
    def move(book):
        sheet = book["Acteurs"]
        for row in sheet.iter_rows(max_row=3):
            row[0].value, row[2].value = row[2].value, row[0].value
        sheet.insert_rows(3)
        sheet["D1"] = "NAME"
        sheet.title = "actors"
        book.move_sheet("Engagements et services", -2)
        book.create_sheet("Notes")["A1"] = "=1+1"

    assert xlsx(filled(change=move)).markets == xlsx(filled()).markets


def removed(name):
    return lambda book: book.remove(book[name])


def renamed(sheet, cell, value):
    def change(book):
        book[sheet][cell] = value

    return change


MISTAKES = [
    (removed("Acteurs"), ("FLX-I113", None)),
    (renamed("Acteurs", "C1", None), ("FLX-I116", "Acteurs!A1")),
    (renamed("Acteurs", "C1", "Siret"), ("FLX-I114", "Acteurs!C1")),
    (renamed("Acteurs", "D1", "Rôle"), ("FLX-I120", "Acteurs!D1")),
    (renamed("Acteurs", "P2", "à voir"), ("FLX-I114", "Acteurs!P2")),
    (renamed("Marché", "A1", "Numéro"), ("FLX-I114", "Marché!A1")),
    (renamed("Marché", "A2", "Numéro du marché"), ("FLX-I120", "Marché!A2")),
    (renamed("Marché", "B1", None), ("FLX-I116", "Marché!B1")),
    (renamed("Marché", "B1", '="M"&"1"'), ("FLX-I115", "Marché!B1")),
    (renamed("Acteurs", "C2", '=HYPERLINK("http://x")'), ("FLX-I115", "Acteurs!C2")),
    (renamed("Acteurs", "A2", "#N/A"), ("FLX-I115", "Acteurs!A2")),
    (renamed("Acteurs", "A3", "architecte"), ("FLX-I117", "Acteurs!A3")),
    (renamed("Acteurs", "B2", "9 AUTRE"), ("FLX-I117", "Acteurs!B2")),
    (renamed("Acteurs", "E2", "A99"), ("FLX-I117", "Acteurs!E2")),
    (renamed("Acteurs", "C2", "1234"), ("FLX-I16", "Acteurs!C2")),
    (renamed("Acteurs", "A2", "sous-traitant"), ("FLX-I119", "Marché")),
    (renamed("Engagements et services", "C2", "99913225100029"), ("FLX-I121", "Engagements et services!C2")),
    (renamed("Engagements et services", "A2", "marché"), ("FLX-I117", "Engagements et services!A2")),
    (renamed("Marché", "B3", "bientôt"), ("FLX-I118", "Marché!B3")),
]


@pytest.mark.parametrize(("change", "expected"), MISTAKES)
def test_each_mistake_in_a_workbook_has_its_code_and_its_cell(filled, xlsx, change, expected):
    assert told(xlsx(filled())) == []
    assert expected in told(xlsx(filled(change=change)))


def test_the_lists_of_the_template_are_those_of_the_tables(tables):
    book = load_workbook(BytesIO(marketfile.template(tables)))
    lists = {}
    for sheet in book.worksheets:
        for rule in sheet.data_validations.dataValidation:
            if rule.type == "list":
                values = [cell.value for (cell,) in book["Listes"][rule.formula1.partition("!")[2].replace("$", "")]] if ":" in rule.formula1 else []
                lists[sheet.title, str(rule.sqref).partition(":")[0]] = values
    assert lists["Acteurs", "A2"] == [role.fr for role in tables.market.roles.values()]
    assert lists["Acteurs", "B2"] == [f"{type_} {row.name}" for type_, row in tables.codes.identifier_types.items()]
    assert all(lists["Acteurs", f"{column}2"] == list(tables.works) for column in "EFGHIJKL")
    assert (lists["Marché", "B5"], lists["Engagements et services", "A2"]) == (["2009", "2021"], ["engagement", "service"])
    assert book["Listes"].sheet_state == "hidden"


# -- hostile ------------------------------------------------------------------------------------------------------------------------------


def zipped(members):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def spoiled(content, name, change):
    """A workbook of which one member reads otherwise."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members[name] = change(members.get(name, b""))
    return zipped(members)


def test_a_workbook_that_unpacks_to_more_than_a_market_needs_is_refused_before_it_is_parsed(xlsx, filled):
    bomb = spoiled(filled(), "xl/sharedStrings.xml", lambda _: b"<a>" + b" " * (1 << 29) + b"</a>")
    assert len(bomb) < marketfile.MOST_BYTES
    tracemalloc.start()
    try:
        assert told(xlsx(bomb)) == [("FLX-I112", None)]
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_workbook_of_very_many_members_is_refused(xlsx):
    assert told(xlsx(zipped({f"{n}.xml": b"" for n in range(201)}))) == [("FLX-I112", None)]


def test_a_sheet_of_very_many_rows_is_refused(xlsx, filled):
    def many(book):
        for n in range(2, 2_010):
            book["Engagements et services"][f"A{n}"] = "engagement"

    assert ("FLX-I112", None) in told(xlsx(filled(change=many)))


SHEET = "xl/worksheets/sheet2.xml"  # Acteurs


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        (SHEET, lambda b: b.replace(b"<worksheet", b'<!DOCTYPE a [<!ENTITY b "c">]><worksheet', 1), [("FLX-I111", None)]),
        (SHEET, lambda b: ("<?xml version='1.0' encoding='UTF-16'?><!DOCTYPE a>" + b.decode()).encode("utf-16"), [("FLX-I111", None)]),
        (SHEET, lambda b: b[:2000], [("FLX-I111", None)]),
        ("xl/workbook.xml", lambda _: b"<x/>", [("FLX-I113", None)] * 3),
        ("xl/styles.xml", lambda _: b"no xml", [("FLX-I111", None)]),
        (SHEET, lambda b: b.replace(b"</worksheet>", b'<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells></worksheet>'), []),
        (SHEET, lambda b: b.replace(b"</sheetData>", b'<row r="1048576"/></sheetData>'), []),
        (SHEET, lambda b: b.replace(b"</sheetData>", b'<row r="99999999999999"/></sheetData>'), []),
        (SHEET, lambda b: b.replace(b"</sheetData>", b'<row r="900"><c r="XFD900"/></row></sheetData>'), []),
    ],
    ids=["entities", "entities in UTF-16", "cut", "no workbook", "no styles", "a merged plain", "the last row", "a row beyond the last", "the last column"],
)  # fmt: skip
def test_what_a_stranger_could_put_into_a_workbook_costs_nothing(xlsx, filled, name, change, expected):
    assert told(xlsx(spoiled(filled(), name, change))) == expected


def test_a_zip_that_is_no_workbook_is_told(xlsx):
    assert told(xlsx(zipped({"a.txt": b"hello"}))) == [("FLX-I111", None)]
    assert told(xlsx(b"PK\x03\x04")) == [("FLX-I111", None)]
    assert [code for code, _ in told(xlsx(saved(Workbook())))] == ["FLX-I113"] * 3


def test_a_workbook_of_which_any_byte_is_another_is_read_or_told(xlsx, filled):
    luck, good = random.Random(20261126), filled()  # noqa: S311 - luck that a seed repeats

    def one_other_sign(member):
        place = luck.randrange(len(member))
        return member[:place] + luck.choice([b"", b"<", b"9" * 30, b"\xff", b'"']) + member[place + 1 :]

    with zipfile.ZipFile(BytesIO(good)) as archive:
        names = archive.namelist()
    for n in range(60):
        if n % 2:
            at = luck.randrange(len(good))
            content = good[:at] + bytes([luck.randrange(256)]) + good[at + luck.randrange(3) :]
        else:
            content = spoiled(good, luck.choice(names), one_other_sign)
        assert isinstance(xlsx(content), marketfile.Read)
