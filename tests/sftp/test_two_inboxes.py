"""The intake of a partner who has a folder and a server: one set of claims, and the trouble of one inbox is not the other's."""

from contextlib import closing

import pytest
from liar import Liar, Tree
from yard import NOON, Yard, fresh_id

from flux.intake import Intake
from flux.transports.folder import FolderInbox
from flux.transports.sftp.inbox import SftpInbox


@pytest.fixture
def yard(tmp_path):
    with closing(Yard(tmp_path / "yard")) as one:
        yield one


def fetched(yard):
    """A batch that an endpoint's thread handed over."""
    batch = yard.claims / fresh_id()
    batch.mkdir()
    (batch / "good.xml").write_bytes(b"<good/>")
    return batch.name


def once(troubles, call):
    """The call, but for these troubles, one each time."""

    def called(*given):
        if troubles:
            raise troubles.pop()
        return call(*given)

    return called


def test_what_was_fetched_and_cannot_be_read_for_a_moment_is_received_at_the_next_look(yard, monkeypatch):
    monkeypatch.setattr(SftpInbox, "open", once([OSError(5, "Input/output error")], SftpInbox.open))
    yard.inbox.arrived(fetched(yard))
    assert (yard.intake.step(), yard.intake.troubled) == (0, {"batipro"})
    assert (yard.intake.step(), yard.intake.troubled) == (1, frozenset())
    assert yard.received() == {b"good.xml": [b"<good/>"]}


def test_a_run_waits_for_the_inbox_that_is_well_and_not_for_the_other(yard, monkeypatch):
    monkeypatch.setattr(FolderInbox, "_scan", once([OSError(5, "Input/output error")] * 9, FolderInbox._scan))
    yard.inbox.arrived(fetched(yard))
    yard.intake.step()
    assert not yard.intake.emptied({"batipro"})  # it gave something: there may be more
    yard.intake.step()
    assert yard.intake.emptied({"batipro"})


def test_what_was_fetched_while_the_doors_are_shut_waits_for_a_run_whoever_starts_anew(yard):
    batch = fetched(yard)
    boxes = [FolderInbox("batipro", yard.folder / "inbox", yard.claims, settle_s=0.0), SftpInbox("batipro", yard.claims)]
    intake = Intake(boxes, yard.content, yard.ledger, now=lambda: NOON, new_id=fresh_id, in_runs=frozenset({"batipro"}))
    assert (intake.recover(), intake.step(), (yard.claims / batch / "good.xml").exists()) == (0, 0, True)
    intake.open_for(frozenset({"batipro"}))
    assert (intake.emptied({"batipro"}), intake.step()) == (False, 1)


def test_what_waits_for_a_run_is_hardly_asked_about_meanwhile_and_removed_there_soon_after_it(yard):
    tree = Tree()
    tree.put(b"/in/good.xml", b"<good/>")
    wire, asked = yard.wire(Liar(tree)), []
    while not yard.inbox.backlog:
        yard.pull.step(wire, lambda: False)
        yard.time += 2.0
    for _ in range(3600):  # an hour, and the partner is shut
        yard.time += 1.0
        if yard.pull.due:
            asked.append(yard.time)
            yard.pull.finish(wire)
    assert len(asked) < 70
    yard.intake.step()
    assert yard.pull.due
    yard.pull.finish(wire)
    assert list(tree.files) == []
