"""CPPFactureMixte (FSO1113A): Chorus Pro's own mixed format, no namespace, VAT under ``TVAS``. Several pieces in one document."""

from flux.model import Parsed
from flux.parsers import Parser, Source
from flux.parsers._cpp import read


def parse(source: Source) -> tuple[Parsed, ...]:
    """One Parsed a CPPFactureMixteUnitaire."""
    return read(source, "CPPFactureMixteUnitaire", "TVAS")


PARSER = Parser(syntax="CPP_MIXTE", roots={"CPPFactureMixte": "cpp-mixte"}, read=parse)
