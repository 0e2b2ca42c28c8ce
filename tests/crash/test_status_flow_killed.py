"""Kill the daemon before acts that change the disk while it takes a status flow: the step is done once, and its supplier told once."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from rig import EXAMPLES
from scenario import CONFIG, acts
from status_flow import NUMBER, RECIPIENT, a_flow, a_line

from flux.stores.sql import SqlLedger

STRIDE = 4  # one act in four: minutes for all of them; 1 asks every one
SPEAKS = f'\n[[partner]]\nname = "departement"\nnaming = "free"\nspeaks_for = ["{RECIPIENT}"]\n'


@pytest.fixture
def template(ground, plug):
    """Ten pieces in, and a status flow in the inbox of a recipient: two lines on one of them, one on none."""
    root = ground / "template"
    inboxes = {name: root / "inbox" / name for name in ("batipro", "departement")}
    for inbox in inboxes.values():
        inbox.mkdir(parents=True)
    (root / "flux.toml").write_text(CONFIG + SPEAKS, "utf-8")
    shutil.copy(EXAMPLES / "markets.toml", root)
    shutil.copy(next(EXAMPLES.glob("07-*/*.zip")), inboxes["batipro"])
    assert plug.once(root).status == 0
    (inboxes["departement"] / "statuses.xml").write_bytes(a_flow(a_line(), a_line(status="08"), a_line(number="MEN-9999")))
    return root


def found(root):
    """What became of it: the steps of the piece, how the lines ended, the lines of the journal, what its supplier and the recipient were told."""
    with closing(sqlite3.connect(root / "spool" / "ledger.db")) as db:
        lines = "select piece.verdict from piece join flow on flow.id = piece.flow where flow.partner = 'departement' order by piece.ordinal"
        verdicts = [row[0] for row in db.execute(lines)]
        journal = db.execute("select count(*) from event where what = 'moved'").fetchone()[0]
    ledger = SqlLedger(f"sqlite:///{root / 'spool' / 'ledger.db'}", read_only=True)
    steps = [move.act for move in ledger.standings([NUMBER])[NUMBER][0].moves[2:]]
    ledger.close()
    returns = root / "outbox" / "returns"
    told = {folder.name: sorted(path.name.split("_")[0] + path.suffix for path in folder.iterdir() if path.is_file()) for folder in returns.iterdir()}
    return steps, verdicts, journal, told


@pytest.mark.slow
def test_a_kill_before_an_act_neither_loses_nor_doubles_what_a_status_line_does(ground, plug, template):
    def trial(name, **fault):
        root = ground / name / "root"
        shutil.copytree(template, root, copy_function=shutil.copy2)
        if fault:
            plug.once(root, **fault)
        assert plug.once(root).status == 0
        outcome = found(root)
        shutil.rmtree(ground / name)
        return outcome

    log = ground / "log"
    root = ground / "seen" / "root"
    shutil.copytree(template, root)
    assert plug.once(root, log=log).status == 0
    good = found(root)
    assert good[:3] == (["constater_service_fait", "mandater"], ["accepted", "accepted", "rejected"], 2)
    assert (good[3]["batipro"].count("FEN1201A.xml"), good[3]["departement"]) == (2, ["CSO9201A.html", "CSO9201A.json", "CSO9201A.xml"])
    points = range(1, len(acts(log)) + 1, STRIDE)
    assert {at: wrong for at in points if (wrong := trial(str(at), at=at)) != good} == {}
