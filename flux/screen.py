"""What the command line shows: values of the contract as Rich tables, in the reader's language. Decides nothing."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flux.doctor import Line
from flux.faults import Fault
from flux.model import FlowVerdict, Plumbing, shown
from flux.ports import Unsettled
from flux.rows import FlowRow
from flux.when import in_paris
from flux.words import Words

STYLE = {
    "IN_INTEGRE": "green", "accepted": "green", "ok": "green", "EMITTED": "green", "CLOSED": "green",
    "IN_INTEGRE_PARTIEL": "yellow", "warning": "yellow", "warn": "yellow", "HELD": "bold red",
    "IN_REJETE": "red", "IN_INCIDENTE": "magenta", "rejected": "red", "error": "red", "bad": "bold red",
    "NOT_EVALUATED": "magenta", "not_evaluated": "magenta", "QUARANTINED": "bold red",
}  # fmt: skip
CELLS = {"allowed": "[green]✓[/]", "forbidden": "[red]✗[/]", "not_applicable": "[dim]–[/]"}
SIGNS = {"ok": "✓", "warn": "!", "bad": "✗"}  # colour alone tells nothing in a file, or to many eyes
NONE = "—"
STATES = (*Plumbing, *FlowVerdict)  # what ``flux flows --state`` knows


def flow_list(out: Console, rows: Sequence[FlowRow], say: Words, *, more: bool) -> None:
    """One line a flow. more: there are others, which were not asked for."""
    if not rows:
        out.print(say("say.nothing"))
        return
    table = _table(say, "received", "flow", "partner", "pieces", "state", "plumbing", "file")
    for row in rows:
        flow, state = row.flow, row.verdict or NONE
        at = f"{in_paris(flow.received_at):%Y-%m-%d %H:%M:%S}"
        counted, name = f"{row.accepted}/{row.pieces}", Text(flow.display_name, overflow="fold")
        table.add_row(at, short(flow.id), flow.partner, counted, _state(state, say), _plumbing(row.state, say), name)
    out.print(table)
    if more:
        out.print(say("say.more", shown=len(rows)), style="dim")


def states(say: Words) -> str:
    """Every state by its code, with its word."""
    return ", ".join(f"{s} ({say(f'plumbing.{s}') if isinstance(s, Plumbing) else say(f'state.{s}')})" for s in STATES)


def several(err: Console, part: str, rows: Sequence[FlowRow], say: Words, *, more: bool) -> None:
    """Which flows a part of an id means, when it means several."""
    err.print(say("say.several_flows", id=escape(part)), highlight=False, soft_wrap=True)
    for row in rows:
        at = f"{in_paris(row.flow.received_at):%Y-%m-%d %H:%M:%S}"
        err.print(f"  {row.flow.id}  {at}  {row.flow.partner}  {escape(row.flow.display_name)}", highlight=False, soft_wrap=True)
    if more:
        err.print(f"  {say('say.and_more')}")


def flows_whole(out: Console, flows: Iterable[dict[str, Any]], say: Words) -> None:
    """Several flows, each whole."""
    for flow in flows:
        flow_whole(out, flow, say)


def flow_whole(out: Console, flow: dict[str, Any], say: Words) -> None:
    """A flow: what became of it, of each piece and why; for a flow of the ledger also journal and deliveries."""
    out.print()
    out.print(f"[bold]{escape(flow['file'])}[/]  {_state(flow['state'], say)}", highlight=False, soft_wrap=True)
    pieces = flow["pieces"]
    accepted = sum(piece["verdict"] == "accepted" for piece in pieces)
    plumbing = say(f"plumbing.{flow['plumbing']}") if "plumbing" in flow else None
    how = f"{flow['mode']} ({flow['depositor']['role']} {escape(flow['depositor']['id'])})" if flow.get("depositor") else None
    known = [flow.get("id"), flow.get("partner"), flow.get("received_at"), how, plumbing, flow["interface"], flow["syntax"]]
    counted = say("say.accepted_of", accepted=accepted, count=len(pieces)) if pieces else None
    if line := " · ".join(str(part) for part in (*known, counted) if part):
        out.print(f"  {line}", style="dim", highlight=False, soft_wrap=True)
    if flow.get("reason"):
        what = say("say.held") if flow.get("plumbing") == "HELD" else say("say.why")
        out.print(f"  [bold red]{what}[/] {flow['reason']['code']} {escape(flow['reason'][say.language])}", highlight=False, soft_wrap=True)
    if again := flow.get("replaces"):
        which = ", ".join(str(n) for n in again["pieces"] or ()) or say("say.all_pieces")
        out.print(f"  {say('say.takes_up', flow=again['flow'], pieces=which, sequence=flow['sequence'])}", style="dim", highlight=False, soft_wrap=True)
    _purged(out, flow.get("purged", ()), say)
    if seen := flow.get("acknowledged"):
        out.print(f"  {say('say.acknowledged', at=seen['at'][:19].replace('T', ' '), who=seen['who'], reason=seen['reason'])}", markup=False, highlight=False, soft_wrap=True)
    finding_list(out, flow["findings"], say, indent=2)
    piece_table(out, pieces, say)
    if "events" in flow:
        _journal(out, flow["events"], say)
        _emissions(out, flow["emissions"], say)


def piece_list(out: Console, pieces: Iterable[dict[str, Any]], say: Words) -> None:
    """One piece across flows: each time it was met, with what became of it."""
    for piece in pieces:
        out.print(f"\n[bold]{escape(piece['flow'])}[/] [dim]{piece['received_at']}[/]", highlight=False, soft_wrap=True)
        _purged(out, piece["flow_purged"], say)
        piece_table(out, [piece], say)


def matrix(out: Console, told: dict[str, Any], say: Words) -> None:
    """The works cadres, cell by cell, then the others."""
    modes = ("edi", "portail", "service")
    table = Table("cadre", "", *(f"{mode}\n{say(f'column.{kind}')}" for mode in modes for kind in ("initial", "association")), box=None)
    for row in told["works"]:
        label = row["label"] if say.language == "fr" else row["label_en"]
        table.add_row(row["cadre"], label, *(CELLS[row[mode][kind]] for mode in modes for kind in ("initial", "association")))
    out.print(table)
    out.print(say("say.works_only"), style="dim")
    others = Table("cadre", "", say("column.becomes"), box=None)
    for row in told["others"]:
        label = row["label"] if say.language == "fr" else row["label_en"]
        becomes = say("say.refused", why=row["why"][say.language]) if row["becomes"] == "refused" else say("say.by_partner")
        others.add_row(row["cadre"], label, becomes)
    out.print()
    out.print(others)


def doctor(out: Console, lines: Sequence[Line], say: Words) -> None:
    """One line a check; what is not green says what to do."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    for line in lines:
        table.add_row(f"[{STYLE[line.verdict]}]{SIGNS[line.verdict]}[/]", line.subject(say), Text(line.found(say), overflow="fold"))
        if advice := line.advice(say):
            table.add_row("", "", Text(f"→ {advice}", style=STYLE[line.verdict]))
    out.print(table)
    bad, warn = (sum(line.verdict == verdict for line in lines) for verdict in ("bad", "warn"))
    out.print(say("doctor.unsound", bad=bad, warn=warn) if bad or warn else say("doctor.sound"), style=STYLE["bad" if bad else "warn" if warn else "ok"])


