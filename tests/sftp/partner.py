"""A partner at work on his own server: he uploads, loses the line, tries again, and takes away what was delivered to him. None of it is flux's code."""

import hashlib
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import paramiko
from rig import CONFIG, EXAMPLES, FLUX, GOOD, Site
from sshd import ACCOUNT

sys.path.append(str(Path(__file__).resolve().parents[1] / "crash"))
import checker  # the independent reader of the eight laws
from disks import Disk, power_cut
from plug import Plug, build_shim

__all__ = ["Disk", "Plug", "build_shim", "checker", "power_cut"]  # the crash tests' own, for the campaign

GOOD_FILE = next(EXAMPLES.glob(GOOD))
NUMBER = b"PDF-2026-0301"
OFTEN = CONFIG.replace("settle_s = 0.0", "settle_s = 0.0\nattempts = 20\nleast_free_mb = 0")


def document(n, luck):
    """(file name, bytes): a good piece under a number of its own, of 5 to 150 kB."""
    content = GOOD_FILE.read_bytes().replace(NUMBER, b"SFTP-%06d" % n)
    padding = luck.randbytes(luck.randrange(10, 70_000)).hex().encode()
    return f"FSO4100A_ABC001_ABC0014100{n:012d}.xml", content + b"\n<!-- " + padding + b" -->\n"


class House:
    """An installation that fetches from and delivers to a server, whose partner takes all that is delivered."""

    def __init__(self, root, server, **more):
        self.server, self.dropped, self.taken = server, {}, []
        self.site = Site(root, OFTEN + server.both(**more))
        self._ended = threading.Event()
        self._consumer = threading.Thread(target=self._take, daemon=True)
        self._consumer.start()

    def note(self, name, content):
        self.dropped["batipro", name] = content

    def drop(self, name, content):
        self.note(name, content)
        self.server.put(name, content)

    def start(self):
        self.log = (self.site.root / "daemon.log").open("ab")
        self.daemon = subprocess.Popen([*FLUX, "run"], cwd=self.site.root, env=self.site.environment(), stdout=self.log, stderr=self.log)

    def kill(self):
        self.daemon.kill()
        self.daemon.wait()
        self.log.close()

    def end(self):
        self.daemon.terminate()
        status = self.daemon.wait(60)
        self.log.close()
        return status

    def states(self):
        """How many flows are in each state; none while there is no ledger."""
        try:
            with closing(sqlite3.connect(f"file:{self.site.root / 'spool' / 'ledger.db'}?mode=ro", uri=True, timeout=30)) as db:
                return dict(db.execute("select state, count(*) from flow group by state"))
        except sqlite3.OperationalError:
            return {}

    def settled(self, seconds):
        """Wait until everything is answered and nothing waits at the server."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.states() == {"CLOSED": len(self.dropped)} and not any((self.server.jail / "in" / ".flux-claim").iterdir()):
                return True
            time.sleep(0.3)
        return False

    def close(self):
        self._ended.set()
        self._consumer.join()
        self._take_once()

    def check(self):
        report = checker.check(self.site.root, self.dropped, taken=self.taken)
        report.unexpected += [f"left there: {path.name}" for path in (self.server.jail / "in").rglob("*") if path.is_file()]
        return report

    def partial(self):
        """Receipts of bytes that are no whole upload."""
        whole = {hashlib.sha256(content).hexdigest() for content in self.dropped.values()}
        with closing(sqlite3.connect(self.site.root / "spool" / "ledger.db")) as db:
            return [name for name, sha in db.execute("select name, sha256 from flow") if sha not in whole]

    def _take(self):
        while not self._ended.wait(0.01):
            self._take_once()

    def _take_once(self):
        for path in sorted((self.server.jail / "out").iterdir()):
            if not path.name.startswith("."):
                self.taken.append(("returns/batipro", path.name, path.read_bytes()))
                path.unlink()


class Client:
    """The partner's own upload program, with a line that can be torn."""

    def __init__(self, server):
        self._server, self._key = server, paramiko.PKey.from_path(server.key)

    def _opened(self):
        line = socket.create_connection(("127.0.0.1", self._server.port), 30)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(line)
        transport.banner_timeout = 60
        transport.connect(username=ACCOUNT, pkey=self._key)
        return line, transport, paramiko.SFTPClient.from_transport(transport)

    def torn(self, name, content, at, luck):
        """Upload to *at*, and lose the line with whatever is under way."""
        line, transport, sftp = self._opened()
        with sftp.open(f"/in/{name}", "wb") as file:
            file.set_pipelined(pipelined=True)
            file.write(content[:at])
            if luck.random() < 0.5:
                file.flush()
            line.shutdown(socket.SHUT_RDWR)
            file._closed = True
        transport.close()

    def whole(self, name, content, final, *, resume):
        """Upload from where it was torn, or anew, then under its final name."""
        _, transport, sftp = self._opened()
        at = sftp.stat(f"/in/{name}").st_size if resume and name in sftp.listdir("/in") else 0
        with sftp.open(f"/in/{name}", "r+b" if at else "wb") as file:
            file.seek(at)
            file.write(content[at:])
        if name != final:
            sftp.posix_rename(f"/in/{name}", f"/in/{final}")
        transport.close()

    def upload(self, n, luck, note):
        """One document, torn once on its way: anew, resumed, or under its final name at once, as a partner does who knows no better."""
        final, content = document(n, luck)
        note(final, content)
        name = final if n % 10 == 0 else f"{final}.part"
        self.torn(name, content, luck.randrange(len(content)), luck)
        self.whole(name, content, final, resume=n % 2 == 0)


def uploads(server, count, workers, note, *, seed, first=0):
    """So many documents, each torn once, by several programs at once. Gives what failed in the partner's own programs."""
    failed, numbers, lock = [], iter(range(first, first + count)), threading.Lock()

    def work(worker):
        luck, client = random.Random(f"{seed} {worker}"), Client(server)
        while True:
            with lock:
                n = next(numbers, None)
            if n is None:
                return
            try:
                client.upload(n, luck, note)
            except (OSError, EOFError, paramiko.SSHException) as error:
                failed.append((n, repr(error)))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed

