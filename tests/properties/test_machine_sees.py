"""The machine proves itself: each of these broken variants of the protocol is caught."""

from contextlib import ExitStack

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import update
from test_machine import Machine

from flux.dispatch import Dispatch
from flux.faults import Fault
from flux.stores import _schema as t
from flux.stores import sql
from flux.transports.folder import FolderInbox

ENOUGH = settings(max_examples=40, stateful_step_count=30, phases=[Phase.generate], report_multiple_bugs=False)


def told_staged_before_it_is(self, owed):
    self._ledger.staged([emission.key for emission in owed])
    with ExitStack() as stack:
        self._outbox.stage([(emission, stack.enter_context(self._content.open(emission.blob))) for emission in owed])


def marked_before_it_is_published(self, waiting):
    self._ledger.emitted([emission.key for emission in waiting], [])
    return len(self._outbox.publish(waiting))


def under_any_fence(flow):
    return update(t.flow).where(t.flow.c.id == flow.id)


def forgetting(self):
    return []


VARIANTS = {
    "tells staged before it is": (Dispatch, "_stage_group", told_staged_before_it_is),
    "marks before it publishes": (Dispatch, "_publish_group", marked_before_it_is_published),
    "records under any fence": (sql, "_mine", under_any_fence),
    "forgets what stands claimed": (FolderInbox, "recover", forgetting),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_broken_protocol_is_caught(monkeypatch, variant):
    monkeypatch.setattr(*VARIANTS[variant])
    with pytest.raises((AssertionError, OSError, Fault)):
        run_state_machine_as_test(Machine, settings=ENOUGH)
