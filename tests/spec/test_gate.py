"""Which bytes may become a tree: each refusal with its exact code, and its accepted twin one change away."""

import gzip

import pytest
from msgspec.structs import replace

from flux.gate import Gated, admit_xml, quoted
from flux.model import Finding
from flux.policy import Limits

LIMITS = Limits()


@pytest.fixture
def refused(tables):
    """The code that refuses, once its texts were told with the facts that came with it."""

    def ask(content, limits=LIMITS):
        answer = admit_xml(content, limits)
        assert isinstance(answer, Finding), "the gate let it in"
        entry = tables.catalogue[answer.code]
        for text in (entry.fr, entry.en, entry.fix_fr, entry.fix_en):
            text.format(**dict(answer.facts))
        return answer

    return ask


def admitted(content, limits=LIMITS):
    answer = admit_xml(content, limits)
    assert isinstance(answer, Gated), answer
    return answer


def test_a_document_whose_tags_do_not_match_is_told_with_its_line_and_in_words_of_ours(refused):
    finding = refused(b"<a>\n<b>\n</a>")
    assert (finding.code, finding.line) == ("FLX-X01", 3)
    assert dict(finding.facts) == {
        "found": "an element is closed under another name than its own", "found_fr": "un élément est fermé sous un autre nom que le sien",
    }  # fmt: skip
    assert admitted(b"<a>\n<b/>\n</a>").root.tag == "a"


COMMON = [
    b"", b"not xml", b"<a/>x", b"<a><b></a>", b"<a>", b"<a", b'<a x="1', b"<a>\xe9</a>", b"<a>\x01</a>", b"<a>R & D</a>", b"<a>R&D</a>",
    b"<a>&nbsp;</a>", b"<a>1 < 2</a>", b'<a x="<"/>', b"<a x=1/>", b'<a x="1" x="2"/>', b"<a x/>", b"<a><![CDATA[</a>", b"<a>]]></a>", b"<a><!--</a>",
    b"<x:a/>", b"<a>&#1;</a>", b' <?xml version="1.0"?><a/>', b'<a x="1"y="2"/>',
]  # fmt: skip


@pytest.mark.parametrize("content", COMMON)
def test_what_is_commonly_wrong_with_an_xml_is_told_without_a_word_of_the_parsers(refused, content):
    finding = refused(content)
    assert finding.code == "FLX-X01"
    assert "libxml2" not in dict(finding.facts)["found"]
    assert dict(finding.facts)["found"] != dict(finding.facts)["found_fr"]


def test_what_is_seldom_wrong_is_told_by_its_number_and_the_parsers_words_are_introduced_as_such(refused):
    facts = dict(refused(b'<?xml version="2"?><a/>').facts)
    assert facts["found"].startswith("error 96 of libxml2, “Malformed declaration")
    assert facts["found_fr"].startswith("erreur 96 de libxml2, « Malformed declaration")
    assert facts["found_fr"].endswith(" (ses propres mots, en anglais)")


@pytest.mark.parametrize("content", [b"", b" \n\t ", b"not xml", gzip.compress(b"<a/>", mtime=0), b"<a>\xe9</a>", b"<a>&eacute;</a>"])
def test_what_is_no_xml_is_not_well_formed(refused, content):
    assert refused(content).code == "FLX-X01"


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY x "&y;"><!ENTITY y "&x;">]><a>&x;</a>',
        b"<!DOCTYPE a><a>",
        "<!DOCTYPE a><a/>".encode("utf-16"),
        b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4APA-a/+AD4-',
    ],
    ids=["bare", "external", "xxe", "loop", "that does not parse", "in UTF-16", "hidden by UTF-7"],
)
def test_any_doctype_is_refused_as_such_whether_or_not_the_document_parses(refused, content):
    assert refused(content).code == "FLX-X02"


def test_the_word_doctype_in_a_text_a_comment_or_a_cdata_section_is_no_doctype():
    assert admitted(b"<!-- <!DOCTYPE a> --><a><![CDATA[<!DOCTYPE a>]]></a>").root.text == "<!DOCTYPE a>"


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("UTF-8", "utf-8"), ("UTF-8", "utf-8-sig"), ("UTF-16", "utf-16"), ("ISO-8859-1", "iso-8859-1"), ("ISO-8859-15", "iso-8859-15"),
        ("windows-1252", "cp1252"), ("utf-8", "utf-8"),
    ],
)  # fmt: skip
def test_the_encodings_of_the_list_are_read(name, codec):
    gated = admitted(f'<?xml version="1.0" encoding="{name}"?><a>décompte</a>'.encode(codec))
    assert gated.root.text == "décompte"
    assert gated.encoding.lower() == name.lower()


@pytest.mark.parametrize("codec", ["utf-16", "utf-8", "utf-8-sig"])
def test_an_undeclared_encoding_is_what_the_byte_order_mark_says_or_utf_8(codec):
    assert admitted("<a>é</a>".encode(codec)).root.text == "é"


