"""``flux dossier``, ``act``, ``search``, ``synthesis``: where pieces stand, what is done with them, what waits for whom."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flux import doors, dossiers, export, folders
from flux.commands.desk import DAY, AsJson, Exit, Where, err, find, out, say, unknown, user, write
from flux.dossier import Act, Routing
from flux.endpoints import serving
from flux.model import Emission
from flux.piece import Actor, Party
from flux.rows import Asked
from flux.tables.life import ROLES

NONE = "—"
AsWhom = Annotated[str, typer.Option("--as", metavar="ROLE:ID", help=say("help.as"))]
Named = Annotated[str, typer.Argument(metavar="PIECE", help=say("help.piece_named"))]
To = Annotated[Path | None, typer.Option("--to", metavar="FILE", help=say("help.search_to"))]


def add(main: typer.Typer) -> None:
    """These commands, beside the others."""
    main.command("dossier", help=say("help.dossier"))(dossier)
    main.command("act", help=say("help.act"))(act)
    main.command("search", help=say("help.search"))(search)
    main.command("synthesis", help=say("help.synthesis"))(synthesis)
    main.command("clocks", help=say("help.clocks"))(clocks)


def dossier(context: typer.Context, named: Named, where: Where = "", *, as_json: AsJson = False) -> None:
    """The chain of pieces as a timeline, from any of them."""
    with doors.open_reader(find(context, where)) as ledger:
        told = dossiers.chain(ledger, named)
    if not told:
        raise unknown(say("say.no_piece", number=named))
    if as_json:
        write({"dossiers": told})
        return
    for one in told:
        _timeline(one)


def act(
    context: typer.Context,
    named: Named,
    verb: Annotated[str, typer.Argument(metavar="ACT", help=say("help.act_verb"))],
    as_whom: AsWhom,
    motive: Annotated[str, typer.Option(metavar="CODE", help=say("help.act_motive"))] = "",
    comment: Annotated[str, typer.Option(help=say("help.act_comment"))] = "",
    moe: Annotated[str, typer.Option(metavar="SIRET", help=say("help.act_routing"))] = "",
    moa: Annotated[str, typer.Option(metavar="SIRET", help=say("help.act_routing"))] = "",
    valideur: Annotated[str, typer.Option(metavar="SIRET", help=say("help.act_routing"))] = "",
    recipient: Annotated[str, typer.Option(metavar="SIRET", help=say("help.act_routing"))] = "",
    service: Annotated[str | None, typer.Option(metavar="CODE", help=say("help.act_routing"))] = None,
    engagement: Annotated[str | None, typer.Option(metavar="NUMBER", help=say("help.act_routing"))] = None,
    who: Annotated[str, typer.Option(metavar="NAME", help=say("help.act_who"))] = "",
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Do something with a piece, as one of its actors."""
    routing = Routing(_party(moe), _party(moa), _party(valideur), _party(recipient), service, engagement)
    asked = Act(verb, actor_of(as_whom), _clean(who or user()), motive, _clean(comment), None if routing == Routing() else routing)
    with doors.open_office(find(context, where)) as office:
        done = dossiers.act(office, named, asked, datetime.now(UTC))
    if as_json:
        write(done.told())
    elif done.several:
        err.print(escape(say("say.several_pieces", number=named, pieces=", ".join(done.several))), highlight=False, soft_wrap=True)
    elif done.refusal:
        text = Text(f"{done.refusal['code']} ", style="red")
        err.print(text.append(done.refusal["text"][say.language], style="default"), soft_wrap=True)
    elif done.standing:
        _stands(done.standing)
    raise typer.Exit(Exit.DONE if done.standing else Exit.UNUSABLE if done.several else Exit.REFUSED)


def search(
    context: typer.Context,
    number: Annotated[str, typer.Option(metavar="NUMBER", help=say("help.search_number"))] = "",
    in_dossier: Annotated[str, typer.Option("--dossier", metavar="NUMBER", help=say("help.search_dossier"))] = "",
    market: Annotated[str, typer.Option(metavar="NUMBER", help=say("help.search_market"))] = "",
    cadre: Annotated[str, typer.Option(metavar="A4", help=say("help.search_cadre"))] = "",
    status: Annotated[str, typer.Option(metavar="STATUS", help=say("help.search_status"))] = "",
    recipient: Annotated[str, typer.Option(metavar="SIRET", help=say("help.search_recipient"))] = "",
    service: Annotated[str, typer.Option(metavar="CODE", help=say("help.search_service"))] = "",
    supplier: Annotated[str, typer.Option(metavar="ID", help=say("help.search_supplier"))] = "",
    as_whom: Annotated[str, typer.Option("--actor", metavar="[ROLE:]ID", help=say("help.search_actor"))] = "",
    since: Annotated[datetime | None, typer.Option(formats=DAY, metavar="DAY", help=say("help.search_since"))] = None,
    until: Annotated[datetime | None, typer.Option(formats=DAY, metavar="DAY", help=say("help.search_until"))] = None,
    limit: Annotated[int, typer.Option(min=1, help=say("help.flows_limit"))] = 200,
    to: To = None,
    where: Where = "",
    *,
    open_: Annotated[bool, typer.Option("--open", help=say("help.search_open"))] = False,
    as_json: AsJson = False,
) -> None:
    """Accepted pieces by the criteria of Chorus Pro's own form."""
    role, _, id_ = as_whom.rpartition(":")
    asked = Asked(
        number=number, dossier=in_dossier, market=market, cadre=cadre, status=status, recipient=recipient, service=service, supplier=supplier,
        actor=id_, role=role, since=since.date() if since else None, until=until.date() if until else None, open=open_, limit=limit,
    )  # fmt: skip
    with doors.open_reader(find(context, where)) as ledger:
        _list(dossiers.found(ledger, asked), to, as_json=as_json)


