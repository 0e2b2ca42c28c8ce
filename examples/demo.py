"""
``make demo``: the example batches through the real pipeline, from an empty installation in a scratch folder, told flow by flow.

Then one dossier of a works market, deposit by deposit and act by act, as the timeline of ``flux dossier``. Nothing here is special to
the demo: it writes a configuration, drops files, calls the real command and reads what it says.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from actors import GYM
from packing import pdf
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text
from scenarios import SHELL, name, paper, ubl

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent / "demo"
CONFIG = """# The demo's installation: one supplier, and the market file of the examples.
settle_s = 0.0
log_level = "error"

[[partner]]
name = "batipro"
label = "Bâti-Pro Construction"
naming = "chorus"
"""
SOME = 6  # accepted pieces of one flow that are told one by one
STYLE = {"IN_INTEGRE": "green", "IN_INTEGRE_PARTIEL": "yellow", "IN_REJETE": "red", "accepted": "green", "rejected": "red"}


def main() -> int:
    """Run the demo; 0 when every flow got what its expected.toml says."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    start_empty()
    drops = deposits()
    inbox = ROOT / "inbox" / "batipro"
    console.print(f"\n[bold]flux[/] {len(drops)} deposits of {len({d['scenario'] for d in drops})} scenarios into {shown(inbox)}\n")
    began = time.perf_counter()
    for turn in sorted({drop["order"] for drop in drops}):
        for drop in (d for d in drops if d["order"] == turn):
            shutil.copy(drop["path"], inbox)
        flux("once")
    seconds = time.perf_counter() - began
    flows = {flow["file"]: flow for flow in json.loads(flux("flows", "--json", "--limit", "500"))["flows"]}
    surprises = sum(tell(console, drop, flows[drop["name"]]) for drop in drops)
    surprises += market(console)
    close(console, len(flows), seconds, surprises)
    return 1 if surprises else 0


def start_empty() -> None:
    """An empty installation in the scratch folder."""
    if ROOT.exists():
        shutil.rmtree(ROOT)
    (ROOT / "inbox" / "batipro").mkdir(parents=True)
    (ROOT / "flux.toml").write_text(CONFIG, "utf-8")
    shutil.copy(HERE / "markets.toml", ROOT / "markets.toml")


def deposits() -> list[dict[str, Any]]:
    """Every file of every scenario, with what it must get, in the order in which they are told."""
    scenarios = [(path.parent, tomllib.loads(path.read_text("utf-8"))) for path in sorted(HERE.glob("*/expected.toml"))]
    return [
        {**file, "path": folder / file["name"], "scenario": folder.name, "title": scenario["title"]["en"]}
        for folder, scenario in scenarios
        for file in scenario["file"]
    ]


def flux(*words: str) -> str:
    """The real command, on the demo's installation."""
    command = [sys.executable, "-m", "flux.cli", "--config", str(ROOT / "flux.toml"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "150", "FLUX_LANG": "en"})
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr or done.stdout)
    return done.stdout


def tell(console: Console, drop: dict[str, Any], flow: dict[str, Any]) -> int:
    """One flow, piece by piece; 1 when it is not what was expected."""
    as_expected = flow["state"] == drop["state"] and len(flow["pieces"]) == drop["pieces"]
    mark = "" if as_expected else "  [bold red]not what expected.toml says[/]"
    console.print(f"[bold]{drop['scenario']}[/]  {escape(drop['title'])}{mark}")
    console.print(f"  [{STYLE[flow['state']]}]{flow['state']}[/]  {escape(flow['file'])}  [dim]flow {flow['id']}[/]")
    for finding in flow["findings"]:
        console.print(Padding(f"[red]{finding['code']}[/] {escape(finding['text']['en'])}", (0, 0, 0, 4)))
    pieces(console, flow)
    for emission in flow["emissions"]:
        if emission["kind"] in ("integration", "report-html"):
            console.print(f"    [dim]{shown(ROOT / 'outbox' / emission['target'] / emission['name'])}[/]", soft_wrap=True)
    console.print()
    return 0 if as_expected else 1


