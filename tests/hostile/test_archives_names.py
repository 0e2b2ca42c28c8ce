"""Names in containers: which are taken, which are forbidden, and which are one name twice."""

import unicodedata

import pytest
from archives import A, Entry, a_member, a_record, a_tar, a_zip, accepted, gz, pax, with_field


def tar_named(name):
    return a_tar(pax(a_record(b"path", name)), a_member("x"))


def gnu_named(name):
    return a_tar(a_member("././@LongLink", name + b"\0", b"L"), a_member("x"))


def zip_named(name):
    return a_zip(Entry(name))


NAMED = pytest.mark.parametrize("named", [tar_named, gnu_named, zip_named], ids=["pax", "GNU", "zip"])
NAMES = [  # (what, the accepted name, the refused one)
    ("absolute", b"etc/passwd", b"/etc/passwd"),
    ("above", b"..a/b.xml", b"../b.xml"),
    ("above, in the middle", b"a/..b/c.xml", b"a/../c.xml"),
    ("above, behind a dot", b"./a.xml", b"./../a.xml"),
    ("above, at the end", b"a/b..", b"a/.."),
    ("a backslash", b"a/b.xml", b"a\\b.xml"),
    ("above by backslash", b"..a.xml", b"..\\a.xml"),
    ("a drive", b"C/a.xml", b"C:/a.xml"),
    ("a drive and a name", b"c.a.xml", b"c:a.xml"),
    ("a NUL", b"a.xml", b"a\0xml"),
    ("a NUL before a path", b"a.xml/etc", b"a.xml\0/../../etc"),
]  # fmt: skip


@NAMED
@pytest.mark.parametrize(("good", "bad"), [row[1:] for row in NAMES], ids=[row[0] for row in NAMES])
def test_a_name_that_is_no_plain_relative_path_is_forbidden(refused, named, good, bad):
    assert list(accepted(named(good))) == [good.decode().removeprefix("./")]
    assert refused(named(bad)) == "FLX-A03"


@pytest.mark.parametrize("name", [b"", b"/", b"./"], ids=["empty", "a slash", "a dot"])
def test_a_file_without_a_name_is_forbidden(refused, name):
    assert accepted(a_tar(with_field(a_member("xx"), 0, b"ab"))) == {"ab": b"<a/>"}
    assert refused(a_tar(with_field(a_member("xx"), 0, name.ljust(2, b"\0")))) == "FLX-A03"


TWIN_NAMES = [
    ("the same", b"b.xml", b"a.xml", b"a.xml"),
    ("small and large letters", b"b.XML", b"a.XML", b"a.xml"),
    ("composed and decomposed", "décomptb".encode(), unicodedata.normalize("NFD", "décompte").encode(), "décompte".encode()),
    ("with and without a dot", b"./b.xml", b"./a.xml", b"a.xml"),
    ("a dot in the middle", b"lot/./b.xml", b"lot/./a.xml", b"lot/a.xml"),
    ("two slashes", b"lot//b.xml", b"lot//a.xml", b"lot/a.xml"),
    ("unlike only behind 255 bytes", b"x" * 300 + b"b", b"x" * 300 + b"a", b"x" * 300 + b"a"),
    ("sharp s", b"STRASE", b"STRASSE", "straße".encode()),
]  # fmt: skip


@pytest.mark.parametrize("pack", [
    lambda first, second: a_tar(pax(a_record(b"path", first)), a_member("x"), pax(a_record(b"path", second)), a_member("y")),
    lambda first, second: a_zip(Entry(first), Entry(second)),
], ids=["tar", "zip"])  # fmt: skip
@pytest.mark.parametrize(("other", "twin", "name"), [row[1:] for row in TWIN_NAMES], ids=[row[0] for row in TWIN_NAMES])
def test_two_members_of_one_name_are_refused_up_to_case_and_unicode_form(refused, pack, other, twin, name):
    assert len(accepted(pack(other, name))) == 2
    assert refused(pack(twin, name)) == "FLX-A06"


def test_a_folder_and_a_file_of_one_name_are_two_of_that_name(refused):
    assert len(accepted(a_tar(a_member("a/", b"", b"5"), a_member("b")))) == 1
    assert refused(a_tar(a_member("a/", b"", b"5"), a_member("a"))) == "FLX-A06"


def folder(name):
    return a_member(name, b"", b"5")


@pytest.mark.parametrize("here", ["./", "."], ids=["with a slash", "without"])
def test_the_folder_in_which_an_archive_was_made_is_no_member_and_its_dot_no_part_of_a_name(refused, here):
    """As ``tar czf x.tar.gz .`` writes it."""
    assert accepted(gz(a_tar(folder(here), a_member("./a.xml"), folder("./lot/"), a_member("./lot/b.xml")))) == {"a.xml": b"<a/>", "lot/b.xml": b"<a/>"}
    assert accepted(a_zip(Entry(f"{here[0]}/", b"", 0), Entry("./a.xml"))) == A
    assert refused(a_tar(folder(here), a_member("./../a.xml"))) == "FLX-A03"


@pytest.mark.parametrize("name", ["/", "../", "/./", ".//.."], ids=["the root", "above", "the root with a dot", "above with a dot"])
def test_a_folder_elsewhere_is_forbidden(refused, name):
    assert accepted(a_tar(folder("./"), a_member())) == A
    assert refused(a_tar(folder(name), a_member())) == "FLX-A03"


@pytest.mark.parametrize("named", [tar_named, zip_named], ids=["tar", "zip"])
@pytest.mark.parametrize("name", ["F" * 251 + ".xml", "é" * 125 + ".xml"], ids=["of one byte a letter", "of two"])
def test_a_name_of_255_bytes_is_told_whole_and_a_longer_one_cut_in_its_middle(named, name):
    assert list(accepted(named(name.encode()))) == [name]
    (told,) = accepted(named(b"A" + b"n" * (255 - len(b"A") - len(name.encode())) + b"n" + name.encode()))
    assert (told[0], told[126], told[-10:]) == ("A", "…", name[-10:])
    assert len(told) == 253


def test_a_control_sign_in_a_name_is_shown_and_never_sent_to_a_terminal():
    assert list(accepted(zip_named(b"a\x1b[2J.xml"))) == ["a\\u001b[2J.xml"]
