"""What the largest flows that the limits allow cost the daemon, which serves everybody: memory, measured on the real one."""

import gzip
import re
import time
from base64 import b64encode
from pathlib import Path

import pytest
from archives import tar_of, zip_of
from rig import EXAMPLES, Site

from flux.attachments import MOST_INNER, unpack
from flux.gate import admit_xml
from flux.parsers import Source, ubl
from flux.parsers._reading import MOST_NAME
from flux.policy import Limits

MOST_MB = 300
FREE = 'settle_s = 0.0\nscan_s = 0.2\nlog_format = "json"\nlog_level = "error"\n\n[[partner]]\nname = "batipro"\nnaming = "free"\n'
PIECE = next(EXAMPLES.glob("03-moe-of-the-market/*.xml")).read_bytes()
BEFORE_PARTIES = b" <cac:AccountingSupplierParty>"
FILE = (
    b'<cac:AdditionalDocumentReference><cbc:ID>%d</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode="%s" filename="%s">%s'
    b"</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>"
)


def piece(number, names, mime=b"application/pdf"):
    files = b"".join(FILE % (n, mime, name, b"eA==") for n, name in enumerate(names))
    return PIECE.replace(b"PDF-2026-0301", b"M-%d" % number).replace(BEFORE_PARTIES, files + BEFORE_PARTIES)


def peak_mb(tmp_path, archive, pieces=500):
    """The daemon's own peak while it answers this one flow."""
    site = Site(tmp_path / "site", FREE)
    (site.inbox / ".later").write_bytes(archive)
    daemon = site.start()
    (site.inbox / ".later").rename(site.inbox / "a.tar.gz")
    for _ in range(600):
        if list((site.outbox / "returns").rglob("*.html")):
            break
        time.sleep(0.1)
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    daemon.terminate()
    assert daemon.communicate(timeout=30)[1] == ""
    (report,) = (site.outbox / "returns").rglob("*.json")
    assert report.read_bytes().count(b'"ordinal"') == pieces
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "name"), [(500, b"%06d.pdf"), (100, b"%06d" + b"n" * 894 + b".pdf")], ids=["250,000 attachments", "50,000 of names too long"]
)
def test_the_largest_flow_of_attachments_costs_the_daemon_less_than_it_may_have(tmp_path, count, name):
    archive = gzip.compress(tar_of({f"{n}.xml": piece(n, [name % k for k in range(count)]) for n in range(500)}), 1)
    assert peak_mb(tmp_path, archive) < MOST_MB


def of_several(number, units, size, attachments=1):
    """A CPPFactureMixte of so many pieces, each with attachments of this size."""
    whole = next(EXAMPLES.glob("16-*/*.xml")).read_bytes()
    first, last = whole.index(b"  <CPPFactureMixteUnitaire"), whole.index(b" </CPPFactures>")
    unit = whole[first : whole.index(b"</CPPFactureMixteUnitaire>") + 27]
    unit = re.sub(rb"<Contenu>[^<]*", b"<Contenu>" + b"eHh4" * (size // 4), unit, count=1)
    held = unit[unit.index(b"   <PJ ") : unit.index(b"</PJ>") + 6]
    unit = unit.replace(held, b"".join(held.replace(b'"1"', b'"%d"' % n) for n in range(1, attachments + 1)))
    made = (unit.replace(b'NumOrdre="1"', b'NumOrdre="%d"' % n, 1).replace(b"ACP-2026-1601", b"S%d-%d" % (number, n)) for n in range(1, units + 1))
    return whole[:first].replace(b'Compteur="3"', b'Compteur="%d"' % units) + b"".join(made) + whole[last:]


@pytest.mark.slow
def test_the_pieces_of_many_documents_of_several_are_never_in_memory_together(tmp_path):
    archive = gzip.compress(tar_of({f"{n}.xml": of_several(n, 20, 400_000) for n in range(25)}), 1)
    assert peak_mb(tmp_path, archive) < 180, "they are 200 MB together, and 8 each"


@pytest.mark.slow
@pytest.mark.parametrize(("units", "attachments"), [(12, 1), (2, 6)], ids=["twelve pieces", "two pieces"])
def test_a_document_of_several_that_is_as_large_as_the_limits_allow_is_never_whole_in_the_daemon(tmp_path, units, attachments):
    document = of_several(0, units, 13_900_000, attachments)
    assert peak_mb(tmp_path, gzip.compress(tar_of({"a.xml": document}), 0), units) < MOST_MB


def test_nothing_that_a_sender_writes_about_an_attachment_reaches_the_daemon_in_full_length():
    root = admit_xml(piece(1, [b"n" * 100_000], b"m" * 100_000), Limits()).root
    (parsed,) = ubl.PARSER.read(Source(root, b"", Limits()))
    (one,) = parsed.piece.attachments
    assert (len(one.name), len(one.mime)) == (MOST_NAME, MOST_NAME)


def test_of_a_name_inside_a_zip_the_end_is_kept_which_tells_what_it_is():
    held, wrong = unpack("a.pdf", b64encode(zip_of({"n" * 60_000 + ".exe": b"x"})).decode(), mime="", kind="", position=1, limits=Limits())
    assert (len(held.inner), held.inner[-5:], wrong) == (MOST_INNER, "n.exe", ())
