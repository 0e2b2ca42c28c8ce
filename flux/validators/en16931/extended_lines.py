"""The rules of Factur-X EXTENDED about its lines, which may be groups of lines and notes, and about single elements (BR-FXEXT)."""

import re
from decimal import Decimal

from flux.tables import facturx
from flux.validators.en16931._model import Invoice, decimal, rounded
from flux.validators.en16931._rules import Rule
from flux.validators.en16931.cii import NAMES, RAM
from flux.validators.en16931.extended import (
    CHARGE,
    CODE,
    DETAIL,
    GROUP,
    ID,
    INDICATOR,
    LINE,
    LINE_TAX,
    NET,
    PARENT,
    SCHEME,
    SETTLEMENT,
    STATUS,
    TRANSACTION,
    Element,
    along,
    breakdown,
    counts,
    fail,
    path,
    plain,
    texts,
    totals,
)

_INSTANT = re.compile(r"\s*\d{4}(1[0-2]|0[1-9])(3[01]|[12][0-9]|0[1-9])([01][0-9]|2[0-3])[0-5][0-9]\s*")
_DOCUMENT, _SAYS, _WORDS = path("AssociatedDocumentLineDocument"), path("ContentCode"), path("Content")
_QUANTITY, _PRICE = path("SpecifiedLineTradeDelivery/BilledQuantity"), path("SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount")


def a_line_to_be_paid(invoice: Invoice) -> None:
    """BR-FXEXT-BR-22, -23, -24, -26, -CO-04: a line that counts has quantity, unit, net amount, price and a category of VAT."""
    for line in along(invoice.root.element, (TRANSACTION, LINE)):
        if not along(line, _DOCUMENT) or not counts(line):
            continue
        taxes, quantities = along(line, LINE_TAX), along(line, _QUANTITY)
        kept = {
            "BR-22": bool(quantities), "BR-23": any(one.get("unitCode") is not None for one in quantities), "BR-24": bool(along(line, NET)),
            "BR-26": bool(along(line, _PRICE)), "CO-04": any("VAT" in texts(tax, SCHEME) for tax in taxes) and any(_of_vat(tax) for tax in taxes),
        }  # fmt: skip
        for rule, holds in kept.items():
            if not holds:
                fail(invoice, f"BR-FXEXT-{rule}", line)


def _of_vat(tax: Element) -> bool:
    return any(text.upper() == "VAT" for text in texts(tax, SCHEME)) and bool(along(tax, CODE))


def below_another(invoice: Invoice) -> None:
    """BR-FXEXT-06, -11: a line below another says what it is, and the other is there."""
    every = along(invoice.root.element, (TRANSACTION, LINE))
    known = {plain(text) for line in every for text in texts(line, ID)}
    for line in every:
        if not (above := plain("".join(texts(line, PARENT)))):
            continue
        if not any(texts(line, STATUS)):
            fail(invoice, "BR-FXEXT-06", line)
        if above not in known:
            fail(invoice, "BR-FXEXT-11", line, found=above)


def groups(invoice: Invoice) -> None:
    """BR-FXEXT-08, -12: a group that has a net amount sums up what is below it, and the groups below it have one too."""
    every = along(invoice.root.element, (TRANSACTION, LINE))
    below: dict[str, list[Element]] = {}
    for line in every:
        below.setdefault(plain("".join(texts(line, PARENT))), []).append(line)
    for line in every:
        told = texts(line, NET)
        if GROUP not in texts(line, STATUS) or not told:
            continue
        names = texts(line, ID)
        inside = [one for one in below.get(plain("".join(names)), ()) if {DETAIL, GROUP} & set(texts(one, STATUS))]
        expected = _sum(inside)
        if told[0].strip() and (expected is None or decimal(told[0].strip()) != expected):
            fail(invoice, "BR-FXEXT-08", line, found=told[0].strip(), expected="" if expected is None else str(expected))
        of_groups = [one for one in every if GROUP in texts(one, STATUS) and set(names) & set(texts(one, PARENT))]
        if not names or len(of_groups) != sum(len(texts(one, NET)) for one in of_groups):
            fail(invoice, "BR-FXEXT-12", line)


def _sum(lines: list[Element]) -> Decimal | None:
    """To the cent; None where one has no number."""
    found = [decimal((texts(line, NET) or [""])[0].strip()) for line in lines]
    return None if None in found else rounded(sum((one for one in found if one is not None), Decimal(0)))


