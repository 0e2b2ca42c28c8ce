"""
Delivering, by evidence: what is owed is uploaded as ``.NAME.part``, synced where the server can, marked STAGED, and published by one rename.

Implements ``ports.Outbox``. From the mark on, an upload that is absent was published: only publishing removes it. The rename is OpenSSH's
posix-rename, one atomic step of the server; it would replace, so that the name is looked at first, and one that exists is never replaced.
Where a server has only the rename of version 3 (a link and an unlink, between which it may be cut) both names are evidence of a half rename
when the bytes under the final name are the ones that are owed.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

from flux.endpoints import Endpoint
from flux.faults import Fault
from flux.model import Emission
from flux.transports.sftp.packets import POSIX_RENAME
from flux.transports.sftp.wire import CHUNK, Store, Wire


class SftpOutbox:
    """One endpoint's. wire: the connection of this turn; its loss is raised as it is (Lost), which is no trouble of any delivery."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._end = endpoint
        self._folder = endpoint.folder.encode() or b"."
        self.wire: Wire | None = None

    def stage(self, group: Sequence[tuple[Emission, BinaryIO]]) -> None:
        """Upload each under its temporary name, durable where the server can, its hash proven on the way. Repeatable: it is written anew."""
        self._wired().store_all([Store(self._part(emission), emission.size, _proven(emission, source)) for emission, source in group])

    def publish(self, group: Sequence[Emission]) -> Mapping[str, str]:
        """Rename each to its final name, refusing to replace. Absent from its temporary name: published before."""
        wire = self._wired()
        parts = wire.lstat_all([self._part(emission) for emission in group])
        names = wire.lstat_all([self._name(emission) for emission in group])
        refused: dict[str, str] = {}
        going: list[Emission] = []
        for emission, part, name in zip(group, parts, names, strict=True):
            if part is None:
                continue
            if name is None:
                going.append(emission)
            elif not self._half_renamed(wire, emission):
                refused[emission.key] = str(Fault("FLX-I173", endpoint=self._end.name, name=emission.name))
        for emission, trouble in zip(going, wire.rename_all([(self._part(e), self._name(e)) for e in going]), strict=True):
            if trouble and wire.lstat_all([self._part(emission)])[0] is not None:
                refused[emission.key] = str(Fault("FLX-I174", endpoint=self._end.name, name=emission.name, detail=trouble.strerror or str(trouble)))
        return refused

    def _half_renamed(self, wire: Wire, emission: Emission) -> bool:
        """Whether a server without an atomic rename was cut between its two steps: then the second is done here."""
        if POSIX_RENAME in wire.extensions:
            return False
        digest = hashlib.sha256()
        for block in wire.read_whole(self._name(emission), emission.size + 1):
            digest.update(block)
        return digest.hexdigest() == emission.sha256 and wire.remove_all([self._part(emission)]) == [None]

    def _name(self, emission: Emission) -> bytes:
        return self._folder + b"/" + emission.name.encode()

    def _part(self, emission: Emission) -> bytes:
        return self._folder + b"/." + emission.name.encode() + b".part"

    def _wired(self) -> Wire:
        if self.wire is None:
            raise RuntimeError("no connection was given")
        return self.wire


def _proven(emission: Emission, source: BinaryIO) -> Iterator[bytes]:
    """The emission's bytes out of its blob. They are proven to be the ones that were decided before the first is sent: read twice, sent once."""
    digest = hashlib.sha256()
    for block in _blocks(emission, source):
        digest.update(block)
    if digest.hexdigest() != emission.sha256:
        raise Fault("FLX-I51", blob=emission.blob, name=emission.name)
    return _blocks(emission, source)


def _blocks(emission: Emission, source: BinaryIO) -> Iterator[bytes]:
    at, end = emission.offset, emission.offset + emission.size
    while at < end and (block := os.pread(source.fileno(), min(CHUNK, end - at), at)):
        at += len(block)
        yield block
