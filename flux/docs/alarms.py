"""The page of the alarms: the runbook, drawn from their table and from the texts of their faults."""

from flux import tables
from flux.docs.codes import cell
from flux.faults import table


def alarms() -> str:
    """Each alarm: what it means, what to do, in both languages."""
    lines = [
        "# Alarms: the runbook", "",
        "Written by `make docs` from `flux/tables/alarms.toml` and `faults.toml`. What raises each one: `flux/alarms.py`. The same alarms are told by",
        "`flux health` (seen from outside: the daemon need not run), by `/health/ready` and by `flux_alarm` of `/metrics`, where `monitor` is set.", "",
        "A **red** alarm makes `/health/ready` answer 503 and `flux health` end with 1: flux does not do its work. Any other wants a person in the",
        "morning. `/health/live` answers 503 for `stalled` alone: what restarts a daemon asks there. Braces stand for what the alarm quotes.", "",
    ]  # fmt: skip
    texts = table()
    for name, row in tables.load().alarms.items():
        lines += [f"## `{name}`{': red' if row.red else ''}", "", f"{row.label.en}. *{row.label.fr}.*", "", "| code | what | what it means | what to do |", "|---|---|---|---|"]
        for code in row.faults:
            text = texts[code]
            lines.append(f"| {code} | {cell(text.what_en)}<br>*{cell(text.what_fr)}* | {cell(text.means_en)}<br>*{cell(text.means_fr)}* | {cell(text.do_en)}<br>*{cell(text.do_fr)}* |")
        lines.append("")
    return "\n".join(lines)
