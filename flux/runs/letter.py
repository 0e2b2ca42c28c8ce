"""The report of a run as a mail: text and page, and the account as a file for programs. Pure: the same run gives the same message."""

from email.message import EmailMessage
from email.utils import format_datetime

import orjson

from flux.runs import telling
from flux.runs.book import Run
from flux.runs.page import page
from flux.runs.text import text
from flux.words import Words


def letter(run: Run, sender: str, to: tuple[str, ...], say: Words) -> EmailMessage:
    """The message. Its subject says whether the coffee can be drunk in peace; its Message-ID is the run's, whenever it is sent."""
    told = run.told or {}
    report = telling.report(told, say)
    message = EmailMessage()
    message["Subject"] = _subject(report, told, say)
    message["From"], message["To"] = sender, ", ".join(to)
    if run.ended_at:
        message["Date"] = format_datetime(run.ended_at)
    message["Message-ID"] = f"<run-{run.seq}-{run.planned:%Y%m%dT%H%M%S}@{told['installation'].lower()}.flux>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text(report, say))
    message.add_alternative(page(report, say), subtype="html")
    message.add_attachment(orjson.dumps(told, option=orjson.OPT_INDENT_2), maintype="application", subtype="json", filename=f"run-{run.seq}.json")
    return message


def _subject(report: telling.Report, told: dict[str, object], say: Words) -> str:
    count = len(report.alerts)
    end = say("run.subject_look", count=count) if count else say("run.subject_calm")
    return f"[{told['installation']}] {report.title} : {end}" if say.language == "fr" else f"[{told['installation']}] {report.title}: {end}"
