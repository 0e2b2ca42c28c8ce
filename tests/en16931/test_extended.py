"""The rules of Factur-X EXTENDED that no row holds: an invoice in groups of lines that keeps them all, and what one change breaks."""

import pytest
from grouped import RATES, grouped
from mutations import parsed

from flux.tables import facturx
from flux.validators import en16931

OWN = facturx.own("extended")


def broken(content):
    return {failure.rule for failure in en16931.judge(parsed(content), "extended")} & OWN.ids


@pytest.mark.parametrize("category", RATES)
def test_an_invoice_in_groups_of_lines_keeps_every_rule_that_extended_has_of_its_own(category):
    assert broken(grouped(category)) == set()


SUMS = {"BR-FXEXT-S08b", "BR-FXEXT-S-08ini", "BR-FXEXT-S-08rev"}
TWINS = [
    (b"<ram:LineTotalAmount>350<", b"<ram:LineTotalAmount>350.07<", {"BR-FXEXT-CO-10"}),
    (b"<ram:LineTotalAmount>350<", b"<ram:LineTotalAmount>350.06<", set()),  # six lines, a cent each
    (b"AllowanceTotalAmount>10<", b"AllowanceTotalAmount>10.02<", {"BR-FXEXT-CO-11"}),
    (b"AllowanceTotalAmount>10<", b"AllowanceTotalAmount>10.01<", set()),
    (b"ChargeTotalAmount>25<", b"ChargeTotalAmount>25.03<", {"BR-FXEXT-CO-12"}),
    (b"ChargeTotalAmount>25<", b"ChargeTotalAmount>25.02<", set()),
    (b"TaxBasisTotalAmount>365<", b"TaxBasisTotalAmount>365.07<", {"BR-FXEXT-CO-13", "BR-FXEXT-CO-15"}),
    (b"TaxBasisTotalAmount>365<", b"TaxBasisTotalAmount>365.06<", set()),
    (b"DuePayableAmount>438<", b"DuePayableAmount>438.01<", {"BR-FXEXT-CO-16"}),
    (b"<ram:BasisAmount>365<", b"<ram:BasisAmount>365.07<", SUMS),
    (b"<ram:BasisAmount>365<", b"<ram:BasisAmount>365.06<", set()),
    (b"<ram:CalculatedAmount>73<", b"<ram:CalculatedAmount>73.07<", {"BR-FXEXT-S-09b"}),
    (b"<ram:CalculatedAmount>73<", b"<ram:CalculatedAmount>73.06<", set()),
    (b"<ram:ParentLineID>3<", b"<ram:ParentLineID>9<", {"BR-FXEXT-11", "BR-FXEXT-08"}),
    (b"<ram:LineStatusReasonCode>INFORMATION</ram:LineStatusReasonCode>", b"", {"BR-FXEXT-06", "BR-FXEXT-BR-26", "BR-FXEXT-CO-04"}),
    (b"<ram:LineTotalAmount>300<", b"<ram:LineTotalAmount>301<", {"BR-FXEXT-08"}),
    (b"<ram:LineTotalAmount>200</ram:LineTotalAmount>", b"", {"BR-FXEXT-08", "BR-FXEXT-12", "PEPPOL-EN16931-R008"}),
    (b"<ram:Content>Lot 2</ram:Content>", b"", {"BR-FXEXT-02"}),
    (b"<ram:Content>Situation n\xc2\xb0 4</ram:Content>", b"", {"BR-FXEXT-01"}),
    (b"MATERIAL", b"STONE", {"BR-FXEXT-04"}),
    (b"<ram:Description>Poids</ram:Description>", b"", {"BR-FXEXT-BR-54-1"}),
    (b"<ram:Value>granit</ram:Value>", b"", {"BR-FXEXT-BR-54-2"}),
    (b'schemeID="VA">FR12229900089', b'schemeID="FC">229900089', {"BR-FXEXT-03", "FX-SCH-A-000703"}),
    (b'format="102">20261126</udt:DateTimeString>\n    </ram:Occ', b'format="205">20261126</udt:DateTimeString>\n    </ram:Occ', {"BR-FXEXT-CII-DT-097a", "FX-SCH-A-000786"}),
    (b'format="102">20261126</udt:DateTimeString>\n    </ram:Occ', b'format="205">202611261530</udt:DateTimeString>\n    </ram:Occ', {"FX-SCH-A-000786"}),
    (b"<ram:SpecifiedTradePaymentTerms><ram:Description>Trente jours</ram:Description></ram:SpecifiedTradePaymentTerms>", b"", {"BR-CO-25"}),
]


@pytest.mark.parametrize(("before", "after", "expected"), TWINS)
def test_one_change_breaks_the_rule_that_it_is_about(before, after, expected):
    content = grouped()
    assert before in content
    assert broken(content.replace(before, after, 1)) == expected


def test_a_row_of_another_reason_of_exemption_is_kept_by_its_rate_alone():
    """One of both ways is enough (-08b): of 2017 by the rate, of 2026 by the reason too. That the second is not kept is a warning."""
    content = grouped("E")
    assert broken(content.replace("Exonéré".encode(), b"Franchise", 1)) == {"BR-FXEXT-E-08rev"}
    assert "BR-FXEXT-E-08rev" in OWN.light


def test_a_category_that_nothing_has_is_not_broken_down_and_one_that_a_line_has_is():
    content = grouped("Z")
    head, row, tail = content.partition(b"<ram:CategoryCode>Z</ram:CategoryCode>")
    assert {"BR-FXEXT-S-01"} <= broken(head + row.replace(b"Z", b"S") + tail)
    assert not {"BR-FXEXT-S-01", "BR-FXEXT-Z-01"} & broken(content)
