"""
A connection: TCP with TCP_NODELAY (without it a small file costs forty times as much), SSH, the pinned host key, then authentication, then SFTP.

The host key is held against the pinned ones before a name or a secret of ours is said. Where it is pinned as a fingerprint alone, nobody
knows of which kind it is, and a server that has several would show the one that we like best: so each kind is asked for in turn.
"""

import os
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import paramiko
from msgspec import Struct
from paramiko.ssh_exception import AuthenticationException, SSHException

from flux.endpoints import Endpoint, fingerprint
from flux.faults import Fault
from flux.transports.sftp.packets import Lost
from flux.transports.sftp.wire import Wire

CONNECT_S = 15.0
ANSWER_S = 30.0
ALIVE_S = 30
_KINDS = (("ssh-ed25519",), ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"), ("rsa-sha2-512", "rsa-sha2-256"))
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Stranger(Exception):  # noqa: N818 - a state of the world
    """The host showed other keys than the pinned: their fingerprints. It was told nothing."""

    def __init__(self, shown: tuple[str, ...]) -> None:
        super().__init__(", ".join(shown))
        self.shown = shown


class Secret(Struct, frozen=True):
    """What proves who we are. Never printed: a Struct's repr would."""

    key: paramiko.PKey | None
    password: str | None

    def __repr__(self) -> str:
        return "Secret(…)"


class Session(Struct):
    """An open connection. shown: the host key's fingerprint."""

    transport: paramiko.Transport
    wire: Wire
    shown: str

    @property
    def alive(self) -> bool:
        """Whether nobody has ended it, as far as we know."""
        return bool(self.transport.is_active())

    def close(self) -> None:
        """End it; whoever waits for an answer of it is told that it is lost."""
        self.transport.close()


def secret_of(endpoint: Endpoint, root: Path, environment: Callable[[str], str]) -> Secret:
    """
    Read at each connection, so that a new secret needs no restart. Raises Fault, which never quotes what was read.

    A file that others than its owner may read is no secret any more, and is refused.
    """
    password = None
    if endpoint.password_file:
        password = _private(root / endpoint.password_file).decode("utf-8", "replace").partition("\n")[0].rstrip("\r")
    elif endpoint.password_env:
        password = environment(endpoint.password_env)
        if not password:
            raise Fault("FLX-I166", name=endpoint.password_env)
    if not endpoint.key_file:
        return Secret(None, password)
    path = root / endpoint.key_file
    _private(path)
    try:
        return Secret(paramiko.PKey.from_path(path, password), None)
    except (SSHException, paramiko.pkey.UnknownKeyType, ValueError, OSError, TypeError) as error:
        raise Fault("FLX-I167", path=str(path), detail=type(error).__name__) from error


def _private(path: Path) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Fault("FLX-I165", path=str(path), detail=error.strerror or str(error)) from error
    with os.fdopen(fd, "rb") as file:
        if (mode := os.fstat(fd).st_mode) & _OTHERS:
            raise Fault("FLX-I165", path=str(path), detail=f"mode {stat.S_IMODE(mode):04o}")
        return file.read(1 << 16)


def opened(endpoint: Endpoint, secret: Secret, pace: Callable[[int], None] = lambda _: None) -> Session:
    """Connected, proven, authenticated. Raises Lost when nobody answers or the line breaks, Stranger for another host key, Fault when refused."""
    shown: list[str] = []
    for kinds in [endpoint.key_types] if endpoint.key_types else _KINDS:
        transport = _met(endpoint, tuple(one for kind in kinds for one in (_KINDS[-1] if kind == "ssh-rsa" else (kind,))))
        if transport is None:
            continue
        print_ = fingerprint(transport.get_remote_server_key().asbytes())
        if print_ in endpoint.host_keys:
            return _authenticated(endpoint, transport, secret, print_, pace)
        transport.close()
        shown.append(print_)
    raise Stranger(tuple(shown))


def _met(endpoint: Endpoint, kinds: tuple[str, ...]) -> paramiko.Transport | None:
    """A connection on which keys are exchanged and nothing else was said; None when the host has no key of these kinds."""
    try:
        line = socket.create_connection((endpoint.host, endpoint.port), CONNECT_S)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise Lost(error.strerror or str(error)) from error
    try:
        transport = paramiko.Transport(line)
    except (SSHException, OSError, EOFError) as error:
        line.close()
        raise Lost(str(error)) from error
    transport.banner_timeout = transport.auth_timeout = CONNECT_S
    transport.get_security_options().key_types = kinds
    try:
        transport.start_client(timeout=CONNECT_S)
    except paramiko.ssh_exception.IncompatiblePeer:
        transport.close()
        return None
    except (SSHException, OSError, EOFError) as error:
        transport.close()
        raise Lost(str(error) or type(error).__name__) from error
    return transport


def _authenticated(endpoint: Endpoint, transport: paramiko.Transport, secret: Secret, print_: str, pace: Callable[[int], None]) -> Session:
    try:
        if secret.key is not None:
            left = transport.auth_publickey(endpoint.user, secret.key)
        else:
            left = transport.auth_password(endpoint.user, secret.password)
        _proven_whole(endpoint, left)
        transport.set_keepalive(ALIVE_S)
        channel = transport.open_session(timeout=CONNECT_S)
        channel.settimeout(CONNECT_S)
        channel.invoke_subsystem("sftp")
        return Session(transport, Wire(channel, answer_s=ANSWER_S, pace=pace), print_)
    except AuthenticationException as error:
        alive = transport.is_active()
        transport.close()
        if not alive:  # the line broke, which says nothing of the secret
            raise Lost(str(error)) from error
        raise Fault("FLX-I169", user=endpoint.user, server=endpoint.server, detail=type(error).__name__) from error
    except (SSHException, OSError, EOFError) as error:
        transport.close()
        raise Lost(str(error) or type(error).__name__) from error
    except (Fault, Lost):
        with suppress(OSError):
            transport.close()
        raise


def _proven_whole(endpoint: Endpoint, left: list[str]) -> None:
    """Raises Fault where the server asks for a second proof."""
    if left:
        raise Fault("FLX-I169", user=endpoint.user, server=endpoint.server, detail=", ".join(left))