def pieces(console: Console, flow: dict[str, Any]) -> None:
    """The pieces of a flow: those refused with their reasons; of more than SOME accepted alike, only how many."""
    routed = {e["piece"]: e["target"] for e in flow["emissions"] if e["kind"] == "piece"}
    many = len(routed) > SOME
    for piece in flow["pieces"]:
        if many and piece["verdict"] == "accepted":
            continue
        where = f"→ {routed[piece['ordinal']]}" if piece["ordinal"] in routed else ""
        told = f"{piece['ordinal']:3}  {piece['number'] or '—':22} {piece['cadre'] or '—':4} {piece['amounts']['ttc'] or '—':>14}"
        console.print(f"    {escape(told)}  [{STYLE[piece['verdict']]}]{piece['verdict']}[/] {where}", highlight=False)
        for finding in piece["findings"]:
            console.print(Padding(f"[bold]{finding['code']}[/] {escape(finding['text']['en'])}", (0, 0, 0, 9)))
    if many:
        console.print(f"      … {len(routed)} pieces [green]accepted[/] → {', '.join(sorted(set(routed.values())))}", highlight=False)


def market(console: Console) -> int:
    """A dossier of the works market: a monthly statement by EDI, the deposits of MOE and MOA on it, what they do; told by flux itself. 1 when it went wrong."""
    began = time.perf_counter()
    console.rule("[bold]a works market[/]: one month, from the statement to the payment", style="dim")
    statement, date = paper("SIT-2026-2801", "A4", GYM, SHELL, "2026-09-30", note="Situation n° 9"), "2026-10-07"
    (ROOT / "inbox" / "batipro" / name("FSO4100A", 28, 1, ".xml")).write_bytes(ubl(statement))
    moe, moa, payer = f"moe:{GYM.moe.id}", f"moa:{GYM.moa.id}", f"service_financier:{GYM.moa.id}"
    vat = "".join(f'[[vat]]\nrate = "{rate}"\nbase = "{base}"\namount = "{tax}"\n' for rate, base, tax in statement.rates())
    totals = "".join(f'{total} = "{statement.total(total)}"\n' for total in ("ht", "tva", "ttc", "net"))
    (ROOT / "acompte.toml").write_text(f'date = "{date}"\nvat_type = "TVA_SUR_DEBIT"\n{totals}{vat}', "utf-8")
    (ROOT / "acompte.pdf").write_bytes(pdf(["ÉTAT D'ACOMPTE", f"sur {statement.number}", f"Net à payer {statement.total('net')} EUR"]))
    deposit = ("deposit", str(ROOT / "acompte.pdf"), "--data", str(ROOT / "acompte.toml"), "--mode", "service")
    for words in (
        ("once",),
        ("act", "SIT-2026-2801", "prendre_en_compte", "--as", moe, "--who", "claire"),
        (*deposit, "--cadre", "A15", "--number", "EAC-2026-2801", "--previous", "SIT-2026-2801", "--as", moe),
        (*deposit, "--cadre", "A19", "--number", "EAV-2026-2801", "--previous", "EAC-2026-2801", "--as", moa),
        ("act", "EAV-2026-2801", "mettre_en_paiement", "--as", payer, "--who", "driss"),
    ):
        console.print(f"  [dim]flux {escape(' '.join(word.replace(f'{ROOT}/', '') for word in words))}[/]", soft_wrap=True, highlight=False)
        flux(*words)
    console.print("  [dim]flux dossier SIT-2026-2801[/]\n", highlight=False)
    told = flux("dossier", "SIT-2026-2801")
    console.print(Text(told))
    console.print(f"  [dim]{time.perf_counter() - began:.1f} s[/]\n", highlight=False)
    return 0 if "EAV-2026-2801: Paid" in told else 1


def close(console: Console, flows: int, seconds: float, surprises: int) -> None:
    """Where everything lies, and what to ask next."""
    console.rule(style="dim")
    console.print(f"{flows} flows in {seconds:.1f} s, every sync on; surprises: {surprises or 'none'}.")
    console.print(f"  routed pieces   {shown(ROOT / 'outbox/pieces')}/<who acts next>/")
    console.print(f"  return flows    {shown(ROOT / 'outbox/returns/batipro')}/   (open an .html in a browser)")
    asked = "flows   ·   show FLOW   ·   piece NUMBER   ·   dossier NUMBER   ·   matrix   ·   doctor"
    console.print(f"  ask it          .venv/bin/flux --config {shown(ROOT / 'flux.toml')} {asked}\n", soft_wrap=True)


def shown(path: Path) -> str:
    """A path as the reader would type it."""
    return str(path.relative_to(HERE.parent))


if __name__ == "__main__":
    sys.exit(main())
