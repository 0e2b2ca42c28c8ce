"""Names: those of flows against a slow, obvious model; those of files in a real inbox, whatever bytes they are."""

import itertools
import os
import shutil
import tempfile
from pathlib import Path

import orjson
from hypothesis import given
from hypothesis import strategies as st

from flux.model import shown
from flux.policy import Policy
from flux.transports.folder import PARTIAL, FolderInbox
from flux.validators.envelope import read_name

CHORUS, FREE = Policy(naming="chorus"), Policy(naming="free")
DIGITS, CAPITALS = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ENDINGS = (".tar.gz", ".tgz", ".tar", ".zip", ".xml", ".pdf")

interfaces = st.sampled_from(["FSO4100A", "FSO1116A", "FSO9999A", "fso4100a", "", "FSO4100A "])
applications = st.sampled_from(["ABC001", "XYZ999", "abc001", "ABC01", "ABC٠٠١"])
numbers = st.builds("{}{}{}".format, applications, st.sampled_from(["4100", "1116", "410"]), st.sampled_from(["0" * 15, "9" * 15, "0" * 14, "٣" * 15]))
near = st.builds(
    "".join,
    st.tuples(interfaces, st.sampled_from("_-"), applications, st.just("_"), numbers, st.sampled_from([*ENDINGS, ".XML", ".xml.xml", "", ".gz", "\n.xml", ".xml\n"])),
)
file_names = st.lists(
    st.one_of(st.binary(min_size=1, max_size=255), st.sampled_from([b"-rf", b"a\nb", b"\xff\xfe", b"..a", b"a.PART", b" ", b"\x1b[2J", "é".encode(), "é".encode()]))
    .map(lambda name: name.replace(b"/", b"\\").replace(b"\0", b"\x01"))
    .filter(lambda name: name not in (b".", b"..")),
    min_size=1, max_size=8, unique=True,
)  # fmt: skip


def is_of_the_shape(name, tables):
    """The rule as docs/formats.md tells it, sign by sign."""
    ending = next((e for e in ENDINGS if name.lower().endswith(e)), None)
    parts = name[: -len(ending)].split("_") if ending else []
    if len(parts) != 3:
        return False
    interface, application, number = parts
    forms = (application, (3, CAPITALS), (3, DIGITS)), (number, (3, CAPITALS), (22, DIGITS))
    for text, *runs in forms:
        wanted = list(itertools.chain.from_iterable([signs] * many for many, signs in runs))
        if len(text) != len(wanted) or any(sign not in signs for sign, signs in zip(text, wanted, strict=True)):
            return False
    return interface in tables.interfaces and number.startswith(application + interface[3:7])


@given(name=st.one_of(near, st.text(max_size=60)))
def test_a_chorus_name_is_taken_when_it_is_of_the_shape_and_else_refused_with_a_code(tables, name):
    envelope, findings = read_name(name, CHORUS, tables)
    assert (findings == ()) == is_of_the_shape(name, tables)
    assert {finding.code for finding in findings} <= {"FLX-T10", "FLX-T11", "FLX-T12", "FLX-T13", "FLX-T14"}
    if not findings:
        assert f"{envelope.interface}_{envelope.application}_{envelope.number}" == name[: len(name) - len(name.partition(".")[2]) - 1]


@given(name=st.one_of(near, st.text(max_size=60)))
def test_under_free_naming_nothing_is_wrong_with_any_name_and_what_chorus_would_take_is_used(tables, name):
    envelope, findings = read_name(name, FREE, tables)
    assert findings == ()
    assert envelope.interface in ("", *tables.interfaces)
    if is_of_the_shape(name, tables):
        assert envelope == read_name(name, CHORUS, tables)[0]
    else:
        assert (envelope.application, envelope.number) == ("", "")


@given(name=st.binary(max_size=255))
def test_the_name_of_a_file_is_told_as_one_line_that_every_output_can_carry(name):
    told = shown(name)
    assert orjson.loads(orjson.dumps(told)) == told
    assert not [c for c in told if ord(c) < 32 or 127 <= ord(c) < 160]


@given(names=file_names)
def test_every_file_whose_name_is_not_one_of_a_half_sent_file_is_claimed_once_and_found_again(names):
    root = Path(tempfile.mkdtemp())
    try:
        for folder in ("in", "claim"):
            (root / folder).mkdir()
        for number, name in enumerate(names):
            Path(os.fsdecode(os.fsencode(root / "in") + b"/" + name)).write_bytes(b"%d" % number)
        inbox = FolderInbox("batipro", root / "in", root / "claim", settle_s=0)
        wanted = {name: b"%d" % n for n, name in enumerate(names) if not name.startswith(b".") and not name.lower().endswith(PARTIAL)}
        waiting = inbox.waiting(100)
        assert sorted(waiting) == sorted(wanted)
        claimed = inbox.claim(waiting, "20261123T120000000Z-7k3q9x2m4b") if waiting else []
        assert {deposit.name for deposit in claimed} == set(wanted)
        assert len({deposit.id for deposit in claimed}) == len(wanted)
        again = FolderInbox("batipro", root / "in", root / "claim", settle_s=0).recover()
        assert sorted((d.id, d.name) for d in again) == sorted((d.id, d.name) for d in claimed)
        for deposit in again:
            with inbox.open(deposit) as file:
                assert file.read() == wanted[deposit.name]
        inbox.discard(again)
        assert (inbox.recover(), list((root / "claim").iterdir())) == ([], [])
    finally:
        shutil.rmtree(root)
