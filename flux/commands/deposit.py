"""``flux deposit`` and ``flux certificate``: deposits in the modes service and portail, and what proves them."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import asdict
from rich.table import Table
from rich.text import Text

from flux import app, certificates, deposits, doors, log, screen, tables
from flux.commands.desk import AsJson, Exit, Where, err, find, out, say, write
from flux.config import Config
from flux.deposits import Asked, Receipt
from flux.model import FlowVerdict

SIGNS = {True: "[green]✓[/]", False: "[red]✗[/]"}

sub = typer.Typer(help=say("help.certificate"), no_args_is_help=True, rich_markup_mode=None)


def add(main: typer.Typer) -> None:
    """Both families of commands."""
    main.command("deposit", help=say("help.deposit"))(deposit)
    main.add_typer(sub, name="certificate")


def deposit(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE.pdf", help=say("help.deposit_file"))] = None,
    data: Annotated[Path | None, typer.Option(metavar="DATA.toml", help=say("help.deposit_data"))] = None,
    mode: Annotated[str, typer.Option(metavar="service|portail", help=say("help.deposit_mode"))] = "",
    depositor: Annotated[str, typer.Option("--as", metavar="ROLE:ID", help=say("help.deposit_as"))] = "",
    partner: Annotated[str, typer.Option(metavar="CODE", help=say("help.deposit_partner"))] = "",
    attach: Annotated[list[Path] | None, typer.Option(metavar="FILE", help=say("help.deposit_attach"))] = None,
    number: Annotated[str, typer.Option(metavar="TEXT", help=say("datum.number"))] = "",
    cadre: Annotated[str, typer.Option(metavar="A15", help=say("datum.cadre"))] = "",
    previous: Annotated[str, typer.Option(metavar="NUMBER", help=say("datum.previous"))] = "",
    given: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=say("help.deposit_set"))] = None,
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=0, help=say("help.deposit_wait"))] = deposits.PATIENCE_S,
    where: Where = "",
    *,
    template: Annotated[bool, typer.Option("--template", help=say("help.deposit_template"))] = False,
    as_json: AsJson = False,
) -> None:
    """Deposit a PDF with its data, in the mode service or portail."""
    if template:
        out.print(deposits.template(say), markup=False, highlight=False, soft_wrap=True, end="")
        raise typer.Exit(Exit.DONE)
    typed = [*(given or ()), f"number={number}", f"cadre={cadre}", f"previous={previous}"]
    known = deposits.read_data(data, [one for one in typed if not one.endswith("=")])
    files = tuple(map(deposits.read_file, attach or ()))
    asked = Asked(mode, deposits.read_depositor(depositor), known, deposits.read_file(file), files, partner, wait)
    raise typer.Exit(_deposited(find(context, where), asked, as_json=as_json))


def _deposited(config: Config, asked: Asked, *, as_json: bool) -> int:
    """Deposit, show the receipt; gives the exit code."""
    log.configure(config.log_format, "warning")
    receipt = app.deposit(config, asked)
    if as_json:
        write({**asdict(receipt), "accepted": receipt.accepted})
    else:
        _receipt(receipt)
    if receipt.state == FlowVerdict.NOT_EVALUATED:
        return Exit.UNUSABLE
    return Exit.DONE if receipt.accepted else Exit.REFUSED


def _receipt(receipt: Receipt) -> None:
    known = tables.load()
    style = screen.STYLE[receipt.state]
    out.print(f"[{style}]{say(f'state.{receipt.state}')}[/]  {receipt.flow}", highlight=False, soft_wrap=True)
    if receipt.certificate:
        out.print(say("deposit.certificate", number=receipt.certificate), highlight=False, soft_wrap=True, markup=False)
    if receipt.carried:
        out.print(say("deposit.carried", fields=", ".join(getattr(known.field(name), say.language) for name in receipt.carried)), highlight=False, soft_wrap=True, markup=False)
    screen.finding_list(out, receipt.findings, say, indent=2)
    for piece in receipt.pieces:
        if piece["next_actor"]:
            out.print(say("deposit.next", role=say(f"role.{piece['next_actor']}"), id=piece["next_id"]), highlight=False, soft_wrap=True, markup=False)
    if receipt.state == FlowVerdict.NOT_EVALUATED:
        reason = f"{receipt.reason['code']} {receipt.reason[say.language]}" if receipt.reason else ""
        err.print(say("deposit.undecided", flow=receipt.flow, reason=reason).rstrip(), highlight=False, soft_wrap=True, markup=False)


@sub.command(help=say("help.certificate_show"))
def show(
    context: typer.Context,
    wanted: Annotated[str, typer.Argument(metavar="NUMBER|FLOW", help=say("help.certificate_wanted"))],
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", help=say("help.certificate_pdf"))] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help=say("help.certificate_html"))] = None,
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """What a certificate says, by the ledger."""
    config = find(context, where)
    issued = certificates.show(config, wanted, doors.shelves)
    for form, path in (("pdf", pdf), ("html", html)):
        if path is not None:
            path.write_bytes(certificates.copy(config, wanted, form, doors.shelves))
    if as_json:
        write(certificates.told(issued))
    else:
        _issued(issued)


def _issued(issued: certificates.Issued) -> None:
    rows = [
        ("number", issued.number), ("deposited", issued.deposited_at), ("mode", say(f"certificate.mode_{issued.mode}")),
        ("depositor", f"{issued.depositor['role']} {issued.depositor['id']}" if issued.depositor else ""), ("partner", issued.partner),
        ("flow", issued.flow), ("document", issued.sha256),
    ]  # fmt: skip
    table = Table(box=None, show_header=False, padding=(0, 1))
    for name, value in rows:
        if value:
            label = say("deposit.number") if name == "number" else say(f"certificate.{name}")
            table.add_row(label, Text(value, overflow="fold"))
    out.print(table)
    screen.piece_table(out, issued.pieces, say)


@sub.command(help=say("help.certificate_verify"))
def verify(
    context: typer.Context,
    given: Annotated[str, typer.Argument(metavar="FILE.pdf|NUMBER", help=say("help.certificate_given"))],
    document: Annotated[Path | None, typer.Option(metavar="FILE", help=say("help.certificate_document"))] = None,
    where: Where = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Whether this installation issued it, and for what."""
    proof = certificates.verify(find(context, where), given, document, doors.shelves)
    if as_json:
        told = {name: getattr(proof, name) for name in ("number", "intact", "as_issued", "document", "purged")}
        write({**told, "true": proof.true, "issued": certificates.told(proof.issued) if proof.issued else None})
    else:
        _proof(proof)
    raise typer.Exit(Exit.DONE if proof.true else Exit.REFUSED)


def _proof(proof: certificates.Proof) -> None:
    if proof.issued is None:
        name = "not_issued" if proof.number else "no_number"
        out.print(f"{SIGNS[False]} {say(f'deposit.{name}', number=proof.number)}", highlight=False, soft_wrap=True)
        return
    checks = (("issued", True), ("intact", None if proof.purged and not proof.intact else proof.intact), ("as_issued", proof.as_issued), ("the_document", proof.document))
    for name, holds in checks:
        if holds is not None:
            out.print(f"{SIGNS[holds]} {say(f'deposit.{name}' if holds else f'deposit.not_{name}')}", highlight=False, soft_wrap=True)
    if proof.purged:
        out.print(say("deposit.purged", at=proof.purged), highlight=False, soft_wrap=True, markup=False)
    _issued(proof.issued)
