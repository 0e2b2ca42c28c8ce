"""Which rules of EN 16931 Factur-X repeats in other words, and on which documents that shows: docs/rules.md says each. Of its own rules nothing is excused."""

from flux.validators.en16931._model import decimal
from flux.validators.en16931.cii import BOUND, NAMES, RAM

ALWAYS = {"BR-17", "BR-65", "BR-CO-03", "BR-CO-11", "BR-CO-12", "BR-CO-15", "BR-CO-18", "CII-SR-464", "CII-SR-470", "CII-SR-471", "CII-SR-472"}
TRANSACTION = f"{{{NAMES['rsm']}}}SupplyChainTradeTransaction"
TAX = {f"{RAM}ApplicableTradeTax", f"{RAM}CategoryTradeTax"}
CATEGORIES = ("S", "Z", "E", "AE", "IC", "G", "O", "AF", "AG")
OF_VAT = {f"BR-{category}-{number:02d}" for category in CATEGORIES for number in range(1, 15)} | {"BR-47", "BR-48", "BR-CO-17"}
OF_BREAKDOWN = {"BR-45", "BR-46", "BR-47", "BR-48", "BR-CO-17", "BR-DEC-19", "BR-DEC-20"}
OF_CHARGES = {f"BR-{category}-{number:02d}" for category in CATEGORIES for number in (1, 3, 4, 6, 7, 8)}
OF_WORDS = {*BOUND.table.filled, *BOUND.table.filled_in_all, "BR-03", "BR-52", "BR-56", "BR-63", "BR-64"}


def otherwise(root, failures):
    """The rules of EN 16931 that may part on this document."""
    found = set(ALWAYS) | {failure.rule for failure in failures if one_unit(failure)}
    texts = [one.text for one in root.iter() if isinstance(one.tag, str) and not len(one)]
    if any(text and not text.strip() for text in texts):
        found |= OF_WORDS
    taxes = list(root.iter(*TAX))
    if any((one.findtext(f"{RAM}TypeCode") or "").upper() != "VAT" for one in taxes):
        found |= OF_VAT | OF_BREAKDOWN
    if any(one.findtext(f"{RAM}CategoryCode") in ("O", "L", "M") for one in taxes):
        found |= OF_BREAKDOWN
    if any(text in ("0", "1") for one in root.iter(f"{RAM}ChargeIndicator") for text in one.itertext()):
        found |= OF_CHARGES
    if len(list(root.iter(TRANSACTION))) > 1:  # of both together, where the sheet of EN 16931 stops
        found.add("BR-CO-10")
    return found


def one_unit(failure):
    """A sum of a category (-08) is more than what it is reckoned to be by exactly one unit, which Factur-X takes."""
    found, expected = (decimal(dict(failure.facts).get(name, "")) for name in ("found", "expected"))
    return failure.rule.endswith("-08") and None not in (found, expected) and found - expected == 1