def left(err: Console, waiting: Iterable[Unsettled], say: Words) -> None:
    """What stands in an inbox and was not taken, and why."""
    for one in waiting:
        name = shown(one.name)
        err.print(f"{one.partner}/{escape(name)} {say('say.left')} {say(f'left.{one.why}')}", highlight=False, soft_wrap=True)


def fault(err: Console, trouble: Fault, say: Words, style: str = "bold red") -> None:
    """Our trouble: what happened, what it means, what to do."""
    what, means, do = trouble.told(say.language)
    err.print(f"[{style}]{trouble.code}[/] {escape(what)}", highlight=False, soft_wrap=True)
    err.print(f"  {escape(means)}", highlight=False, soft_wrap=True)
    err.print(f"  → {escape(do)}", highlight=False, soft_wrap=True)


def short(flow_id: str) -> str:
    """The part of a flow's id that a person types: ten letters that only this flow has."""
    return flow_id.rpartition("-")[2]


def piece_table(out: Console, pieces: Sequence[dict[str, Any]], say: Words) -> None:
    """Pieces, a line each, then what was found in them."""
    if not pieces:
        return
    table = Table("#", *(say(f"column.{name}") for name in ("number", "cadre", "total", "verdict", "next")), box=None, padding=(0, 1, 0, 2))
    for piece in pieces:
        number = escape(piece["number"] or say("say.unreadable"))
        total = f"{piece['amounts']['ttc']} {piece['currency'] or ''}" if piece["amounts"]["ttc"] else NONE
        actor = f"{say('role.' + piece['next_actor'])} {piece['next_id']}" if piece["next_actor"] else NONE
        if line := piece.get("status_line"):
            actor = f"{line['status'] or NONE} → {line['reached'] or NONE}"
        table.add_row(str(piece["ordinal"]), number, piece["cadre"] or NONE, total, _state(piece["verdict"], say), actor)
    out.print(table)
    for piece in pieces:
        if piece["findings"]:
            out.print(f"  [bold]#{piece['ordinal']} {escape(piece['number'] or say('say.unreadable'))}[/] [dim]{escape(piece['document'])}[/]", highlight=False)
            finding_list(out, piece["findings"], say, indent=4)


