"""
``flux``, the command. Reads what was typed, calls ``app``, shows what came back; exit codes are an interface (README).

Tables go to the standard output, everything said in passing to the standard error.
"""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from flux import __version__, app, asking, config, daemon, doors, folders, screen
from flux.commands import (
    again,
    audit,
    backup,
    causes,
    deposit,
    directory,
    dossier,
    endpoints,
    market,
    replay,
    retention,
    rule,
    rulebook,
    running,
    runs,
)
from flux.commands.desk import DAY, AsJson, Exit, Where, err, find, out, say, unknown, write
from flux.faults import Fault
from flux.rows import FlowRow
from flux.supervisor import Supervisor

CANDIDATES = 5  # flows named when a part of an id means several


class _Told(TyperGroup):
    """Every command, and what it prints, under one net for trouble of ours; what is printed while the words are read, as --help, too."""

    def make_context(self, *given: Any, **rest: Any) -> Any:  # noqa: ANN401 - as TyperGroup
        with _told_faults():
            return super().make_context(*given, **rest)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as TyperGroup
        with _told_faults():
            return super().invoke(ctx)


main = typer.Typer(cls=_Told, help=say("help.flux"), no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@main.callback(invoke_without_command=True)
def flux(
    context: typer.Context, where: Where = "", *, version: Annotated[bool, typer.Option("--version", help=say("help.version"))] = False
) -> None:
    """Take the options that stand before the command."""
    context.obj = where
    if version:
        out.print(f"flux {__version__}", highlight=False)
        raise typer.Exit(Exit.DONE)


@main.command(help=say("help.init"))
def init(folder: Annotated[Path, typer.Argument(metavar="[DIR]", help=say("help.init_dir"))] = Path()) -> None:
    """Write the starter files; what exists is never touched."""
    made = app.init(folder)
    out.print(say("say.made", root=made.root, inbox=made.inbox_of(made.partners[0])), highlight=False, soft_wrap=True)


@main.command(help=say("help.run"))
def run(context: typer.Context, where: Where = "") -> None:
    """Run the daemon."""
    daemon.run(find(context, where), lambda: find(context, where), Supervisor(config.environment("NOTIFY_SOCKET")))


@main.command(help=say("help.once"))
def once(context: typer.Context, where: Where = "") -> None:
    """One pass."""
    with err.status(say("say.working")) if err.is_terminal else _quiet():
        done = app.once(find(context, where))
    said = say("say.once", handled=done.handled, refused=done.refused, held=done.held, due=done.due, undelivered=done.undelivered)
    err.print(said, highlight=False, soft_wrap=True)
    if done.lack:
        screen.fault(err, done.lack, say)
    screen.left(err, done.left, say)
    raise typer.Exit(Exit.DONE if done.clean else Exit.REFUSED)


@main.command(help=say("help.check"))
def check(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help=say("help.check_files"))],
    interface: Annotated[str, typer.Option(metavar="CODE", help=say("help.check_interface"))] = "",
    partner: Annotated[str, typer.Option(metavar="CODE", help=say("help.check_partner"))] = "",
    pack: Annotated[Path | None, typer.Option("--pack", metavar="FOLDER", help=say("help.replay_pack"))] = None,
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """The supplier's own pre-check. A configuration is used when there is one, and wanted when it or a partner is named."""
    with err.status(say("say.checking", count=len(files))) if err.is_terminal else _quiet():
        named = where or context.obj or partner
        path = config.find(where or context.obj)
        known = config.load(path) if named or path.exists() else None
        flows = asking.check(files, known, interface, partner, pack)
    if as_json:
        write({"flows": flows})
    else:
        screen.flows_whole(out, flows, say)
    states = {flow["state"] for flow in flows}
    if "NOT_EVALUATED" in states:
        raise typer.Exit(Exit.UNUSABLE)
    raise typer.Exit(Exit.DONE if states <= {"IN_INTEGRE"} else Exit.REFUSED)


