"""Rules about single terms and groups: the core of EN 16931-1 (BR-17 to BR-65), and those that say which terms go together (BR-CO)."""

from datetime import date

from flux.validators.en16931._model import Group, Invoice, UnreadableError
from flux.validators.en16931._rules import Rule

TRANSFERS = frozenset({"30", "58"})  # BT-81: credit transfer, SEPA credit transfer
SEPA = "SEPA"
MOST_CARD_DIGITS = 10


def price(invoice: Invoice, line: Group) -> None:
    """BR-27: the net price of an item (BT-146) is not negative."""
    net = line.number("BT-146")
    if net is None or (net < 0 and not any(value >= 0 for value in line.numbers("BT-146"))):
        invoice.fail("BR-27", line, found=line.first("BT-146") or "—")


def period(invoice: Invoice, group: Group) -> None:
    """BR-29, BR-CO-19: a period (BG-14) does not end before it begins, and says one of the two, or when VAT is due (BT-8)."""
    _in_order(invoice, group, "BR-29", "BT-73", "BT-74")
    if not group.terms.keys() & {"BT-73", "BT-74", "BT-8"}:
        invoice.fail("BR-CO-19", group)


def line_period(invoice: Invoice, group: Group) -> None:
    """BR-30, BR-CO-20: the same of the period of a line (BG-26)."""
    _in_order(invoice, group, "BR-30", "BT-134", "BT-135")
    if not group.terms.keys() & {"BT-134", "BT-135"}:
        invoice.fail("BR-CO-20", group)


def _in_order(invoice: Invoice, group: Group, rule: str, start: str, end: str) -> None:
    begins, ends = group.first(start), group.first(end)
    if begins is not None and ends is not None and _day(group, end, ends) < _day(group, start, begins):
        invoice.fail(rule, group, found=f"{begins.strip()} – {ends.strip()}")


def _day(group: Group, term: str, text: str) -> date:
    plain = text.strip()
    try:
        return date(int(plain[:4]), int(plain[5:7]), int(plain[8:10])) if plain[4:5] == "-" else date(int(plain[:4]), int(plain[4:6]), int(plain[6:8]))
    except ValueError:
        raise UnreadableError(group, term, text) from None


def card(invoice: Invoice, group: Group) -> None:
    """BR-51: of a card's number (BT-87) only the last digits are told."""
    found = " ".join((group.first("BT-87") or "").split())
    if len(found) > MOST_CARD_DIGITS:
        invoice.fail("BR-51", group, found=found)


def tax_currency(invoice: Invoice) -> None:
    """BR-53: with a currency of VAT accounting (BT-6) the total of VAT is told in it (BT-111)."""
    told = set(invoice.terms("vat_total", "currency"))
    if any(currency not in told for currency in invoice.root.terms.get("BT-6", ())):
        invoice.fail("BR-53", invoice.root)


def tax_point(invoice: Invoice) -> None:
    """BR-CO-03: the day on which VAT is due (BT-7) and the code for it (BT-8) exclude one another."""
    if "BT-7" in invoice.root.terms and any(True for _ in invoice.terms("BG-14", "BT-8")):
        invoice.fail("BR-CO-03", invoice.root)


RULES = (
    Rule(("BR-27",), price, "BG-25"),
    Rule(("BR-29", "BR-CO-19"), period, "BG-14", ("UBL",)),
    Rule(("BR-30", "BR-CO-20"), line_period, "BG-26", ("UBL",)),
    Rule(("BR-51",), card, "BG-18"),
    Rule(("BR-53",), tax_currency, "", ("UBL",)),
    Rule(("BR-CO-03",), tax_point, "", ("UBL",)),
)