def finding_list(out: Console, findings: Sequence[dict[str, Any]], say: Words, *, indent: int) -> None:
    """Findings, each with its code, its severity and its text."""
    for finding in findings:
        text = Text(f"{finding['code']} ({say('severity.' + finding['severity'])}) ", style=STYLE[finding["severity"]])
        text.append(finding["text"][say.language], style="default")
        out.print(Padding(text, (0, 0, 0, indent)))


def _purged(out: Console, purges: Iterable[dict[str, str]], say: Words) -> None:
    """What is no longer there, since when, and by whose hand."""
    for one in purges:
        said = say(f"purged.{one['what']}", at=one["at"][:19].replace("T", " "), who=one["who"])
        out.print(f"  {said}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _journal(out: Console, events: Sequence[dict[str, Any]], say: Words) -> None:
    out.print(f"  [bold]{say('say.journal')}[/]")
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    for event in events:
        table.add_row(event["at"][:19].replace("T", " "), say("event." + event["what"]), event["who"], Text(event["detail"], overflow="fold", style="dim"))
    out.print(table)


def _emissions(out: Console, emissions: Sequence[dict[str, Any]], say: Words) -> None:
    if not emissions:
        return
    out.print(f"  [bold]{say('say.emissions')}[/]")
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    for emission in emissions:
        state = f"[{STYLE.get(emission['state'], 'default')}]{say('emission.' + emission['state'])}[/]"
        table.add_row(state, say("kind." + emission["kind"]), Text(f"{emission['target']}/{emission['name']}", overflow="fold"))
        if emission["problem"]:
            table.add_row("", "", Text(emission["problem"], style="red", overflow="fold"))
    out.print(table)


def _table(say: Words, *columns: str) -> Table:
    return Table(*(say(f"column.{name}") for name in columns), box=None, padding=(0, 1))


def _state(state: str, say: Words) -> str:
    return f"[{STYLE[state]}]{say(f'state.{state}')}[/]" if state in STYLE else state


def _plumbing(state: Plumbing, say: Words) -> str:
    return f"[{STYLE.get(state, 'default')}]{say(f'plumbing.{state}')}[/]"
