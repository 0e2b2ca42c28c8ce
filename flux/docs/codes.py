"""The pages of the codes and of the matrix."""

from collections.abc import Iterator, Mapping
from itertools import product

from flux import faults, tables
from flux.model import Stage
from flux.tables import Entry, Tables

CELLS = {"allowed": "✓", "forbidden": "✗", "not_applicable": "–"}


def codes() -> str:
    """Every code that a sender can be told, and every one that an operator can."""
    known = tables.load()
    return "\n".join((
        "# Every code", "",
        "Written by `make docs` from `flux/tables/catalogue/` and `flux/tables/faults.toml`. Codes are stable for ever. Official codes keep",
        "their name (G, S); ours are `FLX-` and a family: T naming and transport, A archive, X XML, S schema, C cadre and mode, P parties,",
        "M amounts, F market file, D duplicate, R structure directory, N statuses that recipients report,",
        "W life of a piece, L limit, E what the rules of EN 16931 need. Those rules and BR-FR-CPRO keep their ids: `flux rules list`, [rules.md](rules.md). An **error** refuses the piece (transport and archive: the flow); a **warning** is told and refuses",
        "nothing; `[severities]` in `flux.toml` changes which is which. Braces are filled with what was found.", "",
        *_findings(known),
        "## Trouble of ours (FLX-I)", "",
        "Never told to a sender: the flow is tried again, then held, and `flux show` prints this.", "",
        "| code | what | what it means | what to do |", "|---|---|---|---|",
        *(f"| `{code}` | {cell(row.what_en)}<br>*{cell(row.what_fr)}* | {cell(row.means_en)} | {cell(row.do_en)} |" for code, row in faults.table().items()),
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


def _findings(known: Tables) -> Iterator[str]:
    """One table a stage, in the order in which the stages are asked."""
    for stage in Stage:
        rows = {code: entry for code, entry in known.catalogue.items() if entry.stage is stage}
        if not rows:
            continue
        yield f"## Stage {stage.value}"
        yield from ("", "| code | | what it says | how to mend it | source |", "|---|---|---|---|---|")
        for code, entry in rows.items():
            said, fix = f"{cell(entry.fr)}<br>*{cell(entry.en)}*", f"{cell(entry.fix_fr)}<br>*{cell(entry.fix_en)}*"
            yield f"| `{code}` | {entry.severity.value} | {said} | {fix} | {cell(entry.source)} |"
        yield from _reasons(rows)
        yield ""


def _reasons(rows: Mapping[str, Entry]) -> Iterator[str]:
    """What {found} says in the codes that have reasons of their own."""
    told = [(code, said) for code, entry in rows.items() for said in entry.why.values()]
    if told:
        yield from ("", "What `{found}` says, where it is one of several reasons:", "", "| code | reason |", "|---|---|")
        yield from (f"| `{code}` | {cell(said.fr)}<br>*{cell(said.en)}* |" for code, said in told)


def cell(text: str) -> str:
    """A text as a cell of a Markdown table."""
    return text.replace("|", "\\|")
