"""A document held against every rule: walked once, asked once."""

import gc
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain

from lxml import etree

from flux.tables import facturx as tables
from flux.tables.rulesets import CPRO, EN16931, FACTURX
from flux.validators.en16931 import charges, facturx, terms, totals, vat
from flux.validators.en16931._bound import VAT, Bound
from flux.validators.en16931._model import AMBIGUOUS, Failure, Group, Invoice, UnreadableError
from flux.validators.en16931._rules import Rule, rows
from flux.validators.en16931._walk import Walker

UNREADABLE = "FLX-E01"  # a value that is no number or no day where a rule reckons with one
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})


class Asked:
    """The rules of a set that hold in one syntax, by what each is asked of: a group of some name, the invoice, the invoice that names a category of VAT."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: Sequence[Rule] = list(rules)
        self._whole = runs(rule for rule in self.rules if not rule.of and not rule.category)
        self._each = {name: runs(rule for rule in self.rules if rule.of == name) for name in {rule.of for rule in self.rules if rule.of}}
        named = dict.fromkeys(rule.category for rule in self.rules if rule.category and not rule.of)
        self._category = {code: runs(rule for rule in self.rules if rule.category == code and not rule.of) for code in named}

    def ask(self, invoice: Invoice, unread: set[tuple[int, str]]) -> None:
        """Every rule, each of what it is asked of."""
        for name, groups in invoice.every.items():
            if name in self._each:
                _ask_each(invoice, self._each[name], groups, unread)
        used = vat.view(invoice).used if self._category else ()
        _ask(invoice, chain(self._whole, *(some for code, some in self._category.items() if code in used)), unread)


class Judge:
    """The rules of one syntax, ready: those of EN 16931, and beside them other sets by their identity."""

    def __init__(self, bound: Bound, rules: Sequence[Rule], others: Mapping[str, Sequence[Rule]]) -> None:
        self._syntax, self._names, self._vat = bound.syntax, bound.names, bound.vat
        self._walkers: dict[str, Walker] = {}  # by the profile of Factur-X whose own rules are asked, "" for none
        own = [rule for rule in chain(rows(bound.table, bound.names), rules) if bound.syntax.name in rule.syntaxes]
        self.sets = {EN16931: Asked(own)} | {name: Asked(some) for name, some in others.items()}
        self.ids = {name: frozenset(id_ for rule in asked.rules for id_ in rule.ids if id_) for name, asked in self.sets.items()}
        self.ids[EN16931] |= bound.ids
        self._single = {tuple(place.split()) for place in bound.table.single}

    def judge(self, root: etree._Element, own: str, sets: Container[str]) -> tuple[Failure, ...]:
        """Everything that is wrong with a document by the rules of EN 16931, of a profile of Factur-X and, of the others, of these sets."""
        with _uncollected():
            return self._judged(root, own, sets)

    def _walker(self, own: str) -> Walker:
        made = self._walkers[own] = Walker(facturx.asked(own, self._syntax, self._names) if own else self._syntax)
        return made

    def _judged(self, root: etree._Element, own: str, sets: Container[str]) -> tuple[Failure, ...]:
        invoice = (self._walkers.get(own) or self._walker(own)).walk(root)
        _settle(invoice, self._vat)
        for group, term in invoice.repeated:
            if (group.name, term) in self._single:
                invoice.fail(AMBIGUOUS, group, term=term)
        unread: set[tuple[int, str]] = set()
        for name, asked in self.sets.items():
            if name == EN16931 or name in sets:
                asked.ask(invoice, unread)
        _ask(invoice, runs(more_of(own)), unread)
        invoice.release()
        return tuple(invoice.failures)


def more_of(own: str) -> Sequence[Rule]:
    """The rules of a profile of Factur-X that no row holds."""
    if own != "extended":
        return ()
    from flux.validators.en16931 import extended_lines  # late: most processes judge none of it

    return extended_lines.RULES


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: it would go through the groups of 10,000 lines again and again while they are made, and release() leaves it none."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def runs(rules: Iterable[Rule]) -> list[Callable[..., None]]:
    """What is called of each."""
    return [rule.run for rule in rules]


def _ask(invoice: Invoice, some: Iterable[Callable[..., None]], unread: set[tuple[int, str]]) -> None:
    """
    Rules of the invoice. A value that cannot be read is a finding, once, and the other rules are asked.

    Whatever else a rule raises is a bug of ours, and goes up to the net of whoever judges: the piece is not evaluated, and never accepted.
    """
    for run in some:
        try:
            run(invoice)
        except UnreadableError as error:
            _tell(invoice, error, unread)


def _ask_each(invoice: Invoice, some: Iterable[Callable[..., None]], groups: Sequence[Group], unread: set[tuple[int, str]]) -> None:
    """Rules of a group, each of every such group."""
    for run in some:
        for group in groups:
            try:
                run(invoice, group)
            except UnreadableError as error:
                _tell(invoice, error, unread)


def _tell(invoice: Invoice, error: UnreadableError, unread: set[tuple[int, str]]) -> None:
    if (key := (id(error.group), error.term)) not in unread:
        unread.add(key)
        invoice.fail(UNREADABLE, error.group, found=error.text, term=error.term)


def _settle(invoice: Invoice, vat: Mapping[str, str]) -> None:
    """What groups are: charge or allowance, of VAT or not, of which category. *vat*: as in Bound."""
    for name in ("AC", "LAC", "PAC"):
        for group in invoice.all(name):
            said = (group.first("indicator") or "").strip()
            group.charge = True if said in _TRUE else False if said in _FALSE else None
    for name, scheme in vat.items():
        for group in invoice.all(name):
            schemes = group.terms.get("scheme")
            group.vat = schemes is not None and (scheme in schemes or (scheme == VAT and any(text.strip().upper() == VAT for text in schemes)))
            codes = group.terms.get("code")
            group.code = codes[0].strip() if codes else ""


_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_CII = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
SYNTAXES = {f"{{{_UBL}Invoice-2}}Invoice": "UBL", f"{{{_UBL}CreditNote-2}}CreditNote": "UBL", f"{{{_CII}}}CrossIndustryInvoice": "CII"}


@lru_cache(2)
def judge_of(syntax: str) -> Judge:
    """The rules of a syntax. Late: its table has a thousand rows, and most processes judge nothing."""
    from flux.validators.en16931 import cpro

    others = {CPRO: cpro.rules()}
    if syntax == "CII":
        from flux.validators.en16931 import cii, cii_vat

        return Judge(cii.BOUND, (*terms.RULES, *totals.RULES, *charges.RULES, *vat.RULES, *cii_vat.RULES, *cii.RULES), others)
    from flux.validators.en16931 import ubl

    return Judge(ubl.BOUND, (*terms.RULES, *totals.RULES, *charges.RULES, *vat.RULES, *ubl.RULES), others)


def syntax_of(root: etree._Element) -> str:
    """UBL, CII, or "" for what EN 16931 has no rules for."""
    return SYNTAXES.get(str(root.tag), "")


def rules_of(syntax: str, name: str = EN16931) -> frozenset[str]:
    """Every id of a set that is judged in a syntax."""
    if name == FACTURX:
        return tables.every() if syntax == "CII" else frozenset()
    return judge_of(syntax).ids[name]


def judge(root: etree._Element, own: str = "", sets: Container[str] = ()) -> tuple[Failure, ...] | None:
    """
    Everything that is wrong with a document by EN 16931, and by these sets beside it; None when EN 16931 has no rules for what it is.

    own: the profile of Factur-X whose own rules are asked too (``tables.facturx.PROFILES``), of a CII document.
    """
    syntax = syntax_of(root)
    return judge_of(syntax).judge(root, own, sets) if syntax else None
