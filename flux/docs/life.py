"""The pages of the life of a piece: what may follow what, what may be done, the delays; with diagrams drawn from the tables."""


from flux import tables
from flux.docs.codes import cell
from flux.tables.clocks import Delay
from flux.tables.life import BEFORE, INITIAL, STAYS, Life, Next, Transition


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
        *(f"| {', '.join(link.after)} | **{link.cadre}** | {link.by} | {link.stage} | {_becomes(link.act)} | {_by_setting(link)}{link.source} |" for link in life.chain), "",
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


def _by_setting(link: Next) -> str:
    """What else must hold for a link of the chain."""
    setting = f"where `{link.setting}` is set; " if link.setting else ""
    return setting + (f"not before the delay `{link.not_before}` has passed (FLX-W18); " if link.not_before else "")


def _becomes(act: str) -> str:
    return next(row.to for row in tables.load().life.transitions if row.act == act)


def _arrows(life: Life) -> dict[tuple[str, str], str]:
    """From status to status, what leads there."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in life.transitions:
        for before in row.from_:
            if row.to not in (STAYS, INITIAL, BEFORE):
                found.setdefault((before, row.to), []).append(row.act)
        if row.then:
            found.setdefault((row.to, row.then), []).append("systeme")
    return {arrow: ", ".join(dict.fromkeys(acts)) for arrow, acts in found.items()}


def _leads(row: Transition) -> str:
    to = {STAYS: "stays", INITIAL: "its first status", BEFORE: "where it stood"}.get(row.to, row.to)
    return f"{to}, then {row.then}" if row.then else to


def _conditions(row: Transition) -> str:
    said = (
        f"cadre {', '.join(row.cadres)}" if row.cadres else "", f"motive {', '.join(row.motives)}" if row.motives else "",
        "a comment" if row.comment else "", "once" if row.once else "", "routing data" + (" only" if row.routing == "must" else " allowed") if row.routing else "",
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
        *(f"| {name} | {cell(row.source)} | {cell(row.local) or '–'} |" for name, row in known.delays.items()),
        "", "## Who pays", "", "A payer whose kind is not known is counted as the shortest: a warning comes early, and never late.", "",
        "| kind | who | days | article |", "|---|---|---|---|",
        *(f"| `{kind}` | {row.label.en}<br>*{row.label.fr}* | {row.days} | CCP {row.article} |" for kind, row in known.payers.items()),
        "", "## Holidays", "", f"{days} ({known.calendar.article}); {known.calendar.local}.", "",
    ))  # fmt: skip


def _scope(row: Delay) -> str:
    """What has this delay, and by which cadres."""
    cadres = f" {', '.join(row.cadres)}" if row.cadres else f" not {', '.join(row.without)}" if row.without else ""
    on = f"; by its {', '.join(row.on)}" if row.on else ""
    return f"{row.of}{cadres}{on}"


def _codes(codes: tuple[str, ...]) -> str:
    return ", ".join(f"`{code}`" for code in codes) or "–"
