"""
Many files waiting on one SFTP server: what flux takes to have them in custody, against what ``sftp`` takes to copy them.

    python benchmarks/sftp.py [--files 10000] [--bytes 5200] [--rounds 3]

A real sshd on loopback, internal-sftp in a chroot. ``sftp`` does "get *" into a folder, without a sync, and leaves the files there. flux claims
each by a rename, fetches it, syncs it, writes its receipt in the ledger (custody) and removes it there; the judging of the pieces, which has
nothing to do with a network, is left out. Both in the same run, one after the other, as many rounds as asked: the median of the ratios counts,
since other work on the machine weighs on both.
"""

import argparse
import statistics
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
    fetched = []
    with closing(SqlLedger(config.ledger_url)) as ledger:
        ships = fleet.of(config, content, lambda: SqlLedger(config.ledger_url), now=now, new_id=fresh_id)
        intake = Intake(ships.inboxes, content, ledger, now=now, new_id=fresh_id)
        began, done, used = time.monotonic(), 0, time.process_time()
        hand_over = ships.inboxes[0].arrived
        ships.inboxes[0].arrived = lambda batch: (fetched.append(time.monotonic()), hand_over(batch))
        ships.start(lambda: None)
        while done < files or any((server.jail / "in" / ".flux-claim").iterdir()):
            taken = intake.step()
            done += taken
            if taken:
                ships.ring()
            else:
                time.sleep(0.005)
        took, used = time.monotonic() - began, time.process_time() - used
        ships.stop()
    assert done == files
    return fetched[-1] - began, took, used


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--files", type=int, default=10_000)
    asked.add_argument("--bytes", type=int, default=5_200)
    asked.add_argument("--rounds", type=int, default=3)
    options = asked.parse_args()
    fetched, kept = [], []
    with tempfile.TemporaryDirectory() as root, Sshd(Path(root) / "server") as server:
        for n in range(options.rounds):
            fill(server, options.files, options.bytes)
            theirs = by_sftp(server, Path(root) / f"sftp{n}")
            fetch, custody, used = by_flux(server, Path(root) / f"flux{n}", options.files)
            fetched.append(theirs / fetch)
            kept.append(theirs / custody)
            print(f"round {n + 1}: sftp {theirs:.1f} s; flux fetched, synced {fetch:.1f} s, in custody and removed there {custody:.1f} s ({used:.1f} s of processor)", flush=True)
    ratio = statistics.median(fetched)
    print(f"{options.files} files of {options.bytes} B, median of {options.rounds}: fetched at {ratio:.2f} of sftp's speed, in custody at {statistics.median(kept):.2f}")
    return 0 if ratio >= 0.5 else 1


if __name__ == "__main__":
    sys.exit(main())
