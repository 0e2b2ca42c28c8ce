"""Pieces as pivot, for a recipient who asks for it, through the real program: judged, written down by a child, delivered."""

import base64
import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest
from lxml import etree
from rig import CONFIG, EXAMPLES, wait_for

from flux.stores import schemas

PIVOT = schemas.load().get("cpp-pivot", "full").xsd
BEFORE_PARTIES = b" <cac:AccountingSupplierParty>"
FILE = (
    b'<cac:AdditionalDocumentReference><cbc:ID>%d</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="%d.pdf">%s'
    b"</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>"
)
ASKED = '\n[[route]]\nactor = "{actor}"\nform = "{form}"\n'


def deliver(site, *patterns, actor="moe", form="pivot"):
    """What came of these examples: the pieces delivered, by name, and the JSON reports."""
    site.configure(CONFIG + ASKED.format(actor=actor, form=form))
    site.drop(*patterns)
    done = site.flux("once")
    assert done.returncode == 0, done.stderr
    pieces = {path.name: path.read_bytes() for path in (site.outbox / "pieces").rglob("*") if path.is_file()}
    return pieces, [piece for flow in site.json("flows")["flows"] for piece in site.json("show", flow["id"])["pieces"]]


def read(pivot):
    root = etree.fromstring(pivot, etree.XMLParser(huge_tree=True))
    assert PIVOT.validate(root), PIVOT.error_log
    return root


def files(root):
    """What is attached: name, kind and category of each, and the hash of what its ZIP holds."""
    for one in root.iter("PJ"):
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(one.findtext("Contenu")))) as archive:
            (inside,) = archive.namelist()
            yield one.findtext("NomPJ"), one.findtext("TypePJ"), one.findtext("CategoriePJ"), hashlib.sha256(archive.read(inside)).hexdigest()


@pytest.mark.parametrize("form", ["received", "pivot"])
def test_a_recipient_gets_the_pivot_where_he_asks_for_it_else_the_bytes_received(site, form):
    pieces, (told,) = deliver(site, "03-moe-of-the-market/*.xml", form=form)
    ((name, content),) = pieces.items()
    if form == "received":
        assert hashlib.sha256(content).hexdigest() == told["sha256"]
        return
    assert name.startswith("FEN0036A_FLUX01_")
    data = read(content).find(".//DonneesFacture")
    assert (data.findtext("Id"), data.findtext("Cadre"), data.findtext("Renvoi")) == (told["number"], told["cadre"], "Non")
    assert [data.findtext(f"Montants/{tag}") for tag in ("MontantHT", "MontantTTC", "MontantNetAPayer")] == [told["amounts"][key] for key in ("ht", "ttc", "net")]
    assert data.findtext("DateMiseADispositionMOE") is not None


@pytest.mark.parametrize("folder", ["01-all-edi-cadres", "07-zip-of-ten", "16-several-pieces-in-one-file", "17-factur-x"])
def test_every_attachment_of_every_syntax_goes_on_whole_behind_what_a_person_reads(site, folder):
    pieces, told = deliver(site, f"{folder}/FSO*", actor="moe*")
    pivots = [read(content) for name, content in pieces.items() if name.startswith("FEN0036A") and not name.endswith("-moa.xml")]  # a copy has the form of the first
    accepted = {(piece["number"], piece["supplier"]["id"]): piece for piece in told if piece["next_actor"] == "moe"}
    assert len(pivots) == len(accepted) > 0
    for root in pivots:
        piece = accepted[root.findtext(".//DonneesFacture/Id"), root.findtext(".//Fournisseur/Identifiant")]
        kept = list(files(root))
        hashes = [sha for *_, sha in kept]
        assert kept[0][1] == "01" or piece["syntax"] == "CPP_MIXTE"
        assert [one["sha256"] for one in piece["attachments"]] == hashes[len(hashes) - len(piece["attachments"]) :]
        if len(hashes) > len(piece["attachments"]):
            assert hashes[0] == piece["sha256"], "what was received stands first"


def test_what_goes_to_another_than_who_asked_is_the_bytes_received(site):
    pieces, told = deliver(site, "24-subcontractor/FSO*", actor="moa")
    assert {hashlib.sha256(content).hexdigest() for content in pieces.values()} == {piece["sha256"] for piece in told if piece["verdict"] == "accepted"}


def test_a_piece_of_many_megabytes_costs_the_daemon_nothing_of_them(site):
    """What a child writes down never crosses its line, and the daemon reads it a block at a time (docs/reliability.md: 300 MB at most)."""
    attached = b"".join(FILE % (n, n, base64.b64encode(os.urandom(9 << 20))) for n in range(10))
    small = next((EXAMPLES / "03-moe-of-the-market").glob("*.xml")).read_bytes()
    site.configure(CONFIG + ASKED.format(actor="moe", form="pivot"))
    with site.running() as log:
        daemon = wait_for(lambda: [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cwd") if _runs_in(path, site.root)])
        (site.inbox / ".later").write_bytes(small.replace(BEFORE_PARTIES, attached + BEFORE_PARTIES))
        (site.inbox / ".later").rename(site.inbox / "FSO4100A_ABC001_ABC0014100000000000000999.xml")
        (pivot,) = wait_for(lambda: list((site.outbox / "pieces").rglob("FEN0036A*")), 120)
        peak = max(int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) >> 10 for pid in daemon)
        assert not [line for line in log() if line["level"] == "error"]
    assert len(list(files(read(pivot.read_bytes())))) == 11
    assert peak < 200, f"{peak} MB: the document is 120 MB, and the pivot twice that"


def _runs_in(cwd, folder):
    """Whether this is the daemon: its children say so in their command."""
    try:
        return cwd.readlink() == folder and b"flux.cli" in (cwd.parent / "cmdline").read_bytes()
    except OSError:
        return False
