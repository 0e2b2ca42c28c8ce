"""What ``flux doctor`` asks of an endpoint: whether it is reached, is the right one, and lets us do what the protocols need."""

import os
from collections.abc import Callable

from flux.endpoints import Endpoint, Looked
from flux.faults import Fault
from flux.model import shown
from flux.transports.sftp.packets import FSYNC, POSIX_RENAME, Lost
from flux.transports.sftp.session import Secret, Stranger, opened
from flux.transports.sftp.wire import Store, Wire


def look(endpoint: Endpoint, secret_of: Callable[[Endpoint], Secret]) -> Looked:
    """Connect, and try in its folder what will be done there, with a scratch file under a dot name that is removed again."""
    try:
        session = opened(endpoint, secret_of(endpoint))
    except Stranger as stranger:
        pinned, there = ", ".join(endpoint.host_keys), ", ".join(stranger.shown) or "—"
        return Looked(endpoint.name, Fault("FLX-I170", endpoint=endpoint.name, server=endpoint.server, pinned=pinned, shown=there))
    except Lost as lost:
        return Looked(endpoint.name, Fault("FLX-I168", server=endpoint.server, detail=str(lost)))
    except Fault as refused:
        return Looked(endpoint.name, refused)
    try:
        offers = session.wire.extensions
        return Looked(endpoint.name, _tried(endpoint, session.wire), endpoint.server, session.shown, POSIX_RENAME in offers, FSYNC in offers)
    except Lost as lost:
        return Looked(endpoint.name, Fault("FLX-I168", server=endpoint.server, detail=str(lost)))
    finally:
        session.close()


def _tried(endpoint: Endpoint, wire: Wire) -> Fault | None:
    """Why its folder cannot serve, None when it can."""
    folder = endpoint.folder.encode() or b"."
    try:
        if wire.lstat_all([folder])[0] is None:
            return Fault("FLX-I171", endpoint=endpoint.name, folder=shown(folder), detail="no such file")
        if endpoint.direction == "in":
            wire.listing(folder, 1)
        scratch = folder + f"/.flux-doctor-{os.getpid()}".encode()
        wire.store_all([Store(scratch, 1, iter([b"x"]))])
        refused = [*wire.rename_all([(scratch, scratch + b".part")]), *wire.remove_all([scratch + b".part"])]
        if trouble := next(filter(None, refused), None):
            wire.remove_all([scratch])
            return Fault("FLX-I172", endpoint=endpoint.name, path=shown(scratch), detail=trouble.strerror or str(trouble))
    except OSError as error:
        return Fault("FLX-I172", endpoint=endpoint.name, path=shown(folder), detail=error.strerror or str(error))
    return None
