"""A run as plain text: what the console shows, and what a mail says to who reads no HTML. Pure."""

from collections.abc import Iterable, Sequence

from flux.runs.telling import Report
from flux.words import Words

GAP = "  "


def text(told: Report, say: Words) -> str:
    """The report in lines of plain text."""
    lines = [told.title, told.headline, ""]
    lines += [f"! {alert}" for alert in told.alerts] or [say("run.nothing")]
    lines += ["", *_table([(name, value) for name, value in told.facts])]
    lines += ["", say("run.against").upper(), told.usual]
    head = ("", say("run.now"), say("run.usual"), "")
    lines += _table([head, *((f.name, f.now, f.usual, f.differs) for f in told.figures)], right={1, 2, 3})
    lines += ["", say("run.partners").upper()]
    columns = tuple(say(f"run.{name}") for name in ("partner", "flows", "pieces", "accepted", "refused", "held", "sent_head", "arrival"))
    rows = [(p.name, p.flows, p.pieces, p.accepted, p.refused, p.held, f"{p.sent}, {p.when}" if p.when else p.sent, p.arrival) for p in told.partners]
    lines += _table([columns, *rows], right={1, 2, 3, 4, 5})
    if told.causes:
        lines += ["", say("run.causes").upper(), *_table([(c.code, c.count, c.label, c.partners) for c in told.causes])]
    if told.held:
        lines += ["", say("run.held_flows").upper()]
        lines += [line for h in told.held for line in (f"{h.flow}{GAP}{h.partner}{GAP}{h.file}", f"{GAP}{h.reason}")]
    return "\n".join([*lines, "", told.foot, ""])


def _table(rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Columns as wide as what is in them; *right*: those of figures."""
    ends = set(right)
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [GAP.join(cell.rjust(w) if n in ends else cell.ljust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows]
