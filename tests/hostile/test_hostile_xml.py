"""Documents that were written to hurt: those of the corpus, and bombs too large to keep."""

import os
import subprocess
import sys
import textwrap

import pytest
from hostile_documents import every
from msgspec.structs import replace

from flux.gate import Gated, admit_xml
from flux.policy import Limits

LIMITS = Limits()

HARMLESS = {  # name -> local name of its root, which no parser claims
    "defusedxml_simple.xml": "root",
    "libxml2_utf8bom.xml": "foo",
    "libxml2_utf16bom.xml": "repository",
    "libxml2_utf16lebom.xml": "repository",
    "libxml2_utf16bebom.xml": "repository",
    "libxml2_isolat1.xml": "très",
    "libxml2_japancrlf.xml": "入力メッセージ",
    "libxml2_cdata-4-byte-UTF-8.xml": "doc",
    "libxml2_text-4-byte-UTF-16-LE.xml": "body",
    "libxml2_badcomment.xml": "foo",
}
OTHER_CODES = {
    "libxml2_ebcdic_566012.xml": "FLX-X03",
    "libxml2_iso-8859-5.xml": "FLX-X03",
    "defusedxml_simple-ns.xml": "FLX-X08",  # begins with <?pi data?>
}


@pytest.mark.corpus
def test_every_hostile_document_of_the_corpus_gets_its_code_and_the_harmless_pass_as_what_they_are(corpus):
    got = {}
    for file in sorted((corpus / "hostile").iterdir()):
        answer = admit_xml(file.read_bytes(), LIMITS)
        got[file.name] = answer.root.tag.rpartition("}")[2] if isinstance(answer, Gated) else answer.code
    assert len(got) == 30
    assert got == {name: HARMLESS.get(name) or OTHER_CODES.get(name, "FLX-X02") for name in got}


ATTACKS = [(name, content, code) for name, content, code in every() if code != "FLX-X07"]


@pytest.mark.parametrize(("content", "code"), [row[1:] for row in ATTACKS], ids=[row[0] for row in ATTACKS])
def test_an_attack_gets_its_code(told, content, code):
    assert told(admit_xml(content, LIMITS)) == code


@pytest.mark.parametrize("content", [row[1] for row in every() if row[2] == "FLX-X07"], ids=[row[0] for row in every() if row[2] == "FLX-X07"])
def test_a_hint_to_another_place_is_no_attack_and_passes_as_what_it_is(content):
    assert admit_xml(content, LIMITS).root.tag == "a"


JUST_SO = {
    "64 levels": b"<a>" * 64 + b"</a>" * 64,
    "500,000 elements": b"<a>" + b"<b/>" * 499_999 + b"</a>",
    "100 attributes": b"<a " + b" ".join(b'b%d=""' % n for n in range(100)) + b"/>",
    "100 namespaces": b"<a " + b" ".join(b'xmlns:b%d="c"' % n for n in range(100)) + b"/>",
    "one namespace 1,000 times": b"<a>" + b'<b xmlns="c"/>' * 1_000 + b"</a>",
    "an attribute of 10,000,000 characters": b'<a b="' + b"x" * 10_000_000 + b'"/>',
    "a text of 20 MB": b"<a>" + b"x" * (20 << 20) + b"</a>",
    "a text of 20 MB in CDATA": b"<a><![CDATA[" + b"x" * (20 << 20) + b"]]></a>",
    "30 MB in two texts": b"<a><b>" + b"x" * (15 << 20) + b"</b><b>" + b"x" * (15 << 20) + b"</b></a>",
    "a comment of 30 MB, which is not kept": b"<a><!--" + b"x" * (30 << 20) + b"--></a>",
}


@pytest.mark.parametrize("content", JUST_SO.values(), ids=JUST_SO)
def test_what_is_as_large_as_it_may_be_passes(content):
    assert isinstance(admit_xml(content, LIMITS), Gated)


