"""What both readers share: the refusal, the rules for names, and the sink that counts, hashes and bounds what is unpacked."""

import hashlib
import re
import unicodedata
from typing import BinaryIO

from msgspec import Struct

from flux.model import Finding, Member
from flux.policy import Limits

RATIO_FROM_BYTES = 10 << 20  # below it any ratio is harmless
_DRIVE = re.compile(r"^[A-Za-z]:")
_TAR_MAGIC_AT, _TARS = 257, (b"ustar\x0000", b"ustar  \x00")
_ARCHIVES = (b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")
_PLAIN_FR, _PLAIN_EN = "les fichiers simples sous un nom relatif", "plain files under a relative name"


class Proof(Struct, frozen=True):
    """A container that is whole: its files in order, and size and hash of the content they were unpacked to."""

    members: tuple[Member, ...]
    size: int
    sha256: str


class Refused(Exception):  # noqa: N818 - it carries a finding out of nested loops; prove() returns it
    """The archive is refused as a whole."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.finding = Finding(code, facts=tuple(facts.items()))


def shown(name: bytes | str) -> str:
    """A member's name for a reader: undecodable bytes and control characters escaped, never longer than a line."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)[:120]


def forbidden(what: str) -> Refused:
    """FLX-A03, with what was found."""
    return Refused("FLX-A03", found=what, expected_fr=_PLAIN_FR, expected_en=_PLAIN_EN)


class Unpacking:
    """The members as they come: named, counted, hashed, bounded, written into the sink."""

    def __init__(self, sink: BinaryIO, limits: Limits) -> None:
        self._sink, self._limits = sink, limits
        self._whole = hashlib.sha256()
        self._members: list[Member] = []
        self._names: set[str] = set()
        self._met = 0
        self._at = 0

    def meet(self, name: bytes | str) -> str:
        """A header was met: count it, judge its name, and give the name as text."""
        self._met += 1
        if self._met > self._limits.members:
            raise Refused("FLX-A04", expected=str(self._limits.members))
        text = shown(name)
        raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogatepass")
        plain = raw.removeprefix(b"./").rstrip(b"/")
        if not plain or raw.startswith(b"/") or b"\\" in raw or b"\x00" in raw or b".." in raw.split(b"/") or _DRIVE.match(text):
            raise forbidden(text or "—")
        twin = unicodedata.normalize("NFC", plain.decode("utf-8", "backslashreplace")).casefold()
        if twin in self._names:
            raise Refused("FLX-A06", found=text)
        self._names.add(twin)
        return text

    def file(self, name: str) -> "_File":
        """Begin a file; its bytes follow."""
        return _File(self, name)

    def proof(self) -> Proof:
        """Everything was read to the end."""
        if not self._members:
            raise Refused("FLX-A10", found="0")
        return Proof(tuple(self._members), self._at, self._whole.hexdigest())

    def bound(self, expanded: int, packed: int) -> None:
        """Stop at the limit of what an archive may unpack to."""
        most = self._limits.expanded_mb << 20
        if expanded > most:
            raise Refused("FLX-A05", found=f"> {self._limits.expanded_mb} MB", expected=f"{self._limits.expanded_mb} MB")
        if expanded > RATIO_FROM_BYTES and expanded > packed * self._limits.expansion_ratio:
            raise Refused("FLX-A05", found=f"> {self._limits.expansion_ratio}:1", expected=f"{self._limits.expansion_ratio}:1")

    def _write(self, block: bytes) -> None:
        self._sink.write(block)
        self._whole.update(block)

    def _add(self, name: str, size: int, sha256: str) -> None:
        self._members.append(Member(len(self._members) + 1, name, self._at, size, sha256))
        self._at += size


class _File:
    """One file on its way into the sink."""

    def __init__(self, into: Unpacking, name: str) -> None:
        self._into, self._name = into, name
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, block: bytes) -> None:
        """Its next bytes."""
        if self._size == 0 and (block.startswith(_ARCHIVES) or block.startswith(_TARS, _TAR_MAGIC_AT)):
            raise Refused("FLX-A08", found=self._name)
        self._into._write(block)  # noqa: SLF001 - two halves of one thing
        self._digest.update(block)
        self._size += len(block)

    def end(self) -> None:
        """It is whole."""
        self._into._add(self._name, self._size, self._digest.hexdigest())  # noqa: SLF001 - as above
