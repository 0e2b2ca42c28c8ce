"""Uploads torn, sessions killed, the daemon killed: a little of the campaign (make campaign PARTS=sftp), held to the eight laws."""

import random
import time
from contextlib import closing

import pytest
from partner import House, document, uploads
from sshd import Sshd


@pytest.mark.slow
def test_uploads_that_are_torn_sessions_and_a_daemon_that_are_killed_lose_and_double_nothing(tmp_path):
    luck = random.Random(7)
    with Sshd(tmp_path / "server") as server, closing(House(tmp_path / "site", server, settle_s=3.0)) as house:
        for kill in range(2):
            house.start()
            assert uploads(server, 6, 3, house.note, seed=kill, first=100 * kill) == []
            for n in range(3):
                house.drop(*document(1000 + 10 * kill + n, luck))
            time.sleep(luck.random() * 3)
            server.cut()
            time.sleep(luck.random())
            house.kill()
        house.start()
        assert house.settled(120), house.states()
        assert house.end() == 0
    assert house.partial() == []
    report = house.check()
    assert (report.clean, report.attempted, report.ok) == (True, 18, 18), report