def reasons(invoice: Invoice) -> None:
    """BR-FXEXT-BR-38, -44: a charge says why."""
    root = invoice.root.element
    for rule, at in (("BR-FXEXT-BR-38", (TRANSACTION, SETTLEMENT, CHARGE)), ("BR-FXEXT-BR-44", (TRANSACTION, LINE, f"{RAM}SpecifiedLineTradeSettlement", CHARGE))):
        for charge in along(root, at):
            if "true" in texts(charge, INDICATOR) and not along(charge, path("Reason")) and not along(charge, path("ReasonCode")):
                fail(invoice, rule, charge)


def notes(invoice: Invoice) -> None:
    """BR-FXEXT-01, -02: a note with a subject says something, in words or as a code."""
    note = f"{RAM}IncludedNote"
    for rule, at in (("BR-FXEXT-01", (f"{{{NAMES['rsm']}}}ExchangedDocument", note)), ("BR-FXEXT-02", (TRANSACTION, LINE, *_DOCUMENT, note))):
        for one in along(invoice.root.element, at):
            if along(one, path("SubjectCode")) and not along(one, _SAYS) and not along(one, _WORDS):
                fail(invoice, rule, one)


def characteristics(invoice: Invoice) -> None:
    """BR-FXEXT-BR-54-1, -54-2, -04: an attribute of an item has a name or a code of the list, and a value or a measure with its unit."""
    known = facturx.lists()["characteristic"]
    for one in invoice.root.element.iter(f"{RAM}ApplicableProductCharacteristic"):
        codes, values, measures = texts(one, SCHEME), along(one, path("Value")), along(one, path("ValueMeasure"))
        if not along(one, path("Description")) and not codes:
            fail(invoice, "BR-FXEXT-BR-54-1", one)
        if measures if values else not any(measure.get("unitCode") for measure in measures):
            fail(invoice, "BR-FXEXT-BR-54-2", one)
        for code in codes:
            if plain(code) not in known:
                fail(invoice, "BR-FXEXT-04", one, found=plain(code))


def registrations(invoice: Invoice) -> None:
    """BR-FXEXT-03: whoever is not the seller has no other registration than for VAT."""
    for registration in invoice.root.element.iter(f"{RAM}SpecifiedTaxRegistration"):
        if next(registration.iterancestors(f"{RAM}SellerTradeParty"), None) is None:
            for one in along(registration, path("ID")):
                if one.get("schemeID") != "VA":
                    fail(invoice, "BR-FXEXT-03", one)


def instants(invoice: Invoice) -> None:
    """BR-FXEXT-CII-DT-097a: a date and time of the format 205 is written as that format says."""
    for one in invoice.root.element.iter(f"{{{NAMES['udt']}}}DateTimeString"):
        if one.get("format") == "205" and not _INSTANT.fullmatch(one.text or ""):
            fail(invoice, "BR-FXEXT-CII-DT-097a", one, found=(one.text or "").strip())


def due(invoice: Invoice) -> None:
    """BR-CO-25: where something is to be paid it is said when, or on which terms."""
    root = invoice.root.element
    amount = decimal(next((one.text or "" for one in root.iter(f"{RAM}DuePayableAmount")), "").strip())
    terms = root.iter(f"{RAM}SpecifiedTradePaymentTerms")
    if amount is not None and amount > 0 and not any(along(one, path(name)) for one in terms for name in ("DueDateDateTime", "Description")):
        fail(invoice, "BR-CO-25", root)


RULES = (
    Rule((*(id_ for ids in facturx.own("extended").vat.values() for id_ in ids.values()), "BR-FXEXT-S-09b"), breakdown),
    Rule(tuple(f"BR-FXEXT-CO-{number}" for number in ("10", "11", "12", "13", "15", "16")), totals),
    Rule(("BR-FXEXT-BR-22", "BR-FXEXT-BR-23", "BR-FXEXT-BR-24", "BR-FXEXT-BR-26", "BR-FXEXT-CO-04"), a_line_to_be_paid),
    Rule(("BR-FXEXT-06", "BR-FXEXT-11"), below_another),
    Rule(("BR-FXEXT-08", "BR-FXEXT-12"), groups),
    Rule(("BR-FXEXT-BR-38", "BR-FXEXT-BR-44"), reasons),
    Rule(("BR-FXEXT-01", "BR-FXEXT-02"), notes),
    Rule(("BR-FXEXT-BR-54-1", "BR-FXEXT-BR-54-2", "BR-FXEXT-04"), characteristics),
    Rule(("BR-FXEXT-03",), registrations),
    Rule(("BR-FXEXT-CII-DT-097a",), instants),
    Rule(("BR-CO-25",), due),
)
