"""
The structure directory at its real size: how long an import takes, how long a lookup, and what it costs the daemon in memory.

``python benchmarks/directory.py [ROWS ...]`` prints the table of docs/operations.md. The rows are made up, as many columns and about as long as
real ones; workbooks have shared strings, as the portal's.
"""

import json
import os
import subprocess
import sys
import time
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from generate import singles

from flux.stores import directory as store

SIZES = (100_000, 300_000)
ASKED, ROUNDS, FLOWS = 500, 20, 400
TODAY = date(2026, 11, 26)
FLUX = (sys.executable, "-m", "flux.cli")
HEADER = [
    "TypeIdentifiant", "Identifiant", "RaisonSociale", "EmetteurEdi", "RecepteurEdi", "GestionStatutMiseEnPaiement", "GestionEngagement",
    "GestionService", "GestionServiceEngagement", "EstMOA", "EstMOAUniquement", "StructureActive", "Adresse", "ComplementAdresse1",
    "ComplementAdresse2", "CodePostal", "Ville", "NumTelephone", "Courriel", "CodePays", "LibellePays",
]  # fmt: skip
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'


def siret(number):
    return str(21_000_000_000_000 + number * 7919 % 10**12)


def rows(count):
    """Not in the order of their identifiers: an extract is not sorted so."""
    yield HEADER
    for n in range(count):
        flags = ["false", "true", "true", *("true" if n % k == 0 else "false" for k in (3, 4, 5, 2)), "false", "true"]
        yield ["1", siret(n), f"COMMUNE DE SAINT-EXEMPLE {n}", *flags, f"{n % 90} RUE DE LA MAIRIE", "", "", f"{n % 95_000:05d}", f"SAINT-EXEMPLE {n % 36_000}", "0102030405", f"mairie{n}@example.invalid", "FR", "FRANCE"]


def services(count):
    yield ["Identifiant", "CodeService", "LibelleService", "ServiceActif", "GestionEngagement"]
    for n in range(count):
        for k in range(3):
            yield [siret(n), f"SERVICE-{k}", f"Service {k}", "O", "N"]


def write_csv(path, made):
    with path.open("w", encoding="utf-8") as file:
        file.writelines(";".join(row) + "\n" for row in made)


