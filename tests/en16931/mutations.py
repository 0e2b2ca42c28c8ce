"""Documents changed at random, the same for the same number: what a differential test holds two judges to."""

import random
from copy import deepcopy
from decimal import Decimal, InvalidOperation

from lxml import etree

CODES = ("S", "Z", "E", "AE", "K", "G", "O", "L", "M", "B", "X", "VAT", "EUR", "USD", "FR", "IT", "XX", "380", "381", "30", "58", "1", "C62", "0009", "SEPA", "130", "true", "false", "")
SCALES = (Decimal(10), Decimal("0.1"), Decimal(-1), Decimal("1.001"), Decimal(0))
PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)


def parsed(content):
    return etree.fromstring(content, PARSER)


def elements(root):
    return [element for element in root.iter() if isinstance(element.tag, str) and element is not root]


def remove(luck, root):
    element = luck.choice(elements(root))
    element.getparent().remove(element)
    return f"remove {named(element)}"


def blank(luck, root):
    element = luck.choice([one for one in elements(root) if not len(one)])
    element.text = luck.choice(("", " ", None))
    return f"blank {named(element)}"


def repeat(luck, root):
    element = luck.choice(elements(root))
    element.addnext(deepcopy(element))
    return f"repeat {named(element)}"


def scale(luck, root):
    numbers = [one for one in elements(root) if is_number(one.text)]
    if not numbers:
        return "nothing"
    element = luck.choice(numbers)
    before = element.text
    value = Decimal(before.strip())
    element.text = format(value * luck.choice(SCALES) if luck.random() < 0.7 else value + luck.choice((Decimal("0.01"), Decimal("-0.01"), Decimal(1), Decimal("0.005"))), "f")
    return f"scale {named(element)} {before} -> {element.text}"


def swap(luck, root):
    """A short text becomes another, of the document or of CODES."""
    short = [one for one in elements(root) if not len(one) and one.text and len(one.text.strip()) <= 6]
    element = luck.choice(short)
    before, element.text = element.text, luck.choice(CODES) if luck.random() < 0.5 else luck.choice(short).text
    return f"swap {named(element)} {before} -> {element.text}"


def attribute(luck, root):
    """An attribute goes, or is another."""
    have = [one for one in elements(root) if one.attrib]
    if not have:
        return "nothing"
    element = luck.choice(have)
    name = luck.choice(list(element.attrib))
    if luck.random() < 0.5:
        del element.attrib[name]
        return f"attribute {named(element)} - {name}"
    element.set(name, luck.choice(CODES))
    return f"attribute {named(element)} {name} -> {element.get(name)}"


KINDS = (remove, remove, blank, repeat, scale, scale, swap, swap, attribute)


def mutated(content, number):
    """The document, changed in one to three places, and what was done to it."""
    luck = random.Random(number)  # noqa: S311 - luck that a number repeats
    root = parsed(content)
    done = [luck.choice(KINDS)(luck, root) for _ in range(luck.choice((1, 1, 1, 2, 3)))]
    return etree.tostring(root, encoding="UTF-8"), done


def is_number(text):
    try:
        return Decimal((text or "").strip()).is_finite() and (text or "").strip()[-1:].isdigit()
    except InvalidOperation:
        return False


def named(element):
    return element.getroottree().getpath(element) if element.getparent() is not None else etree.QName(element).localname
