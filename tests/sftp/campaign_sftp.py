"""
The campaign of endpoints, against a real sshd: uploads torn at random offsets, sessions killed during pull and push, the daemon killed during
both; and flux killed, or the power cut, at each of its calls that change the disk while it fetches, judges and delivers.
"""

import random
import shutil
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from campaign import Row
from partner import EXAMPLES, OFTEN, Disk, House, Plug, build_shim, checker, document, power_cut, uploads
from sshd import Sshd

TITLE = "SFTP endpoints, against a real sshd"
NOTHING = "0 lost, 0 duplicated, 0 unexpected"
SETTLE_S = 15.0  # longer than a torn upload needs to be resumed, on a machine that has other things to do


def rows(options):
    every = options.every
    with tempfile.TemporaryDirectory(prefix="flux-sftp-") as folder:
        for act in (torn, cut, killed, by_number):
            with Sshd(Path(folder) / f"server-{act.__name__}") as server:
                yield from act(Path(folder) / act.__name__, server, every)


def torn(root, server, every):
    """Whoever uploads loses the line once for each file, and resumes or begins anew."""
    count = 2000 // every
    with closing(House(root, server, settle_s=SETTLE_S, poll_s=1.0)) as house:
        house.start()
        failed = uploads(server, count, 4, house.note, seed=1)
        settled = house.settled(900)
        ended = house.end()
    partial = house.partial()
    found, good = _told(house, settled, ended)
    yield Row(f"uploads torn at random offsets, resumed or begun anew: {count}", f"0 partial files processed; {NOTHING}", f"{len(partial)} partial; {found}", good and not partial and not failed)
    if failed or partial:
        print(failed[:5], partial[:5], file=sys.stderr)


def cut(root, server, every):
    """Every session's process at the server is killed, again and again, while files come and answers go."""
    kills, luck = 200 // every, random.Random(2)
    with closing(House(root, server)) as house:
        house.start()
        n = hit = 0
        while hit < kills:
            for _ in range(3):
                house.drop(*document(n, luck))
                n += 1
            time.sleep(luck.random() * 0.5)
            hit += bool(server.cut())
        settled = house.settled(900)
        ended = house.end()
    found, good = _told(house, settled, ended)
    yield Row(f"kills of the SFTP sessions during pull and push: {hit} over {n} flows", NOTHING, found, good)


def killed(root, server, every):
    """The daemon itself is killed while it fetches and delivers."""
    kills, luck = 100 // every, random.Random(3)
    with closing(House(root, server)) as house:
        n = 0
        for _ in range(kills):
            house.start()
            for _ in range(6):
                house.drop(*document(n, luck))
                n += 1
            time.sleep(0.8 + luck.random() * 3)
            house.kill()
        house.start()
        settled = house.settled(900)
        ended = house.end()
    found, good = _told(house, settled, ended)
    yield Row(f"kill -9 of `flux run` during pull and push: {kills} over {n} flows", NOTHING, found, good)


def by_number(root, server, every):
    """
    The Nth call that changes the disk is the last, then one clean run. Threads come in another order each time: a number is a moment, not a place.

    A partner takes what was delivered between the two runs and after them.
    """
    root.mkdir()
    dropped = _documents()
    with Plug(build_shim(root), "quick") as plug:
        site = _install(root / "first" / "root", server, dropped)
        plug.once(site, log=root / "log")
        calls = len((root / "log").read_text("utf-8", "replace").splitlines())
        for name, step in (("kill -9 before", 4), ("power cut (ext4) at", 8)):
            some, wrong, reports = range(1, calls + 1, step * every), [], []
            disk = Disk("ext4", root / "ext4", lambda folder: _install(folder / "root", server, dropped)) if "power" in name else None
            for at in some:
                home = disk.mounted / "root" if disk else root / f"at{at}" / "root"
                _refill(server, dropped)
                if disk:
                    power_cut(plug, disk, home, at)
                else:
                    plug.once(_install(home, server, dropped), at=at)
                taken = _take(server)
                last = plug.once(home)
                report = checker.check(home, dropped, taken=[*taken, *_take(server)], left=last.left)
                reports.append(report)
                if not report.clean or last.status != 0 or any((server.jail / "in").rglob("*.xml")):
                    wrong.append((at, last.status, report, last.said[-500:]))
                if disk:
                    disk.off()
                else:
                    shutil.rmtree(home.parent)
            print(*wrong, sep="\n", file=sys.stderr) if wrong else None
            found = f"{sum(len(one.lost) for one in reports)} lost, {sum(len(one.duplicated) for one in reports)} duplicated, {sum(len(one.unexpected) for one in reports)} unexpected"
            yield Row(f"{name} the Nth of {calls} calls of `flux once` that fetches and delivers: {len(some)} of them", NOTHING, found, not wrong)


def _documents():
    """A good one, a refused one, and one that is refused for its bytes."""
    files = [next(EXAMPLES.glob(pattern)) for pattern in ("03-moe-of-the-market/*.xml", "04-a5-in-edi/*.xml", "10-damaged-archive/*1001.tar.gz")]
    return {("batipro", path.name): path.read_bytes() for path in files}


def _install(home, server, dropped):
    home.mkdir(parents=True)
    (home / "flux.toml").write_text(OFTEN + server.both(), "utf-8")
    shutil.copy(EXAMPLES / "markets.toml", home)
    _refill(server, dropped)
    return home


def _refill(server, dropped):
    """The partner's folders as at the beginning."""
    for folder in ("in", "out"):
        for path in (server.jail / folder).iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for (_, name), content in dropped.items():
        server.put(name, content)


def _take(server):
    found = [path for path in sorted((server.jail / "out").iterdir()) if not path.name.startswith(".")]
    taken = [("returns/batipro", path.name, path.read_bytes()) for path in found]
    for path in found:
        path.unlink()
    return taken


def _told(house, settled, ended):
    report = house.check()
    found = f"{len(report.lost)} lost, {len(report.duplicated)} duplicated, {len(report.unexpected)} unexpected; {report.ok} of {report.attempted} ok"
    good = report.clean and settled and ended == 0
    if not good:
        print(settled, ended, house.states(), report.lost[:5], report.duplicated[:5], report.unexpected[:5], file=sys.stderr)
    return found, good
