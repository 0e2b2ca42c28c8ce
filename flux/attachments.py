"""
Attachments: taken out of base64, and out of the ZIP that AIFE's examples wrap around the real file (domain 4.5); measured and hashed.

Pure. What is inside is only bytes: never executed, rendered or kept apart.
"""

import binascii
import hashlib
import lzma
import zlib
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from msgspec.structs import replace

from flux.facts import Facts, above, sized
from flux.gate import quoted
from flux.model import Finding
from flux.piece import Attachment
from flux.policy import Limits

ZIP_MAGIC = b"PK\x03\x04"
MOST_INNER = 255  # characters of the name inside a ZIP, which its extension ends
_WHITE = b" \t\r\n"
# What the standard reader raises on odd archives, measured on 212 of them (reliability F5) and on damaged LZMA: six kinds that are not its own.
BAD_ZIP = (BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError, LookupError)


def unpack(name: str, encoded: str, *, mime: str, kind: str, position: int, limits: Limits) -> tuple[Attachment, tuple[Finding, ...]]:
    """One attachment out of its element's text: take() without its content."""
    attachment, findings, _ = take(name, encoded, mime=mime, kind=kind, position=position, limits=limits)
    return attachment, findings


def take(name: str, encoded: str, *, mime: str, kind: str, position: int, limits: Limits) -> tuple[Attachment, tuple[Finding, ...], bytes]:
    """
    One attachment out of its element's text, with its content; b"" where that cannot be read, or is not all of it.

    encoded: base64, white space allowed. position: from 1, in document order; findings are about ``attachments[position]``.
    Findings: those of measured(), and FLX-L14 (base64 or ZIP cannot be read). The extension and the sum are rules elsewhere.
    """
    blank = Attachment(name, mime=mime, kind=kind)
    try:
        # Strict: what is lax skips foreign signs and stops at the first padding, so that a part of the file goes without a word.
        content = binascii.a2b_base64(encoded.encode("ascii").translate(None, _WHITE), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        return blank, (*_name(name, position, limits), unreadable(name, "base64", position)), b""
    if not content.startswith(ZIP_MAGIC) or name.lower().endswith(".zip"):
        return *measured(blank, content, position=position, limits=limits), content
    try:
        inside = _only_member(content, limits.attachment_mb << 20)
    except BAD_ZIP:
        return blank, (*_name(name, position, limits), unreadable(name, "ZIP", position)), b""
    if inside is None:
        return *measured(blank, content, position=position, limits=limits), content
    inner, content, whole = inside
    return *measured(replace(blank, zipped=True, inner=inner), content, position=position, limits=limits, whole=whole), content if whole else b""


def measured(
    blank: Attachment, content: bytes, *, position: int, limits: Limits, whole: bool = True
) -> tuple[Attachment, tuple[Finding, ...]]:
    """
    An attachment with the size and the hash of its content; *whole*: that is all of it, and not only what was read.

    Findings: FLX-L10 (size), L11 (name), L13 (empty).
    """
    size, most = len(content), limits.attachment_mb << 20
    findings = _name(blank.name, position, limits)
    if not size:
        findings.append(_about(position, "FLX-L13", blank.name, (("found", "0"), ("expected", "> 0"))))
    elif size >= most:
        found = f"{size / (1 << 20):.1f}" if whole else f"≥ {limits.attachment_mb}"
        findings.append(_about(position, "FLX-L10", blank.name, (*sized("found", found), *sized("expected", str(limits.attachment_mb)))))
    return replace(blank, bytes=size, sha256=hashlib.sha256(content).hexdigest() if whole else ""), tuple(findings)


def unreadable(name: str, expected: str, position: int) -> Finding:
    """FLX-L14: the attachment is no *expected* (base64, ZIP, PDF)."""
    return _about(position, "FLX-L14", name, (("why", expected), ("expected", expected)))


def too_many(limits: Limits) -> Finding:
    """FLX-L17: the rest of the attachments is not unpacked."""
    return Finding("FLX-L17", "attachments", facts=(*above(limits.attachments), ("expected", str(limits.attachments))))


def _only_member(content: bytes, most: int) -> tuple[str, bytes, bool] | None:
    """The one file inside a ZIP: name, bytes, and whether these are all. Not read beyond *most*. None when the ZIP holds several, or none."""
    with ZipFile(BytesIO(content)) as archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        if len(files) != 1:
            return None
        with archive.open(files[0]) as member:
            read = member.read(most + 1)
            return files[0].filename[-MOST_INNER:], read, len(read) <= most


def _name(name: str, position: int, limits: Limits) -> list[Finding]:
    if len(name) <= limits.attachment_name:
        return []
    facts = (("found", f"{quoted(name)} ({len(name)})"), ("expected", str(limits.attachment_name)))
    return [Finding("FLX-L11", f"attachments[{position}].name", facts=facts)]


def _about(position: int, code: str, name: str, facts: Facts) -> Finding:
    return Finding(code, f"attachments[{position}].bytes", facts=(("name", quoted(name) or "—"), *facts))