@pytest.mark.parametrize(("name", "codec"), [("ISO-8859-5", "iso-8859-5"), ("UTF-32", "utf-32"), ("UTF-7", "ascii"), ("EBCDIC-X", "ascii")])
def test_an_encoding_beyond_the_list_is_refused_even_where_the_parser_knows_it(refused, name, codec):
    finding = refused(f'<?xml version="1.0" encoding="{name}"?><a/>'.encode(codec))
    assert finding.code == "FLX-X03"
    assert dict(finding.facts)["found"].upper() in (name.upper(), f"{name}LE")
    assert "windows-1252" in dict(finding.facts)["expected"]


@pytest.mark.parametrize("depth", [65, 300, 300_000])
def test_a_level_too_many_is_refused_by_our_own_limit_however_deep_it_goes(refused, depth):
    finding = refused(b"<a>" * depth + b"</a>" * depth)
    assert finding.code == "FLX-X04"
    assert ("expected", "64") in finding.facts


def test_64_levels_are_accepted():
    admitted(b"<a>" * 64 + b"</a>" * 64)


def test_a_level_too_many_is_told_with_its_line(refused):
    assert refused(b"<a>\n<b>\n<c/>\n</b>\n</a>", replace(LIMITS, xml_depth=2)).line == 3


def test_elements_are_counted_before_a_tree_is_built(refused):
    few = replace(LIMITS, xml_nodes=100)
    assert refused(b"<a>" + b"<b/>" * 100 + b"</a>", few).code == "FLX-X05"
    admitted(b"<a>" + b"<b/>" * 99 + b"</a>", few)


def test_signs_that_only_look_like_elements_are_not_counted():
    few = replace(LIMITS, xml_nodes=100)
    admitted(b"<a><![CDATA[" + b"<" * 500 + b"]]><!--" + b"<=" * 500 + b"--></a>", few)


def test_attributes_and_namespaces_are_counted_in_all(refused):
    few = replace(LIMITS, xml_nodes=100)
    assert refused(b"<a>" + b'<b c="" d="" xmlns:e="e"/>' * 34 + b"</a>", few).code == "FLX-X05"
    admitted(b"<a>" + b'<b c="" d="" xmlns:e="e"/>' * 33 + b"</a>", few)


def test_attributes_are_counted_on_one_element(refused):
    def wide(count):
        return b"<a><b " + b" ".join(b'c%d=""' % n for n in range(count)) + b"/></a>"

    finding = refused(wide(101))
    assert finding.code == "FLX-X05"
    assert ("what_fr", "attributs de b") in finding.facts
    admitted(wide(100))


def test_a_document_larger_than_its_limit_is_not_even_parsed(refused):
    content = b"<a>" + b"x" * (1 << 20) + b"</a>"
    finding = refused(content, replace(LIMITS, xml_mb=1))
    assert finding.code == "FLX-X06"
    assert dict(finding.facts) == {"found": "1.0 MB", "found_fr": "1,0 Mo", "expected": "1 MB", "expected_fr": "1 Mo"}
    admitted(content, replace(LIMITS, xml_mb=2))


def test_a_text_of_more_than_ten_million_characters_is_a_legal_attachment():
    assert len(admitted(b"<a>" + b"x" * 10_000_001 + b"</a>").root.text) == 10_000_001


def test_a_short_document_whose_text_grows_in_utf_8_is_read_too():
    content = '<?xml version="1.0" encoding="windows-1252"?><a>'.encode("cp1252") + b"\x80" * 3_400_000 + b"</a>"
    assert len(admitted(content).root.text) == 3_400_000


def test_a_name_that_never_ends_is_too_long(refused):
    assert refused(b"<" + b"a" * 60_000 + b"/>").code == "FLX-X06"
    admitted(b"<" + b"a" * 40_000 + b"/>")


def test_an_xinclude_is_refused_and_never_followed(refused):
    finding = refused(b'<a xmlns:xi="http://www.w3.org/2001/XInclude">\n<xi:include href="file:///etc/hostname"/></a>')
    assert (finding.code, finding.line) == ("FLX-X08", 2)
    admitted(b'<a xmlns:xi="http://www.w3.org/2001/XInclude-not">\n<xi:include href="file:///etc/hostname"/></a>')


@pytest.mark.parametrize(
    "content",
    [b'<?php echo "x"?><a/>', b"<a><?pi?></a>", b"<a/><?pi?>", b'<a><?xml-stylesheet href="a.xsl"?></a>', b'<a/><?xml-stylesheet href="a.xsl"?>'],
)
def test_an_instruction_other_than_a_stylesheet_before_the_root_is_refused(refused, content):
    assert refused(content).code == "FLX-X08"


def test_an_xml_stylesheet_before_the_root_is_recorded():
    assert admitted(b'<?xml-stylesheet type="text/xsl" href="FSO1110A.xsl"?><a/>').stylesheet == "FSO1110A.xsl"
    assert admitted(b"<?xml-stylesheet?><a/>").stylesheet == ""
    assert admitted(b"<a/>").stylesheet == ""


def test_a_comment_inside_a_value_does_not_cut_it_in_two():
    assert admitted(b"<a>A<!-- cadre -->4</a>").root.text == "A4"


def test_what_is_quoted_is_one_printable_line():
    assert quoted("12\n34\u202e") == "12\\u000a34\\u202e"
    assert quoted("x" * 200, 5) == "xxxx…"
