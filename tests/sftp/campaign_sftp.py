"""The campaign of endpoints: uploads torn at random offsets, sessions killed during pull and push, the daemon killed during both. A real sshd."""

import random
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from campaign import Row
from partner import House, document, uploads
from sshd import Sshd

TITLE = "SFTP endpoints, against a real sshd"
NOTHING = "0 lost, 0 duplicated, 0 unexpected"
SETTLE_S = 15.0  # longer than a torn upload needs to be resumed, on a machine that has other things to do


def rows(options):
    every = options.every
    with tempfile.TemporaryDirectory(prefix="flux-sftp-") as folder:
        for act in (torn, cut, killed):
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


def _told(house, settled, ended):
    report = house.check()
    found = f"{len(report.lost)} lost, {len(report.duplicated)} duplicated, {len(report.unexpected)} unexpected; {report.ok} of {report.attempted} ok"
    good = report.clean and settled and ended == 0
    if not good:
        print(settled, ended, house.states(), report.lost[:5], report.duplicated[:5], report.unexpected[:5], file=sys.stderr)
    return found, good