TOO_LONG = {
    "a text": (b"<a>\n<b>" + b"x" * (20 << 20) + b"x</b></a>", "20 MB", 2),
    "a text in CDATA": (b"<a>\n<b><![CDATA[" + b"x" * (20 << 20) + b"x]]></b></a>", "20 MB", 2),
    "a text that a comment cuts": (b"<a>\n<b>" + b"x" * (15 << 20) + b"<!-- -->" + b"x" * (15 << 20) + b"</b></a>", "20 MB", 2),
    "an attribute": (b'<a>\n<b c="' + b"x" * 10_000_001 + b'"/></a>', "10 MB", 2),
    "an instruction": (b"<?xml-stylesheet " + b"x" * 11_000_000 + b"?><a/>", "10 MB", 1),
    "a name": (b"<a>\n<" + b"x" * 11_000_000 + b"/></a>", "50 kB", 2),
    "a document": (b"<a>" + b"<b>x</b>" * 1_000_000 + b"</a>", "5 MB", 0),
}


@pytest.mark.parametrize(("content", "most", "line"), TOO_LONG.values(), ids=TOO_LONG)
def test_what_is_too_long_is_refused_with_its_own_limit_and_line(told, content, most, line):
    finding = admit_xml(content, replace(LIMITS, xml_mb=5) if most == "5 MB" else LIMITS)
    assert (told(finding), dict(finding.facts)["expected"], finding.line) == ("FLX-X06", most, line)


@pytest.mark.parametrize("document", ['<!DOCTYPE a SYSTEM "{}"><a/>', '<!DOCTYPE a [<!ENTITY % x SYSTEM "{}">%x;]><a/>', '<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{}"/></a>'])
def test_a_file_that_a_document_names_is_not_even_opened(tmp_path, document):
    """It is a pipe that nobody writes into: whoever opened it would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    code = "from sys import argv; from flux.gate import admit_xml; from flux.policy import Limits; print(admit_xml(argv[1].encode(), Limits()).code)"
    assert _alone(code, document.format((tmp_path / "pipe").as_uri())) == ["FLX-X08" if "XInclude" in document else "FLX-X02"]


@pytest.mark.corpus
def test_a_document_of_another_kind_passes_the_gate_as_a_root_that_no_invoice_has(corpus):
    roots = {
        name: admit_xml((corpus / name).read_bytes(), LIMITS).root.tag.rpartition("}")[2]
        for name in ("other-doctypes/UC3_Order.xml", "other-doctypes/zugferd1_validV1.xml", "pes/pes_aller.xml", "pes/pes_acquit.xml")
    }
    assert list(roots.values()) == ["Order", "CrossIndustryDocument", "PES_Aller", "PES_ACQUIT"]


def _alone(code, *arguments):
    """Run in a process of its own, so that its memory is its own."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ('b"<a>" + b"<b/>" * 5_000_000 + b"</a>"', "FLX-X05"),
        ('b"<a " + b" ".join(b\'xmlns:b%d="x"\' % n for n in range(600_000)) + b"/>"', "FLX-X05"),
        ('b"<a>" + b"<?b?>" * 3_000_000 + b"</a>"', "FLX-X08"),
        ('b"<a>" * 3_000_000', "FLX-X04"),
    ],
    ids=["elements", "namespaces", "instructions", "levels"],
)
def test_a_bomb_of_20_megabytes_is_refused_without_a_tree(what, code):
    got, megabytes = _alone(
        f"""
        import resource
        from flux.gate import admit_xml
        from flux.policy import Limits
        bomb = {what}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answer = admit_xml(bomb, Limits())
        print(answer.code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
        """
    )
    assert got == code
    assert int(megabytes) < 200, "a tree of the first would take 600"


def test_a_lack_of_memory_is_told_as_such_and_never_as_a_malformed_document():
    got = _alone(
        """
        import resource
        from flux.gate import admit_xml
        from flux.policy import Limits
        sound = b"<a>" + b"<b>x</b>" * 400_000 + b"</a>"
        admit_xml(b"<a/>", Limits())
        in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + (20 << 20),) * 2)
        try:
            admit_xml(sound, Limits())
        except MemoryError:
            print("memory")
        """
    )
    assert got == ["memory"]
