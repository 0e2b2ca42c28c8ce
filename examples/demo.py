"""
``make demo``: the example batches through the real pipeline, from an empty installation in a scratch folder, told flow by flow.

Nothing here is special to the demo: it writes a configuration, drops files, calls ``flux once`` and reads what ``flux flows --json`` and
``flux show --json`` say.
"""

import json
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

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
STYLE = {"IN_INTEGRE": "green", "IN_INTEGRE_PARTIEL": "yellow", "IN_REJETE": "red", "accepted": "green", "rejected": "red"}


def main() -> int:
    """Run the demo; 0 when every flow got what its expected.toml says."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    start_empty()
    drops = deposits()
    console.print(f"\n[bold]flux[/bold] [dim]·[/dim] {len(drops)} deposits of {len({d['scenario'] for d in drops})} scenarios into {shown(ROOT / 'inbox/batipro')}\n")
    began = time.perf_counter()
    for turn in sorted({drop["order"] for drop in drops}):
        for drop in (d for d in drops if d["order"] == turn):
            shutil.copy(drop["path"], ROOT / "inbox" / "batipro" / drop["path"].name)
        flux("once")
    seconds = time.perf_counter() - began
    surprises = sum(tell(console, drop) for drop in drops)
    close(console, seconds, surprises)
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
    found = []
    for path in sorted(HERE.glob("*/expected.toml")):
        scenario = tomllib.loads(path.read_text("utf-8"))
        for file in scenario["file"]:
            found.append({**file, "path": path.parent / file["name"], "scenario": path.parent.name, "title": scenario["title"]["en"]})
    return found


def flux(*words: str) -> str:
    """The real command, on the demo's installation."""
    done = subprocess.run([sys.executable, "-m", "flux.cli", "--config", str(ROOT / "flux.toml"), *words], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr or done.stdout)
    return done.stdout


def tell(console: Console, drop: dict[str, Any]) -> int:
    """One flow, piece by piece; 1 when it is not what was expected."""
    flows = json.loads(flux("flows", "--json", "--limit", "500"))["flows"] if not FLOWS else FLOWS
    FLOWS[:] = flows
    flow = json.loads(flux("show", next(f["id"] for f in flows if f["file"] == drop["name"]), "--json"))
    as_expected = flow["state"] == drop["state"] and len(flow["pieces"]) == drop["pieces"]
    mark = "" if as_expected else "  [bold red]not what expected.toml says[/bold red]"
    console.print(f"[bold]{drop['scenario']}[/bold]  {escape(drop['title'])}{mark}")
    console.print(f"  [{STYLE[flow['state']]}]{flow['state']}[/]  {escape(flow['file'])}  [dim]flow {flow['id']}[/dim]")
    for finding in flow["findings"]:
        console.print(f"    [red]{finding['code']}[/red] {escape(finding['text']['en'])}")
    pieces(console, flow)
    for emission in flow["emissions"]:
        if emission["kind"] in ("integration", "report-html"):
            console.print(f"    [dim]answered in {shown(ROOT / 'outbox' / emission['target'] / emission['name'])}[/dim]", soft_wrap=True)
    console.print()
    return 0 if as_expected else 1


FLOWS: list[dict[str, Any]] = []


def pieces(console: Console, flow: dict[str, Any]) -> None:
    """The pieces of a flow: those refused with their reasons; of more than six accepted alike, only how many."""
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 4))
    routed = {e["name"]: e["target"] for e in flow["emissions"] if e["kind"] == "piece"}
    accepted = [p for p in flow["pieces"] if p["verdict"] == "accepted"]
    for piece in flow["pieces"]:
        if piece["verdict"] == "accepted" and len(accepted) > 6:  # noqa: PLR2004 - a screen
            continue
        where = routed.get(f"{flow['id']}-{piece['ordinal']:05d}.xml") or routed.get(f"{flow['id']}-{piece['ordinal']:05d}.pdf") or ""
        verdict = f"[{STYLE[piece['verdict']]}]{piece['verdict']}[/]"
        table.add_row(str(piece["ordinal"]), escape(piece["number"] or "—"), piece["cadre"] or "—", piece["amounts"]["ttc"] or "—", verdict, where)
        for finding in piece["findings"]:
            place = f" (line {finding['line']})" if finding["line"] else ""
            table.add_row("", "", "", "", f"[bold]{finding['code']}[/bold]", escape(finding["text"]["en"] + place))
    if len(accepted) > 6:  # noqa: PLR2004 - as above
        targets = ", ".join(sorted({target for target in routed.values()}))
        table.add_row("…", f"{len(accepted)} pieces", "", "", "[green]accepted[/green]", targets)
    if table.row_count:
        console.print(table)


def close(console: Console, seconds: float, surprises: int) -> None:
    """Where everything lies, and what to ask next."""
    console.rule(style="dim")
    console.print(f"{len(FLOWS)} flows in {seconds:.1f} s, every sync on; {surprises or 'no'} surprise{'s' if surprises > 1 else ''}.")
    console.print(f"  routed pieces   {shown(ROOT / 'outbox/pieces')}/<who acts next>/")
    console.print(f"  return flows    {shown(ROOT / 'outbox/returns/batipro')}/   (open an .html in a browser)")
    console.print(f"  ask it          .venv/bin/flux --config {shown(ROOT / 'flux.toml')} flows   ·   show FLOW   ·   piece NUMBER   ·   matrix   ·   doctor\n")


def shown(path: Path) -> str:
    """A path as the reader would type it."""
    return str(path.relative_to(HERE.parent))


if __name__ == "__main__":
    sys.exit(main())
