"""The lines of an invoice: their numbers are read as columns, and each is told in its own line."""

from decimal import Decimal

import pytest
from test_parsers import BOTH, UBL, parsed


@BOTH
@pytest.mark.parametrize(("written", "field"), [("-2<", "quantity"), ("47.5<", "price"), (">95<", "net")])
def test_a_number_of_a_line_that_cannot_be_read_is_told_in_its_own_line(document, written, field):
    start, end = ("<cac:InvoiceLine>", "</Invoice>") if document is UBL else ("<ram:IncludedSupplyChainTradeLineItem>", "<ram:ApplicableHeaderTradeAgreement>")
    line = document[document.index(start) : document.index(end)]
    three = document.replace(line, line + line.replace(written, written.replace("5", "5,").replace("2", "2,")) + line)
    (finding,) = parsed(three).findings
    assert (finding.code, finding.field) == ("FLX-S20", f"lines[2].{field}")
    assert "[2]/" in finding.xpath
    assert parsed(three).piece.nets == (Decimal(95),) * (2 if field == "net" else 3)
    assert parsed(document.replace(line, line * 3)).findings == ()


def test_ten_thousand_lines_are_read_and_only_the_first_200_are_placed():
    line = UBL[UBL.index("<cac:InvoiceLine>") : UBL.index("</Invoice>")]
    long = parsed(UBL.replace(line, line * 10_000))
    assert (long.piece.line_count, len(long.piece.nets)) == (10_000, 10_000)
    assert sum(name.startswith("lines[") for name in long.where) == 200
    assert long.where["lines[200]"].xpath == "/Invoice/cac:InvoiceLine[200]"