def synthesis(
    context: typer.Context,
    as_whom: AsWhom,
    to: To = None,
    where: Where = "",
    *,
    old: Annotated[bool, typer.Option("--all", help=say("help.synthesis_all"))] = False,
    new: Annotated[bool, typer.Option("--new", help=say("help.synthesis_new"))] = False,
    as_json: AsJson = False,
) -> None:
    """What waits for an actor, and what he must know of."""
    config = find(context, where)

    def there(sent: Emission) -> bool:
        away = serving(config.endpoints, sent.target, sent.kind)  # what lies at an endpoint nobody looks at here: it may be there
        return away is not None or (folders.folder_of(config, sent.target) / sent.name).exists()

    with doors.open_reader(config) as ledger:
        told = dossiers.waiting(ledger, actor_of(as_whom), datetime.now(UTC), old=old, there=there if new else None)
        _list(told, to, as_json=as_json)


def clocks(
    context: typer.Context,
    within: Annotated[int, typer.Option(metavar="DAYS", help=say("help.clocks_within"))] = 7,
    as_whom: Annotated[str, typer.Option("--as", metavar="ROLE:ID", help=say("help.clocks_as"))] = "",
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """The delays that are past, or near their end."""
    config = find(context, where)
    with doors.open_reader(config) as ledger:
        told = dossiers.delays(ledger, config.payers, datetime.now(UTC), within=within, actor=actor_of(as_whom) if as_whom else None)
    if as_json:
        write({"clocks": told})
    elif not told:
        out.print(say("say.no_clock", days=within))
    else:
        table = Table(*(say(f"column.{name}") for name in ("due", "left", "clock", "number", "dossier", "next", "article")), box=None, padding=(0, 1))
        for row in told:
            style = "red" if row["left"] < 0 else "yellow" if row["left"] == 0 else ""
            cells = (row["due"], str(row["left"]), row["label"][say.language], row["number"], row["dossier"], f"{_role(row['binds']['role'])} {row['binds']['id']}", row["article"])
            table.add_row(*(Text(cell, overflow="fold") for cell in cells), style=style)
        out.print(table)


def actor_of(told: str) -> Actor:
    """ROLE:ID as an actor. Ends the command when it is not that."""
    role, colon, id_ = told.partition(":")
    if not colon or not id_ or role not in {*ROLES, "sous-traitant", "cotraitant"} - {"systeme"}:
        raise unknown(say("say.no_actor", told=told, roles=", ".join(role for role in ROLES if role != "systeme")))
    return Actor(role, id_)


def _clean(typed: str) -> str:
    """What was typed, as text: bytes that are none are shown escaped."""
    return typed.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _party(siret: str) -> Party | None:
    return Party("1", siret) if siret else None


def _list(told: Sequence[dict[str, Any]], to: Path | None, *, as_json: bool) -> None:
    if to is not None:
        export.write(told, to, say.language)
        err.print(say("say.exported", count=len(told), path=escape(str(to))), highlight=False, soft_wrap=True)
    elif as_json:
        write({"pieces": told})
    elif not told:
        out.print(say("say.nothing"))
    else:
        table = Table(*(say(f"column.{name}") for name in ("received", "number", "cadre", "dossier", "ttc", "state", "next")), box=None, padding=(0, 1))
        for one in told:
            total = f"{one['amounts']['ttc']} {one['currency'] or ''}" if one["amounts"]["ttc"] else NONE
            row = (one["moves"][0]["at"][:10], one["number"], one["cadre"] or NONE, one["dossier"], total, one["label"][say.language], _waits(one))
            table.add_row(*(Text(str(cell), overflow="fold") for cell in row))
        out.print(table)


def _timeline(told: dict[str, Any]) -> None:
    """One dossier: each piece with its steps, and what may come next."""
    out.print(f"[bold]{say('say.dossier', number=escape(told['dossier']), market=escape(told['pieces'][0]['market'] or NONE))}[/]", highlight=False)
    for one in told["pieces"]:
        total = f"{one['amounts']['ttc']} {one['currency'] or ''}" if one["amounts"]["ttc"] else NONE
        out.print(Text.assemble(("  ● ", "cyan"), (f"{one['cadre'] or NONE} {one['number']}", "bold"), f"  {total}  ", (one["piece"], "dim")))
        table = Table(box=None, show_header=False, padding=(0, 1, 0, 4))
        for step in one["moves"]:
            why = " : ".join(filter(None, (step["motive"], step["comment"])))
            table.add_row(step["at"][:16].replace("T", " "), Text(step["label"][say.language]), f"{_role(step['role'])} ({step['who']})", Text(why, style="dim", overflow="fold"))
        out.print(table)
        _stands(one, indent=6)


def _stands(one: dict[str, Any], indent: int = 0) -> None:
    """Where a piece stands, who must act, what may be done."""
    lines = [say("say.stands", number=one["number"], label=one["label"][say.language], waits=_waits(one))]
    if one["may"]:
        lines.append(say("say.may", acts=", ".join(f"{row['act']} ({_role(row['role'])})" for row in one["may"])))
    if one["next"]:
        lines.append(say("say.may_follow", cadres=", ".join(f"{row['cadre']} ({_role(row['role'])})" for row in one["next"])))
    for line in lines:
        out.print(Padding(Text(line, style="dim" if indent else "", overflow="fold"), (0, 0, 0, indent)))


def _waits(one: dict[str, Any]) -> str:
    return f"{_role(one['waits']['role'])} {one['waits']['id']}" if one["waits"] else NONE


def _role(role: str) -> str:
    return say(f"role.{role}")
