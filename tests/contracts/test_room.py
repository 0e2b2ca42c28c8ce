"""What happens where there is no room, on a real file system that is really full."""

import subprocess

import pytest

from flux.faults import Fault
from flux.stores.sql import SqlLedger


def fill(folder, leave=0):
    """Fill a file system but for *leave* bytes."""
    with (folder / "fill").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(0, file.tell() - leave))


def the_fault(act):
    with pytest.raises(Fault) as met:
        act()
    return met.value.code


@pytest.fixture
def small(tmp_path, disk):
    return disk(tmp_path / "small", "size=2m")


def test_a_ledger_on_a_full_disk_is_told_as_such_and_works_again_when_there_is_room(small):
    url = f"sqlite:///{small}/ledger.db"
    fill(small)
    assert the_fault(lambda: SqlLedger(url)) == "FLX-I87"
    (small / "fill").unlink()
    SqlLedger(url).close()
    fill(small)
    assert the_fault(lambda: SqlLedger(url)) == "FLX-I87"
    assert the_fault(lambda: SqlLedger(url, read_only=True)) == "FLX-I87"
    (small / "fill").unlink()
    SqlLedger(url).close()


def test_a_ledger_that_may_not_be_written_is_told_as_such(small):
    url = f"sqlite:///{small}/ledger.db"
    SqlLedger(url).close()
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    assert the_fault(lambda: SqlLedger(url)) == "FLX-I88"
    assert the_fault(lambda: SqlLedger(url, read_only=True)) == "FLX-I88"


@pytest.mark.parametrize("content", [b"this is no database" * 99, b"SQLite format 3\x00" + bytes(9999)])
def test_a_ledger_that_is_damaged_is_the_one_that_a_backup_mends(tmp_path, content):
    (tmp_path / "ledger.db").write_bytes(content)
    assert the_fault(lambda: SqlLedger(f"sqlite:///{tmp_path}/ledger.db")) == "FLX-I23"
