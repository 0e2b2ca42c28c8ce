"""The structure directory at its real size: seconds for an import, and nothing of it in the daemon's memory."""

import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from extracts import HEADER, a_row, sirets, write, write_workbook
from rig import GOOD, Site, wait_for

from flux.stores import _directory_import as imports
from flux.stores import directory as store

COUNT = 100_000
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
IMPORT_S, LOOKUP_S = 60, 1  # some twenty times what a machine with nothing else to do takes
MOST_KB = 6_000             # what a flow of forty pieces may leave in the daemon anyhow; the directory on disk has 15 MB
FORTY = "06-one-bad-in-forty/*.gz"


def sheet(rows):
    cells = ("".join(f'<c t="inlineStr"><is><t>{value}</t></is></c>' for value in row.split(";")) for row in rows)
    return f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{"".join(f"<row>{row}</row>" for row in cells)}</sheetData></worksheet>'


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_hundred_thousand_structures_are_imported_in_seconds_and_five_hundred_looked_up_at_once(tmp_path, form):
    (tmp_path / "directory").mkdir()
    rows, path = map(a_row, sirets(COUNT)), tmp_path / f"extract.{form}"
    if form == "csv":
        write(path, *rows)
    else:
        write_workbook(path, sheet([HEADER, *rows]))
    began = time.monotonic()
    assert imports.take(tmp_path, path, date(2026, 11, 23), NOON).rows == COUNT
    assert time.monotonic() - began < IMPORT_S
    wanted = [(siret, "") for siret in sirets(COUNT)[:: COUNT // 500]]
    began = time.monotonic()
    assert len(store.Snapshots(tmp_path)(wanted, date(2026, 11, 23)).structures) == 500
    assert time.monotonic() - began < LOOKUP_S


def private_kb(pid):
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))


@pytest.mark.slow
def test_a_directory_of_a_hundred_thousand_structures_costs_the_daemon_no_memory(tmp_path):
    site = Site(tmp_path / "site")
    extract = write(tmp_path / "extract.csv", *map(a_row, sirets(COUNT)))
    daemon = site.start()

    def answered():
        return len(list((site.outbox / "returns").rglob("*.html")))

    try:
        site.drop(GOOD)
        wait_for(lambda: answered() == 1)
        before = private_kb(daemon.pid)
        assert site.flux("directory", "import", extract).returncode == 0
        site.drop(FORTY)
        wait_for(lambda: answered() == 2)
        assert private_kb(daemon.pid) - before < MOST_KB
    finally:
        daemon.terminate()
        daemon.communicate(timeout=30)
    told = [finding["code"] for flow in site.json("flows")["flows"] for piece in flow["pieces"] for finding in piece["findings"]]
    assert told.count("FLX-R01") == 39, "each that was not refused before was held against it"
