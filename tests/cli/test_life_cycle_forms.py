"""The form of the life cycle that a partner asks for, through the real program."""

import pytest
from lxml import etree
from rig import CONFIG, GOOD, REFUSED

RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"


@pytest.mark.parametrize(("form", "statut", "cdar"), [("cpp-statut", True, []), ("cdar", False, ["200", "203", "213"]), ("both", True, ["200", "203", "213"]), ("none", False, [])])
def test_a_deposit_comes_back_in_the_form_that_its_partner_asks_for(site, form, statut, cdar):
    site.configure(f'{CONFIG}lifecycle = "{form}"\n')
    site.drop(GOOD, REFUSED)
    done = site.flux("once")
    assert done.returncode == 0, done.stderr
    returns = site.outbox / "returns" / "batipro"
    messages = [etree.fromstring(path.read_bytes()) for path in returns.glob("CDAR_*.xml")]
    assert sorted(message.findtext(f".//{RAM}ProcessConditionCode") for message in messages) == cdar
    assert bool(list(returns.glob("FEN1201A_*.xml"))) == statut
    assert len(list(returns.glob("CSO*.xml"))) == 2, "the integration report comes whatever is asked"
