"""
Many files waiting on one SFTP server: what flux takes to have them in custody, against what ``sftp`` takes to copy them.

    python benchmarks/sftp.py [--files 10000] [--bytes 5200] [--rounds 3]

A real sshd on loopback, internal-sftp in a chroot. ``sftp`` does "get *" into a folder, without a sync, and leaves the files there. flux claims
each by a rename, fetches it, syncs it, writes its receipt in the ledger (custody) and removes it there; the judging of the pieces, which has
nothing to do with a network, is left out. Both in the same run, one after the other, as many rounds as asked; the best of each counts.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from secrets import randbits

from flux import config as settings
from flux import folders
from flux.ids import new_id
from flux.intake import Intake
from flux.stores.content import FileStore
from flux.stores.sql import SqlLedger
from flux.transports.sftp import fleet

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests")]
from sshd import ACCOUNT, Sshd  # noqa: E402 - the tests' own server


def now():
    return datetime.now(UTC)


def fresh_id():
    return new_id(now(), randbits)


def fill(server, files, size):
    """Every file with bytes of its own: equal ones would be one content."""
    for n in range(files):
        path = server.jail / "in" / f"{n:06d}.xml"
        path.write_bytes(f"{time.monotonic_ns()} {n}".encode().ljust(size, b"x"))
    subprocess.run(["chown", "-R", ACCOUNT, server.jail / "in"], check=True)


def by_sftp(server, folder):
    folder.mkdir()
    (folder / "known").write_text(f"[127.0.0.1]:{server.port} {(server.home / 'host.pub').read_text()}")
    options = [f"-oPort={server.port}", f"-oUserKnownHostsFile={folder / 'known'}", f"-oIdentityFile={server.key}", "-oIdentitiesOnly=yes", "-b", "-"]
    began = time.monotonic()
    asked = f"lcd {folder}\ncd /in\nget *\n"
    subprocess.run(["sftp", *options, f"{ACCOUNT}@127.0.0.1"], input=asked, text=True, check=True, capture_output=True)
    return time.monotonic() - began


def by_flux(server, folder, files):
    folder.mkdir()
    row = server.row("there", "in", "/in", partner="batipro")
    (folder / "flux.toml").write_text(f'settle_s = 0.0\n[[partner]]\nname = "batipro"\n{row}', "utf-8")
    config = settings.load(folder / "flux.toml")
    folders.make(config)
    content = FileStore(config.spool)
    with closing(SqlLedger(config.ledger_url)) as ledger:
        ships = fleet.of(config, content, lambda: SqlLedger(config.ledger_url), now=now, new_id=fresh_id)
        intake = Intake(ships.inboxes, content, ledger, now=now, new_id=fresh_id)
        began, done = time.monotonic(), 0
        ships.start(lambda: None)
        while done < files or any((server.jail / "in" / ".flux-claim").iterdir()):
            taken = intake.step()
            done += taken
            if taken:
                ships.ring()
            else:
                time.sleep(0.005)
        took = time.monotonic() - began
        ships.stop()
    assert done == files
    return took


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--files", type=int, default=10_000)
    asked.add_argument("--bytes", type=int, default=5_200)
    asked.add_argument("--rounds", type=int, default=3)
    options = asked.parse_args()
    theirs, ours = [], []
    with tempfile.TemporaryDirectory() as root, Sshd(Path(root) / "server") as server:
        for n in range(options.rounds):
            fill(server, options.files, options.bytes)
            theirs.append(by_sftp(server, Path(root) / f"sftp{n}"))
            ours.append(by_flux(server, Path(root) / f"flux{n}", options.files))
            print(f"round {n + 1}: sftp {theirs[-1]:.1f} s, flux {ours[-1]:.1f} s", flush=True)
    their, our = options.files / min(theirs), options.files / min(ours)
    print(f"{options.files} files of {options.bytes} B: sftp {their:.0f}/s, flux {our:.0f}/s in custody, {our / their:.2f} of it")
    return 0 if our >= their / 2 else 1


if __name__ == "__main__":
    sys.exit(main())
