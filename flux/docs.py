"""The pages that are told from the tables and the settings: ``make docs`` writes them, a test keeps them current."""

import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path

from flux import config, faults, tables
from flux.model import Stage
from flux.tables import Entry, MarketField, Role, Tables

CELLS = {"allowed": "✓", "forbidden": "✗", "not_applicable": "–"}


def codes() -> str:
    """Every code that a sender can be told, and every one that an operator can."""
    known = tables.load()
    return "\n".join((
        "# Every code", "",
        "Written by `make docs` from `flux/tables/catalogue/` and `flux/tables/faults.toml`. Codes are stable for ever. Official codes keep",
        "their name (G, S); ours are `FLX-` and a family: T naming and transport, A archive, X XML, S schema, C cadre and mode, P parties,",
        "M amounts, F market file, D duplicate, L limit. An **error** refuses the piece (transport and archive: the flow); a **warning** is told and refuses",
        "nothing; `[severities]` in `flux.toml` changes which is which. Braces are filled with what was found.", "",
        *_findings(known),
        "## Trouble of ours (FLX-I)", "",
        "Never told to a sender: the flow is tried again, then held, and `flux show` prints this.", "",
        "| code | what | what it means | what to do |", "|---|---|---|---|",
        *(f"| `{code}` | {_cell(row.what_en)}<br>*{_cell(row.what_fr)}* | {_cell(row.means_en)} | {_cell(row.do_en)} |" for code, row in faults.table().items()),
        "",
    ))  # fmt: skip


def matrix() -> str:
    """The cadre × mode matrix, and what becomes of the cadres that are not works."""
    known = tables.load()
    modes = tuple(product(tables.MODES, tables.DEPOSITS))
    return "\n".join((
        "# Cadres de facturation", "",
        "Written by `make docs` from `flux/tables/matrix.toml`, which the rules read. ✓ allowed, ✗ forbidden, – not applicable.", "",
        "| cadre | document | deposited by | acts next | " + " | ".join(f"{mode}, {deposit}" for mode, deposit in modes) + " |",
        "|---|---|---|---|" + "---|" * len(modes),
        *(
            f"| **{cadre}** | {row.label.fr} | {row.depositor} | {row.next} | "
            + " | ".join(CELLS[row.cell(mode, deposit)] for mode, deposit in modes) + " |"
            for cadre, row in known.works.items()
        ),
        "", "An accepted piece goes to who acts next. A valideur who is not named leaves the piece to the MOE. In A4, A7 and A22 the MOE may",
        "stand in the valideur's place (local: AIFE's example P74).", "",
        "## Not works", "", "| cadre | document | what becomes of it |", "|---|---|---|",
        *(f"| **{cadre}** | {row.label.fr} | {f'refused: {row.why.en}' if row.why else 'the partner’s setting `non_works`: to the recipient, or refused'} |" for cadre, row in known.others.items()),
        "",
    ))  # fmt: skip


_MARKET_EXAMPLE = """[[market]]
number = "2026-MT-0042"
label = "RD 914 : reprise de chaussée"
notified = 2026-01-15
ccag = "2021"
engagements = ["EJ-2026-00388"]

[[market.actor]]
role = "titulaire"
id = "99912040500017"
name = "BATIPRO Construction"

[[market.actor]]
role = "moe"
id = "99913225100029"
name = "Ingénierie des Rives"

[[market.actor]]
role = "moa"
id = "22990008900017"
name = "Département de la Haute-Lisse"

[[market.actor]]
role = "service_financier"
id = "22990008900017"
services = ["ROUTES-TRAVAUX"]
"""


