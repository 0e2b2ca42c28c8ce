"""The pages that are told from the tables and the settings: ``make docs`` writes them, a test keeps them current."""

import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path

from flux import config, faults, tables
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
        "M amounts, D duplicate, R structure directory, L limit. An **error** refuses the piece (transport and archive: the flow); a **warning** is told and refuses",
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


PAGES: dict[str, Callable[[], str]] = {"configuration.md": config.reference, "codes.md": codes, "cadres.md": matrix}


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
