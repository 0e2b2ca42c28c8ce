"""``flux endpoints``: how each SFTP endpoint fares; a person's word that one may try again."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from flux import endpoints as ends
from flux.commands.desk import AsJson, Where, err, find, out, say, unknown, user, write
from flux.when import in_paris, instant

NONE = "—"
COLOURS = {"ok": "green", "trouble": "yellow", "held": "red", "new": "dim"}


def endpoints(
    context: typer.Context,
    release: Annotated[str, typer.Option("--release", metavar="NAME", help=say("help.endpoints_release"))] = "",
    who: Annotated[str, typer.Option(metavar="NAME", help=say("help.endpoints_who"))] = "",
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """State, last success, last trouble, keys of each."""
    config = find(context, where)
    if release:
        known = [end.name for end in config.endpoints]
        if release not in known:
            raise unknown(say("say.no_endpoint", endpoint=release, known=", ".join(known) or NONE))
        ends.release(config.spool, release, who or user(), datetime.now(UTC))
        err.print(Text(say("say.endpoint_released", endpoint=release)), soft_wrap=True)
    told = [ends.told(end, ends.known(config.spool, end.name)) for end in config.endpoints]
    if as_json:
        write({"endpoints": told})
    elif told:
        _shown(told)
    else:
        out.print(say("say.nothing"))


def _shown(told: list[dict[str, Any]]) -> None:
    table = Table(*(say(f"column.{name}") for name in ("endpoint", "direction", "server", "state", "since", "success", "moved")), box=None, padding=(0, 1))
    for row in told:
        way = f"{row['direction']} {row['partner'] or row['actor']}"
        state = Text(say(f"endpoint.{row['state']}"), style=COLOURS[row["state"]])
        table.add_row(Text(row["name"]), Text(way), Text(row["server"]), state, _at(row["since"]), _at(row["last_success"]), str(row["moved"]))
    out.print(table)
    for row in told:
        if row["state"] in ("trouble", "held") or row["left"]:
            _detailed(row)


def _detailed(row: dict[str, Any]) -> None:
    """What a person must know of one that is not well: its trouble, both keys, what lies there."""
    out.print(Text(f"\n{row['name']}", style="bold"))
    if row["state"] in ("trouble", "held") and row["trouble"]:
        out.print(Text(f"  {row['trouble']['code']} {row['trouble'][say.language]}"), soft_wrap=True)
        if row["next_try"]:
            out.print(Text(f"  {say('say.endpoint_next', at=_at(row['next_try']), failures=row['failures'])}"), soft_wrap=True)
    if row["host_keys"]["shown"]:
        out.print(Text(f"  {say('say.endpoint_pinned', keys=', '.join(row['host_keys']['pinned']))}"), soft_wrap=True)
        out.print(Text(f"  {say('say.endpoint_shown', keys=', '.join(row['host_keys']['shown']))}"), soft_wrap=True)
    for name, why in row["left"].items():
        out.print(Text(f"  {name}   {say(f'left.{why}')}"), soft_wrap=True)


def _at(at: str | None) -> str:
    return in_paris(instant(at)).strftime("%Y-%m-%d %H:%M:%S") if at else NONE
