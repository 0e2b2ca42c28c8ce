"""
BR-FR-CPRO: what the French reform wants of an invoice to a structure of Chorus Pro (XP Z12-012, annex A), over the same model as EN 16931.

No official artefact states these rules: tables/en16931/cpro.toml has what is known of them, and docs/rules.md which are not judged, and why.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from lxml import etree
from msgspec import Struct

from flux.tables import cpro
from flux.validators._paths import PREFIXES
from flux.validators.en16931._model import Group, Invoice
from flux.validators.en16931._pattern import steps
from flux.validators.en16931._rules import Rule

NOT_SUPPORTING = frozenset({"130", "50"})  # types of an additional document: the invoiced object; the tender or, of a credit note, the project
NOTE, ACCOUNT = "BT-22", "BT-84"
SIRET_DIGITS = 14
QUOTED = 20  # characters of a text that is too long: enough to know it by, and none has fewer that is

# Where a party says who it is, below its own element: BT-29 and BT-30 of a seller, BT-60 and BT-61 of a payee, in UBL and in CII.
_NAMES = {prefix: name for name, prefix in PREFIXES.items()}
_IDENTIFIERS = (
    "cac:Party/cac:PartyIdentification/cbc:ID", "cac:Party/cac:PartyLegalEntity/cbc:CompanyID",
    "cac:PartyIdentification/cbc:ID", "cac:PartyLegalEntity/cbc:CompanyID",
    "ram:ID", "ram:GlobalID", "ram:SpecifiedLegalOrganization/ram:ID",
)  # fmt: skip


class _Step(Struct):
    """A name on the way to an identifier. rank: of the place that ends there, -1 when none does."""

    rank: int = -1
    below: "dict[str, _Step]" = {}


def _way() -> _Step:
    """The places as one tree of names: what a party has is looked at once, whichever of them it is."""
    start = _Step()
    for rank, place in enumerate(_IDENTIFIERS):
        at = start
        for name in steps(place, _NAMES):
            at = at.below.setdefault(name, _Step())
        at.rank = rank
    return start


_WAY = _way()


@lru_cache(1)
def table() -> cpro.Cpro:
    """The table, read when the first document is judged by it."""
    return cpro.load()


def rules() -> tuple[Rule, ...]:
    """Every rule that is judged, those that are rows first."""
    rows = (Rule(tuple(some), fitting(some), group) for group, some in _by_group(table().longest).items())
    once = (Rule((rule,), at_most_one(rule, term), group) for rule, (group, term) in ((rule, place.split()) for rule, place in table().once.items()))
    return (*rows, *once, *RULES)


def _by_group(longest: Mapping[str, str]) -> dict[str, dict[str, tuple[int, list[str]]]]:
    """{group: {rule: (characters at most, terms)}}."""
    found: dict[str, dict[str, tuple[int, list[str]]]] = {}
    for rule, row in longest.items():
        most, _, places = row.partition(" ")
        for group, term in (place.split() for place in places.split(" | ")):
            found.setdefault(group, {}).setdefault(rule, (int(most), []))[1].append(term)
    return found


def fitting(rows: Mapping[str, tuple[int, list[str]]]) -> Callable[[Invoice, Group], None]:
    """None of these terms is longer than it may be."""
    asked = tuple((rule, most, term) for rule, (most, terms) in rows.items() for term in terms)

    def run(invoice: Invoice, group: Group) -> None:
        for rule, most, term in asked:
            for text in group.terms.get(term, ()):
                if len(text) > most:
                    _fit(invoice, group, rule, most, _counted(term, text.strip()))

    return run


def _fit(invoice: Invoice, group: Group, rule: str, most: int, text: str) -> None:
    if len(text) > most:
        invoice.fail(rule, group, found=f"{text[:QUOTED]}… ({len(text)})", expected=str(most))


def _counted(term: str, text: str) -> str:
    """What counts of a text: a note without the subject that UBL writes before it (#AAI#), an account without the spaces of print."""
    if term == NOTE and text[:1] == text[4:5] == "#":
        return text[5:]
    return text.replace(" ", "") if term == ACCOUNT else text


def at_most_one(rule: str, term: str) -> Callable[[Invoice, Group], None]:
    """One of this term or group stands there at most."""
    def run(invoice: Invoice, group: Group) -> None:
        if (count := len(group.terms.get(term) or group.groups.get(term) or ())) > 1:
            invoice.fail(rule, group, found=str(count))

    return run


def contract(invoice: Invoice) -> None:
    """BR-FR-CPRO-01: the type of the contract (EXT-FR-FE-01), where it is told, is MARCHE or CONTRAT."""
    for text in invoice.root.terms.get("EXT-FR-FE-01", ()):
        if text.strip().upper() not in table().contracts:
            invoice.fail("BR-FR-CPRO-01", invoice.root, found=text.strip(), expected=", ".join(sorted(table().contracts)))


def seller(invoice: Invoice, group: Group) -> None:
    """BR-FR-CPRO-03, -04, -09: a seller has an identifier of one of the six schemes, in its form; one that tells his SIREN tells his SIRET."""
    told, schemes = identifiers(group), table().schemes
    if not any(scheme in schemes.seller for scheme, _ in told):
        invoice.fail("BR-FR-CPRO-03", group, found=", ".join(scheme or "—" for scheme, _ in told) or "—")
    for scheme, text in told:
        form = table().forms.get(scheme)
        if form is not None and not (form.least <= len(text) <= form.most and _digits(text[: form.digits])):
            invoice.fail("BR-FR-CPRO-04", group, found=f"{text[:QUOTED]} ({scheme}, {len(text)})", expected=f"{form.least} – {form.most}")
    _established(invoice, group, told, "BR-FR-CPRO-09")


def payee(invoice: Invoice, group: Group) -> None:
    """BR-FR-CPRO-17: a payee who tells his SIREN tells his SIRET."""
    _established(invoice, group, identifiers(group), "BR-FR-CPRO-17")


def _established(invoice: Invoice, group: Group, told: Sequence[tuple[str, str]], rule: str) -> None:
    """With a SIREN goes a SIRET. AIFE's examples write one under the scheme of the SIREN: it is told by its fourteen digits."""
    schemes = table().schemes
    sirens = [text for scheme, text in told if scheme == schemes.siren]
    if sirens and not any(scheme in schemes.siret for scheme, _ in told) and not any(len(text) == SIRET_DIGITS and _digits(text) for text in sirens):
        invoice.fail(rule, group, found=sirens[0])


def identifiers(party: Group) -> list[tuple[str, str]]:
    """Each identifier of a party: its scheme, "" where it tells none, and itself. Chorus Pro's UBL says its types 1 to 7 as a name (domain 4.4)."""
    found: list[tuple[int, etree._Element]] = []
    _gather(party.element, _WAY, found)
    found.sort(key=itemgetter(0))  # as the places are listed, and of one place as the document has them
    return [((one.get("schemeID") or one.get("schemeName") or "").strip(), (one.text or "").strip()) for _, one in found]


def _gather(element: etree._Element, at: _Step, found: list[tuple[int, etree._Element]]) -> None:
    for child in element[:]:  # type: ignore[index]  # a list, as in the walk
        if (step := at.below.get(child.tag)) is not None:
            if step.rank >= 0:
                found.append((step.rank, child))
            _gather(child, step, found)


def _digits(text: str) -> bool:
    return text.isascii() and (not text or text.isdigit())


def cadre(invoice: Invoice) -> None:
    """BR-FR-CPRO-24: the cadre (BT-23) is not S5: a subcontractor who is paid directly sends an S3."""
    headers = (invoice.root, *invoice.all("context"))  # of CII it is a group of its own
    if any(text.strip() == table().direct for header in headers for text in header.terms.get("BT-23", ())):
        invoice.fail("BR-FR-CPRO-24", invoice.root, found=table().direct)


def supporting(invoice: Invoice, group: Group) -> None:
    """BR-FR-CPRO-30: the reference of a supporting document (BT-122) is not too long."""
    if NOT_SUPPORTING.isdisjoint(group.terms.get("type", ())):
        for text in group.terms.get("BT-122", ()):
            _fit(invoice, group, "BR-FR-CPRO-30", table().reference, text.strip())


RULES = (
    Rule(("BR-FR-CPRO-01",), contract),
    Rule(("BR-FR-CPRO-03", "BR-FR-CPRO-04", "BR-FR-CPRO-09"), seller, "BG-4"),
    Rule(("BR-FR-CPRO-17",), payee, "BG-10"),
    Rule(("BR-FR-CPRO-24",), cadre),
    Rule(("BR-FR-CPRO-30",), supporting, "BG-24"),
)
