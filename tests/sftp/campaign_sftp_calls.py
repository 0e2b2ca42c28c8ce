"""The campaign of endpoints, call by call: flux is killed, or the power is cut, where it changes the disk while it fetches, judges and delivers."""

import shutil
import sys
import tempfile
from pathlib import Path

from campaign import Row
from partner import EXAMPLES, OFTEN, Disk, Plug, build_shim, checker, power_cut
from sshd import Sshd

TITLE = "SFTP endpoints, call by call"
NOTHING = "0 lost, 0 duplicated, 0 unexpected"


def rows(options):
    with tempfile.TemporaryDirectory(prefix="flux-sftp-") as folder, Sshd(Path(folder) / "server") as server:
        yield from by_number(Path(folder) / "calls", server, options.every)


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
