"""``flux schedule`` and ``flux runs``: reads what was typed, calls ``planning`` and ``app``, shows what came back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flux import by_hand, planning
from flux.commands.desk import AsJson, Exit, Where, dumped, err, find, out, say, unknown, user, write
from flux.runs import telling
from flux.runs.book import RunState

SHOWN = 50
NONE = telling.DASH
STYLE = {"DONE": "green", "SKIPPED": "dim", "OWED": "yellow", "TAKING": "cyan", "WORKING": "cyan"}

app = typer.Typer(help=say("help.schedule"), no_args_is_help=True, rich_markup_mode=None)


@app.command("list", help=say("help.schedule_list"))
def listed(context: typer.Context, where: Where = "", *, as_json: AsJson = False) -> None:
    """Every schedule."""
    config = find(context, where)
    with by_hand.open_book(config) as book:
        told = planning.listed(config, book, datetime.now(UTC))
    if as_json:
        write({"schedules": told})
    elif not told:
        out.print(say("say.no_schedules"))
    else:
        table = Table(*(say(f"column.{name}") for name in ("schedule", "cron", "next_run", "last_run", "run_state", "alerts")), box=None, padding=(0, 1))
        for one in told:
            last = next(iter(one["runs"]), None)
            coming = next((at for at in one["next"] if not at["why"]), None)
            cells = (telling.short_time(last["planned_at"]), _state(last), _alerts(last)) if last else (NONE, NONE, NONE)
            table.add_row(one["name"], one["cron"], telling.short_time(coming["at"]) if coming else NONE, *cells)
        out.print(table)


@app.command(help=say("help.schedule_show"))
def show(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME", help=say("help.schedule_name"))], where: Where = "", *, as_json: AsJson = False
) -> None:
    """One schedule."""
    config = find(context, where)
    with by_hand.open_book(config) as book:
        (told,) = planning.listed(config, book, datetime.now(UTC), name)
    if as_json:
        write(told)
        return
    out.print(f"[bold]{told['name']}[/]  {told['cron']}  [dim]{escape(', '.join(told['partners']))}[/]", highlight=False)
    out.print(f"\n[bold]{say('say.calendar')}[/]", highlight=False)
    for at in told["next"]:
        why = f"  {say('why.' + at['why'])} {escape(at['label'] or '')}" if at["why"] else ""
        out.print(f"  {telling.long_day(at['at'], say)}[dim]{why}[/]", highlight=False)
    out.print(f"\n[bold]{say('say.last_runs')}[/]", highlight=False)
    _table(told["runs"])


@app.command(help=say("help.schedule_run"))
def run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=say("help.schedule_name"))],
    who: Annotated[str, typer.Option(metavar="NAME", help=say("help.schedule_who"))] = "",
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """A run by hand."""
    done = by_hand.run(find(context, where), name, who or user())
    if as_json:
        write(planning.run(done))
    elif done.state is RunState.DONE:
        out.print(planning.report(done, "text", say), markup=False, highlight=False, soft_wrap=True, end="")
    else:
        out.print(say("say.run_asked", number=done.seq))
        out.print(say("say.run_handed", number=done.seq))
    raise typer.Exit(Exit.REFUSED if done.told and done.told["alerts"] else Exit.DONE)


def runs(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="[NUMBER]", help=say("help.runs_number"))] = "",
    schedule: Annotated[str, typer.Option(metavar="NAME", help=say("help.runs_schedule"))] = "",
    state: Annotated[str, typer.Option(metavar="STATE", help=say("help.runs_state"))] = "",
    report: Annotated[str, typer.Option(metavar="FORM", help=say("help.runs_report"))] = "",
    to: Annotated[Path | None, typer.Option(metavar="FILE", help=say("help.runs_to"))] = None,
    limit: Annotated[int, typer.Option(min=1, help=say("help.flows_limit"))] = SHOWN,
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """The runs, or one."""
    form = "json" if as_json else report.lower() or "text"
    if form not in planning.FORMS:
        raise unknown(say("say.no_form", form=report))
    if state and state.upper() not in tuple(RunState):
        raise unknown(say("say.no_run_state", state=state, known=", ".join(RunState)))
    config = find(context, where)
    with by_hand.open_book(config) as book:
        if number or report or to:
            _one(book, number or "last", form, to)
            return
        found = book.runs(schedule=schedule, state=state.upper(), limit=limit + 1) if book else []
    told = [planning.run(one) for one in found[:limit]]
    if as_json:
        write({"runs": told, "more": len(found) > limit})
        return
    _table(told)
    if len(found) > limit:
        out.print(say("say.more", shown=limit), style="dim")


def _one(book: Any, number: str, form: str, to: Path | None) -> None:  # noqa: ANN401 - a ledger, or None where none is yet
    """The report of one run."""
    found = planning.of_number(book, number) if book else None
    if found is None:
        raise unknown(say("say.no_run_done") if number == "last" else say("say.no_run", number=number))
    if found.told is None and form != "json":
        why = f" ({say('why.' + found.why)})" if found.why else ""
        raise unknown(say("say.run_not_done", number=found.seq, state=say(f"run_state.{found.state}"), why=why))
    told = planning.run(found) | {"report": found.told}
    if to is not None:
        content = dumped(told) if form == "json" else planning.report(found, form, say).encode()
        to.write_bytes(content)
        err.print(say("say.written", path=escape(str(to))), highlight=False, soft_wrap=True)
    elif form == "json":
        write(told)
    else:
        out.print(planning.report(found, form, say), markup=False, highlight=False, soft_wrap=True, end="")


def add(main: typer.Typer) -> None:
    """Put both under the command."""
    main.add_typer(app, name="schedule")
    main.command(help=say("help.runs"))(runs)


def _table(told: list[dict[str, Any]]) -> None:
    """One line a run."""
    if not told:
        out.print(say("say.nothing"))
        return
    columns = ("number", "schedule", "planned", "how", "run_state", "flows", "pieces", "refused", "held", "lasted", "alerts", "mail")
    table = Table(*(say(f"column.{name}") for name in columns), box=None, padding=(0, 1))
    for one in told:
        totals = one["totals"]
        counts = [telling.number(totals[name], say) for name in ("flows", "pieces", "refused", "held")] if totals else [NONE] * 4
        took = telling.duration(one["duration_s"], say) if totals else NONE
        mail = say(f"mail.{one['mail']['state']}") if one["mail"] else NONE
        table.add_row(str(one["run"]), one["schedule"], telling.short_time(one["planned_at"]), say(f"how.{one['how']}"), _state(one), *counts, took, _alerts(one), mail)
    out.print(table)


def _state(one: dict[str, Any]) -> Text:
    why = f" ({say('why.' + one['why'])})" if one["why"] else ""
    return Text(f"{say('run_state.' + one['state'])}{why}", style=STYLE[one["state"]])


def _alerts(one: dict[str, Any]) -> Text:
    """What must be looked at, in a word each."""
    if not one["totals"]:
        return Text(NONE)
    words = [f"{a['partner']} ({say('arrival.' + a['what'])})" if "partner" in a else say("run." + a["what"]).lower() for a in one["alerts"]]
    return Text(", ".join(dict.fromkeys(words)), style="red", overflow="fold") if words else Text("✓", style="green")
