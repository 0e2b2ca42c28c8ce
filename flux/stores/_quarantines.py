"""The book of quarantines, in SQL: lines are added, with their line in the journal, and never changed."""

from datetime import date

from sqlalchemy import insert, select

from flux.model import Event, Severity
from flux.quarantine import Quarantine
from flux.stores import _schema as t
from flux.stores._chain import append
from flux.stores._writing import Writing
from flux.when import instant, moment


class Quarantines(Writing):
    """The part of the ledger that knows which rules are in quarantine."""

    def quarantine(self, line: Quarantine, event: Event) -> None:
        """Add a line to the book, and to the journal, in one transaction."""
        row = {
            "code": line.code, "partner": line.partner, "severity": line.to or "", "until": line.until.isoformat(), "reason": line.reason, "who": line.who,
            "at": moment(line.at),
        }  # fmt: skip
        with self._write() as connection:
            connection.execute(insert(t.quarantine), row)
            append(connection, [event])

    def quarantines(self) -> list[Quarantine]:
        """The book, in order."""
        with self._read() as connection:
            return [
                Quarantine(
                    r.code, r.partner, Severity(r.severity) if r.severity else None, date.fromisoformat(r.until), r.reason, r.who, instant(r.at), r.seq
                )
                for r in connection.execute(select(t.quarantine).order_by(t.quarantine.c.seq))
            ]  # fmt: skip
