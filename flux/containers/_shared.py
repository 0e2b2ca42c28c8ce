"""What both readers share: the refusal, the rules for names, and the sink that counts, hashes and bounds what is unpacked."""

import hashlib
import re
import unicodedata
from typing import BinaryIO

from msgspec import Struct

from flux.model import Finding, Member
from flux.policy import Limits

RATIO_FROM_BYTES = 10 << 20  # below it any ratio is harmless
NAME_BYTES = 255             # the longest name that Linux gives a file: told whole
SET_ID = 0o6000              # of a mode: a program that runs as its owner is no document
_HALF = 126                  # characters of a longer one, on each side of the cut
_TOLD = 5                    # names of what was left out
_DRIVE = re.compile(r"^[A-Za-z]:")
_TAR_MAGIC_AT, _TARS = 257, (b"ustar\x0000", b"ustar  \x00")
NOT_TAKEN = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"7z\xbc\xaf": "7z", b"Rar!": "rar"}
_ARCHIVES = (b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06", *NOT_TAKEN)
_LITTER = (".ds_store", "thumbs.db", "desktop.ini")  # compared without case
_DOCUMENTS, _BEFORE = (b"<", b"%PDF-"), b"\xef\xbb\xbf\xff\xfe \t\r\n"


class Proof(Struct, frozen=True):
    """
    A container that is whole: its files in order, and size and hash of the content they were unpacked to.

    left_out: names of the files that Mac and Windows add on their own: proven like the others, and no part of that content.
    """

    members: tuple[Member, ...]
    size: int
    sha256: str
    left_out: tuple[str, ...] = ()

    def findings(self) -> tuple[Finding, ...]:
        """What is to be told of it: FLX-A11, when something was left out."""
        if not self.left_out:
            return ()
        return (Finding("FLX-A11", facts=(("count", str(len(self.left_out))), ("found", _listed(self.left_out)))),)


class Refused(Exception):  # noqa: N818 - it carries a finding out of nested loops; prove() returns it
    """The archive is refused as a whole. *why*: one of the code's reasons in the catalogue, whose texts quote the facts."""

    def __init__(self, code: str, why: str = "", **facts: str) -> None:
        super().__init__(code)
        self.finding = Finding(code, facts=(*((("why", why),) if why else ()), *facts.items()))


def shown(name: bytes | str) -> str:
    """A member's name for a reader: undecodable bytes and control characters escaped; cut in the middle beyond NAME_BYTES."""
    raw, text = (name, name.decode("utf-8", "backslashreplace")) if isinstance(name, bytes) else (_raw(name), name)
    if len(raw) > NAME_BYTES:
        text = f"{text[:_HALF]}…{text[-_HALF:]}"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


class Unpacking:
    """The members as they come: named, counted, hashed, bounded, written into the sink."""

    def __init__(self, sink: BinaryIO, limits: Limits) -> None:
        self._sink, self._limits = sink, limits
        self._whole = hashlib.sha256()
        self._members: list[Member] = []
        self._left_out: list[str] = []
        self._names: set[str] = set()
        self._met = 0
        self._at = 0

    def meet(self, name: bytes | str, *, folder: bool) -> str:
        """A header was met: count it, judge its name, and give it as text, without the ``./`` that tar puts before it."""
        self._met += 1
        if self._met > self._limits.members:
            raise Refused("FLX-A04", expected=str(self._limits.members))
        raw = name if isinstance(name, bytes) else _raw(name)
        plain = b"/".join(part for part in raw.split(b"/") if part not in (b"", b"."))
        here = folder and raw.startswith(b".") and not plain
        unsafe = raw.startswith(b"/") or b"\\" in raw or b"\x00" in raw or b".." in raw.split(b"/") or _DRIVE.match(shown(raw))
        if unsafe or not (plain or here):
            raise Refused("FLX-A03", "name", name=shown(raw) or "—")
        text = shown(plain) or "."
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
        if self._members:
            return Proof(tuple(self._members), self._at, self._whole.hexdigest(), tuple(self._left_out))
        if self._left_out:
            raise Refused("FLX-A10", "left_out", names=_listed(self._left_out))
        raise Refused("FLX-A10", found="0")

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

    def _leave_out(self, name: str) -> None:
        self._left_out.append(name)


class _File:
    """One file on its way into the sink."""

    def __init__(self, into: Unpacking, name: str) -> None:
        self._into, self._name = into, name
        self._digest = hashlib.sha256()
        self._size = 0
        self._litter = _is_litter(name)

    def write(self, block: bytes) -> None:
        """Its next bytes."""
        if self._size == 0 and block:
            if block.startswith(_ARCHIVES) or block.startswith(_TARS, _TAR_MAGIC_AT):
                raise Refused("FLX-A08", found=self._name)
            self._litter &= not _is_document(block)
        self._size += len(block)
        if not self._litter:
            self._into._write(block)  # noqa: SLF001 - two halves of one thing
            self._digest.update(block)

    def end(self) -> None:
        """It is whole."""
        if self._litter:
            self._into._leave_out(self._name)  # noqa: SLF001 - as above
        else:
            self._into._add(self._name, self._size, self._digest.hexdigest())  # noqa: SLF001 - as above


def _is_litter(name: str) -> bool:
    """Whether Mac or Windows puts a file of this name beside the files of its user."""
    *folders, last = name.split("/")
    return "__MACOSX" in folders or last.startswith("._") or last.casefold() in _LITTER


def _is_document(block: bytes) -> bool:
    """Whether a file that begins so could be a piece: it is none the less for an odd name."""
    return block[:64].replace(b"\x00", b"").lstrip(_BEFORE).startswith(_DOCUMENTS)


def _listed(names: "list[str] | tuple[str, ...]") -> str:
    return ", ".join(names[:_TOLD]) + (", …" if len(names) > _TOLD else "")


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")
