"""``flux health`` and ``flux config``: how the installation is, and under what it runs."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from flux import config, daemon, starter
from flux.commands.desk import AsJson, Exit, Where, err, find, out, say, write

settings = typer.Typer(help=say("help.settings"), no_args_is_help=True)


def add(main: typer.Typer) -> None:
    """The commands of this room."""
    main.command(help=say("help.health"))(health)
    main.add_typer(settings, name="config")


def health(context: typer.Context, where: Where = "", *, as_json: AsJson = False) -> None:
    """The alarms that stand, seen from outside."""
    alarms = daemon.health(find(context, where))
    ready = not any(alarm.red for alarm in alarms)
    if as_json:
        write({"ready": ready, "alarms": [alarm.told() for alarm in alarms]})
    elif not alarms:
        out.print(say("say.healthy"), highlight=False)
    for alarm in () if as_json else alarms:
        what, means, do = map(escape, alarm.fault.told(say.language))
        out.print(f"[{'red' if alarm.red else 'yellow'}]●[/] {alarm.fault.code} {what}\n  {means}\n  → {do}", highlight=False, soft_wrap=True)
    raise typer.Exit(Exit.DONE if ready else Exit.REFUSED)


@settings.command("show", help=say("help.settings_show"))
def show(
    context: typer.Context,
    where: Where = "",
    *,
    changed: Annotated[bool, typer.Option("--changed", help=say("help.settings_changed"))] = False,
    as_json: AsJson = False,
) -> None:
    """Every setting that is in force, and which of them are not the default; no secret is among them."""
    told = starter.shown(find(context, where))
    if as_json:
        write(told)
        return
    for table in told["tables"]:
        rows = [row for row in table["settings"] if not (changed and row["default"])]
        if rows:
            out.print(f"[bold]{escape(table['table'])}[/]", highlight=False)
            _table(rows)


def _table(rows: list[dict[str, Any]]) -> None:
    wide = max(len(row["name"]) for row in rows)
    for row in rows:
        line = f"  {row['name']:<{wide}} = {escape(row['told'])}"
        out.print(f"[dim]{line}[/]" if row["default"] else line, highlight=False, soft_wrap=True)


@settings.command("check", help=say("help.settings_check"))
def check(context: typer.Context, where: Where = "") -> None:
    """Whether the daemon could go on under the file as it is now."""
    known = find(context, where)
    config.markets(known)
    err.print(say("say.settings_sound", path=known.root / config.FILE, count=len(known.partners)), highlight=False, soft_wrap=True)
