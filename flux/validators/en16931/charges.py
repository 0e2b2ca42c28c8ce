"""Allowances and charges, of the document (group AC), of a line (LAC) and of a price (PAC): what each must say, and its reason."""

from flux.validators.en16931._bound import code_lists, in_cents
from flux.validators.en16931._model import Group, Invoice, UnreadableError
from flux.validators.en16931._rules import Rule

# By charge: the rules for amount, category, reason (two ids for one thing), decimals of the amount and of its base.
DOCUMENT = {False: ("BR-31", "BR-32", "BR-33", "BR-CO-21", "BR-DEC-01", "BR-DEC-02"), True: ("BR-36", "BR-37", "BR-38", "BR-CO-22", "BR-DEC-05", "BR-DEC-06")}
LINE = {False: ("BR-41", "", "BR-42", "BR-CO-23", "BR-DEC-24", "BR-DEC-25"), True: ("BR-43", "", "BR-44", "BR-CO-24", "BR-DEC-27", "BR-DEC-28")}
REASONS = {False: ("BR-CL-19", "allowance_reason"), True: ("BR-CL-20", "charge_reason")}
OF_DOCUMENT, OF_LINE = (tuple(id_ for ids in rules.values() for id_ in ids if id_) for rules in (DOCUMENT, LINE))


def allowance(invoice: Invoice, group: Group) -> None:
    """BR-31 to BR-38, BR-CO-21, BR-CO-22: an allowance or a charge of the document has an amount, a category of VAT and a reason."""
    if group.charge is not None:
        of_vat = any(one.vat and "code" in one.terms for one in group.inside("category"))
        _asked(invoice, group, DOCUMENT[group.charge], of_vat=of_vat)


def line_allowance(invoice: Invoice, group: Group) -> None:
    """BR-41 to BR-44, BR-CO-23, BR-CO-24: one of a line has an amount and a reason."""
    if group.charge is not None:
        _asked(invoice, group, LINE[group.charge], of_vat=True)


def _asked(invoice: Invoice, group: Group, rules: tuple[str, ...], *, of_vat: bool) -> None:
    amount, category, reason, again, cents, base = rules
    if "amount" not in group.terms:
        invoice.fail(amount, group)
    if not of_vat:
        invoice.fail(category, group)
    if not group.terms.keys() & {"reason", "reason_code"}:
        invoice.fail(reason, group)
        invoice.fail(again, group)
    for rule, term in ((cents, "amount"), (base, "base")):
        text = group.first(term)
        if text is not None and not in_cents(text):
            invoice.fail(rule, group, found=text)


def indicator(_invoice: Invoice, group: Group) -> None:
    """Which of the two it is can be read: true or false, 1 or 0."""
    said = group.first("indicator")
    if said is not None and group.charge is None:
        raise UnreadableError(group, "indicator", said)


def reason_code(invoice: Invoice, group: Group) -> None:
    """BR-CL-19, BR-CL-20: the code of the reason is one of the list."""
    if group.charge is not None:
        rule, codes = REASONS[group.charge]
        for code in group.terms.get("reason_code", ()):
            if code.strip() not in code_lists()[codes]:
                invoice.fail(rule, group, found=code.strip())


RULES = tuple(Rule((), indicator, name) for name in ("AC", "LAC", "PAC"))
