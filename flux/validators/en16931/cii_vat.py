"""The families of VAT as CII states them: those of ``vat``, with other bounds, and four steps that count and ask in their own way."""

from flux.validators.en16931._model import Group, Invoice
from flux.validators.en16931._rules import Rule
from flux.validators.en16931.vat import Family, View, any_rate, bases, no_rate, of, positive, rates, reasons, step_of, taxes, view, zero

FAMILIES = (
    Family("BR-S", "S", positive, exempt=False, taxed=True, schemed=False), Family("BR-Z", "Z", zero, exempt=False, loose=True, once=True, schemed=False, cast=True),
    Family("BR-E", "E", zero, exempt=True, loose=True, once=True), Family("BR-AE", "AE", zero, exempt=True, loose=True, once=True),
    Family("BR-IC", "K", zero, exempt=True, loose=True, once=True), Family("BR-G", "G", zero, exempt=True, loose=True, once=True),
    Family("BR-O", "O", no_rate, exempt=True, once=True, cast=True), Family("BR-AF", "L", positive, exempt=False, taxed=True),
    Family("BR-AG", "M", any_rate, exempt=False, taxed=True),
)  # fmt: skip


def breakdown_has_it(invoice: Invoice, known: View, family: Family) -> None:
    """-01: a category that lines, allowances or charges have is in the breakdown; one that stands there once is had by some. Of O only the latter."""
    code = family.code
    lines, charges, rows = ([one.code for one in groups].count(code) for groups in (known.classes, known.categories, known.breakdown))
    if family.once:
        kept = (rows == 1 and lines + charges > 0) or (rows == 0 and (code == "O" or lines + charges == 0))
    else:
        kept = all(count == 0 or count + rows > 1 for count in (lines, charges))
    if not kept:
        invoice.fail(f"{family.prefix}-01", invoice.root)


def identified(invoice: Invoice, known: View, family: Family) -> None:
    """-02 to -04: lines, allowances and charges of the category want the VAT identifiers of those who owe or recover it; those of O want none."""
    if known.vouched(family.code):
        return
    charges = {one.parent.charge for one in of(known.of_charges, family.code) if one.parent}
    for number, there in (("02", any(of(known.classes, family.code))), ("03", False in charges), ("04", True in charges)):
        if there:
            invoice.fail(f"{family.prefix}-{number}", invoice.root)


def outside(invoice: Invoice) -> None:
    """BR-O-11 to BR-O-14: beside what is outside the scope of VAT no row, line, allowance or charge has another category."""
    known = view(invoice)
    if any(of(known.breakdown, "O")):
        for rules, groups in ((("BR-O-11", "BR-O-12"), [*known.breakdown, *known.classes]), (("BR-O-13", "BR-O-14"), known.categories)):
            if any(_other(one) for one in groups):
                for rule in rules:
                    invoice.fail(rule, invoice.root)


def _other(group: Group) -> bool:
    return any(code.strip() != "O" for code in group.terms.get("code", ()))


def intra_community(invoice: Invoice) -> None:
    """BR-IC-11, BR-IC-12: of an intra-community supply it is told when it was delivered, or over which period, and into which country."""
    if any(of(view(invoice).breakdown, "K")):
        period = any(group.terms.keys() & {"BT-73", "BT-74"} or len(group.element) for group in invoice.all("BG-14"))
        if not period and not any(True for _ in invoice.terms("BG-13", "BT-72")):
            invoice.fail("BR-IC-11", invoice.root)
        if not any(True for _ in invoice.terms("BG-15", "BT-80")):
            invoice.fail("BR-IC-12", invoice.root)


_STEPS = ((("01",), breakdown_has_it), (("02", "03", "04"), identified), (("05", "06", "07"), rates), (("10",), reasons))
_OF_ROWS = ((("08",), bases), (("09",), taxes))  # of AF and AG, for which the official rule always holds, nothing is asked

RULES = (
    *(step_of(family, numbers, step, "CII") for family in FAMILIES for numbers, step in (*_STEPS, *(() if family.code in "LM" else _OF_ROWS))),
    Rule(("BR-O-11", "BR-O-12", "BR-O-13", "BR-O-14"), outside, syntaxes=("CII",), category="O"),
    Rule(("BR-IC-11", "BR-IC-12"), intra_community, syntaxes=("CII",), category="K"),
)
