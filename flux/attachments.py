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

from flux.facts import Facts, pair, sized
from flux.gate import quoted
from flux.model import Attachment, Finding
from flux.policy import Limits

ZIP_MAGIC = b"PK\x03\x04"
_BLOCK = 1 << 16
_WHITE = b" \t\r\n"
_NO_BASE64 = pair("found", "its text is cut, or holds signs that base64 does not know", "son texte est coupé, ou contient des signes étrangers au base64")
_NO_ZIP = pair("found", "it is damaged, encrypted or of an unknown method", "il est endommagé, chiffré ou d'une méthode inconnue")
# What the standard reader raises on odd archives, measured on 212 of them (reliability F5) and on damaged LZMA: six kinds that are not its own.
BAD_ZIP = (BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError, LookupError)


def unpack(name: str, encoded: str, *, mime: str, kind: str, position: int, limits: Limits) -> tuple[Attachment, tuple[Finding, ...]]:
    """
    One attachment out of its element's text.

    encoded: base64, white space allowed. position: from 1, in document order; findings are about ``attachments[position]``.
    Findings: FLX-L10 (size), L11 (name), L13 (empty), L14 (base64 or ZIP cannot be read). The extension and the sum are rules elsewhere.
    """
    findings = [*_name(name, position, limits)]
    try:
        # Strict: what is lax skips foreign signs and stops at the first padding, so that a part of the file goes without a word.
        content = binascii.a2b_base64(encoded.encode("ascii").translate(None, _WHITE), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        findings.append(_about(position, "FLX-L14", name, _NO_BASE64, (("expected", "base64"),)))
        return Attachment(name, mime=mime, kind=kind), tuple(findings)
    zipped = False
    most = limits.attachment_mb << 20
    if content.startswith(ZIP_MAGIC) and not name.lower().endswith(".zip"):
        try:
            inside = _only_member(content, most)
        except BAD_ZIP:
            findings.append(_about(position, "FLX-L14", name, _NO_ZIP, (("expected", "ZIP"),)))
            return Attachment(name, len(content), hashlib.sha256(content).hexdigest(), mime, kind), tuple(findings)
        if inside is not None:
            content, zipped = inside, True
    if not content:
        findings.append(_about(position, "FLX-L13", name, (("found", "0"),), (("expected", "> 0"),)))
    elif len(content) >= most:
        found = f"{len(content) / (1 << 20):.1f}" if len(content) < most + _BLOCK or not zipped else f"≥ {limits.attachment_mb}"
        findings.append(_about(position, "FLX-L10", name, sized("found", found), sized("expected", str(limits.attachment_mb))))
    attachment = Attachment(name, len(content), hashlib.sha256(content).hexdigest(), mime, kind, zipped)
    return attachment, tuple(findings)


def _only_member(content: bytes, most: int) -> bytes | None:
    """The one file inside a ZIP, read no further than a block beyond *most*; None when the ZIP holds several, or none."""
    with ZipFile(BytesIO(content)) as archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        if len(files) != 1:
            return None
        read = bytearray()
        with archive.open(files[0]) as member:
            while len(read) <= most and (block := member.read(_BLOCK)):
                read += block
    return bytes(read)


def _name(name: str, position: int, limits: Limits) -> list[Finding]:
    if len(name) <= limits.attachment_name:
        return []
    facts = (("found", f"{name} ({len(name)})"), ("expected", str(limits.attachment_name)))
    return [Finding("FLX-L11", f"attachments[{position}].name", facts=facts)]


def _about(position: int, code: str, name: str, found: Facts, expected: Facts) -> Finding:
    return Finding(code, f"attachments[{position}].bytes", facts=(("name", quoted(name) or "—"), *found, *expected))
