"""
A real OpenSSH sshd on loopback with internal-sftp in a chroot, as a partner would run it; and the trouble that one can make for it.

A chroot must lie below folders that nobody but root may write, which no temporary folder does: so the server's folder is mounted, in a
mount namespace of its own, over one in /run. The account is ``nobody``, which has no password and needs none.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

SSHD = "/usr/sbin/sshd"
HOME = Path("/run/flux-sshd")
ACCOUNT = "nobody"
_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {home}/host
PidFile none
AuthorizedKeysFile {home}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 200:30:400
MaxSessions 50
UseDNS no
LogLevel ERROR
Subsystem sftp internal-sftp
Match User {account}
    ChrootDirectory {home}/jail
    ForceCommand internal-sftp
    DisableForwarding yes
"""


def lacking():
    """What this machine lacks for it, "" when nothing."""
    if not Path(SSHD).exists():
        return "needs openssh-server"
    return "" if os.geteuid() == 0 else "needs root, for a chroot"


def required():
    if missing := lacking():
        pytest.skip(missing)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def keygen(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def print_of(public):
    return subprocess.run(["ssh-keygen", "-l", "-f", public], check=True, capture_output=True, text=True).stdout.split()[1]


class Sshd:
    """The server. folder: what its account sees as /, root's; in it, drop folders of the account."""

    def __init__(self, home, *folders):
        required()
        self.home, self.port, self.process = home, free_port(), None
        self.jail = home / "jail"
        self.jail.mkdir(parents=True)
        for path in (home, self.jail):
            path.chmod(0o755)
        for name in folders or ("in", "out"):
            self.folder(name)
        self.key = keygen(home / "client")
        keygen(home / "host")
        shutil.copy(home / "client.pub", home / "authorized")
        (home / "authorized").chmod(0o644)
        (home / "sshd_config").write_text(_CONFIG.format(port=self.port, home=HOME, account=ACCOUNT))

    def folder(self, name):
        path = self.jail / name
        path.mkdir(parents=True)
        shutil.chown(path, ACCOUNT)
        return path

    @property
    def host_key(self):
        return print_of(self.home / "host.pub")

    def new_host_key(self):
        for name in ("host", "host.pub"):
            (self.home / name).unlink()
        keygen(self.home / "host")

    def start(self):
        HOME.mkdir(mode=0o755, exist_ok=True)
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        script = f"mount --bind {self.home} {HOME} && exec {SSHD} -D -e -f {HOME}/sshd_config"
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stderr=log, stdout=log, start_new_session=True)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            assert self.process.poll() is None, (self.home / "log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self
        raise AssertionError((self.home / "log").read_text())

    def sessions(self):
        """The processes that serve a connection."""
        return [pid for child in _children(self.process.pid) for pid in (child, *_children(child))]

    def cut(self):
        """Kill every session, and not the server. Gives how many processes that were."""
        killed = 0
        for pid in self.sessions():
            try:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
        return killed

    def stop(self):
        if self.process is not None:
            self.cut()
            self.process.kill()
            self.process.wait()
            self.process = None

    def put(self, name, content, folder="in"):
        """Drop a file as a partner's own program would: under a dot name, then renamed."""
        path = self.jail / folder / name
        path.with_name(f".{name}").write_bytes(content)
        shutil.chown(path.with_name(f".{name}"), ACCOUNT)
        path.with_name(f".{name}").rename(path)

    def row(self, name, direction, folder, **more):
        """A row of flux.toml for one of its folders."""
        settings = {
            "name": name, "direction": direction, "host": "127.0.0.1", "port": self.port, "user": ACCOUNT, "host_keys": [self.host_key],
            "key_file": str(self.key), "folder": folder, "settle_s": 0.0, "poll_s": 0.2, **more,
        }  # fmt: skip
        return "\n[[endpoint]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in settings.items())

    def both(self, **more):
        """Rows for a partner who drops into /in and is answered in /out."""
        return self.row("there", "in", "/in", partner="batipro", **more) + self.row("back", "out", "/out", partner="batipro", **more)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def _toml(value):
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list) else f'"{value}"' if isinstance(value, str) else str(value)


def _children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
