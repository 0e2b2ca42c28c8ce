"""The page of the market file."""

from collections.abc import Iterator, Mapping

from flux import tables
from flux.tables.market import MarketField, Role

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
