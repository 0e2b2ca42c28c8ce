"""``flux rule``: quarantine, release, list, pieces. Reads what was typed, calls ``flux.rules``, shows what came back."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flux import rules, tables
from flux.commands.desk import DAY, AsJson, Where, find, out, say, unknown, user, write
from flux.quarantine import Quarantine
from flux.when import day_of

NONE = "—"

app = typer.Typer(help=say("help.rule"), no_args_is_help=True, rich_markup_mode=None)
Code = Annotated[str, typer.Argument(metavar="CODE", help=say("help.rule_code"))]
Partner = Annotated[str, typer.Option(metavar="CODE", help=say("help.rule_partner"))]
By = Annotated[str, typer.Option("--by", metavar="NAME", help=say("help.rule_by"))]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help=say("help.rule_reason"))]


@app.command(help=say("help.rule_quarantine"))
def quarantine(
    context: typer.Context,
    code: Code,
    until: Annotated[datetime, typer.Option("--until", formats=DAY, metavar="DAY", help=say("help.rule_until"))],
    reason: Reason,
    by: By,
    partner: Partner = "",
    to: Annotated[str, typer.Option("--to", metavar="SEVERITY", help=say("help.rule_to"))] = "warning",
    where: Where = "",
) -> None:
    """Lower a rule."""
    if (severity := rules.severity(to)) is None:
        raise unknown(say("say.no_severity", found=to))
    line = Quarantine(_known(code), partner, severity, until.date(), reason.strip(), by.strip(), datetime.now(UTC))
    unchanged = rules.quarantine(find(context, where), line)
    told = say("say.quarantined", code=line.code, to=say(f"rule.{to}"), until=line.until, partner=_whom(partner), reason=line.reason.rstrip(". "))
    out.print(escape(told), highlight=False, soft_wrap=True)
    for name in unchanged:
        out.print(escape(say("say.no_change", code=line.code, partner=name)), highlight=False, soft_wrap=True)


@app.command(help=say("help.rule_release"))
def release(context: typer.Context, code: Code, by: By = "", reason: Reason = "", partner: Partner = "", where: Where = "") -> None:
    """Let a rule weigh again what it was written to."""
    code = _known(code)
    rules.release(find(context, where), code, partner, by.strip() or user(), reason.strip(), datetime.now(UTC))
    out.print(escape(say("say.released", code=code, partner=_whom(partner))), highlight=False, soft_wrap=True)


@app.command("list", help=say("help.rule_list"))
def list_(context: typer.Context, where: Where = "", *, as_json: AsJson = False) -> None:
    """The book of quarantines."""
    rows = rules.listed(find(context, where), day_of(datetime.now(UTC)))
    if as_json:
        write({"quarantines": rows})
        return
    if not rows:
        out.print(say("say.nothing"))
        return
    heads = ("cause.code", "rule.state", "rule.to", "rule.until", "cause.partner", "rule.reason", "rule.by", "rule.at")
    table = Table(*(say(head) for head in heads), box=None, padding=(0, 1))
    for row in rows:
        severity = say(f"rule.{row['severity']}") if row["severity"] else NONE
        cells = (row["code"], say(f"rule.{row['state']}"), severity, row["until"], row["partner"] or say("say.all_partners"))
        table.add_row(*(Text(cell, overflow="fold") for cell in (*cells, row["reason"], row["who"], row["at"][:16].replace("T", " "))))
    out.print(table)


@app.command(help=say("help.rule_pieces"))
def pieces(
    context: typer.Context,
    code: Code,
    partner: Partner = "",
    since: Annotated[datetime | None, typer.Option(formats=DAY, metavar="DAY", help=say("help.rule_since"))] = None,
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """The pieces that the rule alone refused."""
    code = _known(code)
    found = rules.pieces(find(context, where), code, partner, since.date() if since else None)
    if as_json:
        write({"code": code, "pieces": found})
        return
    if found:
        table = Table(*(say(head) for head in ("cause.last", "cause.piece", "cause.number", "cause.partner", "rule.accepted")), box=None, padding=(0, 1))
        for row in found:
            piece = f"{row['flow']}/{row['ordinal']}" if row["ordinal"] else row["flow"]
            cells = (row["at"][:19].replace("T", " "), piece, row["number"] or NONE, row["partner"], row["accepted"] or NONE)
            table.add_row(*(Text(cell, overflow="fold") for cell in cells))
        out.print(table)
    out.print(say("say.pieces_alone", count=len(found)), style="dim")


def _known(code: str) -> str:
    if code.upper() not in tables.load().catalogue:
        raise unknown(say("say.no_rule", code=code))
    return code.upper()


def _whom(partner: str) -> str:
    return partner or say("say.all_partners")
