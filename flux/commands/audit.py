"""``flux audit`` and ``flux proof``: whether the ledger is what was written, and one flow as evidence that others can check."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import asdict
from rich.table import Table
from rich.text import Text

from flux import audit, doors, durable, proof
from flux.commands.desk import AsJson, Exit, Making, Where, find, out, say, unknown, write
from flux.config import Config
from flux.keeping import Audit

SIGNS = {True: "[green]✓[/]", False: "[bold red]✗[/]"}

sub = typer.Typer(help=say("help.audit"), no_args_is_help=True, rich_markup_mode=None)
proofs = typer.Typer(cls=Making, help=say("help.proof"), no_args_is_help=True, rich_markup_mode=None)


def add(main: typer.Typer) -> None:
    """These commands, beside the others."""
    main.add_typer(sub, name="audit")
    main.add_typer(proofs, name="proof")


@sub.command(help=say("help.audit_verify"))
def verify(
    context: typer.Context,
    head: Annotated[str, typer.Option(metavar="HASH", help=say("help.audit_head_kept"))] = "",
    where: Where = "",
    *,
    content: Annotated[bool, typer.Option("--content", help=say("help.audit_content"))] = False,
    as_json: AsJson = False,
) -> None:
    """Prove the journal, and the rows that it tells of."""
    with doors.custody(find(context, where), read_only=True) as (ledger, store):
        found = audit.verify(ledger, store, head, content=content)
    if as_json:
        write(audit.told(found))
    else:
        _shown(found)
    raise typer.Exit(Exit.DONE if found.sound else Exit.REFUSED)


@sub.command("head", help=say("help.audit_head"))
def show_head(
    context: typer.Context,
    since: Annotated[str, typer.Option(metavar="HASH", help=say("help.audit_since"))] = "",
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """The last line's number and hash, to be kept elsewhere."""
    with doors.custody(find(context, where), read_only=True) as (ledger, store):
        found = audit.verify(ledger, store, since, content=False) if since else None
        lines, hash_ = ledger.head()
    holds = found is None or (found.journal.broken is None and bool(found.known))
    if as_json:
        write({"lines": lines, "head": hash_ or None, "since": holds if since else None})
    else:
        out.print(f"{lines} {hash_ or '—'}", highlight=False, soft_wrap=True)
        if since:
            out.print(f"{SIGNS[holds]} {say('audit.known' if holds else 'audit.unknown', head=since)}", highlight=False, soft_wrap=True)
    raise typer.Exit(Exit.DONE if holds else Exit.REFUSED)


def _shown(found: Audit) -> None:
    journal = found.journal
    whole = journal.broken is None
    _say(whole and not journal.missing, say("audit.chain", lines=journal.lines, head=journal.head or "—"))
    if not whole:
        _say(False, say("audit.broken", line=journal.broken))
    if journal.missing:
        _say(False, say("audit.missing", flows=", ".join(journal.missing)))
    if found.known is not None:
        _say(found.known, say("audit.head_known" if found.known else "audit.head_unknown"))
    _say(not found.troubles, say("audit.rows", flows=found.flows))
    if found.contents is not None:
        _say(not any(one.table == "store" for one in found.troubles), say("audit.contents", contents=found.contents))
    if found.unsealed:
        out.print(say("audit.unsealed", flows=found.unsealed), highlight=False, soft_wrap=True)
    table = Table(box=None, show_header=False, padding=(0, 1))
    for one in found.troubles:
        line = say("audit.line", line=one.line) if one.line else ""
        table.add_row(Text(one.table, style="red"), Text(one.row, overflow="fold"), Text(say(f"audit.{one.why}"), overflow="fold"), line)
    if found.troubles:
        out.print(table)
    if found.more:
        out.print(say("audit.more", count=found.more))
    out.print(say("audit.sound" if found.sound else "audit.unsound"), style="green" if found.sound else "bold red")


def _say(holds: bool, sentence: str) -> None:
    out.print(f"{SIGNS[holds]} {sentence}", highlight=False, soft_wrap=True)


@proofs.command(help=say("help.proof_make"))
def make(
    context: typer.Context,
    flow: Annotated[str, typer.Argument(metavar="FLOW", help=say("help.show_flow"))],
    to: Annotated[Path | None, typer.Option("-o", "--to", metavar="FILE.zip", help=say("help.proof_to"))] = None,
    head: Annotated[str, typer.Option(metavar="HASH", help=say("help.proof_head"))] = "",
    where: Where = "",
) -> None:
    """One flow as evidence."""
    written(find(context, where), flow, to, head)


def written(config: Config, wanted: str, to: Path | None, head: str) -> None:
    """Write the proof of a flow, whole or not at all, and say where."""
    with doors.custody(config, read_only=True) as (ledger, store):
        row = ledger.flow(wanted)
        if row is None:
            raise unknown(say("say.no_flow", id=wanted))
        target = to or Path(f"{row.flow.id}.zip")
        with durable.whole(target) as file:
            head = proof.build(ledger, store, row, head, file, config.installation)
    out.print(say("proof.made", file=target, head=head), highlight=False, soft_wrap=True, markup=False)


@proofs.command("verify", help=say("help.proof_verify"))
def verify_proof(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help=say("help.proof_file"))],
    head: Annotated[str, typer.Option(metavar="HASH", help=say("help.audit_head_kept"))] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Whether a proof holds; no installation is needed."""
    found = proof.verify(file, head)
    if as_json:
        write({**asdict(found), "holds": not found.wrong})
    else:
        for what in found.wrong:
            _say(False, say("proof.wrong", what=what))
        if not found.wrong:
            _say(True, say("proof.holds", flow=found.flow, files=found.files, lines=found.lines))
            out.print(say("proof.up_to" if not head else "proof.up_to_yours", head=found.head), highlight=False, soft_wrap=True)
    raise typer.Exit(Exit.REFUSED if found.wrong else Exit.DONE)
