"""``flux rules``: list, explain, coverage, test, diff. Reads what was typed, calls ``flux.rulebook``, shows what came back."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flux import rulebook
from flux.commands.desk import AsJson, Exit, out, say, unknown, write

app = typer.Typer(help=say("help.rules"), no_args_is_help=True, rich_markup_mode=None)
Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help=say("help.rules_files"))]


@app.command("list", help=say("help.rules_list"))
def list_(syntax: Annotated[str, typer.Option("--syntax", metavar="UBL|CII", help=say("help.rules_syntax"))] = "", *, as_json: AsJson = False) -> None:
    """The rules of EN 16931 and BR-FR-CPRO."""
    if syntax.upper() not in ("", "UBL", "CII"):
        raise unknown(say("say.no_syntax", found=syntax))
    rows = rulebook.listed(syntax.upper())
    if as_json:
        write({"rules": rows})
        return
    table = _table("rules.rule", "rules.official", "rules.syntaxes", "rules.terms", "rules.text")
    for row in rows:
        _add(table, row["rule"], say(f"rules.{row['official']}"), " ".join(row["syntaxes"]) or "—", " ".join(row["terms"]) or "—", row["text"][say.language])
    out.print(table)


@app.command(help=say("help.rules_explain"))
def explain(rule: Annotated[str, typer.Argument(metavar="RULE", help=say("help.rules_rule"))], *, as_json: AsJson = False) -> None:
    """One rule."""
    if (row := rulebook.explained(rule)) is None:
        raise unknown(say("say.no_rule", code=rule))
    if as_json:
        write(row)
        return
    out.print(f"[bold]{row['rule']}[/] {escape(row['text'][say.language])}", highlight=False, soft_wrap=True)
    out.print(f"  → {escape(row['fix'][say.language])}", highlight=False, soft_wrap=True)
    judged = " ".join(row["syntaxes"]) or say("rules.untested")
    facts = (
        ("set", _set(row["set"])), ("official", say(f"rules.{row['official']}")), ("terms", " ".join(row["terms"]) or "—"), ("syntaxes", judged),
        ("profiles", " ".join(row["profiles"]) or "—"), *((("held", " ".join(row["held"])),) if row["held"] else ()),
    )  # fmt: skip
    colon = " :" if say.language == "fr" else ":"
    for name, told in facts:
        out.print(f"  {say(f'rules.{name}')}{colon} {escape(told)}", highlight=False, soft_wrap=True)


@app.command(help=say("help.rules_coverage"))
def coverage(*, as_json: AsJson = False) -> None:
    """How many rules of each family are judged."""
    rows, sets, own = rulebook.coverage(), rulebook.sets(), rulebook.of_facturx()
    if as_json:
        write({"sets": sets, "families": rows, "facturx": own})
        return
    table = _table("rules.family", "rules.UBL", "rules.CII")
    for row in rows:
        _add(table, row["family"], str(row["UBL"]), str(row["CII"]))
    _add(table, say("rules.all"), str(sum(row["UBL"] for row in rows)), str(sum(row["CII"] for row in rows)))
    out.print(table)
    for one in sets:
        out.print(escape(_set(one)), highlight=False, soft_wrap=True, style="dim")
    table = _table("rules.profile", "rules.version", "rules.own", "rules.repeated", "rules.unjudged")
    for row in own:
        _add(table, *(str(cell) for cell in row.values()))
    out.print(table)


@app.command("test", help=say("help.rules_test"))
def unit_tests(files: Files, *, as_json: AsJson = False) -> None:
    """The official unit tests, test by test."""
    rows = list(rulebook.tested(files))
    _told(rows, ("file", "test", "rule", "expected", "got"), as_json=as_json)


@app.command(help=say("help.rules_diff"))
def diff(files: Files, *, carried: Annotated[bool, typer.Option("--carried", help=say("help.rules_carried"))] = False, as_json: AsJson = False) -> None:
    """Flux and the official sheets on the same documents."""
    rows = list(rulebook.compared(files, carried=carried))
    told = [row | {"only_flux": " ".join(row["only_flux"]), "only_official": " ".join(row["only_official"]), "trouble": row["trouble"] or ""} for row in rows]
    _told(rows if as_json else told, ("file", "sheet", "only_flux", "only_official", "trouble"), as_json=as_json)


def _told(rows: list[dict[str, Any]], columns: tuple[str, ...], *, as_json: bool) -> None:
    """What does not agree, and how much does. Ends with 0 when all do, else with 1."""
    other = [row for row in rows if not row["agrees"]]
    if as_json:
        write({"results": rows})
    else:
        if other:
            table = _table(*(f"rules.{name}" for name in columns))
            for row in other:
                _add(table, *(str(row[name]) for name in columns))
            out.print(table)
        out.print(say("say.rules_agree", count=len(rows) - len(other), of=len(rows)), highlight=False)
    raise typer.Exit(Exit.REFUSED if other else Exit.DONE)


def _set(one: dict[str, Any]) -> str:
    """A set of rules: identity, version, source, and since when it judges, or until when it did."""
    until = say("say.rules_until", until=one["until"]) if one["until"] else ""
    return say("say.rules_set", **{**one, "source": one["source"][say.language]}) + until


def _table(*heads: str) -> Table:
    return Table(*(say(head) for head in heads), box=None, padding=(0, 1))


def _add(table: Table, *cells: str) -> None:
    table.add_row(*(Text(cell, overflow="fold") for cell in cells))
