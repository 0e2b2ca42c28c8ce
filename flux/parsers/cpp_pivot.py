"""CPPFacturePivot: the format in which Chorus Pro hands invoices to recipients, VAT under ``TVAs``. Several pieces in one document."""

from flux.model import Parsed
from flux.parsers import Parser, Source
from flux.parsers._cpp import read


def parse(source: Source) -> tuple[Parsed, ...]:
    """One Parsed a CPPFacturePivotUnitaire."""
    return read(source, "CPPFacturePivotUnitaire", "TVAs")


PARSER = Parser(syntax="CPP_PIVOT", roots={"CPPFacturePivot": "cpp-pivot"}, read=parse)
