"""Containers without a clock and without luck: tar.gz, zip and PDF that come out the same, byte for byte, on every run."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence

import pikepdf

MOMENT = 1_767_225_600  # 2026-01-01T00:00:00Z, the age of every member
ZIP_MOMENT = (2026, 1, 1, 0, 0, 0)

_PDF_LATIN = "cp1252"  # what WinAnsiEncoding means

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#">
<fx:DocumentType>INVOICE</fx:DocumentType><fx:DocumentFileName>factur-x.xml</fx:DocumentFileName>
<fx:Version>1.0</fx:Version><fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def tar_gz(members: Mapping[str, bytes]) -> bytes:
    """A tar in gzip, in the order given."""
    held = io.BytesIO()
    squeezed = gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=held, mtime=0)
    with squeezed, tarfile.open(fileobj=squeezed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members.items():
            row = tarfile.TarInfo(name)
            row.size, row.mtime, row.mode = len(content), MOMENT, 0o644
            tar.addfile(row, io.BytesIO(content))
    return held.getvalue()


def zip_of(members: Mapping[str, bytes]) -> bytes:
    """A deflated zip, in the order given."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, content in members.items():
            row = zipfile.ZipInfo(name, ZIP_MOMENT)
            row.compress_type, row.create_system, row.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            packed.writestr(row, content, compresslevel=9)
    return held.getvalue()


def pdf(text: Sequence[str], factur_x: bytes | None = None) -> bytes:
    """
    One A4 page that shows *text*, a line each; with *factur_x*, that XML is embedded as ``factur-x.xml``.

    No PDF/A conformance is claimed: the font is not embedded. Streams are left plain, so that no version of zlib shows through.
    """
    made = pikepdf.new()
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica, Encoding=pikepdf.Name.WinAnsiEncoding
    )
    page = pikepdf.Dictionary(
        Type=pikepdf.Name.Page,
        MediaBox=pikepdf.Array([0, 0, 595, 842]),
        Resources=pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=made.make_indirect(font))),
        Contents=made.make_stream(_page(text)),
    )
    made.pages.append(pikepdf.Page(made.make_indirect(page)))
    if factur_x is not None:
        undated = {"creation_date": "", "mod_date": ""}
        attached = pikepdf.AttachedFileSpec(made, factur_x, filename="factur-x.xml", mime_type="text/xml", description="Facture", **undated)
        attached.relationship = pikepdf.Name.Data
        made.attachments["factur-x.xml"] = attached
        made.Root.AF = pikepdf.Array([made.attachments["factur-x.xml"].obj])
        made.Root.Metadata = made.make_stream(_XMP.encode(), Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML)
    held = io.BytesIO()
    made.save(held, deterministic_id=True, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return held.getvalue()


def _page(text: Sequence[str]) -> bytes:
    """The content stream: from the top left, 11 points, 16 from line to line."""
    drawn = [b"BT /F1 11 Tf 56 780 Td 16 TL"]
    for line in text:
        shown = line.encode(_PDF_LATIN, "replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        drawn.append(b"(" + shown + b") Tj T*")
    return b"\n".join([*drawn, b"ET"])
