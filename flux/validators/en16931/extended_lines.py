"""The rules of Factur-X EXTENDED about its lines, which may be groups of lines and notes, and about single elements (BR-FXEXT)."""

import re
from decimal import Decimal

from flux.tables import facturx
from flux.validators.en16931._model import Invoice, decimal, rounded
from flux.validators.en16931._rules import Rule
from flux.validators.en16931.cii import NAMES, RAM
from flux.validators.en16931.extended import breakdown, totals
from flux.validators.en16931.extended_view import DETAIL, GROUP, INDICATOR, Line, along, fail, path, plain, seen, texts

_INSTANT = re.compile(r"\s*\d{4}(1[0-2]|0[1-9])(3[01]|[12][0-9]|0[1-9])([01][0-9]|2[0-3])[0-5][0-9]\s*")
_SUBJECT, _SAYS, _WORDS, _CODE = path("SubjectCode"), path("ContentCode"), path("Content"), path("TypeCode")
_NOTE = f"{RAM}IncludedNote"


def a_line_to_be_paid(invoice: Invoice) -> None:
    """BR-FXEXT-BR-22, -23, -24, -26, -CO-04: a line that counts has quantity, unit, net amount, price and a category of VAT."""
    for line in seen(invoice).counting():
        if line.document is None:
            continue
        for rule, kept in (
            ("BR-22", line.quantities), ("BR-23", any(one.get("unitCode") is not None for one in line.quantities)), ("BR-24", line.nets), ("BR-26", line.prices),
            ("CO-04", any("VAT" in tax.schemes for tax in line.taxes) and any(tax.of_vat and tax.codes for tax in line.taxes)),
        ):  # fmt: skip
            if not kept:
                fail(invoice, f"BR-FXEXT-{rule}", line.element)


def below_another(invoice: Invoice) -> None:
    """BR-FXEXT-06, -11: a line below another says what it is, and the other is there."""
    lines = seen(invoice).lines
    known = {plain(text) for line in lines for text in line.ids}
    for line in lines:
        if line.parent and not any(line.status):
            fail(invoice, "BR-FXEXT-06", line.element)
        if line.parent and line.parent not in known:
            fail(invoice, "BR-FXEXT-11", line.element, found=line.parent)


def groups(invoice: Invoice) -> None:
    """BR-FXEXT-08, -12: a group that has a net amount sums up what is below it, and the groups below it have one too."""
    lines = seen(invoice).lines
    if not any(GROUP in line.status for line in lines):
        return
    below: dict[str, list[Line]] = {}
    for line in lines:
        below.setdefault(line.parent, []).append(line)
    for line in lines:
        told = (line.nets[0].text or "").strip() if line.nets else ""
        if GROUP not in line.status or not line.nets:
            continue
        inside = [one for one in below.get(plain("".join(line.ids)), ()) if {DETAIL, GROUP} & set(one.status)]
        expected = _sum(inside)
        if told and (expected is None or decimal(told) != expected):
            fail(invoice, "BR-FXEXT-08", line.element, found=told, expected="" if expected is None else str(expected))
        of_groups = [one for one in inside if GROUP in one.status]
        if not line.ids or len(of_groups) != sum(len(one.nets) for one in of_groups):
            fail(invoice, "BR-FXEXT-12", line.element)


def _sum(lines: list[Line]) -> Decimal | None:
    """To the cent; None where one has no number."""
    found = [decimal((line.nets[0].text or "").strip()) if line.nets else None for line in lines]
    return None if None in found else rounded(sum((one for one in found if one is not None), Decimal(0)))


def reasons(invoice: Invoice) -> None:
    """BR-FXEXT-BR-38, -44: a charge says why."""
    known = seen(invoice)
    of_lines = [charge for line in known.lines for charge in line.charges if "true" in texts(charge, INDICATOR)]
    for rule, charges in (("BR-FXEXT-BR-38", known.saying("true")), ("BR-FXEXT-BR-44", of_lines)):
        for charge in charges:
            if not along(charge, path("Reason")) and not along(charge, path("ReasonCode")):
                fail(invoice, rule, charge)


def notes(invoice: Invoice) -> None:
    """BR-FXEXT-01, -02: a note with a subject says something, in words or as a code."""
    known = seen(invoice)
    of_lines = [note for line in known.lines if line.document is not None for note in line.document.iterchildren(_NOTE)]
    of_document = along(known.root, (f"{{{NAMES['rsm']}}}ExchangedDocument", _NOTE))
    for rule, notes_ in (("BR-FXEXT-01", of_document), ("BR-FXEXT-02", of_lines)):
        for one in notes_:
            if along(one, _SUBJECT) and not along(one, _SAYS) and not along(one, _WORDS):
                fail(invoice, rule, one)


def characteristics(invoice: Invoice) -> None:
    """BR-FXEXT-BR-54-1, -54-2, -04: an attribute of an item has a name or a code of the list, and a value or a measure with its unit."""
    known = facturx.lists()["characteristic"]
    for one in invoice.root.element.iter(f"{RAM}ApplicableProductCharacteristic"):
        codes, values, measures = texts(one, _CODE), along(one, path("Value")), along(one, path("ValueMeasure"))
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
