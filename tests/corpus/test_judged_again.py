"""The real documents, judged by a worker and judged again: under the same rules not one verdict changes."""

from datetime import timedelta

import pytest
from workroom import NOON, Workroom

from flux import kit
from flux.policy import Policy
from flux.replay import Replay, World
from flux.structures import nobody

pytestmark = pytest.mark.corpus
MOST_BYTES = 2_000_000


def test_not_one_verdict_of_the_real_documents_changes_when_they_are_judged_again(corpus, tmp_path):
    room, policy = Workroom(tmp_path, children=2), Policy(naming="free", non_works="route")
    files = [path for path in sorted(corpus.rglob("*")) if path.suffix in (".xml", ".pdf", ".zip", ".gz") and path.stat().st_size < MOST_BYTES]
    for n, path in enumerate(files):
        room.receive(f"f{n:04d}", path.name, path.read_bytes())
    worker = room.worker(policy)
    while worker.step():
        room.now += timedelta(seconds=1)
    replay = Replay(room.ledger, room.content, World(kit.build(), {"batipro": policy}, lambda _at: {}, lambda _at: nobody), room.sandbox)
    tally = replay.run(NOON - timedelta(days=1), NOON + timedelta(days=1), "", lambda _done, _all: None)
    verdicts = {row.verdict for row in room.ledger.flows(limit=1000)}
    room.close()
    assert (tally.listed, dict(tally.trouble)) == ([], {})
    assert tally.flows == len(files) > 200
    assert {"IN_INTEGRE", "IN_REJETE"} <= verdicts
