"""Documents that were written to hurt: those of the corpus, and bombs too large to keep."""

import subprocess
import sys
import textwrap

import pytest

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