def market() -> str:
    """The market file: its fields and roles, as reader, template and rules have them."""
    told = tables.load().market
    return "\n".join((
        "# The market file (Fiche d'Identité du Marché)", "",
        "Written by `make docs` from `flux/tables/market.toml`, which reader, template and rules read. Who does what in a *marché*: a piece that",
        "names its number is completed by it, and held to it ([codes](codes.md), FLX-F). What the file does not say is held against nobody.", "",
        "Two forms, with the same fields. **XLSX**: `flux market template FILE.xlsx` writes the workbook to fill, one market each. **TOML**:", "",
        "```toml", _MARKET_EXAMPLE.rstrip("\n"), "```", "",
        "In TOML the fields of an actor stand in `[[market.actor]]`, `engagements` in the market, `services` and `cadres` as lists in the actor. The",
        'short form names MOE and MOA alone (`moe = { id = "…" }`, `moa = { id = "…" }`); then no supplier is held to be a stranger.', "",
        *(line for sheet, fields in told.fields.items() for line in _market_fields(f"{told.sheets[sheet].fr} / {told.sheets[sheet].en}", fields)),
        "## Roles", "", "| role | in French | in English | how many | deposits, when its row names no cadre |", "|---|---|---|---|---|",
        *(
            f"| `{name}` | {role.fr} | {role.en} | {_how_many(role)} | {', '.join(_deposited(role)) or '–'} |"
            for name, role in told.roles.items()
        ), "",
        "Who may be named as the valideur, and, where the piece names nobody, is: the first that the market has.", "",
        "| cadre | roles |", "|---|---|",
        *(f"| {cadre} | {', '.join(f'`{role}`' for role in (*roles, 'valideur'))} |" for cadre, roles in told.valideurs.items()), "",
    ))  # fmt: skip


def _market_fields(title: str, fields: Mapping[str, MarketField]) -> Iterator[str]:
    yield from (f"## {title}", "", "| field | in French, in English | | what it is for |", "|---|---|---|---|")
    for name, field in fields.items():
        notes = ["needed"] if field.needed else []
        notes += [f"one of {', '.join(field.choices)}"] if field.choices else []
        notes += [f"at most {field.most} characters"] if field.most else []
        notes += [f"{field.columns} columns in XLSX"] if field.columns > 1 else []
        yield f"| `{name}` | {field.fr}<br>*{field.en}* | {'; '.join(notes)} | {field.help_fr}<br>*{field.help_en}* |"
    yield ""


def _how_many(role: Role) -> str:
    return "any number" if not role.most else str(role.least) if role.least == role.most else f"at most {role.most}"


def _deposited(role: Role) -> list[str]:
    return [cadre for cadre, row in tables.load().works.items() if row.depositor in role.deposits]


PAGES: dict[str, Callable[[], str]] = {"configuration.md": config.reference, "codes.md": codes, "cadres.md": matrix, "market.md": market}


def write(folder: Path) -> None:
    """Write every generated page into *folder*."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), "utf-8")


def _findings(known: Tables) -> Iterator[str]:
    """One table a stage, in the order in which the stages are asked."""
    for stage in Stage:
        rows = {code: entry for code, entry in known.catalogue.items() if entry.stage is stage}
        if not rows:
            continue
        yield f"## Stage {stage.value}"
        yield from ("", "| code | | what it says | how to mend it | source |", "|---|---|---|---|---|")
        for code, entry in rows.items():
            said, fix = f"{_cell(entry.fr)}<br>*{_cell(entry.en)}*", f"{_cell(entry.fix_fr)}<br>*{_cell(entry.fix_en)}*"
            yield f"| `{code}` | {entry.severity.value} | {said} | {fix} | {_cell(entry.source)} |"
        yield from _reasons(rows)
        yield ""


def _reasons(rows: Mapping[str, Entry]) -> Iterator[str]:
    """What {found} says in the codes that have reasons of their own."""
    told = [(code, said) for code, entry in rows.items() for said in entry.why.values()]
    if told:
        yield from ("", "What `{found}` says, where it is one of several reasons:", "", "| code | reason |", "|---|---|")
        yield from (f"| `{code}` | {_cell(said.fr)}<br>*{_cell(said.en)}* |" for code, said in told)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs"))
