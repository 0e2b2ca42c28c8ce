"""Values that would be something else where they are pasted into an expression, a path or a template: they stay values."""

from datetime import date

import pytest
from lxml import etree
from rig import EXAMPLES

from flux import kit
from flux.owing import who
from flux.piece import Actor
from flux.policy import Brief, Policy
from flux.process import judge

BRIEF = Brief("", Policy(naming="free"), date(2026, 11, 25))
VALUES = ["'\"]|//*[", "{0}{x.__class__}", "%s%n", "../../x", "${jndi:x}", "<b>&amp;", "=cmd|' /C calc'!A0"]


@pytest.fixture(scope="module")
def whole():
    return kit.build()


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("pattern", ["03-*/*.xml", "04-*/*.xml", "16-*/*.xml"], ids=["UBL", "CII", "CPP mixte"])
def test_whatever_field_holds_it_a_value_is_read_as_it_is_and_breaks_nothing(whole, pattern, value):
    root = etree.fromstring(next(EXAMPLES.glob(pattern)).read_bytes())
    before = judge(1, "a.xml", etree.tostring(root), BRIEF, whole)
    leaves = [leaf for leaf in root.iter(etree.Element) if len(leaf) == 0 and (leaf.text or "").strip()]
    numbers = set()
    for leaf in leaves[:: max(1, len(leaves) // 25)] + [leaf for leaf in leaves if leaf.text == before[0].piece.number]:
        usual, leaf.text = leaf.text, value
        numbers |= {one.piece.number for one in judge(1, "a.xml", etree.tostring(root), BRIEF, whole) if one.piece}
        leaf.text = usual
    assert numbers == {value, *(one.piece.number for one in before)}


@pytest.mark.parametrize("value", [*VALUES, "a\0b", "a/b", "..", "\u202ex"])
def test_no_value_becomes_a_path(value):
    name = who(Actor("moe", value))
    assert set(name) <= set("-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    assert who(Actor("moe", "99913225100029")) == "moe-99913225100029"
