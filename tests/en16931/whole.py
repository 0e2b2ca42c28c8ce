"""A document that has everything a profile of Factur-X has a rule for, and for each rule one that breaks it in one place."""

from copy import deepcopy

from lxml import etree

from flux.tables import facturx
from flux.validators.en16931._bound import code_lists
from flux.validators.en16931._pattern import clark
from flux.validators.en16931.cii import NAMES

CURRENCIES = {"InvoiceCurrencyCode": "EUR", "[invoice]/@currencyID": "EUR", "TaxCurrencyCode": "USD", "[accounting]/@currencyID": "USD"}  # by the end of a place
ACCOUNTING = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement/ram:TaxCurrencyCode"  # without it no total is in that currency
ANYTHING, WRONG = "1", "?"


def whole(profile):
    """As bytes. The order of elements is that of the table, not of the schema: neither judge asks for it."""
    return etree.tostring(Whole(profile).root, encoding="UTF-8")


class Whole:
    """Each place of the table, of each kind, with a code of the list where it has one."""

    def __init__(self, profile):
        self.table = facturx.own(profile)
        self.root = etree.Element(clark("rsm:CrossIndustryInvoice", NAMES), nsmap=NAMES)
        self.at(ACCOUNTING)[0].text = "USD"
        for place, code in sorted(self._places(), key=lambda one: ("[" not in one[0], one[0])):
            element, attribute = self.at(place)
            if attribute and element.get(attribute, ANYTHING) == ANYTHING:
                element.set(attribute, code or ANYTHING)
            elif code and not attribute:
                element.text = code
        for element in self.root.iter():
            if not len(element) and not element.text:
                element.text = ANYTHING

    def broken(self):
        """Each row of its own rules: the rule, a place, and the document in which it is broken there, until the next is asked for."""
        table = self.table
        acts = [(table.one, not_once), (table.least, gone), (table.most, twice), (table.most_two, twice), (table.attributed, unsaid)]
        acts += [(rows, of_no_list) for rows in table.coded.values()]
        for rows, act in acts:
            for id_, places in rows.items():
                for place in places:
                    before, self.root = self.root, deepcopy(self.root)
                    act(*self.at(place))
                    yield id_, place, self.root
                    self.root = before

    def at(self, place):
        """The element that stands there, made where there is none, and the name of an attribute."""
        path, _, attribute = place.partition("/@")
        element = self.root
        for step in path.split("/"):
            element = self._inside(element, step)
        return element, attribute

    def _places(self):
        table = self.table
        for rows in (table.one, table.most, table.most_two, table.least, table.attributed):
            yield from ((place, "") for some in rows.values() for place in some)
        lists = {**code_lists(), **facturx.lists(), facturx.DECLARED: frozenset(table.declared)}
        for name, rows in table.coded.items():
            code = min(lists[name.split()[0]])
            yield from ((place, next((currency for end, currency in CURRENCIES.items() if place.endswith(end)), code)) for some in rows.values() for place in some)

    def _inside(self, element, step):
        """The child that this step names: made, of its kind, where there is none."""
        name, _, kind = step.rstrip("]").partition("[")
        for child in element.iterchildren(clark(name, NAMES)):
            if not kind or child.get(KIND) == kind:
                return child
        child = etree.SubElement(element, clark(name, NAMES))
        if kind:
            child.set(KIND, kind)
            become(child, facturx.variants()[name][kind])
        return child


KIND = "kind"  # an attribute that no rule asks for: which the element was made to be


def become(element, text):
    """What makes an element one of a kind; of a currency it is by its code."""
    where, _, wanted = text.partition(" = ")
    if not wanted or wanted.startswith("/"):
        return
    at, _, attribute = where.partition("@")
    for step in filter(None, at.split("/")):
        element = etree.SubElement(element, clark(step, NAMES))
    if attribute:
        element.set(attribute, wanted)
    else:
        element.text = wanted


def not_once(element, _):
    """Gone; twice where the element above is of its kind by it."""
    (twice if element.getparent().get(KIND) else gone)(element, _)


def gone(element, _):
    element.getparent().remove(element)


def twice(element, _):
    """Three times, so that it is too often where twice is not."""
    element.addnext(deepcopy(element))
    element.addnext(deepcopy(element))


def unsaid(element, attribute):
    """Beside it one that has no such attribute: what it is by that, the element above stays."""
    other = deepcopy(element)
    del other.attrib[attribute]
    element.addnext(other)


def of_no_list(element, attribute):
    """Not a code; a currency in each place where it stands, for an amount is of the invoice's by that."""
    value = element.get(attribute) if attribute else element.text
    if element.getparent().get(KIND) and not attribute:  # which is what it is by it: another beside
        element.addnext(other := deepcopy(element))
        element = other
    everywhere = element.getroottree().iter() if value in CURRENCIES.values() else (element,)
    for one in everywhere:
        if one.text == value:
            one.text = WRONG
        for name, given in one.attrib.items():
            if given == value:
                one.set(name, WRONG)