def write_workbook(path, made):
    strings = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>')
        archive.writestr("_rels/.rels", f'<Relationships {PACKAGE}><Relationship Id="r" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>')
        archive.writestr("xl/workbook.xml", f'<workbook {MAIN} xmlns:r="{OFFICE}"><sheets><sheet name="A" sheetId="1" r:id="r"/></sheets></workbook>')
        targets = (("r", "worksheet", "worksheets/sheet1.xml"), ("s", "sharedStrings", "sharedStrings.xml"))
        related = "".join(f'<Relationship Id="{id_}" Type="{OFFICE}/{kind}" Target="{target}"/>' for id_, kind, target in targets)
        archive.writestr("xl/_rels/workbook.xml.rels", f"<Relationships {PACKAGE}>{related}</Relationships>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f"<worksheet {MAIN}><sheetData>".encode())
            for number, row in enumerate(made, 1):
                cells = (f'<c r="{chr(65 + k)}{number}" t="s"><v>{strings.setdefault(v, len(strings))}</v></c>' for k, v in enumerate(row) if v)
                sheet.write(f'<row r="{number}">{"".join(cells)}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")
        with archive.open("xl/sharedStrings.xml", "w", force_zip64=True) as table:
            table.write(f"<sst {MAIN}>".encode())
            table.writelines(f"<si><t>{text}</t></si>".encode() for text in strings)
            table.write(b"</sst>")


def imported(spool, path):
    """Seconds for an import and of processor time, in a process of its own as the command has, and the most memory that it and its child had, MB."""
    program = (
        "import sys, time, resource, datetime; from pathlib import Path; from flux.stores import _directory_import as i; began = time.perf_counter();"
        "used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2]);"
        "i.take(Path(sys.argv[1]), Path(sys.argv[2]), datetime.date(2026, 11, 26), datetime.datetime.now(datetime.UTC));"
        "print(time.perf_counter() - began, sum(sum(resource.getrusage(w)[:2]) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) - used, *(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(spool), str(path)], capture_output=True, text=True, check=True)
    seconds, used, own, child = map(float, done.stdout.split())
    return seconds, used, own / 1024, child / 1024


def looked_up(spool, count):
    """Milliseconds, the best and the middle of some rounds, for identifiers spread over the directory, each with a service code."""
    ask, took = store.Snapshots(spool), []
    for turn in range(ROUNDS):
        wanted = [(siret((turn * 977 + k * (count // ASKED)) % count), "SERVICE-1") for k in range(ASKED)]
        began = time.perf_counter()
        found = ask(wanted, TODAY)
        took.append((time.perf_counter() - began) * 1000)
        assert len(found.structures) == ASKED
    took.sort()
    return took[0], took[len(took) // 2]


def one_looked_up(spool):
    ask, took = store.Snapshots(spool), []
    for n in range(500):
        began = time.perf_counter()
        ask([(siret(n), "SERVICE-1"), (siret(n + 1), "")], TODAY)
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)[250]


def daemon_memory(folder, source):
    """The daemon's own memory (its private part, kB): idle, after flows without a directory, after the import, after as many flows with it."""
    site = folder / "site"
    subprocess.run([*FLUX, "init", str(site)], check=True, capture_output=True)
    with (site / "log").open("w") as log:
        daemon = subprocess.Popen([*FLUX, "run"], cwd=site, stdout=log, stderr=log)
    figures = []

    def measured():
        lines = Path(f"/proc/{daemon.pid}/smaps_rollup").read_text("utf-8").splitlines()
        figures.append(sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:"))))

    def fed(seed):
        for path in singles(folder / f"flows-{seed}", FLOWS, 5, seed):
            path.rename(site / "inbox" / "demo" / path.name)
        while len(list((site / "outbox" / "returns" / "demo").glob("*.json"))) < seed * FLOWS:
            time.sleep(0.2)
        time.sleep(2)

    try:
        time.sleep(4)
        measured()
        fed(1)
        measured()
        subprocess.run([*FLUX, "directory", "import", str(source)], cwd=site, check=True, capture_output=True)
        measured()
        fed(2)
        measured()
    finally:
        daemon.terminate()
        daemon.wait()
    told = subprocess.run([*FLUX, "flows", "--json", "--limit", str(2 * FLOWS)], cwd=site, capture_output=True, check=True).stdout
    refused = sum(flow["state"] == "IN_REJETE" for flow in json.loads(told)["flows"])
    assert refused == FLOWS, "each recipient of the second half was looked up, and is not among made-up structures"
    return figures


def main():
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    print(f"Measured on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.")
    print("| rows | form | file | import | processor time | memory of the import (its child) | snapshot |\n|---|---|---|---|---|---|---|")
    for count in sizes:
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "spool" / store.FOLDER).mkdir(parents=True)
            made = {"CSV": folder / "a.csv", "XLSX": folder / "a.xlsx", "services, CSV": folder / "s.csv"}
            write_csv(made["CSV"], rows(count))
            write_workbook(made["XLSX"], rows(count))
            write_csv(made["services, CSV"], services(count))
            for form, path in made.items():
                seconds, used, own, child = imported(folder / "spool", path)
                newest = max(store.snapshots(folder / "spool"), key=lambda s: s.path.stat().st_mtime_ns)
                shown = f"{3 * count if 's.csv' in path.name else count:,}"
                print(f"| {shown} | {form} | {path.stat().st_size / 1e6:.0f} MB | {seconds:.1f} s | {used:.1f} s | {own:.0f} MB ({child:.0f} MB) | {newest.path.stat().st_size / 1e6:.0f} MB |")
            best, middle = looked_up(folder / "spool", count)
            print(f"lookup in {count:,}: {ASKED} identifiers {middle:.1f} ms (best {best:.1f}); one piece {one_looked_up(folder / 'spool'):.2f} ms")
            if count == sizes[-1]:
                print("daemon, private kB: idle, after", FLOWS, "flows, after the import, after as many more:", *daemon_memory(folder, made["CSV"]))


if __name__ == "__main__":
    main()