@main.command(help=say("help.flows"))
def flows(
    context: typer.Context,
    partner: Annotated[str, typer.Option(metavar="CODE", help=say("help.flows_partner"))] = "",
    state: Annotated[str, typer.Option(metavar="STATE", help=say("help.flows_state"))] = "",
    on: Annotated[datetime | None, typer.Option("--on", "--date", formats=DAY, metavar="DAY", help=say("help.flows_on"))] = None,
    limit: Annotated[int, typer.Option(min=1, help=say("help.flows_limit"))] = 50,
    proof: Annotated[str, typer.Option(metavar="FLOW", help=say("help.flows_proof"))] = "",
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """The list of flows. In JSON each is told whole."""
    if proof:
        audit.written(find(context, where), proof, None, "")
        raise typer.Exit(Exit.DONE)
    if state and state.upper() not in screen.STATES:
        raise unknown(say("say.no_state", state=state, known=screen.states(say)))
    day: date | None = on.date() if on else None
    house = find(context, where)
    listed = asking.listed(house, whole=as_json, partner=partner, state=state.upper(), on=day, limit=limit)
    partners = [p.name for p in house.partners]
    if partner and not listed.rows and partner not in partners:
        err.print(escape(say("say.no_partner", partner=partner, known=", ".join(partners))), highlight=False, soft_wrap=True)
    if as_json:
        write({"flows": listed.told, "more": listed.more})
    elif listed.fresh:
        out.print(say("say.nothing_yet"))
    else:
        screen.flow_list(out, listed.rows, say, more=listed.more)


@main.command(help=say("help.show"))
def show(
    context: typer.Context, flow: Annotated[str, typer.Argument(metavar="FLOW", help=say("help.show_flow"))], where: Where = "", *, as_json: AsJson = False
) -> None:
    """One flow whole."""
    with doors.open_reader(find(context, where)) as ledger:
        row = ledger.flow(flow)
        if row is None:
            raise _no_flow(flow, ledger.alike(flow, CANDIDATES + 1))
        told = asking.tell(ledger, row)
    if as_json:
        write(told)
    else:
        screen.flow_whole(out, told, say)


@main.command(help=say("help.piece"))
def piece(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help=say("help.piece_number"))],
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """One piece across flows."""
    with doors.open_reader(find(context, where)) as ledger:
        met = asking.tell_pieces(ledger, number)
    if not met and not as_json:
        raise unknown(say("say.no_piece", number=number))
    if as_json:
        write({"pieces": met})
    else:
        screen.piece_list(out, met, say)


@main.command(help=say("help.matrix"))
def matrix(*, as_json: AsJson = False) -> None:
    """The matrix as it is applied: from the table that the rules read."""
    told = asking.matrix()
    if as_json:
        write(told)
    else:
        screen.matrix(out, told, say)


@main.command(help=say("help.doctor"))
def doctor(context: typer.Context, where: Where = "", *, as_json: AsJson = False) -> None:
    """Examine the installation."""
    lines = app.examine(config.find(where or context.obj))
    bad = sum(line.verdict == "bad" for line in lines)
    if as_json:
        write({"lines": [line.told() for line in lines]})
    else:
        screen.doctor(out, lines, say)
    raise typer.Exit(Exit.REFUSED if bad else Exit.DONE)


def _no_flow(part: str, alike: Sequence[FlowRow]) -> typer.Exit:
    """No flow is called so: none, or several."""
    if not alike:
        return unknown(say("say.no_flow", id=part))
    screen.several(err, part, alike[:CANDIDATES], say, more=len(alike) > CANDIDATES)
    return typer.Exit(Exit.UNUSABLE)


@contextmanager
def _told_faults() -> Iterator[None]:
    """Our trouble, told: what, what it means, what to do; never a traceback. A reader that goes away early is no trouble."""
    try:
        yield
    except Fault as fault:
        screen.fault(err, fault, say)
        raise typer.Exit(Exit.UNUSABLE) from fault
    except BrokenPipeError:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        raise
    except OSError as error:
        screen.fault(err, folders.refused(error), say)
        raise typer.Exit(Exit.UNUSABLE) from error


@contextmanager
def _quiet() -> Iterator[None]:
    yield


again.add(main)
audit.add(main)
backup.add(main)
causes.add(main)
deposit.add(main)
dossier.add(main)
main.command("endpoints", help=say("help.endpoints"))(endpoints.endpoints)
replay.add(main)
retention.add(main)
running.add(main)
main.add_typer(directory.app, name="directory")
main.add_typer(market.app, name="market")
main.add_typer(rule.app, name="rule")
main.add_typer(rulebook.app, name="rules")
runs.add(main)

if __name__ == "__main__":
    main()
