"""``flux deposit`` and ``flux certificate``: deposits in the modes service and portail, and what proves them. cli hands in its words and its streams."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import Struct
from msgspec.structs import asdict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flux import app, certificates, deposits, log, screen, tables
from flux.config import Config
from flux.deposits import Asked, Receipt
from flux.model import FlowVerdict
from flux.words import Words

DONE, REFUSED, UNUSABLE = 0, 1, 2  # as in cli.Exit
SIGNS = {True: "[green]✓[/]", False: "[red]✗[/]"}


class Desk(Struct, frozen=True):
    """What cli lends: the words in the reader's language, both streams, how a configuration is found, how JSON is written."""

    say: Words
    out: Console
    err: Console
    load: Callable[[typer.Context, str], Config]
    write: Callable[[Any], None]


def add(main: typer.Typer, desk: Desk) -> None:
    """Both families of commands."""
    say = desk.say
    main.command("deposit", help=say("help.deposit"))(_deposit(desk))
    sub = typer.Typer(help=say("help.certificate"), no_args_is_help=True, rich_markup_mode=None)
    sub.command("show", help=say("help.certificate_show"))(_show(desk))
    sub.command("verify", help=say("help.certificate_verify"))(_verify(desk))
    main.add_typer(sub, name="certificate")


def _deposit(desk: Desk) -> Callable[..., None]:
    say = desk.say

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
        where: Annotated[str, typer.Option("--config", metavar="PATH", help=say("help.config"))] = "",
        *,
        template: Annotated[bool, typer.Option("--template", help=say("help.deposit_template"))] = False,
        as_json: Annotated[bool, typer.Option("--json", help=say("help.json"))] = False,
    ) -> None:
        if template:
            desk.out.print(deposits.template(say), markup=False, highlight=False, soft_wrap=True, end="")
            raise typer.Exit(DONE)
        typed = [*(given or ()), f"number={number}", f"cadre={cadre}", f"previous={previous}"]
        known = deposits.read_data(data, [one for one in typed if not one.endswith("=")])
        files = tuple(map(deposits.read_file, attach or ()))
        asked = Asked(mode, deposits.read_depositor(depositor), known, deposits.read_file(file), files, partner, wait)
        raise typer.Exit(_deposited(desk, desk.load(context, where), asked, as_json=as_json))

    return deposit


def _deposited(desk: Desk, config: Config, asked: Asked, *, as_json: bool) -> int:
    """Deposit, show the receipt; gives the exit code."""
    log.configure(config.log_format, "warning")
    receipt = app.deposit(config, asked)
    if as_json:
        desk.write({**asdict(receipt), "accepted": receipt.accepted})
    else:
        _receipt(desk, receipt)
    if receipt.state == FlowVerdict.NOT_EVALUATED:
        return UNUSABLE
    return DONE if receipt.accepted else REFUSED


def _receipt(desk: Desk, receipt: Receipt) -> None:
    out, say, known = desk.out, desk.say, tables.load()
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
        desk.err.print(say("deposit.undecided", flow=receipt.flow, reason=reason).rstrip(), highlight=False, soft_wrap=True, markup=False)


def _show(desk: Desk) -> Callable[..., None]:
    say = desk.say

    def show(
        context: typer.Context,
        wanted: Annotated[str, typer.Argument(metavar="NUMBER|FLOW", help=say("help.certificate_wanted"))],
        pdf: Annotated[Path | None, typer.Option(metavar="FILE", help=say("help.certificate_pdf"))] = None,
        html: Annotated[Path | None, typer.Option(metavar="FILE", help=say("help.certificate_html"))] = None,
        where: Annotated[str, typer.Option("--config", metavar="PATH", help=say("help.config"))] = "",
        *,
        as_json: Annotated[bool, typer.Option("--json", help=say("help.json"))] = False,
    ) -> None:
        config = desk.load(context, where)
        issued = certificates.show(config, wanted, app.shelves)
        for form, path in (("pdf", pdf), ("html", html)):
            if path is not None:
                path.write_bytes(certificates.copy(config, wanted, form, app.shelves))
        if as_json:
            desk.write(certificates.told(issued))
        else:
            _issued(desk, issued)

    return show


def _issued(desk: Desk, issued: certificates.Issued) -> None:
    say = desk.say
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
    desk.out.print(table)
    screen.piece_table(desk.out, issued.pieces, say)


def _verify(desk: Desk) -> Callable[..., None]:
    say = desk.say

    def verify(
        context: typer.Context,
        given: Annotated[str, typer.Argument(metavar="FILE.pdf|NUMBER", help=say("help.certificate_given"))],
        document: Annotated[Path | None, typer.Option(metavar="FILE", help=say("help.certificate_document"))] = None,
        where: Annotated[str, typer.Option("--config", metavar="PATH", help=say("help.config"))] = "",
        *,
        as_json: Annotated[bool, typer.Option("--json", help=say("help.json"))] = False,
    ) -> None:
        proof = certificates.verify(desk.load(context, where), given, document, app.shelves)
        if as_json:
            told = {name: getattr(proof, name) for name in ("number", "intact", "as_issued", "document")}
            desk.write({**told, "true": proof.true, "issued": certificates.told(proof.issued) if proof.issued else None})
        else:
            _proof(desk, proof)
        raise typer.Exit(DONE if proof.true else REFUSED)

    return verify


def _proof(desk: Desk, proof: certificates.Proof) -> None:
    out, say = desk.out, desk.say
    if proof.issued is None:
        name = "not_issued" if proof.number else "no_number"
        out.print(f"{SIGNS[False]} {say(f'deposit.{name}', number=proof.number)}", highlight=False, soft_wrap=True)
        return
    checks = (("issued", True), ("intact", proof.intact), ("as_issued", proof.as_issued), ("the_document", proof.document))
    for name, holds in checks:
        if holds is not None:
            out.print(f"{SIGNS[holds]} {say(f'deposit.{name}' if holds else f'deposit.not_{name}')}", highlight=False, soft_wrap=True)
    _issued(desk, proof.issued)
