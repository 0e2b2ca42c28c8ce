"""The pages that are told from the tables and the settings: ``make docs`` writes them, a test keeps them current."""

import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path

from flux import config, faults, tables
from flux.model import Stage
from flux.tables import Entry, Tables
from flux.tables.clocks import Delay
from flux.tables.life import INITIAL, STAYS, Life, Transition

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


def dossiers() -> str:
    """The life of a piece: statuses in every vocabulary, who may do what, what may follow what; with diagrams drawn from the tables."""
    life = tables.load().life
    return "\n".join((
        "# Dossiers and statuses", "",
        "Written by `make docs` from `flux/tables/statuses.toml`, `transitions.toml` and `chain.toml`, which the rules read. What is not here is",
        "refused (FLX-W02, FLX-W12). Marks: V official, M measured, S secondary, I inferred, local: ours, with its reason.", "",
        "## What may follow what", "",
        "```mermaid", "flowchart LR",
        *(f"    {before} -->|{link.by}| {link.cadre}" for link in life.chain for before in link.after), "```", "",
        "| on | may be deposited | by | stage | the piece before becomes | source |", "|---|---|---|---|---|---|",
        *(f"| {', '.join(link.after)} | **{link.cadre}** | {link.by} | {link.stage} | {_becomes(link.act)} | {link.source} |" for link in life.chain), "",
        "## What may be done", "",
        "```mermaid", "stateDiagram-v2",
        *(f"    {a} --> {b}: {label}" for (a, b), label in _arrows(life).items()), "```", "",
        "| act | by | from | leads to | then waits for | on condition | source |", "|---|---|---|---|---|---|---|",
        *(f"| `{row.act}` | {', '.join(row.by)} | {', '.join(row.from_)} | {_leads(row)} | {row.waits or 'nobody'} | {_conditions(row)} | {row.source} |" for row in life.transitions), "",
        "## Motives of a refusal", "",
        "| code | Chorus Pro's id | kind | label | CDAR |", "|---|---|---|---|---|",
        *(f"| `{code}` | {row.id or '—'} | {row.kind} | {row.label.fr} | {row.cdar} |" for code, row in life.motives.items()), "",
        "A motive of the kind *amount* refuses nothing: the answer is an état d'acompte with other figures (CCAG travaux, article 12.1.9; FLX-W06).", "",
        "## Statuses", "",
        "| API code | portal label | CPPStatut | CDAR | local |", "|---|---|---|---|---|",
        *(f"| `{code}` | {row.label.fr} | {' / '.join(dict.fromkeys(filter(None, (row.cpp, row.other))))} | {row.cdar} | {row.local} |" for code, row in life.statuses.items()), "",
        f"Known by name, and never reached here: {', '.join(f'`{code}`' for code in sorted(life.others))}.", "",
    ))  # fmt: skip


def _becomes(act: str) -> str:
    return next(row.to for row in tables.load().life.transitions if row.act == act)


def _arrows(life: Life) -> dict[tuple[str, str], str]:
    """From status to status, what leads there."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in life.transitions:
        for before in row.from_:
            if row.to not in (STAYS, INITIAL):
                found.setdefault((before, row.to), []).append(row.act)
        if row.then:
            found.setdefault((row.to, row.then), []).append("systeme")
    return {arrow: ", ".join(dict.fromkeys(acts)) for arrow, acts in found.items()}


def _leads(row: Transition) -> str:
    to = {STAYS: "stays", INITIAL: "its first status"}.get(row.to, row.to)
    return f"{to}, then {row.then}" if row.then else to


def _conditions(row: Transition) -> str:
    said = (
        f"cadre {', '.join(row.cadres)}" if row.cadres else "", f"motive {', '.join(row.motives)}" if row.motives else "",
        "a comment" if row.comment else "", "once" if row.once else "", "routing data only" if row.routing else "",
        "by the deposit of the next piece" if row.deposit else "",
    )  # fmt: skip
    return "; ".join(filter(None, said))



def clocks() -> str:
    """Every delay: how long, from what to what, whom it binds, and why."""
    known = tables.load().clocks
    days = ", ".join((*sorted(known.calendar.days), *(f"Easter + {after}" for after in sorted(known.calendar.easter))))
    return "\n".join((
        "# The clocks", "",
        "Written by `make docs` from `flux/tables/clocks.toml`, by which flux counts. Days are calendar days in Paris; the day of the event is not",
        "counted; a delay ends at midnight of its last day. Where it *rolls*, a last day that is a Saturday, a Sunday or a holiday goes to the next",
        "day on which somebody works. A suspension counts once in a delay: the completion opens a new one of the days under *restart*, or of the",
        "balance when that is longer (CCP R2192-29), so that nothing is ever shortened. Marks of the sources: V verified, S secondary, I inferred.", "",
        "| delay | days | of | starts | ends | stops | restart | rolls | binds | once it has passed | article |", "|---|---|---|---|---|---|---|---|---|---|---|",
        *(
            f"| **{name}**<br>{row.label.en}<br>*{row.label.fr}* | {row.days or 'the payer’s'} | {_scope(row)} | {_codes(row.starts)}"
            f"{f'<br>or `{row.after}` has passed' if row.after else ''} | {_codes((*row.ends, *row.acts))} | {_codes(row.stops)} | "
            f"{f'{row.restart} ({row.suspends})' if row.suspends else '–'} | {'yes' if row.rolls else 'no'} | {row.binds} | "
            f"{row.passes}{f': `{row.act}`' if row.act else ''} | {row.article} |"
            for name, row in known.delays.items()
        ),
        "", "## Where they come from", "", "| delay | source | what is ours in it |", "|---|---|---|",
        *(f"| {name} | {_cell(row.source)} | {_cell(row.local) or '–'} |" for name, row in known.delays.items()),
        "", "## Who pays", "", "A payer whose kind is not known is counted as the shortest: a warning comes early, and never late.", "",
        "| kind | who | days | article |", "|---|---|---|---|",
        *(f"| `{kind}` | {row.label.en}<br>*{row.label.fr}* | {row.days} | CCP {row.article} |" for kind, row in known.payers.items()),
        "", "## Holidays", "", f"{days} ({known.calendar.article}); {known.calendar.local}.", "",
    ))  # fmt: skip


PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": config.reference,
    "codes.md": codes,
    "cadres.md": matrix,
    "dossiers.md": dossiers,
    "clocks.md": clocks,
}


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


def _scope(row: Delay) -> str:
    """What has this delay, and by which cadres."""
    cadres = f" {', '.join(row.cadres)}" if row.cadres else f" not {', '.join(row.without)}" if row.without else ""
    on = f"; by its {', '.join(row.on)}" if row.on else ""
    return f"{row.of}{cadres}{on}"


def _codes(codes: tuple[str, ...]) -> str:
    return ", ".join(f"`{code}`" for code in codes) or "–"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs"))
