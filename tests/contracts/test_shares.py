"""Each delivery has one way out: an endpoint's or the folder's; what stands uploaded belongs to where it stands. And ledgers of before that."""

from contextlib import closing
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from older import as_version

from flux.endpoints import Endpoint
from flux.model import Decision, Emission, Envelope, Event, Flow, FlowVerdict
from flux.rows import Outcome
from flux.sharing import Share, stranded
from flux.stores.sql import SqlLedger

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OUT = Endpoint(
    name="back", direction="out", partner="batipro", actor="", kinds=(), host="h", port=22, user="u", host_keys=(), key_file="k", password_file="",
    password_env="", folder="", claim=".c", done="", settle_s=0.0, poll_s=1.0, rate_kb_s=0, connections=1,
)  # fmt: skip
OWED = {
    "a": ("returns/batipro", "integration"), "b": ("returns/batipro", "cdar"), "c": ("returns/toitures", "integration"),
    "d": ("pieces/moe-21500000500019", "piece"), "e": ("pieces/moa-22990008900017", "piece"),
}  # fmt: skip


def owe(ledger):
    ledger.receive([Flow("f", "batipro", b"f", "0" * 64, 1, NOON)], [Event("f", "received", NOON, "test")])
    (flow,) = ledger.take("me", 1, NOON)
    owed = tuple(Emission(key, "f", 0, kind, target, f"{key}.xml", "0" * 64, "0" * 64, 0, 1) for key, (target, kind) in OWED.items())
    decided = Event("f", "decided", NOON, "test")
    assert not ledger.record([Outcome(flow, Decision(FlowVerdict.INTEGRATED, Envelope()), (), b"[]", {}, owed, (decided,))], NOON)


@pytest.fixture
def ledger(tmp_path):
    with closing(SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}")) as one:
        owe(one)
        yield one


def keys(emissions):
    return "".join(emission.key for emission in emissions)


@pytest.mark.parametrize(
    ("endpoints", "shares"),
    [
        ((), {None: "abcde"}),
        ((OUT,), {"back": "ab", None: "cde"}),
        ((replace(OUT, kinds=("cdar",)),), {"back": "b", None: "acde"}),
        ((replace(OUT, kinds=("cdar",)), replace(OUT, name="rest")), {"back": "b", "rest": "a", None: "cde"}),
        ((OUT, replace(OUT, name="moe", partner="", actor="moe")), {"back": "ab", "moe": "d", None: "ce"}),
        ((replace(OUT, partner="", actor="moa-2299*"),), {"back": "e", None: "abcd"}),
        ((replace(OUT, direction="in"),), {"back": "", None: "abcde"}),
    ],
)
def test_each_delivery_is_in_one_share(ledger, endpoints, shares):
    found = {end.name if end else None: keys(Share(ledger, endpoints, end).owed(10)) for end in (*endpoints, None)}
    assert found == shares


def test_what_stands_uploaded_belongs_to_where_it_stands_whatever_the_configuration_says_since(ledger):
    back, folder = Share(ledger, [OUT], OUT), Share(ledger, [OUT], None)
    back.staged(["a"])
    folder.staged(["c"])
    assert (keys(back.unpublished(10)), keys(folder.unpublished(10))) == ("a", "c")
    moved = replace(OUT, folder="elsewhere")
    assert [keys(Share(ledger, [moved], one).unpublished(10)) for one in (moved, None)] == ["", "c"]
    assert [fault.facts for fault in stranded(ledger.staged_at(), [moved])] == [{"endpoint": "back", "count": "1"}]
    assert stranded(ledger.staged_at(), [OUT]) == []


def test_a_ledger_of_version_2_is_brought_over_and_what_was_staged_in_it_stands_in_the_folder(tmp_path):
    path = tmp_path / "ledger.db"
    with closing(SqlLedger(f"sqlite:///{path}")) as ledger:
        owe(ledger)
        ledger.staged(["c"])
    as_version(path, 2)
    with closing(SqlLedger(f"sqlite:///{path}")) as ledger:
        assert (keys(ledger.unpublished(10)), keys(ledger.owed(10))) == ("c", "abde")
        assert ledger.staged_at() == {}
        assert ledger.journal().broken is None
