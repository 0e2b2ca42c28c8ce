"""Where the ledger is: whatever an operator writes, it is opened, or refused with a code."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux.faults import Fault
from flux.stores.sql import SqlLedger


@pytest.mark.parametrize(
    ("url", "code"),
    [("nonsense", "FLX-I82"), ("nowhere://x", "FLX-I82"), ("postgresql://flux:secret@host:port/x", "FLX-I82"), ("sqlite:////nowhere/at/all.db", "FLX-I88")],
)
def test_a_ledger_that_cannot_be_opened_is_a_fault_that_tells_no_password(url, code):
    with pytest.raises(Fault) as met:
        SqlLedger(url)
    assert met.value.code == code
    assert "secret" not in str(met.value)


@given(url=st.text(max_size=30))
def test_whatever_is_written_for_the_ledger_is_opened_or_refused_with_a_code(url):
    with suppress(Fault):
        SqlLedger(url.replace("sqlite", "sqlight")).close()
